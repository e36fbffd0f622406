//! Questions for numbers that are kept masked.

use lingshao_model::log::{Case, FieldSelection, FieldTest, LogQuery, LogValue, QueryValue, Test};

use super::{Masker, Named, normal};

impl Masker {
    /// Asks, wherever a whole number of a person is asked for, for its masked form too. What was kept before masking was
    /// switched on, and what is exempt, is found as before. Parts of numbers, ranges and regular expressions find only
    /// what is not masked.
    pub fn query(&self, query: LogQuery) -> LogQuery {
        let each = |queries: Vec<LogQuery>| queries.into_iter().map(|query| self.query(query)).collect();
        match query {
            LogQuery::And(queries) => LogQuery::And(each(queries)),
            LogQuery::Or(queries) => LogQuery::Or(each(queries)),
            LogQuery::AtLeast { min, of } => LogQuery::AtLeast { min, of: each(of) },
            LogQuery::Not(query) => LogQuery::Not(Box::new(self.query(*query))),
            LogQuery::Field(test) => self.field(*test),
            query @ (LogQuery::All | LogQuery::Nothing | LogQuery::Ids(_)) => query,
        }
    }

    fn field(&self, test: FieldTest) -> LogQuery {
        let named = match &test.fields {
            FieldSelection::One(name) => self.named(name.strip_suffix(".keyword").unwrap_or(name)),
            FieldSelection::Any | FieldSelection::Several(_) => Named::Nothing,
        };
        let mut masked = Vec::new();
        for text in asked(&test.test) {
            masked.extend(self.asked_masked(named, text));
        }
        let words = self.masked_words(named, &test.test);
        let (fields, lenient) = (test.fields.clone(), test.lenient);
        let asking = |test| LogQuery::Field(Box::new(FieldTest { fields: fields.clone(), test, lenient }));
        let mut any = Vec::new();
        if !masked.is_empty() {
            any.push(asking(Test::IsAny { values: masked, case: Case::Fold }));
        }
        any.extend(words.map(&asking));
        if any.is_empty() {
            return LogQuery::Field(Box::new(test));
        }
        any.insert(0, LogQuery::Field(Box::new(test)));
        LogQuery::Or(any)
    }

    /// What is kept for a text that is a number as a whole: the value, and its hash as the word by which it is found
    /// inside of other texts.
    fn asked_masked(&self, named: Named, text: &str) -> Vec<QueryValue> {
        let mut out = String::new();
        let text = text.trim();
        if named == Named::Private && !text.is_empty() {
            self.whole(LogValue::Text(text), &mut out);
            return vec![QueryValue::new(&out)];
        }
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || b" -+()xX".contains(&byte));
        if named == Named::Secret || !is_number || !self.value(named, LogValue::Text(text), &mut out) {
            return Vec::new();
        }
        let hash = out.rsplit('~').next().unwrap_or_default();
        vec![QueryValue::new(&out), QueryValue::new(hash)]
    }

    /// Words among which there is a number: it becomes its hash, which is a word.
    fn masked_words(&self, named: Named, test: &Test) -> Option<Test> {
        let mut test = test.clone();
        let Test::Words { value, .. } = &mut test else { return None };
        let mut words = String::new();
        let hash = |kind, number: &str, out: &mut String| {
            out.push(' ');
            self.push_hash(&normal(kind, number), out);
            out.push(' ');
        };
        if matches!(named, Named::Exempt | Named::Private)
            || !self.replace_numbers(&value.text, &mut words, hash)
        {
            return None;
        }
        *value = QueryValue::new(words.trim());
        Some(test)
    }
}

/// The texts that are asked for as a whole.
fn asked(test: &Test) -> Vec<&str> {
    match test {
        Test::Is { value, .. } | Test::Words { value, .. } => vec![&value.text],
        Test::IsAny { values, .. } => values.iter().map(|value| value.text.as_str()).collect(),
        Test::Prefix { text, .. } => vec![text],
        Test::Wildcard { pattern, .. } => vec![pattern.trim_matches('*')],
        Test::Exists | Test::Regex { .. } | Test::Fuzzy { .. } | Test::Range { .. } => Vec::new(),
    }
}
