//! Characters and words of a text: where a term ends, what a backslash means, what stands in quotes.

use super::{Dialect, Message, QueryError};

/// A place in a text. Copies look ahead.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    text: &'a str,
    pub(super) at: usize,
    dialect: Dialect,
}

/// Where a term stands, which decides where it ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It may turn out to be a field's name.
    Start,
    /// Behind `field:`, where a colon belongs to the value.
    Value,
    /// A path, which ends at a blank or at a bracket that it did not open.
    Path,
}

/// Text without quotes.
pub(super) struct Term {
    /// Without the backslashes of escapes.
    pub(super) text: String,
    /// A pattern of `*`, `?` and `\`: as `text`, but what was escaped still is, where it matters.
    pub(super) pattern: String,
    /// Unescaped `*` and `?`.
    pub(super) wildcards: usize,
    /// Whether anything was escaped: then it is no operator.
    pub(super) is_escaped: bool,
    /// Whether there is a slash behind the first character that was not escaped.
    pub(super) has_slash: bool,
    /// Whether there is a colon that was not escaped.
    pub(super) has_colon: bool,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Term {
    /// A word that may be an operator, as it was written.
    pub(super) fn bare(&self) -> &str {
        if self.is_escaped { "" } else { &self.text }
    }

    /// Whether it stands for anything at all.
    pub(super) fn is_star(&self) -> bool {
        self.wildcards > 0 && self.pattern.bytes().all(|byte| byte == b'*')
    }

    /// What stands before a `*` that is the only wildcard and the end.
    pub(super) fn as_prefix(&self) -> Option<&str> {
        if self.wildcards != 1 || !self.pattern.ends_with('*') || self.pattern.ends_with("\\*") {
            return None;
        }
        self.text.strip_suffix('*')
    }

    fn push(&mut self, character: char) {
        self.text.push(character);
        self.pattern.push(character);
    }

    fn push_escaped(&mut self, character: char) {
        self.is_escaped = true;
        self.text.push(character);
        if matches!(character, '*' | '?' | '\\') {
            self.pattern.push('\\');
        }
        self.pattern.push(character);
    }
}

impl<'a> Reader<'a> {
    pub(super) fn over(text: &'a str, dialect: Dialect) -> Reader<'a> {
        Reader { text, at: 0, dialect }
    }

    pub(super) fn whole(&self) -> &'a str {
        self.text
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(super) fn since(&self, start: usize) -> &'a str {
        &self.text[start..self.at]
    }

