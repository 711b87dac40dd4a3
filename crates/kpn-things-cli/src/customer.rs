//! `things customer switch`: whether this API key may act for a sub-customer.

use std::io;

use clap::Args;
use serde::Serialize;
use things_core::{Body, ContextSwitch, CustomerId, ErrorKind};

use crate::console::Console;
use crate::failure::{ExitStatus, Failure};
use crate::settings;

/// Do the context switch to a sub-customer, and say whether it is granted
#[derive(Args)]
#[command(
    before_help = "\
Examples:
  things customer switch 79658ca8-f1ba-4c25-b824-93813e9fba76
  things devices list --customer 79658ca8-f1ba-4c25-b824-93813e9fba76",
    after_help = "Commands with --customer do the context switch by themselves."
)]
pub(crate) struct Switch {
    /// Customer ID of the sub-customer
    #[arg(value_name = "ID")]
    customer_id: String,
    /// One JSON object, with the answer's body
    #[arg(long)]
    json: bool,
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
        let client = console.watched(self.settings.load()?.without_customer().client()?);
        let (granted, body) = match client.call(&ContextSwitch::to(customer.clone())) {
            Ok(body) => (true, body),
            Err(error) if error.kind() == ErrorKind::Forbidden => (false, error.body().clone()),
            Err(error) => return Err(error.into()),
        };
        if self.json {
            let switch = Switched { customer: customer.as_str(), granted, body: &body };
            serde_json::to_writer_pretty(console.out(), &switch).map_err(io::Error::from)?;
            writeln!(console.out())?;
        } else if granted {
            writeln!(console.out(), "granted: this API key may act for {customer}")?;
        } else {
            writeln!(console.out(), "not granted: this API key may not act for {customer}")?;
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
