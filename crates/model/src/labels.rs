//! Label sets: sorted name/value pairs in one shared allocation.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The label that holds the metric's name.
pub const METRIC_NAME: &str = "__name__";

/// Name/value pairs, sorted by name (bytewise), no name twice, no empty value. The identity of a series.
///
/// One allocation of length-prefixed bytes, shared by clones: `name length, name, value length, value`, each
/// length one byte, or 255 and four bytes little-endian when it is 255 or more. Equal sets have equal bytes, so
/// equality and hashing are one pass over memory.
#[derive(Clone, PartialEq, Eq)]
pub struct Labels(Arc<[u8]>);

/// Why pairs are not a label set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelsError {
    /// One name stands twice.
    #[error("label name `{0}` stands twice")]
    Duplicate(String),
    /// A name is empty.
    #[error("empty label name")]
    EmptyName,
    /// Bytes from outside are not in the encoding above.
    #[error("damaged label bytes")]
    Damaged,
}

const LONG: u8 = 255;

impl Labels {
    /// The empty set.
    pub fn empty() -> Labels {
        Labels(Arc::from([].as_slice()))
    }

    /// From pairs in any order; pairs with an empty value are left out, as Prometheus does.
    pub fn from_pairs<N: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Labels, LabelsError> {
        let mut builder = LabelsBuilder::default();
        for (name, value) in pairs {
            builder.push(name.as_ref(), value.as_ref());
        }
        builder.finish()
    }

    /// From bytes in this type's encoding, checked whole: for readers of files and caches.
    pub fn from_encoded(bytes: &[u8]) -> Result<Labels, LabelsError> {
        let mut rest = bytes;
        let mut previous: Option<&str> = None;
        while !rest.is_empty() {
            let (name, after_name) = checked_text(rest)?;
            let (value, after_value) = checked_text(after_name)?;
            if name.is_empty() || value.is_empty() || previous.is_some_and(|previous| previous >= name) {
                return Err(LabelsError::Damaged);
            }
            previous = Some(name);
            rest = after_value;
        }
        Ok(Labels(Arc::from(bytes)))
    }

    /// The encoding, for hashing, files and comparison with [`LabelsBuilder::encoded`].
    pub fn encoded(&self) -> &[u8] {
        &self.0
    }

    /// Pairs in name order.
    pub fn iter(&self) -> Pairs<'_> {
        Pairs { rest: &self.0 }
    }

    /// The value under a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(candidate, _)| *candidate == name).map(|(_, value)| value)
    }

    /// The metric's name, if there is one.
    pub fn metric_name(&self) -> Option<&str> {
        self.get(METRIC_NAME)
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there is no pair.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The pairs for which `keep` holds.
    pub fn filtered(&self, mut keep: impl FnMut(&str) -> bool) -> Labels {
        let mut bytes = Vec::with_capacity(self.0.len());
        for (name, value) in self.iter() {
            if keep(name) {
                push_text(&mut bytes, name);
                push_text(&mut bytes, value);
            }
        }
        Labels(Arc::from(bytes))
    }

    /// This set without the metric's name.
    pub fn without_name(&self) -> Labels {
        if self.metric_name().is_none() { self.clone() } else { self.filtered(|name| name != METRIC_NAME) }
    }

    /// This set with one pair replaced or added; an empty value removes the pair.
    pub fn with(&self, name: &str, value: &str) -> Labels {
        let mut bytes = Vec::with_capacity(self.0.len() + name.len() + value.len() + 2);
        let mut pending = (!value.is_empty()).then_some(name);
        for (own_name, own_value) in self.iter() {
            if pending.is_some_and(|pending| pending <= own_name) {
                push_text(&mut bytes, name);
                push_text(&mut bytes, value);
                pending = None;
            }
            if own_name != name {
                push_text(&mut bytes, own_name);
                push_text(&mut bytes, own_value);
            }
        }
        if pending.is_some() {
            push_text(&mut bytes, name);
            push_text(&mut bytes, value);
        }
        Labels(Arc::from(bytes))
    }
}

/// Collects pairs into [`Labels`], reusing its memory: `clear`, `push` in any order, then `encoded` to look a
/// series up without allocating, or `finish` to make the set.
#[derive(Clone, Debug, Default)]
pub struct LabelsBuilder {
    bytes: Vec<u8>,
    /// Where each pair starts in `bytes`.
    starts: Vec<u32>,
    scratch: Vec<u8>,
    /// A name that is empty or not greater than the one before was pushed: only then is there anything to sort
    /// or to find fault with.
    disordered: bool,
}

