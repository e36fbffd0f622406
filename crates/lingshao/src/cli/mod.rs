//! What a person types. Flags win over `LINGSHAO_*` variables, these over the config file.
//!
//! Exit codes: 0 done, 1 the input is wrong, 2 wrong usage, 3 the environment failed.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::failure::Failure;

/// One binary that watches an online shop.
#[derive(Debug, Parser)]
#[command(name = "lingshao", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Prints the version
    Version,
    /// Prints a completion script for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
}

/// Parses the arguments, does what they say, and reports a failure on stderr.
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Version => print(&format!("lingshao {}\n", env!("CARGO_PKG_VERSION"))),
        Command::Completions { shell } => completions(shell),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody is left to tell when stderr is gone too.
            drop(writeln!(io::stderr(), "{failure}"));
            failure.exit_code()
        }
    }
}

fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "lingshao", &mut script);
    print(&String::from_utf8_lossy(&script))
}

/// Writes to stdout; a reader that has gone (`| head`) is no failure.
fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::environment(error)),
        _ => Ok(()),
    }
}
