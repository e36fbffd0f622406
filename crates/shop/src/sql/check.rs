//! A mapping against its database: before anything runs, and once an hour.
//!
//! What is found is an error (the monitor refuses to act) or a warning. Nothing here changes the shop.

use std::collections::BTreeMap;
use std::fmt;

use lingshao_model::{TimeDelta, Timestamp};

use super::database::Tx;
use super::render::{Param, Params, Statement, key, render};
use super::transact::first_integer;
use super::{Dialect, Shop, ShopError};
use crate::mapping::lint::severity;
use crate::mapping::{Groups, KeyKind, Mapping, PaymentStates, Payments, Stock, TokenKind, tokens};

/// Where findings about attempts to pay stand; they stop no monitor that acts.
pub const PAYMENTS: &str = "payments";
/// Where it stands that new orders are found by no index; it stops the figures only.
pub const PLACED: &str = "orders.created";
const EIGHT_HOURS: TimeDelta = TimeDelta::from_secs(8 * 3600);

/// Everything a check tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What is wrong.
    pub findings: Vec<CheckFinding>,
    /// When the newest order was placed, if its time can be right.
    pub newest: Option<Timestamp>,
    /// The tables as they are now: when it changes, acting halts until a person has looked.
    pub fingerprint: String,
    /// Statements that give a user of the shop's database the rights that are needed, and no others.
    pub grants: Vec<String>,
    /// Indexes that would make it cheaper; printed, never run.
    pub indexes: Vec<String>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckFinding {
    /// Whether the monitor refuses to act.
    pub is_error: bool,
    /// Where in the mapping.
    pub place: String,
    /// What.
    pub problem: CheckProblem,
}

impl CheckFinding {
    /// `error` or `warning`.
    pub fn severity(&self) -> &'static str {
        severity(self.is_error)
    }
}

impl fmt::Display for CheckFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.place, self.severity(), self.problem)
    }
}

/// Everything that can be wrong between a mapping and a database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckProblem {
    /// There is no such table.
    #[error("table `{0}` is not in the database, or its user may not see it")]
    NoTable(String),
    /// The database refuses the statement.
    #[error("the database refuses it: {0}")]
    Refused(String),
    /// It reads all of a table.
    #[error("it reads all of a table, as no index leads to its rows")]
    ReadsAll,
    /// New rows cannot be found behind the last key.
    #[error("new rows are found behind the last key, which must be whole numbers that grow; `{0}` is {1}")]
    NotGrowing(String, String),
    /// The tables are not what they were.
    #[error(
        "the tables have changed since the last check (was {was}, is {is}); look at the changes, then confirm them"
    )]
    Changed {
        /// The fingerprint then.
        was: String,
        /// The fingerprint now.
        is: String,
    },
    /// The clocks are apart.
    #[error("the newest order lies {} {} the database's clock{}", TimeDelta(.0.0.abs()), direction(*.0), hint(*.0))]
    Clock(TimeDelta),
}

fn direction(skew: TimeDelta) -> &'static str {
    if skew.0 > 0 { "ahead of" } else { "behind" }
}

fn hint(skew: TimeDelta) -> &'static str {
    let eight = (skew.0.abs() - EIGHT_HOURS.0).abs() < 600_000;
    if eight {
        "; 8 hours are China's distance from UTC: set `clock.column_zone` to the other of the two"
    } else {
        ""
    }
}

/// What is known from before a check.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// The fingerprint that a person has last agreed to.
    pub fingerprint: Option<&'a str>,
    /// When the newest order was placed at the last look at which its time could be right.
    pub newest: Option<Timestamp>,
    /// When that look was, if it read times of the same zone.
    pub looked_at: Option<Timestamp>,
}

