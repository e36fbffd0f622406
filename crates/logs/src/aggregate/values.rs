//! Values of a field as aggregations see them.

use std::sync::Arc;

use lingshao_model::log::words::{folded, words};
use lingshao_model::log::{BucketKey, FieldKind, LogTime, LogValue, Number};

use crate::catalog::Index;
use crate::column::{Column, Values};
use crate::matcher::instant_of;
use crate::part::PartError;
use crate::plan::is_time_name;
use crate::record::level_of;
use crate::search::Field;
use crate::seq_id::id_of;
use crate::table::Table;

/// A value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    Bool(bool),
    Number(Number),
    Text(&'a str),
    Time(i64),
}

/// Where the values of a field are in one index.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Time,
    /// The level that a record has, else what stands in its field.
    Level(Field),
    Id,
    Index(Arc<str>),
    Field(Field),
}

impl Source {
    pub(crate) fn of(name: &str, index: &Index) -> Source {
        match name {
            name if is_time_name(name) => Source::Time,
            "_id" => Source::Id,
            "_index" => Source::Index(Arc::clone(&index.name)),
            "level" if !index.mapping.fields.contains_key("level") => Source::Level(Field::of(name, index)),
            name => Source::Field(Field::of(name, index)),
        }
    }

    /// Calls `visit` with each row and value, row by row within each column.
    pub(crate) fn each(&self, table: &Table, visit: &mut dyn FnMut(u32, Value<'_>)) -> Result<(), PartError> {
        match self {
            Source::Time => {
                let times = table.times()?;
                times.iter().enumerate().for_each(|(row, time)| visit(row as u32, Value::Time(*time)));
            }
            Source::Level(field) => {
                let levels = table.levels()?;
                for (row, level) in levels.iter().enumerate() {
                    if let Some(level) = level_of(*level) {
                        visit(row as u32, Value::Text(level.name()));
                    }
                }
                if levels.contains(&0) {
                    each_column(field, table, &mut |row, value| {
                        if levels[row as usize] == 0 {
                            visit(row, value);
                        }
                    })?;
                }
            }
            Source::Id => {
                let mut ids: Vec<Option<String>> = vec![None; table.rows() as usize];
                table.each_id(&mut |row, id| ids[row as usize] = Some(id.to_owned()))?;
                let seqs = table.seqs()?;
                for (row, id) in ids.into_iter().enumerate() {
                    let id = id.unwrap_or_else(|| id_of(seqs[row] as u64));
                    visit(row as u32, Value::Text(&id));
                }
            }
            Source::Index(name) => (0..table.rows()).for_each(|row| visit(row, Value::Text(name))),
            Source::Field(field) => each_column(field, table, visit)?,
        }
        Ok(())
    }

    /// The one column of few different texts that holds all values as they are, if there is such.
    pub(crate) fn dictionary(&self, table: &Table) -> Result<Option<Arc<Column>>, PartError> {
        let Source::Field(Field { column, kind: None | Some(FieldKind::Keyword { fold_case: false }) }) =
            self
        else {
            return Ok(None);
        };
        let mut own = table.columns().iter().enumerate().filter(|(_, info)| *info.name == **column);
        let (Some((number, _)), None) = (own.next(), own.next()) else { return Ok(None) };
        let column = table.column(number)?;
        Ok(matches!(column.values, Values::Dictionary(..)).then_some(column))
    }
}

fn each_column(field: &Field, table: &Table, visit: &mut dyn FnMut(u32, Value<'_>)) -> Result<(), PartError> {
    for (number, info) in table.columns().iter().enumerate() {
        if *info.name != *field.column {
            continue;
        }
        let column = table.column(number)?;
        for place in 0..column.len() {
            each_value(column.values.get(place), field.kind, &mut |value| visit(column.row(place), value));
        }
    }
    Ok(())
}

fn each_value(value: LogValue<&str>, kind: Option<FieldKind>, visit: &mut dyn FnMut(Value<'_>)) {
    match (value, kind) {
        (LogValue::Null, _) => {}
        (LogValue::Bool(value), _) => visit(Value::Bool(value)),
        (LogValue::Int(millis), Some(FieldKind::Date)) => visit(Value::Time(LogTime::from_millis(millis).0)),
        (LogValue::Int(value), _) => visit(Value::Number(Number::Int(value))),
        (LogValue::Float(value), _) => visit(Value::Number(Number::Float(value))),
        (LogValue::Text(text), Some(FieldKind::Date)) => {
            if let Some(instant) = instant_of(text) {
                visit(Value::Time(instant));
            }
        }
        (LogValue::Text(text), Some(FieldKind::Long | FieldKind::Double)) => {
            if let Some(number) = Number::read(text) {
                visit(Value::Number(number));
            }
        }
        (LogValue::Text(text), Some(FieldKind::Boolean)) => {
            if let Ok(value) = text.parse() {
                visit(Value::Bool(value));
            }
        }
        (LogValue::Text(text), Some(FieldKind::Text)) => {
            words(text).for_each(|word| visit(Value::Text(&folded(&text[word.start..word.end]))));
        }
        (LogValue::Text(text), Some(FieldKind::Keyword { fold_case: true })) => {
            visit(Value::Text(&folded(text)));
        }
        (LogValue::Text(text), _) => visit(Value::Text(text)),
    }
}

impl Value<'_> {
    /// As a number: instants in milliseconds, truths as 0 and 1, texts if they are one.
    pub(crate) fn number(self) -> Option<f64> {
        match self {
            Value::Bool(value) => Some(f64::from(u8::from(value))),
            Value::Number(number) => Some(number.as_f64()),
            Value::Text(text) => Number::read(text).map(Number::as_f64),
            Value::Time(nanos) => Some(nanos as f64 / 1e6),
        }
    }

    /// As an instant: texts if they are one, numbers by their size.
    pub(crate) fn time(self) -> Option<i64> {
        match self {
            Value::Time(nanos) => Some(nanos),
            Value::Text(text) => instant_of(text),
            Value::Number(Number::Int(number)) => LogTime::from_integer(number).map(|time| time.0),
            Value::Number(Number::Float(number)) => LogTime::from_number(number).map(|time| time.0),
            Value::Bool(_) => None,
        }
    }

    pub(crate) fn key(self) -> BucketKey {
        match self {
            Value::Bool(value) => BucketKey::Bool(value),
            Value::Number(number) => BucketKey::Number(number),
            Value::Text(text) => BucketKey::Text(text.to_owned()),
            Value::Time(nanos) => BucketKey::Time(LogTime(nanos)),
        }
    }

    /// Numbers that are equal have one hash, whatever their type.
    pub(crate) fn hash(self) -> u64 {
        use rapidhash::v3::rapidhash_v3;
        match self {
            Value::Bool(value) => 3 + u64::from(value),
            Value::Text(text) => rapidhash_v3(text.as_bytes()),
            Value::Time(nanos) => rapidhash_v3(&nanos.to_le_bytes()).rotate_left(1),
            Value::Number(Number::Int(value)) if value.unsigned_abs() > 1 << 53 => {
                rapidhash_v3(&value.to_le_bytes())
            }
            Value::Number(number) => {
                let float = number.as_f64() + 0.0; // No minus zero.
                rapidhash_v3(&float.to_bits().to_le_bytes())
            }
        }
    }

    pub(crate) fn is(self, key: &BucketKey) -> bool {
        match (self, key) {
            (Value::Bool(own), BucketKey::Bool(key)) => own == *key,
            (Value::Text(own), BucketKey::Text(key)) => own == key,
            (Value::Time(own), BucketKey::Time(key)) => own == key.0,
            (Value::Number(own), BucketKey::Number(key)) => own.compare(*key).is_eq(),
            _ => false,
        }
    }
}
