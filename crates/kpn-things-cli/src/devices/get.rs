//! `things devices get`: one device.

use std::io::{self, Write};

use clap::Args;
use things_core::Device;
use things_ureq::{Client, Devices};

use super::device_table::DeviceTable;
use super::fields::{EUI, Field, Fields, Lookout};
use super::sheet::write_json;
use super::wanted::{Match, Similar, Wanted};
use crate::console::Console;
use crate::count::number;
use crate::failure::Failure;
use crate::{cell, settings};

/// Show one device
#[derive(Args)]
#[command(
    before_help = "\
Examples:
  things devices get 0059AC0000181EB6
  things devices get d2723e99-1fe4-4d60-9b6d-8061f7414b24 --json
  things devices get \"Parking 12\" --fields eui",
    after_help = "\
KPN documents no request for one device. The tool searches for a name. For a UUID it lists devices until it finds the \
device, and for a DevEUI it lists all devices. If several devices have the name or DevEUI, the error lists them."
)]
pub(crate) struct Get {
    /// DevEUI, UUID, or the exact name
    #[arg(value_name = "DEVICE")]
    device: String,
    /// One JSON object
    #[arg(long)]
    json: bool,
    /// Fields to show, such as name,eui,metadata.floor
    #[arg(long, value_name = "NAMES", value_parser = Fields::parse)]
    fields: Option<Fields>,
    #[command(flatten)]
    settings: settings::Options,
}

impl Get {
    pub(crate) fn run(self, console: &mut Console<'_>) -> Result<(), Failure> {
        let wanted = Wanted::new(&self.device);
        if wanted.text().is_empty() {
            return Err(Failure::Usage("the device is empty: expected a DevEUI, a UUID or a name".into()));
        }
        let client = console.watched(self.settings.client(console)?);
        let device = find(client.devices(), &wanted)?;
        let fields = self.fields.as_ref();
        if self.json {
            write_json(fields, &device, console.out())?;
            writeln!(console.out())?;
        } else {
            write_lines(fields, &device, console.out())?;
        }
        let eui = Field::from(EUI);
        if eui.text(&device).is_empty()
            && fields.is_none_or(|fields| fields.iter().any(|field| *field == eui))
        {
            console.say("no DevEUI: the service returned no field eui for this device")?;
        }
        if let Some(fields) = fields {
            console.flush()?;
            let mut lookout = Lookout::new(fields);
            lookout.see(&device);
            lookout.warnings().into_iter().for_each(|warning| console.warn(warning));
        }
        Ok(())
    }
}

/// Finds the one device that matches.
fn find(devices: Devices<Client>, wanted: &Wanted) -> Result<Device, Failure> {
    let mut found = Vec::new();
    if wanted.may_be_name() {
        for device in devices.clone().search(wanted.text()).stream() {
            let device = device?;
            if wanted.matches(&device).is_some() {
                found.push(device);
            }
        }
    }
    // A search may not look at ids, and it is case-sensitive.
    let mut similar = Similar::default();
    if found.is_empty() {
        for device in devices.stream() {
            let device = device?;
            match wanted.matches(&device) {
                Some(Match::Uuid) => return Ok(device),
                Some(Match::DevEuiOrName) => found.push(device),
                None => similar.see(wanted, &device),
            }
        }
    }
    match <[Device; 1]>::try_from(found) {
        Ok([device]) => Ok(device),
        Err(found) if found.is_empty() => Err(none(wanted, &similar)),
        Err(found) => Err(several(wanted, &found)?),
    }
}

fn none(wanted: &Wanted, similar: &Similar) -> Failure {
    let similar: Vec<_> =
        similar.texts().into_iter().map(|text| format!("{:?}", cell::plain(text))).collect();
    let hint = match similar.is_empty() {
        true => "see all devices with: things devices list".to_owned(),
        false => format!("did you mean {}?", similar.join(" or ")),
    };
    let wanted = cell::plain(wanted.text());
    Failure::Local(format!("no device has the DevEUI, UUID or name {wanted:?}\nhint: {hint}"))
}

fn several(wanted: &Wanted, found: &[Device]) -> io::Result<Failure> {
    /// More lines would hide the error.
    const SHOWN: usize = 20;
    let (mut lines, mut table) = (Vec::new(), DeviceTable::new(None, false, None));
    table.add(found.get(..SHOWN).unwrap_or(found), &mut lines)?;
    table.end(&mut lines)?;
    let (wanted, lines) = (cell::plain(wanted.text()), String::from_utf8_lossy(&lines));
    let devices = number(found.len() as u64, "device");
    Ok(Failure::Local(format!(
        "{devices} match {wanted:?}: use the UUID of one of them\n{}",
        lines.trim_end()
    )))
}

/// The fields that are shown where the user chose none, in this order. All others follow.
const FIELDS: [&str; 7] =
    ["name", EUI, "uuid", "barcode", "description", "deviceSpecificationUUID", "metadata"];

/// Writes one line per field. Fields without a value are left out, unless the user chose them.
fn write_lines(fields: Option<&Fields>, device: &Device, out: &mut dyn Write) -> io::Result<()> {
    let fields: Vec<Field> = match fields {
        Some(fields) => fields.iter().cloned().collect(),
        None => {
            let others = device.extra().iter().map(|(name, _)| Field::from(&*name));
            let others = others.filter(|field| !FIELDS.contains(&field.name()));
            let all = FIELDS.map(Field::from).into_iter().chain(others);
            all.filter(|field| !field.text(device).is_empty()).collect()
        }
    };
    let labels: Vec<_> = fields.iter().map(|field| cell::plain(field.name())).collect();
    let widest = labels.iter().map(|label| cell::width(label)).max().unwrap_or(0);
    for (field, label) in fields.iter().zip(&labels) {
        let gap = " ".repeat(widest - cell::width(label));
        let line = format!("{label}{gap}  {}", cell::plain(&field.text(device)));
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
