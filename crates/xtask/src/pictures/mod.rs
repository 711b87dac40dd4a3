//! The pictures of the documents: `docs/pictures/*.svg`, each made from the page or the program that it shows.

mod chart;
mod grid;
mod layers;
mod svg;
mod terminal;

use std::fs;

use crate::{Outcome, cargo, root};

/// A function that draws a picture.
type Draw = fn() -> Result<String, String>;

/// Pictures of pages and folders, which are drawn at once.
const DRAWN: [(&str, Draw); 3] =
    [("posts.svg", chart::draw), ("faults.svg", grid::draw), ("layers.svg", layers::draw)];

/// Pictures of the tool in a terminal, which has to be built.
const RECORDED: [(&str, Draw); 2] = [("demo.svg", terminal::demo), ("unknown.svg", terminal::unknown)];

/// Draws all pictures, or checks that they are up to date.
pub(crate) fn pictures(arguments: &[String]) -> Outcome {
    let then = match arguments {
        [] => write,
        [check] if check == "--check" => compare,
        _ => return Err("cargo xtask pictures [--check]".into()),
    };
    cargo(&["build", "--quiet", "-p", "kpn-things-cli"])?;
    DRAWN.iter().chain(&RECORDED).try_for_each(|(name, draw)| then(name, &draw()?))
}

/// Checks the pictures that need no program.
pub(crate) fn guard() -> Outcome {
    DRAWN.iter().try_for_each(|(name, draw)| compare(name, &draw()?))
}

fn write(name: &str, picture: &str) -> Outcome {
    let file = root().join("docs/pictures").join(name);
    println!("pictures: {}", file.display());
    fs::write(&file, picture).map_err(|error| format!("{}: {error}", file.display()))
}

fn compare(name: &str, picture: &str) -> Outcome {
    if fs::read_to_string(root().join("docs/pictures").join(name)).is_ok_and(|old| old == picture) {
        return Ok(());
    }
    Err(format!("docs/pictures/{name} is out of date: run `cargo xtask pictures`"))
}

/// Reads a page of the folder `docs`.
fn page(name: &str) -> Result<String, String> {
    let file = root().join("docs").join(name);
    fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))
}

/// Returns the cells of the table that begins with this row. The first row is the heading.
fn table(page: &str, heading: &str) -> Result<Vec<Vec<String>>, String> {
    let lines = page.lines().skip_while(|line| !line.starts_with(heading));
    let rows = lines.take_while(|line| line.starts_with('|')).filter(|line| !line.starts_with("|--"));
    let cells = |row: &str| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    let table: Vec<_> = rows.map(cells).collect();
    if table.len() < 2 { Err(format!("no table begins with {heading}")) } else { Ok(table) }
}
