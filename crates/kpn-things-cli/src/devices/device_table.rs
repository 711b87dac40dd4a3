//! A table of devices.

use std::io::{self, Write};

use things_core::Device;

use super::customers::CUSTOMER;
use super::fields::{EUI, Field, Fields};
use crate::table::{Column, Table};

/// A table of devices in progress.
pub(crate) struct DeviceTable {
    fields: Fields,
    table: Table,
}

/// The fields that a reader needs most. The DevEUI is next to the name, because downlinks need it.
const FIELDS: [&str; 5] = ["name", EUI, "uuid", "barcode", "description"];

impl DeviceTable {
    /// A table of these fields, or of those that a reader needs most. It is cut to the width of the terminal.
    /// `by_customer`: each device has a field with its customer, which is the first column.
    pub(crate) fn new(fields: Option<Fields>, by_customer: bool, columns: Option<usize>) -> Self {
        let Some(fields) = fields else {
            let [name, eui, uuid, barcode, description] = FIELDS.map(heading);
            let mut shown = vec![
                name.cut_to(20),
                eui.if_any(),
                uuid,
                barcode.if_it_fits(),
                description.cut_to(16).if_it_fits(),
            ];
            let mut fields = Fields::from(FIELDS);
            if by_customer {
                shown.insert(0, heading(CUSTOMER));
                fields = fields.with_customer();
            }
            return Self { fields, table: Table::new(shown, columns) };
        };
        let fields = if by_customer { fields.with_customer() } else { fields };
        let shown = fields.iter().map(|field| match field.is_id() {
            true => heading(field.name()),
            false => heading(field.name()).cut_to(16),
        });
        Self { table: Table::new(shown, columns), fields }
    }

    /// Adds devices. They are written once the widths are settled.
    pub(crate) fn add(&mut self, devices: &[Device], out: &mut dyn Write) -> io::Result<()> {
        let Self { fields, table } = self;
        let row = |device| fields.iter().map(move |field: &Field| field.text(device));
        table.add(devices.iter().map(row), out)
    }

    /// Writes what is held.
    pub(crate) fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.table.end(out)
    }
}

fn heading(field: &str) -> Column {
    Column::from(field.to_uppercase().as_str())
}
