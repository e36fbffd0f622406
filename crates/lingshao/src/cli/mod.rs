//! What a person types. Flags win over `LINGSHAO_*` variables, these over the config file.
//!
//! Exit codes: 0 done, 1 the input is wrong, 2 wrong usage, 3 the environment failed.

mod backup;
mod check;
pub(crate) mod client;
mod health;
mod logs;
mod passwd;
mod query;
mod restore;
mod shop;
mod test_receiver;
mod test_rules;
mod upgrade;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::failure::Failure;
use crate::{demo, run};

/// One binary that watches an online shop: it scrapes, takes and keeps metrics, answers PromQL, judges rules and tells
/// people.
#[derive(Debug, Parser)]
#[command(
    name = "lingshao",
    version,
    max_term_width = 100,
    after_help = "Flags win over LINGSHAO_* environment variables, these over the config file.\n\
                  Exit codes: 0 done, 1 the input is wrong, 2 wrong usage, 3 the environment failed."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the server: scrapes, takes remote write, answers queries, judges rules, sends alerts
    ///
    /// Without --config it watches this host and itself. SIGHUP or POST /-/reload reads the config again, whole or
    /// not at all; SIGTERM finishes what is under way, syncs, and exits.
    Run(run::Arguments),
    /// Runs a demo shop with customers, and everything that watches it
    ///
    /// Nothing leaves this machine: the shop, its payment provider and the services that tell people are servers on
    /// 127.0.0.1. The folder holds the configuration that is in force, written as a shop would write it.
    Demo(demo::Arguments),
    /// Asks a running server for the value of a PromQL expression
    Query(query::Arguments),
    /// Finds log records on a running server
    ///
    /// The language is that of the log page: `level:ERROR`, `path:/api/v1/payments/* AND status_code:500`,
    /// `process_time:>2`, `支付失败`. Oldest first.
    Logs(logs::Arguments),
    /// Checks configs, rules and boards, and says what is wrong where, with the remedy
    Check(check::Arguments),
    /// Runs tests of what was configured
    #[command(subcommand)]
    Test(test_rules::Command),
    /// Looks at the shop's database with the eyes of the business monitors; changes nothing
    #[command(subcommand)]
    Shop(shop::Command),
    /// Asks a running server whether it is healthy; exits with 0 or 3
    Health(health::Arguments),
    /// Makes a backup of a data folder, also while a server runs on it
    ///
    /// Everything that was acknowledged before is in it: metrics, logs, silences, boards, the business monitors' ledger. The
    /// configuration is not. The file is read back and gets its name only when it is right and on disk.
    Backup(backup::Arguments),
    /// Makes a data folder of a backup
    ///
    /// The backup is verified first. The folder must be empty or not there; root gives the files to its owner.
    Restore(restore::Arguments),
    /// Says whether this version can take over from the one before; changes nothing
    ///
    /// Looks at the config, at the data folder and at state.db, also while the other version runs. Exits with 1 if `run`
    /// would refuse one of them.
    Upgrade(upgrade::Arguments),
    /// Makes the password hash for `web.users`
    ///
    /// Asks twice on a terminal, without echo; otherwise reads the first line of stdin.
    Passwd,
    /// Prints the version
    Version,
    /// Prints a completion script for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
}

/// What a finished command has to say besides what it printed.
pub(crate) enum Outcome {
    /// Exit code 0.
    Done,
    /// Exit code 1; everything has been said on stdout.
    Wrong,
}

/// Parses the arguments, does what they say, and reports a failure on stderr.
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(arguments) => run::run(arguments).map(|()| Outcome::Done),
        Command::Demo(arguments) => demo::run(arguments).map(|()| Outcome::Done),
        Command::Query(arguments) => query::run(&arguments).map(|()| Outcome::Done),
        Command::Logs(arguments) => logs::run(&arguments).map(|()| Outcome::Done),
        Command::Check(arguments) => check::run(&arguments),
        Command::Test(command) => test_rules::run(&command),
        Command::Shop(command) => shop::run(&command),
        Command::Health(arguments) => health::run(&arguments).map(|()| Outcome::Done),
        Command::Backup(arguments) => backup::run(&arguments).map(|()| Outcome::Done),
        Command::Restore(arguments) => restore::run(&arguments).map(|()| Outcome::Done),
        Command::Upgrade(arguments) => upgrade::run(&arguments),
        Command::Passwd => passwd::run().map(|()| Outcome::Done),
        Command::Version => {
            print(&format!("lingshao {}\n", env!("CARGO_PKG_VERSION"))).map(|()| Outcome::Done)
        }
        Command::Completions { shell } => completions(shell).map(|()| Outcome::Done),
    };
    match outcome {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Wrong) => ExitCode::from(1),
        Err(failure) => {
            // Nobody is left to tell when stderr is gone too.
            drop(writeln!(io::stderr(), "{failure}"));
            failure.exit_code()
        }
    }
}

/// Where a running server is asked.
#[derive(Debug, clap::Args)]
struct Server {
    /// Address of the server; name and password may stand in it (http://NAME:PASSWORD@HOST:PORT)
    #[arg(long, env = "LINGSHAO_URL", hide_env_values = true, default_value = "http://127.0.0.1:9090")]
    url: String,
}

/// The config file that is meant when none is named.
const CONFIG_DEFAULT: &str = "lingshao.yml";

fn config_default() -> PathBuf {
    PathBuf::from(CONFIG_DEFAULT)
}

fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "lingshao", &mut script);
    print(&String::from_utf8_lossy(&script))
}

/// Writes to stdout; a reader that has gone (`| head`) is no failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::environment(anyhow::Error::new(error).context("cannot write to stdout")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
