//! The one tree that every query language is read into. Everything that can be parsed is parsed: the storage sees
//! numbers, instants and addresses, never a text that it would have to understand.

use std::net::{IpAddr, Ipv6Addr};

use super::LogTime;

/// Which records.
#[derive(Clone, Debug, PartialEq)]
pub enum LogQuery {
    /// Every record.
    All,
    /// No record.
    Nothing,
    /// All of them hold; every record when empty.
    And(Vec<LogQuery>),
    /// Any of them holds; no record when empty.
    Or(Vec<LogQuery>),
    /// At least so many of them hold (`minimum_should_match`).
    AtLeast {
        /// How many.
        min: usize,
        /// Of these.
        of: Vec<LogQuery>,
    },
    /// It does not hold.
    Not(Box<LogQuery>),
    /// A field is asked.
    Field(Box<FieldTest>),
    /// The record has one of these ids.
    Ids(Vec<String>),
}

/// A question to fields.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldTest {
    /// Which.
    pub fields: FieldSelection,
    /// What is asked. It holds when it holds for any value of any of the fields.
    pub test: Test,
    /// A value that cannot be one of the field's (letters for a number) finds nothing; otherwise it is an error. Only
    /// mapped fields are ever strict.
    pub lenient: bool,
}

/// Fields by name. `level` asks the record's [`super::Level`] too; `timestamp`, `@timestamp`, `_time` and `ts` are the
/// record's time (where a record has an own field of the name with something else in it, either may hold); `_id` and
/// `_index` are what they say.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldSelection {
    /// `message` and every other field that holds text.
    Any,
    /// One name.
    One(String),
    /// Several, with `*` standing for any characters.
    Several(Vec<String>),
}

/// What is asked of a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// Is there one? `null` is none.
    Exists,
    /// Is it this? For text fields: is this, as it is, one of its words? Numbers equal numbers, also when one of them is
    /// written as text; a [`QueryValue::time`] holds instants within it, an [`QueryValue::ip`] addresses within it.
    Is {
        /// What.
        value: QueryValue,
        /// How letters compare.
        case: Case,
    },
    /// Is it one of these? (`terms`)
    IsAny {
        /// Of what.
        values: Vec<QueryValue>,
        /// How letters compare.
        case: Case,
    },
    /// Does it contain these words? For fields that hold no text: is it this? A run of Han characters is always one
    /// unit: it is found as it stands, anywhere in a value.
    Words {
        /// Cut into words as values are.
        value: QueryValue,
        /// How they have to come.
        join: Join,
        /// The last one may be continued (`match_phrase_prefix`, `match_bool_prefix`).
        prefix_last: bool,
        /// What holds when the text contains no word at all (`zero_terms_query: all`).
        wordless: bool,
        /// How letters of whole values compare; words are compared in any case.
        case: Case,
    },
    /// Does it, or one of its words, begin so?
    Prefix {
        /// How.
        text: String,
        /// How letters compare.
        case: Case,
    },
    /// Does it match a pattern of `*`, `?` and `\`? Asked of whole values when the pattern holds a character that
    /// separates words, otherwise of whole values and words.
    Wildcard {
        /// With escapes.
        pattern: String,
        /// How letters compare.
        case: Case,
    },
    /// Does the whole value, or one of its words, match? Lucene's syntax as the edge rewrote it for Rust's `regex`,
    /// unanchored at neither end.
    Regex {
        /// A pattern of the `regex` crate.
        pattern: String,
        /// How letters compare.
        case: Case,
    },
    /// Is it, or one of its words, this but for a few edits?
    Fuzzy {
        /// What.
        text: String,
        /// Insertions, deletions, changes and transpositions, 0 to 2.
        edits: u8,
        /// How many first letters must be right.
        prefix: usize,
    },
    /// Does it lie between? Compared as numbers, instants or addresses where both sides are such, else as text.
    Range {
        /// From.
        lower: Bound,
        /// To.
        upper: Bound,
    },
}

/// How letters compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// `a` is not `A`.
    Exact,
    /// `a` is `A`.
    Fold,
}

/// How words have to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// One is enough.
    Any,
    /// All, anywhere.
    All,
    /// At least so many.
    AtLeast(usize),
    /// One after the other, with at most so many steps of other places in all.
    Phrase {
        /// 0: nothing between.
        slop: u32,
    },
}

/// A number that keeps 64 bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// Whole.
    Int(i64),
    /// Not whole, or too large.
    Float(f64),
}

/// Addresses between two, both included; IPv4 as mapped IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpRange {
    /// The lowest.
    pub first: u128,
    /// The highest.
    pub last: u128,
}

/// What somebody typed, in every way in which it can be understood.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryValue {
    /// As typed, unescaped.
    pub text: String,
    /// If it is a number.
    pub number: Option<Number>,
    /// If it names an instant, a day, a year: its first and its last nanosecond. The language's own date maths has been
    /// done.
    pub time: Option<(LogTime, LogTime)>,
    /// If it is an address or a network (`10.0.0.0/8`).
    pub ip: Option<IpRange>,
}

/// One end of a range.
#[derive(Clone, Debug, PartialEq)]
pub enum Bound {
    /// No end.
    Open,
    /// The value belongs to it: from its first, up to its last nanosecond.
    Included(QueryValue),
    /// The value does not belong to it.
    Excluded(QueryValue),
}

