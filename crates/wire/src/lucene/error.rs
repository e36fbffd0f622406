//! What can be wrong with a text, in words and, for pages in other languages, in codes.

use super::{CLAUSES_MAX, DEPTH_MAX, REGEXES_MAX, RegexError, TEXT_BYTES_MAX};

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} (at byte {start})")]
pub struct QueryError {
    /// First byte of the place.
    pub start: usize,
    /// Behind its last byte.
    pub end: usize,
    /// What.
    #[source]
    pub message: Message,
}

/// What can be wrong. The texts are for logs and for APIs in English; [`Message::code`] and [`Message::arguments`] are
/// for whoever has words of their own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Message {
    /// The text.
    #[error("the query is too long: at most {TEXT_BYTES_MAX} bytes are read")]
    TooLong,
    /// Brackets in brackets.
    #[error("the query is nested too deeply: at most {DEPTH_MAX} brackets within each other are read")]
    TooDeep,
    /// Words and their like.
    #[error("the query has too many terms: at most {CLAUSES_MAX} are read")]
    TooManyClauses,
    /// Each of them is dear.
    #[error("the query has too many regular expressions: at most {REGEXES_MAX} are read")]
    TooManyRegexes,
    /// `"…`
    #[error("this quote is not closed: add `\"`, or write `\\\"` for the character itself")]
    UnclosedQuote,
    /// `(…`
    #[error("this bracket is not closed: add `)`, or write `\\(` for the character itself")]
    UnclosedGroup,
    /// `…)`
    #[error("this bracket closes nothing: remove it, or write `\\)` for the character itself")]
    UnopenedGroup,
    /// `()`
    #[error("there is nothing between these brackets: remove them, or put the text in quotes")]
    EmptyGroup,
    /// `[a TO b`
    #[error("this range is not closed: add `]` to include its end, or `}}` to exclude it")]
    UnclosedRange,
    /// `[a b]`
    #[error("a range is written `[from TO to]`; if the bracket belongs to a text, put the text in quotes")]
    RangeWithoutTo,
    /// `[ TO b]`
    #[error("one end of this range is missing: write `*` for an open end")]
    MissingBound,
    /// `f:`
    #[error("`{field}:` has no value: write `{field}:*` if any will do, or put the text in quotes")]
    MissingValue {
        /// The field.
        field: String,
    },
    /// `:x`
    #[error("there is no field before this `:`: put the text in quotes if the colon belongs to it")]
    MissingField,
    /// `>5` in the box.
    #[error("there is no field before `{operator}`: write `field:{operator}value`")]
    ComparisonWithoutField {
        /// `>`, `>=`, `<`, `<=`.
        operator: &'static str,
    },
    /// `AND a`, `a AND OR b`
    #[error("there is nothing before `{operator}`: remove it, or put it in quotes if the word is meant")]
    NothingBefore {
        /// As it was written.
        operator: String,
    },
    /// `a AND`
    #[error("there is nothing behind `{operator}`: remove it, or put it in quotes if the word is meant")]
    NothingBehind {
        /// As it was written.
        operator: String,
    },
    /// `f = x`
    #[error("`{operator}` does not compare here: write `{instead}`, or put the text in quotes")]
    EqualsSign {
        /// `=`, `==`, `!=`.
        operator: &'static str,
        /// What to write.
        instead: String,
    },
    /// `f:{ a:b }`
    #[error(
        "`{field}:{{ … }}` is a nested query of KQL, which is not known here: write the inner names in full, such as `{field}.name:value`"
    )]
    NestedQuery {
        /// The field.
        field: String,
    },
    /// A character that means something elsewhere.
    #[error("`{character}` means nothing here: write `\\{character}`, or put the text in quotes")]
    Unexpected {
        /// Which.
        character: char,
    },
    /// `a\`
    #[error("there is nothing behind this `\\`: write `\\\\` for the character itself")]
    NothingEscaped,
    /// `\u12`
    #[error("`\\u` takes four hexadecimal digits: write `\\\\u` if the backslash is meant")]
    BadUnicode,
    /// `a^b`
    #[error("`^` takes a number: write `\\^` for the character itself")]
    BadBoost,
    /// `a~b`
    #[error("`~` takes a number of edits from 0 to 2, or `AUTO`: write `\\~` for the character itself")]
    BadFuzziness,
    /// `*a`, where it was forbidden.
    #[error("a word may not begin with `*` or `?` here")]
    LeadingWildcard,
    /// `timestamp:>yesterday`
    #[error("`{text}` is no time: write `2025-06-15`, `2025-06-15T08:30:00+08:00`, `now-1h` or `now/d`")]
    NotATime {
        /// What was written.
        text: String,
    },
    /// `/[/`
    #[error(transparent)]
    Regex(#[from] RegexError),
}

impl Message {
    /// A name that stays.
    pub fn code(&self) -> &'static str {
        match self {
            Message::TooLong => "too-long",
            Message::TooDeep => "too-deep",
            Message::TooManyClauses => "too-many-clauses",
            Message::TooManyRegexes => "too-many-regexes",
            Message::UnclosedQuote => "unclosed-quote",
            Message::UnclosedGroup => "unclosed-group",
            Message::UnopenedGroup => "unopened-group",
            Message::EmptyGroup => "empty-group",
            Message::UnclosedRange => "unclosed-range",
            Message::RangeWithoutTo => "range-without-to",
            Message::MissingBound => "missing-bound",
            Message::MissingValue { .. } => "missing-value",
            Message::MissingField => "missing-field",
            Message::ComparisonWithoutField { .. } => "comparison-without-field",
            Message::NothingBefore { .. } => "nothing-before",
            Message::NothingBehind { .. } => "nothing-behind",
            Message::EqualsSign { .. } => "equals-sign",
            Message::NestedQuery { .. } => "nested-query",
            Message::Unexpected { .. } => "unexpected",
            Message::NothingEscaped => "nothing-escaped",
            Message::BadUnicode => "bad-unicode",
            Message::BadBoost => "bad-boost",
            Message::BadFuzziness => "bad-fuzziness",
            Message::LeadingWildcard => "leading-wildcard",
            Message::NotATime { .. } => "not-a-time",
            Message::Regex(error) => error.code(),
        }
    }

    /// What the words need, by name.
    pub fn arguments(&self) -> Vec<(&'static str, String)> {
        match self {
            Message::TooLong => vec![("limit", TEXT_BYTES_MAX.to_string())],
            Message::TooDeep => vec![("limit", DEPTH_MAX.to_string())],
            Message::TooManyClauses => vec![("limit", CLAUSES_MAX.to_string())],
            Message::TooManyRegexes => vec![("limit", REGEXES_MAX.to_string())],
            Message::MissingValue { field } | Message::NestedQuery { field } => {
                vec![("field", field.clone())]
            }
            Message::ComparisonWithoutField { operator } => vec![("operator", (*operator).to_owned())],
            Message::NothingBefore { operator } | Message::NothingBehind { operator } => {
                vec![("operator", operator.clone())]
            }
            Message::EqualsSign { operator, instead } => {
                vec![("operator", (*operator).to_owned()), ("instead", instead.clone())]
            }
            Message::Unexpected { character } => vec![("character", character.to_string())],
            Message::NotATime { text } => vec![("text", text.clone())],
            Message::Regex(error) => error.arguments(),
            _ => Vec::new(),
        }
    }
}
