//! `row`: the cells of a table of downlinks, one a line, as `dev_eui=0059AC0000181EB6`. `{secret}` stands for a text that
//! no message shows where it is content.

use serde_json::Value;
use things_core::{Operation, Row, RowColumn};

use crate::account::SECRET;

/// Reads the bytes as the names and the texts of cells.
pub fn row(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut row = Row::new();
    for line in text.lines() {
        let Some((name, cell)) = line.split_once('=') else { continue };
        match name.parse::<RowColumn>() {
            Ok(column) if column.is_content() => row.set(column, cell.replace("{secret}", SECRET)),
            Ok(column) => row.set(column, cell.to_owned()),
            Err(error) => assert!(!error.to_string().contains(char::is_control)),
        }
    }
    let item = match row.item(1_767_225_600_000, 7) {
        Ok(item) => item,
        Err(error) => {
            assert!(!error.mistakes().is_empty());
            let shown = format!("{error} {error:?} {row:?}");
            assert!(!shown.contains("s3cr") && !shown.contains('\n'), "{shown}");
            return;
        }
    };
    let cell = |column| row.get(column).map(str::to_owned);
    let downlink = &item.downlink;
    assert!([RowColumn::DevEui, RowColumn::Urn].map(cell).iter().flatten().count() == 1);
    assert!(RowColumn::CONTENT.map(cell).iter().flatten().count() == 1);
    assert_eq!(item.customer.as_ref().map(ToString::to_string), cell(RowColumn::Customer));
    assert_eq!(item.not_after.is_some(), cell(RowColumn::NotAfter).is_some());
    let port = cell(RowColumn::Port).map(|port| port.parse().unwrap());
    assert_eq!(downlink.lora_port().map(|port| port.number()), port);
    let reference = downlink.reference().unwrap().to_string();
    assert_eq!(
        reference,
        cell(RowColumn::Reference).unwrap_or("019b76da-a800-7000-8000-000000000007".into())
    );
    let records: Vec<Value> = serde_json::from_str(downlink.pack().as_json()).unwrap();
    if let Some(text) = cell(RowColumn::Text) {
        let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(records[0]["vs"], hex);
    }
    if let Some(hex) = cell(RowColumn::Hex) {
        let digits = hex.replace("0x", "").replace("0X", "").to_lowercase();
        let digits: String = digits.chars().filter(char::is_ascii_hexdigit).collect();
        assert_eq!(records[0]["vs"], digits);
    }
    assert!(downlink.encode().is_ok() && item.device().is_some());
}
