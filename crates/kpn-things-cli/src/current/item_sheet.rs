//! The formats in which items of the current API are written. Their fields are not documented, so a table has those of the
//! items themselves.

use std::borrow::Cow;
use std::io::{self, Write};

use csv::{Terminator, Writer, WriterBuilder};
use serde::{Serialize, Serializer};
use things_core::{Item, Json};

use crate::devices::csv_file::{self, Dialect};
use crate::devices::fields::{Field, Fields};
use crate::table::{Column, Table};

/// Items written one after the other.
pub(crate) struct ItemSheet<'a> {
    form: Form<'a>,
    fields: Option<Fields>,
    /// Whether the last column of CSV holds all fields that have no column of their own.
    has_extra: bool,
    items: u64,
}

const EXTRA: &str = "extra";

enum Form<'a> {
    /// The table is made of the fields of the first items.
    Table {
        table: Option<Table>,
        columns: Option<usize>,
        out: &'a mut dyn Write,
    },
    Json(&'a mut dyn Write),
    Ndjson(&'a mut dyn Write),
    Csv(Dialect, Box<Writer<&'a mut dyn Write>>),
}

impl<'a> ItemSheet<'a> {
    pub(crate) fn table(fields: Option<Fields>, columns: Option<usize>, out: &'a mut dyn Write) -> Self {
        Self::new(Form::Table { table: None, columns, out }, fields)
    }

    pub(crate) fn json(fields: Option<Fields>, out: &'a mut dyn Write) -> Self {
        Self::new(Form::Json(out), fields)
    }

    pub(crate) fn ndjson(fields: Option<Fields>, out: &'a mut dyn Write) -> Self {
        Self::new(Form::Ndjson(out), fields)
    }

    pub(crate) fn csv(dialect: Dialect, fields: Option<Fields>, out: &'a mut dyn Write) -> Self {
        let mut builder = WriterBuilder::new();
        if dialect == Dialect::Excel {
            builder.delimiter(b';').terminator(Terminator::CRLF);
        }
        Self::new(Form::Csv(dialect, Box::new(builder.from_writer(out))), fields)
    }

    fn new(form: Form<'a>, fields: Option<Fields>) -> Self {
        let has_extra = fields.is_none();
        Self { form, fields, has_extra, items: 0 }
    }

    /// Writes items. The fields of the first ones are the columns, unless the user chose some.
    pub(crate) fn add(&mut self, items: &[Item]) -> io::Result<()> {
        let is_first = self.items == 0 && !items.is_empty();
        if is_first && matches!(self.form, Form::Table { .. } | Form::Csv(..)) {
            let fields = self.fields.get_or_insert_with(|| Fields::of_items(items));
            if let Form::Csv(dialect, writer) = &mut self.form {
                let names = fields.iter().map(Field::name).chain(self.has_extra.then_some(EXTRA));
                csv_file::write_head(writer, *dialect, names)?;
            }
        }
        let fields = self.fields.as_ref();
        for item in items {
            match (&mut self.form, fields) {
                (Form::Table { table, columns, out }, Some(fields)) => {
                    let table = table.get_or_insert_with(|| Table::new(fields.iter().map(column), *columns));
                    table.add([fields.iter().map(|field| text(field, item))].into_iter(), *out)?;
                }
                (Form::Csv(dialect, writer), Some(fields)) => {
                    for field in fields.iter() {
                        csv_file::cell(writer, *dialect, &text(field, item), is_id(field))?;
                    }
                    if self.has_extra {
                        csv_file::cell(writer, *dialect, &unknown(fields, item)?, false)?;
                    }
                    csv_file::end_row(writer)?;
                }
                (Form::Json(out), fields) => {
                    out.write_all(if self.items == 0 { b"[\n" } else { b",\n" })?;
                    write_json(fields, item, *out)?;
                }
                (Form::Ndjson(out), fields) => {
                    write_json(fields, item, *out)?;
                    out.write_all(b"\n")?;
                }
                (Form::Table { .. } | Form::Csv(..), None) => {}
            }
            self.items += 1;
        }
        Ok(())
    }

    /// The reader of a pipe gets each page as it comes.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match &mut self.form {
            Form::Table { out, .. } | Form::Json(out) | Form::Ndjson(out) => out.flush(),
            Form::Csv(_, writer) => writer.flush(),
        }
    }

    /// Writes what is held, of a listing that goes no further. An array stays open, because it is incomplete.
    pub(crate) fn leave(&mut self) -> io::Result<()> {
        if let Form::Table { table: Some(table), out, .. } = &mut self.form {
            table.end(*out)?;
        }
        self.flush()
    }

    /// Writes the end of a complete listing.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        match (&mut self.form, &self.fields) {
            (Form::Json(out), _) => out.write_all(if self.items == 0 { b"[]\n" } else { b"\n]\n" })?,
            (Form::Csv(dialect, writer), Some(fields)) if self.items == 0 => {
                csv_file::write_head(writer, *dialect, fields.iter().map(Field::name))?;
            }
            _ => {}
        }
        self.leave()
    }
}

