//! What is asked of one value, prepared once for a query.

use std::net::IpAddr;

use lingshao_model::log::words::{Word, fold, folded, is_han, same_folded, words};
use lingshao_model::log::{IpRange, Join, LogTime, LogValue, Number};
use regex::Regex;

use crate::filter::{self, Filter};

/// A question to a value; it holds when any of its sides does.
#[derive(Clone, Debug, Default)]
pub(crate) struct ValueTest {
    /// Anything but null.
    pub(crate) exists: bool,
    pub(crate) text: Option<TextTest>,
    pub(crate) number: Option<NumberRange>,
    /// First and last nanosecond.
    pub(crate) instant: Option<(i64, i64)>,
    pub(crate) ip: Option<IpRange>,
    pub(crate) bool: Option<bool>,
    /// Whether texts may be numbers, instants and addresses.
    pub(crate) typed_texts: bool,
    /// Whether numbers are instants: milliseconds since the epoch.
    pub(crate) numbers_are_times: bool,
    /// Whether texts that are neither of the other sides' types are not compared as text.
    pub(crate) typed_only: bool,
    /// Finds the places of a long text where `text` may hold.
    pub(crate) needle: Option<Regex>,
    /// Whether no digit stands in it.
    pub(crate) needle_is_plain: bool,
    /// Of each list, one key at least must be in a filter; empty: cannot be told.
    pub(crate) keys: Vec<Vec<u64>>,
}

/// A question to a text.
#[derive(Clone, Debug)]
pub(crate) enum TextTest {
    /// It is this.
    Whole {
        text: String,
        fold: bool,
    },
    /// One of its words is this; the text is folded unless the question is exact.
    Word(String),
    /// Either.
    WholeOrWord {
        text: String,
        folded: String,
        fold: bool,
    },
    /// It contains this run of Han characters.
    Contains(String),
    Words(WordsTest),
    Prefix {
        text: String,
        folded: String,
        fold: bool,
        whole: bool,
        words: bool,
    },
    Glob {
        whole: Option<Glob>,
        word: Option<Glob>,
    },
    Regex {
        regex: Regex,
        whole: bool,
        words: bool,
    },
    Fuzzy {
        text: Vec<char>,
        edits: usize,
        prefix: usize,
    },
    Range {
        lower: Option<(String, bool)>,
        upper: Option<(String, bool)>,
        fold: bool,
    },
}

/// Numbers between two; `true`: included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct NumberRange {
    pub(crate) lower: Option<(Number, bool)>,
    pub(crate) upper: Option<(Number, bool)>,
}

impl NumberRange {
    pub(crate) fn only(number: Number) -> NumberRange {
        NumberRange { lower: Some((number, true)), upper: Some((number, true)) }
    }

    #[inline]
    pub(crate) fn holds(&self, number: Number) -> bool {
        use std::cmp::Ordering::{Equal, Greater, Less};
        let above = self.lower.is_none_or(|(bound, included)| match number.compare(bound) {
            Greater => true,
            Equal => included,
            Less => false,
        });
        above
            && self.upper.is_none_or(|(bound, included)| match number.compare(bound) {
                Less => true,
                Equal => included,
                Greater => false,
            })
    }

    /// Whether none of the numbers between two floats can hold.
    pub(crate) fn excludes(&self, (least, most): (f64, f64)) -> bool {
        self.lower.is_some_and(|(bound, _)| most < bound.as_f64().next_down())
            || self.upper.is_some_and(|(bound, _)| bound.as_f64().next_up() < least)
    }
}

impl ValueTest {
    pub(crate) fn matches(&self, value: LogValue<&str>) -> bool {
        match value {
            LogValue::Null => false,
            LogValue::Bool(value) => self.exists || self.bool == Some(value),
            LogValue::Int(value) => self.number_matches(Number::Int(value)),
            LogValue::Float(value) => self.number_matches(Number::Float(value)),
            LogValue::Text(text) => self.exists || self.text_matches(text) || self.typed_text_matches(text),
        }
    }

    #[inline]
    pub(crate) fn number_matches(&self, number: Number) -> bool {
        if self.exists || self.number.is_some_and(|range| range.holds(number)) {
            return true;
        }
        let Some((first, last)) = self.instant.filter(|_| self.numbers_are_times) else { return false };
        let nanos = match number {
            Number::Int(millis) => LogTime::from_millis(millis).0,
            Number::Float(millis) => (millis * 1e6) as i64,
        };
        (first..=last).contains(&nanos)
    }

