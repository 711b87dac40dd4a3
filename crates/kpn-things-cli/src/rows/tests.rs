//! Files as spreadsheets and programs write them, and as people break them.

use std::fmt::Write as _;
use std::io::Write as _;

use proptest::prelude::*;
use tempfile::NamedTempFile;

use super::*;

const EUI: &str = "0059AC0000181EB6";
const OTHER: &str = "0059AC0000181EB7";

fn file(bytes: impl AsRef<[u8]>) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(bytes.as_ref()).unwrap();
    file
}

fn read(file: &NamedTempFile) -> Result<BulkFile, String> {
    read_as(file, None)
}

/// Reads a file. The error has no path, so that it is the same everywhere.
fn read_as(file: &NamedTempFile, format: Option<InputFormat>) -> Result<BulkFile, String> {
    let path = file.path().to_str().unwrap();
    BulkFile::read(path, format).map_err(|failure| match failure {
        Failure::Usage(message) | Failure::Local(message) => message.replace(path, "valves.csv"),
        other => panic!("{other:?}"),
    })
}

fn refused(bytes: impl AsRef<[u8]>) -> String {
    read(&file(bytes)).err().unwrap()
}

/// The downlinks of a file: line, device, port and records.
fn downlinks(bytes: impl AsRef<[u8]>) -> Vec<String> {
    let file = file(bytes);
    let mut read = read(&file).unwrap();
    let lines: Vec<_> = read.lines().collect();
    let count = read.count;
    let items: Vec<_> = read.items().map(Result::unwrap).collect();
    assert_eq!((lines.len() as u64, items.len() as u64), (count, count));
    let shown = lines.iter().zip(&items).map(|(line, item)| {
        let downlink = &item.downlink;
        let port = downlink.lora_port().map(|port| format!(":{port}")).unwrap_or_default();
        let record = downlink.pack().as_json().split_once(r#""n":"#).unwrap().1.to_owned();
        format!("{line} {}{port} {record}", downlink.device().unwrap().canonical())
    });
    shown.collect()
}

fn utf_16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(order).collect()
}

/// A table with one row, which every format can hold.
fn table(delimiter: &str, line_end: &str) -> String {
    let header = ["DevEUI", "Port", "Text", "Reference"].join(delimiter);
    let row = [EUI, "1", "caf\u{e9}", "Hal 3"].join(delimiter);
    format!("{header}{line_end}{row}{line_end}")
}

const CAFE: &str = r#"2 urn:dev:DEVEUI:0059AC0000181EB6:1 "payloadHex","vs":"636166c3a9"}]"#;

#[test]
fn what_spreadsheets_write_is_read() {
    for (program, bytes) in [
        ("Excel in the Netherlands, CSV UTF-8", format!("\u{FEFF}{}", table(";", "\r\n")).into_bytes()),
        ("Excel in the US, CSV UTF-8", format!("\u{FEFF}{}", table(",", "\r\n")).into_bytes()),
        ("Excel, Unicode Text", utf_16(&format!("\u{FEFF}{}", table("\t", "\r\n")), u16::to_le_bytes)),
        ("UTF-16, big-endian", utf_16(&format!("\u{FEFF}{}", table("\t", "\r\n")), u16::to_be_bytes)),
        ("LibreOffice", table(",", "\n").into_bytes()),
        ("LibreOffice, all texts in quotes", {
            let text = table("\",\"", "\"\n\"");
            format!("\"{}", text.strip_suffix('"').unwrap()).into_bytes()
        }),
        ("an old Mac", table(";", "\r").into_bytes()),
        ("no line end at the end", table(",", "\n").trim_end().into()),
    ] {
        assert_eq!(downlinks(&bytes), [CAFE], "{program}");
    }
    let declared = format!("sep=|\r\n{}", table("|", "\r\n"));
    assert_eq!(downlinks(declared), [CAFE.replacen('2', "3", 1)]);
}

#[test]
fn a_code_page_a_workbook_and_other_bytes_are_refused_with_the_way_out() {
    let code_page: Vec<u8> = table(";", "\r\n").chars().map(|char| char as u8).collect();
    let mut report = String::new();
    for (what, bytes) in [
        ("Excel, CSV (MS-DOS)", code_page),
        ("UTF-16 without a mark", utf_16(&table(";", "\r\n"), u16::to_le_bytes)),
        ("half of UTF-16", b"\xFF\xFEd\0e".to_vec()),
        ("half of a surrogate pair", b"\xFF\xFE\x3D\xD8d\0".to_vec()),
        ("a workbook", b"PK\x03\x04...".to_vec()),
        ("an old workbook", b"\xD0\xCF\x11\xE0...".to_vec()),
        ("gzip", b"\x1F\x8B\x08...".to_vec()),
        ("NDJSON in a code page", b"{\"dev_eui\":\"\xE9\"}\n".to_vec()),
    ] {
        writeln!(report, "# {what}\n{}\n", refused(bytes)).unwrap();
    }
    insta::assert_snapshot!("bytes_that_are_no_text", report);
}

