//! Members of an object whose names are all known.

use std::cell::RefCell;

use super::EsError;
use super::body::{Body, did_you_mean};
use crate::json::{Node, Value};

/// Getters note their names as known; [`Options::finish`] refuses the others.
pub(crate) struct Options<'o> {
    pub(crate) body: &'o Body<'o>,
    /// The object itself.
    pub(crate) node: &'o Node,
    /// What it is part of, for messages.
    pub(crate) what: &'o str,
    members: &'o [(String, Node)],
    known: RefCell<Vec<&'static str>>,
}

impl<'o> Options<'o> {
    /// The members of an object.
    pub(crate) fn new(body: &'o Body<'o>, node: &'o Node, what: &'o str) -> Result<Options<'o>, EsError> {
        let members = body.object(node, what)?;
        Ok(Options { body, node, what, members, known: RefCell::default() })
    }

    /// A member that is there and not `null`.
    pub(crate) fn get(&self, name: &'static str) -> Option<&'o Node> {
        self.known.borrow_mut().push(name);
        let found = self.members.iter().find(|(own, _)| own == name).map(|(_, node)| node);
        found.filter(|node| node.value != Value::Null)
    }

    /// Names that change nothing here.
    pub(crate) fn accept(&self, names: &[&'static str]) {
        self.known.borrow_mut().extend_from_slice(names);
    }

    /// A text, or a number or a boolean as it is written.
    pub(crate) fn text(&self, name: &'static str) -> Result<Option<String>, EsError> {
        self.get(name).map(|node| self.body.scalar(node, self.what)).transpose()
    }

    /// A whole number from 0 on.
    pub(crate) fn count(&self, name: &'static str) -> Result<Option<usize>, EsError> {
        self.get(name).map(|node| self.body.count(node, name)).transpose()
    }

    /// A number.
    pub(crate) fn number(&self, name: &'static str) -> Result<Option<f64>, EsError> {
        self.get(name).map(|node| self.body.number(node, name)).transpose()
    }

    /// `true` or `false`.
    pub(crate) fn flag(&self, name: &'static str) -> Result<Option<bool>, EsError> {
        self.get(name).map(|node| self.body.flag(node, name)).transpose()
    }

    /// A text that must be there.
    pub(crate) fn required(&self, name: &'static str) -> Result<String, EsError> {
        self.text(name)?
            .ok_or_else(|| self.body.content_error(self.node, &format!("[{}] Required [{name}]", self.what)))
    }

    /// Refuses names that nobody asked for.
    pub(crate) fn finish(&self) -> Result<(), EsError> {
        let known = self.known.borrow();
        match self.members.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some((name, node)) => {
                let reason = format!("[{}] unknown field [{name}]{}", self.what, did_you_mean(name, &known));
                Err(self.body.content_error(node, &reason))
            }
        }
    }
}
