//! The tables of the registries "SenML Units" and "Secondary Units" of the IANA.
//!
//! The order is that of the registries. The names in words are in the wording of the RFCs, in lower case.

use super::{Conversion, Unit};

/// Primary units (RFC 8428, section 12.1; RFC 8798, section 2).
#[rustfmt::skip]
pub(super) const PRIMARY: &[Unit] = &[
    primary("m", "meter", "RFC 8428"),
    primary("kg", "kilogram", "RFC 8428"),
    not_recommended("g", "gram", "RFC 8428"),
    primary("s", "second", "RFC 8428"),
    primary("A", "ampere", "RFC 8428"),
    primary("K", "kelvin", "RFC 8428"),
    primary("cd", "candela", "RFC 8428"),
    primary("mol", "mole", "RFC 8428"),
    primary("Hz", "hertz", "RFC 8428"),
    primary("rad", "radian", "RFC 8428"),
    primary("sr", "steradian", "RFC 8428"),
    primary("N", "newton", "RFC 8428"),
    primary("Pa", "pascal", "RFC 8428"),
    primary("J", "joule", "RFC 8428"),
    primary("W", "watt", "RFC 8428"),
    primary("C", "coulomb", "RFC 8428"),
    primary("V", "volt", "RFC 8428"),
    primary("F", "farad", "RFC 8428"),
    primary("Ohm", "ohm", "RFC 8428"),
    primary("S", "siemens", "RFC 8428"),
    primary("Wb", "weber", "RFC 8428"),
    primary("T", "tesla", "RFC 8428"),
    primary("H", "henry", "RFC 8428"),
    primary("Cel", "degrees Celsius", "RFC 8428"),
    primary("lm", "lumen", "RFC 8428"),
    primary("lx", "lux", "RFC 8428"),
    primary("Bq", "becquerel", "RFC 8428"),
    primary("Gy", "gray", "RFC 8428"),
    primary("Sv", "sievert", "RFC 8428"),
    primary("kat", "katal", "RFC 8428"),
    primary("m2", "square meter (area)", "RFC 8428"),
    primary("m3", "cubic meter (volume)", "RFC 8428"),
    not_recommended("l", "liter (volume)", "RFC 8428"),
    primary("m/s", "meter per second (velocity)", "RFC 8428"),
    primary("m/s2", "meter per square second (acceleration)", "RFC 8428"),
    primary("m3/s", "cubic meter per second (flow rate)", "RFC 8428"),
    not_recommended("l/s", "liter per second (flow rate)", "RFC 8428"),
    primary("W/m2", "watt per square meter (irradiance)", "RFC 8428"),
    primary("cd/m2", "candela per square meter (luminance)", "RFC 8428"),
    primary("bit", "bit (information content)", "RFC 8428"),
    primary("bit/s", "bit per second (data rate)", "RFC 8428"),
    primary("lat", "degrees latitude", "RFC 8428"),
    primary("lon", "degrees longitude", "RFC 8428"),
    primary("pH", "pH value (acidity; logarithmic quantity)", "RFC 8428"),
    primary("dB", "decibel (logarithmic quantity)", "RFC 8428"),
    primary("dBW", "decibel relative to 1 W (power level)", "RFC 8428"),
    not_recommended("Bspl", "bel (sound pressure level; logarithmic quantity)", "RFC 8428"),
    primary("count", "1 (counter value)", "RFC 8428"),
    primary("/", "1 (ratio, such as the value of a switch)", "RFC 8428"),
    not_recommended("%", "1 (ratio, such as the value of a switch)", "RFC 8428"),
    primary("%RH", "percentage (relative humidity)", "RFC 8428"),
    primary("%EL", "percentage (remaining battery energy level)", "RFC 8428"),
    primary("EL", "seconds (remaining battery energy level)", "RFC 8428"),
    primary("1/s", "1 per second (event rate)", "RFC 8428"),
    not_recommended("1/min", "1 per minute (event rate, \"rpm\")", "RFC 8428"),
    not_recommended("beat/min", "1 per minute (heart rate in beats per minute)", "RFC 8428"),
    not_recommended("beats", "1 (cumulative number of heart beats)", "RFC 8428"),
    primary("S/m", "siemens per meter (conductivity)", "RFC 8428"),
    primary("B", "byte (information content)", "RFC 8798"),
    primary("VA", "volt-ampere (apparent power)", "RFC 8798"),
    primary("VAs", "volt-ampere second (apparent energy)", "RFC 8798"),
    primary("var", "volt-ampere reactive (reactive power)", "RFC 8798"),
    primary("vars", "volt-ampere-reactive second (reactive energy)", "RFC 8798"),
    primary("J/m", "joule per meter (energy per distance)", "RFC 8798"),
    primary("kg/m3", "kilogram per cubic meter (mass density, mass concentration)", "RFC 8798"),
    not_recommended("deg", "degree (angle)", "RFC 8798"),
    primary("NTU", "nephelometric turbidity unit", "ISO 7027-1:2016"),
];

