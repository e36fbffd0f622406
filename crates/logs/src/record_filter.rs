//! A query asked of records on their way in, one by one.

use lingshao_model::log::{BatchRecord, LogQuery, LogTime, Mapping};

use crate::catalog::Index;
use crate::error::SearchError;
use crate::plan::{IdTest, Plan, compile};
use crate::record::level_code;

/// A query for records that are not stored yet, whatever their index: every field is dynamic.
#[derive(Clone, Debug)]
pub struct RecordFilter(Plan);

impl RecordFilter {
    /// Prepares a query.
    pub fn new(query: &LogQuery) -> Result<RecordFilter, SearchError> {
        let index = Index {
            number: 0,
            name: "".into(),
            created: LogTime(0),
            mapping: Mapping::default(),
            settings: String::new(),
        };
        compile(query, &index).map(RecordFilter)
    }

    /// Whether it finds a record that arrives at this moment. Ids that are not made yet are found by nothing.
    pub fn holds(&self, record: &BatchRecord<'_>, arrived: LogTime) -> bool {
        holds(&self.0, record, arrived)
    }
}

fn holds(plan: &Plan, record: &BatchRecord<'_>, arrived: LogTime) -> bool {
    match plan {
        Plan::All => true,
        Plan::Nothing => false,
        Plan::And(of) => of.iter().all(|plan| holds(plan, record, arrived)),
        Plan::Or(of) => of.iter().any(|plan| holds(plan, record, arrived)),
        Plan::AtLeast(min, of) => {
            of.iter().filter(|plan| holds(plan, record, arrived)).take(*min).count() == *min
        }
        Plan::Not(inner) => !holds(inner, record, arrived),
        Plan::Time(first, last) => (*first..=*last).contains(&record.time().unwrap_or(arrived).0),
        Plan::Level(mask) => mask & (1 << level_code(record.level())) != 0,
        Plan::Id(test) => record.id().is_some_and(|id| match &**test {
            IdTest::Any(_, ids) => ids.iter().any(|own| own == id),
            IdTest::Text(test) => test.text_matches(id),
        }),
        Plan::Columns(own) => record.fields().any(|field| {
            let is_text = matches!(field.value, lingshao_model::log::LogValue::Text(_));
            own.select.takes(field.name, is_text)
                && own.of(field.name).is_some_and(|test| test.matches(field.value))
        }),
    }
}

#[cfg(test)]
mod tests {
    use lingshao_model::log::{
        Bound, Case, FieldSelection, FieldTest, Join, Level, LogBatch, LogValue, QueryValue, Test,
    };

    use super::*;

    fn test(field: Option<&str>, test: Test) -> LogQuery {
        let fields = field.map_or(FieldSelection::Any, |name| FieldSelection::One(name.to_owned()));
        LogQuery::Field(Box::new(FieldTest { fields, test, lenient: true }))
    }

    fn is(field: &str, text: &str) -> LogQuery {
        test(Some(field), Test::Is { value: QueryValue::new(text), case: Case::Fold })
    }

    #[track_caller]
    fn check(query: &LogQuery, expected: bool) {
        let mut batch = LogBatch::default();
        let mut record = batch.begin("shop");
        record.level(Level::Error);
        record.id("a-1");
        record.field("level", LogValue::Text("error"), false);
        record.field("message", LogValue::Text("支付失败: timeout"), false);
        record.field("status_code", LogValue::Int(500), false);
        record.field("client_ip", LogValue::Text("10.2.3.4"), false);
        record.finish();
        let filter = RecordFilter::new(query).unwrap();
        assert_eq!(filter.holds(&batch.record(0), LogTime(1_000)), expected, "{query:?}");
    }

    #[test]
    fn records_on_their_way_in_are_found_as_stored_ones_are() {
        let words = |text: &str| {
            let value = QueryValue::new(text);
            let join = Join::Phrase { slop: 0 };
            test(None, Test::Words { value, join, prefix_last: false, wordless: false, case: Case::Fold })
        };
        let above = |text: &str| {
            let lower = Bound::Included(QueryValue::new(text));
            test(Some("status_code"), Test::Range { lower, upper: Bound::Open })
        };
        check(&words("付失"), true);
        check(&words("TIMEOUT"), true);
        check(&words("refund"), false);
        check(&is("level", "ERROR"), true);
        check(&is("level", "WARNING"), false);
        check(&is("status_code", "500.0"), true);
        check(&above("500"), true);
        check(&above("501"), false);
        check(&is("client_ip", "10.0.0.0/8"), true);
        check(&is("client_ip", "10.3.0.0/16"), false);
        check(&LogQuery::Ids(vec!["a-1".to_owned()]), true);
        check(&LogQuery::Not(Box::new(is("absent", "x"))), true);
        let both = vec![is("level", "ERROR"), above("600")];
        check(&LogQuery::And(both.clone()), false);
        check(&LogQuery::AtLeast { min: 1, of: both }, true);
    }
}
