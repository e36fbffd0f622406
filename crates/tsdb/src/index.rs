//! The inverted index of one generation: from label values to the series that carry them.
//!
//! Series are numbered densely in order of arrival, so posting lists only grow at their ends, and a reader that
//! holds an older snapshot ignores what lies beyond its number of series.

use std::collections::BTreeMap;

use lingshao_model::{Labels, Matcher};

/// Label name → value → series, each list ascending.
#[derive(Debug, Default)]
pub(crate) struct Index {
    names: BTreeMap<Box<str>, Values>,
    /// Series in ascending order of labels, as far as [`Index::sort`] has been called.
    sorted: Vec<u32>,
    /// Inverse of `sorted`.
    ranks: Vec<u32>,
    series_count: u32,
}

type Values = BTreeMap<Box<str>, Vec<u32>>;

impl Index {
    /// Adds the next series; answers its number.
    pub(crate) fn add(&mut self, labels: &Labels) -> u32 {
        let series = self.series_count;
        self.series_count += 1;
        for (name, value) in labels {
            if !self.names.contains_key(name) {
                self.names.insert(name.into(), Values::new());
            }
            let values = self.names.get_mut(name).expect("inserted above");
            match values.get_mut(value) {
                Some(list) => list.push(series),
                None => {
                    values.insert(value.into(), vec![series]);
                }
            }
        }
        series
    }

    pub(crate) fn series_count(&self) -> u32 {
        self.series_count
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(|name| &**name)
    }

    /// Values of a label with the number of series that carry each.
    pub(crate) fn values(&self, name: &str) -> impl Iterator<Item = (&str, usize)> {
        self.postings(name).map(|(value, list)| (value, list.len()))
    }

    /// Values of a label with the series that carry each.
    pub(crate) fn postings(&self, name: &str) -> impl Iterator<Item = (&str, &[u32])> {
        self.names.get(name).into_iter().flatten().map(|(value, list)| (&**value, list.as_slice()))
    }

    /// The series below `limit` that pass all matchers, ascending by number.
    pub(crate) fn select(&self, matchers: &[Matcher], limit: u32) -> Vec<u32> {
        let no_values = Values::new();
        let conditions = matchers.iter().filter_map(|matcher| {
            let values = self.names.get(matcher.name()).unwrap_or(&no_values);
            Condition::new(matcher, values.iter().map(|(value, list)| (&**value, list.as_slice())), |value| {
                values.get(value).map(Vec::as_slice)
            })
        });
        intersect(conditions.collect(), limit)
    }

    /// Makes ranks available for all series; `labels` gives a series' labels.
    pub(crate) fn sort<'a>(&mut self, labels: impl Fn(u32) -> &'a Labels) {
        let known = self.sorted.len() as u32;
        if known == self.series_count {
            return;
        }
        self.sorted.extend(known..self.series_count);
        // A stable merge sort finds the old part sorted and only merges the new one into it.
        self.sorted.sort_by(|a, b| labels(*a).cmp(labels(*b)));
        self.ranks.resize(self.sorted.len(), 0);
        for (rank, series) in self.sorted.iter().enumerate() {
            self.ranks[*series as usize] = rank as u32;
        }
    }

    pub(crate) fn is_sorted(&self) -> bool {
        self.sorted.len() as u32 == self.series_count
    }

    /// Brings series into ascending order of labels. [`Index::sort`] must have been called since the last one was
    /// added.
    pub(crate) fn in_label_order(&self, mut series: Vec<u32>) -> Vec<u32> {
        if series.len() > self.sorted.len() / 8 {
            let wanted = Bits::of(&series, self.series_count);
            return self.sorted.iter().copied().filter(|series| wanted.contains(*series)).collect();
        }
        series.sort_unstable_by_key(|series| self.ranks[*series as usize]);
        series
    }
}