    /// Whether it holds for a text as text.
    pub(crate) fn text_matches(&self, text: &str) -> bool {
        !self.typed_only && self.text.as_ref().is_some_and(|test| test.matches(text))
    }

    /// Whether texts are asked for what they mean, too.
    pub(crate) fn asks_typed_texts(&self) -> bool {
        self.bool.is_some()
            || (self.typed_texts && (self.number.is_some() || self.instant.is_some() || self.ip.is_some()))
    }

    /// Whether it holds for a text as number, instant, address or truth.
    pub(crate) fn typed_text_matches(&self, text: &str) -> bool {
        let Some(first) = text.as_bytes().first() else { return false };
        if let Some(wanted) = self.bool
            && matches!(first, b't' | b'f')
            && text == if wanted { "true" } else { "false" }
        {
            return true;
        }
        // Numbers, instants and addresses begin with one of these.
        if !self.typed_texts || !matches!(first, b'0'..=b'9' | b'-' | b'.' | b':' | b'a'..=b'f' | b'A'..=b'F')
        {
            return false;
        }
        self.number.is_some_and(|range| Number::read(text).is_some_and(|number| range.holds(number)))
            || self.instant.is_some_and(|(first, last)| {
                instant_of(text).is_some_and(|instant| (first..=last).contains(&instant))
            })
            || self.ip.is_some_and(|range| {
                text.parse::<IpAddr>()
                    .is_ok_and(|address| (range.first..=range.last).contains(&IpRange::number(address)))
            })
    }

    /// The needle, if each text that matches has it, and no number is a part of it.
    pub(crate) fn literal_needle(&self) -> Option<&Regex> {
        let is_text_alone = !self.exists && !self.typed_only && !self.asks_typed_texts();
        self.needle.as_ref().filter(|_| is_text_alone && self.needle_is_plain)
    }

    /// Whether a column with this filter may hold a text that matches.
    pub(crate) fn may_match(&self, filter: &Filter) -> bool {
        self.keys.is_empty() || self.keys.iter().any(|all| all.iter().all(|key| filter.may_contain(*key)))
    }

    /// Prepares the needle and the filter's keys.
    pub(crate) fn prepared(mut self) -> ValueTest {
        let Some(test) = &self.text else { return self };
        let mut literals = Vec::new();
        if test.literals(&mut literals) && literals.iter().all(|literal| !literal.is_empty()) {
            let pattern: Vec<String> = literals.iter().map(|literal| regex::escape(literal)).collect();
            self.needle = Regex::new(&format!("(?i){}", pattern.join("|"))).ok();
            self.needle_is_plain =
                !literals.iter().any(|literal| literal.bytes().any(|byte| byte.is_ascii_digit()));
        }
        self.keys = self.all_keys().unwrap_or_default();
        self
    }

    /// One list of keys for each way in which a text can match; `None`: cannot be told.
    fn all_keys(&self) -> Option<Vec<Vec<u64>>> {
        let mut all = Vec::new();
        if !self.typed_only {
            self.text.as_ref()?.keys(&mut all)?;
        }
        if self.typed_texts {
            if self.instant.is_some() {
                return None;
            }
            if let Some(range) = self.number {
                let single = range.lower.filter(|lower| Some(*lower) == range.upper)?;
                all.push(vec![filter::number_key(single.0)]);
            }
            if let Some(range) = self.ip {
                (range.first == range.last).then_some(())?;
                all.push(vec![filter::ip_key(range.first)]);
            }
        }
        if let Some(value) = self.bool {
            all.push(filter::keys(if value { "true" } else { "false" }));
        }
        Some(all)
    }
}

/// An instant that a text of a dynamic or date field says; a date alone is its first.
pub(crate) fn instant_of(text: &str) -> Option<i64> {
    if let Some(time) = LogTime::parse(text, 0) {
        return Some(time.0);
    }
    let date = text.len() == 10 && text.as_bytes()[4] == b'-';
    if date { LogTime::parse(&format!("{text}T00:00:00Z"), 0).map(|time| time.0) } else { None }
}

