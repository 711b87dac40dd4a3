//! Uplinks for `kpn_things.uplink`: verifies the token of a message, and reads the message.

use std::time::{Duration, SystemTime};

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyInt, PyMemoryView, PyString};
use things_senml::{Measurement as CoreMeasurement, Number, Pack, Record, Value};
use things_uplink::{DecodeError, Device, FieldError, Uplink as CoreUplink};

use crate::callback::{call, call_method};
use crate::item::time_to_python;
use crate::json::text_to_python;

/// A message that was read: its device, and what the device measured. Immutable.
///
/// The parts of it become Python objects when they are read first. Its `repr` shows no value.
#[pyclass(frozen, module = "kpn_things.uplink", name = "Uplink")]
pub(crate) struct Uplink {
    core: CoreUplink,
    body: Py<PyBytes>,
    now: f64,
}

#[pymethods]
impl Uplink {
    #[new]
    fn new(py: Python<'_>, body: Py<PyBytes>, now: f64) -> PyResult<Self> {
        let bytes = body.as_bytes(py);
        // A time out of range, or not a number, counts as 1970.
        let since_1970 = Duration::try_from_secs_f64(now).unwrap_or_default();
        let time = SystemTime::UNIX_EPOCH.checked_add(since_1970).unwrap_or(SystemTime::UNIX_EPOCH);
        let core = py
            .detach(|| CoreUplink::parse(bytes, time))
            .map_err(|error| raise(py, "UplinkParseError", &error.to_string()))?;
        Ok(Self { core, body, now })
    }

    /// The id of the device: a DevEUI as 16 upper-case hex digits, an IMEI, a UUID, or the base name as it was written.
    /// `None` if the message names no device.
    #[getter]
    fn device(&self) -> Option<String> {
        self.core.device().map(ToString::to_string)
    }

    /// The DevEUI of a LoRa device, as 16 upper-case hex digits.
    #[getter]
    fn dev_eui(&self) -> Option<String> {
        self.core.device().filter(|device| matches!(device, Device::DevEui(_))).map(ToString::to_string)
    }

    /// The IMEI of a cellular device.
    #[getter]
    fn imei(&self) -> Option<String> {
        self.core.device().filter(|device| matches!(device, Device::Imei(_))).map(ToString::to_string)
    }

    /// The UUID of the device at KPN Things, if the message names the device by it.
    #[getter]
    fn device_uuid(&self) -> Option<String> {
        self.core.device().filter(|device| matches!(device, Device::Uuid(_))).map(ToString::to_string)
    }

    /// The raw uplink of a LoRa device. `None` if the message has no payload.
    #[getter]
    fn lora(slf: &Bound<'_, Self>) -> Option<Lora> {
        slf.get().core.lora()?;
        Some(Lora(slf.clone().unbind()))
    }

    /// The location of the device. `None` if the message has neither a latitude nor a longitude.
    #[getter]
    fn location(slf: &Bound<'_, Self>) -> Option<Location> {
        slf.get().core.location()?;
        Some(Location(slf.clone().unbind()))
    }

    /// All measurements, in the order of their records, those of `lora` and `location` included.
    #[getter]
    fn measurements(slf: &Bound<'_, Self>) -> Vec<Measurement> {
        let count = slf.get().core.measurements().len();
        (0..count).map(|index| Measurement { uplink: slf.clone().unbind(), index }).collect()
    }

    /// What was tolerated although SenML forbids it, such as a number in a string, one sentence each.
    #[getter]
    fn leniencies(&self) -> Vec<String> {
        self.core.leniencies().iter().map(ToString::to_string).collect()
    }