impl LabelsBuilder {
    /// Forgets all pairs, keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.starts.clear();
        self.disordered = false;
    }

    /// Adds a pair; one with an empty value is left out.
    #[inline]
    pub fn push(&mut self, name: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        self.disordered |= match self.starts.last() {
            Some(last) => !precedes(raw_text(&self.bytes[*last as usize..]), name.as_bytes()),
            None => name.is_empty(),
        };
        self.starts.push(u32::try_from(self.bytes.len()).expect("label bytes are limited far below 4 GiB"));
        push_text(&mut self.bytes, name);
        push_text(&mut self.bytes, value);
    }

    /// Removes the pair of that name, if it is there.
    pub fn remove(&mut self, name: &str) {
        let kept: Vec<(String, String)> = self
            .pairs()
            .filter(|(own_name, _)| *own_name != name)
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        if kept.len() != self.starts.len() {
            self.clear();
            kept.iter().for_each(|(name, value)| self.push(name, value));
        }
    }

    /// The value pushed last under that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs().filter(|(own_name, _)| *own_name == name).last().map(|(_, value)| value)
    }

    /// Pairs in the order pushed.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.starts.iter().map(|start| {
            let (name, rest) = text(&self.bytes[*start as usize..]);
            (name, text(rest).0)
        })
    }

    /// How many pairs were pushed.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether no pair was pushed.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Sorts and checks the pairs and gives the encoding that the finished set would have.
    pub fn encoded(&mut self) -> Result<&[u8], LabelsError> {
        if self.disordered {
            self.sort();
            self.check()?;
            self.disordered = false;
        }
        Ok(&self.bytes)
    }

    /// The set.
    pub fn finish(&mut self) -> Result<Labels, LabelsError> {
        self.encoded().map(|bytes| Labels(Arc::from(bytes)))
    }

    fn sort(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        self.starts.sort_by_key(|start| raw_text(&bytes[*start as usize..]));
        self.scratch.clear();
        for start in &mut self.starts {
            let pair = &bytes[*start as usize..];
            let length = pair.len() - text(text(pair).1).1.len();
            *start = u32::try_from(self.scratch.len()).expect("no longer than before");
            self.scratch.extend_from_slice(&pair[..length]);
        }
        self.bytes = std::mem::replace(&mut self.scratch, bytes);
    }

    fn check(&self) -> Result<(), LabelsError> {
        let mut previous: Option<&str> = None;
        for (name, _) in (Pairs { rest: &self.bytes }) {
            if name.is_empty() {
                return Err(LabelsError::EmptyName);
            }
            if previous == Some(name) {
                return Err(LabelsError::Duplicate(name.to_owned()));
            }
            previous = Some(name);
        }
        Ok(())
    }
}

/// Iterator over the pairs of [`Labels`], in name order.
#[derive(Clone, Debug)]
pub struct Pairs<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<(&'a str, &'a str)> {
        if self.rest.is_empty() {
            return None;
        }
        let (name, after_name) = text(self.rest);
        let (value, after_value) = text(after_name);
        self.rest = after_value;
        Some((name, value))
    }
}

impl<'a> IntoIterator for &'a Labels {
    type Item = (&'a str, &'a str);
    type IntoIter = Pairs<'a>;
    fn into_iter(self) -> Pairs<'a> {
        self.iter()
    }
}

#[inline]
fn push_text(bytes: &mut Vec<u8>, text: &str) {
    match u8::try_from(text.len()) {
        Ok(length) if length < LONG => bytes.push(length),
        _ => {
            bytes.push(LONG);
            let length = u32::try_from(text.len()).expect("label texts are limited far below 4 GiB");
            bytes.extend_from_slice(&length.to_le_bytes());
        }
    }
    bytes.extend_from_slice(text.as_bytes());
}

#[inline]
fn split_text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let (length, rest) = if *first == LONG {
        let (length, rest) = rest.split_first_chunk::<4>()?;
        (u32::from_le_bytes(*length) as usize, rest)
    } else {
        (*first as usize, rest)
    };
    rest.split_at_checked(length)
}

/// Compares names and values in turn, as bytes: for UTF-8 that is the order of the texts.
fn compare_texts(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !a.is_empty() && !b.is_empty() {
        let (text_a, rest_a) = split_text(a).expect("only whole texts are pushed");
        let (text_b, rest_b) = split_text(b).expect("only whole texts are pushed");
        match text_a.cmp(text_b) {
            Ordering::Equal => (a, b) = (rest_a, rest_b),
            different => return different,
        }
    }
    a.len().cmp(&b.len())
}

/// Whether one name sorts before another; mostly the first byte tells.
#[inline]
fn precedes(previous: &[u8], name: &[u8]) -> bool {
    match (previous.first(), name.first()) {
        (Some(first), Some(second)) if first != second => first < second,
        _ => previous < name,
    }
}

/// The text at the start of bytes that this module wrote, bytewise: UTF-8 sorts as its bytes do.
#[inline]
fn raw_text(bytes: &[u8]) -> &[u8] {
    split_text(bytes).expect("only whole texts are pushed").0
}

/// The text at the start of bytes that this module wrote, and what follows it.
fn text(bytes: &[u8]) -> (&str, &[u8]) {
    let (text, rest) = split_text(bytes).expect("only whole texts are pushed");
    (std::str::from_utf8(text).expect("only UTF-8 is pushed"), rest)
}

