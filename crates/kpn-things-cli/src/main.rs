//! The binary `things`; all it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    things_cli::main(std::env::args_os()).into()
}
