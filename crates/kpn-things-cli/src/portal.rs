//! `things open`: KPN's portal in the browser.

use std::process::{Command, Stdio};

use clap::Args;

use crate::console::Console;
use crate::failure::Failure;
use crate::recipient;

/// The portal, as public workshops and examples name it. The address of a single device in it is not documented.
const PORTAL: &str = "https://portal.kpnthings.com/";

/// Open the KPN Things portal in the browser
#[derive(Args)]
#[command(
    before_help = "\
Examples:
  things open
  things open --print",
    after_help = "\
KPN documents no address for the page of a single device, so the portal opens at its start page: search for the device \
there. The browser is the one that BROWSER names, or the default of the system. Without a browser, the address is \
printed."
)]
pub(crate) struct Open {
    /// Device to open
    #[arg(value_name = "DEVICE")]
    device: Option<String>,
    /// Print the address, and open nothing
    #[arg(long)]
    print: bool,
}

impl Open {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        if let Some(device) = self.device {
            console.say(format_args!(
                "KPN documents no address for the page of a device: search for {} in the portal",
                recipient::search_text(&device)
            ))?;
        }
        if !self.print && show(PORTAL) {
            return Ok(console.say(format_args!("opened {PORTAL}"))?);
        }
        Ok(writeln!(console.out(), "{PORTAL}")?)
    }
}

/// Shows a page in the browser, and reports whether that was possible.
fn show(url: &str) -> bool {
    let named = std::env::var_os("BROWSER").filter(|browser| !browser.is_empty());
    match named {
        Some(browser) => Command::new(browser)
            .arg(url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success()),
        None => open::that(url).is_ok(),
    }
}