/// Judges the clocks from the newest order: it cannot be in the future, and eight hours sharp are no chance, but for an order
/// that was seen when it lay closer, as in every quiet night, and for one that says to have come after the last look: it may
/// have, while nobody looked. In the wrong zone, what comes after a look says to have come before it, unless the look is
/// eight hours ago.
pub fn clock_skew(
    newest: Timestamp,
    known: Known<'_>,
    now: Timestamp,
    skew_max: TimeDelta,
) -> Option<TimeDelta> {
    let skew = newest - now;
    let eight_behind = (skew.0 + EIGHT_HOURS.0).abs() <= skew_max.0;
    let is_explained = known.newest == Some(newest) || known.looked_at.is_some_and(|at| at <= newest);
    (skew > skew_max || eight_behind && !is_explained).then_some(skew)
}

impl Shop {
    /// Compares all of the mapping with the database.
    pub async fn check(&self, known: Known<'_>, now: Timestamp) -> Result<Report, ShopError> {
        let mut catalogue = self.catalogue().await?;
        let mut findings = Vec::new();
        let payments = self.mapping().payments.as_ref();
        if let Some(payments) = payments {
            findings.extend(payments_in(&catalogue, payments));
            // Nothing is done by them: that they change stops nobody.
            if !self.mapping().all_tables().contains(&payments.table.as_str()) {
                catalogue.remove(&unqualified(&payments.table).to_lowercase());
            }
        }
        let reads_payments = findings.is_empty();
        let fingerprint = fingerprint(&catalogue);
        for table in self.mapping().all_tables() {
            if !catalogue.contains_key(&unqualified(table).to_lowercase()) {
                findings.push(error(table, CheckProblem::NoTable(table.to_owned())));
            }
        }
        if let Some(was) = known.fingerprint.filter(|was| *was != fingerprint) {
            let problem = CheckProblem::Changed { was: was.to_owned(), is: fingerprint.clone() };
            findings.push(error("tables", problem));
        }
        let is_of_figures = |finding: &CheckFinding| [PAYMENTS, PLACED].contains(&finding.place.as_str());
        let acts = |findings: &[CheckFinding]| {
            findings.iter().all(|finding| !finding.is_error || is_of_figures(finding))
        };
        if acts(&findings) {
            self.check_statements(reads_payments, &mut findings).await?;
        }
        let mut newest = None;
        if acts(&findings) {
            newest = self.newest_order().await?;
            let now = self.now(now).await?;
            let skew_max = self.mapping().clock.skew_max;
            if let Some(skew) = newest.and_then(|newest| clock_skew(newest, known, now, skew_max)) {
                findings.push(error("clock", CheckProblem::Clock(skew)));
                newest = None;
            }
        }
        let is_found_whole = !acts(&findings) || !self.finds_pending_by_index().await?;
        let indexes = indexes(self.mapping(), self.dialect(), is_found_whole, &findings);
        Ok(Report { findings, newest, fingerprint, grants: self.grants(), indexes })
    }

    /// Whether an index leads to the orders that wait for payment.
    async fn finds_pending_by_index(&self) -> Result<bool, ShopError> {
        let orders = &self.mapping().orders;
        let (pending, created) = (&orders.states.pending, &orders.created);
        let sql = format!("SELECT {created} FROM {} WHERE {pending} AND {created} <= :now", orders.table);
        Ok(self.explain(&sql).await?.is_ok_and(|plan| !reads_all(self.dialect(), &plan)))
    }

    fn grants(&self) -> Vec<String> {
        grants(self.mapping(), self.dialect(), &self.database.user())
    }

    async fn newest_order(&self) -> Result<Option<Timestamp>, ShopError> {
        let orders = &self.mapping().orders;
        // Behind the largest key where keys grow, as `created` has no index there.
        let order_by = match orders.key {
            KeyKind::Growing => &orders.id,
            _ => &orders.created,
        };
        let sql = format!(
            "SELECT {} FROM {} WHERE {} IS NOT NULL ORDER BY {order_by} DESC LIMIT 1",
            self.millis(&orders.created),
            orders.table,
            orders.created
        );
        let rows = self.ask("the newest order", Statement::plain(sql)).await?;
        Ok(first_integer(&rows).map(Timestamp))
    }

