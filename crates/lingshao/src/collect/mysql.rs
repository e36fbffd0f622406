//! MySQL and MariaDB under mysqld_exporter's names. Tested with MariaDB 10.11.
//!
//! Contract: one connection, read only. What the server shows of its state and settings becomes a metric by name, as
//! the exporter does it: groups of names become labels, words become 0 and 1, other texts are left out.

use std::str::FromStr;

use lingshao_wire::exposition::MetricType;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, Column, ConnectOptions, Row};
use tokio::time::Instant;

use super::database::{Gathered, Limits, Stop};
use super::dsn::Dsn;
use super::figures::Figures;

/// The server decides how many there are: MySQL 8 has some 500 figures and 700 settings, plugins add some.
const SHOWN_MAX: usize = 3_000;
/// Servers that this one follows. One is usual; MariaDB allows several.
const SOURCES_MAX: usize = 32;
/// A metadata lock that is waited for this long is held by somebody who changes a table.
const LOCK_WAIT_SECONDS: u32 = 1;

/// A connection to a server.
#[derive(Debug)]
pub(super) struct Connection {
    connection: MySqlConnection,
    version: String,
}

/// Name and value of a row of SHOW.
type Shown = Vec<(String, String)>;

impl Connection {
    pub(super) async fn open(dsn: &Dsn, limits: Limits) -> Result<Connection, String> {
        let options = MySqlConnectOptions::from_str(dsn.text.reveal()).map_err(|error| error.to_string())?;
        let options = options.disable_statement_logging();
        let connection = options.connect().await.map_err(|error| Stop::from(error).message())?;
        let mut own = Connection { connection, version: String::new() };
        own.version = match own.rows("SELECT version()").await.map_err(Stop::message)?.first() {
            Some(row) => text(row, 0),
            None => return Err("the server does not tell its version".to_owned()),
        };
        own.restrict(limits).await.map_err(Stop::message)?;
        Ok(own)
    }

    /// A session that waits for nobody and changes nothing. What a version does not know is left.
    async fn restrict(&mut self, limits: Limits) -> Result<(), Stop> {
        let timeout = match self.is_mariadb() {
            true => format!("max_statement_time={}", limits.statement.as_secs_f64()),
            false => format!("max_execution_time={}", limits.statement.as_millis().max(1)),
        };
        for sql in [
            format!("SET SESSION {timeout}"),
            format!("SET SESSION lock_wait_timeout={LOCK_WAIT_SECONDS}"),
            "SET SESSION TRANSACTION READ ONLY".to_owned(),
        ] {
            if let Err(Stop::Connection(error)) = self.rows(&sql).await {
                return Err(Stop::Connection(error));
            }
        }
        Ok(())
    }

    fn is_mariadb(&self) -> bool {
        self.version.contains("MariaDB")
    }

    pub(super) async fn collect(&mut self, gathered: &mut Gathered, limits: Limits) -> Result<(), String> {
        let begun = Instant::now();
        let shown = self.shown("SHOW GLOBAL STATUS").await;
        note(gathered, "collect.global_status", begun, shown, status)?;
        let begun = Instant::now();
        let shown = self.shown("SHOW GLOBAL VARIABLES").await;
        note(gathered, "collect.global_variables", begun, shown, variables)?;
        if limits.is_short() {
            let late = Err(Stop::late());
            return note(gathered, "collect.slave_status", Instant::now(), late, sources);
        }
        let begun = Instant::now();
        let shown = self.sources().await;
        note(gathered, "collect.slave_status", begun, shown, sources)
    }

    async fn shown(&mut self, sql: &str) -> Result<Shown, Stop> {
        let rows = self.rows(sql).await?;
        Ok(rows.iter().take(SHOWN_MAX).map(|row| (text(row, 0).to_ascii_lowercase(), text(row, 1))).collect())
    }

    /// Rows about the servers that this one follows: each column's name and value.
    async fn sources(&mut self) -> Result<Vec<Shown>, Stop> {
        let statements: &[&str] = match self.is_mariadb() {
            true => &["SHOW ALL SLAVES STATUS"],
            // MySQL 8.4 has only the newer one, MySQL before 8.0.22 only the older.
            false => &["SHOW REPLICA STATUS", "SHOW SLAVE STATUS"],
        };
        let mut last = Err(Stop::Statement(String::new()));
        for sql in statements {
            last = self.rows(sql).await;
            if !matches!(last, Err(Stop::Statement(_))) {
                break;
            }
        }
        Ok(last?.iter().take(SOURCES_MAX).map(columns).collect())
    }

    /// By the text protocol: one round trip, values as text, nothing prepared.
    async fn rows(&mut self, sql: &str) -> Result<Vec<MySqlRow>, Stop> {
        Ok(sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch_all(&mut self.connection).await?)
    }
}

