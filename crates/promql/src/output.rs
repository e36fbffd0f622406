//! The result of an evaluation.

use lingshao_model::{Labels, Timestamp};

use crate::annotations::{Level, Note};

/// A value with what there is to say about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// The value.
    pub value: QueryValue,
    /// Warnings and infos; see [`Output::warnings`] and [`Output::infos`] for their texts.
    pub notes: Vec<Note>,
    /// How many samples the source handed out.
    pub samples_read: u64,
}

/// What an expression evaluated to.
#[derive(Clone, Debug, PartialEq)]
pub enum QueryValue {
    /// A number.
    Scalar {
        /// The instant asked for.
        t: Timestamp,
        /// The number.
        v: f64,
    },
    /// A text.
    String {
        /// The instant asked for.
        t: Timestamp,
        /// The text.
        s: String,
    },
    /// One sample each, in the order that the expression gives them.
    Vector(Vec<VectorSample>),
    /// Points of each series, sorted by labels.
    Matrix(Vec<MatrixSeries>),
}

/// One series of an instant vector.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorSample {
    /// Its labels.
    pub labels: Labels,
    /// The instant asked for.
    pub t: Timestamp,
    /// The value.
    pub v: f64,
}

/// One series of a matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct MatrixSeries {
    /// Its labels.
    pub labels: Labels,
    /// Milliseconds since the epoch, ascending, and values.
    pub points: Vec<(i64, f64)>,
}

impl Output {
    /// Texts of the warnings, with positions in the text that was parsed.
    pub fn warnings(&self, query: &str) -> Vec<String> {
        self.texts(Level::Warning, query)
    }

    /// Texts of the infos, with positions in the text that was parsed.
    pub fn infos(&self, query: &str) -> Vec<String> {
        self.texts(Level::Info, query)
    }

    fn texts(&self, level: Level, query: &str) -> Vec<String> {
        self.notes.iter().filter(|note| note.level == level).map(|note| note.text(query)).collect()
    }
}
