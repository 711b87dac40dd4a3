//! Rows of Python as items of a run: all of them are checked before anything is sent.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyInt, PyIterator, PyList, PyString, PyTuple,
};
use things_core::{BulkItem as CoreItem, ExternalReference, Row, RowColumn, RowMistake};

use crate::arguments::refuse;
use crate::callback::{call, call_method};
use crate::item::BulkItem;

/// The number of wrong rows that a message shows. The exception has all of them.
const MOST_SHOWN: usize = 100;

/// How often a signal handler may run while rows are read that are not made by Python code.
const ROWS_PER_LOOK: usize = 4_096;

/// Reads all rows. `not_after` applies to those without their own.
pub(crate) fn all(rows: &Bound<'_, PyAny>, not_after: Option<SystemTime>) -> PyResult<Vec<CoreItem>> {
    let py = rows.py();
    let mut reader = Reader::default();
    for (index, row) in iterate(rows)?.enumerate() {
        if index % ROWS_PER_LOOK == 0 {
            py.check_signals()?;
        }
        reader.read(index, &row?)?;
    }
    if !reader.wrong.is_empty() {
        return Err(reader.refusal(py));
    }
    for item in &mut reader.items {
        item.not_after = item.not_after.or(not_after);
    }
    Ok(reader.items)
}

/// Reads one row.
pub(crate) fn one(row: &Bound<'_, PyAny>) -> PyResult<CoreItem> {
    item(row)?.map(|(item, _)| item).map_err(|mistakes| refuse(mistakes.join("; ")))
}

/// Reads a `not_after`: a time with an offset, as a `datetime` or as a text.
pub(crate) fn not_after(value: &Bound<'_, PyAny>) -> PyResult<SystemTime> {
    let text = time_text(value)?.ok_or_else(|| {
        let kind = kind(value);
        PyTypeError::new_err(format!(
            "not_after is of type {kind}: pass a datetime with a time zone, or a text"
        ))
    })?;
    CoreItem::parse_not_after(text.trim()).map_err(|error| refuse(error.to_string()))
}

/// Returns the rows one by one. What is not a sequence of rows gets advice.
fn iterate<'py>(rows: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyIterator>> {
    let advice = if rows.hasattr("to_dicts")? {
        "pass rows.to_dicts()"
    } else if rows.hasattr("to_dict")? && rows.hasattr("columns")? {
        "pass rows.to_dict('records')"
    } else if rows.is_instance_of::<PyString>() || rows.hasattr("__fspath__")? {
        "pass the rows themselves, such as csv.DictReader(file)"
    } else if rows.hasattr("keys")? || rows.is_instance_of::<BulkItem>() {
        "pass a list of rows, such as [rows]"
    } else if !rows.hasattr("__iter__")? && !rows.hasattr("__getitem__")? {
        "pass an iterable of mappings, such as a list of dict"
    } else {
        return rows.try_iter();
    };
    Err(PyTypeError::new_err(format!("rows is of type {}: {advice}", kind(rows))))
}

#[derive(Default)]
struct Reader {
    count: usize,
    items: Vec<CoreItem>,
    wrong: Vec<(usize, String)>,
    /// The row of each reference that is not generated. Two equal ones could not be told apart afterwards.
    references: HashMap<ExternalReference, usize>,
}

impl Reader {
    fn read(&mut self, index: usize, row: &Bound<'_, PyAny>) -> PyResult<()> {
        self.count += 1;
        let (item, is_own) = match item(row)? {
            Ok(item) => item,
            Err(mistakes) => {
                self.wrong.push((index, mistakes.join("; ")));
                return Ok(());
            }
        };
        if let Some(reference) = item.downlink.reference().filter(|_| is_own)
            && let Some(other) = self.references.insert(reference.clone(), index)
        {
            let text = format!("reference {:?} is also in rows[{other}]: keep one", reference.as_str());
            self.wrong.push((index, text));
        }
        self.items.push(item);
        Ok(())
    }