#[test]
fn a_header_is_known_by_its_names_and_anything_else_is_refused() {
    let mut report = String::new();
    for (what, text) in [
        ("empty", ""),
        ("blank lines", "\r\n\n"),
        ("no header", "0059AC0000181EB6;1;0102\n"),
        ("no header, as our own listing writes it", "\"=\"\"0059AC0000181EB6\"\"\",1,01\n"),
        ("unknown columns", "eui,fport,payload,colour\n"),
        ("a column twice", "dev_eui,Dev EUI,port,hex\n"),
        ("no device", "port,hex\n"),
        ("no content", "dev_eui,port\n"),
        ("no port", "dev_eui,hex\n"),
        ("another delimiter", "dev_eui|port|hex\n"),
        ("no rows", "dev_eui,port,hex\n\n,,\n"),
    ] {
        writeln!(report, "# {what}\n{}\n", refused(text)).unwrap();
    }
    insta::assert_snapshot!("headers", report);
}

#[test]
fn all_mistakes_of_a_file_are_reported_at_once() {
    let csv = "\
dev_eui;urn;port;hex;base64;senml;reference;not_after;customer;
0059AC0000181EB6;;1;0102;;;valve-1;;;
5,9E+13;;1;0102;;;valve-2;;;
59000000181186;;1;102;;;valve-1;;;

;;;;;;;;;
0059AC0000181EB6;urn:dev:IMEI:490154203237518:;0;1E+05;;;valve-3;2026-01-31 09:30;a/b;
0059AC0000181EB6;;1;01;
'0059AC0000181EB6;;1;;AQI=;\"[{\"\"n\"\":1}]\";valve-3;;;
0059AC0000181EB6;;1;01;;;;;;;more
0059AC0000181EB6;;1;01;;;;;;;
0059AC0000181EB6;;1;01;;;;;;comment
0059AC0000181EB6;;1;\"01;;
;;;2;;;;;;
";
    let ndjson = r#"{"dev_eui":"0059AC0000181EB6","port":1,"hex":"01","reference":"valve-1"}
{"dev_eui":59000000181186,"port":"1","hex":102,"reference":7}
{"dev_eui":"0059AC0000181EB6","port":1.0,"hex":"01","text":null}
{"dev_eui":"0059AC0000181EB6","dev_eui":"0059AC0000181EB7","port":true,"hex":["01"],"customer":{}}
{"eui":"0059AC0000181EB6","port":1,"senml":{"n":"a"}}

{"dev_eui":"0059AC0000181EB6","port":1,"hex":"01"
{"dev_eui":"0059AC0000181EB6" "port":1}
"0059AC0000181EB6"
{"urn":"urn:dev:IMEI:490154203237518:","senml":[{"n":"a","v":1}],"reference":"valve-1"}
{"dev_eui":"0059AC0000181EB6","port":1,"text":"\ud83d"}
"#;
    insta::assert_snapshot!(
        "mistakes",
        format!("# CSV\n{}\n\n# NDJSON\n{}\n", refused(csv), refused(ndjson))
    );
    insta::assert_snapshot!("array", refused("[\n{\"dev_eui\":\"0059AC0000181EB6\"}]"));
}

#[test]
fn the_first_hundred_mistakes_are_shown_and_the_others_counted() {
    let rows: String = (0..250).map(|row| format!("{row},1,01,a\n")).collect();
    let report = refused(format!("dev_eui,port,hex,reference\n{rows}"));
    let lines: Vec<_> = report.lines().collect();
    // Each DevEUI is wrong, and all but the first reference are repeated.
    assert_eq!(lines[0], "valves.csv has 499 mistakes in 250 rows; nothing was sent");
    assert_eq!(lines[1..].iter().filter(|line| line.starts_with("line ")).count(), 100);
    assert!(lines[100].starts_with("line 52: "), "{report}");
    assert_eq!(lines[101], "and 399 more");
    assert!(lines[102].starts_with("hint for lines 2, 3, 4, 5, 6 and "), "{report}");
    assert_eq!(lines.len(), 103);
}

#[test]
fn each_line_keeps_its_number() {
    let csv = format!(
        "\n\ndev_eui,port,text\r\n\r\n{EUI},1,\"a, b\"\r\n\r\n,,\r\n{OTHER},2,c\r\n{OTHER},2,d\n\n\n{EUI},3,\"e\""
    );
    assert_eq!(
        downlinks(csv),
        [
            r#"5 urn:dev:DEVEUI:0059AC0000181EB6:1 "payloadHex","vs":"612c2062"}]"#,
            r#"8 urn:dev:DEVEUI:0059AC0000181EB7:2 "payloadHex","vs":"63"}]"#,
            r#"9 urn:dev:DEVEUI:0059AC0000181EB7:2 "payloadHex","vs":"64"}]"#,
            r#"12 urn:dev:DEVEUI:0059AC0000181EB6:3 "payloadHex","vs":"65"}]"#,
        ]
    );
}

#[test]
fn ndjson_has_the_same_columns_and_keeps_digits() {
    let ndjson = format!(
        "\u{FEFF}\n{{\"dev_eui\":\"{EUI}\",\"port\":1,\"hex\":\"01\"}}\r\n\r\n{}\n{}",
        r#" {"urn":"urn:dev:IMEI:490154203237518:","senml":[{"n":"a","v":1.50}],"reference":null}"#,
        r#"{"Dev EUI":"0059AC0000181EB7","port":"2","senml":"[{\"n\":\"b\",\"v\":2.0}]","text":""}"#
    );
    assert_eq!(
        downlinks(ndjson),
        [
            r#"2 urn:dev:DEVEUI:0059AC0000181EB6:1 "payloadHex","vs":"01"}]"#,
            r#"4 urn:dev:IMEI:490154203237518 "a","v":1.50}]"#,
            r#"5 urn:dev:DEVEUI:0059AC0000181EB7:2 "b","v":2.0}]"#,
        ]
    );
}

#[test]
fn a_formula_that_is_a_text_is_that_text() {
    // As `things devices list --csv-dialect excel` writes it, and as Excel keeps it.
    for cell in [format!("=\"{EUI}\""), format!("\"=\"\"{EUI}\"\"\"")] {
        let csv = format!("\"=\"\"dev_eui\"\"\";port;hex\n{cell};=\"1\";=\"0102\"\n");
        assert_eq!(downlinks(csv), [r#"2 urn:dev:DEVEUI:0059AC0000181EB6:1 "payloadHex","vs":"0102"}]"#]);
    }
}

#[test]
fn the_format_is_that_of_the_content_unless_it_is_given() {
    let ndjson = file(format!("\n  {{\"dev_eui\":\"{EUI}\",\"port\":1,\"hex\":\"01\"}}"));
    assert_eq!(read(&ndjson).unwrap().format, InputFormat::Ndjson);
    assert!(read_as(&ndjson, Some(InputFormat::Csv)).err().unwrap().contains("is not known"));
    let csv = file(table(";", "\n"));
    assert_eq!(read(&csv).unwrap().format, InputFormat::Csv);
    let error = read_as(&csv, Some(InputFormat::Ndjson)).err().unwrap();
    assert!(error.contains("line 1: it is not a JSON object"), "{error}");
}

#[test]
fn a_checked_file_knows_what_a_job_keeps_of_it() {
    let csv = format!("dev_eui,port,hex\n{EUI},1,01\n{OTHER},1,01\n00-59-ac-00-00-18-1e-b6,1,02\n");
    let file = file(&csv);
    let read = read(&file).unwrap();
    assert_eq!((read.count, read.devices), (3, 2));
    assert_eq!(read.name(), file.path().to_str().unwrap());
    // Computed with sha256sum.
    assert_eq!(read.digest, "e9c3176ce48a5cccd5d1f16cd42325ab6d0f6f3f813e314a7586d27795eb66bf");
    assert!(read.warnings.is_empty());
}

#[test]
fn references_are_generated_where_they_are_absent() {
    let file = file(format!("dev_eui,port,hex,reference\n{EUI},1,01,\n{EUI},1,01,valve-42\n{EUI},1,01,\n"));
    let mut read = read(&file).unwrap();
    let references: Vec<_> =
        read.items().map(|item| item.unwrap().downlink.reference().unwrap().to_string()).collect();
    assert_eq!((references[0].len(), references[1].as_str()), (36, "valve-42"));
    assert_ne!(references[0], references[2]);
}

#[test]
fn what_may_not_be_meant_is_warned_of() {
    let large = "ff".repeat(52);
    let csv = format!(
        "dev_eui,port,hex,base64,not_after\n{EUI},1,{large},,\n{EUI},1,,0102,\n{EUI},1,01,,2020-01-01T00:00:00Z\n\
         {EUI},1,{large},,9999-01-01T00:00:00Z\n"
    );
    assert_eq!(
        read(&file(csv)).unwrap().warnings,
        [
            "2 rows, the first on line 2, have more than 51 bytes, which reach a device only at a good data rate",
            "line 4 has a not_after that has passed, and will not be sent",
            "line 3 has base64 that looks like hex, and is sent as base64: put hex into the column hex",
            "lines 2 and 5 are the same downlink",
        ]
    );
}

#[test]
fn a_file_that_changes_after_the_check_is_not_sent() {
    let header = "dev_eui,port,hex\n";
    for changed in [
        format!("{header}{EUI},1,02\n"),
        format!("{header}{EUI},1,01\n{EUI},1,02\n"),
        format!("{header}{EUI},1,0\n"),
        header.to_owned(),
        "colour\n".to_owned(),
        String::new(),
    ] {
        let file = file(format!("{header}{EUI},1,01\n"));
        let mut read = read(&file).unwrap();
        std::fs::write(file.path(), &changed).unwrap();
        let mut items: Vec<_> = read.items().take(10).collect();
        let error = items.pop().unwrap().unwrap_err().to_string();
        assert!(error.contains("changed while it was read; nothing was sent"), "{changed:?}: {error}");
        assert!(items.iter().all(Result::is_ok), "{changed:?}");
    }
    // One that was replaced is read as it was.
    let original = file(format!("{header}{EUI},1,01\n"));
    let mut read = read(&original).unwrap();
    file("colour\n").persist(original.path()).unwrap();
    for _ in 0..2 {
        assert!(read.items().all(|item| item.is_ok()));
    }
}

#[test]
fn a_quote_that_is_not_closed_takes_no_rows_with_it() {
    for (rows, line, why) in [
        (
            vec!["1;10;\"open;a", "2;10;open;b", "3;10;open\";c", "4;10;open;d"],
            2,
            "a cell goes on until line 4: is a quote not closed? A cell cannot have a line break",
        ),
        (
            vec!["1;10;open;a", "2;10;\"open;b", "3;10;open;c"],
            3,
            "a cell goes on until line 4: is a quote not closed? A cell cannot have a line break",
        ),
        (vec!["1;10;open;a", "2;10;open;\"b"], 3, "a cell has a line break: is a quote not closed?"),
        (
            vec!["1;10;open;a", "2;10;5\" valve;b"],
            3,
            "a quote is not closed: write a quote in a cell twice, and the cell in quotes",
        ),
    ] {
        let rows: Vec<_> = rows.iter().map(|row| format!("0059AC000018100{row}")).collect();
        for end in ["\n", "\r\n", "\r"] {
            let message = refused(format!("dev_eui;port;text;reference{end}{}{end}", rows.join(end)));
            assert!(message.contains(&format!("line {line}: {why}")), "{message}");
        }
    }
    let last = refused("dev_eui;port;text\n0059AC0000181001;1;a\n0059AC0000181002;1;\"open");
    assert!(last.contains("line 3: a quote is not closed"), "{last}");
    let doubled = "dev_eui;port;text\n0059AC0000181001;1;\"5\"\" valve; \"\"x\"\"\"\n";
    assert_eq!(
        downlinks(doubled),
        [r#"2 urn:dev:DEVEUI:0059AC0000181001:1 "payloadHex","vs":"35222076616c76653b20227822"}]"#]
    );
}

#[test]
fn a_quote_that_is_not_closed_does_not_fill_the_memory() {
    let rows = format!("{EUI},1,01\n").repeat(60_000);
    let report = refused(format!("dev_eui,port,text\n{EUI},1,\"01\n{rows}"));
    assert_eq!(
        report,
        "valves.csv cannot be sent: line 2 begins a row of more than 1024 KiB\nhint: is a quote not closed?"
    );
    let report = refused(format!("{{\"dev_eui\":\"{}", "0".repeat(2_000_000)));
    assert_eq!(report, "valves.csv cannot be sent: line 1 has more than 1024 KiB");
}

#[test]
fn a_missing_file_and_a_folder_are_named() {
    for path in ["/nowhere/valves.csv", "/"] {
        let Err(Failure::Usage(message)) = BulkFile::read(path, None) else { panic!("{path} was read") };
        assert!(message.starts_with(&format!("the downlinks cannot be read from {path}: ")), "{message}");
    }
}

#[cfg(unix)]
#[test]
fn a_stream_is_read_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0)
        .unwrap();
    let writer = {
        let path = path.clone();
        std::thread::spawn(move || std::fs::write(path, table(";", "\n")).unwrap())
    };
    let mut read = BulkFile::read(path.to_str().unwrap(), None).unwrap_or_else(|_| panic!("it is right"));
    writer.join().unwrap();
    assert_eq!(read.items().map(Result::unwrap).count(), 1);
}

proptest! {
    #[test]
    fn any_bytes_are_downlinks_or_a_message(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&file(bytes));
    }

    #[test]
    fn any_table_is_downlinks_or_a_message(
        header in "(sep=;\n)?(dev_eui|urn|port|hex|senml|reference|[;,\"\r\n]|x){0,20}[;,]port[;,]hex[;,]dev_eui\r?\n",
        rows in "(0059AC0000181EB6|1|01|valve|[;,\"\r\n=]|é){0,60}",
    ) {
        let file = file(format!("{header}{rows}"));
        if let Ok(mut read) = read(&file) {
            let count = read.count;
            prop_assert_eq!(read.items().filter(Result::is_ok).count() as u64, count);
            prop_assert_eq!(read.lines().count() as u64, count);
        }
    }

    #[test]
    fn every_text_survives_csv(
        texts in proptest::collection::vec("[^\0\r\n\u{FEFF}]{1,20}", 1..20), delimiter in "[;,\t]"
    ) {
        let texts: Vec<_> = texts.into_iter().filter(|text| !text.trim().is_empty() && !text.starts_with('=')).collect();
        prop_assume!(!texts.is_empty());
        let mut writer = ::csv::WriterBuilder::new().delimiter(delimiter.as_bytes()[0]).from_writer(Vec::new());
        writer.write_record(["text", "port", "dev_eui"]).unwrap();
        texts.iter().for_each(|text| writer.write_record([text, "1", EUI]).unwrap());
        let file = file(writer.into_inner().unwrap());
        let mut read = read(&file).unwrap();
        for (item, text) in read.items().zip(&texts) {
            prop_assert!(item.unwrap().downlink.pack().as_json().contains(&hex::encode(text)));
        }
    }
}

#[test]
fn rows_with_the_same_downlink_are_shown_in_groups() {
    let rows = |pairs: &[(u32, u8)]| {
        let rows = pairs.iter().map(|(device, byte)| format!("0059AC00{device:08X},1,{byte:02X}\n"));
        let file = file(format!("dev_eui,port,hex\n{}", rows.collect::<String>()));
        let read = read(&file).unwrap();
        (read.several, read.warnings)
    };
    assert_eq!(rows(&[(1, 1), (1, 2), (2, 1)]), (1, vec![]), "the downlinks differ");
    let (several, warnings) = rows(&[(1, 1), (1, 1), (2, 1), (2, 1), (2, 1)]);
    let expected = ["lines 2 and 3 are the same downlink", "lines 4, 5 and 6 are the same downlink"];
    assert_eq!((several, warnings), (2, expected.map(str::to_owned).to_vec()));
    let (_, warnings) = rows(&[(1, 1); 9]);
    assert_eq!(warnings, ["lines 2, 3, 4, 5, 6 and 4 more are the same downlink"]);
    let twice: Vec<_> = (0..1_000).chain(0..1_000).map(|device| (device, 1)).collect();
    let (several, warnings) = rows(&twice);
    assert_eq!(several, 1_000);
    assert_eq!(warnings, ["1,000 rows are the same downlink as an earlier row, such as lines 2 and 1002"]);
}

#[test]
fn dev_euis_that_a_spreadsheet_rounded_are_noticed_if_all_of_them_end_in_0() {
    let warnings = |dev_euis: &[&str]| {
        let rows: String = dev_euis.iter().map(|dev_eui| format!("{dev_eui},1,01\n")).collect();
        read(&file(format!("dev_eui,port,hex\n{rows}"))).unwrap().warnings
    };
    let [rounded, other] = ["7083216400001200", "7083216400001210"];
    assert_eq!(
        warnings(&[EUI, rounded, other]),
        [
            "2 rows, the first on line 3, have a dev_eui of 16 decimal digits, which ends in 0: a spreadsheet keeps 15 \
             digits of a number, so compare them with the original values"
        ]
    );
    assert!(warnings(&[rounded, EUI]).is_empty(), "one can be right");
    assert!(warnings(&[rounded, other, "7083216400001211"]).is_empty(), "a number would end in 0");
    assert!(warnings(&["0083216400001200", "0083216400001210"]).is_empty(), "a number would have no zeros");
    let json = [rounded, other].map(|dev_eui| format!(r#"{{"dev_eui":"{dev_eui}","port":1,"hex":"01"}}"#));
    assert!(read(&file(json.join("\n"))).unwrap().warnings.is_empty(), "a text of JSON has all digits");
}
