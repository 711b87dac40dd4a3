#![doc = include_str!("../README.md")]

mod access_token;
mod answer;
mod asked;
mod body;
mod client;
mod coding;
mod config;
mod current;
mod customers;
mod devices;
mod downlinks;
mod error;
mod escapes;
mod fate;
mod feed;
mod flow;
mod ingestion;
mod input;
mod json;
mod listing;
mod moment;
mod operation;
mod pace;
mod raw;
mod redaction;
mod retry;
mod secret;
mod session;
mod slot;
mod stage;
mod status;
mod timestamp;
mod token;
mod transport;

pub use access_token::AccessToken;
pub use answer::Answer;
pub use body::Body;
pub use client::{
    Builder, Clock, Current, DeviceIter, Devices, FeedClient, ForCustomers, Items, PostmanGap, Settings,
    VerifiedDevices, file_text,
};
pub use config::{Config, Credentials, Limits, Proxy};
pub use current::{DownlinkState, Filter, Item, ItemPage, ListResource, ListedDownlink, Project, Resource};
pub use customers::{ContextSwitch, CustomerId};
pub use devices::{
    Device, DeviceChange, DeviceDiff, Extra, FieldChange, FieldValue, Fleet, Gap, Incomplete, ListDevices,
    ListingRecord, ListingReport, Page, Proof, SavedListing, SavedListingError, SortOrder, diff_devices,
};
pub use downlinks::{
    BulkItem, Claim, ClaimToken, DevEui, DeviceUrn, Downlink, ExternalReference, FPort, Granted, Ledger,
    LedgerCommit, LedgerCommitted, LedgerError, MemoryLedger, Payload, Receipt, Record, Row, RowColumn,
    RowError, RowMistake, Run, RunOptions, RunProgress, Sent, Transaction,
};
pub use error::{DecodeError, Error, ErrorKind, Outcome};
pub use fate::{Fate, Stopped};
pub use feed::{Commit, Feed, Scope, Ticket, Want};
pub use flow::{Exchange, Pause, Retirement, Step, Turn, Watch};
pub use ingestion::{DeviceSecret, Post, Posted};
pub use input::InputError;
pub use json::Json;
pub use listing::{Cursor, CustomerFleet, CustomerFleets, DeviceFeed, Pages, Verified};
pub use moment::Moment;
pub use operation::{Call, Operation, finish};
pub use raw::RawCall;
pub use retry::{Replay, RetryPolicy, Stop};
pub use secret::Secret;
pub use session::Session;
pub use stage::Stage;
#[doc(no_inline)]
pub use things_senml as senml;
pub use transport::{TransportError, TransportErrorKind};
