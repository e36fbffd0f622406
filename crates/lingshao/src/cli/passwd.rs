//! `lingshao passwd`: from a password to the line that `web.users` takes.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use anyhow::{Context, anyhow};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::print;
use crate::failure::Failure;
use crate::security::access::hash_password;

/// Shorter ones are guessed.
const CHARACTERS_MIN: usize = 8;
/// Longer input is no password but a file sent here by mistake; with a name it has to fit into a Basic header.
const BYTES_MAX: usize = 512;

pub(crate) fn run() -> Result<(), Failure> {
    let stdin = io::stdin();
    let password = if stdin.is_terminal() {
        let first = ask(&stdin, "password: ")?;
        if first != ask(&stdin, "again: ")? {
            return Err(Failure::input(anyhow!("the two passwords differ")));
        }
        first
    } else {
        read_line(&stdin)?
    };
    if password.chars().count() < CHARACTERS_MIN {
        let error = anyhow!("the password is shorter than {CHARACTERS_MIN} characters");
        return Err(Failure::input(error).remedy("take a longer one"));
    }
    if BYTES_MAX < password.len() {
        let error = anyhow!("the password is longer than {BYTES_MAX} bytes");
        return Err(Failure::input(error).remedy("take a shorter one"));
    }
    let hash = hash_password(&password).map_err(Failure::environment)?;
    print(&format!("{hash}\n"))
}

fn read_line(stdin: &io::Stdin) -> Result<String, Failure> {
    let mut line = String::new();
    stdin
        .lock()
        .take(2 * BYTES_MAX as u64)
        .read_line(&mut line)
        .context("cannot read a password from stdin")
        .map_err(Failure::input)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Switches echo off while it lives.
struct Silence<'a> {
    stdin: &'a io::Stdin,
    before: Termios,
}

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        if let Err(error) = tcsetattr(self.stdin, OptionalActions::Now, &self.before) {
            tracing::warn!(%error, "cannot switch the terminal's echo on again; type `stty echo`");
        }
    }
}

fn ask(stdin: &io::Stdin, prompt: &str) -> Result<String, Failure> {
    let terminal = |error: rustix::io::Errno| {
        Failure::environment(anyhow::Error::new(error).context("cannot switch off the terminal's echo"))
    };
    let before = tcgetattr(stdin).map_err(terminal)?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    tcsetattr(stdin, OptionalActions::Flush, &silent).map_err(terminal)?;
    let silence = Silence { stdin, before };
    let mut stderr = io::stderr();
    let shown = write!(stderr, "{prompt}").and_then(|()| stderr.flush());
    shown.context("cannot write to stderr").map_err(Failure::environment)?;
    let line = read_line(stdin);
    drop(silence);
    drop(writeln!(stderr)); // The newline that was not echoed; the prompt before it was written.
    line
}
