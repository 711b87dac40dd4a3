//! The places that values of settings come from, for messages in which the core names a variable.

/// The variables whose values come from another place.
#[derive(Debug, Default)]
pub(crate) struct Places(Vec<Place>);

/// Where a value is, in place of its variable.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) variable: &'static str,
    /// The place alone, after the name of the setting, such as `profile staging`.
    pub(crate) place: String,
    /// The setting in its place, such as `base_url in profile staging`.
    pub(crate) setting: String,
}

impl Places {
    /// The message with each variable replaced by the place that the value comes from.
    pub(crate) fn named(&self, message: &str) -> String {
        self.0.iter().fold(message.to_owned(), |message, Place { variable, place, setting }| {
            message.replace(&format!("({variable})"), &format!("({place})")).replace(variable, setting)
        })
    }
}

impl FromIterator<Place> for Places {
    fn from_iter<T: IntoIterator<Item = Place>>(places: T) -> Self {
        Self(places.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_replaced_in_parentheses_and_in_a_sentence() {
        let place = |variable, key: &str| Place {
            variable,
            place: "profile a".into(),
            setting: format!("{key} in profile a"),
        };
        let places: Places =
            [place("KPN_THINGS_BASE_URL", "base_url"), place("KPN_THINGS_GRIP_BASE_URL", "grip_base_url")]
                .into_iter()
                .collect();
        for (message, expected) in [
            ("the path (KPN_THINGS_BASE_URL)", "the path (profile a)"),
            ("KPN_THINGS_GRIP_BASE_URL is wrong", "grip_base_url in profile a is wrong"),
            (
                "check (KPN_THINGS_TENANT_ID, KPN_THINGS_BASE_URL)",
                "check (KPN_THINGS_TENANT_ID, base_url in profile a)",
            ),
        ] {
            assert_eq!(places.named(message), expected);
        }
    }
}