    /// The measurements as rows for a data frame: a `dict` each, with `device`, `name`, `time` (nanoseconds since 1970, as
    /// `pandas.to_datetime` reads them), `unit`, and the value as `value` (a number), `text`, `flag` or `data`.
    fn rows<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let device = self.device();
        let rows = self.core.measurements().iter().map(|measurement| {
            let row = PyDict::new(py);
            row.set_item("device", &device)?;
            row.set_item("name", measurement.local_name())?;
            row.set_item("time", measurement.time().nanoseconds())?;
            row.set_item("unit", measurement.unit())?;
            let value = measurement.value();
            // A payload whose hex digits look like a number, such as 5e10, is none, although the resolver reads it as one.
            let number = value.and_then(as_number);
            let hex = number.filter(|_| measurement.local_name() == "payload").map(Number::as_str);
            row.set_item("value", number.filter(|_| hex.is_none()).map(Number::to_f64))?;
            row.set_item("text", hex.or(value.and_then(as_text)))?;
            row.set_item("flag", if let Some(Value::Boolean(flag)) = value { Some(*flag) } else { None })?;
            let data = if let Some(Value::Data(data)) = value { Some(data.bytes()) } else { None };
            row.set_item("data", data.map(|bytes| PyBytes::new(py, bytes)))?;
            Ok(row)
        });
        rows.collect()
    }

    /// Decodes the payload of a LoRa device: the measurements of the codec as an uplink of their own. `None` if the message has no
    /// payload or no port, or if the codec returns nothing.
    ///
    /// Args:
    ///     codec: A function of the port and the payload, which returns SenML records as dictionaries, such as
    ///         `[{"n": "temperature", "u": "Cel", "v": 21.5}]`. They are about the device, at the time of the payload.
    ///
    /// Raises:
    ///     UplinkFieldError: The payload or the port cannot be read.
    ///     UplinkParseError: The records are not SenML.
    fn decode(&self, py: Python<'_>, codec: &Bound<'_, PyAny>) -> PyResult<Option<Self>> {
        let mut failure = None;
        let decoded = self.core.decode_to_json(|port, payload| {
            let records =
                codec.call1((port, PyBytes::new(py, payload))).and_then(|records| records_of(&records));
            records.map_err(|error| {
                failure = Some(error);
                "the codec failed".into()
            })
        });
        match (decoded, failure) {
            (_, Some(error)) => Err(error),
            (Ok(None), None) => Ok(None),
            (Ok(Some(decoded)), None) => {
                Self::new(py, PyBytes::new(py, decoded.json.as_bytes()).unbind(), decoded.now.to_f64())
                    .map(Some)
            }
            (Err(error @ DecodeError::Field(_)), None) => {
                Err(raise(py, "UplinkFieldError", &error.to_string()))
            }
            (Err(error), None) => Err(raise(py, "UplinkParseError", &error.to_string())),
        }
    }

    fn __repr__(&self) -> String {
        let device = self.device().unwrap_or_else(|| "no device".to_owned());
        format!("<Uplink of {device}: {} measurements>", self.core.measurements().len())
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.core == other.core
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        (self.device(), self.core.measurements().len()).into_pyobject(py)?.hash()
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyAny>, (Py<PyBytes>, f64)) {
        let this = slf.get();
        (slf.get_type().into_any(), (this.body.clone_ref(slf.py()), this.now))
    }
}

/// Records from what a codec returned.
fn records_of(records: &Bound<'_, PyAny>) -> PyResult<Vec<Record>> {
    let py = records.py();
    let records: Vec<Bound<'_, PyDict>> = records
        .try_iter()
        .and_then(|records| records.map(|record| Ok(record?.cast_into::<PyDict>()?)).collect())
        .map_err(|_| {
            PyTypeError::new_err("the codec must return a list of dictionaries, one per SenML record")
        })?;
    if records.is_empty() {
        return Ok(Vec::new());
    }
    static DUMPS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let json: String = DUMPS.import(py, "json", "dumps")?.call1((records,))?.extract()?;
    let pack = Pack::from_json(&json);
    let pack = pack.map_err(|error| {
        raise(py, "UplinkParseError", &format!("the codec returned wrong records: {error}"))
    })?;
    Ok(pack.records().collect())
}