    /// Every statement is explained, never run: that finds columns that are not there, and rows without an index.
    async fn check_statements(
        &self,
        reads_payments: bool,
        findings: &mut Vec<CheckFinding>,
    ) -> Result<(), ShopError> {
        for (place, sql, must_have_key) in self.statements() {
            if place == PAYMENTS && !reads_payments {
                continue;
            }
            let problem = match self.explain(&sql).await? {
                Ok(plan) if reads_all(self.dialect(), &plan) => CheckProblem::ReadsAll,
                Ok(_) => continue,
                Err(refused) => CheckProblem::Refused(refused),
            };
            let is_error = must_have_key || matches!(problem, CheckProblem::Refused(_));
            findings.push(CheckFinding { is_error, place, problem });
        }
        for (place, sql) in self.mapping().groups.iter().flat_map(group_questions) {
            if let Err(refused) = self.explain(&sql).await? {
                findings.push(error(&place, CheckProblem::Refused(refused)));
            }
        }
        Ok(())
    }

    /// Every statement, where it stands, and whether it must have a key's index.
    fn statements(&self) -> Vec<(String, String, bool)> {
        let mapping = self.mapping();
        let orders = &mapping.orders;
        let mut columns = vec![&orders.id, &orders.number, &orders.created, &orders.paid_at, &orders.amount];
        columns.extend(&orders.refunded_at);
        let columns: Vec<_> = columns.into_iter().map(String::as_str).collect();
        let states: Vec<_> =
            orders.states.all().into_iter().map(|(_, expression)| format!("({expression})")).collect();
        let extra = orders.exclude.iter().chain(&orders.cancellable).map(|text| format!(" OR ({text})"));
        let sql = format!(
            "SELECT {} FROM {} WHERE {} = :id AND ({}{})",
            columns.join(", "),
            orders.table,
            orders.id,
            states.join(" OR "),
            extra.collect::<String>()
        );
        let mut statements = vec![("orders".to_owned(), sql, true)];
        if orders.key != KeyKind::Growing {
            // Not the year 1970, which some columns cannot hold: that no row can have it leads nowhere by any plan.
            let instant = self.instant(Timestamp(1_700_000_000_000));
            let placed =
                format!("SELECT {} FROM {} WHERE {} = {instant}", orders.id, orders.table, orders.created);
            statements.push((PLACED.to_owned(), placed, true));
        }
        statements.extend(orders.trades.iter().map(|sql| ("orders.trades".to_owned(), sql.clone(), false)));
        for (place, action) in mapping.actions() {
            for (index, step) in action.steps.iter().enumerate() {
                let place = format!("{place}.sql[{index}]");
                statements.extend(step.each.iter().map(|sql| (format!("{place}.each"), sql.clone(), false)));
                statements.push((format!("{place}.exec"), step.exec.clone(), index == 0));
            }
        }
        if let Some(stock) = &mapping.stock {
            statements.extend(stock_statements(stock));
        }
        statements.extend(mapping.payments.iter().map(|payments| {
            let columns = [Some(&payments.created), payments.provider.as_ref(), payments.method.as_ref()];
            let columns: Vec<&str> = columns.into_iter().flatten().map(String::as_str).collect();
            let PaymentStates { paid, failed, closed } = &payments.states;
            let conditions = [Some(paid), failed.as_ref(), closed.as_ref(), payments.exclude.as_ref()];
            let conditions: Vec<String> =
                conditions.into_iter().flatten().map(|condition| format!("({condition})")).collect();
            let sql = format!(
                "SELECT {} FROM {} WHERE {} = :id AND ({})",
                columns.join(", "),
                payments.table,
                payments.id,
                conditions.join(" OR ")
            );
            (PAYMENTS.to_owned(), sql, true)
        }));
        statements
    }

