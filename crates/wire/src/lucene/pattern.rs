//! Single terms: words, phrases, wildcards, paths, regular expressions, fuzzy words.

use lingshao_model::log::{Case, FieldSelection, Join, LogQuery, QueryValue, Test};

use super::clause::{Parser, Target};
use super::note::{DepartureKind, HintKind};
use super::reader::{Place, Term};
use super::regex::to_rust;
use super::{Dialect, Fuzziness, Message, Operator, QueryError, REGEXES_MAX};

/// Largest slop: beyond it a phrase means no more than its words.
const SLOP_MAX: f32 = 10_000.0;

/// Characters that mean something in a regular expression; without any, a path was probably meant.
const REGEX_MARKS: &str = ".?+*|{}[]()\"\\#@&<>~^$";

impl Parser<'_, '_> {
    /// A term with what is attached to it.
    pub(super) fn term_query(&mut self, target: &Target, term: Term) -> Result<Option<LogQuery>, QueryError> {
        if term.has_slash {
            self.notes.departure(term.start, term.end, DepartureKind::SlashInWord);
        }
        if term.has_colon {
            self.notes.departure(term.start, term.end, DepartureKind::ColonInValue);
        }
        self.skip_boost()?;
        let edits = self.fuzziness(&term.text)?;
        self.skip_boost()?;
        if target.asks_existence() {
            return Ok(Some(target.existence_of(&term)));
        }
        if term.is_star() {
            return Ok(Some(target.exists()));
        }
        if term.wildcards > 0 {
            return self.wildcard(target, &term).map(Some);
        }
        match edits {
            Some(edits) if edits > 0 => {
                let prefix = self.options.fuzzy_prefix;
                Ok(Some(target.ask(Test::Fuzzy { text: term.text, edits, prefix })))
            }
            _ => self.word_query(target, &term),
        }
    }

    fn word_query(&mut self, target: &Target, term: &Term) -> Result<Option<LogQuery>, QueryError> {
        if target.fields == FieldSelection::Any && !holds_word(&term.text) {
            self.no_word(term);
            return Ok(None);
        }
        let value = self.value(target, &term.text, false, term.start, term.end)?;
        Ok(Some(match term.has_slash || term.has_colon {
            // Lucene has no such words; what was written as one stays together.
            true => self.phrase_of(target, value, 0),
            false => self.words(target, value),
        }))
    }

    /// Words as the dialect joins them.
    pub(super) fn words(&self, target: &Target, value: QueryValue) -> LogQuery {
        let is_one = value.number.is_some() || value.ip.is_some() || value.time.is_some();
        let join = match (self.options.dialect, self.options.default_operator) {
            _ if is_one || is_one_word(&value.text) => Join::Phrase { slop: 0 },
            (Dialect::Box, _) => Join::Phrase { slop: 0 },
            (Dialect::Elasticsearch, Operator::And) => Join::All,
            (Dialect::Elasticsearch, Operator::Or) => Join::Any,
        };
        target.ask(Test::Words { value, join, prefix_last: false, wordless: false, case: self.word_case() })
    }

    fn phrase_of(&self, target: &Target, value: QueryValue, slop: u32) -> LogQuery {
        let (join, case) = (Join::Phrase { slop }, self.word_case());
        target.ask(Test::Words { value, join, prefix_last: false, wordless: false, case })
    }

    /// `"a b"`, `"a b"~2`
    pub(super) fn phrase(&mut self, target: &Target) -> Result<Option<LogQuery>, QueryError> {
        let start = self.reader.at;
        let text = self.quoted()?;
        let end = self.reader.at;
        self.skip_boost()?;
        let slop =
            self.attached().map(|text| text.parse::<f32>().map_or(0, |slop| slop.min(SLOP_MAX) as u32));
        self.skip_boost()?;
        if target.asks_existence() {
            return Ok(Some(target.with_name(text).exists()));
        }
        let is_any = target.fields == FieldSelection::Any;
        if is_any && !holds_word(&text) && !self.reader.is_box() {
            return Ok(None);
        }
        let value = self.value(target, &text, false, start, end)?;
        Ok(Some(self.phrase_of(target, value, slop.unwrap_or(self.options.phrase_slop))))
    }

    fn wildcard(&self, target: &Target, term: &Term) -> Result<LogQuery, QueryError> {
        if !self.options.allow_leading_wildcard && term.pattern.starts_with(['*', '?']) {
            let (start, end) = (term.start, term.end);
            return Err(QueryError { start, end, message: Message::LeadingWildcard });
        }
        let case = self.pattern_case(target);
        Ok(target.ask(match term.as_prefix() {
            Some(text) => Test::Prefix { text: text.to_owned(), case },
            None => Test::Wildcard { pattern: term.pattern.clone(), case },
        }))
    }

