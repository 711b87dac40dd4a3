//! Units: the names that SenML knows, and how secondary units convert to primary ones.
//!
//! The [table](Unit::all) has the units of RFC 8428 (section 12.1), RFC 8798 and the two registries that these RFCs created:
//! "SenML Units" and "Secondary Units". A pack may use a secondary unit only in version 26 (RFC 9100, section 4).
//!
//! ```
//! use things_senml::units::{Kind, Unit};
//!
//! let speed = Unit::find("km/h").ok_or("an unknown unit")?;
//! assert_eq!((speed.kind(), speed.primary().name()), (Kind::Secondary, "m/s"));
//! assert_eq!(speed.to_primary(36.0), 10.0);
//! let celsius = Unit::find("Cel").ok_or("an unknown unit")?;
//! assert_eq!((celsius.kind(), celsius.description()), (Kind::Primary, "degrees Celsius"));
//! # Ok::<(), &str>(())
//! ```

mod table;

/// A unit of a registry of SenML.
#[derive(Debug, PartialEq)]
pub struct Unit {
    name: &'static str,
    description: &'static str,
    source: &'static str,
    recommended: bool,
    conversion: Option<Conversion>,
}

/// How a value in a secondary unit becomes one in a primary unit: times `multiply`, divided by `divide`, plus `offset`.
///
/// A scale such as 1/3600 is not exact as one double.
#[derive(Debug, PartialEq)]
struct Conversion {
    primary: &'static str,
    multiply: f64,
    divide: f64,
    offset: f64,
}

/// Whether a unit may be in any pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A unit that any pack may use (RFC 8428, section 12.1).
    Primary,
    /// A unit that is derived from a primary one (RFC 8798, section 3), for packs of version 26 (RFC 9100, section 4).
    Secondary,
}

impl Unit {
    /// Finds a unit by its name in SenML, such as `Cel`. `None` if no registry has it. Case matters.
    pub fn find(name: &str) -> Option<&'static Self> {
        table::SECONDARY.iter().chain(table::PRIMARY).find(|unit| unit.name == name)
    }

    /// All units: the primary ones, then the secondary ones, in the order of their registries.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        table::PRIMARY.iter().chain(table::SECONDARY)
    }

    /// The name in SenML, such as `Cel`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The name in words, such as `degrees Celsius`.
    pub fn description(&self) -> &'static str {
        self.description
    }

    /// Whether the unit is a primary or a secondary one.
    pub fn kind(&self) -> Kind {
        if self.conversion.is_some() { Kind::Secondary } else { Kind::Primary }
    }

    /// Whether new devices may send the unit. The registry advises against a few, and has a better one for each.
    pub fn is_recommended(&self) -> bool {
        self.recommended
    }

    /// The document that registered the unit, such as `RFC 8428`.
    pub fn source(&self) -> &'static str {
        self.source
    }

    /// The primary unit that [`to_primary`](Self::to_primary) converts to. A primary unit is its own.
    pub fn primary(&self) -> &Self {
        let primary = self.conversion.as_ref().and_then(|conversion| Self::find(conversion.primary));
        primary.unwrap_or(self)
    }

    /// The factor of the conversion to the primary unit, as the nearest double. It is 1 for a primary unit.
    pub fn scale(&self) -> f64 {
        self.conversion.as_ref().map_or(1.0, |conversion| conversion.multiply / conversion.divide)
    }

    /// What the conversion to the primary unit adds after scaling. It is 0 for a primary unit.
    pub fn offset(&self) -> f64 {
        self.conversion.as_ref().map_or(0.0, |conversion| conversion.offset)
    }

    /// Converts a value in this unit to the [primary](Self::primary) one.
    pub fn to_primary(&self, value: f64) -> f64 {
        match &self.conversion {
            Some(conversion) => value * conversion.multiply / conversion.divide + conversion.offset,
            None => value,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_registries_are_complete() {
        let count = |source: &str, kind| {
            Unit::all().filter(|unit| unit.source() == source && unit.kind() == kind).count()
        };
        assert_eq!(count("RFC 8428", Kind::Primary), 58);
        assert_eq!(count("RFC 8798", Kind::Primary), 8);
        assert_eq!(count("ISO 7027-1:2016", Kind::Primary), 1);
        assert_eq!(count("RFC 8798", Kind::Secondary), 33);
        assert_eq!(count("CoRE-1", Kind::Secondary), 6);
        let names: HashSet<_> = Unit::all().map(Unit::name).collect();
        assert_eq!(names.len(), Unit::all().count());
        for unit in Unit::all() {
            assert_eq!(Unit::find(unit.name()), Some(unit));
            assert_eq!(unit.primary().kind(), Kind::Primary, "{}", unit.name());
            assert!(!unit.description().is_empty());
        }
        assert_eq!(Unit::find("cel"), None);
    }

    #[test]
    fn units_that_the_registry_advises_against_are_known() {
        let not_recommended: Vec<_> =
            Unit::all().filter(|unit| !unit.is_recommended()).map(Unit::name).collect();
        assert_eq!(not_recommended, ["g", "l", "l/s", "Bspl", "%", "1/min", "beat/min", "beats", "deg"]);
    }

    #[test]
    fn values_convert_to_the_primary_unit() {
        for (value, unit, expected, primary) in [
            (1.0, "ms", 0.001, "s"),
            (1.5, "min", 90.0, "s"),
            (2.0, "h", 7200.0, "s"),
            (2.4, "MHz", 2_400_000.0, "Hz"),
            (1.0, "kWh", 3_600_000.0, "J"),
            (1.0, "Ah", 3600.0, "C"),
            (30.0, "dBm", 0.0, "dBW"),
            (1.0, "dBm", -29.0, "dBW"),
            (36.0, "km/h", 10.0, "m/s"),
            (3600.0, "mm/h", 0.001, "m/s"),
            (1013.25, "hPa", 101_325.0, "Pa"),
            (50.0, "/100", 0.5, "/"),
            (400.0, "ppm", 0.0004, "/"),
            (1.0, "KiB", 1024.0, "B"),
            (1.0, "MB/s", 8_000_000.0, "bit/s"),
            (10.0, "Wh/km", 36.0, "J/m"),
            (5.0, "g/l", 5.0, "kg/m3"),
            (21.5, "Cel", 21.5, "Cel"),
        ] {
            let found = Unit::find(unit).unwrap();
            assert_eq!((found.to_primary(value), found.primary().name()), (expected, primary), "{unit}");
        }
        let meters_per_hour = Unit::find("m/h").unwrap();
        assert_eq!((meters_per_hour.scale(), meters_per_hour.offset()), (1.0 / 3600.0, 0.0));
        assert_eq!(Unit::find("dBm").unwrap().offset(), -30.0);
    }
}
