//! A question, resolved against what is known of one index: no name is looked up and no text is prepared per record.

use std::collections::HashMap;

use lingshao_model::log::words::{folded, is_han, words};
use lingshao_model::log::{
    Bound, Case, FieldKind, FieldSelection, FieldTest, Join, Level, LogQuery, LogTime, Number, QueryValue,
    Test,
};
use regex::RegexBuilder;

use crate::catalog::Index;
use crate::error::SearchError;
use crate::matcher::{Glob, NumberRange, TextTest, ValueTest, WordsTest};
use crate::record::level_code;
use crate::seq_id::seq_of;

/// Clauses of a query at most, terms of lists counted: far above any board, far below what stalls a server.
const CLAUSES_MAX: usize = 65_536;
/// Trees are walked by recursion; every edge limits nesting far below.
const DEPTH_MAX: usize = 256;
/// Bytes of a compiled pattern.
const REGEX_BYTES_MAX: usize = 4 << 20;

/// The tree that runs.
#[derive(Clone, Debug)]
pub(crate) enum Plan {
    All,
    Nothing,
    And(Vec<Plan>),
    Or(Vec<Plan>),
    AtLeast(usize, Vec<Plan>),
    Not(Box<Plan>),
    /// The record's time, first and last nanosecond.
    Time(i64, i64),
    /// The record's level, by the bits of its code.
    Level(u8),
    Id(Box<IdTest>),
    Columns(Box<ColumnsTest>),
}

/// A question to ids.
#[derive(Clone, Debug)]
pub(crate) enum IdTest {
    /// One of these: numbers of made ids, and senders' own.
    Any(Vec<u64>, Vec<String>),
    Text(Box<ValueTest>),
}

/// A question to columns.
#[derive(Clone, Debug)]
pub(crate) struct ColumnsTest {
    pub(crate) select: Select,
    pub(crate) test: ValueTest,
    /// For fields that are described otherwise; `None`: never holds.
    pub(crate) described: HashMap<String, Option<ValueTest>>,
}

/// Which columns.
#[derive(Clone, Debug)]
pub(crate) enum Select {
    /// All that hold texts.
    Texts,
    /// This one.
    Name(String),
    /// This one and those below it.
    Below(String),
    /// Those that match.
    Globs(Vec<Glob>),
}

impl Select {
    pub(crate) fn takes(&self, name: &str, is_text: bool) -> bool {
        match self {
            Select::Texts => is_text,
            Select::Name(own) => own == name,
            Select::Below(own) => {
                name.strip_prefix(&**own).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            }
            Select::Globs(globs) => globs.iter().any(|glob| glob.matches(name)),
        }
    }
}

impl ColumnsTest {
    /// The question to a column.
    pub(crate) fn of(&self, name: &str) -> Option<&ValueTest> {
        match self.described.get(name) {
            Some(own) => own.as_ref(),
            None => Some(&self.test),
        }
    }
}

/// Prepares a query for an index.
pub(crate) fn compile(query: &LogQuery, index: &Index) -> Result<Plan, SearchError> {
    let mut compiler = Compiler { index, clauses: 0 };
    compiler.query(query, 0)
}

struct Compiler<'a> {
    index: &'a Index,
    clauses: usize,
}

/// Whether a name asks for the record's own time.
pub(crate) fn is_time_name(name: &str) -> bool {
    matches!(name, "timestamp" | "@timestamp" | "_time" | "ts")
}

