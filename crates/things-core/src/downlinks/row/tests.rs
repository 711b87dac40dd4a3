//! Rows as people write them, and as spreadsheets leave them.

use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::*;
use crate::operation::Operation as _;

const EUI: &str = "0059AC0000181EB6";
const MILLIS: u64 = 0x017F_22E2_79B0;

fn row<'a>(cells: &[(&str, &'a str)]) -> Row<'a> {
    let mut row = Row::new();
    cells.iter().for_each(|(column, text)| row.set(column.parse().unwrap(), *text));
    row
}

fn item(cells: &[(&str, &str)]) -> BulkItem {
    row(cells).item(MILLIS, 7).unwrap()
}

/// All mistakes of a row, and its hints.
fn mistakes(cells: &[(&str, &str)]) -> Vec<(String, Option<&'static str>)> {
    let error = row(cells).item(MILLIS, 7).unwrap_err();
    error.mistakes().iter().map(|mistake| (mistake.to_string(), mistake.advice())).collect()
}

/// The only mistake of a row that is right apart from these cells.
fn mistake(cells: &[(&str, &str)]) -> (String, Option<&'static str>) {
    let mut all = vec![("dev_eui", EUI), ("port", "1"), ("hex", "0102")];
    all.extend(cells);
    let mut mistakes = mistakes(&all);
    assert_eq!(mistakes.len(), 1, "{mistakes:?}");
    mistakes.remove(0)
}

fn body(item: &BulkItem) -> String {
    String::from_utf8(item.downlink.encode().unwrap().body.to_vec()).unwrap()
}

#[test]
fn a_row_is_a_downlink_with_what_applies_to_it_alone() {
    let cells = [
        ("DevEUI", "00-59-ac-00-00-18-1e-b6"),
        ("Port", "10"),
        ("hex", "0x01 0x02"),
        ("reference", "valve-42"),
        ("not after", "2026-01-31T09:30:00+01:00"),
        ("customer", "c-1"),
    ];
    let item = item(&cells);
    assert_eq!(body(&item), r#"[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","n":"payloadHex","vs":"0102"}]"#);
    assert_eq!(item.downlink.lora_port().map(FPort::number), Some(10));
    assert_eq!(item.downlink.reference().map(ExternalReference::as_str), Some("valve-42"));
    assert_eq!(item.not_after, Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_769_848_200)));
    assert_eq!(item.customer.as_ref().map(CustomerId::as_str), Some("c-1"));
}

