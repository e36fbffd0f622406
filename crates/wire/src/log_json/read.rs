//! An object into the fields of a record.

use lingshao_model::log::LogValue;

use super::draft::{Draft, Place};
use super::names::Key;
use super::scan::{Fault, FigureValue, Scanner};
use super::{DEPTH_MAX, NAME_BYTES_MAX};

type Result<T> = std::result::Result<T, Fault>;

/// Reads an object, the scanner standing on its brace, into a draft.
pub(super) fn object(scanner: &mut Scanner<'_>, draft: &mut Draft<'_>) -> Result<()> {
    let mut path = std::mem::take(&mut draft.scratch.path);
    let unescaped = std::mem::take(&mut draft.scratch.unescaped);
    path.clear();
    let mut reading = Reading { scanner, draft, unescaped };
    let outcome = reading.object(&mut path, 0, false);
    let unescaped = reading.unescaped;
    draft.scratch.unescaped = unescaped;
    draft.scratch.path = path;
    outcome
}

struct Reading<'a, 't, 'r> {
    scanner: &'a mut Scanner<'t>,
    draft: &'a mut Draft<'r>,
    unescaped: String,
}

impl Reading<'_, '_, '_> {
    /// `depth`: how many objects it stands in; `listed`: one of them in an array.
    fn object(&mut self, path: &mut String, depth: usize, listed: bool) -> Result<()> {
        self.scanner.expect(b'{', "expected an object")?;
        self.scanner.blanks();
        if self.scanner.eat(b'}') {
            self.draft.needs_source |= depth > 0;
            return Ok(());
        }
        let base = path.len();
        loop {
            self.member(path, depth, listed)?;
            path.truncate(base);
            self.scanner.blanks();
            if self.scanner.eat(b',') {
                self.scanner.blanks();
                continue;
            }
            return self.scanner.expect(b'}', "expected `,` or `}`");
        }
    }

    fn member(&mut self, path: &mut String, depth: usize, listed: bool) -> Result<()> {
        if depth > 0 {
            path.push('.');
        }
        let segment = path.len();
        self.scanner.string_onto(path)?;
        self.scanner.blanks();
        self.scanner.expect(b':', "expected `:` behind a name")?;
        self.scanner.blanks();
        if path.len() > NAME_BYTES_MAX || self.draft.names.is_full(path) {
            return self.left_out(path, segment, depth, listed);
        }
        let key = self.draft.names.key(path);
        // Columns are put together again at the dots.
        if key.dots != depth || path.len() == segment || (key.repeated && !listed) {
            self.draft.needs_source = true;
        }
        self.value(key, path, depth, listed)
    }

    fn value(&mut self, key: Key, path: &mut String, depth: usize, listed: bool) -> Result<()> {
        let start = self.scanner.at;
        let value = match self.scanner.peek() {
            Some(b'"') => LogValue::Text(self.scanner.string(&mut self.unescaped)?),
            Some(b'-' | b'0'..=b'9') => return self.number(key, path, listed),
            Some(b'{') => return self.inner(key, path, depth, listed),
            Some(b'[') => return self.array(key, path, depth, listed),
            _ => self.scanner.word()?.map_or(LogValue::Null, LogValue::Bool),
        };
        self.draft.leaf(key, path, value, &Place { token: start..self.scanner.at, listed });
        Ok(())
    }

    /// A name that the record has no room for. What is there is masked all the same, because `source` keeps it.
    #[cold]
    fn left_out(&mut self, path: &mut String, segment: usize, depth: usize, listed: bool) -> Result<()> {
        if !self.draft.muted {
            self.draft.drop_field(path);
        }
        let key = self.draft.names.left_out(&path[segment..]);
        path.truncate(segment);
        self.muted(true, |reading| reading.value(key, path, depth, listed))
    }

    /// Reads something that is not added, if `mute` says so.
    fn muted(&mut self, mute: bool, read: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let before = self.draft.muted;
        self.draft.muted |= mute;
        let outcome = read(self);
        self.draft.muted = before;
        outcome
    }

    fn number(&mut self, key: Key, path: &str, listed: bool) -> Result<()> {
        let start = self.scanner.at;
        let figure = self.scanner.number()?;
        self.draft.needs_source |= !figure.exact;
        let value = match figure.value {
            FigureValue::Int(value) => LogValue::Int(value),
            FigureValue::Float(value) => LogValue::Float(value),
            FigureValue::TooLarge => LogValue::Text(&self.scanner.text[start..self.scanner.at]),
        };
        self.draft.leaf(key, path, value, &Place { token: start..self.scanner.at, listed });
        Ok(())
    }

    /// An object that stands in another one or in an array.
    fn inner(&mut self, key: Key, path: &mut String, depth: usize, listed: bool) -> Result<()> {
        if depth + 1 >= DEPTH_MAX {
            return self.too_deep(key, path, listed);
        }
        let mute = self.draft.embedded && key.repeated && !listed;
        self.muted(mute, |reading| reading.object(path, depth + 1, listed))
    }

    fn array(&mut self, key: Key, path: &mut String, depth: usize, listed: bool) -> Result<()> {
        // An array in an array, or in an object of an array: its items alone do not tell where it ends.
        self.draft.needs_source |= listed;
        if depth + 1 >= DEPTH_MAX {
            return self.too_deep(key, path, listed);
        }
        let mute = self.draft.embedded && key.repeated && !listed;
        self.muted(mute, |reading| reading.items(key, path, depth))
    }

    fn items(&mut self, key: Key, path: &mut String, depth: usize) -> Result<()> {
        self.scanner.at += 1;
        self.scanner.blanks();
        if self.scanner.eat(b']') {
            self.draft.needs_source = true;
            return Ok(());
        }
        loop {
            self.scanner.blanks();
            match self.scanner.peek() {
                Some(b'{') => {
                    self.draft.needs_source = true;
                    self.inner(key, path, depth, true)?;
                }
                // One level deeper, so that arrays in arrays end somewhere.
                Some(b'[') => self.array(key, path, depth + 1, true)?,
                _ => self.value(key, path, depth, true)?,
            }
            self.scanner.blanks();
            if self.scanner.eat(b']') {
                return Ok(());
            }
            self.scanner.expect(b',', "expected `,` or `]`")?;
        }
    }

    /// Whatever stands here is kept as its own text.
    #[cold]
    fn too_deep(&mut self, key: Key, path: &str, listed: bool) -> Result<()> {
        let token = self.scanner.skip()?;
        self.draft.needs_source = true;
        let text = &self.scanner.text[token.clone()];
        self.draft.leaf(key, path, LogValue::Text(text), &Place { token, listed });
        Ok(())
    }
}
