//! The grammar of `simple_query_string`: `+` and, `|` or, `-` not, `"…"~2` phrases, `word*`, `word~1`, brackets.
//!
//! No text is an error: what has no meaning where it stands is passed over, as in Lucene's `SimpleQueryParser`.

use lingshao_model::log::{Case, FieldSelection, FieldTest, Join, LogQuery, Test};

use super::{all, any, minimum};
use crate::es::body::{Body, QUERY_DEPTH_MAX};
use crate::es::params::shorten;
use crate::es::{EsError, dates};

/// Longest text: people type some hundred characters.
const TEXT_BYTES_MAX: usize = 16 << 10;

/// What the query sets.
pub(super) struct Setting {
    pub(super) fields: FieldSelection,
    pub(super) all: bool,
    pub(super) lenient: bool,
    pub(super) flags: Flags,
    pub(super) minimum: Option<String>,
    pub(super) prefix: usize,
}

impl Default for Setting {
    fn default() -> Setting {
        let fields = FieldSelection::Any;
        Setting { fields, all: false, lenient: false, flags: Flags(ALL), minimum: None, prefix: 0 }
    }
}

const AND: u16 = 1;
const NOT: u16 = 2;
const OR: u16 = 4;
const PREFIX: u16 = 8;
const PHRASE: u16 = 16;
const PRECEDENCE: u16 = 32;
const ESCAPE: u16 = 64;
const WHITESPACE: u16 = 128;
const FUZZY: u16 = 256;
const SLOP: u16 = 512;
const ALL: u16 = 1023;

/// Which signs mean something.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Flags(u16);

impl Flags {
    /// `ALL`, `NONE`, `AND|PREFIX`
    pub(super) fn read(text: &str) -> Result<Flags, EsError> {
        if let Ok(number) = text.parse::<i32>() {
            return Ok(Flags(if number < 0 { ALL } else { number as u16 & ALL }));
        }
        let mut flags = 0;
        for name in text.split('|').map(str::trim).filter(|name| !name.is_empty()) {
            flags |= match name.to_ascii_uppercase().as_str() {
                "ALL" => ALL,
                "NONE" => return Ok(Flags(0)),
                "AND" => AND,
                "NOT" => NOT,
                "OR" => OR,
                "PREFIX" => PREFIX,
                "PHRASE" => PHRASE,
                "PRECEDENCE" => PRECEDENCE,
                "ESCAPE" => ESCAPE,
                "WHITESPACE" => WHITESPACE,
                "FUZZY" | "NEAR_FUZZY" => FUZZY,
                "SLOP" | "NEAR" => SLOP,
                _ => {
                    let name = shorten(name);
                    return Err(EsError::argument(format!("Unknown simple_query_string flag [{name}]")));
                }
            };
        }
        Ok(Flags(if flags == 0 { ALL } else { flags }))
    }

    fn has(self, flag: u16) -> bool {
        self.0 & flag != 0
    }
}

/// Reads a text.
pub(super) fn read(body: &Body<'_>, text: &str, setting: &Setting) -> Result<LogQuery, EsError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(EsError::argument(format!(
            "[simple_query_string] the query is longer than {TEXT_BYTES_MAX} bytes"
        )));
    }
    let mut reader = Reader { body, setting, rest: text };
    let clauses = reader.group(0)?;
    Ok(match clauses {
        Joined { and: false, queries } if setting.minimum.is_some() => {
            let text = setting.minimum.as_deref().unwrap_or_default();
            let needed = minimum::needed(text, queries.len())?;
            super::some(queries, needed.max(1))
        }
        joined => joined.query(),
    })
}

/// Clauses with one operator between them.
#[derive(Default)]
struct Joined {
    and: bool,
    queries: Vec<LogQuery>,
}

impl Joined {
    fn query(self) -> LogQuery {
        match (self.queries.len(), self.and) {
            (0, _) => LogQuery::Nothing,
            (_, true) => all(self.queries),
            (_, false) => any(self.queries),
        }
    }

    /// Another operator takes all before as one clause.
    fn add(&mut self, and: bool, query: LogQuery) {
        if self.queries.len() > 1 && self.and != and {
            let before = std::mem::take(self).query();
            self.queries.push(before);
        }
        self.and = and;
        self.queries.push(query);
    }
}

struct Reader<'r> {
    body: &'r Body<'r>,
    setting: &'r Setting,
    rest: &'r str,
}