fn note<T>(
    gathered: &mut Gathered,
    collector: &'static str,
    begun: Instant,
    shown: Result<T, Stop>,
    add: impl Fn(&T, &mut Figures),
) -> Result<(), String> {
    let outcome = shown.map(|shown| add(&shown, &mut gathered.figures));
    gathered.conclude(collector, begun, outcome)
}

/// A column as text, whatever its type; empty for NULL. MariaDB calls some of its texts binary.
fn text(row: &MySqlRow, index: usize) -> String {
    let bytes = row.try_get_unchecked::<Option<Vec<u8>>, _>(index).ok().flatten().unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn columns(row: &MySqlRow) -> Shown {
    row.columns()
        .iter()
        .map(|column| (column.name().to_ascii_lowercase(), text(row, column.ordinal())))
        .collect()
}

/// Groups of names of SHOW GLOBAL STATUS: what they begin with, the metric, its label, its help.
const GROUPS: [(&str, &str, &str, &str); 6] = [
    ("com_", "commands_total", "command", "Statements by kind."),
    ("handler_", "handlers_total", "handler", "Calls of storage engines by kind."),
    ("connection_errors_", "connection_errors_total", "error", "Connections refused by reason."),
    ("innodb_rows_", "innodb_row_ops_total", "operation", "InnoDB's rows by what was done to them."),
    (
        "performance_schema_",
        "performance_schema_lost_total",
        "instrumentation",
        "What the performance schema had no room for.",
    ),
    ("innodb_buffer_pool_pages_", "", "", ""),
];

fn status(shown: &Shown, figures: &mut Figures) {
    for (name, value) in shown {
        let Some(value) = number(value) else { continue };
        let group = GROUPS.iter().find_map(|group| Some((group, name.strip_prefix(group.0)?)));
        match group {
            Some((("innodb_buffer_pool_pages_", ..), state)) => pages(state, value, figures),
            Some(((_, metric, label, help), rest)) => {
                let labels = vec![(*label, rest.to_owned())];
                let name = format!("mysql_global_status_{metric}");
                figures.add(&name, MetricType::Counter, help, labels, value);
            }
            None => {
                let name = format!("mysql_global_status_{}", plain(name));
                figures.set(&name, MetricType::Unknown, "As SHOW GLOBAL STATUS tells it.", value);
            }
        }
    }
    let [local, cluster, provider] =
        ["wsrep_local_state_uuid", "wsrep_cluster_state_uuid", "wsrep_provider_version"]
            .map(|name| (name, find(shown, name)));
    if !local.1.is_empty() {
        let help = "The node's place in a Galera cluster.";
        let labels = [local, cluster, provider].map(|(name, value)| (name, value.to_owned()));
        figures.add("mysql_galera_status_info", MetricType::Gauge, help, labels.to_vec(), 1.0);
    }
}

/// Pages of the buffer pool: states of now, and changes since the start.
fn pages(state: &str, value: f64, figures: &mut Figures) {
    let (name, kind, label) = match state {
        "total" => return, // The sum of the others.
        "dirty" => ("buffer_pool_dirty_pages", MetricType::Gauge, None),
        "data" | "free" | "misc" | "old" => ("buffer_pool_pages", MetricType::Gauge, Some("state")),
        _ => ("buffer_pool_page_changes_total", MetricType::Counter, Some("operation")),
    };
    let labels = label.map(|label| (label, state.to_owned())).into_iter().collect();
    let help = "Pages of InnoDB's buffer pool.";
    figures.add(&format!("mysql_global_status_{name}"), kind, help, labels, value);
}

fn variables(shown: &Shown, figures: &mut Figures) {
    for (name, value) in shown {
        if let Some(value) = number(value) {
            let name = format!("mysql_global_variables_{}", plain(name));
            figures.set(&name, MetricType::Gauge, "As SHOW GLOBAL VARIABLES tells it.", value);
        }
    }
    let labels = ["innodb_version", "version", "version_comment"];
    let labels = labels.map(|name| (name, find(shown, name).to_owned())).to_vec();
    figures.add("mysql_version_info", MetricType::Gauge, "The server's version.", labels, 1.0);
    // MySQL 8 calls it transaction_isolation, MariaDB before 11.1 tx_isolation.
    let level = ["transaction_isolation", "tx_isolation"].map(|name| find(shown, name));
    if let Some(level) = level.into_iter().find(|level| !level.is_empty()) {
        let labels = vec![("level", level.to_owned())];
        let help = "How transactions are kept apart.";
        figures.add("mysql_transaction_isolation", MetricType::Gauge, help, labels, 1.0);
    }
    let cluster = find(shown, "wsrep_cluster_name");
    if !cluster.is_empty() {
        let labels = vec![("wsrep_cluster_name", cluster.to_owned())];
        let help = "The Galera cluster that the node is set up for.";
        figures.add("mysql_galera_variables_info", MetricType::Gauge, help, labels, 1.0);
    }
}

fn sources(rows: &Vec<Shown>, figures: &mut Figures) {
    for row in rows {
        let either = |old: &str, new: &str| {
            let found = find(row, old);
            if found.is_empty() { find(row, new).to_owned() } else { found.to_owned() }
        };
        let labels = vec![
            ("master_host", either("master_host", "source_host")),
            ("master_uuid", either("master_uuid", "source_uuid")),
            ("channel_name", find(row, "channel_name").to_owned()),
            ("connection_name", find(row, "connection_name").to_owned()),
        ];
        for (name, value) in row {
            let Some(value) = number(value) else { continue };
            let help = "As SHOW SLAVE STATUS tells it.";
            let mut add = |name: &str| {
                let name = format!("mysql_slave_status_{}", plain(name));
                figures.add(&name, MetricType::Unknown, help, labels.clone(), value);
            };
            add(name);
            // MySQL's newer names, and the older ones that boards ask for.
            let older = name.replace("source", "master").replace("replica", "slave");
            if older != *name {
                add(&older);
            }
        }
    }
}

fn find<'s>(shown: &'s Shown, name: &str) -> &'s str {
    shown.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
}

