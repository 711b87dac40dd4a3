//! The fault matrix as a grid: the cases of `docs/faults.md` by row and client.

use super::svg::Picture;
use super::{page, table};

const CLIENTS: [&str; 4] = ["ureq", "reqwest", "python sync", "python async"];
const ROW: u32 = 28;
const TOP: u32 = 84;
const LEFT: u32 = 500;
const CELL: u32 = 104;
/// Most characters of a fault.
const LONGEST: usize = 56;

pub(super) fn draw() -> Result<String, String> {
    let table = table(&page("faults.md")?, "| row | fault | promise |")?;
    let (_, rows) = table.split_first().ok_or("the table is empty")?;
    let width = LEFT + CELL * (CLIENTS.len() as u32 + 1) + 16;
    let mut picture = Picture::new(
        width,
        TOP + ROW * rows.len() as u32 + 16,
        "The fault matrix: cases run by fault and client, all without a violation",
    );
    picture.text("ink bold", 20, 32, "Cases that CI runs, by fault and client");
    picture.text("faint", 20, 54, "Green: the promise was kept in every case. Red: it was broken.");
    for (column, name) in CLIENTS.iter().chain(&["others"]).enumerate() {
        picture.centred("faint", middle(column), TOP - 10, name);
    }
    for (index, row) in rows.iter().enumerate() {
        let [name, fault, _, cases, violations, ..] = row.as_slice() else {
            return Err(format!("a row of docs/faults.md is too short: {row:?}"));
        };
        let y = TOP + ROW * index as u32;
        picture.text("ink bold", 20, y + 18, name);
        picture.text("ink", 62, y + 18, &shortened(fault));
        let class = if violations == "0" { "ours" } else { "red" };
        let mut others = Vec::new();
        for (client, count) in cases.split("<br>").filter_map(|case| case.split_once(": ")) {
            let count = count.split(' ').next().unwrap_or(count);
            match CLIENTS.iter().position(|known| *known == client) {
                Some(column) => cell(&mut picture, class, column, y, count),
                None => others.push(count),
            }
        }
        if !others.is_empty() {
            cell(&mut picture, class, CLIENTS.len(), y, &others.join(" + "));
        }
    }
    Ok(picture.finish(false))
}

fn middle(column: usize) -> u32 {
    LEFT + CELL * column as u32 + CELL / 2
}

fn cell(picture: &mut Picture, class: &str, column: usize, y: u32, count: &str) {
    picture.rectangle(class, LEFT + CELL * column as u32 + 2, y + 2, CELL - 4, ROW - 4);
    picture.centred("paper", middle(column), y + 19, count);
}

/// A fault without code marks, cut at a word.
fn shortened(fault: &str) -> String {
    let fault = fault.replace('`', "");
    if fault.chars().count() <= LONGEST {
        return fault;
    }
    let start: String = fault.chars().take(LONGEST).collect();
    let words = start.rsplit_once(' ').map_or(start.as_str(), |(words, _)| words);
    format!("{}…", words.trim_end_matches([',', ';', ':']))
}
