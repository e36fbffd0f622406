//! What is wrong with a mapping, from its text alone. [`crate::sql::check`] then compares it with the database.

use std::fmt;

use super::token::TokenError;
use super::{Groups, Mapping, Rows, SqlAction, Step, Token, TokenKind, tokens};

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether the monitor refuses to act.
    pub is_error: bool,
    /// Where in the mapping: `order_timeout.action.sql[0].exec`.
    pub place: String,
    /// What.
    pub problem: Problem,
}

/// Everything that can be wrong with a mapping's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The text is none.
    #[error(transparent)]
    Words(#[from] TokenError),
    /// A name that would need quotes.
    #[error(
        "`{0}` is not a plain table or column name; write letters, digits and `_` (and one `.` for a schema)"
    )]
    Name(String),
    /// `;`.
    #[error("more than one statement; give every statement a step of its own")]
    TwoStatements,
    /// Not what it must be.
    #[error("the statement begins with `{found}`; only {allowed} is allowed here")]
    Verb {
        /// The first word.
        found: String,
        /// What may be there.
        allowed: &'static str,
    },
    /// A word that does more than change rows.
    #[error("`{0}` is not allowed in a statement of a monitor")]
    Word(String),
    /// A table that the mapping does not have.
    #[error("table `{0}` is not one of the mapping's ({1}); add it to `tables` if it is right")]
    Table(String, String),
    /// No WHERE at all.
    #[error("the statement has no WHERE; it would change every row")]
    NoWhere,
    /// No key in WHERE.
    #[error("WHERE does not name the key; add `{0} = :{1}`")]
    NoKey(String, &'static str),
    /// The guard names no state.
    #[error(
        "the guard's WHERE names no state column ({0}); without it, an order that was just paid would be cancelled"
    )]
    NoState(String),
    /// The guard leaves the state as it is.
    #[error("the guard does not set a state column ({0}); it would run again and again")]
    StateNotSet(String),
    /// `OR` beside the key.
    #[error("WHERE has an OR outside of parentheses; it can match rows beside the key's")]
    Or,
    /// The guard runs for each row of something.
    #[error("the first step is the guard: it must be an UPDATE without `each`, of exactly one row")]
    Guard,
    /// No steps.
    #[error("an action needs at least its guard")]
    NoSteps,
    /// More steps than a short transaction has.
    #[error("{0} steps; a short transaction has at most {STEPS_MAX}")]
    Steps(usize),
    /// A parameter that nobody gives.
    #[error("`:{0}` is not given here; there are {1}")]
    Parameter(String, String),
    /// Rows that cannot be.
    #[error("rows {}..{} cannot be", .0.min, .0.max)]
    Rows(Rows),
    /// Rows are locked in any order.
    #[error("`each` has no ORDER BY; two acts may lock the same rows in two orders, and one is rolled back")]
    NoOrder,
    /// An expression with more than columns and values.
    #[error("`{0}` is not allowed in an expression over columns")]
    Expression(String),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.place, severity(self.is_error), self.problem)
    }
}

/// As findings name it.
pub(crate) fn severity(is_error: bool) -> &'static str {
    if is_error { "error" } else { "warning" }
}

/// Each step locks rows until the end.
const STEPS_MAX: usize = 16;

/// Words that are never part of changing a few rows.
const FORBIDDEN: [&str; 26] = [
    "DELETE",
    "DROP",
    "ALTER",
    "TRUNCATE",
    "CREATE",
    "GRANT",
    "REVOKE",
    "CALL",
    "EXEC",
    "EXECUTE",
    "COPY",
    "LOAD",
    "OUTFILE",
    "DUMPFILE",
    "LOAD_FILE",
    "SLEEP",
    "PG_SLEEP",
    "BENCHMARK",
    "LOCK",
    "UNLOCK",
    "COMMIT",
    "ROLLBACK",
    "BEGIN",
    "ATTACH",
    "PRAGMA",
    "REPLACE",
];

/// Words that a state's expression may have beside columns.
const EXPRESSION_WORDS: [&str; 10] =
    ["AND", "OR", "NOT", "IN", "IS", "NULL", "TRUE", "FALSE", "BETWEEN", "LIKE"];

/// All that is wrong. Nothing may act while one of it is an error.
pub fn lint(mapping: &Mapping) -> Vec<Finding> {
    let mut lint = Lint { mapping, findings: Vec::new() };
    lint.names();
    lint.expressions();
    let orders = &mapping.orders;
    let state_columns = mapping.state_columns();
    if let Some(trades) = &orders.trades {
        lint.select("orders.trades", trades, Some((&orders.id, "id")));
    }
    for (place, action) in mapping.actions() {
        match (place.strip_prefix("group_settle"), &mapping.groups) {
            (Some(_), Some(groups)) => lint.action(place, action, None, "group", &groups.state_columns),
            _ => lint.action(place, action, Some(&orders.id), "id", &state_columns),
        }
    }
    if let Some(groups) = &mapping.groups {
        lint.groups(groups);
    }
    lint.findings
}