/// What a LoRa device sent, and what the network reports about it. A field that the message does not have is `None`.
#[pyclass(frozen, module = "kpn_things.uplink", name = "Lora")]
pub(crate) struct Lora(Py<Uplink>);

impl Lora {
    fn read<T>(
        &self,
        py: Python<'_>,
        field: impl for<'u> FnOnce(things_uplink::Lora<'u>) -> Result<Option<T>, FieldError>,
    ) -> PyResult<Option<T>> {
        let Some(lora) = self.0.get().core.lora() else { return Ok(None) };
        field(lora).map_err(|error| raise(py, "UplinkFieldError", &error.to_string()))
    }
}

#[pymethods]
impl Lora {
    #[new]
    fn new(uplink: Py<Uplink>) -> Self {
        Self(uplink)
    }

    /// The bytes of the payload.
    #[getter]
    fn payload<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let payload = self.read(py, |lora| lora.payload().map(Some))?;
        Ok(PyBytes::new(py, &payload.unwrap_or_default()))
    }

    /// The LoRaWAN port (FPort), 0 to 255.
    #[getter]
    fn port(&self, py: Python<'_>) -> PyResult<Option<u8>> {
        self.read(py, |lora| lora.port())
    }

    /// The uplink frame counter (`FCntUp`).
    #[getter]
    fn frame_counter_up(&self, py: Python<'_>) -> PyResult<Option<u32>> {
        self.read(py, |lora| lora.frame_counter_up())
    }

    /// The downlink frame counter (`FCntDn`).
    #[getter]
    fn frame_counter_down(&self, py: Python<'_>) -> PyResult<Option<u32>> {
        self.read(py, |lora| lora.frame_counter_down())
    }

    /// The received signal strength at the gateway (`LrrRSSI`), as it was reported.
    #[getter]
    fn rssi(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        self.read(py, |lora| lora.rssi())
    }

    /// The signal-to-noise ratio at the gateway (`LrrSNR`), as it was reported.
    #[getter]
    fn snr(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        self.read(py, |lora| lora.snr())
    }

    /// The estimated signal power at the gateway (`LrrESP`), as it was reported.
    #[getter]
    fn esp(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        self.read(py, |lora| lora.esp())
    }

    /// The spreading factor (`SpFact`), as it was reported.
    #[getter]
    fn spreading_factor(&self, py: Python<'_>) -> PyResult<Option<u8>> {
        self.read(py, |lora| lora.spreading_factor())
    }

    /// The time of the payload, in seconds since 1970.
    #[getter]
    fn time(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        self.read(py, |lora| Ok(lora.time()?.map(things_senml::Time::as_f64)))
    }

    /// The value of every other record of the device, known or not, by its name. Of a repeated name, the last value.
    #[getter]
    fn metadata<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let values = PyDict::new(py);
        if let Some(lora) = self.0.get().core.lora() {
            for (name, measurement) in lora.metadata() {
                values.set_item(name, value_to_python(py, measurement.value())?)?;
            }
        }
        Ok(values)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        match self.port(py) {
            Ok(Some(port)) => format!("<Lora on port {port}>"),
            _ => "<Lora>".to_owned(),
        }
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyAny>, (Py<Uplink>,)) {
        (slf.get_type().into_any(), (slf.get().0.clone_ref(slf.py()),))
    }
}

/// A location of a device. A field that the message does not have is `None`.
#[pyclass(frozen, module = "kpn_things.uplink", name = "Location")]
pub(crate) struct Location(Py<Uplink>);

impl Location {
    fn read<T>(
        &self,
        py: Python<'_>,
        field: impl for<'u> FnOnce(things_uplink::Location<'u>) -> Result<Option<T>, FieldError>,
    ) -> PyResult<Option<T>> {
        let Some(location) = self.0.get().core.location() else { return Ok(None) };
        field(location).map_err(|error| raise(py, "UplinkFieldError", &error.to_string()))
    }
}