fn checked_text(bytes: &[u8]) -> Result<(&str, &[u8]), LabelsError> {
    let (text, rest) = split_text(bytes).ok_or(LabelsError::Damaged)?;
    let overhead = bytes.len() - text.len() - rest.len();
    if (text.len() >= LONG as usize) != (overhead > 1) {
        return Err(LabelsError::Damaged); // A second encoding of the same set would break equality by bytes.
    }
    std::str::from_utf8(text).map(|text| (text, rest)).map_err(|_| LabelsError::Damaged)
}

impl Default for Labels {
    fn default() -> Labels {
        Labels::empty()
    }
}

impl Hash for Labels {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0);
    }
}

/// Prometheus' order: pair by pair, name before value; a prefix comes first.
impl Ord for Labels {
    fn cmp(&self, other: &Labels) -> Ordering {
        if self.0 == other.0 { Ordering::Equal } else { compare_texts(&self.0, &other.0) }
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Labels) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// `{name="value", …}` with the metric's name in front, quoted where it is not a classic name.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.metric_name();
        let classic = name.is_some_and(is_classic_name);
        if let (Some(name), true) = (name, classic) {
            f.write_str(name)?;
            if self.len() == 1 {
                return Ok(());
            }
        }
        f.write_str("{")?;
        let mut separator = "";
        if let (Some(name), false) = (name, classic) {
            write!(f, "{name:?}")?;
            separator = ", ";
        }
        for (name, value) in self.iter().filter(|(name, _)| *name != METRIC_NAME) {
            if is_classic_name(name) && !name.contains(':') {
                write!(f, "{separator}{name}={value:?}")?;
            } else {
                write!(f, "{separator}{name:?}={value:?}")?;
            }
            separator = ", ";
        }
        f.write_str("}")
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn is_classic_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_' || first == b':')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        Labels::from_pairs(pairs.iter().copied()).unwrap()
    }

    #[test]
    fn pairs_are_sorted_and_empty_values_left_out() {
        let set = labels(&[("job", "shop"), ("__name__", "up"), ("zone", ""), ("instance", "a")]);
        assert_eq!(set.to_string(), r#"up{instance="a", job="shop"}"#);
        assert_eq!(set.get("job"), Some("shop"));
        assert_eq!(set.get("zone"), None);
        assert_eq!(set.without_name().to_string(), r#"{instance="a", job="shop"}"#);
    }

    #[test]
    fn a_name_that_stands_twice_is_refused_and_named() {
        let error = Labels::from_pairs([("b", "1"), ("a", "1"), ("b", "2")]).unwrap_err();
        assert_eq!(error, LabelsError::Duplicate("b".to_owned()));
        assert_eq!(Labels::from_pairs([("", "1")]).unwrap_err(), LabelsError::EmptyName);
        assert_eq!(Labels::from_pairs([("a", "1"), ("", "1")]).unwrap_err(), LabelsError::EmptyName);

        let mut builder = LabelsBuilder::default();
        builder.push("a", "1");
        builder.push("a", "2");
        for _ in 0..2 {
            assert_eq!(builder.encoded().unwrap_err(), LabelsError::Duplicate("a".to_owned()));
        }
    }

    #[test]
    fn with_replaces_adds_and_removes() {
        let set = labels(&[("b", "1"), ("d", "1")]);
        assert_eq!(set.with("a", "0"), labels(&[("a", "0"), ("b", "1"), ("d", "1")]));
        assert_eq!(set.with("b", "2"), labels(&[("b", "2"), ("d", "1")]));
        assert_eq!(set.with("e", "9"), labels(&[("b", "1"), ("d", "1"), ("e", "9")]));
        assert_eq!(set.with("b", ""), labels(&[("d", "1")]));
    }

    #[test]
    fn order_is_by_pairs_not_by_bytes() {
        // Bytewise the shorter value's length prefix would come first.
        assert!(labels(&[("a", "aa")]) < labels(&[("a", "b")]));
        assert!(labels(&[("a", "b")]) < labels(&[("a", "b"), ("c", "d")]));
        assert!(labels(&[("a", "b")]) < labels(&[("b", "a")]));
    }

    #[test]
    fn names_outside_the_classic_alphabet_are_quoted() {
        assert_eq!(
            labels(&[("__name__", "订单"), ("渠道", "微信")]).to_string(),
            r#"{"订单", "渠道"="微信"}"#
        );
    }

    proptest! {
        #[test]
        fn any_pairs_survive_encoding(pairs in proptest::collection::btree_map("[a-z]{1,300}", ".{1,300}", 0..6)) {
            let set = Labels::from_pairs(pairs.iter()).unwrap();
            let back = Labels::from_encoded(set.encoded()).unwrap();
            prop_assert_eq!(&back, &set);
            let own: Vec<_> = set.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
            prop_assert_eq!(own, pairs.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn bytes_from_outside_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(set) = Labels::from_encoded(&bytes) {
                let again = Labels::from_pairs(set.iter()).unwrap();
                prop_assert_eq!(again.encoded(), &bytes[..]);
            }
        }
    }
}