    /// The plan, or why the database refuses the statement.
    async fn explain(&self, sql: &str) -> Result<Result<String, String>, ShopError> {
        let broken = |source| ShopError::of("a plan", source);
        let mut refused = String::new();
        // A key is a number, a word or a UUID.
        for sample in ["0", "00000000-0000-0000-0000-000000000000"] {
            let mut tx = self.database.begin().await.map_err(broken)?;
            let plan = self.plan(&mut tx, sql, sample).await;
            tx.rollback().await.map_err(broken)?;
            match plan {
                Ok(plan) => return Ok(Ok(plan)),
                Err(sqlx::Error::Database(error)) => {
                    if refused.is_empty() {
                        refused = error.message().to_owned();
                    }
                }
                Err(error) => return Err(broken(error)),
            }
        }
        Ok(Err(refused))
    }

    async fn plan(&self, tx: &mut Tx, sql: &str, sample: &str) -> Result<String, sqlx::Error> {
        let explain = match self.dialect() {
            Dialect::Postgres => {
                // A small table is read whole although it has an index; what counts is whether there is one.
                tx.execute(Statement::plain("SET LOCAL enable_seqscan = off".to_owned())).await?;
                "EXPLAIN"
            }
            Dialect::Mysql => "EXPLAIN FORMAT=JSON",
            Dialect::Sqlite => {
                // An explanation alone does not see that somebody else has made an index.
                tx.rows(Statement::plain("SELECT 1 FROM sqlite_master LIMIT 1".to_owned())).await?;
                "EXPLAIN QUERY PLAN"
            }
        };
        let mut params = Params::new();
        for token in tokens(sql).unwrap_or_default().iter().filter(|token| token.kind == TokenKind::Parameter)
        {
            let param = match token.text {
                "now" => Param::Sql(self.instant(Timestamp(0))),
                "amount" => Param::Sql("0".to_owned()),
                _ => key(sample),
            };
            params.insert(token.text.to_lowercase(), param);
        }
        let statement =
            render(self.dialect(), sql, &params).map_err(|error| sqlx::Error::Protocol(error.to_string()))?;
        let rows = tx.rows(Statement::plain(format!("{explain} {}", statement.sql))).await?;
        let texts = rows.iter().flatten().filter_map(|(_, value)| value.text());
        Ok(texts.collect::<Vec<_>>().join("\n"))
    }

    /// Columns and their types by table, all in lower case.
    async fn catalogue(&self) -> Result<BTreeMap<String, Vec<String>>, ShopError> {
        let tables: Vec<_> = self
            .mapping()
            .read_tables()
            .into_iter()
            .map(|table| format!("'{}'", unqualified(table)))
            .collect();
        let list = tables.join(",");
        let sql = match self.dialect() {
            Dialect::Postgres => format!(
                "SELECT CAST(table_name AS TEXT), CAST(column_name || ' ' || data_type AS TEXT) \
                 FROM information_schema.columns WHERE table_name IN ({list}) \
                 AND table_schema = ANY (current_schemas(false)) ORDER BY 1, 2"
            ),
            Dialect::Mysql => format!(
                "SELECT CAST(table_name AS CHAR), CAST(CONCAT(column_name, ' ', column_type) AS CHAR) \
                 FROM information_schema.columns WHERE table_name IN ({list}) AND table_schema = DATABASE() \
                 ORDER BY 1, 2"
            ),
            Dialect::Sqlite => format!(
                "SELECT m.name, c.name || ' ' || c.type FROM sqlite_master m, pragma_table_info(m.name) c \
                 WHERE m.name IN ({list}) ORDER BY 1, 2"
            ),
        };
        let mut catalogue: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in self.ask("the catalogue", Statement::plain(sql)).await? {
            if let (Some(table), Some(column)) = (row[0].1.text(), row[1].1.text()) {
                catalogue.entry(table.to_lowercase()).or_default().push(column.to_lowercase());
            }
        }
        Ok(catalogue)
    }
}

