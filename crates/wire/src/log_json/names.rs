//! Names of fields that were seen, so that a sender who repeats its order costs one comparison a name.

use std::collections::HashMap;

use super::FIELDS_MAX;
use super::dialect::{self, Role};
use crate::mask::{Masker, Named};

/// Names that are remembered: far more than a shop has fields; beyond, all are forgotten and learnt again.
const NAMES_MAX: usize = 20_000;

/// What is known of names, and which of them the record at hand has.
#[derive(Debug, Default)]
pub(super) struct Names {
    masker: Option<Masker>,
    known: Vec<Known>,
    numbers: HashMap<Box<str>, u32>,
    /// What stood at each place of the records before.
    order: Vec<u32>,
    place: usize,
    /// How many different names the record at hand has.
    distinct: usize,
    record: u64,
}

#[derive(Debug)]
struct Known {
    name: Box<str>,
    role: Role,
    named: Named,
    dots: usize,
    /// The last record that had it.
    record: u64,
    /// Where it stands among that record's fields, if it is one and no array.
    field: Option<usize>,
}

/// A name in the record at hand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    number: u32,
    pub(super) role: Role,
    /// Whether its value is masked for its name.
    pub(super) named: Named,
    /// Dots in the whole name.
    pub(super) dots: usize,
    /// Whether the record has had it before.
    pub(super) repeated: bool,
}

impl Names {
    pub(super) fn new(masker: Option<Masker>) -> Names {
        Names { masker, ..Names::default() }
    }

    /// Another record begins.
    pub(super) fn begin(&mut self) {
        if self.known.len() > NAMES_MAX {
            self.known.clear();
            self.numbers.clear();
            self.order.clear();
        }
        self.place = 0;
        self.distinct = 0;
        self.record += 1;
    }

    /// Whether the record cannot have this name beside all that it has.
    pub(super) fn is_full(&self, name: &str) -> bool {
        self.distinct >= FIELDS_MAX && !self.has(name)
    }

    /// The record has this name, too.
    #[inline]
    pub(super) fn key(&mut self, name: &str) -> Key {
        let number = match self.order.get(self.place) {
            Some(number) if *self.known[*number as usize].name == *name => *number,
            _ => self.elsewhere(name),
        };
        self.place += 1;
        let known = &mut self.known[number as usize];
        let repeated = known.record == self.record;
        known.record = self.record;
        if !repeated {
            known.field = None;
        }
        self.distinct += usize::from(!repeated);
        Key { number, role: known.role, named: known.named, dots: known.dots, repeated }
    }

    /// Where the record has it as a field already.
    pub(super) fn field(&self, key: Key) -> Option<usize> {
        self.known[key.number as usize].field
    }

    /// The record has it as a field now.
    #[inline]
    pub(super) fn set_field(&mut self, key: Key, place: usize) {
        self.known[key.number as usize].field = Some(place);
    }

    /// Whether the record has it.
    pub(super) fn has(&self, name: &str) -> bool {
        self.numbers.get(name).is_some_and(|number| self.known[*number as usize].record == self.record)
    }

    /// A name that is left out of the record: only what it says about its value is looked at.
    #[cold]
    pub(super) fn left_out(&self, name: &str) -> Key {
        Key { number: u32::MAX, role: Role::Plain, named: self.named(name), dots: 0, repeated: true }
    }

    fn named(&self, name: &str) -> Named {
        self.masker.as_ref().map_or(Named::Exempt, |masker| masker.named(name))
    }

    fn elsewhere(&mut self, name: &str) -> u32 {
        let number = self.number(name);
        match self.order.get_mut(self.place) {
            Some(place) => *place = number,
            None => self.order.push(number),
        }
        number
    }

    fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.known.len() as u32;
        let dots = name.bytes().filter(|byte| *byte == b'.').count();
        let (role, named) = (dialect::role(name), self.named(name));
        self.known.push(Known { name: name.into(), role, named, dots, record: 0, field: None });
        self.numbers.insert(name.into(), number);
        number
    }
}
