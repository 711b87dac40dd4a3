//! The options that say which messages a command writes, and in which colors.

use std::ffi::OsString;

use anstream::ColorChoice;
use anstyle::{AnsiColor, Style};
use clap::{Args, ValueEnum};

/// The heading of these options in the help of a command.
pub(crate) const HEADING: &str = "Messages";

/// Options of every command.
#[derive(Args, Debug, Clone, Copy, Default)]
#[command(next_help_heading = HEADING)]
pub(crate) struct Options {
    /// Show each request on stderr, with its status and time
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
    /// Show errors only: no summary, no progress, no warning
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// When to use colors; auto means on a terminal, unless NO_COLOR is set [default: auto]
    #[arg(long, global = true, value_name = "WHEN")]
    pub(crate) color: Option<When>,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq)]
pub(crate) enum When {
    Auto,
    Always,
    Never,
}

impl Options {
    /// The options of arguments that do not parse: only the color is looked for.
    pub(crate) fn of_broken_arguments(args: &[OsString]) -> Self {
        let mut args = args.iter().filter_map(|arg| arg.to_str());
        let when = args.find_map(|arg| match arg {
            "--color" => Some(None),
            _ => arg.strip_prefix("--color=").map(Some),
        });
        let when = when.and_then(|value| value.or_else(|| args.next()));
        Self { color: when.and_then(|when| When::from_str(when, true).ok()), ..Self::default() }
    }

    /// Whether messages are colored, where `auto` is what the terminal and the environment allow.
    pub(crate) fn is_colored(&self, auto: bool) -> bool {
        match self.color {
            Some(When::Always) => true,
            Some(When::Never) => false,
            Some(When::Auto) | None => auto,
        }
    }
}

/// Whether NO_COLOR, CLICOLOR, CLICOLOR_FORCE, TERM and the stream itself allow colors.
pub(crate) fn allows_colors(stream: &impl anstream::stream::RawStream) -> bool {
    anstream::AutoStream::choice(stream) != ColorChoice::Never
}

/// The labels at the start of a line that are colored.
const LABELS: [(&str, AnsiColor); 6] = [
    ("error:", AnsiColor::Red),
    ("warning:", AnsiColor::Yellow),
    ("hint:", AnsiColor::Cyan),
    ("ok:", AnsiColor::Green),
    ("accepted:", AnsiColor::Green),
    ("likely cause:", AnsiColor::Cyan),
];

/// Colors the label of each line that has one.
pub(crate) fn colored(message: &str) -> String {
    let line = |line: &str| {
        let label = LABELS.iter().find_map(|(label, color)| Some((label, color, line.strip_prefix(label)?)));
        match label {
            Some((label, color, rest)) => painted(label, *color) + rest,
            None => line.to_owned(),
        }
    };
    message.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// The text in bold and in this color.
pub(crate) fn painted(text: &str, color: AnsiColor) -> String {
    let style = Style::new().bold().fg_color(Some(color.into()));
    format!("{style}{text}{style:#}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_labels_at_the_start_of_a_line_are_colored() {
        let text = colored("error: no hint: here\nhint: look\nan error: no");
        assert_eq!(
            text,
            "\x1b[1m\x1b[31merror:\x1b[0m no hint: here\n\x1b[1m\x1b[36mhint:\x1b[0m look\nan error: no"
        );
    }

    #[test]
    fn the_color_is_found_in_arguments_that_do_not_parse() {
        let color = |args: &[&str]| {
            let args: Vec<OsString> = args.iter().map(Into::into).collect();
            Options::of_broken_arguments(&args).color
        };
        assert_eq!(color(&["things", "--color", "never", "nonsense"]), Some(When::Never));
        assert_eq!(color(&["things", "nonsense", "--color=always"]), Some(When::Always));
        assert_eq!((color(&["things", "--color"]), color(&["things", "--color", "red"])), (None, None));
    }

    #[test]
    fn the_option_overrides_what_the_terminal_allows() {
        let options = |color| Options { color, ..Options::default() };
        assert!(options(Some(When::Always)).is_colored(false));
        assert!(!options(Some(When::Never)).is_colored(true));
        assert!(options(None).is_colored(true) && !options(Some(When::Auto)).is_colored(false));
    }
}
