//! PostgreSQL under postgres_exporter's names. PostgreSQL 10 and newer; tested with 15.
//!
//! Contract: one connection, read only, called `lingshao`, each statement within the server's own limit of time. The
//! tables of [`tables`] say what is asked, of which versions, and how many rows at most.

mod tables;

use std::str::FromStr;
use std::time::Duration;

use lingshao_wire::exposition::MetricType;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Row};
use tokio::time::Instant;

use super::database::{Gathered, Limits, Stop};
use super::dsn::Dsn;
use tables::{TABLES, Table};

/// A lock that is waited for this long is held by somebody who changes the catalogue.
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);
/// PostgreSQL has some 350 settings, extensions add a few dozen.
const SETTINGS_MAX: usize = 1_000;

/// A connection to a server.
#[derive(Debug)]
pub(super) struct Connection(PgConnection);

impl Connection {
    pub(super) async fn open(dsn: &Dsn, limits: Limits) -> Result<Connection, String> {
        let millis = |span: Duration| span.as_millis().max(1).to_string();
        // Set at the start of the session and not by a statement: behind a pooler that would be somebody else's session.
        let settings = [
            ("statement_timeout", millis(limits.statement)),
            ("lock_timeout", millis(LOCK_TIMEOUT)),
            ("default_transaction_read_only", "on".to_owned()),
        ];
        let options = PgConnectOptions::from_str(dsn.text.reveal()).map_err(|error| error.to_string())?;
        let options = options.application_name("lingshao").options(settings).disable_statement_logging();
        options.connect().await.map(Connection).map_err(|error| Stop::from(error).message())
    }

    pub(super) async fn collect(&mut self, gathered: &mut Gathered, limits: Limits) -> Result<(), String> {
        let version = self.server(gathered).await.map_err(Stop::message)?;
        let begun = Instant::now();
        let outcome = self.settings(gathered).await;
        gathered.conclude("settings", begun, outcome)?;
        for table in TABLES.iter().filter(|table| (table.since..table.until).contains(&version)) {
            let begun = Instant::now();
            let outcome = match limits.is_short() {
                true => Err(Stop::late()),
                false => self.table(table, gathered).await,
            };
            gathered.conclude(table.collector, begun, outcome)?;
        }
        Ok(())
    }

    /// Who answers, and whether it is a replica. Answers its version's number.
    async fn server(&mut self, gathered: &mut Gathered) -> Result<u32, Stop> {
        let sql = "SELECT version(), current_setting('server_version_num')::float8, \
                   extract(epoch FROM pg_postmaster_start_time())::float8, pg_is_in_recovery()::int::float8, \
                   CASE WHEN pg_is_in_recovery() THEN greatest(0, extract(epoch FROM \
                   now() - pg_last_xact_replay_timestamp())) ELSE 0 END::float8";
        let rows = self.rows(sql).await?;
        let row = rows.first().ok_or(Stop::Connection("the server says nothing about itself".to_owned()))?;
        let number = |index: usize| row.try_get::<Option<f64>, _>(index).ok().flatten();
        let version = number(1).map_or(0, |number| number as u32);
        let labels = vec![
            ("version", row.try_get::<String, _>(0)?),
            ("short_version", format!("{}.{}.0", version / 10_000, version % 10_000)),
        ];
        let (figures, gauge) = (&mut gathered.figures, MetricType::Gauge);
        figures.add("pg_static", MetricType::Unknown, "The server's version.", labels, 1.0);
        if let Some(started) = number(2) {
            figures.set("pg_postmaster_start_time_seconds", gauge, "When the server was started.", started);
        }
        if let Some(is_replica) = number(3) {
            let help = "Whether the server follows another one.";
            figures.set("pg_replication_is_replica", gauge, help, is_replica);
        }
        if let Some(lag) = number(4) {
            let help = "How far the server is behind the one it follows, in seconds.";
            figures.set("pg_replication_lag_seconds", gauge, help, lag);
            // Its name before postgres_exporter 0.15.
            figures.set("pg_replication_lag", gauge, help, lag);
        }
        Ok(version)
    }

