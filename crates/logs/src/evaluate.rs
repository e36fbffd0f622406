//! Which rows of a table a plan finds: first from what is known of the table, then from its columns.

use lingshao_model::log::{LogValue, Number};

use crate::bitmap::Bitmap;
use crate::column::{Column, Kind, Texts, Values};
use crate::matcher::ValueTest;
use crate::part::PartError;
use crate::plan::{ColumnsTest, IdTest, Plan, is_time_name};
use crate::seq_id::id_of;
use crate::table::Table;

/// What can be said without looking at rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Never,
    Maybe,
    Always,
}

/// Judges a table by its span, levels and columns.
pub(crate) fn judge(plan: &Plan, table: &Table) -> Verdict {
    use Verdict::{Always, Maybe, Never};
    match plan {
        Plan::All => Always,
        Plan::Nothing => Never,
        Plan::And(of) => of.iter().map(|plan| judge(plan, table)).fold(Always, |a, b| match (a, b) {
            (Never, _) | (_, Never) => Never,
            (Always, Always) => Always,
            _ => Maybe,
        }),
        Plan::Or(of) => of.iter().map(|plan| judge(plan, table)).fold(Never, |a, b| match (a, b) {
            (Always, _) | (_, Always) => Always,
            (Never, Never) => Never,
            _ => Maybe,
        }),
        Plan::AtLeast(min, of) => {
            let count = |wanted| of.iter().filter(|plan| judge(plan, table) == wanted).count();
            match (count(Always) >= *min, of.len() - count(Never) < *min) {
                (true, _) => Always,
                (_, true) => Never,
                _ => Maybe,
            }
        }
        Plan::Not(inner) => match judge(inner, table) {
            Never => Always,
            Always => Never,
            Maybe => Maybe,
        },
        Plan::Time(first, last) => match table.span() {
            (least, most) if most < *first || *last < least => Never,
            (least, most) if *first <= least && most <= *last => Always,
            _ => Maybe,
        },
        Plan::Level(mask) => table.level_counts().map_or(Maybe, |counts| {
            let rows: u32 = (0..6).filter(|code| mask & (1 << code) != 0).map(|code| counts[code]).sum();
            match rows {
                0 => Never,
                rows if rows == table.rows() => Always,
                _ => Maybe,
            }
        }),
        Plan::Id(_) => Maybe,
        Plan::Columns(own) => {
            if asked(own, table).next().is_none() {
                Never
            } else {
                Maybe
            }
        }
    }
}

/// Columns that a question may find something in, by what is known of them.
fn asked<'a>(own: &'a ColumnsTest, table: &'a Table) -> impl Iterator<Item = (usize, &'a ValueTest)> {
    table.columns().iter().enumerate().filter_map(|(number, info)| {
        if info.kind == Kind::Null || !own.select.takes(&info.name, info.kind == Kind::Text) {
            return None;
        }
        let test = own.of(&info.name)?;
        // The plan asks the record's own time beside.
        let is_own_time =
            info.is_time && is_time_name(&info.name) && test.instant.is_some() && test.typed_only;
        let excluded = info.range.zip(test.number).is_some_and(|(span, range)| range.excludes(span));
        let numeric = matches!(info.kind, Kind::Int | Kind::Float);
        let hopeless = numeric
            && !test.exists
            && (excluded || test.number.is_none())
            && !(test.numbers_are_times && test.instant.is_some());
        (!is_own_time && !hopeless).then_some((number, test))
    })
}

