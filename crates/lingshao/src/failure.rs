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

/// An error with its causes in one line, each behind a colon. Some say their cause themselves: nothing stands there twice.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    for cause in std::iter::successors(error.source(), |cause| cause.source()) {
        let more = cause.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
    }
    text.replace('\n', " ")
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
    fn a_cause_that_was_said_already_is_not_said_again() {
        let refused =
            anyhow!("connection refused").context("no answer: connection refused").context("line 1\nline 2");
        assert_eq!(with_causes(refused.as_ref()), "line 1 line 2: no answer: connection refused");
    }

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
