//! Changes of the account's devices between two list requests.

use crate::rule_error::ParseRuleError;
use crate::syntax::{Part, escape};
use crate::when::When;
use std::fmt;
use std::str::FromStr;

/// A change of the account's devices just before a list request.
///
/// The requests that list the account's own devices are counted from 1, from the moment the rule was added. Requests
/// that are refused, or that list a sub-customer's devices, do not count.
///
/// A rule is written as `WHEN=CHANGE`:
///
/// ```
/// use things_sim::{Change, ChangeRule, When};
///
/// let rule: ChangeRule = "every-10=remove:2".parse()?;
/// assert_eq!(rule, ChangeRule { when: When::Every(10), change: Change::Remove(2) });
/// assert_eq!(rule.to_string(), "every-10=remove:2");
/// # Ok::<(), things_sim::ParseRuleError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeRule {
    /// The list requests that the change precedes.
    pub when: When,
    /// The change.
    pub change: Change,
}

/// A change. The seed decides which devices, unless the change names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// `add:N`: adds this many generated devices.
    Add(usize),
    /// `remove:N`: removes this many devices.
    Remove(usize),
    /// `rename:N`: renames this many devices.
    Rename(usize),
    /// `return:N`: adds this many removed devices again, unchanged.
    Return(usize),
    /// `skip:N`: removes this many devices, and adds them again before the next list request.
    Skip(usize),
    /// `add-device:UUID,NAME`: adds this device.
    AddDevice {
        /// Its id. A device with the same id is replaced.
        uuid: String,
        /// Its name.
        name: String,
    },
    /// `remove-device:UUID[,UUID]*`: removes the devices with these ids.
    RemoveDevices(Vec<String>),
    /// `rename-device:UUID,NAME`: renames the device with this id.
    RenameDevice {
        /// Its id.
        uuid: String,
        /// Its new name.
        name: String,
    },
    /// `return-device:UUID[,UUID]*`: adds the removed devices with these ids again, unchanged.
    ReturnDevices(Vec<String>),
}

impl FromStr for ChangeRule {
    type Err = ParseRuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rule = Part::of(text);
        match rule.split_once('=') {
            Some((when, change)) => Ok(Self { when: When::read(when)?, change: Change::read(change)? }),
            None => Err(without_when(rule)),
        }
    }
}

/// The error for a rule without `=`.
fn without_when(rule: Part<'_>) -> ParseRuleError {
    const EXPECTED: &str = "use WHEN=CHANGE, as in every-10=remove:2";
    if rule.is_empty() {
        return rule.missing("the rule", EXPECTED);
    }
    match (Change::read(rule), When::read(rule)) {
        (Ok(_), _) => rule.error("WHEN is missing", EXPECTED).suggest(format!("every-10={}", rule.text())),
        (_, Ok(_)) => rule.missing("the change", EXPECTED),
        _ => rule.error(format!("`{}` is not a change", rule.text()), EXPECTED),
    }
}

impl fmt::Display for ChangeRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.when, self.change)
    }
}

impl FromStr for Change {
    type Err = ParseRuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::read(Part::of(text))
    }
}

/// An example of each change.
const FORMS: &[&str] = &[
    "add:2",
    "remove:2",
    "rename:2",
    "return:2",
    "skip:2",
    "add-device:UUID,NAME",
    "remove-device:UUID[,UUID]*",
    "rename-device:UUID,NAME",
    "return-device:UUID[,UUID]*",
];

impl Change {
    fn read(part: Part<'_>) -> Result<Self, ParseRuleError> {
        let (name, Some(value)) = part.name_and_value() else {
            return Err(part.no_form("change", FORMS));
        };
        let name = name.text();
        let count = || value.positive(&format!("use a number of devices from 1, as in {name}:2"));
        let uuids = || {
            let uuids = value.split_commas();
            match uuids.iter().find(|uuid| uuid.is_empty()) {
                Some(uuid) => Err(uuid.missing("an id", format!("use ids, as in {name}:UUID,UUID"))),
                None => Ok(uuids.into_iter().map(Part::unescaped).collect()),
            }
        };
        let named = || {
            let expected = format!("use {name}:UUID,NAME; a comma inside a name is written \\,");
            match value.split_commas().as_slice() {
                [uuid, ..] if uuid.is_empty() => Err(uuid.missing("the id", expected)),
                [uuid, name] => Ok((uuid.unescaped(), name.unescaped())),
                [_] => Err(value.missing("the name", expected)),
                _ => Err(value.error("this is more than an id and a name", expected)),
            }
        };
        Ok(match name {
            "add" => Self::Add(count()?),
            "remove" => Self::Remove(count()?),
            "rename" => Self::Rename(count()?),
            "return" => Self::Return(count()?),
            "skip" => Self::Skip(count()?),
            "add-device" => named().map(|(uuid, name)| Self::AddDevice { uuid, name })?,
            "remove-device" => Self::RemoveDevices(uuids()?),
            "rename-device" => named().map(|(uuid, name)| Self::RenameDevice { uuid, name })?,
            "return-device" => Self::ReturnDevices(uuids()?),
            _ => return Err(part.no_form("change", FORMS)),
        })
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |uuids: &[String]| uuids.iter().map(|uuid| escape(uuid)).collect::<Vec<_>>().join(",");
        match self {
            Self::Add(count) => write!(f, "add:{count}"),
            Self::Remove(count) => write!(f, "remove:{count}"),
            Self::Rename(count) => write!(f, "rename:{count}"),
            Self::Return(count) => write!(f, "return:{count}"),
            Self::Skip(count) => write!(f, "skip:{count}"),
            Self::AddDevice { uuid, name } => write!(f, "add-device:{},{}", escape(uuid), escape(name)),
            Self::RemoveDevices(uuids) => write!(f, "remove-device:{}", list(uuids)),
            Self::RenameDevice { uuid, name } => write!(f, "rename-device:{},{}", escape(uuid), escape(name)),
            Self::ReturnDevices(uuids) => write!(f, "return-device:{}", list(uuids)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_written_as_they_are_read() {
        for text in [
            "always=add:1",
            "3=remove:2",
            "3-5=rename:2",
            "every-10=return:1",
            "5%=skip:1",
            r"2=add-device:u\,1,Pump A\, north",
            "2=remove-device:u-1,u-2",
            "2-=rename-device:u-1,",
            "4=return-device:u-1",
        ] {
            assert_eq!(text.parse::<ChangeRule>().unwrap().to_string(), text);
        }
    }
}
