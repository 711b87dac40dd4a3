//! The settings that point a client at the simulator, as text for a shell or for a program.

use clap::ValueEnum;
use serde_json::{Map, Value};

use crate::shell::quoted;

/// Who reads the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Format {
    /// sh, bash, zsh
    #[default]
    Posix,
    /// PowerShell
    Powershell,
    /// cmd.exe
    Cmd,
    /// fish
    Fish,
    /// One JSON object. A variable to remove is an empty text, which counts as unset
    Json,
    /// NAME=value lines, for example for docker --env-file
    Dotenv,
}

/// The settings of a real account that would change what a client of the simulator does.
const REMOVED: [&str; 5] = [
    "KPN_THINGS_CUSTOMER_ID",
    "KPN_THINGS_SECURITY_CONTEXT",
    "KPN_THINGS_TOKEN_URL",
    "KPN_THINGS_POSTMAN_ENVIRONMENT",
    "KPN_THINGS_PROFILE",
];

impl Format {
    /// Returns the text that removes the settings of another account and sets these.
    pub(super) fn text(self, settings: &[(&'static str, String)]) -> String {
        let removed: Vec<_> =
            REMOVED.into_iter().filter(|name| settings.iter().all(|(set, _)| set != name)).collect();
        let lines = |line: fn(&str, &str) -> String| {
            settings.iter().map(|(name, value)| line(name, value)).collect::<String>()
        };
        match self {
            Self::Posix => {
                let set = lines(|name, value| format!("export {name}={}\n", quoted(value)));
                format!("unset {}\n{set}", removed.join(" "))
            }
            Self::Powershell => {
                let removed: Vec<_> = removed.iter().map(|name| format!("Env:{name}")).collect();
                let set = lines(|name, value| format!("$env:{name} = '{}'\n", in_powershell(value)));
                format!("Remove-Item -ErrorAction SilentlyContinue {}\n{set}", removed.join(", "))
            }
            Self::Cmd => {
                // `@` keeps a batch file from showing the secret. In a batch file, `%%` is one percent sign.
                let removed: String = removed.iter().map(|name| format!("@set \"{name}=\"\n")).collect();
                removed + &lines(|name, value| format!("@set \"{name}={}\"\n", value.replace('%', "%%")))
            }
            Self::Fish => {
                let set = lines(|name, value| {
                    let value = value.replace('\\', r"\\").replace('\'', r"\'");
                    format!("set -gx {name} '{value}'\n")
                });
                format!("set -e {}\n{set}", removed.join(" "))
            }
            Self::Json => {
                let removed = removed.iter().map(|name| (*name, String::new()));
                let all = removed.chain(settings.iter().cloned());
                let object: Map<String, Value> =
                    all.map(|(name, value)| (name.to_owned(), value.into())).collect();
                format!("{:#}\n", Value::Object(object))
            }
            Self::Dotenv => {
                let removed: String = removed.iter().map(|name| format!("{name}=\n")).collect();
                removed + &lines(|name, value| format!("{name}={value}\n"))
            }
        }
    }
}

/// Doubles what ends a text in single quotes. PowerShell also takes typographic quotes for one.
fn in_powershell(value: &str) -> String {
    let doubled = |letter: char| match letter {
        '\'' | '\u{2018}'..='\u{201B}' => [Some(letter), Some(letter)],
        letter => [Some(letter), None],
    };
    value.chars().flat_map(doubled).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shell_gets_its_own_quotes() {
        let settings = [("KPN_THINGS_KEY_SECRET", r"it's 50% \o/".to_owned())];
        let last = |format: Format| format.text(&settings).lines().last().map(str::to_owned);
        for (format, line) in [
            (Format::Posix, r"export KPN_THINGS_KEY_SECRET='it'\''s 50% \o/'"),
            (Format::Powershell, r"$env:KPN_THINGS_KEY_SECRET = 'it''s 50% \o/'"),
            (Format::Cmd, r#"@set "KPN_THINGS_KEY_SECRET=it's 50%% \o/""#),
            (Format::Fish, r"set -gx KPN_THINGS_KEY_SECRET 'it\'s 50% \\o/'"),
            (Format::Dotenv, r"KPN_THINGS_KEY_SECRET=it's 50% \o/"),
        ] {
            assert_eq!(last(format).as_deref(), Some(line), "{format:?}");
        }
    }

    #[test]
    fn a_variable_that_is_set_is_not_removed() {
        for format in Format::value_variants() {
            let text = format.text(&[("KPN_THINGS_CUSTOMER_ID", "mine".to_owned())]);
            assert_eq!(text.matches("KPN_THINGS_CUSTOMER_ID").count(), 1, "{text}");
            assert_eq!(text.matches("KPN_THINGS_PROFILE").count(), 1, "{text}");
        }
    }
}