impl Compiler<'_> {
    fn query(&mut self, query: &LogQuery, depth: usize) -> Result<Plan, SearchError> {
        self.clauses += 1;
        if depth > DEPTH_MAX || self.clauses > CLAUSES_MAX {
            return Err(SearchError::TooComplex { clauses_max: CLAUSES_MAX, depth_max: DEPTH_MAX });
        }
        let mut all = |of: &[LogQuery]| -> Result<Vec<Plan>, SearchError> {
            of.iter().map(|one| self.query(one, depth + 1)).collect()
        };
        Ok(match query {
            LogQuery::All => Plan::All,
            LogQuery::Nothing => Plan::Nothing,
            LogQuery::And(of) => and(all(of)?),
            LogQuery::Or(of) => or(all(of)?),
            LogQuery::AtLeast { min: 0, of } => {
                all(of)?;
                Plan::All
            }
            LogQuery::AtLeast { min, of } if *min > of.len() => Plan::Nothing,
            LogQuery::AtLeast { min, of } => Plan::AtLeast(*min, all(of)?),
            LogQuery::Not(inner) => match self.query(inner, depth + 1)? {
                Plan::All => Plan::Nothing,
                Plan::Nothing => Plan::All,
                inner => Plan::Not(Box::new(inner)),
            },
            LogQuery::Field(test) => self.field(test)?,
            LogQuery::Ids(ids) => ids_plan(ids),
        })
    }

    fn field(&mut self, own: &FieldTest) -> Result<Plan, SearchError> {
        if let Test::IsAny { values, case } = &own.test {
            let one = |value: &QueryValue| {
                let test = Test::Is { value: value.clone(), case: *case };
                LogQuery::Field(Box::new(FieldTest { test, ..own.clone() }))
            };
            if own.fields == FieldSelection::One("_id".to_owned()) {
                return Ok(ids_plan(&values.iter().map(|value| value.text.clone()).collect::<Vec<_>>()));
            }
            return Ok(or(values
                .iter()
                .map(|value| self.query(&one(value), 0))
                .collect::<Result<_, _>>()?));
        }
        match &own.fields {
            FieldSelection::Any => self.columns(Select::Texts, own),
            FieldSelection::One(name) => self.one(name, own),
            FieldSelection::Several(names) => {
                let (globs, plain): (Vec<_>, Vec<_>) = names.iter().partition(|name| name.contains('*'));
                let mut plans: Vec<Plan> =
                    plain.iter().map(|name| self.one(name, own)).collect::<Result<_, _>>()?;
                if globs.iter().any(|glob| *glob == "*") {
                    plans.push(self.columns(Select::Globs(vec![Glob::new("*", false)]), own)?);
                } else if !globs.is_empty() {
                    let globs = globs.iter().map(|glob| Glob::new(glob, false)).collect();
                    plans.push(self.columns(Select::Globs(globs), own)?);
                }
                Ok(or(plans))
            }
        }
    }

    fn one(&self, name: &str, own: &FieldTest) -> Result<Plan, SearchError> {
        match name {
            "_id" => return Ok(id_plan(&own.test, &value_test(&own.test, dynamic(), name, true)?)),
            "_index" => {
                let kind = Some(FieldKind::Keyword { fold_case: false });
                let test = value_test(&own.test, kind, name, true)?;
                let holds = test.is_some_and(|test| test.exists || test.text_matches(&self.index.name));
                return Ok(if holds { Plan::All } else { Plan::Nothing });
            }
            _ => {}
        }
        if let Some(described) = self.index.mapping.fields.get(name) {
            let column = described.values_of.as_deref().unwrap_or(name);
            let test = value_test(&own.test, Some(described.kind), name, own.lenient)?;
            let select = match own.test {
                Test::Exists => Select::Below(column.to_owned()),
                _ => Select::Name(column.to_owned()),
            };
            let columns = test.map_or(Plan::Nothing, |test| columns_plan(select, test, HashMap::new()));
            return Ok(or(vec![self.time(name, &own.test), columns]));
        }
        let mut plans = vec![self.time(name, &own.test)];
        if name == "level" {
            plans.push(level_plan(&own.test)?);
        }
        let select = match own.test {
            Test::Exists => Select::Below(name.to_owned()),
            _ => Select::Name(name.to_owned()),
        };
        plans.push(self.columns(select, own)?);
        if let Some(base) = name.strip_suffix(".keyword") {
            let kind = Some(FieldKind::Keyword { fold_case: false });
            if let Some(test) = value_test(&own.test, kind, name, true)? {
                plans.push(columns_plan(Select::Name(base.to_owned()), test, HashMap::new()));
            }
        }
        Ok(or(plans))
    }

    /// The side of a question that the record's own time answers.
    fn time(&self, name: &str, test: &Test) -> Plan {
        if !is_time_name(name) {
            return Plan::Nothing;
        }
        if *test == Test::Exists {
            return Plan::All;
        }
        let instant = match test {
            Test::Is { value, .. } | Test::Words { value, .. } => {
                value.time.map(|(first, last)| (first.0, last.0))
            }
            Test::Range { lower, upper } => instants(lower, upper),
            _ => None,
        };
        instant.map_or(Plan::Nothing, |(first, last)| Plan::Time(first, last))
    }

    fn columns(&self, select: Select, own: &FieldTest) -> Result<Plan, SearchError> {
        let test = value_test(&own.test, None, "", true)?;
        let mut described = HashMap::new();
        for (name, field) in &self.index.mapping.fields {
            if field.values_of.is_none() && select.takes(name, true) {
                let lenient = own.lenient || !matches!(select, Select::Name(_));
                described.insert(name.clone(), value_test(&own.test, Some(field.kind), name, lenient)?);
            }
        }
        Ok(test.map_or(Plan::Nothing, |test| columns_plan(select, test, described)))
    }
}