impl TextTest {
    pub(crate) fn matches(&self, text: &str) -> bool {
        match self {
            TextTest::Whole { text: own, fold } => same(own, text, *fold),
            TextTest::Word(own) => has_word(text, |word| same_as_folded(own, word)),
            TextTest::WholeOrWord { text: own, folded, fold } => {
                same(own, text, *fold) || has_word(text, |word| same_as_folded(folded, word))
            }
            TextTest::Contains(own) => memchr::memmem::find(text.as_bytes(), own.as_bytes()).is_some(),
            TextTest::Words(test) => test.matches(text),
            TextTest::Prefix { text: own, folded, fold, whole, words } => {
                (*whole && if *fold { begins_folded(folded, text) } else { text.starts_with(&**own) })
                    || (*words && any_unit(text, |unit| begins_folded(folded, unit)))
                    || (*words
                        && own.chars().next().is_some_and(is_han)
                        && memchr::memmem::find(text.as_bytes(), own.as_bytes()).is_some())
            }
            TextTest::Glob { whole, word } => {
                whole.as_ref().is_some_and(|glob| glob.matches(text))
                    || word.as_ref().is_some_and(|glob| any_unit(text, |unit| glob.matches_word(unit)))
            }
            TextTest::Regex { regex, whole, words } => {
                (*whole && regex.is_match(text))
                    || (*words && any_unit(text, |unit| regex.is_match(&folded(unit))))
            }
            TextTest::Fuzzy { text: own, edits, prefix } => {
                let near =
                    |word: &str| is_near(own, &folded(word).chars().collect::<Vec<_>>(), *edits, *prefix);
                near(text) || any_unit(text, near)
            }
            TextTest::Range { lower, upper, fold } => {
                let text = if *fold { folded(text) } else { text.to_owned() };
                let above =
                    |(bound, included): &(String, bool)| text > *bound || (*included && text == *bound);
                let below =
                    |(bound, included): &(String, bool)| text < *bound || (*included && text == *bound);
                lower.as_ref().is_none_or(above) && upper.as_ref().is_none_or(below)
            }
        }
    }

    /// Gathers literals of which each matching text contains one in some case; `false`: there are none.
    fn literals(&self, out: &mut Vec<String>) -> bool {
        let literal = match self {
            TextTest::Whole { text, .. } | TextTest::Word(text) | TextTest::Contains(text) => text,
            TextTest::WholeOrWord { text, .. } | TextTest::Prefix { text, .. } => text,
            TextTest::Words(test) => return test.literals(out),
            TextTest::Glob { whole, word } => {
                let globs = whole.iter().chain(word);
                return globs.map(|glob| glob.literal()).all(|literal| {
                    out.extend(literal.clone());
                    literal.is_some()
                });
            }
            TextTest::Regex { .. } | TextTest::Fuzzy { .. } | TextTest::Range { .. } => return false,
        };
        out.push(literal.clone());
        true
    }

    fn keys(&self, out: &mut Vec<Vec<u64>>) -> Option<()> {
        match self {
            TextTest::Whole { text, .. } | TextTest::Word(text) | TextTest::Contains(text) => {
                out.push(filter::keys(text));
            }
            TextTest::WholeOrWord { text, .. } => out.push(filter::keys(text)),
            TextTest::Words(test) => return test.keys(out),
            _ => return None,
        }
        Some(())
    }
}

fn same(own: &str, text: &str, fold: bool) -> bool {
    if fold { same_folded(own, text) } else { own == text }
}

/// Whether a word is a text that is folded already.
fn same_as_folded(own: &str, word: &str) -> bool {
    if own.is_ascii() && word.is_ascii() {
        return own.len() == word.len()
            && own.bytes().zip(word.bytes()).all(|(own, byte)| own == byte.to_ascii_lowercase());
    }
    own.chars().eq(word.chars().map(fold))
}

fn begins_folded(own: &str, text: &str) -> bool {
    let mut letters = text.chars().map(fold);
    own.chars().all(|own| letters.next() == Some(own))
}

fn has_word(text: &str, mut test: impl FnMut(&str) -> bool) -> bool {
    words(text).any(|word| test(&text[word.start..word.end]))
}

