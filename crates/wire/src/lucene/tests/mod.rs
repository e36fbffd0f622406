//! Laws of the language, a line a case, in a notation of their own:
//!
//! `a & b`, `a | b`, `-a`, `2 of (a | b)`; `f:'x y'` is a phrase, `~2` its slop, `f:any'x y'` and `f:all'x y'` are
//! words that Elasticsearch joins by its operator, `f='x'` is a whole value, `f:?` asks whether there is one, and
//! `f^'x'`, `f*'x'`, `f/'x'`, `f~1'x'` are beginnings, wildcards, regular expressions and fuzzy words. `_` is any field.
//! Behind a value, `#` says that it is a number, `%` an address, `@` a time.

mod boxed;
mod classic;
mod elasticsearch;
mod limits;
mod mistakes;
mod notes;
mod printing;

use std::fmt::Write as _;

use lingshao_model::log::{
    Bound, Case, FieldSelection, FieldTest, Join, LogQuery, LogTime, QueryValue, Test,
};

use super::*;

/// 2025-06-15T00:30:00Z, half past eight in Shanghai.
pub(super) const NOW: LogTime = LogTime(1_749_947_400_000_000_000);

pub(super) fn options<T>(dialect: Dialect, then: impl FnOnce(&Options<'_>) -> T) -> T {
    let zone = crate::date_math::zone("+08:00").unwrap();
    let clock = Clock { now: NOW, zone: &zone };
    then(&match dialect {
        Dialect::Box => Options::search_box(clock),
        Dialect::Elasticsearch => Options::elasticsearch(clock),
    })
}

pub(super) fn read(dialect: Dialect, text: &str) -> Result<Parsed, QueryError> {
    options(dialect, |options| parse(text, options))
}

/// What is told of a text; and what is written of its tree has to be read as that tree again.
#[track_caller]
pub(super) fn check(dialect: Dialect, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        let told = match read(dialect, text) {
            Ok(parsed) => {
                reads_back(dialect, &parsed.query);
                show(&parsed.query)
            }
            Err(error) => format!("! {error}"),
        };
        assert_eq!(told, *expected, "{text}");
    }
}

/// In the box the same tree. Elasticsearch's differ in how letters compare and words are joined: what is written of
/// them settles.
#[track_caller]
pub(super) fn reads_back(dialect: Dialect, query: &LogQuery) {
    let Some(printed) = print(query) else { return assert_ne!(dialect, Dialect::Box, "{query:?}") };
    let again = read(Dialect::Box, &printed).unwrap_or_else(|error| panic!("{printed}: {error}")).query;
    match dialect {
        Dialect::Box => assert_eq!(again, *query, "{printed}"),
        Dialect::Elasticsearch => {
            let settled = print(&again).expect("the box has words for what it read");
            assert_eq!(read(Dialect::Box, &settled).unwrap().query, again, "{printed}");
        }
    }
}

pub(super) fn show(query: &LogQuery) -> String {
    let list = |parts: &[LogQuery], operator: &str| {
        let parts: Vec<_> = parts.iter().map(show).collect();
        format!("({})", parts.join(operator))
    };
    match query {
        LogQuery::All => "ALL".to_owned(),
        LogQuery::Nothing => "NONE".to_owned(),
        LogQuery::And(parts) => list(parts, " & "),
        LogQuery::Or(parts) => list(parts, " | "),
        LogQuery::AtLeast { min, of } => format!("{min} of {}", list(of, " | ")),
        LogQuery::Not(inner) => format!("-{}", show(inner)),
        LogQuery::Ids(ids) => format!("ids {}", ids.join(",")),
        LogQuery::Field(test) => show_field(test),
    }
}

fn show_field(test: &FieldTest) -> String {
    let fields = match &test.fields {
        FieldSelection::Any => "_".to_owned(),
        FieldSelection::One(name) => name.clone(),
        FieldSelection::Several(names) => format!("{{{}}}", names.join(",")),
    };
    let case = |case: &Case| if *case == Case::Exact { "!" } else { "" };
    match &test.test {
        Test::Exists => format!("{fields}:?"),
        Test::Words { value, join, .. } => match join {
            Join::Phrase { slop: 0 } => format!("{fields}:{}", show_value(value)),
            Join::Phrase { slop } => format!("{fields}:{}~{slop}", show_value(value)),
            Join::Any => format!("{fields}:any{}", show_value(value)),
            Join::All => format!("{fields}:all{}", show_value(value)),
            Join::AtLeast(count) => format!("{fields}:{count}{}", show_value(value)),
        },
        Test::Is { value, .. } => format!("{fields}={}", show_value(value)),
        Test::IsAny { values, .. } => {
            format!("{fields}={}", values.iter().map(show_value).collect::<Vec<_>>().join(","))
        }
        Test::Prefix { text, case: letters } => format!("{fields}^{}'{text}'", case(letters)),
        Test::Wildcard { pattern, case: letters } => format!("{fields}*{}'{pattern}'", case(letters)),
        Test::Regex { pattern, case: letters } => {
            format!("{fields}/{}'{}'", case(letters), regex::inner(pattern).unwrap())
        }
        Test::Fuzzy { text, edits, prefix } => {
            format!("{fields}~{edits},{prefix}'{text}'").replace(",0'", "'")
        }
        Test::Range { lower, upper } => {
            let end = |bound: &Bound| match bound {
                Bound::Open => "*".to_owned(),
                Bound::Included(value) | Bound::Excluded(value) => show_value(value),
            };
            let open = if matches!(lower, Bound::Excluded(_)) { '{' } else { '[' };
            let close = if matches!(upper, Bound::Excluded(_)) { '}' } else { ']' };
            format!("{fields}:{open}{} {}{close}", end(lower), end(upper))
        }
    }
}

fn show_value(value: &QueryValue) -> String {
    let mut text = format!("'{}'", value.text);
    if value.number.is_some() {
        text.push('#');
    }
    if value.ip.is_some() {
        text.push('%');
    }
    if let Some((first, last)) = value.time {
        let _ = write!(text, "@{}", instant(first));
        if first != last {
            let _ = write!(text, "~{}", instant(last));
        }
    }
    text
}

/// Without what most of them have in common.
fn instant(time: LogTime) -> String {
    time.to_string().replace("2025-06-", "").replace(":00.000Z", "").replace("999999999Z", "9")
}