fn columns_plan(select: Select, test: ValueTest, described: HashMap<String, Option<ValueTest>>) -> Plan {
    Plan::Columns(Box::new(ColumnsTest { select, test, described }))
}

fn and(of: Vec<Plan>) -> Plan {
    let mut kept: Vec<Plan> = of.into_iter().filter(|plan| !matches!(plan, Plan::All)).collect();
    match kept.len() {
        _ if kept.iter().any(|plan| matches!(plan, Plan::Nothing)) => Plan::Nothing,
        0 => Plan::All,
        1 => kept.remove(0),
        _ => {
            kept.sort_by_key(Plan::cost);
            Plan::And(kept)
        }
    }
}

fn or(of: Vec<Plan>) -> Plan {
    let mut kept: Vec<Plan> = of.into_iter().filter(|plan| !matches!(plan, Plan::Nothing)).collect();
    match kept.len() {
        _ if kept.iter().any(|plan| matches!(plan, Plan::All)) => Plan::All,
        0 => Plan::Nothing,
        1 => kept.remove(0),
        _ => {
            kept.sort_by_key(Plan::cost);
            Plan::Or(kept)
        }
    }
}

impl Plan {
    /// Between which instants everything lies that can be found in records whose fields named like the time hold
    /// nothing else.
    pub(crate) fn span(&self) -> (i64, i64) {
        const ALL: (i64, i64) = (i64::MIN, i64::MAX);
        const NONE: (i64, i64) = (i64::MAX, i64::MIN);
        match self {
            Plan::Nothing => NONE,
            Plan::Time(first, last) => (*first, *last),
            Plan::Columns(own) => match &own.select {
                Select::Name(name) if is_time_name(name) && own.test.typed_only => NONE,
                _ => ALL,
            },
            Plan::And(of) => of.iter().map(Plan::span).fold(ALL, |a, b| (a.0.max(b.0), a.1.min(b.1))),
            Plan::Or(of) => of.iter().map(Plan::span).fold(NONE, |a, b| (a.0.min(b.0), a.1.max(b.1))),
            _ => ALL,
        }
    }