/// Words for patterns: a run of Han characters is one.
fn any_unit(text: &str, mut test: impl FnMut(&str) -> bool) -> bool {
    let mut run: Option<Word> = None;
    for word in words(text) {
        match run {
            Some(before) if word.han && before.end == word.start => {
                run = Some(Word { start: before.start, ..word });
            }
            before => {
                if before.is_some_and(|before| test(&text[before.start..before.end])) {
                    return true;
                }
                run = word.han.then_some(word);
            }
        }
        if !word.han && test(&text[word.start..word.end]) {
            return true;
        }
    }
    run.is_some_and(|run| test(&text[run.start..run.end]))
}

/// A text and where its words are.
struct Cut<'a> {
    text: &'a str,
    words: Vec<Word>,
}

/// Words that a text must contain.
#[derive(Clone, Debug)]
pub(crate) struct WordsTest {
    units: Vec<Unit>,
    join: Join,
    prefix_last: bool,
}

/// A word, or a run of Han characters.
#[derive(Clone, Debug)]
struct Unit {
    /// Folded, one each.
    words: Vec<String>,
    /// Place of its first word in the query.
    place: usize,
    /// As it stands in the query.
    text: String,
}

impl WordsTest {
    /// `None` when the text has no word.
    pub(crate) fn new(text: &str, join: Join, prefix_last: bool) -> Option<WordsTest> {
        let mut units: Vec<Unit> = Vec::new();
        let mut run_end = None;
        for (place, word) in words(text).enumerate() {
            let own = &text[word.start..word.end];
            match units.last_mut() {
                Some(last) if word.han && run_end == Some(word.start) => {
                    last.words.push(folded(own));
                    last.text.push_str(own);
                }
                _ => units.push(Unit { words: vec![folded(own)], place, text: own.to_owned() }),
            }
            run_end = word.han.then_some(word.end);
        }
        (!units.is_empty()).then_some(WordsTest { units, join, prefix_last })
    }

    fn matches(&self, text: &str) -> bool {
        let all = Cut { text, words: words(text).collect() };
        let found = |nth: usize| (0..all.words.len()).any(|at| self.is_at(nth, &all, at));
        let count = || (0..self.units.len()).filter(|nth| found(*nth)).count();
        match self.join {
            Join::Any => (0..self.units.len()).any(found),
            Join::All => (0..self.units.len()).all(found),
            Join::AtLeast(min) => count() >= min,
            Join::Phrase { slop: 0 } => {
                let begin = |at: usize| {
                    (0..self.units.len()).all(|nth| self.is_at(nth, &all, at + self.units[nth].place))
                };
                (0..all.words.len()).any(begin)
            }
            Join::Phrase { slop } => self.is_near(&all, i64::from(slop)),
        }
    }

    fn is_at(&self, nth: usize, all: &Cut<'_>, at: usize) -> bool {
        let unit = &self.units[nth];
        let Some(own) = all.words.get(at..at + unit.words.len()) else { return false };
        // A run of Han characters is found as it stands.
        if own.windows(2).any(|two| two[0].end != two[1].start) {
            return false;
        }
        let last = self.prefix_last && nth + 1 == self.units.len();
        let end = unit.words.len() - 1;
        unit.words.iter().zip(own).enumerate().all(|(place, (wanted, word))| {
            let word = &all.text[word.start..word.end];
            if last && place == end { begins_folded(wanted, word) } else { same_as_folded(wanted, word) }
        })
    }

    /// As Lucene counts: places less those in the query must all lie within the slop.
    fn is_near(&self, all: &Cut<'_>, slop: i64) -> bool {
        let mut places: Vec<(i64, usize)> = Vec::new();
        for nth in 0..self.units.len() {
            let own = (0..all.words.len()).filter(|at| self.is_at(nth, all, *at));
            places.extend(own.map(|at| (at as i64 - self.units[nth].place as i64, nth)));
        }
        places.sort_unstable();
        let (mut counts, mut missing, mut start) = (vec![0; self.units.len()], self.units.len(), 0);
        for end in 0..places.len() {
            let (shift, nth) = places[end];
            missing -= usize::from(counts[nth] == 0);
            counts[nth] += 1;
            while shift - places[start].0 > slop {
                let gone = places[start].1;
                counts[gone] -= 1;
                missing += usize::from(counts[gone] == 0);
                start += 1;
            }
            if missing == 0 {
                return true;
            }
        }
        false
    }