    async fn settings(&mut self, gathered: &mut Gathered) -> Result<(), Stop> {
        let sql = "SELECT name, setting, coalesce(unit, ''), vartype, short_desc FROM pg_settings \
                   WHERE vartype IN ('bool', 'integer', 'real')";
        for row in self.rows(sql).await?.iter().take(SETTINGS_MAX) {
            let text = |index: usize| row.try_get::<String, _>(index);
            let (name, setting, unit) = (text(0)?, text(1)?, text(2)?);
            let Some((suffix, value)) = setting_value(&setting, &unit) else { continue };
            let name = format!("pg_settings_{}{suffix}", name.replace('.', "_"));
            gathered.figures.set(&name, MetricType::Gauge, &text(4)?, value);
        }
        Ok(())
    }

    async fn table(&mut self, table: &Table, gathered: &mut Gathered) -> Result<(), Stop> {
        for row in self.rows(&table.sql()).await?.iter().take(table.rows_max) {
            let label = |index: usize| row.try_get::<Option<String>, _>(index).map(Option::unwrap_or_default);
            let labels = table.labels.iter().enumerate();
            let labels: Vec<(&'static str, String)> = labels
                .map(|(index, (name, _))| Ok((*name, label(index)?)))
                .collect::<Result<_, sqlx::Error>>()?;
            for (index, metric) in table.metrics.iter().enumerate() {
                let value = row.try_get::<Option<f64>, _>(table.labels.len() + index)?;
                if let Some(value) = value {
                    let figures = &mut gathered.figures;
                    figures.add(metric.name, metric.kind, metric.help, labels.clone(), value);
                }
            }
        }
        Ok(())
    }

    /// By the simple protocol: one round trip, values as text, nothing prepared.
    async fn rows(&mut self, sql: &str) -> Result<Vec<PgRow>, Stop> {
        Ok(sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch_all(&mut self.0).await?)
    }
}

/// A setting in seconds, bytes or as it is; what its name gets for that. -1 means none and stays.
fn setting_value(setting: &str, unit: &str) -> Option<(&'static str, f64)> {
    let value = match setting {
        "on" => 1.0,
        "off" => 0.0,
        _ => setting.parse::<f64>().ok()?,
    };
    let (suffix, factor) = match unit {
        "" => ("", 1.0),
        "ms" => ("_seconds", 0.001),
        "s" => ("_seconds", 1.0),
        "min" => ("_seconds", 60.0),
        "h" => ("_seconds", 3_600.0),
        "d" => ("_seconds", 86_400.0),
        _ => ("_bytes", unit_bytes(unit)?),
    };
    // A division, as 1000 × 0.001 is not 1 for every number of milliseconds.
    let scaled = if unit == "ms" { value / 1_000.0 } else { value * factor };
    Some((suffix, if value == -1.0 { value } else { scaled }))
}

/// `B`, `kB`, `8kB`, `16MB`, …: blocks and segments have sizes that were chosen when the server was built.
fn unit_bytes(unit: &str) -> Option<f64> {
    let digits = unit.find(|c: char| !c.is_ascii_digit())?;
    let count = if digits == 0 { 1.0 } else { unit[..digits].parse::<f64>().ok()? };
    let power = match &unit[digits..] {
        "B" => 0,
        "kB" => 10,
        "MB" => 20,
        "GB" => 30,
        "TB" => 40,
        _ => return None,
    };
    Some(count * f64::from(power).exp2())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(setting: &str, unit: &str, suffix: &str, value: f64) {
        assert_eq!(setting_value(setting, unit), Some((suffix, value)));
    }

    #[test]
    fn settings_are_in_seconds_and_bytes() {
        check("on", "", "", 1.0);
        check("off", "", "", 0.0);
        check("0.9", "", "", 0.9);
        check("1500", "ms", "_seconds", 1.5);
        check("5", "min", "_seconds", 300.0);
        check("16384", "8kB", "_bytes", 134_217_728.0);
        check("1024", "MB", "_bytes", 1_073_741_824.0);
        check("16777216", "B", "_bytes", 16_777_216.0);
        check("-1", "kB", "_bytes", -1.0);
        check("-1", "ms", "_seconds", -1.0);
        assert_eq!(setting_value("7", "furlong"), None);
        assert_eq!(setting_value("UTF8", ""), None);
    }
}
