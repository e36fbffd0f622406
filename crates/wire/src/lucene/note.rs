//! What a text's author may want to know although nothing is wrong.

/// Most notes of each kind that are kept: nobody reads more.
const NOTES_MAX: usize = 16;

/// A place that is read otherwise than Lucene would have read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Departure {
    /// First byte of the place.
    pub start: usize,
    /// Behind its last byte.
    pub end: usize,
    /// What.
    pub kind: DepartureKind,
}

/// What is read otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DepartureKind {
    /// `path:/api/*`
    #[error("a path; Lucene would read the slashes as regular expressions")]
    PathLiteral,
    /// `application/json`
    #[error("a slash inside of a word; Lucene would begin a regular expression there")]
    SlashInWord,
    /// `at:08:30`
    #[error("a colon inside of a value; Lucene would refuse it")]
    ColonInValue,
    /// `f:> 2`
    #[error("a comparison; Lucene would read the operator and the value as two words")]
    SpacedComparison,
}

/// Something worth knowing about a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// First byte of the place.
    pub start: usize,
    /// Behind its last byte.
    pub end: usize,
    /// What.
    pub kind: HintKind,
}

/// What is worth knowing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HintKind {
    /// `/x/`
    #[error("read as a regular expression; put it in quotes if the path is meant")]
    ReadAsRegex,
    /// `：`
    #[error("`{typed}` was read as `{read}`")]
    FullWidth {
        /// As it was typed.
        typed: char,
        /// As it was read.
        read: char,
    },
    /// `a and b`
    #[error("`{word}` is searched for as a word here; the operator is `{operator}`")]
    WordNotOperator {
        /// As it was typed.
        word: String,
        /// What to type instead.
        operator: &'static str,
    },
    /// `user=alice`
    #[error("searched for as a text; `{instead}` asks the field")]
    EqualsInWord {
        /// What to type instead.
        instead: String,
    },
    /// `=>`
    #[error("holds no letter or digit, so there is nothing to search for")]
    NoWord,
}

impl DepartureKind {
    /// A name that stays.
    pub fn code(self) -> &'static str {
        match self {
            DepartureKind::PathLiteral => "path-literal",
            DepartureKind::SlashInWord => "slash-in-word",
            DepartureKind::ColonInValue => "colon-in-value",
            DepartureKind::SpacedComparison => "spaced-comparison",
        }
    }
}

impl HintKind {
    /// A name that stays.
    pub fn code(&self) -> &'static str {
        match self {
            HintKind::ReadAsRegex => "read-as-regex",
            HintKind::FullWidth { .. } => "full-width",
            HintKind::WordNotOperator { .. } => "word-not-operator",
            HintKind::EqualsInWord { .. } => "equals-in-word",
            HintKind::NoWord => "no-word",
        }
    }

    /// What the words need, by name.
    pub fn arguments(&self) -> Vec<(&'static str, String)> {
        match self {
            HintKind::FullWidth { typed, read } => {
                vec![("typed", typed.to_string()), ("read", read.to_string())]
            }
            HintKind::WordNotOperator { word, operator } => {
                vec![("word", word.clone()), ("operator", (*operator).to_owned())]
            }
            HintKind::EqualsInWord { instead } => vec![("instead", instead.clone())],
            HintKind::ReadAsRegex | HintKind::NoWord => Vec::new(),
        }
    }
}

/// Collects what is said about one text.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) departures: Vec<Departure>,
    pub(super) hints: Vec<Hint>,
}

impl Notes {
    pub(super) fn departure(&mut self, start: usize, end: usize, kind: DepartureKind) {
        if self.departures.len() < NOTES_MAX {
            self.departures.push(Departure { start, end, kind });
        }
    }

    pub(super) fn hint(&mut self, start: usize, end: usize, kind: HintKind) {
        if self.hints.len() < NOTES_MAX {
            self.hints.push(Hint { start, end, kind });
        }
    }
}