impl Reader<'_> {
    /// Up to the closing bracket, or to the end.
    fn group(&mut self, depth: usize) -> Result<Joined, EsError> {
        let flags = self.setting.flags;
        let mut joined = Joined::default();
        let (mut operator, mut negated) = (None, false);
        while let Some(sign) = self.rest.chars().next() {
            let query = match sign {
                ')' if flags.has(PRECEDENCE) => {
                    self.skip(1);
                    if depth > 0 {
                        break;
                    }
                    continue;
                }
                '(' if flags.has(PRECEDENCE) && depth < QUERY_DEPTH_MAX => {
                    self.skip(1);
                    let inner = self.group(depth + 1)?;
                    if inner.queries.is_empty() {
                        continue;
                    }
                    inner.query()
                }
                '+' if flags.has(AND) => {
                    self.skip(1);
                    operator = Some(true);
                    continue;
                }
                '|' if flags.has(OR) => {
                    self.skip(1);
                    operator = Some(false);
                    continue;
                }
                '-' if flags.has(NOT) => {
                    self.skip(1);
                    negated = !negated;
                    continue;
                }
                '"' if flags.has(PHRASE) && self.rest[1..].contains('"') => match self.phrase()? {
                    Some(query) => query,
                    None => continue,
                },
                sign if sign.is_whitespace() && flags.has(WHITESPACE) => {
                    self.skip(sign.len_utf8());
                    continue;
                }
                _ => match self.word()? {
                    Some(query) => query,
                    None => continue,
                },
            };
            let query = if std::mem::take(&mut negated) { LogQuery::Not(Box::new(query)) } else { query };
            joined.add(operator.take().unwrap_or(self.setting.all), query);
        }
        Ok(joined)
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = &self.rest[bytes..];
    }

    /// Takes a text up to a sign that ends it, without the escapes.
    fn take(&mut self, ends: impl Fn(char) -> bool) -> String {
        let mut text = String::new();
        let mut signs = self.rest.char_indices();
        while let Some((at, sign)) = signs.next() {
            if sign == '\\' && self.setting.flags.has(ESCAPE) {
                text.extend(signs.next().map(|(_, escaped)| escaped));
                continue;
            }
            if ends(sign) {
                self.rest = &self.rest[at..];
                return text;
            }
            text.push(sign);
        }
        self.rest = "";
        text
    }

    /// `~2` behind a word or a phrase.
    fn tilde(&mut self, flag: u16) -> Option<u32> {
        let behind = self.rest.strip_prefix('~').filter(|_| self.setting.flags.has(flag))?;
        let digits = behind.len() - behind.trim_start_matches(|digit: char| digit.is_ascii_digit()).len();
        self.rest = &behind[digits..];
        Some(behind[..digits].parse().unwrap_or(2))
    }

    fn phrase(&mut self) -> Result<Option<LogQuery>, EsError> {
        self.skip(1);
        let text = self.take(|sign| sign == '"');
        self.skip(usize::from(!self.rest.is_empty()));
        let slop = self.tilde(SLOP).unwrap_or(0);
        if text.trim().is_empty() {
            return Ok(None);
        }
        self.words(&text, Join::Phrase { slop }).map(Some)
    }

    fn word(&mut self) -> Result<Option<LogQuery>, EsError> {
        let flags = self.setting.flags;
        let before = self.rest.len();
        let text = self.take(|sign| match sign {
            '+' => flags.has(AND),
            '|' => flags.has(OR),
            '"' => flags.has(PHRASE),
            '(' | ')' => flags.has(PRECEDENCE),
            '~' => flags.has(FUZZY),
            sign => sign.is_whitespace() && flags.has(WHITESPACE),
        });
        if self.rest.len() == before {
            // A sign that means nothing here.
            self.skip(self.rest.chars().next().map_or(0, char::len_utf8));
            return Ok(None);
        }
        let edits = self.tilde(FUZZY);
        self.body.clause()?;
        if let Some(prefix) = text.strip_suffix('*').filter(|prefix| flags.has(PREFIX) && !prefix.is_empty())
        {
            let text = prefix.to_lowercase();
            return Ok(Some(self.field(Test::Prefix { text, case: Case::Fold })));
        }
        if text == "*" && flags.has(PREFIX) {
            return Ok(Some(LogQuery::All));
        }
        match edits {
            Some(edits) => {
                let edits = u8::try_from(edits.min(2)).unwrap_or(2);
                let (text, prefix) = (text.to_lowercase(), self.setting.prefix);
                Ok(Some(self.field(Test::Fuzzy { text, edits, prefix })))
            }
            None => {
                let join = if self.setting.all { Join::All } else { Join::Any };
                self.words(&text, join).map(Some)
            }
        }
    }

    fn words(&self, text: &str, join: Join) -> Result<LogQuery, EsError> {
        self.body.clause()?;
        let value = dates::value(self.body, &self.setting.fields, text);
        Ok(self.field(Test::Words { value, join, prefix_last: false, wordless: false, case: Case::Exact }))
    }

    fn field(&self, test: Test) -> LogQuery {
        let (fields, lenient) =
            (self.setting.fields.clone(), self.setting.lenient || self.setting.fields == FieldSelection::Any);
        LogQuery::Field(Box::new(FieldTest { fields, test, lenient }))
    }
}