    fn literals(&self, out: &mut Vec<String>) -> bool {
        match self.join {
            Join::Any | Join::AtLeast(_) => out.extend(self.units.iter().map(|unit| unit.text.clone())),
            Join::All | Join::Phrase { .. } => {
                out.extend(
                    self.units.iter().max_by_key(|unit| unit.text.len()).map(|unit| unit.text.clone()),
                );
            }
        }
        !matches!(self.join, Join::AtLeast(0))
    }

    fn keys(&self, out: &mut Vec<Vec<u64>>) -> Option<()> {
        let last = self.units.len() - 1;
        // A word that may go on is none of the filter's; of a run of Han characters all are.
        let whole =
            |nth: usize| !(self.prefix_last && nth == last) || self.units[nth].text.chars().all(is_han);
        let keys = |nth: usize| filter::keys(&self.units[nth].text);
        match self.join {
            Join::Any if (0..=last).all(whole) => out.extend((0..=last).map(keys)),
            Join::All | Join::Phrase { .. } => {
                let all: Vec<u64> = (0..=last).filter(|nth| whole(*nth)).flat_map(keys).collect();
                if all.is_empty() {
                    return None;
                }
                out.push(all);
            }
            _ => return None,
        }
        Some(())
    }
}

/// A pattern of `*` and `?`.
#[derive(Clone, Debug)]
pub(crate) struct Glob {
    pieces: Vec<Piece>,
    fold: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Piece {
    Letter(char),
    One,
    Many,
}

impl Glob {
    pub(crate) fn new(pattern: &str, fold_case: bool) -> Glob {
        let mut pieces = Vec::new();
        let mut letters = pattern.chars();
        while let Some(letter) = letters.next() {
            pieces.push(match letter {
                '*' => Piece::Many,
                '?' => Piece::One,
                '\\' => Piece::Letter(letters.next().unwrap_or('\\')),
                letter => Piece::Letter(letter),
            });
        }
        if fold_case {
            for piece in &mut pieces {
                if let Piece::Letter(letter) = piece {
                    *letter = fold(*letter);
                }
            }
        }
        pieces.dedup_by(|a, b| *a == Piece::Many && *b == Piece::Many);
        Glob { pieces, fold: fold_case }
    }

    /// For runs of Han characters, which have no beginning and no end as words have.
    pub(crate) fn open_at_han(mut self) -> Glob {
        let is_han = |piece: Option<&Piece>| matches!(piece, Some(Piece::Letter(letter)) if is_han(*letter));
        if is_han(self.pieces.first()) {
            self.pieces.insert(0, Piece::Many);
        }
        if is_han(self.pieces.last()) {
            self.pieces.push(Piece::Many);
        }
        self
    }

    /// Whether it holds a letter at which words end.
    pub(crate) fn has_separator(&self) -> bool {
        self.pieces.iter().any(|piece| match piece {
            Piece::Letter(letter) => words(letter.encode_utf8(&mut [0; 4])).next().is_none(),
            _ => false,
        })
    }

    /// The longest text that every match contains.
    fn literal(&self) -> Option<String> {
        let runs = self.pieces.split(|piece| !matches!(piece, Piece::Letter(_)));
        let texts = runs.map(|run| {
            run.iter()
                .filter_map(|piece| if let Piece::Letter(letter) = piece { Some(*letter) } else { None })
                .collect()
        });
        texts.max_by_key(|text: &String| text.len()).filter(|text| !text.is_empty())
    }