/// The columns that an expression names.
pub(crate) fn columns_of(expression: &str) -> Vec<String> {
    let tokens = tokens(expression).unwrap_or_default();
    let is_column = |token: &&Token<'_>| {
        token.kind == TokenKind::Word && !EXPRESSION_WORDS.iter().any(|word| token.is(word))
    };
    tokens.iter().filter(is_column).map(|token| token.text.to_owned()).collect()
}

struct Lint<'a> {
    mapping: &'a Mapping,
    findings: Vec<Finding>,
}

impl Lint<'_> {
    fn error(&mut self, place: &str, problem: impl Into<Problem>) {
        self.findings.push(Finding { is_error: true, place: place.to_owned(), problem: problem.into() });
    }

    fn names(&mut self) {
        let orders = &self.mapping.orders;
        let mut names = vec![
            ("orders.table", &orders.table),
            ("orders.key.id", &orders.id),
            ("orders.key.no", &orders.number),
            ("orders.created", &orders.created),
            ("orders.paid_at", &orders.paid_at),
            ("orders.amount", &orders.amount),
        ];
        names.extend(orders.refunded_at.iter().map(|name| ("orders.refunded_at", name)));
        if let Some(stock) = &self.mapping.stock {
            names.extend([("stock.table", &stock.table), ("stock.id", &stock.id)]);
            names.extend(stock.listing.iter().flat_map(|listing| {
                [
                    ("stock.listing.table", &listing.table),
                    ("stock.listing.id", &listing.id),
                    ("stock.listing.reference", &listing.reference),
                ]
            }));
        }
        if let Some(payments) = &self.mapping.payments {
            names.extend([
                ("payments.table", &payments.table),
                ("payments.id", &payments.id),
                ("payments.created", &payments.created),
            ]);
        }
        for (place, name) in names {
            if !is_name(name) {
                self.error(place, Problem::Name(name.clone()));
            }
        }
    }

    fn expressions(&mut self) {
        let orders = &self.mapping.orders;
        let states = &orders.states;
        let mut expressions = vec![
            ("orders.states.pending", &states.pending),
            ("orders.states.paid", &states.paid),
            ("orders.states.cancelled", &states.cancelled),
            ("orders.states.refunding", &states.refunding),
            ("orders.states.refunded", &states.refunded),
        ];
        expressions.extend(orders.exclude.iter().map(|text| ("orders.exclude", text)));
        expressions.extend(orders.cancellable.iter().map(|text| ("orders.cancellable", text)));
        if let Some(stock) = &self.mapping.stock {
            expressions.push(("stock.sellable", &stock.sellable));
            expressions.extend(stock.exclude.iter().map(|text| ("stock.exclude", text)));
            expressions
                .extend(stock.listing.iter().map(|listing| ("stock.listing.exclude", &listing.exclude)));
        }
        if let Some(payments) = &self.mapping.payments {
            expressions.push(("payments.states.paid", &payments.states.paid));
            let more = [
                ("payments.states.failed", &payments.states.failed),
                ("payments.states.closed", &payments.states.closed),
                ("payments.provider", &payments.provider),
                ("payments.method", &payments.method),
                ("payments.exclude", &payments.exclude),
            ];
            expressions.extend(more.iter().filter_map(|(place, text)| Some((*place, text.as_ref()?))));
        }
        for (place, text) in expressions {
            if let Err(problem) = expression(text) {
                self.error(place, problem);
            }
        }
    }

    fn groups(&mut self, groups: &Groups) {
        self.select("group_settle.open", &groups.open, None);
        self.select("group_settle.refundable", &groups.refundable, None);
        if let Some(late) = &groups.late {
            self.select("group_settle.late.find", &late.find, None);
        }
        if let Some(ended) = &groups.ended {
            self.select("group_settle.ended", ended, None);
        }
    }

    fn action(
        &mut self,
        place: &str,
        action: &SqlAction,
        key: Option<&String>,
        parameter: &'static str,
        states: &[String],
    ) {
        match action.steps.len() {
            0 => return self.error(place, Problem::NoSteps),
            count if count > STEPS_MAX => self.error(place, Problem::Steps(count)),
            _ => {}
        }
        for (index, step) in action.steps.iter().enumerate() {
            self.step(&format!("{place}.sql[{index}]"), step, parameter);
        }
        self.guard(&format!("{place}.sql[0].exec"), &action.steps[0], key, parameter, states);
        if let Some(verify) = &action.verify {
            let key = key.map(|key| (key.as_str(), parameter));
            self.select(&format!("{place}.verify"), verify, key);
        }
    }

    fn step(&mut self, place: &str, step: &Step, parameter: &'static str) {
        let mut given = vec![parameter.to_owned(), "now".to_owned(), "amount".to_owned()];
        if let Some(each) = &step.each {
            let each_place = format!("{place}.each");
            self.select(&each_place, each, None);
            self.parameters(&each_place, each, &given);
            given.extend(selected(each));
            let ordered = tokens(each).is_ok_and(|tokens| tokens.iter().any(|token| token.is("ORDER")));
            if !ordered {
                self.findings.push(Finding { is_error: false, place: each_place, problem: Problem::NoOrder });
            }
        }
        let place = format!("{place}.exec");
        if step.rows.min > step.rows.max || step.rows.max == 0 {
            self.error(&place, Problem::Rows(step.rows));
        }
        let Some(tokens) = self.statement(&place, &step.exec, &["UPDATE", "INSERT"], "UPDATE or INSERT")
        else {
            return;
        };
        self.parameters(&place, &step.exec, &given);
        if tokens.first().is_some_and(|token| token.is("UPDATE")) {
            self.where_has_key(&place, &tokens, None, parameter);
        }
    }

    fn guard(
        &mut self,
        place: &str,
        step: &Step,
        key: Option<&String>,
        parameter: &'static str,
        states: &[String],
    ) {
        let Ok(tokens) = tokens(&step.exec) else { return };
        if step.each.is_some()
            || step.rows != Rows::ONE
            || !tokens.first().is_some_and(|token| token.is("UPDATE"))
        {
            return self.error(place, Problem::Guard);
        }
        let Some(at) = tokens.iter().position(|token| token.depth == 0 && token.is("WHERE")) else { return };
        let names_state = |tokens: &[Token<'_>], by: &[&str]| {
            tokens.windows(2).any(|pair| {
                let is_state = states.iter().any(|state| pair[0].is(state));
                let compared = by.iter().any(|by| pair[1].is_sign(by) || pair[1].is(by));
                pair[0].depth == 0 && is_state && compared
            })
        };
        if !names_state(&tokens[at..], &["=", "IN"]) {
            self.error(place, Problem::NoState(states.join(", ")));
        }
        if !names_state(&tokens[..at], &["="]) {
            self.error(place, Problem::StateNotSet(states.join(", ")));
        }
        self.where_has_key(place, &tokens, key, parameter);
    }

    /// `key = :parameter`, or at least some `column = :something`, that no OR can go around.
    fn where_has_key(
        &mut self,
        place: &str,
        tokens: &[Token<'_>],
        key: Option<&String>,
        parameter: &'static str,
    ) {
        let Some(at) = tokens.iter().position(|token| token.depth == 0 && token.is("WHERE")) else {
            return self.error(place, Problem::NoWhere);
        };
        let condition = &tokens[at..];
        if condition.iter().any(|token| token.depth == 0 && token.is("OR")) {
            self.error(place, Problem::Or);
        }
        let has_key = condition.windows(3).any(|words| {
            let [column, equals, value] = words else { return false };
            let right_column = key.is_none_or(|key| column.is(key));
            let right_value = value.kind == TokenKind::Parameter
                && (key.is_none() || value.text == parameter)
                && value.text != "now";
            column.depth == 0
                && column.kind == TokenKind::Word
                && right_column
                && equals.is_sign("=")
                && right_value
        });
        if !has_key {
            let key = key.map_or("KEY", |key| key.as_str()).to_owned();
            self.error(place, Problem::NoKey(key, parameter));
        }
    }

    fn select(&mut self, place: &str, sql: &str, key: Option<(&str, &'static str)>) {
        let Some(tokens) = self.statement(place, sql, &["SELECT"], "SELECT") else { return };
        if let Some((key, parameter)) = key
            && !tokens.iter().any(|token| token.kind == TokenKind::Parameter && token.text == parameter)
        {
            self.error(place, Problem::NoKey(key.to_owned(), parameter));
        }
    }

    /// One statement, of these verbs, without forbidden words, on the mapping's tables.
    fn statement<'s>(
        &mut self,
        place: &str,
        sql: &'s str,
        verbs: &[&str],
        allowed: &'static str,
    ) -> Option<Vec<Token<'s>>> {
        let tokens = match tokens(sql) {
            Ok(tokens) => tokens,
            Err(error) => {
                self.error(place, error);
                return None;
            }
        };
        let first = tokens.first().map_or("", |token| token.text);
        if !verbs.iter().any(|verb| first.eq_ignore_ascii_case(verb)) {
            self.error(place, Problem::Verb { found: first.to_owned(), allowed });
            return None;
        }
        if tokens.iter().any(|token| token.is_sign(";")) {
            self.error(place, Problem::TwoStatements);
            return None;
        }
        let is_select = verbs.contains(&"SELECT");
        for token in &tokens {
            let writes = is_select && ["INTO", "UPDATE", "INSERT"].iter().any(|word| token.is(word));
            if writes || FORBIDDEN.iter().any(|word| token.is(word)) {
                self.error(place, Problem::Word(token.text.to_owned()));
            }
        }
        self.tables(place, sql, &tokens);
        Some(tokens)
    }

    fn tables(&mut self, place: &str, sql: &str, tokens: &[Token<'_>]) {
        if tokens.first().is_some_and(|token| token.is("UPDATE")) {
            let set = tokens.iter().position(|token| token.is("SET")).unwrap_or(tokens.len());
            if let Some(comma) = tokens[..set].iter().find(|token| token.is_sign(",") || token.is("JOIN")) {
                self.error(place, Problem::Word(comma.text.to_owned()));
            }
        }
        let allowed = self.mapping.all_tables();
        for (start, end) in table_tokens(tokens) {
            let name = sql[start..end].replace(['`', '"'], "");
            if !is_name(&name) {
                self.error(place, Problem::Name(name));
            } else if !allowed.iter().any(|table| table.eq_ignore_ascii_case(&name)) {
                self.error(place, Problem::Table(name, allowed.join(", ")));
            }
        }
    }

    fn parameters(&mut self, place: &str, sql: &str, given: &[String]) {
        let tokens = tokens(sql).unwrap_or_default();
        let unknown = tokens.iter().find(|token| {
            token.kind == TokenKind::Parameter
                && !given.iter().any(|name| name.eq_ignore_ascii_case(token.text))
        });
        if let Some(token) = unknown {
            let list = given.iter().map(|name| format!(":{name}")).collect::<Vec<_>>().join(", ");
            self.error(place, Problem::Parameter(token.text.to_owned(), list));
        }
    }
}