#[pymethods]
impl Location {
    #[new]
    fn new(uplink: Py<Uplink>) -> Self {
        Self(uplink)
    }

    /// The latitude in degrees, -90 to 90.
    #[getter]
    fn latitude(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        self.read(py, |location| location.latitude())
    }

    /// The longitude in degrees, -180 to 180.
    #[getter]
    fn longitude(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        self.read(py, |location| location.longitude())
    }

    /// The radius, as it was reported.
    #[getter]
    fn radius(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        self.read(py, |location| location.radius())
    }

    /// When the device was there, in UTC.
    #[getter]
    fn time<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let time = self.read(py, |location| location.time())?;
        time.map(|time| time_to_python(py, time)).transpose()
    }

    fn __repr__(&self) -> &'static str {
        "<Location>"
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyAny>, (Py<Uplink>,)) {
        (slf.get_type().into_any(), (slf.get().0.clone_ref(slf.py()),))
    }
}

/// One resolved SenML record: it needs no other record to be understood. Immutable. Its `repr` shows no value.
#[pyclass(frozen, module = "kpn_things.uplink", name = "Measurement")]
pub(crate) struct Measurement {
    uplink: Py<Uplink>,
    index: usize,
}

impl Measurement {
    fn core(&self) -> PyResult<&CoreMeasurement> {
        let measurement = self.uplink.get().core.measurements().get(self.index);
        measurement.ok_or_else(|| PyValueError::new_err("the uplink has no such measurement"))
    }
}

#[pymethods]
impl Measurement {
    #[new]
    fn new(uplink: Py<Uplink>, index: usize) -> PyResult<Self> {
        let measurement = Self { uplink, index };
        measurement.core()?;
        Ok(measurement)
    }

    /// The name of the record without the base name, such as `temperature`. Empty if the record has none.
    #[getter]
    fn name(&self) -> PyResult<&str> {
        Ok(self.core()?.local_name())
    }

    /// The base name and the name, such as `urn:dev:DEVEUI:0059AC0000181EB6:temperature`.
    #[getter]
    fn full_name(&self) -> PyResult<&str> {
        Ok(self.core()?.name())
    }

    /// The time in seconds since 1970.
    #[getter]
    fn time(&self) -> PyResult<f64> {
        Ok(self.core()?.time().as_f64())
    }

    /// The time in nanoseconds since 1970. `None` if it is out of all range.
    #[getter]
    fn nanoseconds(&self) -> PyResult<Option<i128>> {
        Ok(self.core()?.time().nanoseconds())
    }

    /// Whether the message had no time, or one relative to the time at which it was received.
    #[getter]
    fn is_relative(&self) -> PyResult<bool> {
        Ok(self.core()?.time().is_relative())
    }

    /// The unit, such as `Cel`.
    #[getter]
    fn unit(&self) -> PyResult<Option<&str>> {
        Ok(self.core()?.unit())
    }