    /// Which side of a conjunction narrows it cheaply; smaller goes first.
    fn cost(&self) -> u32 {
        match self {
            Plan::All | Plan::Nothing => 0,
            Plan::Time(..) | Plan::Level(_) => 1,
            Plan::Columns(own) => match (&own.select, &own.test) {
                (Select::Name(_), test) if test.exists => 2,
                (Select::Name(_), test) if test.number.is_some() => 3,
                (Select::Name(_), _) => 4,
                _ => 20,
            },
            Plan::Id(_) => 5,
            Plan::Not(inner) => 1 + inner.cost(),
            Plan::And(of) | Plan::Or(of) | Plan::AtLeast(_, of) => {
                of.iter().map(Plan::cost).fold(1, u32::saturating_add)
            }
        }
    }
}

fn ids_plan(ids: &[String]) -> Plan {
    let numbers = ids.iter().filter_map(|id| seq_of(id)).collect();
    Plan::Id(Box::new(IdTest::Any(numbers, ids.to_vec())))
}

fn id_plan(test: &Test, prepared: &Option<ValueTest>) -> Plan {
    match (test, prepared) {
        (Test::Exists, _) => Plan::All,
        (Test::Is { value, case: Case::Exact }, _) => ids_plan(std::slice::from_ref(&value.text)),
        (_, Some(test)) => Plan::Id(Box::new(IdTest::Text(Box::new(test.clone())))),
        (_, None) => Plan::Nothing,
    }
}

/// Ids are whole values.
fn dynamic() -> Option<FieldKind> {
    Some(FieldKind::Keyword { fold_case: false })
}

fn level_plan(test: &Test) -> Result<Plan, SearchError> {
    let bit = |level: Level| 1 << level_code(Some(level));
    let named = |text: &str| Level::read(text).map_or(0, bit);
    let mask = match test {
        Test::Exists => Level::ALL.into_iter().map(bit).sum(),
        Test::Is { value, .. } => named(&value.text),
        Test::Words { value, join: Join::Any, .. } => {
            words(&value.text).map(|word| named(&value.text[word.start..word.end])).fold(0, |a, b| a | b)
        }
        Test::Words { value, .. } => named(&value.text),
        Test::Range { lower, upper } => level_range(lower, upper),
        _ => {
            let prepared = value_test(test, None, "level", true)?;
            let holds = |level: &Level| prepared.as_ref().is_some_and(|test| test.text_matches(level.name()));
            Level::ALL.into_iter().filter(holds).map(bit).sum()
        }
    };
    Ok(if mask == 0 { Plan::Nothing } else { Plan::Level(mask) })
}

fn level_range(lower: &Bound, upper: &Bound) -> u8 {
    let end = |bound: &Bound| match bound {
        Bound::Open => Some(None),
        Bound::Included(value) => Level::read(&value.text).map(|level| Some((level, true))),
        Bound::Excluded(value) => Level::read(&value.text).map(|level| Some((level, false))),
    };
    let (Some(lower), Some(upper)) = (end(lower), end(upper)) else { return 0 };
    let holds = |level: &Level| {
        lower.is_none_or(|(bound, included)| *level > bound || (included && *level == bound))
            && upper.is_none_or(|(bound, included)| *level < bound || (included && *level == bound))
    };
    Level::ALL.into_iter().filter(holds).map(|level| 1 << level_code(Some(level))).sum()
}

/// First and last nanosecond between two bounds that are instants.
fn instants(lower: &Bound, upper: &Bound) -> Option<(i64, i64)> {
    let first = match lower {
        Bound::Open => i64::MIN,
        Bound::Included(value) => value.time?.0.0,
        Bound::Excluded(value) => value.time?.1.0.saturating_add(1),
    };
    let last = match upper {
        Bound::Open => i64::MAX,
        Bound::Included(value) => value.time?.1.0,
        Bound::Excluded(value) => value.time?.0.0.saturating_sub(1),
    };
    Some((first, last))
}