#[test]
fn each_form_of_the_content_is_sent_as_its_bytes() {
    for (content, hex) in [
        (("hex", "0102FF"), "0102ff"),
        (("base64", "AQL/"), "0102ff"),
        (("base64", "AQL_"), "0102ff"),
        (("text", "é!"), "c3a921"),
        (("text", " a "), "206120"),
        (("text", "'quoted'"), "2771756f74656427"),
    ] {
        let item = item(&[("dev_eui", EUI), ("port", "1"), content]);
        assert!(body(&item).contains(&format!(r#""vs":"{hex}""#)), "{content:?}: {}", body(&item));
    }
}

#[test]
fn records_go_to_any_device_and_keep_their_digits() {
    let records = r#"[{"n":"setpoint","v":21.50}]"#;
    let imei = item(&[("urn", "urn:dev:IMEI:490154203237518:"), ("senml", records)]);
    assert_eq!(body(&imei), r#"[{"bn":"urn:dev:IMEI:490154203237518:","n":"setpoint","v":21.50}]"#);
    assert_eq!(imei.downlink.lora_port(), None);
    let lora = item(&[("dev_eui", EUI), ("port", "3"), ("senml", records)]);
    assert_eq!(lora.downlink.lora_port().map(FPort::number), Some(3));
    let payload = item(&[("urn", "urn:dev:DEVEUI:0059ac0000181eb6:"), ("port", "3"), ("hex", "01")]);
    assert!(body(&payload).contains("0059AC0000181EB6"));
}

#[test]
fn empty_cells_are_absent_and_spaces_around_values_are_ignored() {
    let item = item(&[
        ("dev_eui", " 0059AC0000181EB6\u{a0}"),
        ("urn", ""),
        ("port", " 1"),
        ("hex", "01 "),
        ("text", "  "),
        ("senml", ""),
        ("reference", " valve-42 "),
        ("not_after", " "),
        ("customer", "\t"),
    ]);
    assert_eq!((item.customer, item.not_after), (None, None));
    assert_eq!(item.downlink.reference().map(ExternalReference::as_str), Some("valve-42"));
}

#[test]
fn a_reference_is_generated_where_there_is_none() {
    let item = item(&[("dev_eui", EUI), ("port", "1"), ("hex", "01")]);
    let reference = item.downlink.reference().map(ToString::to_string);
    assert_eq!(reference, Some(ExternalReference::generate(MILLIS, 7).to_string()));
}

#[test]
fn all_mistakes_of_a_row_are_reported_at_once() {
    let found = mistakes(&[
        ("dev_eui", "0059AC"),
        ("port", "224"),
        ("hex", "0102g"),
        ("reference", "a\tb"),
        ("not_after", "2026-01-31T09:30:00"),
        ("customer", "a/b"),
    ]);
    let found: Vec<_> = found.into_iter().map(|(text, _)| text).collect();
    assert_eq!(
        found,
        [
            "dev_eui \"0059AC\": DevEUI has 6 hex digits: expected 16 hex digits, such as 0059AC0000181EB6",
            "port \"224\": FPort 224 is the test port: applications have 1 to 223",
            "hex: payload has 'g' at position 5: expected two hex digits per byte, such as 0102ff",
            "reference \"a\\tb\": external reference has a tab (U+0009) at position 2, which cannot be seen: type the value",
            "not_after: time is \"2026-01-31T09:30:00\", which names no time zone: add Z for UTC, or an offset such as +02:00",
            "customer \"a/b\": customer id contains '/', which an id cannot contain: copy only the id",
        ]
    );
    let nothing: Vec<_> = mistakes(&[]).into_iter().map(|(text, _)| text).collect();
    assert_eq!(
        nothing,
        [
            "there is no device: fill in dev_eui or urn",
            "there is no content: fill in one of hex, base64, text and senml"
        ]
    );
}

#[test]
fn a_row_names_one_device_and_one_content() {
    assert_eq!(mistake(&[("urn", "urn:dev:IMEI:1:")]).0, "dev_eui and urn are both filled in: keep one");
    assert_eq!(mistake(&[("text", "a")]).0, "hex and text are both filled in: keep one");
    assert_eq!(mistake(&[("port", "")]).0, "port: is empty: a payload needs a port from 1 to 223");
    let imei = [("dev_eui", ""), ("urn", "urn:dev:IMEI:490154203237518:")];
    assert_eq!(
        mistake(&imei).0,
        "urn \"urn:dev:IMEI:490154203237518:\": has no DevEUI, and only senml goes to other devices"
    );
    let another = [("hex", ""), ("senml", r#"[{"bn":"urn:dev:IMEI:490154203237518:","n":"a"}]"#)];
    assert!(mistake(&another).0.starts_with("senml: SenML record 1 is about another device than"));
}

#[test]
fn records_are_checked_although_their_device_is_wrong() {
    let records = |json| mistakes(&[("dev_eui", "1"), ("senml", json)]).len();
    assert_eq!((records("{}"), records(r#"[{"n":"a"}]"#)), (2, 1));
}

#[test]
fn a_dev_eui_that_a_spreadsheet_changed_is_refused_and_never_repaired() {
    for text in ["5.9E+13", "5,9E+13", "5.9e+013", "5E+13", "5.9E13"] {
        let (message, hint) = mistake(&[("dev_eui", text)]);
        assert_eq!(
            message,
            format!(
                "dev_eui \"{text}\": is a number in scientific notation, so digits of the DevEUI are lost"
            )
        );
        assert_eq!(hint, Some(FORMAT_AS_TEXT));
    }
    for text in ["59000000181186", "1", "590000001811860"] {
        let (message, hint) = mistake(&[("dev_eui", text)]);
        assert!(message.contains("hex digit"), "{message}");
        assert_eq!(hint, Some(LOST_ZEROS), "{text}");
    }
    for text in ["59.000.000.181.186", "59000000181186,00", "59000000181186.0"] {
        let (message, hint) = mistake(&[("dev_eui", text)]);
        assert!(message.contains("is a formatted number"), "{message}");
        assert_eq!(hint, Some(FORMAT_AS_TEXT), "{text}");
    }
    assert_eq!(mistake(&[("dev_eui", "'0059AC0000181EB6")]).1, Some(APOSTROPHE));
    // Digits and one E are a DevEUI if there are 16 of them.
    item(&[("dev_eui", "00000000590000E1"), ("port", "1"), ("hex", "01")]);
    assert_eq!(mistake(&[("dev_eui", "0059AC0000181EB")]).1, None);
}

#[test]
fn a_payload_that_a_spreadsheet_changed_is_refused_and_never_repaired() {
    for (text, hint) in [
        ("1E+05", Some(FORMAT_AS_TEXT)),
        ("1,02E+15", Some(FORMAT_AS_TEXT)),
        ("102.0", Some(FORMAT_AS_TEXT)),
        ("102", Some(LOST_ZEROS)),
        ("1E5", Some(LOST_ZEROS)),
        ("1:02:03", Some(FORMAT_DATE_AS_TEXT)),
        ("2-jan", Some(FORMAT_DATE_AS_TEXT)),
        ("1-2-2026", Some(FORMAT_DATE_AS_TEXT)),
        ("'0102", Some(APOSTROPHE)),
        ("AQL/", Some("put base64 into the column base64, and a text into the column text")),
        ("open", Some("put base64 into the column base64, and a text into the column text")),
        ("0102f", None),
        ("01 2g", None),
    ] {
        let (message, found) = mistake(&[("hex", text)]);
        assert!(message.starts_with("hex: payload "), "{message}");
        assert_eq!(found, hint, "{text}");
    }
    assert_eq!(mistake(&[("hex", ""), ("base64", "01:02")]).1, Some("put hex into the column hex"));
    assert_eq!(mistake(&[("hex", ""), ("base64", "'AQI=")]).1, Some(APOSTROPHE));
}

#[test]
fn values_in_the_wrong_column_are_refused_with_the_right_one() {
    assert_eq!(
        mistake(&[("dev_eui", "urn:dev:DEVEUI:0059AC0000181EB6:")]).1,
        Some("put a URN into the column urn")
    );
    assert_eq!(mistake(&[("dev_eui", ""), ("urn", EUI)]).1, Some("put a DevEUI into the column dev_eui"));
    assert_eq!(mistake(&[("port", "'1")]).1, Some(APOSTROPHE));
    assert!(mistake(&[("port", "1.0")]).0.contains("is not a number from 1 to 223"));
}

#[test]
fn columns_are_known_by_their_names_and_others_are_refused_with_the_nearest() {
    for column in RowColumn::ALL {
        assert_eq!(column.as_str().to_uppercase().parse(), Ok(column));
        assert_eq!(column.as_str().replace('_', " ").parse(), Ok(column));
    }
    assert_eq!("devEui".parse(), Ok(RowColumn::DevEui));
    for (text, message) in [
        ("dev_eiu", "column \"dev_eiu\" is not known: did you mean dev_eui?"),
        ("eui", "column \"eui\" is not known: did you mean dev_eui?"),
        ("payload", "column \"payload\" is not known: did you mean hex?"),
        ("Client ID", "column \"Client ID\" is not known: did you mean customer?"),
        ("refrence", "column \"refrence\" is not known: did you mean reference?"),
        (
            "colour",
            "column \"colour\" is not known: known are dev_eui, urn, port, hex, base64, text, senml, reference, not_after, \
             customer",
        ),
    ] {
        assert_eq!(text.parse::<RowColumn>().unwrap_err().to_string(), message);
    }
}

#[test]
fn no_message_shows_the_content() {
    let secret = "s3cret";
    for column in ["hex", "base64", "senml"] {
        let cells = [("dev_eui", EUI), ("port", "1"), (column, secret)];
        let error = row(&cells).item(MILLIS, 7).unwrap_err();
        assert!(!format!("{error} {error:?} {:?}", row(&cells)).contains(secret), "{error:?}");
    }
    let long = "1".repeat(1000);
    assert!(mistake(&[("dev_eui", &long)]).0.len() < 300);
    assert_eq!(format!("{:?}", row(&[("text", "a"), ("port", "1")])), "{Port, Text}");
}

#[test]
fn an_error_shows_all_mistakes_and_hints_in_one_line() {
    let error = row(&[("dev_eui", "'1"), ("port", "0"), ("hex", "01")]).item(0, 0).unwrap_err().to_string();
    assert!(error.contains(&format!("({APOSTROPHE}); port \"0\": FPort 0 is for MAC commands")), "{error}");
}

proptest! {
    #[test]
    fn any_text_in_any_cell_is_an_item_or_an_error(cells in proptest::collection::vec(cell(), 0..12)) {
        let mut row = Row::new();
        for (column, text) in &cells {
            row.set(*column, text.as_str());
        }
        match row.item(MILLIS, 7) {
            Ok(item) => {
                prop_assert!(item.downlink.encode().is_ok() && item.device().is_some());
                prop_assert!(item.downlink.reference().is_some());
            }
            Err(error) => prop_assert!(!error.mistakes().is_empty() && !error.to_string().contains('\n')),
        }
    }

    #[test]
    fn any_name_is_a_column_or_an_error(text in "\\PC{0,40}") {
        let _ = text.parse::<RowColumn>();
    }
}

/// A column with a text that is right, nearly right, or anything.
fn cell() -> impl Strategy<Value = (RowColumn, String)> {
    let right = prop_oneof![
        Just((RowColumn::DevEui, EUI.to_owned())),
        Just((RowColumn::Port, "1".to_owned())),
        Just((RowColumn::Hex, "0102".to_owned())),
        Just((RowColumn::Senml, r#"[{"n":"a","v":1}]"#.to_owned())),
        Just((RowColumn::NotAfter, "2026-01-31T09:30:00Z".to_owned())),
        Just((RowColumn::Urn, "urn:dev:IMEI:490154203237518:".to_owned())),
    ];
    let any = (0..RowColumn::ALL.len(), "(?s)[0-9eE+.,:'\\[\\]{}\"-]{0,12}|.{0,20}");
    prop_oneof![3 => right, 1 => any.prop_map(|(place, text)| (RowColumn::ALL[place], text))]
}
