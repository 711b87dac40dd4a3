//! `things downlink`: downlinks to devices.

pub(crate) mod send;
