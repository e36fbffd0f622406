//! Values of one name and one kind, in the order of rows: what queries and the writers of blocks work on.

use std::sync::Arc;

use lingshao_model::log::LogValue;

use crate::bytes::Corrupt;

/// Kinds of values; a name has a column for each that occurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Null,
    Bool,
    Int,
    Float,
    Text,
}

impl Kind {
    pub(crate) const fn code(self) -> u8 {
        self as u8
    }

    pub(crate) fn of_code(code: u8) -> Result<Kind, Corrupt> {
        const ALL: [Kind; 5] = [Kind::Null, Kind::Bool, Kind::Int, Kind::Float, Kind::Text];
        ALL.get(usize::from(code)).copied().ok_or(Corrupt)
    }

    #[inline]
    pub(crate) fn of<T>(value: &LogValue<T>) -> Kind {
        match value {
            LogValue::Null => Kind::Null,
            LogValue::Bool(_) => Kind::Bool,
            LogValue::Int(_) => Kind::Int,
            LogValue::Float(_) => Kind::Float,
            LogValue::Text(_) => Kind::Text,
        }
    }
}

/// What is known of a column without its values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ColumnInfo {
    pub(crate) name: Arc<str>,
    pub(crate) kind: Kind,
    /// Whether the values stood in arrays.
    pub(crate) listed: bool,
    /// How many values.
    pub(crate) count: u32,
    /// Whether every value is the text of its record's own time.
    pub(crate) is_time: bool,
    /// Least and greatest of numbers.
    pub(crate) range: Option<(f64, f64)>,
}

/// A column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Column {
    /// The row of each value, ascending, several times for several values; `None`: value i is row i's.
    pub(crate) rows: Option<Vec<u32>>,
    pub(crate) values: Values,
}

/// The values of a column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Values {
    Null(usize),
    Bool(Vec<bool>),
    Int(Vec<i64>),
    Float(Vec<f64>),
    Text(Texts),
    /// Few different texts, and which of them each value is.
    Dictionary(Texts, Vec<u32>),
}

/// Texts, one behind the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Texts {
    pub(crate) all: String,
    /// Where each ends.
    pub(crate) ends: Vec<u32>,
}

impl Texts {
    #[inline]
    pub(crate) fn push(&mut self, text: &str) {
        self.all.push_str(text);
        self.ends.push(self.all.len() as u32);
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    #[inline]
    pub(crate) fn start(&self, place: usize) -> usize {
        if place == 0 { 0 } else { self.ends[place - 1] as usize }
    }

    #[inline]
    pub(crate) fn get(&self, place: usize) -> &str {
        &self.all[self.start(place)..self.ends[place] as usize]
    }

    #[inline]
    pub(crate) fn length(&self, place: usize) -> usize {
        self.ends[place] as usize - self.start(place)
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.len()).map(|place| self.get(place))
    }
}

impl Values {
    pub(crate) fn empty(kind: Kind) -> Values {
        match kind {
            Kind::Null => Values::Null(0),
            Kind::Bool => Values::Bool(Vec::new()),
            Kind::Int => Values::Int(Vec::new()),
            Kind::Float => Values::Float(Vec::new()),
            Kind::Text => Values::Text(Texts::default()),
        }
    }

    /// Appends a value of the column's kind.
    #[inline]
    pub(crate) fn push(&mut self, value: LogValue<&str>) {
        match (self, value) {
            (Values::Null(count), LogValue::Null) => *count += 1,
            (Values::Bool(all), LogValue::Bool(value)) => all.push(value),
            (Values::Int(all), LogValue::Int(value)) => all.push(value),
            (Values::Float(all), LogValue::Float(value)) => all.push(value),
            (Values::Text(all), LogValue::Text(value)) => all.push(value),
            _ => unreachable!("a column takes values of its own kind"),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Values::Null(count) => *count,
            Values::Bool(all) => all.len(),
            Values::Int(all) => all.len(),
            Values::Float(all) => all.len(),
            Values::Text(all) => all.len(),
            Values::Dictionary(_, places) => places.len(),
        }
    }

    #[inline]
    pub(crate) fn get(&self, place: usize) -> LogValue<&str> {
        match self {
            Values::Null(_) => LogValue::Null,
            Values::Bool(all) => LogValue::Bool(all[place]),
            Values::Int(all) => LogValue::Int(all[place]),
            Values::Float(all) => LogValue::Float(all[place]),
            Values::Text(all) => LogValue::Text(all.get(place)),
            Values::Dictionary(texts, places) => LogValue::Text(texts.get(places[place] as usize)),
        }
    }

    /// About how much memory they take.
    pub(crate) fn bytes(&self) -> usize {
        let texts = |texts: &Texts| texts.all.len() + 4 * texts.len();
        match self {
            Values::Null(_) => 0,
            Values::Bool(all) => all.len(),
            Values::Int(all) => 8 * all.len(),
            Values::Float(all) => 8 * all.len(),
            Values::Text(all) => texts(all),
            Values::Dictionary(all, places) => texts(all) + 4 * places.len(),
        }
    }
}

impl Column {
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    #[inline]
    pub(crate) fn row(&self, place: usize) -> u32 {
        match &self.rows {
            None => place as u32,
            Some(rows) => rows[place],
        }
    }

    /// Places of a row's values.
    pub(crate) fn of_row(&self, row: u32) -> std::ops::Range<usize> {
        match &self.rows {
            None => {
                let row = row as usize;
                if row < self.len() { row..row + 1 } else { 0..0 }
            }
            Some(rows) => {
                let start = rows.partition_point(|own| *own < row);
                let end = start + rows[start..].iter().take_while(|own| **own == row).count();
                start..end
            }
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.values.bytes() + self.rows.as_ref().map_or(0, |rows| 4 * rows.len()) + 64
    }
}
