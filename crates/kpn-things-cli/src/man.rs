//! `things man`: manual pages.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::console::Console;
use crate::failure::Failure;

/// Print the manual page, or write the pages of all commands
#[derive(Args)]
#[command(
    before_help = "\
Examples:
  things man | man -l -
  things man ~/.local/share/man/man1",
    after_help = "\
`man` finds the pages in a folder man1 of a directory that `manpath` lists. To add ~/.local/share/man, set \
`export MANPATH=~/.local/share/man:` in the profile of your shell. The colon at its end keeps the other directories."
)]
pub(crate) struct Manual {
    /// Directory for the pages things.1, things-devices-list.1 and so on
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
}

impl Manual {
    pub(crate) fn run(&self, console: &mut Console<'_>) -> Result<(), Failure> {
        let mut command = complete(crate::command()).disable_help_subcommand(true);
        command.build();
        let Some(directory) = &self.directory else {
            return Ok(console.out().write_all(&page(&command)?)?);
        };
        let failed = |path: &Path, error: std::io::Error| {
            Failure::Local(format!("{} cannot be written: {error}", path.display()))
        };
        fs::create_dir_all(directory).map_err(|error| failed(directory, error))?;
        let pages = all(&command);
        for command in &pages {
            let path = directory.join(Man::new((*command).clone()).get_filename());
            fs::write(&path, page(command)?).map_err(|error| failed(&path, error))?;
        }
        Ok(console.say(format_args!("{} pages written to {}", pages.len(), directory.display()))?)
    }
}

/// The command with the help of every argument, because a page leaves out what the short help does.
fn complete(command: Command) -> Command {
    command.mut_args(|arg| arg.hide_short_help(false)).mut_subcommands(complete)
}

/// The command and all below it.
fn all(command: &Command) -> Vec<&Command> {
    let below = command.get_subcommands().filter(|command| !command.is_hide_set()).flat_map(all);
    std::iter::once(command).chain(below).collect()
}

/// The manual page of a command, in roff.
fn page(command: &Command) -> Result<Vec<u8>, Failure> {
    let manual = Man::new(command.clone()).source(concat!("things ", env!("CARGO_PKG_VERSION")));
    let mut page = Vec::new();
    manual.render_title(&mut page)?;
    manual.render_name_section(&mut page)?;
    manual.render_synopsis_section(&mut page)?;
    manual.render_description_section(&mut page)?;
    if let Some(examples) = command.get_before_help() {
        let examples = examples.to_string();
        section("EXAMPLES", examples.trim_start_matches("Examples:\n"), &mut page)?;
    }
    manual.render_options_section(&mut page)?;
    if command.has_subcommands() {
        manual.render_subcommands_section(&mut page)?;
    }
    if let Some(notes) = command.get_after_long_help() {
        section("NOTES", &notes.to_string(), &mut page)?;
    }
    Ok(page)
}

/// Writes a section. Indented lines stay as they are, others are filled.
fn section(title: &str, text: &str, page: &mut Vec<u8>) -> Result<(), Failure> {
    let mut roff = Roff::new();
    roff.control("SH", [title]);
    let mut filled = true;
    for line in text.lines() {
        if line.is_empty() {
            roff.control("PP", []);
            continue;
        }
        let fill = !line.starts_with("  ");
        if fill != filled {
            roff.control(if fill { "fi" } else { "nf" }, []);
            filled = fill;
        }
        roff.text([roman(line)]);
        if fill {
            roff.control("br", []);
        }
    }
    if !filled {
        roff.control("fi", []);
    }
    Ok(roff.to_writer(page)?)
}
