//! `[a TO b]`, `{a TO b}`, `>a`, `<=b`.

use lingshao_model::log::{Bound, LogQuery, Test};

use super::clause::{Parser, Target};
use super::note::DepartureKind;
use super::reader::Place;
use super::{Message, QueryError};

/// One end of a range as it was written.
struct End {
    text: String,
    is_open: bool,
    start: usize,
    end: usize,
}

impl Parser<'_, '_> {
    /// A range in brackets.
    pub(super) fn range(&mut self, target: &Target) -> Result<LogQuery, QueryError> {
        let open = self.reader.at;
        let includes_lower = self.take_mark() == Some('[');
        self.reader.skip_blanks();
        if self.reader.is_to() {
            return Err(self.reader.error(open, Message::MissingBound));
        }
        let lower = self.range_end()?;
        self.reader.skip_blanks();
        if !self.reader.is_to() {
            return Err(self.without_to(target, open, includes_lower));
        }
        self.reader.at += 2;
        let upper = self.range_end()?;
        self.reader.skip_blanks();
        let includes_upper = match self.reader.mark() {
            Some(']') => true,
            Some('}') => false,
            Some(_) => return Err(self.reader.error(open, Message::RangeWithoutTo)),
            None => return Err(self.reader.error(open, Message::UnclosedRange)),
        };
        if lower.start == lower.end || upper.start == upper.end {
            return Err(self.reader.error(open, Message::MissingBound));
        }
        self.take_mark();
        self.skip_boost()?;
        let lower = self.bound(target, &lower, includes_lower)?;
        let upper = self.bound(target, &upper, includes_upper)?;
        Ok(between(target, lower, upper))
    }

    fn without_to(&self, target: &Target, open: usize, includes_lower: bool) -> QueryError {
        let whole = &self.reader.whole()[open..];
        let inner = whole.find([']', '}', '］']).map(|end| &whole[..end]);
        let message = match (inner, &target.name) {
            (Some(inner), Some(field)) if !includes_lower && inner.contains(':') => {
                Message::NestedQuery { field: field.clone() }
            }
            (Some(_), _) => Message::RangeWithoutTo,
            (None, _) => Message::UnclosedRange,
        };
        self.reader.error(open, message)
    }

    /// Up to a blank or a bracket; in the box up to `TO` or a bracket, so that `2025-06-15 08:30` needs no quotes.
    fn range_end(&mut self) -> Result<End, QueryError> {
        self.reader.skip_blanks();
        let start = self.reader.at;
        if self.reader.mark() == Some('"') {
            let text = self.quoted()?;
            return Ok(End { text, is_open: false, start, end: self.reader.at });
        }
        let (mut text, mut is_escaped) = (String::new(), false);
        let mut end = start;
        while let (Some(raw), Some(mark)) = (self.reader.raw(), self.reader.mark()) {
            match mark {
                ']' | '}' => break,
                '\\' => {
                    text.push(self.reader.escape()?);
                    is_escaped = true;
                }
                mark if mark.is_whitespace() => {
                    self.reader.skip_blanks();
                    let is_last = matches!(self.reader.mark(), None | Some(']' | '}')) || self.reader.is_to();
                    if !self.reader.is_box() || is_last {
                        break;
                    }
                    text.push(' ');
                    continue;
                }
                mark => {
                    text.push(if mark == '*' { mark } else { raw });
                    self.reader.bump();
                }
            }
            end = self.reader.at;
        }
        let is_open = text == "*" && !is_escaped;
        Ok(End { text, is_open, start, end })
    }

    fn bound(&self, target: &Target, end: &End, is_included: bool) -> Result<Bound, QueryError> {
        if end.is_open {
            return Ok(Bound::Open);
        }
        let value = self.value(target, &end.text, true, end.start, end.end)?;
        Ok(if is_included { Bound::Included(value) } else { Bound::Excluded(value) })
    }

    /// `>`, `>=`, `<`, `<=` and its value, with or without blanks between them.
    pub(super) fn comparison(&mut self, target: &Target) -> Result<LogQuery, QueryError> {
        let start = self.reader.at;
        self.note_full_width();
        let operator = self.reader.comparison().unwrap_or(">");
        let is_spaced = self.reader.skip_blanks();
        let from = self.reader.at;
        let text = match self.reader.mark() {
            Some('"') => self.quoted()?,
            _ => self.reader.term(Place::Value)?.text,
        };
        if text.is_empty() {
            return Err(self.reader.error(start, Message::MissingValue { field: target.shown() }));
        }
        if is_spaced {
            self.notes.departure(start, self.reader.at, DepartureKind::SpacedComparison);
        }
        let end = End { text, is_open: false, start: from, end: self.reader.at };
        let bound = self.bound(target, &end, operator.ends_with('='))?;
        self.skip_boost()?;
        Ok(match operator.starts_with('>') {
            true => between(target, bound, Bound::Open),
            false => between(target, Bound::Open, bound),
        })
    }
}

/// A range without ends asks only whether there is a value.
pub(super) fn between(target: &Target, lower: Bound, upper: Bound) -> LogQuery {
    match (lower, upper) {
        (Bound::Open, Bound::Open) => target.exists(),
        (lower, upper) => target.ask(Test::Range { lower, upper }),
    }
}
