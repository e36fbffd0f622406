//! Why the program ends with another code than 0: one message, its causes once, and what to do about it.

use std::fmt;
use std::process::ExitCode;

/// Who has to act: decides the exit code. Wrong usage (2) is clap's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// What was given to us is wrong: a config, an expression, an address that may not be opened.
    Input,
    /// The machine refused: a busy port, an unwritable folder, a held lock, a server that does not answer.
    Environment,
}

/// An error with its causes, each behind a colon.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The end of a command that could not do its work.
#[derive(Debug)]
pub(crate) struct Failure {
    fault: Fault,
    error: anyhow::Error,
    remedy: Option<String>,
}

impl Failure {
    /// The input is wrong: exit code 1.
    pub(crate) fn input(error: impl Into<anyhow::Error>) -> Failure {
        Failure { fault: Fault::Input, error: error.into(), remedy: None }
    }

    /// The environment failed: exit code 3.
    pub(crate) fn environment(error: impl Into<anyhow::Error>) -> Failure {
        Failure { fault: Fault::Environment, error: error.into(), remedy: None }
    }

    /// Adds what the person can do about it.
    pub(crate) fn remedy(self, remedy: impl Into<String>) -> Failure {
        Failure { remedy: Some(remedy.into()), ..self }
    }

    /// What the shell gets.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self.fault {
            Fault::Input => ExitCode::from(1),
            Fault::Environment => ExitCode::from(3),
        }
    }
}

/// `error: WHAT: CAUSE`, and the remedy indented below.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {:#}", self.error)?;
        match &self.remedy {
            Some(remedy) => write!(f, "\n  {remedy}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::{Context, anyhow};

    #[test]
    fn a_failure_reads_cause_by_cause_with_its_remedy_below() {
        let cause: Result<(), _> = Err(anyhow!("address already in use"));
        let failure = Failure::environment(cause.context("cannot listen on 127.0.0.1:9090").unwrap_err())
            .remedy("stop the other program, or choose another address with --listen");
        assert_eq!(
            failure.to_string(),
            "error: cannot listen on 127.0.0.1:9090: address already in use\n  \
             stop the other program, or choose another address with --listen"
        );
    }
}