fn numbers(lower: &Bound, upper: &Bound) -> Option<NumberRange> {
    let end = |bound: &Bound| match bound {
        Bound::Open => Some(None),
        Bound::Included(value) => value.number.map(|number| Some((number, true))),
        Bound::Excluded(value) => value.number.map(|number| Some((number, false))),
    };
    Some(NumberRange { lower: end(lower)?, upper: end(upper)? })
}

fn addresses(lower: &Bound, upper: &Bound) -> Option<lingshao_model::log::IpRange> {
    let first = match lower {
        Bound::Open => 0,
        Bound::Included(value) => value.ip?.first,
        Bound::Excluded(value) => value.ip?.last.checked_add(1)?,
    };
    let last = match upper {
        Bound::Open => u128::MAX,
        Bound::Included(value) => value.ip?.last,
        Bound::Excluded(value) => value.ip?.first.checked_sub(1)?,
    };
    Some(lingshao_model::log::IpRange { first, last })
}

/// Prepares a test for a kind of field; `None`: it never holds.
fn value_test(
    test: &Test,
    kind: Option<FieldKind>,
    name: &str,
    lenient: bool,
) -> Result<Option<ValueTest>, SearchError> {
    if *test == Test::Exists {
        return Ok(Some(ValueTest { exists: true, ..ValueTest::default() }));
    }
    let prepared = match kind {
        None => Some(dynamic_test(test)?),
        Some(FieldKind::Text) => Some(text_test(test, true, false)?),
        Some(FieldKind::Keyword { fold_case }) => Some(keyword_test(test, fold_case)?),
        Some(FieldKind::Object) => None,
        Some(kind) => {
            let typed = typed_test(test, kind);
            if typed.is_none() && !lenient {
                return Err(bad_value(test, kind, name));
            }
            typed
        }
    };
    Ok(prepared.map(ValueTest::prepared))
}

fn bad_value(test: &Test, kind: FieldKind, name: &str) -> SearchError {
    let value = match test {
        Test::Is { value, .. } | Test::Words { value, .. } => value.text.clone(),
        Test::Range { lower, upper } => [lower, upper]
            .into_iter()
            .filter_map(|bound| match bound {
                Bound::Included(value) | Bound::Excluded(value) => Some(value.text.clone()),
                Bound::Open => None,
            })
            .collect::<Vec<_>>()
            .join("` or `"),
        Test::Prefix { text, .. } | Test::Fuzzy { text, .. } => text.clone(),
        Test::Wildcard { pattern, .. } | Test::Regex { pattern, .. } => pattern.clone(),
        Test::Exists | Test::IsAny { .. } => String::new(),
    };
    let wanted = match kind {
        FieldKind::Long | FieldKind::Double => "a number",
        FieldKind::Date => "a date",
        FieldKind::Boolean => "true or false",
        _ => "an IP address",
    };
    SearchError::BadValue { field: name.to_owned(), value, wanted }
}

/// Fields that nobody described: everything that the value may mean.
fn dynamic_test(test: &Test) -> Result<ValueTest, SearchError> {
    let mut prepared = text_test(test, true, true)?;
    match test {
        Test::Is { value, .. } | Test::Words { value, .. } => {
            prepared.number = value.number.map(NumberRange::only);
            prepared.instant = value.time.map(|(first, last)| (first.0, last.0));
            prepared.ip = value.ip;
            prepared.bool = truth(&value.text);
            prepared.typed_texts = true;
        }
        Test::Range { lower, upper } => {
            prepared.number = numbers(lower, upper);
            prepared.instant = instants(lower, upper);
            prepared.ip = addresses(lower, upper);
            prepared.typed_texts = true;
            // `process_time:>2` finds no `slow`.
            prepared.typed_only =
                prepared.number.is_some() || prepared.instant.is_some() || prepared.ip.is_some();
        }
        _ => {}
    }
    Ok(prepared)
}