    /// The `InputError` with all wrong rows.
    fn refusal(self, py: Python<'_>) -> PyErr {
        let (count, rows) = (self.wrong.len(), self.count);
        let mut text = match count {
            1 => format!("1 row of {rows} is not valid, so nothing was sent:"),
            _ => format!("{count} of {rows} rows are not valid, so nothing was sent:"),
        };
        for (index, mistake) in self.wrong.iter().take(MOST_SHOWN) {
            text.push_str(&format!("\n  rows[{index}]: {mistake}"));
        }
        if count > MOST_SHOWN {
            text.push_str(&format!("\n  and {} more: see the attribute rows", count - MOST_SHOWN));
        }
        let error = refuse(text);
        let rows = PyTuple::new(py, self.wrong).and_then(|rows| error.value(py).setattr("rows", rows));
        rows.err().unwrap_or(error)
    }
}

/// An item and whether its reference is its own, or all mistakes of a row.
type Read = Result<(CoreItem, bool), Vec<String>>;

/// Reads one row. The outer error is an exception of the user's code.
fn item(row: &Bound<'_, PyAny>) -> PyResult<Read> {
    if let Ok(item) = row.cast::<BulkItem>() {
        return Ok(Ok((item.get().0.clone(), true)));
    }
    let mut cells = Cells::default();
    if let Ok(dict) = row.cast_exact::<PyDict>() {
        for (name, value) in dict.iter() {
            cells.set(&name, &value)?;
        }
    } else if row.hasattr("keys")? && row.hasattr("items")? {
        for pair in call_method(row, "items", ())?.try_iter()? {
            let (name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = pair?.extract()?;
            cells.set(&name, &value)?;
        }
    } else {
        let advice = format!("the row is of type {}: use a mapping, such as a dict", kind(row));
        return Ok(Err(vec![advice]));
    }
    cells.item()
}

/// The cells of a row, and what is wrong with them so far.
#[derive(Default)]
struct Cells {
    row: Row<'static>,
    mistakes: Vec<String>,
    /// The columns whose cells have a wrong type.
    unread: Vec<RowColumn>,
    /// Whether the payload came as bytes. The row has it in hex.
    has_bytes: bool,
}

impl Cells {
    fn set(&mut self, name: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let Ok(name) = name.cast::<PyString>() else {
            self.mistakes.push(format!("a column name is of type {}: use a str", kind(name)));
            return Ok(());
        };
        let name = name.to_string_lossy();
        if is_absent(value)? {
            return Ok(());
        }
        if name == "payload" {
            return self.set_payload(value);
        }
        let known = RowColumn::ALL.into_iter().find(|column| column.as_str() == name);
        match known.map_or_else(|| name.parse(), Ok) {
            Ok(column) => match text(column, value)? {
                Ok(text) => self.fill(column, text),
                Err(advice) => {
                    self.unread.push(column);
                    self.mistakes.push(format!("{column} is of type {}: {advice}", kind(value)));
                }
            },
            Err(error) => self.mistakes.push(error.to_string()),
        }
        Ok(())
    }

    fn set_payload(&mut self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let bytes = match value.cast::<PyBytes>() {
            Ok(bytes) => bytes.as_bytes().to_vec(),
            Err(_) if value.is_instance_of::<PyByteArray>() || is_named(value, "memoryview") => {
                let bytes = call(value.py().get_type::<PyBytes>().as_any(), (value,))?;
                bytes.extract()?
            }
            Err(_) => {
                let advice = if value.is_instance_of::<PyString>() {
                    "use bytes; hex digits go into hex, and a text into text"
                } else {
                    "use bytes"
                };
                self.mistakes.push(format!("payload is of type {}: {advice}", kind(value)));
                return Ok(());
            }
        };
        if bytes.is_empty() {
            self.mistakes.push("payload: must have 1 to 242 bytes, but it has 0".to_owned());
        }
        self.has_bytes = true;
        self.fill(RowColumn::Hex, bytes.iter().map(|byte| format!("{byte:02X}")).collect());
        Ok(())
    }

    fn fill(&mut self, column: RowColumn, text: String) {
        if text.trim().is_empty() {
            return;
        }
        if self.row.get(column).is_some() {
            self.mistakes.push(match column {
                RowColumn::Hex if self.has_bytes => "payload and hex are both filled in: keep one".to_owned(),
                _ => format!("{column} is given twice: keep one"),
            });
        }
        self.row.set(column, text);
    }

    fn item(mut self) -> PyResult<Read> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| refuse(format!("no randomness: {error}")))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = u64::try_from(now.as_millis()).unwrap_or_default();
        let is_own = self.row.get(RowColumn::Reference).is_some();
        let read = self.row.item(millis, u128::from_ne_bytes(random));
        Ok(match read {
            Ok(item) if self.mistakes.is_empty() => Ok((item, is_own)),
            Ok(_) => Err(self.mistakes),
            Err(error) => {
                // What seems to be missing may be in a cell that could not be read.
                let is_sure = |mistake: &&RowMistake| match mistake.column() {
                    Some(column) => !self.unread.contains(&column),
                    None => self.mistakes.is_empty(),
                };
                let found = error.mistakes().iter().filter(is_sure).map(|mistake| self.describe(mistake));
                let found: Vec<_> = found.collect();
                self.mistakes.extend(found);
                Err(self.mistakes)
            }
        })
    }

    fn describe(&self, mistake: &RowMistake) -> String {
        let mut text = mistake.to_string();
        // The advice on hex is for people who write it by hand.
        let is_payload = self.has_bytes && mistake.column() == Some(RowColumn::Hex);
        if is_payload {
            text.replace_range(.."hex".len(), "payload");
        }
        match mistake.advice().filter(|_| !is_payload) {
            Some(advice) => format!("{text} ({advice})"),
            None => text,
        }
    }
}

