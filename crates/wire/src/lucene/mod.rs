//! The language in which people ask for log records: `level:ERROR AND timestamp:[now-1h TO now]`.
//!
//! Contract: [`parse`] reads a text into a [`LogQuery`]; whatever is wrong with it is told with its place and a remedy.
//! There is one parser with two sets of habits. [`Dialect::Box`] is what a person types: neighbours are joined by AND,
//! NOT binds tighter than AND, AND tighter than OR, letters compare in any case. [`Dialect::Elasticsearch`] is
//! `query_string` and `q=`: Lucene's classic grammar and its rules for clauses (`a OR b AND c` is `a +b +c`), so that a
//! query finds what it found there.
//!
//! Where Lucene would read a slash as the begin of a regular expression although a path was meant, both read the path,
//! and say so ([`Departure`]): `path:/api/v1/payments/* AND status_code:500` finds every 500 in Elasticsearch.
//!
//! A text costs time in proportion to its length; nesting, clauses, patterns and the text itself are limited.
//! [`print`] writes a tree back in the box's language.

mod clause;
mod combine;
mod error;
mod note;
mod pattern;
mod print;
mod range;
mod reader;
mod regex;
mod value;

use lingshao_model::log::{FieldSelection, LogQuery};

use crate::date_math::Clock;

pub use error::{Message, QueryError};
pub use note::{Departure, DepartureKind, Hint, HintKind};
pub use print::print;
pub use regex::{RegexError, to_rust as regex_to_rust};

/// Longest text. A long list of identifiers fits; a person reads no more.
pub const TEXT_BYTES_MAX: usize = 16 << 10;
/// Deepest nesting of brackets: each level takes stack here and in every walk over the tree.
pub const DEPTH_MAX: usize = 64;
/// Most terms of a text; Elasticsearch's own limit was the same for ten years.
pub const CLAUSES_MAX: usize = 1024;
/// Most regular expressions of a text: each is compiled, also to find out whether it may be.
pub const REGEXES_MAX: usize = 16;

/// Whose habits the text follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Ours: the page's search box and the command line.
    Box,
    /// `query_string`, and `q=` in an address.
    Elasticsearch,
}

/// What joins neighbours that have no operator between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// Both hold.
    And,
    /// One is enough.
    Or,
}

/// How many edits `word~` allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fuzziness {
    /// By the length of the word: none below `low` characters, one below `high`, else two.
    Auto {
        /// From here on one.
        low: usize,
        /// From here on two.
        high: usize,
    },
    /// So many.
    Edits(u8),
}

/// How many of the optional clauses have to hold (`minimum_should_match`), by how many there are.
pub type MinimumShouldMatch<'a> = &'a dyn Fn(usize) -> usize;

/// How a text is read. [`Options::search_box`] and [`Options::elasticsearch`] give the usual ones.
#[derive(Clone)]
pub struct Options<'a> {
    /// Whose habits.
    pub dialect: Dialect,
    /// What a word without a field asks.
    pub default_fields: FieldSelection,
    /// What joins neighbours.
    pub default_operator: Operator,
    /// A value that cannot be one of a mapped field's finds nothing instead of being an error.
    pub lenient: bool,
    /// Slop of phrases that name none.
    pub phrase_slop: u32,
    /// Whether a word may begin with `*` or `?`.
    pub allow_leading_wildcard: bool,
    /// What `word~` means.
    pub fuzziness: Fuzziness,
    /// How many first letters of a fuzzy word must be right.
    pub fuzzy_prefix: usize,
    /// For the outermost clauses of [`Dialect::Elasticsearch`].
    pub minimum_should_match: Option<MinimumShouldMatch<'a>>,
    /// What `now` is, and where days begin.
    pub clock: Clock<'a>,
}

impl<'a> Options<'a> {
    /// What a person's box takes.
    pub fn search_box(clock: Clock<'a>) -> Options<'a> {
        Options {
            dialect: Dialect::Box,
            default_operator: Operator::And,
            lenient: true,
            ..Options::elasticsearch(clock)
        }
    }

    /// What `query_string` takes when its request sets nothing.
    pub fn elasticsearch(clock: Clock<'a>) -> Options<'a> {
        Options {
            dialect: Dialect::Elasticsearch,
            default_fields: FieldSelection::Any,
            default_operator: Operator::Or,
            lenient: false,
            phrase_slop: 0,
            allow_leading_wildcard: true,
            fuzziness: Fuzziness::Auto { low: 3, high: 6 },
            fuzzy_prefix: 0,
            minimum_should_match: None,
            clock,
        }
    }
}

/// What a text asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// The tree.
    pub query: LogQuery,
    /// Where it was read otherwise than Lucene would have.
    pub departures: Vec<Departure>,
    /// What its author may want to know.
    pub hints: Vec<Hint>,
}

/// Reads a text. An empty one finds everything in the box, and nothing in Elasticsearch.
pub fn parse(text: &str, options: &Options<'_>) -> Result<Parsed, QueryError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(QueryError { start: 0, end: text.len(), message: Message::TooLong });
    }
    if text.trim().is_empty() {
        let query = match options.dialect {
            Dialect::Box => LogQuery::All,
            Dialect::Elasticsearch => LogQuery::Nothing,
        };
        return Ok(Parsed { query, departures: Vec::new(), hints: Vec::new() });
    }
    clause::Parser::over(text, options).whole()
}

#[cfg(test)]
mod tests;