/// One matcher, resolved against an index's posting lists.
pub(crate) enum Condition<'a> {
    /// Only these (ascending).
    List(&'a [u32]),
    /// Only these.
    Union(Vec<&'a [u32]>),
    /// All but these.
    Except(Vec<&'a [u32]>),
}

impl<'a> Condition<'a> {
    /// `None` when every series passes. `all` lists the label's values, `find` looks one up.
    pub(crate) fn new<'v>(
        matcher: &Matcher,
        all: impl Iterator<Item = (&'v str, &'a [u32])>,
        find: impl Fn(&str) -> Option<&'a [u32]>,
    ) -> Option<Condition<'a>> {
        if matcher.matches_empty() {
            let excluded: Vec<_> =
                all.filter(|(value, _)| !matcher.matches(value)).map(|(_, list)| list).collect();
            return (!excluded.is_empty()).then_some(Condition::Except(excluded));
        }
        if let Some(values) = matcher.listed_values() {
            let lists: Vec<_> = values.iter().filter_map(|value| find(value)).collect();
            return Some(match lists[..] {
                [list] => Condition::List(list),
                _ => Condition::Union(lists),
            });
        }
        Some(Condition::Union(
            all.filter(|(value, _)| matcher.matches(value)).map(|(_, list)| list).collect(),
        ))
    }

    fn size(&self) -> usize {
        match self {
            Condition::List(list) => list.len(),
            Condition::Union(lists) => lists.iter().map(|list| list.len()).sum(),
            Condition::Except(_) => usize::MAX,
        }
    }
}

/// Intersects conditions over the series `0..limit`: the smallest positive one gives candidates, the others
/// sieve them.
pub(crate) fn intersect(mut conditions: Vec<Condition<'_>>, limit: u32) -> Vec<u32> {
    conditions.sort_by_key(Condition::size);
    let mut conditions = conditions.into_iter().peekable();
    let mut series = match conditions.peek() {
        Some(Condition::List(_) | Condition::Union(_)) => candidates(conditions.next(), limit),
        _ => (0..limit).collect(),
    };
    for condition in conditions {
        if series.is_empty() {
            break;
        }
        sieve(&mut series, &condition, limit);
    }
    series
}

fn candidates(condition: Option<Condition<'_>>, limit: u32) -> Vec<u32> {
    match condition {
        Some(Condition::List(list)) => list[..list.partition_point(|series| *series < limit)].to_vec(),
        Some(Condition::Union(lists)) => Bits::union(&lists, limit).into_list(),
        _ => Vec::new(),
    }
}

fn sieve(series: &mut Vec<u32>, condition: &Condition<'_>, limit: u32) {
    match condition {
        Condition::List(list) => {
            let mut rest = *list;
            series.retain(|wanted| {
                let skip = gallop(rest, *wanted);
                rest = &rest[skip..];
                rest.first() == Some(wanted)
            });
        }
        Condition::Union(lists) => {
            let bits = Bits::union(lists, limit);
            series.retain(|wanted| bits.contains(*wanted));
        }
        Condition::Except(lists) => {
            let bits = Bits::union(lists, limit);
            series.retain(|wanted| !bits.contains(*wanted));
        }
    }
}

/// How many elements of an ascending list are below `wanted`, found in steps that double.
fn gallop(list: &[u32], wanted: u32) -> usize {
    let mut step = 1;
    while step < list.len() && list[step] < wanted {
        step *= 2;
    }
    let low = step / 2;
    let high = (step + 1).min(list.len());
    low + list[low..high].partition_point(|series| *series < wanted)
}

/// A set of series, one bit each.
struct Bits(Vec<u64>);

impl Bits {
    fn of(series: &[u32], limit: u32) -> Bits {
        Bits::union(&[series], limit)
    }

    fn union(lists: &[&[u32]], limit: u32) -> Bits {
        let mut words = vec![0_u64; (limit as usize).div_ceil(64)];
        for list in lists {
            for series in list.iter().take_while(|series| **series < limit) {
                words[*series as usize / 64] |= 1 << (series % 64);
            }
        }
        Bits(words)
    }