/// Whether a cell is empty: `None`, or what data frames have in its place.
fn is_absent(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    if value.is_none() {
        return Ok(true);
    }
    if let Ok(number) = value.cast::<PyFloat>() {
        return Ok(number.value().is_nan());
    }
    Ok(is_named(value, "NAType") || is_named(value, "NaTType"))
}

/// Returns a cell as text, or what to use instead.
fn text(column: RowColumn, value: &Bound<'_, PyAny>) -> PyResult<Result<String, &'static str>> {
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(Ok(text.to_string_lossy().into_owned()));
    }
    Ok(match column {
        RowColumn::Port => port(value)?.ok_or("use an int"),
        RowColumn::NotAfter => time_text(value)?.ok_or("use a datetime with a time zone, or a text"),
        RowColumn::Senml if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() => {
            static TO_JSON: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
            let to_json = TO_JSON.import(value.py(), "kpn_things._arguments", "to_json")?;
            Ok(call(to_json, (value, "senml"))?.extract()?)
        }
        RowColumn::Senml => Err("use a list of records, or their JSON"),
        RowColumn::DevEui if value.is_instance_of::<PyInt>() => {
            Err("use a str of 16 hex digits, such as format(dev_eui, '016X')")
        }
        RowColumn::Hex | RowColumn::Base64 if value.is_instance_of::<PyBytes>() => {
            Err("use a str; bytes go into payload")
        }
        RowColumn::Text if value.is_instance_of::<PyBytes>() => Err("use a str; bytes go into payload"),
        _ => Err("use a str"),
    })
}

/// A port: a whole number, also as the `float` that a data frame makes of it.
fn port(value: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    if value.is_instance_of::<PyBool>() {
        return Ok(None);
    }
    if let Ok(number) = value.cast::<PyFloat>() {
        let number = number.value();
        return Ok((number.fract() == 0.0 && number.abs() < 1e9).then(|| format!("{number:.0}")));
    }
    if !value.hasattr("__index__")? {
        return Ok(None);
    }
    Ok(Some(call_method(value, "__index__", ())?.str()?.to_string()))
}

/// A time as text: a `datetime`, or a text as it is.
fn time_text(value: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(Some(text.to_string_lossy().into_owned()));
    }
    if !value.hasattr("isoformat")? {
        return Ok(None);
    }
    call_method(value, "isoformat", ())?.extract().map(Some)
}

fn is_named(value: &Bound<'_, PyAny>, name: &str) -> bool {
    value.get_type().name().is_ok_and(|found| found == name)
}

fn kind(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map_or_else(|_| "unknown".to_owned(), |name| name.to_string())
}
