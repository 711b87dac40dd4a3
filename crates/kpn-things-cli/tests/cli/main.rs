//! The binary `things` against the simulator and against a server by other hands.

// The helpers of a test may fail as its assertions do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod api;
mod auth;
mod bulk;
mod bulk_jobs;
mod bulk_ledger;
mod bulk_output;
#[cfg(unix)]
mod bulk_page;
mod bulk_resolve;
#[cfg(unix)]
mod bulk_terminal;
mod completions;
mod current;
mod customer;
mod customers;
mod demo;
mod devices;
mod diff;
mod dockerfile;
mod documents;
mod downlink;
mod dry_run;
mod files;
mod formats;
mod get;
mod help;
mod independent;
mod interrupt;
mod library;
mod login;
mod man;
mod messages;
mod output;
#[cfg(unix)]
mod page;
mod paging;
mod payload;
mod portal;
mod postman;
mod profiles;
#[cfg(unix)]
mod prompt;
mod readme;
#[cfg(unix)]
mod receive_page;
#[cfg(unix)]
mod screen;
mod secrets;
mod senml;
mod settings;
mod sim;
mod sim_command;
mod sim_hosts;
#[cfg(unix)]
mod sim_signals;
mod stream;
#[cfg(unix)]
mod terminal;
mod token_cache;
mod tool;
mod uplink;
#[cfg(unix)]
mod uplink_listen;
#[cfg(unix)]
mod uplink_process;
#[cfg(unix)]
mod uplink_read;
#[cfg(unix)]
mod uplink_serve;
#[cfg(all(unix, feature = "mqtt"))]
mod uplink_subscribe;
mod wire;
#[cfg(unix)]
mod work;