/// What is asked of the stock, and of the goods that it is of.
fn stock_statements(stock: &Stock) -> Vec<(String, String, bool)> {
    let one = |place: &str, columns: &str, table: &str, id: &str, exclude: Option<&str>| {
        let exclude = exclude.map(|text| format!(" AND ({text})")).unwrap_or_default();
        (place.to_owned(), format!("SELECT {columns} FROM {table} WHERE {id} = :id{exclude}"), false)
    };
    let Stock { table, id, sellable, exclude, listing } = stock;
    let columns = listing.iter().fold(sellable.clone(), |all, listing| all + ", " + &listing.reference);
    let mut statements = vec![one("stock", &columns, table, id, exclude.as_deref())];
    statements.extend(listing.iter().map(|listing| {
        one("stock.listing", &listing.id, &listing.table, &listing.id, Some(&listing.exclude))
    }));
    statements
}

/// What is asked of groups, each with the columns that it promises. They may read all of a table: shops have few groups.
fn group_questions(groups: &Groups) -> Vec<(String, String)> {
    let one = |key: &str, columns: &str, sql: &String| {
        (format!("group_settle.{key}"), format!("SELECT {columns} FROM ({sql}) q"))
    };
    let mut questions = vec![
        one("open", "group_key, required, paid, expires_at", &groups.open),
        one("refundable", "order_key", &groups.refundable),
    ];
    let late = groups.late.iter().map(|late| one("late.find", "group_key, order_key", &late.find));
    questions.extend(late);
    let ended = groups.ended.iter();
    questions.extend(ended.map(|sql| one("ended", "group_key, succeeded, ended_at, outstanding", sql)));
    questions
}

/// Why attempts to pay cannot be read, by the catalogue alone.
fn payments_in(catalogue: &BTreeMap<String, Vec<String>>, payments: &Payments) -> Option<CheckFinding> {
    let Some(columns) = catalogue.get(&unqualified(&payments.table).to_lowercase()) else {
        return Some(error(PAYMENTS, CheckProblem::NoTable(payments.table.clone())));
    };
    let id = payments.id.to_lowercase();
    let (_, kind) =
        columns.iter().filter_map(|column| column.split_once(' ')).find(|(name, _)| *name == id)?;
    // SQLite's columns need no type.
    let is_number = kind.is_empty() || ["int", "numeric", "decimal"].iter().any(|word| kind.contains(word));
    (!is_number).then(|| error(PAYMENTS, CheckProblem::NotGrowing(payments.id.clone(), kind.to_owned())))
}

fn error(place: &str, problem: CheckProblem) -> CheckFinding {
    CheckFinding { is_error: true, place: place.to_owned(), problem }
}

fn unqualified(table: &str) -> &str {
    table.rsplit('.').next().unwrap_or(table)
}

fn reads_all(dialect: Dialect, plan: &str) -> bool {
    match dialect {
        Dialect::Postgres => plan.contains("Seq Scan"),
        // MariaDB walks the primary key from end to end and calls that an index.
        Dialect::Mysql => {
            ["ALL", "index"].iter().any(|way| plan.contains(&format!("\"access_type\": \"{way}\"")))
        }
        Dialect::Sqlite => plan.lines().any(|line| line.starts_with("SCAN ")),
    }
}

/// FNV-1a over names and types, in their order.
fn fingerprint(catalogue: &BTreeMap<String, Vec<String>>) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut add = |text: &str| {
        for byte in text.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for (table, columns) in catalogue {
        add(table);
        columns.iter().for_each(|column| add(column));
    }
    format!("{hash:016x}")
}

