//! A bar chart of `docs/peers.md`: how often a call that fails reaches the server.

use super::svg::Picture;
use super::{page, table};

const ROW: u32 = 30;
const TOP: u32 = 92;
const LEFT: u32 = 190;
const UNIT: u32 = 90;
const WIDTH: u32 = 820;

pub(super) fn draw() -> Result<String, String> {
    let table = table(&page("peers.md")?, "| client | no fault |")?;
    let (heading, rows) = table.split_first().ok_or("the table is empty")?;
    let last = heading.iter().position(|name| name == "429, then 200").ok_or("no column for 429")?;
    let height = TOP + ROW * rows.len() as u32 + 20;
    let mut picture = Picture::new(WIDTH, height, "How often a failing call reaches the server, by client");
    picture.text("ink bold", 24, 34, "How often does one failing call reach the server?");
    picture.text(
        "faint",
        24,
        56,
        "The most requests in any of seven failures, with the settings that each client has by default",
    );
    picture.right("faint", WIDTH - 24, 80, "after a 429, where a retry is safe");
    for (index, row) in rows.iter().enumerate() {
        let y = TOP + ROW * index as u32;
        let (Some(client), Some(failures), Some(refused)) = (row.first(), row.get(2..last), row.get(last))
        else {
            return Err(format!("a row of docs/peers.md is too short: {row:?}"));
        };
        let most = failures.iter().filter_map(|cell| number(cell)).max().ok_or("a row without numbers")?;
        let class = if client.starts_with("kpn_things") { "ours" } else { "others" };
        let keyed = failures.iter().any(|cell| cell.contains("key"));
        picture.right("ink", LEFT - 12, y + 19, client);
        picture.rectangle(class, LEFT, y + 4, UNIT * most, ROW - 9);
        let label = if keyed { format!("{most} (with an idempotency key)") } else { most.to_string() };
        picture.text("ink", LEFT + UNIT * most + 8, y + 19, &label);
        let delivered = refused.contains("delivered");
        let (class, result) = if delivered { ("green", "delivered") } else { ("red", "error") };
        picture.right(class, WIDTH - 24, y + 19, result);
    }
    Ok(picture.finish(false))
}

/// The number that a cell begins with.
fn number(cell: &str) -> Option<u32> {
    cell.split(',').next()?.trim().parse().ok()
}
