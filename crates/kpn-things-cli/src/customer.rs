//! `things customer switch`: whether this API key may act for a sub-customer.

use std::io;

use anstyle::AnsiColor;
use clap::Args;
use serde::Serialize;
use things_core::{Body, ContextSwitch, CustomerId, ErrorKind};

use crate::console::Console;
use crate::failure::{ExitStatus, Failure};
use crate::{curl, settings};

/// Do the context switch to a sub-customer, and report whether it is granted
#[derive(Args)]
#[command(
    before_help = "\
Examples:
  things customer switch 79658ca8-f1ba-4c25-b824-93813e9fba76
  things devices list --customer 79658ca8-f1ba-4c25-b824-93813e9fba76",
    after_help = "Commands with --customer do the context switch automatically."
)]
pub(crate) struct Switch {
    /// Customer ID of the sub-customer
    #[arg(value_name = "ID")]
    customer_id: String,
    /// Print one JSON object, with the body of the response
    #[arg(long)]
    json: bool,
    /// Print curl commands, and send nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    settings: settings::Options,
}

/// A context switch as it is printed.
#[derive(Serialize)]
struct Switched<'a> {
    customer: &'a str,
    granted: bool,
    body: &'a Body,
}

impl Switch {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        let customer: CustomerId = self.customer_id.parse()?;
        self.settings.refuse_customer()?;
        let operation = ContextSwitch::to(customer.clone());
        if self.dry_run {
            let layers = self.settings.without_secret().load()?.without_customer();
            return curl::dry_run_of(&operation, &layers, console);
        }
        let client = console.watched(self.settings.load()?.without_customer().client(console)?);
        let (granted, body) = match client.call(&operation) {
            Ok(body) => (true, body),
            Err(error) if error.kind() == ErrorKind::Forbidden => (false, error.body().clone()),
            Err(error) => return Err(error.into()),
        };
        if self.json {
            let switch = Switched { customer: customer.as_str(), granted, body: &body };
            serde_json::to_writer_pretty(console.out(), &switch).map_err(io::Error::from)?;
            writeln!(console.out())?;
        } else if granted {
            let granted = console.painted("granted:", AnsiColor::Green);
            writeln!(console.out(), "{granted} this API key may act for {customer}")?;
        } else {
            let refused = console.painted("not granted:", AnsiColor::Red);
            writeln!(console.out(), "{refused} this API key may not act for {customer}")?;
        }
        if granted {
            return Ok(());
        }
        let message = format!(
            "403 Forbidden: the context switch to {customer} was refused\nhint: check the Customer ID, and that your account has Customer Management"
        );
        Err(Failure::Check(ExitStatus::Failed, message))
    }
}