/// The user of the address, as GRANT writes it; one of our own where it is the administrator, who has all rights.
fn grantee(user: &str, dialect: Dialect) -> String {
    let name = if ["root", "postgres", ""].contains(&user) { "lingshao" } else { user };
    let is_plain = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    match dialect {
        Dialect::Mysql => format!("'{}'@'%'", name.replace('\\', "\\\\").replace('\'', "''")),
        _ if is_plain => name.to_owned(),
        _ => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

/// SELECT on every table, and UPDATE of the columns that are set.
fn grants(mapping: &Mapping, dialect: Dialect, user: &str) -> Vec<String> {
    if dialect == Dialect::Sqlite {
        return Vec::new(); // Whoever may open the file may do all.
    }
    let user = grantee(user, dialect);
    let mut set: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut inserts = Vec::new();
    for step in mapping.actions().iter().flat_map(|(_, action)| &action.steps) {
        match written(&step.exec) {
            Some((table, columns)) if columns.is_empty() => inserts.push(table),
            Some((table, columns)) => set.entry(table).or_default().extend(columns),
            None => {}
        }
    }
    let mut grants = Vec::new();
    for table in mapping.read_tables() {
        grants.push(format!("GRANT SELECT ON {table} TO {user};"));
        if let Some(columns) = set.get_mut(table) {
            columns.sort_unstable();
            columns.dedup();
            grants.push(format!("GRANT UPDATE ({}) ON {table} TO {user};", columns.join(", ")));
        }
        if inserts.iter().any(|name| name == table) {
            grants.push(format!("GRANT INSERT ON {table} TO {user};"));
        }
    }
    grants
}

/// The table of an UPDATE with the columns it sets, or of an INSERT with none.
fn written(sql: &str) -> Option<(String, Vec<String>)> {
    let tokens = tokens(sql).ok()?;
    let is_update = tokens.first()?.is("UPDATE");
    let table = tokens.get(if is_update { 1 } else { 2 })?.text.to_owned();
    let begin = tokens.iter().position(|token| token.is("SET")).unwrap_or(tokens.len());
    let end = tokens.iter().position(|token| token.depth == 0 && token.is("WHERE")).unwrap_or(tokens.len());
    let set = tokens.get(begin..end).unwrap_or_default();
    let columns = set.windows(3).filter_map(|words| {
        let begins = words[0].is("SET") || (words[0].is_sign(",") && words[0].depth == 0);
        (begins && words[2].is_sign("=")).then(|| words[1].text.to_owned())
    });
    Some((table, columns.collect()))
}

/// What would make the finders cheap, and every table that is read whole by an undo step.
fn indexes(
    mapping: &Mapping,
    dialect: Dialect,
    is_found_whole: bool,
    findings: &[CheckFinding],
) -> Vec<String> {
    let orders = &mapping.orders;
    let pending = || match dialect {
        Dialect::Mysql => {
            let state = crate::mapping::lint::columns_of(&orders.states.pending).join(", ");
            format!("CREATE INDEX lingshao_pending ON {} ({state}, {});", orders.table, orders.created)
        }
        Dialect::Postgres | Dialect::Sqlite => {
            let pending = &orders.states.pending;
            format!("CREATE INDEX lingshao_pending ON {} ({}) WHERE {pending};", orders.table, orders.created)
        }
    };
    let mut indexes: Vec<String> = is_found_whole.then(pending).into_iter().collect();
    let whole = findings.iter().filter(|finding| finding.problem == CheckProblem::ReadsAll);
    indexes.extend(whole.map(|finding| match finding.place.as_str() {
        PLACED => format!("CREATE INDEX lingshao_created ON {} ({});", orders.table, orders.created),
        place => format!("-- {place}: an index on the columns of its WHERE"),
    }));
    indexes
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    #[track_caller]
    fn check(newest: i64, expected: Option<&str>) {
        let newest = Timestamp(100 * HOUR + newest);
        let skew = clock_skew(newest, Known::default(), Timestamp(100 * HOUR), TimeDelta::from_secs(300));
        assert_eq!(skew.map(|skew| CheckProblem::Clock(skew).to_string()).as_deref(), expected);
    }

    #[test]
    fn an_order_of_the_future_or_of_eight_hours_ago_stops_acting() {
        let hint = "; 8 hours are China's distance from UTC: set `clock.column_zone` to the other of the two";
        check(0, None);
        check(-9 * HOUR, None);
        check(300_000, None);
        check(300_001, Some("the newest order lies 5m1ms ahead of the database's clock"));
        check(
            8 * HOUR - 1_000,
            Some(&format!("the newest order lies 7h59m59s ahead of the database's clock{hint}")),
        );
        check(
            -8 * HOUR - 2_000,
            Some(&format!("the newest order lies 8h2s behind the database's clock{hint}")),
        );
    }

    #[test]
    fn an_order_that_was_seen_before_the_night_is_no_wrong_zone_in_the_morning() {
        let check = |known: Option<i64>, expected: bool| {
            let (newest, now) = (Timestamp(92 * HOUR), Timestamp(100 * HOUR));
            let known = Known { newest: known.map(Timestamp), ..Known::default() };
            let skew = clock_skew(newest, known, now, TimeDelta::from_secs(300));
            assert_eq!(skew.is_some(), expected, "{known:?}");
        };
        check(Some(92 * HOUR), false);
        // It came since, and lies eight hours behind: so would every order in the wrong zone.
        check(Some(91 * HOUR), true);
        check(None, true);
    }

    #[test]
    fn an_order_that_came_while_nobody_looked_is_no_wrong_zone() {
        let check = |looked_at: Option<i64>, expected: bool| {
            let (newest, now) = (Timestamp(92 * HOUR), Timestamp(100 * HOUR));
            let known = Known {
                newest: Some(Timestamp(80 * HOUR)),
                looked_at: looked_at.map(Timestamp),
                ..Known::default()
            };
            let skew = clock_skew(newest, known, now, TimeDelta::from_secs(300));
            assert_eq!(skew.is_some(), expected, "{looked_at:?}");
        };
        // Stopped for ten hours, two hours before the last order.
        check(Some(90 * HOUR), false);
        check(Some(92 * HOUR), false);
        // It was not there seven hours ago, and says to be eight hours old.
        check(Some(93 * HOUR), true);
        check(None, true);
    }

    #[test]
    fn rights_are_no_more_than_the_statements_need() {
        let grants = grants(&crate::mapping::litemall(), Dialect::Mysql, "root");
        let of = |table: &str| {
            let table = format!(" ON {table} TO 'lingshao'@'%';");
            let found = grants.iter().filter_map(|grant| grant.strip_suffix(&table)).collect::<Vec<_>>();
            found.join("; ")
        };
        assert_eq!(
            of("litemall_order"),
            "GRANT SELECT; GRANT UPDATE (end_time, order_status, refund_amount, refund_time, refund_type, update_time)"
        );
        assert_eq!(of("litemall_goods_product"), "GRANT SELECT; GRANT UPDATE (number, update_time)");
        assert_eq!(of("litemall_order_goods"), "GRANT SELECT");
    }

    #[test]
    fn rights_are_given_to_the_user_of_the_address() {
        let check =
            |user: &str, dialect: Dialect, expected: &str| assert_eq!(grantee(user, dialect), expected);
        check("watcher", Dialect::Postgres, "watcher");
        check("postgres", Dialect::Postgres, "lingshao");
        check("Shop-1", Dialect::Postgres, "\"Shop-1\"");
        check("a\"b", Dialect::Postgres, "\"a\"\"b\"");
        check("watcher", Dialect::Mysql, "'watcher'@'%'");
        check("o'b\\", Dialect::Mysql, "'o''b\\\\'@'%'");
    }
}
