//! S9: a page of 1,000 devices from bytes to values.

use std::hint::black_box;

use serde_json::{Value, json};

use crate::by_hand;
use crate::report::{Report, median, time};

const ROUNDS: usize = 201;

pub(crate) fn measure(report: &mut Report) {
    let body = page(1_000);
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let (theirs, page) = time(|| serde_json::from_slice::<by_hand::Page>(black_box(&body)).unwrap());
        assert!(page.last && page.content[999].uuid.len() == 36);
        drop(page);
        let (ours, page) = time(|| things_core::Page::from_json(black_box(&body)).unwrap());
        assert_eq!(page.devices.len(), 1_000);
        drop(page);
        ratios.push(ours.as_secs_f64() / theirs.as_secs_f64());
    }
    report.row(
        "S9",
        "decode 1,000 devices, unknown fields kept / serde derive that drops them",
        median(ratios),
        "",
        0.50,
        "",
    );
}

/// A page of the documented shape.
pub(crate) fn page(devices: usize) -> Vec<u8> {
    let device = |number: usize| {
        json!({"uuid": format!("5b9c3d6e-7a41-4f7e-9c55-{number:012x}"), "name": format!("Parking sensor {number:05}"),
            "description": "Level 2, row 14", "metadata": Value::Null,
            "deviceSpecificationUUID": "d2723e99-1fe4-4d60-9b6d-8061f7414b24", "barcode": Value::Null})
    };
    let page = json!({"content": (0..devices).map(device).collect::<Vec<_>>(), "last": true, "totalPages": 1,
        "totalElements": devices, "sort": [{"direction": "ASC", "property": "name", "ignoreCase": false,
        "nullHandling": "NATIVE", "ascending": true, "descending": false}], "first": true,
        "numberOfElements": devices, "size": devices, "number": 0});
    page.to_string().into_bytes()
}