/// Secondary units (RFC 8798, section 3). The numbers multiply, divide, and are added.
#[rustfmt::skip]
pub(super) const SECONDARY: &[Unit] = &[
    secondary("ms", "millisecond", "RFC 8798", "s", [1.0, 1000.0, 0.0]),
    secondary("min", "minute", "RFC 8798", "s", [60.0, 1.0, 0.0]),
    secondary("h", "hour", "RFC 8798", "s", [3600.0, 1.0, 0.0]),
    secondary("MHz", "megahertz", "RFC 8798", "Hz", [1e6, 1.0, 0.0]),
    secondary("kW", "kilowatt", "RFC 8798", "W", [1000.0, 1.0, 0.0]),
    secondary("kVA", "kilovolt-ampere", "RFC 8798", "VA", [1000.0, 1.0, 0.0]),
    secondary("kvar", "kilovar", "RFC 8798", "var", [1000.0, 1.0, 0.0]),
    secondary("Ah", "ampere-hour", "RFC 8798", "C", [3600.0, 1.0, 0.0]),
    secondary("Wh", "watt-hour", "RFC 8798", "J", [3600.0, 1.0, 0.0]),
    secondary("kWh", "kilowatt-hour", "RFC 8798", "J", [3_600_000.0, 1.0, 0.0]),
    secondary("varh", "var-hour", "RFC 8798", "vars", [3600.0, 1.0, 0.0]),
    secondary("kvarh", "kilovar-hour", "RFC 8798", "vars", [3_600_000.0, 1.0, 0.0]),
    secondary("kVAh", "kilovolt-ampere-hour", "RFC 8798", "VAs", [3_600_000.0, 1.0, 0.0]),
    secondary("Wh/km", "watt-hour per kilometer", "RFC 8798", "J/m", [3.6, 1.0, 0.0]),
    secondary("KiB", "kibibyte", "RFC 8798", "B", [1024.0, 1.0, 0.0]),
    secondary("GB", "gigabyte", "RFC 8798", "B", [1e9, 1.0, 0.0]),
    secondary("Mbit/s", "megabit per second", "RFC 8798", "bit/s", [1e6, 1.0, 0.0]),
    secondary("B/s", "byte per second", "RFC 8798", "bit/s", [8.0, 1.0, 0.0]),
    secondary("MB/s", "megabyte per second", "RFC 8798", "bit/s", [8e6, 1.0, 0.0]),
    secondary("mV", "millivolt", "RFC 8798", "V", [1.0, 1000.0, 0.0]),
    secondary("mA", "milliampere", "RFC 8798", "A", [1.0, 1000.0, 0.0]),
    secondary("dBm", "decibel relative to 1 mW", "RFC 8798", "dBW", [1.0, 1.0, -30.0]),
    secondary("ug/m3", "microgram per cubic meter", "RFC 8798", "kg/m3", [1.0, 1e9, 0.0]),
    secondary("mm/h", "millimeter per hour", "RFC 8798", "m/s", [1.0, 3_600_000.0, 0.0]),
    secondary("m/h", "meter per hour", "RFC 8798", "m/s", [1.0, 3600.0, 0.0]),
    secondary("ppm", "parts per million", "RFC 8798", "/", [1.0, 1e6, 0.0]),
    secondary("/100", "percent", "RFC 8798", "/", [1.0, 100.0, 0.0]),
    secondary("/1000", "permille", "RFC 8798", "/", [1.0, 1000.0, 0.0]),
    secondary("hPa", "hectopascal", "RFC 8798", "Pa", [100.0, 1.0, 0.0]),
    secondary("mm", "millimeter", "RFC 8798", "m", [1.0, 1000.0, 0.0]),
    secondary("cm", "centimeter", "RFC 8798", "m", [1.0, 100.0, 0.0]),
    secondary("km", "kilometer", "RFC 8798", "m", [1000.0, 1.0, 0.0]),
    secondary("km/h", "kilometer per hour", "RFC 8798", "m/s", [10.0, 36.0, 0.0]),
    secondary("ppb", "parts per billion", "CoRE-1", "/", [1.0, 1e9, 0.0]),
    secondary("ppt", "parts per trillion", "CoRE-1", "/", [1.0, 1e12, 0.0]),
    secondary("VAh", "volt-ampere-hour", "CoRE-1", "VAs", [3600.0, 1.0, 0.0]),
    secondary("mg/l", "milligram per liter", "CoRE-1", "kg/m3", [1.0, 1000.0, 0.0]),
    secondary("ug/l", "microgram per liter", "CoRE-1", "kg/m3", [1.0, 1e6, 0.0]),
    secondary("g/l", "gram per liter", "CoRE-1", "kg/m3", [1.0, 1.0, 0.0]),
];

const fn primary(name: &'static str, description: &'static str, source: &'static str) -> Unit {
    Unit { name, description, source, recommended: true, conversion: None }
}

/// A unit that the registry marks with an asterisk: new devices should not send it.
const fn not_recommended(name: &'static str, description: &'static str, source: &'static str) -> Unit {
    Unit { name, description, source, recommended: false, conversion: None }
}

const fn secondary(
    name: &'static str,
    description: &'static str,
    source: &'static str,
    primary: &'static str,
    [multiply, divide, offset]: [f64; 3],
) -> Unit {
    let conversion = Some(Conversion { primary, multiply, divide, offset });
    Unit { name, description, source, recommended: true, conversion }
}