/// Columns, values and what compares them; nothing that could end the condition it stands in.
fn expression(text: &str) -> Result<(), Problem> {
    let tokens = tokens(text)?;
    let wrong = tokens.iter().find(|token| {
        let word = token.is("SELECT") || FORBIDDEN.iter().any(|word| token.is(word));
        word || token.kind == TokenKind::Parameter || token.is_sign(";")
    });
    match wrong {
        Some(token) => Err(Problem::Expression(text[token.start..token.end].to_owned())),
        None if tokens.is_empty() => Err(Problem::Expression(String::new())),
        None => Ok(()),
    }
}

/// Letters, digits and `_`, with one schema before them at most.
fn is_name(name: &str) -> bool {
    let parts: Vec<&str> = name.split('.').collect();
    let plain = |part: &&str| {
        !part.is_empty()
            && part.chars().all(|c| c.is_alphanumeric() || c == '_')
            && !part.starts_with(|c: char| c.is_ascii_digit())
    };
    parts.len() <= 2 && parts.iter().all(plain)
}

/// Where tables stand: behind UPDATE, INTO, FROM and JOIN, and behind commas in a FROM list.
fn table_tokens(tokens: &[Token<'_>]) -> Vec<(usize, usize)> {
    let mut tables = Vec::new();
    let mut list_depth = None;
    for (index, token) in tokens.iter().enumerate() {
        let begins = ["UPDATE", "INTO", "FROM", "JOIN"].iter().any(|word| token.is(word));
        let goes_on = token.is_sign(",") && list_depth == Some(token.depth);
        if token.is("FROM") {
            list_depth = Some(token.depth);
        } else if ["WHERE", "ORDER", "GROUP", "LIMIT", "ON", "SET"].iter().any(|word| token.is(word)) {
            list_depth = None;
        }
        if (begins || goes_on)
            && let Some(name) = tokens.get(index + 1)
            && name.kind == TokenKind::Word
        {
            let dotted = tokens.get(index + 2).is_some_and(|dot| dot.is_sign("."));
            let last = if dotted { tokens.get(index + 3).unwrap_or(name) } else { name };
            tables.push((name.start, last.end));
        }
    }
    tables
}

/// The names of a SELECT's columns: the last word of each.
fn selected(sql: &str) -> Vec<String> {
    let tokens = tokens(sql).unwrap_or_default();
    let from = tokens.iter().position(|token| token.depth == 0 && token.is("FROM")).unwrap_or(tokens.len());
    let list = tokens.get(1..from).unwrap_or_default();
    list.split(|token| token.depth == 0 && token.is_sign(","))
        .filter_map(|column| column.iter().rev().find(|token| token.kind == TokenKind::Word))
        .map(|token| token.text.to_owned())
        .collect()
}