    /// The value: a number, a text, a boolean or bytes. `None` if the record has only a sum. A number that was written
    /// without a point or an exponent is an `int`.
    #[getter]
    fn value<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        value_to_python(py, self.core()?.value())
    }

    /// The digits of a number, all of them. `None` if the value is not a number.
    #[getter]
    fn digits(&self) -> PyResult<Option<&str>> {
        Ok(self.core()?.value().and_then(as_number).map(Number::as_str))
    }

    /// The integral of the value over time.
    #[getter]
    fn sum(&self) -> PyResult<Option<f64>> {
        Ok(self.core()?.sum().map(Number::to_f64))
    }

    /// The seconds until the next measurement of this name at the latest.
    #[getter]
    fn update_time(&self) -> PyResult<Option<f64>> {
        Ok(self.core()?.update_time().map(Number::to_f64))
    }

    /// The content format of a data value.
    #[getter]
    fn content_format(&self) -> PyResult<Option<&str>> {
        Ok(self.core()?.content_format())
    }

    /// The fields that no RFC defines, by their labels.
    #[getter]
    fn extra<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let extra = PyDict::new(py);
        for (label, json) in self.core()?.extra() {
            extra.set_item(label, text_to_python(py, json)?)?;
        }
        Ok(extra)
    }

    /// The index of the record in the message, from 0.
    #[getter]
    fn record(&self) -> PyResult<usize> {
        Ok(self.core()?.record())
    }

    fn __repr__(&self) -> PyResult<String> {
        let core = self.core()?;
        Ok(format!("<Measurement {:?} at {}>", core.local_name(), core.time()))
    }

    fn __eq__(&self, other: &Self) -> PyResult<bool> {
        Ok(self.core()? == other.core()?)
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        let core = self.core()?;
        (core.name(), core.time().as_str()).into_pyobject(py)?.hash()
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyAny>, (Py<Uplink>, usize)) {
        let this = slf.get();
        (slf.get_type().into_any(), (this.uplink.clone_ref(slf.py()), this.index))
    }
}

/// Returns an exception of `kpn_things.uplink`.
pub(crate) fn raise(py: Python<'_>, kind: &'static str, text: &str) -> PyErr {
    static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let make = || call(MAKE.import(py, "kpn_things.uplink._errors", "_from_native")?, (kind, text));
    make().map_or_else(|trouble| trouble, PyErr::from_value)
}

/// The bytes of a body. Text is refused, because a token belongs to bytes.
pub(crate) fn body<'py>(body: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    if let Ok(bytes) = body.cast::<PyBytes>() {
        return Ok(bytes.clone());
    }
    if let Ok(array) = body.cast::<PyByteArray>() {
        return Ok(PyBytes::new(body.py(), &array.to_vec()));
    }
    if body.cast::<PyMemoryView>().is_ok() {
        return Ok(call_method(body, "tobytes", ())?.cast_into::<PyBytes>()?);
    }
    Err(PyTypeError::new_err(format!(
        "body is of type {}: pass the bytes of the request as they were received",
        body.get_type().name()?
    )))
}

fn as_number(value: &Value) -> Option<&Number> {
    if let Value::Number(number) = value { Some(number) } else { None }
}

fn as_text(value: &Value) -> Option<&str> {
    if let Value::String(text) = value { Some(text) } else { None }
}

fn value_to_python<'py>(py: Python<'py>, value: Option<&Value>) -> PyResult<Bound<'py, PyAny>> {
    match value {
        None => Ok(py.None().into_bound(py)),
        Some(Value::Number(number)) => number_to_python(py, number),
        Some(Value::String(text)) => Ok(PyString::new(py, text).into_any()),
        Some(Value::Boolean(flag)) => Ok(flag.into_pyobject(py)?.to_owned().into_any()),
        Some(Value::Data(data)) => Ok(PyBytes::new(py, data.bytes()).into_any()),
    }
}

/// An `int` if the number has neither a point nor an exponent, and otherwise a `float`.
fn number_to_python<'py>(py: Python<'py>, number: &Number) -> PyResult<Bound<'py, PyAny>> {
    let digits = match number.to_f64() {
        double if double.fract() != 0.0 => return Ok(double.into_pyobject(py)?.into_any()),
        _ => number.as_str(),
    };
    if digits.contains(['.', 'e', 'E']) {
        return Ok(number.to_f64().into_pyobject(py)?.into_any());
    }
    if let Ok(whole) = digits.parse::<i64>() {
        return Ok(whole.into_pyobject(py)?.into_any());
    }
    // Python refuses to convert thousands of digits. Then a float has all that matter.
    let whole = py.get_type::<PyInt>().call1((digits,));
    whole.or_else(|_| Ok(number.to_f64().into_pyobject(py)?.into_any()))
}