    fn contains(&self, series: u32) -> bool {
        self.0.get(series as usize / 64).is_some_and(|word| word >> (series % 64) & 1 == 1)
    }

    fn into_list(self) -> Vec<u32> {
        let mut list = Vec::new();
        for (index, mut word) in self.0.into_iter().enumerate() {
            while word != 0 {
                list.push(index as u32 * 64 + word.trailing_zeros());
                word &= word - 1;
            }
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lingshao_model::MatchOp;

    fn index() -> (Index, Vec<Labels>) {
        let mut index = Index::default();
        let mut all = Vec::new();
        for (name, job, zone) in [
            ("up", "shop", "b"),
            ("up", "node", ""),
            ("load", "node", "a"),
            ("up", "shop", "a"),
            ("load", "db", ""),
        ] {
            let labels = Labels::from_pairs([("__name__", name), ("job", job), ("zone", zone)]).unwrap();
            index.add(&labels);
            all.push(labels);
        }
        (index, all)
    }

    #[track_caller]
    fn check(matchers: &[(MatchOp, &str, &str)], expected: &[u32]) {
        let (index, all) = index();
        let matchers: Vec<_> =
            matchers.iter().map(|(op, name, value)| Matcher::new(*op, name, value).unwrap()).collect();
        assert_eq!(index.select(&matchers, index.series_count()), expected);
        let by_hand: Vec<u32> = (0..)
            .zip(&all)
            .filter(|(_, labels)| matchers.iter().all(|m| m.matches(labels.get(m.name()).unwrap_or(""))))
            .map(|(series, _)| series)
            .collect();
        assert_eq!(by_hand, expected, "the definition itself");
    }

    #[test]
    fn matchers_select_what_their_definition_says() {
        use MatchOp::{Equal, NotEqual, NotRegex, Regex};
        check(&[(Equal, "__name__", "up")], &[0, 1, 3]);
        check(&[(Equal, "__name__", "up"), (Equal, "job", "shop")], &[0, 3]);
        check(&[(Equal, "__name__", "up"), (NotEqual, "job", "shop")], &[1]);
        check(&[(Equal, "__name__", "up"), (Equal, "zone", "")], &[1]);
        check(&[(Equal, "__name__", "up"), (NotEqual, "zone", "")], &[0, 3]);
        check(&[(Regex, "job", "shop|db"), (Regex, "zone", "a|")], &[3, 4]);
        check(&[(Regex, "job", ".+"), (NotRegex, "job", "n.*")], &[0, 3, 4]);
        check(&[(Equal, "job", "none")], &[]);
        check(&[(NotEqual, "none", "x")], &[0, 1, 2, 3, 4]);
        check(&[(Equal, "job", "node"), (Regex, "none", ".+")], &[]);
    }

    #[test]
    fn a_reader_does_not_see_series_that_came_later() {
        let (index, _) = index();
        assert_eq!(index.select(&[Matcher::equal("__name__", "up")], 3), [0, 1]);
        assert_eq!(index.select(&[Matcher::new(MatchOp::NotEqual, "x", "y").unwrap()], 2), [0, 1]);
    }

    #[test]
    fn series_come_in_label_order_also_after_more_were_added() {
        let (mut index, mut all) = index();
        index.sort(|series| &all[series as usize]);
        assert_eq!(index.in_label_order(vec![0, 1, 2, 3, 4]), [4, 2, 1, 3, 0]);
        all.push(Labels::from_pairs([("__name__", "absent")]).unwrap());
        index.add(&all[5]);
        assert!(!index.is_sorted());
        index.sort(|series| &all[series as usize]);
        assert_eq!(index.in_label_order(vec![0, 5]), [5, 0]);
    }

    #[test]
    fn galloping_finds_the_first_not_below() {
        let list: Vec<u32> = (0..100).map(|n| n * 3).collect();
        for wanted in 0..310 {
            assert_eq!(gallop(&list, wanted), list.partition_point(|n| *n < wanted), "{wanted}");
        }
        assert_eq!(gallop(&[], 1), 0);
    }
}
