//! What each fuzz target does with the bytes it is given, as plain functions, so that the tests can replay a corpus
//! without libFuzzer. A function returns if all that must hold does, and panics where it does not.

#![forbid(unsafe_code)]

mod account;
mod error_body;
mod flow;
mod listing;
mod page;
mod resolve;
mod retry_after;
mod row;
mod senml;
mod settings;
mod token;
mod uplink;

pub use error_body::error_body;
pub use flow::flow;
pub use listing::listing;
pub use page::page;
pub use resolve::{resolve, resolve_cbor};
pub use retry_after::retry_after;
pub use row::row;
pub use senml::senml;
pub use settings::settings;
pub use token::token;
pub use uplink::{secrets, uplink, verify};

/// Reads bytes, and panics if something does not hold.
pub type Target = fn(&[u8]);

/// All targets, by the names of their binaries and of their corpora.
pub const TARGETS: &[(&str, Target)] = &[
    ("error_body", error_body),
    ("flow", flow),
    ("listing", listing),
    ("page", page),
    ("resolve", resolve),
    ("resolve_cbor", resolve_cbor),
    ("retry_after", retry_after),
    ("row", row),
    ("secrets", secrets),
    ("senml", senml),
    ("settings", settings),
    ("token", token),
    ("uplink", uplink),
    ("verify", verify),
];