/// A name as metrics have it.
fn plain(name: &str) -> String {
    name.replace(|c: char| !c.is_ascii_alphanumeric() && c != '_', "_")
}

/// Words that mean 0 or 1, and numbers. Times and other texts are no figures.
fn number(value: &str) -> Option<f64> {
    match value.to_ascii_lowercase().as_str() {
        "yes" | "on" | "primary" => Some(1.0),
        // A replica that is connecting does not run.
        "no" | "off" | "disabled" | "connecting" | "non-primary" | "disconnected" => Some(0.0),
        _ => value.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(add: impl Fn(&Shown, &mut Figures), shown: &[(&str, &str)], expected: &[&str]) {
        let shown = shown.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut figures = Figures::default();
        add(&shown, &mut figures);
        let page = String::from_utf8(figures.page()).unwrap();
        assert_eq!(page.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn groups_of_names_become_labels() {
        check(
            status,
            &[
                ("com_select", "7"),
                ("handler_read_rnd_next", "8"),
                ("connection_errors_max_connections", "9"),
                ("innodb_rows_read", "10"),
                ("performance_schema_digest_lost", "11"),
                ("threads_connected", "12"),
                ("compression", "OFF"),
                ("ssl_cipher", ""),
            ],
            &[
                "mysql_global_status_commands_total{command=\"select\"} 7",
                "mysql_global_status_compression 0",
                "mysql_global_status_connection_errors_total{error=\"max_connections\"} 9",
                "mysql_global_status_handlers_total{handler=\"read_rnd_next\"} 8",
                "mysql_global_status_innodb_row_ops_total{operation=\"read\"} 10",
                "mysql_global_status_performance_schema_lost_total{instrumentation=\"digest_lost\"} 11",
                "mysql_global_status_threads_connected 12",
            ],
        );
        check(
            status,
            &[
                ("innodb_buffer_pool_pages_data", "1"),
                ("innodb_buffer_pool_pages_dirty", "2"),
                ("innodb_buffer_pool_pages_flushed", "3"),
                ("innodb_buffer_pool_pages_total", "4"),
            ],
            &[
                "mysql_global_status_buffer_pool_dirty_pages 2",
                "mysql_global_status_buffer_pool_page_changes_total{operation=\"flushed\"} 3",
                "mysql_global_status_buffer_pool_pages{state=\"data\"} 1",
            ],
        );
    }

    #[test]
    fn a_replica_of_mysql_8_4_has_the_older_names_too() {
        let row = |shown: &Shown, figures: &mut Figures| sources(&vec![shown.clone()], figures);
        check(
            row,
            &[
                ("source_host", "10.0.0.4"),
                ("replica_io_running", "Connecting"),
                ("seconds_behind_source", "3"),
            ],
            &[
                "mysql_slave_status_replica_io_running{master_host=\"10.0.0.4\"} 0",
                "mysql_slave_status_seconds_behind_master{master_host=\"10.0.0.4\"} 3",
                "mysql_slave_status_seconds_behind_source{master_host=\"10.0.0.4\"} 3",
                "mysql_slave_status_slave_io_running{master_host=\"10.0.0.4\"} 0",
            ],
        );
    }

    #[test]
    fn a_galera_node_says_so() {
        check(
            status,
            &[("wsrep_cluster_status", "Primary"), ("wsrep_local_state_uuid", "a-b")],
            &[
                "mysql_galera_status_info{wsrep_local_state_uuid=\"a-b\"} 1",
                "mysql_global_status_wsrep_cluster_status 1",
            ],
        );
    }
}