impl Fields {
    /// All fields of these items, in the order in which they first occur. A reader needs the id and the name first.
    fn of_items(items: &[Item]) -> Self {
        let has = |name: &&str| items.iter().any(|item| item.get(name).is_some());
        let mut names: Vec<String> =
            ["id", "name"].iter().filter(|name| has(name)).map(ToString::to_string).collect();
        for (name, _) in items.iter().flat_map(|item| item.fields()) {
            if !names.iter().any(|known| *known == name) {
                names.push(name.into_owned());
            }
        }
        names.iter().map(|name| Field::from(name.as_str())).collect()
    }
}

/// A column for a field. Ids stay whole.
fn column(field: &Field) -> Column {
    let column = Column::from(field.name().to_uppercase().as_str()).if_any();
    match field.name() {
        "id" => column,
        "name" => column.cut_to(20),
        _ if is_id(field) => column.if_it_fits(),
        _ => column.cut_to(16).if_it_fits(),
    }
}

/// Whether its values name something: digits of it must not be lost.
fn is_id(field: &Field) -> bool {
    field.is_id() || field.name() == "id" || field.name().ends_with("Id")
}

/// The value of a field as the text of a cell. Empty if there is none.
fn text<'a>(field: &Field, item: &'a Item) -> Cow<'a, str> {
    match field.in_json(item.json()) {
        Some(json) if !json.is_null() => json.text().unwrap_or(Cow::Borrowed(json.as_str())),
        _ => Cow::Borrowed(""),
    }
}

/// The fields that have no column of their own, as a JSON object. Empty if there are none.
fn unknown(fields: &Fields, item: &Item) -> io::Result<String> {
    let mut text = String::new();
    for (name, value) in item.fields().filter(|(name, _)| fields.iter().all(|field| field.name() != name)) {
        text.push(if text.is_empty() { '{' } else { ',' });
        text.push_str(&serde_json::to_string(&name)?);
        text.push(':');
        text.push_str(&one_line(value.as_str()));
    }
    if !text.is_empty() {
        text.push('}');
    }
    Ok(text)
}

fn write_json(fields: Option<&Fields>, item: &Item, out: &mut dyn Write) -> io::Result<()> {
    match fields {
        Some(fields) => serde_json::to_writer(out, &Chosen(fields, item)).map_err(io::Error::from),
        None => out.write_all(one_line(item.json().as_str()).as_bytes()),
    }
}

/// JSON without the line ends between its values. A line end in a text is always escaped.
fn one_line(json: &str) -> Cow<'_, str> {
    match json.contains(['\n', '\r']) {
        true => Cow::Owned(json.replace(['\n', '\r'], " ")),
        false => Cow::Borrowed(json),
    }
}

/// The chosen fields of an item.
struct Chosen<'a>(&'a Fields, &'a Item);

impl Serialize for Chosen<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = |field: &Field| field.in_json(self.1.json()).unwrap_or(Json::NULL);
        serializer.collect_map(self.0.iter().map(|field| (field.name(), value(field))))
    }
}
