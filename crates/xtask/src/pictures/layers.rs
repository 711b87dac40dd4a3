//! The layers of the project: which package builds on which.

use std::fs;

use super::svg::Picture;
use crate::root;

const WIDTH: u32 = 1080;
const BOX: u32 = 240;
const GAP: u32 = 20;
const LEFT: u32 = 30;

/// From above: the user's side, the package, and what it is.
const COLUMNS: [(&str, &str, &str); 4] = [
    ("your Rust program", "things-reqwest, things-ureq", "async and blocking clients"),
    ("your Python program", "kpn_things", "sync and async, on both of them"),
    ("your terminal", "kpn-things-cli", "the tool things, on things-ureq"),
    ("another HTTP library", "your transport", "about 100 lines"),
];

pub(super) fn draw() -> Result<String, String> {
    let mut picture = Picture::new(
        WIDTH,
        686,
        "The layers: programs, clients, the core without IO, SenML, the store, uplinks, the receiver, and the simulator",
    );
    let across = BOX * 4 + GAP * 3;
    for (index, (user, package, what)) in COLUMNS.iter().enumerate() {
        let x = LEFT + (BOX + GAP) * index as u32;
        let middle = x + BOX / 2;
        picture.centred("faint", middle, 36, user);
        picture.arrow(middle, 48, 76);
        block(&mut picture, x, 80, BOX, package, what);
        picture.arrow(middle, 142, 170);
    }
    block(
        &mut picture,
        LEFT,
        174,
        across,
        "things-core",
        "the protocol, written once: tokens, pages, retries, errors. No sockets, clock, threads or environment",
    );
    picture.arrow(LEFT + across / 2, 236, 264);
    block(
        &mut picture,
        LEFT,
        268,
        across,
        "things-senml",
        "SenML (RFC 8428): records and packs, digit for digit",
    );
    block(
        &mut picture,
        LEFT,
        346,
        across,
        "things-store",
        "the ledger of bulk downlinks for things-core: SQLite for one machine, PostgreSQL for many",
    );
    block(
        &mut picture,
        LEFT,
        424,
        across,
        "things-uplink",
        "uplinks, on things-senml: tokens verified, LoRa payloads, locations and measurements read. No IO",
    );
    block(
        &mut picture,
        LEFT,
        502,
        across,
        "things-receiver",
        "the endpoint for uplinks, on things-uplink and things-store: stored durably, then confirmed",
    );
    picture.text(
        "faint",
        LEFT,
        596,
        "Next to these, sharing no code with them, so that each checks the other:",
    );
    block(
        &mut picture,
        LEFT,
        610,
        across,
        "things-sim",
        "KPN Things and GRIP on your own machine, with faults: a library, things sim, and a pytest fixture",
    );
    let picture = picture.finish(false);
    for entry in fs::read_dir(root().join("crates")).map_err(|error| error.to_string())?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name != "xtask" && !picture.contains(&name) {
            return Err(format!(
                "crates/{name} is not in the picture of the layers (crates/xtask/src/pictures/layers.rs)"
            ));
        }
    }
    Ok(picture)
}

fn block(picture: &mut Picture, x: u32, y: u32, width: u32, name: &str, what: &str) {
    picture.rectangle("frame", x, y, width, 58);
    picture.rectangle("paper", x + 1, y + 1, width - 2, 56);
    picture.centred("ink bold", x + width / 2, y + 25, name);
    picture.centred("faint", x + width / 2, y + 45, what);
}