    /// Words are compared as they are folded.
    fn matches_word(&self, word: &str) -> bool {
        if self.fold { self.matches(word) } else { self.matches(&folded(word)) }
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        let (mut at, mut rest) = (0, text.chars());
        // Where to go on when it does not fit: behind the last star, one letter later than before.
        let mut again: Option<(usize, std::str::Chars<'_>)> = None;
        loop {
            let before = rest.clone();
            let fits = match (self.pieces.get(at), rest.next()) {
                (Some(Piece::Many), _) => {
                    rest = before.clone();
                    again = Some((at + 1, before));
                    true
                }
                (None, None) => return true,
                (Some(Piece::One), Some(_)) => true,
                (Some(Piece::Letter(wanted)), Some(letter)) => {
                    *wanted == if self.fold { fold(letter) } else { letter }
                }
                _ => false,
            };
            if fits {
                at += 1;
                continue;
            }
            let Some((star, from)) = &mut again else { return false };
            if from.next().is_none() {
                return false;
            }
            (at, rest) = (*star, from.clone());
        }
    }
}

/// Whether two texts differ by so many edits at most: insertions, deletions, changes, and exchanges of neighbours.
fn is_near(a: &[char], b: &[char], edits: usize, prefix: usize) -> bool {
    if a.len().abs_diff(b.len()) > edits || a.iter().take(prefix).ne(b.iter().take(prefix)) {
        return false;
    }
    let mut rows = [vec![0; b.len() + 1], (0..=b.len()).collect::<Vec<_>>(), vec![0; b.len() + 1]];
    for i in 1..=a.len() {
        let [older, before, now] = &mut rows;
        now[0] = i;
        for j in 1..=b.len() {
            let change = before[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            now[j] = change.min(before[j] + 1).min(now[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                now[j] = now[j].min(older[j - 2] + 1);
            }
        }
        rows.rotate_left(1);
    }
    rows[1][b.len()] <= edits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_words(query: &str, join: Join, prefix_last: bool, text: &str, expected: bool) {
        let test = WordsTest::new(query, join, prefix_last).unwrap();
        let mut literals = Vec::new();
        if test.matches(text) && test.literals(&mut literals) {
            let lower = folded(text);
            assert!(literals.iter().any(|literal| lower.contains(&folded(literal))), "{literals:?}");
        }
        assert_eq!(test.matches(text), expected, "{query} in {text}");
    }

    #[test]
    fn words_are_joined_as_asked() {
        let text = "Zone of explosion, 支付失败 at 3.14";
        check_words("EXPLOSION nothing", Join::Any, false, text, true);
        check_words("explosion nothing", Join::All, false, text, false);
        check_words("3.14 zone", Join::All, false, text, true);
        check_words("a zone of b", Join::AtLeast(2), false, text, true);
        check_words("zone explosion", Join::Phrase { slop: 0 }, false, text, false);
        check_words("zone explosion", Join::Phrase { slop: 1 }, false, text, true);
        check_words("of zone", Join::Phrase { slop: 1 }, false, text, false);
        check_words("of zone", Join::Phrase { slop: 2 }, false, text, true);
        check_words("zone of expl", Join::Phrase { slop: 0 }, true, text, true);
        check_words("zone of expl", Join::Phrase { slop: 0 }, false, text, false);
    }

    #[test]
    fn runs_of_han_characters_stay_together() {
        check_words("付失", Join::Any, false, "支付失败", true);
        check_words("支失", Join::Any, false, "支付失败", false);
        check_words("失败 支付", Join::All, false, "支付失败", true);
        check_words("支付失败", Join::Phrase { slop: 0 }, false, "支付 失败", false);
        check_words("支付 失败", Join::Phrase { slop: 0 }, false, "支付失败", true);
    }

    #[track_caller]
    fn check_glob(pattern: &str, text: &str, expected: bool) {
        assert_eq!(Glob::new(pattern, true).matches(text), expected, "{pattern} of {text}");
    }

    #[test]
    fn globs_match_whole_texts() {
        check_glob("/api/v1/payments/*", "/API/v1/payments/12/notify", true);
        check_glob("/api/v1/payments/*", "/x/api/v1/payments/12", false);
        check_glob("*a*b?c", "xxaxxbbbxc", true);
        check_glob("a*b*c", "abcbcx", false);
        check_glob("", "", true);
        check_glob("*", "", true);
        check_glob("?", "支", true);
        check_glob(r"a\*", "a*", true);
        check_glob(r"a\*", "ab", false);
    }

    #[test]
    fn fuzzy_counts_exchanges_of_neighbours_once() {
        let near = |a: &str, b: &str, edits, prefix| {
            is_near(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>(), edits, prefix)
        };
        assert!(near("payment", "paymnet", 1, 0));
        assert!(near("payment", "pament", 1, 0));
        assert!(!near("payment", "pymnt", 1, 0));
        assert!(near("payment", "pymnt", 2, 0));
        assert!(!near("payment", "xayment", 1, 1));
    }
}
