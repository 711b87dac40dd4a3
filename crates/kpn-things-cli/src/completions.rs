//! `things completions`: scripts with which a shell completes commands and options.

use clap::{Args, ValueEnum};
use clap_complete::Shell;

use crate::console::Console;
use crate::failure::Failure;

/// Print a completion script for a shell
#[derive(Args)]
#[command(
    before_help = "\
Examples:
  things completions bash > ~/.local/share/bash-completion/completions/things
  things completions zsh > \"${fpath[1]}/_things\"
  things completions fish > ~/.config/fish/completions/things.fish
  things completions powershell >> $PROFILE",
    after_help = "\
Start a new shell after you have installed the script. Bash needs the package bash-completion."
)]
pub(crate) struct Completions {
    /// Shell to print the script for
    #[arg(value_enum)]
    shell: Supported,
}

/// A shell with a completion script.
#[derive(Clone, Copy, ValueEnum)]
enum Supported {
    Bash,
    Zsh,
    Fish,
    #[value(name = "powershell")]
    PowerShell,
}

impl Completions {
    pub(crate) fn run(&self, console: &mut Console<'_>) -> Result<(), Failure> {
        let shell = match self.shell {
            Supported::Bash => Shell::Bash,
            Supported::Zsh => Shell::Zsh,
            Supported::Fish => Shell::Fish,
            Supported::PowerShell => Shell::PowerShell,
        };
        // A writer that fails would make the generator panic.
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut crate::command(), "things", &mut script);
        Ok(console.out().write_all(&script)?)
    }
}