/// The rows that a plan finds, of those in `within`.
pub(crate) fn evaluate(plan: &Plan, table: &Table, within: &Bitmap) -> Result<Bitmap, PartError> {
    match judge(plan, table) {
        Verdict::Never => return Ok(Bitmap::none(table.rows())),
        Verdict::Always => return Ok(within.clone()),
        Verdict::Maybe => {}
    }
    match plan {
        Plan::All => Ok(within.clone()),
        Plan::Nothing => Ok(Bitmap::none(table.rows())),
        Plan::And(of) => {
            let mut found = within.clone();
            for plan in of {
                if found.is_empty() {
                    break;
                }
                found = evaluate(plan, table, &found)?;
            }
            Ok(found)
        }
        Plan::Or(of) => {
            let (mut found, mut rest) = (Bitmap::none(table.rows()), within.clone());
            for plan in of {
                let own = evaluate(plan, table, &rest)?;
                rest.and_not(&own);
                found.or(&own);
            }
            Ok(found)
        }
        Plan::AtLeast(min, of) => {
            let mut counts = vec![0_usize; table.rows() as usize];
            for plan in of {
                evaluate(plan, table, within)?.iter().for_each(|row| counts[row as usize] += 1);
            }
            Ok(filled(within, |row| counts[row as usize] >= *min))
        }
        Plan::Not(inner) => {
            let mut found = within.clone();
            found.and_not(&evaluate(inner, table, within)?);
            Ok(found)
        }
        Plan::Time(first, last) => {
            let times = table.times()?;
            Ok(filled(within, |row| (*first..=*last).contains(&times[row as usize])))
        }
        Plan::Level(mask) => {
            let levels = table.levels()?;
            Ok(filled(within, |row| mask & (1 << levels[row as usize]) != 0))
        }
        Plan::Id(test) => evaluate_ids(test, table, within),
        Plan::Columns(own) => {
            let mut found = Bitmap::none(table.rows());
            for (number, test) in asked(own, table) {
                if let Some(filter) = table.filter(number)?
                    && !test.exists
                    && !test.may_match(&filter)
                {
                    continue;
                }
                let column = match test.literal_needle() {
                    Some(needle) => table.column_where(number, &|text| needle.is_match(text), within)?,
                    None => table.column(number)?,
                };
                evaluate_column(test, &column, within, &mut found);
            }
            Ok(found)
        }
    }
}

fn filled(within: &Bitmap, holds: impl Fn(u32) -> bool) -> Bitmap {
    let mut found = Bitmap::none(within.rows());
    within.iter().filter(|row| holds(*row)).for_each(|row| found.insert(row));
    found
}

fn evaluate_ids(test: &IdTest, table: &Table, within: &Bitmap) -> Result<Bitmap, PartError> {
    let mut own = Bitmap::none(table.rows());
    let mut found = Bitmap::none(table.rows());
    table.each_id(&mut |row, id| {
        own.insert(row);
        let holds = match test {
            IdTest::Any(_, ids) => ids.iter().any(|wanted| wanted == id),
            IdTest::Text(test) => test.exists || test.text_matches(id),
        };
        if holds {
            found.insert(row);
        }
    })?;
    let seqs = table.seqs()?;
    for row in within.iter().filter(|row| !own.contains(*row)) {
        let seq = seqs[row as usize] as u64;
        let holds = match test {
            IdTest::Any(numbers, _) => numbers.contains(&seq),
            IdTest::Text(test) => test.text_matches(&id_of(seq)),
        };
        if holds {
            found.insert(row);
        }
    }
    found.and(within);
    Ok(found)
}

/// Adds the rows of a column's values for which the test holds.
fn evaluate_column(test: &ValueTest, column: &Column, within: &Bitmap, found: &mut Bitmap) {
    let mut keep = |place: usize| {
        let row = column.row(place);
        if within.contains(row) {
            found.insert(row);
        }
    };
    match &column.values {
        Values::Null(_) => {}
        Values::Int(all) => {
            let holds = |value: &i64| test.number_matches(Number::Int(*value));
            all.iter().enumerate().filter(|(_, value)| holds(value)).for_each(|(place, _)| keep(place));
        }
        Values::Dictionary(texts, places) => {
            let holds: Vec<bool> = texts.iter().map(|text| test.matches(LogValue::Text(text))).collect();
            places
                .iter()
                .enumerate()
                .filter(|(_, own)| holds[**own as usize])
                .for_each(|(place, _)| keep(place));
        }
        Values::Text(texts) if !test.exists => {
            if test.text.is_some() && !test.typed_only {
                evaluate_texts(test, texts, column, within, &mut keep);
            }
            if test.asks_typed_texts() {
                (0..texts.len()).filter(|place| test.typed_text_matches(texts.get(*place))).for_each(keep);
            }
        }
        values => {
            (0..values.len()).filter(|place| test.matches(values.get(*place))).for_each(keep);
        }
    }
}

/// Looks for what every matching text contains in all texts at once, and only then at the texts where it stands.
fn evaluate_texts(
    test: &ValueTest,
    texts: &Texts,
    column: &Column,
    within: &Bitmap,
    keep: &mut dyn FnMut(usize),
) {
    let few = within.count() * 16 < u64::from(within.rows());
    let Some(needle) = test.needle.as_ref().filter(|_| !few) else {
        let asked = (0..texts.len()).filter(|place| within.contains(column.row(*place)));
        return asked.filter(|place| test.text_matches(texts.get(*place))).for_each(keep);
    };
    let mut at = 0;
    while let Some(hit) = needle.find_at(&texts.all, at) {
        let place = texts.ends.partition_point(|end| *end as usize <= hit.start());
        if test.text_matches(texts.get(place)) {
            keep(place);
        }
        at = texts.ends[place] as usize;
    }
}
