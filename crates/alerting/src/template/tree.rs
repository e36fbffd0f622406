//! Parsed templates, and how Go writes their parts in errors.

use std::fmt;

use regex::Regex;

use super::functions::Function;
use super::number::quote;

/// Byte in the text.
pub(super) type Place = usize;

/// One template of a set.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    pub(super) name: String,
    /// The text in which it stands, for places in errors, shared by all that stand there.
    pub(super) source: std::sync::Arc<Source>,
    pub(super) root: Vec<Node>,
}

/// A text and the name under which it was parsed.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) text: String,
}

impl Source {
    /// `NAME:LINE:COLUMN` and the line; Go counts columns in bytes from 0.
    pub(super) fn location(&self, place: Place) -> (String, usize) {
        let before = &self.text[..place];
        let column = before.rfind('\n').map_or(place, |newline| place - newline - 1);
        let line = 1 + before.bytes().filter(|byte| *byte == b'\n').count();
        (format!("{}:{line}:{column}", self.name), line)
    }
}

#[derive(Clone, Debug)]
pub(super) enum Node {
    Text(String),
    Action { place: Place, pipe: Pipe },
    If(Branch),
    With(Branch),
    Range(Branch),
    Template { place: Place, name: String, pipe: Option<Pipe> },
    Break(Place),
    Continue(Place),
}

#[derive(Clone, Debug)]
pub(super) struct Branch {
    pub(super) place: Place,
    pub(super) pipe: Pipe,
    pub(super) body: Vec<Node>,
    pub(super) otherwise: Option<Vec<Node>>,
}

#[derive(Clone, Debug)]
pub(super) struct Pipe {
    pub(super) place: Place,
    /// `=` instead of `:=`.
    pub(super) assigns: bool,
    /// Names with their `$`.
    pub(super) variables: Vec<String>,
    pub(super) commands: Vec<Command>,
}

/// An operand and its arguments.
#[derive(Clone, Debug)]
pub(super) struct Command {
    pub(super) place: Place,
    /// At least one.
    pub(super) operands: Vec<Operand>,
}

#[derive(Clone, Debug)]
pub(super) struct Operand {
    pub(super) place: Place,
    pub(super) term: Term,
}

#[derive(Clone, Debug)]
pub(super) enum Term {
    Bool(bool),
    Text(Literal),
    Number(Number),
    Nil,
    Dot,
    Field(Vec<String>),
    Variable {
        name: String,
        fields: Vec<String>,
    },
    /// Fields of the value of something else.
    Chain(Box<Operand>, Vec<String>),
    Function(Function),
    Pipe(Box<Pipe>),
}

/// A quoted text.
#[derive(Clone, Debug)]
pub(super) struct Literal {
    /// As written, with its quotes.
    pub(super) quoted: String,
    pub(super) text: String,
    /// The compiled pattern, when it stands where a function takes one and is one.
    pub(super) pattern: Option<Regex>,
}

/// A constant that takes the type that is wanted.
#[derive(Clone, Debug)]
pub(super) struct Number {
    pub(super) written: String,
    pub(super) int: Option<i64>,
    pub(super) uint: Option<u64>,
    pub(super) float: Option<f64>,
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Node::Text(text) => f.write_str(text),
            Node::Action { pipe, .. } => write!(f, "{{{{{pipe}}}}}"),
            Node::If(branch) => write_branch(f, "if", branch),
            Node::With(branch) => write_branch(f, "with", branch),
            Node::Range(branch) => write_branch(f, "range", branch),
            Node::Template { name, pipe: None, .. } => write!(f, "{{{{template {}}}}}", quote(name)),
            Node::Template { name, pipe: Some(pipe), .. } => {
                write!(f, "{{{{template {} {pipe}}}}}", quote(name))
            }
            Node::Break(_) => f.write_str("{{break}}"),
            Node::Continue(_) => f.write_str("{{continue}}"),
        }
    }
}

fn write_branch(f: &mut fmt::Formatter<'_>, word: &str, branch: &Branch) -> fmt::Result {
    write!(f, "{{{{{word} {}}}}}", branch.pipe)?;
    branch.body.iter().try_for_each(|node| write!(f, "{node}"))?;
    if let Some(otherwise) = &branch.otherwise {
        f.write_str("{{else}}")?;
        otherwise.iter().try_for_each(|node| write!(f, "{node}"))?;
    }
    f.write_str("{{end}}")
}

impl fmt::Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.variables.is_empty() {
            let sign = if self.assigns { "=" } else { ":=" };
            write!(f, "{} {sign} ", self.variables.join(", "))?;
        }
        for (index, command) in self.commands.iter().enumerate() {
            write!(f, "{}{command}", if index > 0 { " | " } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, operand) in self.operands.iter().enumerate() {
            let blank = if index > 0 { " " } else { "" };
            match &operand.term {
                Term::Pipe(pipe) => write!(f, "{blank}({pipe})")?,
                _ => write!(f, "{blank}{operand}")?,
            }
        }
        Ok(())
    }
}

/// A pipeline stands without its parentheses, as in Go.
impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.term {
            Term::Bool(value) => write!(f, "{value}"),
            Term::Text(literal) => f.write_str(&literal.quoted),
            Term::Number(number) => f.write_str(&number.written),
            Term::Nil => f.write_str("nil"),
            Term::Dot => f.write_str("."),
            Term::Field(fields) => write_fields(f, fields),
            Term::Variable { name, fields } => f.write_str(name).and_then(|()| write_fields(f, fields)),
            Term::Chain(inner, fields) => {
                match &inner.term {
                    Term::Pipe(pipe) => write!(f, "({pipe})")?,
                    _ => inner.fmt(f)?,
                }
                write_fields(f, fields)
            }
            Term::Function(function) => f.write_str(function.name),
            Term::Pipe(pipe) => pipe.fmt(f),
        }
    }
}

fn write_fields(f: &mut fmt::Formatter<'_>, fields: &[String]) -> fmt::Result {
    fields.iter().try_for_each(|field| write!(f, ".{field}"))
}
