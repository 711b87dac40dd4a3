//! The base values in force (RFC 8428, section 4.1).

use smol_str::SmolStr;

use crate::base_name::{check_full, check_part};
use crate::error::{Error, ErrorKind};
use crate::field::Field;
use crate::value::{Addend, Number};

/// The base values in force at a record: those of the record, and those of the records before it.
#[derive(Debug, Default)]
pub(crate) struct Bases {
    pub(crate) version: Option<u64>,
    pub(crate) name: String,
    pub(crate) time: Option<Addend>,
    pub(crate) unit: Option<SmolStr>,
    pub(crate) value: Option<Addend>,
    pub(crate) sum: Option<Addend>,
    pub(crate) content_format: Option<SmolStr>,
}

/// The version of RFC 8428.
pub(crate) const VERSION: u64 = 10;

/// Version 10 with the feature Secondary Units, whose code is 4: 10 + 2⁴ (RFC 9100, sections 2 and 4).
pub(crate) const VERSION_WITH_SECONDARY_UNITS: u64 = 26;

impl Bases {
    /// Sets the version, which must be the same in all records (section 4.4).
    ///
    /// Versions before 10 are those of drafts. RFC 8428 has examples with them, and refuses only what is newer.
    pub(crate) fn set_version(&mut self, number: &Number, record: usize) -> Result<(), Error> {
        let version = integer(number)
            .filter(|version| (1..=VERSION).contains(version) || *version == VERSION_WITH_SECONDARY_UNITS);
        let Some(version) = version else {
            return Err(wrong_version(
                "an unknown version: expected 10, or 26 with secondary units (RFC 9100)",
            ));
        };
        match self.version {
            None if record > 0 && version != VERSION => Err(wrong_version(
                "a version other than 10, which holds for the records before it: write it in the first record",
            )),
            Some(first) if first != version => {
                Err(wrong_version("a version other than a record before it: a pack has one version"))
            }
            _ => {
                self.version = Some(version);
                Ok(())
            }
        }
    }

    /// Sets the base name. It is checked once, and not again with each name after it.
    pub(crate) fn set_name(&mut self, name: &str) -> Result<(), Error> {
        if !name.is_empty() {
            check_full(name).map_err(|why| wrong_name("base name", Field::BaseName, &why))?;
        }
        name.clone_into(&mut self.name);
        Ok(())
    }

    /// Returns base name and name together (section 4.5.1).
    pub(crate) fn full_name(&self, name: &str) -> Result<Box<str>, Error> {
        if self.name.is_empty() {
            if name.is_empty() {
                let why = r#"has a name that is empty: add "n", or a base name in "bn""#;
                return Err(Error::in_record(ErrorKind::Name, why).of_field("n"));
            }
            check_full(name).map_err(|why| wrong_name("name", Field::Name, &why))?;
        } else {
            check_part(name).map_err(|why| wrong_name("name", Field::Name, &why))?;
        }
        let mut full = String::with_capacity(self.name.len() + name.len());
        full.push_str(&self.name);
        full.push_str(name);
        Ok(full.into_boxed_str())
    }

    /// Whether secondary units are allowed.
    pub(crate) fn has_secondary_units(&self) -> bool {
        self.version == Some(VERSION_WITH_SECONDARY_UNITS)
    }
}

/// Returns a number that is a whole one from 0, however it is written.
fn integer(number: &Number) -> Option<u64> {
    let double = number.to_f64();
    ((0.0..1e15).contains(&double) && double.fract() == 0.0).then_some(double as u64)
}

fn wrong_version(why: &str) -> Error {
    Error::in_record(ErrorKind::Version, format!("has in \"bver\" {why}")).of_field("bver")
}

fn wrong_name(thing: &str, field: Field, why: &str) -> Error {
    Error::in_record(ErrorKind::Name, format!("has a {thing} that {why}")).of_field(field.label())
}
