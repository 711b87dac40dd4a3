//! The help of all commands: a short one for `-h`, and a complete one for `--help`, `things help` and the man pages.

use clap::{Arg, Args, Command};

use crate::{messages, settings};

/// The order of a command's help: examples first, because most readers look for one to copy.
const HELP: &str = "{about-with-newline}\n{before-help}{usage-heading} {usage}\n\n{all-args}{after-help}";

pub(crate) const EXAMPLES: &str = "\
Examples:
  things demo                               See it work; needs no account
  things auth check                         Find out which setting is wrong
  things devices list --search Parking      List devices with a text in the name
  things devices list --csv > devices.csv   Write all devices to a file
  things downlink send 0059AC0000181EB6 --port 1 --hex 0102 --reference valve-42
  things downlink bulk valves.csv           Send the downlinks of a file";

/// What overrides what, from the highest precedence to the lowest.
const PRECEDENCE: &str = "\
Precedence of settings, highest first:
  1. options
  2. the Postman file or profile that an option names
  3. variables
  4. the Postman file or profile that a variable names, if no option names one
  5. the profile `default`, if nothing above sets a key id or names a file
  6. defaults";

/// What the environment changes, in addition to the settings that are options.
const ENVIRONMENT: &str = "\
Environment:
  HTTPS_PROXY, ALL_PROXY        HTTP proxy for https; percent-encode user and
                                password
  NO_PROXY                      Hosts to reach directly: domains, addresses and
                                networks, with a port or without
  SSL_CERT_FILE, SSL_CERT_DIR   Certificates to trust on Linux; or --ca-bundle
  NO_COLOR                      Turns colors off";

/// The exit statuses and their meanings. The README has the same table.
const EXIT_STATUSES: &[(u8, &str)] = &[
    (0, "success, also if the reader closes the pipe (`| head`)"),
    (1, "failure; of many downlinks: some were not sent"),
    (2, "usage: an argument or setting is wrong, or a question has no answer; nothing was sent"),
    (3, "authentication: GRIP refused a token, or KPN Things rejected it"),
    (4, "a downlink has an unknown outcome: check before you send it again"),
    (5, "--verified, `devices diff`: the listing is not proven complete"),
    (6, "`devices diff --exit-status`: the listings differ"),
    (130, "interrupted by Ctrl-C, and no downlink was in flight"),
    (143, "ended by SIGTERM, and no downlink was in flight"),
];

const LINKS: &str = concat!(
    "Documentation: ",
    env!("CARGO_PKG_REPOSITORY"),
    "\nReport a bug: ",
    env!("CARGO_PKG_REPOSITORY"),
    "/issues"
);

/// Adds the help to the command line.
pub(crate) fn documented(command: Command) -> Command {
    let settings = settings();
    let statuses: String =
        EXIT_STATUSES.iter().map(|(status, meaning)| format!("\n  {status:<5}{meaning}")).collect();
    let long = format!(
        "Settings of every command that talks to the service. An option overrides the \
         variable behind it:\n{settings}\n\n{PRECEDENCE}\n\n{ENVIRONMENT}\n\nExit status:{statuses}"
    );
    complete(command.after_help(long))
        .after_help("All options, settings, exit statuses and links: things help")
}

/// Adds the help to a command and to those below it. The help of the command itself becomes its long help.
fn complete(command: Command) -> Command {
    let long = command.get_after_help().map(|text| format!("{text}\n\n")).unwrap_or_default();
    let short = match command.get_arguments().any(|arg| arg.get_help_heading() == Some(settings::HEADING)) {
        true => "See --help for settings (tenant, key, customer, timeout) and -v, -q, --color",
        false => "See --help for -v, -q and --color",
    };
    command
        .help_template(HELP)
        .mut_args(|arg| {
            let folded = is_folded(&arg);
            arg.hide_short_help(folded)
        })
        .after_help(short)
        .after_long_help(format!("{long}{LINKS}"))
        .mut_subcommands(complete)
}

/// Whether many commands have the argument, so that only their long help lists it.
fn is_folded(arg: &Arg) -> bool {
    arg.get_help_heading().is_some_and(|heading| [settings::HEADING, messages::HEADING].contains(&heading))
}

/// The settings as they are shown in the help of a command.
fn settings() -> String {
    // A manual page has 80 columns, whatever the terminal has that it is made in.
    let command =
        Command::new("settings").max_term_width(80).disable_help_flag(true).help_template("{options}");
    settings::Options::augment_args(command).render_help().to_string().trim_end().to_owned()
}
