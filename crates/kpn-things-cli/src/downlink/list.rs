//! `things downlink list`: downlinks as the current API lists them.

use std::time::Duration;

use clap::{Args, ValueEnum};
use things_core::{Filter, ListResource, Resource};

use crate::console::Console;
use crate::current::{self, Extent, Filters, Order};
use crate::devices::sheet::Format;
use crate::failure::Failure;
use crate::settings::seconds;
use crate::{curl, recipient, settings};

/// List downlinks, as KPN's current API has them
#[derive(Args)]
#[command(
    before_help = "\
Examples:
  things downlink list --device 0059AC0000181EB6
  things downlink list --created-since 2026-01-31T09:30:00Z --ndjson
  things downlink list --connection lora --project-id 42
  things downlink list --sort -createdAt --limit 20 --fields id,createdAt",
    after_help = "\
The current API is known from the public part of its documentation, and this command has never met the real service. The \
fields of a downlink are not documented. The table and CSV have a column for each field of the first page. CSV has a last \
column, extra, with all other fields as one JSON object. The other formats keep the JSON of the service.

--device searches for the URN of the device, as `things downlink send` sends it. --search searches the tags (whole), the \
network id and the message (partly), and case matters."
)]
pub(crate) struct List {
    /// Only downlinks to this device: a DevEUI, or a URN
    #[arg(long, value_name = "DEVICE", conflicts_with = "search")]
    device: Option<String>,
    /// Only downlinks that match this text
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only downlinks of this connection, lora or mqtt
    ///
    /// Without it, downlinks of all connections are listed.
    #[arg(long, value_name = "KIND", hide_possible_values = true)]
    connection: Option<Connection>,
    /// Only downlinks to the device with this UUID
    #[arg(long, value_name = "UUID", requires = "connection")]
    device_id: Option<String>,
    #[command(flatten)]
    order: Order,
    /// Stop after this many downlinks
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Time limit for the whole listing [default: none]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    deadline: Option<Duration>,
    /// Print curl commands for the first page
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    filters: Filters,
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    settings: settings::Options,
}

/// A kind of connection, whose downlinks the current API lists by themselves.
#[derive(ValueEnum, Debug, Clone, Copy)]
enum Connection {
    Lora,
    Mqtt,
}

impl List {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        let query = self.query()?;
        let List { limit, deadline, dry_run, format, settings, .. } = self;
        if dry_run {
            return curl::dry_run(&query, settings, console);
        }
        let client = console.watched(settings.client(console)?);
        current::print(&client, query, &Extent { noun: "downlink", limit, deadline }, format, console)
    }

    fn query(&self) -> Result<ListResource, Failure> {
        let mut query = ListResource::new(match self.connection {
            None => Resource::Downlinks,
            Some(Connection::Lora) => Resource::LoraDownlinks,
            Some(Connection::Mqtt) => Resource::MqttDownlinks,
        });
        if let Some(device) = &self.device {
            query = query.filter(Filter::Q, recipient::device(device)?.to_string());
        }
        if let Some(text) = &self.search {
            query = query.filter(Filter::Q, text);
        }
        if let Some(uuid) = &self.device_id {
            query = query.filter(Filter::DeviceId, uuid);
        }
        Ok(self.order.apply(self.filters.apply(query)))
    }
}
