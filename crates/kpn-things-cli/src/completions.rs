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
  mkdir -p ~/.local/share/bash-completion/completions
  things completions bash > ~/.local/share/bash-completion/completions/things
  mkdir -p ~/.zfunc
  things completions zsh > ~/.zfunc/_things
  mkdir -p ~/.config/fish/completions
  things completions fish > ~/.config/fish/completions/things.fish
  things completions powershell >> $PROFILE",
    after_help = "\
Start a new shell after you have installed the script. Bash needs the package bash-completion. Zsh needs the line \
`fpath+=~/.zfunc` in ~/.zshrc, above the line with compinit. PowerShell creates a missing profile with \
`New-Item -Force $PROFILE`."
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