impl QueryValue {
    /// Understands numbers and addresses; whoever knows the language's dates adds the time.
    pub fn new(text: &str) -> QueryValue {
        QueryValue { text: text.to_owned(), number: Number::read(text), time: None, ip: IpRange::read(text) }
    }

    /// With the time that it names.
    pub fn with_time(self, first: LogTime, last: LogTime) -> QueryValue {
        QueryValue { time: Some((first, last)), ..self }
    }
}

impl Number {
    /// Reads a decimal number; `NaN` and infinities are none.
    #[inline]
    pub fn read(text: &str) -> Option<Number> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        if !digits.as_bytes().first()?.is_ascii_digit() && !digits.starts_with('.') {
            return None;
        }
        if let Ok(number) = text.parse() {
            return Some(Number::Int(number));
        }
        text.parse().ok().filter(|number: &f64| number.is_finite()).map(Number::Float)
    }

    /// As a float, rounded beyond 53 bits.
    #[inline]
    pub fn as_f64(self) -> f64 {
        match self {
            Number::Int(number) => number as f64,
            Number::Float(number) => number,
        }
    }

    /// Exact, also between whole numbers beyond 53 bits.
    #[inline]
    pub fn compare(self, other: Number) -> std::cmp::Ordering {
        match (self, other) {
            (Number::Int(a), Number::Int(b)) => a.cmp(&b),
            (Number::Int(a), Number::Float(b)) => compare_mixed(a, b),
            (Number::Float(a), Number::Int(b)) => compare_mixed(b, a).reverse(),
            // Both zeros are one number, as a whole 0 is; what is no number comes last.
            (Number::Float(a), Number::Float(b)) => {
                a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
            }
        }
    }
}

/// A whole number and a float, without rounding the former.
fn compare_mixed(a: i64, b: f64) -> std::cmp::Ordering {
    if b.is_nan() || b >= 9_223_372_036_854_775_808.0 {
        return std::cmp::Ordering::Less;
    }
    if b < -9_223_372_036_854_775_808.0 {
        return std::cmp::Ordering::Greater;
    }
    let whole = b.floor();
    // Within ± 2^63, so the cast is exact.
    a.cmp(&(whole as i64)).then(if b > whole { std::cmp::Ordering::Less } else { std::cmp::Ordering::Equal })
}

impl IpRange {
    /// Reads an address or `ADDRESS/BITS`.
    #[inline]
    pub fn read(text: &str) -> Option<IpRange> {
        // Before parsing at length: most values are no addresses.
        if !text.as_bytes().first()?.is_ascii_hexdigit() && !text.starts_with(':') {
            return None;
        }
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u32>().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let width: u32 = if address.is_ipv4() { 32 } else { 128 };
        let free = width.checked_sub(bits.unwrap_or(width))?;
        let value = IpRange::number(address);
        let mask = if free == 128 { u128::MAX } else { (1 << free) - 1 };
        Some(IpRange { first: value & !mask, last: value | mask })
    }

    /// An address as a number, IPv4 as mapped IPv6.
    pub fn number(address: IpAddr) -> u128 {
        match address {
            IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
            IpAddr::V6(address) => Ipv6Addr::to_bits(address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Ordering::{Equal, Greater, Less};

    #[test]
    fn numbers_are_read_and_compared_exactly() {
        assert_eq!(Number::read("500"), Some(Number::Int(500)));
        assert_eq!(Number::read("-2.5"), Some(Number::Float(-2.5)));
        assert_eq!(Number::read("1e3"), Some(Number::Float(1000.0)));
        for text in ["", "-", "nan", "inf", "1s", "0x10", "+5", "1e999"] {
            assert_eq!(Number::read(text), None, "{text}");
        }
        let large = 9_007_199_254_740_993;
        assert_eq!(Number::Int(large).compare(Number::Float(9_007_199_254_740_992.0)), Greater);
        assert_eq!(Number::Int(2).compare(Number::Float(2.0)), Equal);
        assert_eq!(Number::Float(2.5).compare(Number::Int(2)), Greater);
        assert_eq!(Number::Int(-3).compare(Number::Float(-2.5)), Less);
        assert_eq!(Number::Float(-0.0).compare(Number::Float(0.0)), Equal);
        assert_eq!(Number::Float(f64::NAN).compare(Number::Float(f64::INFINITY)), Greater);
        assert_eq!(Number::Int(i64::MAX).compare(Number::Float(1e300)), Less);
    }

    #[test]
    fn addresses_and_networks_are_read() {
        let range = |text| IpRange::read(text);
        let single = range("10.0.0.1").unwrap();
        assert_eq!(single.first, single.last);
        let network = range("10.0.0.0/8").unwrap();
        assert!(network.first < single.first && single.last < network.last);
        assert_eq!(range("::/0"), Some(IpRange { first: 0, last: u128::MAX }));
        assert_eq!(range("::1").map(|range| range.first), Some(1));
        for text in ["10.0.0.0/33", "10.0.0", "cafe", "/8", "10.0.0.0/", ""] {
            assert_eq!(range(text), None, "{text}");
        }
    }
}