fn truth(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// Numbers, dates, truths, addresses.
fn typed_test(test: &Test, kind: FieldKind) -> Option<ValueTest> {
    let mut prepared = ValueTest { typed_texts: true, typed_only: true, ..ValueTest::default() };
    let millis = |number: Number| (number.as_f64() * 1e6) as i64;
    match (kind, test) {
        (FieldKind::Long | FieldKind::Double, Test::Is { value, .. } | Test::Words { value, .. }) => {
            prepared.number = Some(NumberRange::only(value.number?));
        }
        (FieldKind::Long | FieldKind::Double, Test::Range { lower, upper }) => {
            prepared.number = Some(numbers(lower, upper)?);
        }
        (FieldKind::Date, Test::Is { value, .. } | Test::Words { value, .. }) => {
            let time = with_time(value, millis)?.time?;
            prepared.instant = Some((time.0.0, time.1.0));
        }
        (FieldKind::Date, Test::Range { lower, upper }) => {
            let timed = |bound: &Bound| match bound {
                Bound::Open => Some(Bound::Open),
                Bound::Included(value) => with_time(value, millis).map(Bound::Included),
                Bound::Excluded(value) => with_time(value, millis).map(Bound::Excluded),
            };
            prepared.instant = Some(instants(&timed(lower)?, &timed(upper)?)?);
        }
        (FieldKind::Boolean, Test::Is { value, .. } | Test::Words { value, .. }) => {
            prepared.bool = Some(truth(&value.text)?);
        }
        (FieldKind::Ip, Test::Is { value, .. } | Test::Words { value, .. }) => prepared.ip = Some(value.ip?),
        (FieldKind::Ip, Test::Range { lower, upper }) => prepared.ip = Some(addresses(lower, upper)?),
        _ => return None,
    }
    prepared.numbers_are_times = kind == FieldKind::Date;
    Some(prepared)
}

/// Date fields tell milliseconds, as Elasticsearch's.
fn whole_millis(first: i64, last: i64) -> (i64, i64) {
    const MILLI: i64 = 1_000_000;
    (
        first.div_euclid(MILLI).saturating_mul(MILLI),
        last.div_euclid(MILLI).saturating_mul(MILLI).saturating_add(MILLI - 1),
    )
}

/// A bound that may be milliseconds since the epoch.
fn with_time(value: &QueryValue, millis: impl Fn(Number) -> i64) -> Option<QueryValue> {
    let (first, last) = match value.time {
        Some((first, last)) => (first.0, last.0),
        None => (millis(value.number?), millis(value.number?)),
    };
    let (first, last) = whole_millis(first, last);
    Some(value.clone().with_time(LogTime(first), LogTime(last)))
}

/// Words and, for dynamic fields, whole values.
fn text_test(test: &Test, words: bool, dynamic: bool) -> Result<ValueTest, SearchError> {
    let is_fold = |case: &Case| *case == Case::Fold;
    let text = match test {
        Test::Is { value, case } => is_text(&value.text, is_fold(case), dynamic),
        Test::Words { value, join, prefix_last, wordless, case } => {
            match WordsTest::new(&value.text, *join, *prefix_last) {
                Some(test) => TextTest::Words(test),
                None if *wordless => {
                    return Ok(ValueTest { exists: true, ..ValueTest::default() });
                }
                None if dynamic && !value.text.trim().is_empty() => {
                    TextTest::Whole { text: value.text.clone(), fold: is_fold(case) }
                }
                None => return Ok(ValueTest::default()),
            }
        }
        Test::Prefix { text, case } => {
            let own = if dynamic || is_fold(case) { folded(text) } else { text.clone() };
            TextTest::Prefix { text: text.clone(), folded: own, fold: is_fold(case), whole: dynamic, words }
        }
        Test::Wildcard { pattern, case } => {
            let glob = Glob::new(pattern, is_fold(case));
            let word = Glob::new(pattern, is_fold(case) || dynamic).open_at_han();
            let separated = glob.has_separator();
            TextTest::Glob {
                whole: (dynamic || separated).then_some(glob),
                word: (!separated).then_some(word),
            }
        }
        Test::Regex { pattern, case } => regex_test(pattern, is_fold(case) || dynamic, dynamic, words)?,
        Test::Fuzzy { text, edits, prefix } => TextTest::Fuzzy {
            text: folded(text).chars().collect(),
            edits: usize::from(*edits),
            prefix: *prefix,
        },
        Test::Range { lower, upper } => range_text(lower, upper, !dynamic),
        Test::Exists | Test::IsAny { .. } => return Ok(ValueTest::default()),
    };
    Ok(ValueTest { text: Some(text), ..ValueTest::default() })
}

fn is_text(text: &str, fold: bool, dynamic: bool) -> TextTest {
    let is_run = !text.is_empty() && text.chars().all(is_han);
    if is_run {
        return TextTest::Contains(text.to_owned());
    }
    if dynamic {
        return TextTest::WholeOrWord { text: text.to_owned(), folded: folded(text), fold };
    }
    TextTest::Word(if fold { folded(text) } else { text.to_owned() })
}

fn regex_test(pattern: &str, fold: bool, whole: bool, words: bool) -> Result<TextTest, SearchError> {
    let regex = RegexBuilder::new(&format!("^(?:{pattern})$"))
        .case_insensitive(fold)
        .dot_matches_new_line(true)
        .size_limit(REGEX_BYTES_MAX)
        .build()
        .map_err(|error| SearchError::Pattern { pattern: pattern.to_owned(), why: error.to_string() })?;
    Ok(TextTest::Regex { regex, whole, words })
}

fn range_text(lower: &Bound, upper: &Bound, fold: bool) -> TextTest {
    let end = |bound: &Bound| {
        let text = |value: &QueryValue| if fold { folded(&value.text) } else { value.text.clone() };
        match bound {
            Bound::Open => None,
            Bound::Included(value) => Some((text(value), true)),
            Bound::Excluded(value) => Some((text(value), false)),
        }
    };
    TextTest::Range { lower: end(lower), upper: end(upper), fold }
}

/// Whole values.
fn keyword_test(test: &Test, fold_case: bool) -> Result<ValueTest, SearchError> {
    let is_fold = |case: &Case| fold_case || *case == Case::Fold;
    let text = match test {
        Test::Is { value, case } | Test::Words { value, prefix_last: false, case, .. } => {
            TextTest::Whole { text: value.text.clone(), fold: is_fold(case) }
        }
        Test::Words { value, case, .. } => prefix_of_whole(&value.text, is_fold(case)),
        Test::Prefix { text, case } => prefix_of_whole(text, is_fold(case)),
        Test::Wildcard { pattern, case } => {
            TextTest::Glob { whole: Some(Glob::new(pattern, is_fold(case))), word: None }
        }
        Test::Regex { pattern, case } => regex_test(pattern, is_fold(case), true, false)?,
        Test::Fuzzy { text, edits, prefix } => TextTest::Fuzzy {
            text: folded(text).chars().collect(),
            edits: usize::from(*edits),
            prefix: *prefix,
        },
        Test::Range { lower, upper } => range_text(lower, upper, fold_case),
        Test::Exists | Test::IsAny { .. } => return Ok(ValueTest::default()),
    };
    let mut prepared = ValueTest { text: Some(text), ..ValueTest::default() };
    // Numbers and truths in keyword fields are compared as they are written.
    match test {
        Test::Is { value, .. } | Test::Words { value, .. } => {
            prepared.number = value.number.map(NumberRange::only);
            prepared.bool = truth(&value.text);
        }
        Test::Range { lower, upper } => prepared.number = numbers(lower, upper),
        _ => {}
    }
    Ok(prepared)
}

fn prefix_of_whole(text: &str, fold: bool) -> TextTest {
    TextTest::Prefix { text: text.to_owned(), folded: folded(text), fold, whole: true, words: false }
}