    pub(super) fn raw(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// The next character as it is meant: in the box, a full-width mark is its ASCII twin.
    pub(super) fn mark(&self) -> Option<char> {
        let raw = self.raw()?;
        Some(match self.dialect {
            Dialect::Box => twin(raw).unwrap_or(raw),
            Dialect::Elasticsearch => raw,
        })
    }

    pub(super) fn is_box(&self) -> bool {
        self.dialect == Dialect::Box
    }

    pub(super) fn bump(&mut self) {
        self.at += self.raw().map_or(0, char::len_utf8);
    }

    /// Whether there were any.
    pub(super) fn skip_blanks(&mut self) -> bool {
        let rest = self.rest();
        let trimmed = rest.trim_start();
        self.at += rest.len() - trimmed.len();
        trimmed.len() < rest.len()
    }

    /// Whether a word stands here, as a whole.
    pub(super) fn is_word(&self, word: &str) -> bool {
        let Some(behind) = self.rest().strip_prefix(word) else { return false };
        let next = Reader { at: self.at + word.len(), ..*self };
        behind.is_empty() || next.mark().is_some_and(|mark| self.ends_term(mark))
    }

    /// Whether the `TO` of a range stands here; the box takes it in any case.
    pub(super) fn is_to(&self) -> bool {
        let Some((word, behind)) = self.rest().split_at_checked(2) else { return false };
        let is_word = if self.is_box() { word.eq_ignore_ascii_case("TO") } else { word == "TO" };
        is_word && behind.chars().next().is_none_or(|next| next.is_whitespace() || "]}\"］“”".contains(next))
    }

    /// Whether a character ends a word that is no value.
    fn ends_term(&self, mark: char) -> bool {
        mark.is_whitespace()
            || matches!(mark, '(' | ')' | ':' | '^' | '[' | ']' | '"' | '{' | '}' | '~')
            || (mark == '!' && !self.is_box())
    }

    pub(super) fn error(&self, start: usize, message: Message) -> QueryError {
        QueryError { start, end: self.at.max(start), message }
    }

    /// Reads up to the end of a term; it may be empty.
    pub(super) fn term(&mut self, place: Place) -> Result<Term, QueryError> {
        let start = self.at;
        let mut term = Term {
            text: String::new(),
            pattern: String::new(),
            wildcards: 0,
            is_escaped: false,
            has_slash: false,
            has_colon: false,
            start,
            end: start,
        };
        let mut depth = 0_usize;
        while let (Some(raw), Some(mark)) = (self.raw(), self.mark()) {
            match mark {
                '\\' => {
                    term.push_escaped(self.escape()?);
                    continue;
                }
                '*' | '?' => {
                    term.wildcards += 1;
                    term.push(mark);
                }
                '(' if place == Place::Path => {
                    depth += 1;
                    term.push(raw);
                }
                ')' if place == Place::Path && depth > 0 => {
                    depth -= 1;
                    term.push(raw);
                }
                ')' => break,
                _ if place == Place::Path && !mark.is_whitespace() => term.push(raw),
                ':' if place == Place::Value || (raw != mark && !is_identifier(&term.text)) => {
                    term.has_colon |= raw == mark;
                    term.push(raw);
                }
                '!' if self.at == start => term.push(raw),
                _ if self.ends_term(mark) => break,
                _ => {
                    term.has_slash |= mark == '/' && self.at > start;
                    term.push(raw);
                }
            }
            self.bump();
        }
        term.end = self.at;
        Ok(term)
    }

    /// `\x` is x, `\u4e2d` is 中.
    pub(super) fn escape(&mut self) -> Result<char, QueryError> {
        let start = self.at;
        self.bump();
        let character = self.raw().ok_or_else(|| self.error(start, Message::NothingEscaped))?;
        self.bump();
        if character != 'u' {
            return Ok(character);
        }
        let digits =
            self.rest().get(..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).and_then(char::from_u32);
        let character = code.ok_or_else(|| self.error(start, Message::BadUnicode))?;
        self.at += 4;
        Ok(character)
    }

    /// What stands between the quote here and the one that closes it. In the box, a backslash before anything but a
    /// quote or a backslash stands for itself.
    pub(super) fn quoted(&mut self) -> Result<String, QueryError> {
        let start = self.at;
        let is_ascii = self.raw() == Some('"');
        let mut text = String::new();
        self.bump();
        loop {
            let (Some(raw), Some(mark)) = (self.raw(), self.mark()) else {
                return Err(self.error(start, Message::UnclosedQuote));
            };
            let escapes =
                !self.is_box() || self.rest().starts_with("\\\"") || self.rest().starts_with("\\\\");
            match mark {
                '\\' if escapes => {
                    text.push(self.escape().map_err(|error| match error.message {
                        Message::NothingEscaped => self.error(start, Message::UnclosedQuote),
                        _ => error,
                    })?);
                    continue;
                }
                '"' if raw == mark || !is_ascii => {
                    self.bump();
                    return Ok(text);
                }
                _ => text.push(raw),
            }
            self.bump();
        }
    }

    /// What stands between quotes, with all backslashes: a regular expression.
    pub(super) fn quoted_pattern(&mut self) -> Result<&'a str, QueryError> {
        let start = self.at;
        let mut is_escaped = false;
        let length = self.rest()[1..].bytes().position(|byte| {
            let ends = byte == b'"' && !is_escaped;
            is_escaped = byte == b'\\' && !is_escaped;
            ends
        });
        let Some(length) = length else {
            self.at = self.text.len();
            return Err(self.error(start, Message::UnclosedQuote));
        };
        self.at += length + 2;
        Ok(&self.text[start + 1..=start + length])
    }

    /// Takes `>`, `>=`, `<`, `<=`.
    pub(super) fn comparison(&mut self) -> Option<&'static str> {
        let sign = self.mark().filter(|mark| matches!(mark, '>' | '<'))?;
        self.bump();
        let is_inclusive = self.raw() == Some('=');
        if is_inclusive {
            self.bump();
        }
        Some(match (sign, is_inclusive) {
            ('>', false) => ">",
            ('>', true) => ">=",
            (_, false) => "<",
            (_, true) => "<=",
        })
    }

    /// If one regular expression stands here between slashes: where its second slash is. `/a/b` is a path, and so is
    /// what would reach over an operator or into another field.
    pub(super) fn regex_end(&self) -> Option<usize> {
        let inner = &self.rest()[1..];
        let mut is_escaped = false;
        let length = inner.bytes().position(|byte| {
            let ends = byte == b'/' && !is_escaped;
            is_escaped = byte == b'\\' && !is_escaped;
            ends
        })?;
        let content = &inner[..length];
        let behind = inner[length + 1..].chars().next();
        let ends = behind.is_none_or(|next| next.is_whitespace() || matches!(next, ')' | '）' | '^'));
        let is_one = !content.contains(char::is_whitespace)
            || !(content.contains([':', '：']) || content.split_whitespace().any(is_operator));
        (ends && is_one && !content.is_empty()).then_some(self.at + 1 + length)
    }
}

/// An operator in any case: a boundary that no regular expression reaches over.
fn is_operator(word: &str) -> bool {
    ["and", "or", "not", "&&", "||"].iter().any(|operator| word.eq_ignore_ascii_case(operator))
}

/// Whether a text is how fields are named in programs.
pub(super) fn is_identifier(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || matches!(first, '_' | '@'))
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.@-".contains(&byte))
}

/// The ASCII mark that a Chinese keyboard writes wide.
fn twin(raw: char) -> Option<char> {
    Some(match raw {
        '：' => ':',
        '“' | '”' | '＂' => '"',
        '（' => '(',
        '）' => ')',
        '［' => '[',
        '］' => ']',
        '＞' => '>',
        '＜' => '<',
        '＊' => '*',
        _ => return None,
    })
}
