//! What is wrong with a file, where, and how to put it right.

use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

use super::Position;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file is used; something in it is not what its author may think.
    Warning,
}

/// One finding. Displays as `FILE:LINE:COL: error [lint] SUBJECT: message`, the remedy indented below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file as the user named it.
    pub file: PathBuf,
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
    /// Error or warning.
    pub severity: Severity,
    /// The lint's name, for findings that come from one.
    pub lint: Option<&'static str>,
    /// What it is about: a job, a rule, a panel.
    pub subject: Option<String>,
    /// What is wrong, naming the key.
    pub message: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{}:{}:{}: {severity}", self.file.display(), self.line, self.column)?;
        if let Some(lint) = self.lint {
            write!(f, " [{lint}]")?;
        }
        if let Some(subject) = &self.subject {
            write!(f, " {}:", OneLine(subject))?;
        }
        write!(f, " {}", OneLine(&self.message))?;
        if let Some(remedy) = &self.remedy {
            write!(f, "\n    {remedy}")?;
        }
        Ok(())
    }
}

/// Text that may quote the file: a control character in it moves no cursor and begins no line.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character.is_control() {
            true => write!(f, "{}", character.escape_debug()),
            false => f.write_char(character),
        })
    }
}

/// Findings on one file, as they are made. Readers go on after an error, so that one run names all of them.
#[derive(Debug)]
pub struct Diagnostics {
    file: PathBuf,
    subject: Option<String>,
    found: Vec<Diagnostic>,
}

/// Findings after which no more are kept: a file of garbage must not make a report of its own size.
const FOUND_MAX: usize = 1000;

impl Diagnostics {
    /// For a file, named as the user named it.
    pub fn new(file: &Path) -> Diagnostics {
        Diagnostics { file: file.to_owned(), subject: None, found: Vec::new() }
    }

    /// What the next findings are about.
    pub fn set_subject(&mut self, subject: Option<String>) {
        self.subject = subject;
    }

    /// What the findings are about at present.
    pub fn subject(&self) -> Option<String> {
        self.subject.clone()
    }

    /// Adds an error.
    pub fn error(&mut self, at: Position, message: impl Into<String>, remedy: impl Into<String>) {
        self.add(Severity::Error, None, at, message.into(), remedy.into());
    }

    /// Adds a warning that comes from a lint.
    pub fn lint(
        &mut self,
        lint: &'static str,
        at: Position,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(Severity::Warning, Some(lint), at, message.into(), remedy.into());
    }

    /// Adds a warning.
    pub fn warning(&mut self, at: Position, message: impl Into<String>, remedy: impl Into<String>) {
        self.add(Severity::Warning, None, at, message.into(), remedy.into());
    }

    fn add(
        &mut self,
        severity: Severity,
        lint: Option<&'static str>,
        at: Position,
        message: String,
        remedy: String,
    ) {
        if self.found.len() >= FOUND_MAX && severity == Severity::Warning {
            return;
        }
        self.found.truncate(FOUND_MAX);
        self.found.push(Diagnostic {
            file: self.file.clone(),
            line: at.line,
            column: at.column,
            severity,
            lint,
            subject: self.subject.clone(),
            message,
            remedy: Some(remedy).filter(|remedy| !remedy.is_empty()),
        });
    }

    /// The file that is read.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Whether any error was found.
    pub fn has_errors(&self) -> bool {
        self.found.iter().any(|one| one.severity == Severity::Error)
    }

    /// All findings in the order of the text.
    pub fn finish(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|one| (one.line, one.column));
        self.found
    }
}