    /// `/re/`, or a path.
    pub(super) fn slashed(&mut self, target: &Target) -> Result<LogQuery, QueryError> {
        let start = self.reader.at;
        if let Some(end) = self.reader.regex_end() {
            let source = &self.reader.rest()[1..end - start];
            self.reader.at = end + 1;
            if self.reader.is_box() && !source.contains(|mark| REGEX_MARKS.contains(mark)) {
                self.notes.hint(start, end + 1, HintKind::ReadAsRegex);
            }
            self.skip_boost()?;
            return self.regex(target, source, start);
        }
        let term = self.reader.term(Place::Path)?;
        self.notes.departure(start, term.end, DepartureKind::PathLiteral);
        if term.wildcards > 0 {
            return self.wildcard(target, &term);
        }
        // In free text a path stands among other words; a field of its own holds nothing else.
        let value = self.value(target, &term.text, false, start, term.end)?;
        if target.name.as_deref().is_none_or(|name| name == "message") {
            return Ok(self.phrase_of(target, value, 0));
        }
        Ok(target.ask(Test::Is { value, case: self.word_case() }))
    }

    /// `~"re"`
    pub(super) fn quoted_regex(&mut self, target: &Target) -> Result<LogQuery, QueryError> {
        let start = self.reader.at;
        if !self.reader.rest().starts_with("~\"") {
            return Err(self.wrong_mark(Message::Unexpected { character: '~' }));
        }
        self.reader.bump();
        let source = self.reader.quoted_pattern()?;
        self.skip_boost()?;
        self.regex(target, source, start)
    }

    fn regex(&mut self, target: &Target, source: &str, start: usize) -> Result<LogQuery, QueryError> {
        self.regexes += 1;
        if self.regexes > REGEXES_MAX {
            return Err(self.reader.error(start, Message::TooManyRegexes));
        }
        let pattern = to_rust(source).map_err(|error| self.reader.error(start, Message::Regex(error)))?;
        Ok(target.ask(Test::Regex { pattern, case: self.pattern_case(target) }))
    }

    /// What stands behind a `~`.
    fn attached(&mut self) -> Option<String> {
        if self.reader.mark() != Some('~') {
            return None;
        }
        self.reader.bump();
        let text = self.reader.rest();
        let length =
            text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b".:,".contains(byte)).count();
        self.reader.at += length;
        Some(text[..length].to_owned())
    }

    /// `~`, `~1`, `~AUTO`: how many edits of a text.
    fn fuzziness(&mut self, text: &str) -> Result<Option<u8>, QueryError> {
        let start = self.reader.at;
        let Some(written) = self.attached() else { return Ok(None) };
        let fuzziness = match written.as_str() {
            "" => self.options.fuzziness,
            written => {
                Fuzziness::read(written).ok_or_else(|| self.reader.error(start, Message::BadFuzziness))?
            }
        };
        Ok(Some(fuzziness.edits(text)))
    }

    fn word_case(&self) -> Case {
        match self.options.dialect {
            Dialect::Box => Case::Fold,
            Dialect::Elasticsearch => Case::Exact,
        }
    }

    /// Elasticsearch lower-cases patterns as it does the words of texts; `NAME.keyword` holds values as they are.
    fn pattern_case(&self, target: &Target) -> Case {
        let is_keyword = target.name.as_deref().is_some_and(|name| name.ends_with(".keyword"));
        if is_keyword { self.word_case() } else { Case::Fold }
    }
}

impl Target {
    /// `_exists_:pay*`
    fn existence_of(&self, term: &Term) -> LogQuery {
        match (term.is_star(), term.wildcards) {
            (true, _) => LogQuery::All,
            (_, 0) => self.with_name(term.text.clone()).exists(),
            _ => self.with_fields(FieldSelection::Several(vec![term.pattern.clone()])).exists(),
        }
    }
}

impl Fuzziness {
    /// Reads `AUTO`, `AUTO:3,6`, `1`; more than two edits are two, and a fraction is cut.
    pub fn read(text: &str) -> Option<Fuzziness> {
        let Some(bounds) = text.strip_prefix("AUTO").or_else(|| text.strip_prefix("auto")) else {
            let edits: f32 = text.parse().ok()?;
            // Between 0 and 2, so the cast is exact.
            return (edits >= 0.0).then_some(Fuzziness::Edits(edits.min(2.0) as u8));
        };
        if bounds.is_empty() {
            return Some(Fuzziness::Auto { low: 3, high: 6 });
        }
        let (low, high) = bounds.strip_prefix(':')?.split_once(',')?;
        Some(Fuzziness::Auto { low: low.parse().ok()?, high: high.parse().ok()? })
    }

    /// How many edits a word may have.
    pub fn edits(self, word: &str) -> u8 {
        let length = word.chars().count();
        match self {
            Fuzziness::Edits(edits) => edits.min(2),
            Fuzziness::Auto { low, .. } if length < low => 0,
            Fuzziness::Auto { high, .. } if length < high => 1,
            Fuzziness::Auto { .. } => 2,
        }
    }
}

/// Whether there is a letter or a digit in it.
fn holds_word(text: &str) -> bool {
    text.contains(|character: char| character.is_alphanumeric() || character == '_')
}

/// Whether it is surely not cut: then it does not matter how words are joined.
fn is_one_word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
