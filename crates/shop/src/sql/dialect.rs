//! Where the databases differ.

use lingshao_model::Timestamp;

use crate::mapping::ColumnClock;

/// A family of databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL.
    Postgres,
    /// MySQL and MariaDB.
    Mysql,
    /// SQLite.
    Sqlite,
}

impl Dialect {
    /// As people call it.
    pub fn name(self) -> &'static str {
        match self {
            Dialect::Postgres => "PostgreSQL",
            Dialect::Mysql => "MySQL",
            Dialect::Sqlite => "SQLite",
        }
    }

    /// The `n`th parameter, counted from 1.
    pub(super) fn placeholder(self, n: usize) -> String {
        match self {
            Dialect::Postgres => format!("${n}"),
            Dialect::Mysql | Dialect::Sqlite => "?".to_owned(),
        }
    }

    /// An expression as text, so that money and keys are read alike everywhere.
    pub(super) fn text(self, expression: &str) -> String {
        match self {
            Dialect::Mysql => format!("CAST({expression} AS CHAR)"),
            Dialect::Postgres | Dialect::Sqlite => format!("CAST({expression} AS TEXT)"),
        }
    }

    /// An expression as a whole number of 64 bits.
    pub(super) fn integer(self, expression: &str) -> String {
        match self {
            Dialect::Postgres => format!("CAST({expression} AS BIGINT)"),
            Dialect::Mysql => format!("CAST({expression} AS SIGNED)"),
            Dialect::Sqlite => format!("CAST({expression} AS INTEGER)"),
        }
    }

    /// What is false.
    pub(super) fn falsehood(self) -> &'static str {
        match self {
            Dialect::Postgres => "FALSE",
            Dialect::Mysql | Dialect::Sqlite => "0",
        }
    }

    /// The database's clock in milliseconds; SQLite has none of its own.
    pub(super) fn now(self) -> Option<&'static str> {
        match self {
            Dialect::Postgres => Some("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"),
            Dialect::Mysql => Some(
                "SELECT CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(3)) DIV 1000 AS SIGNED)",
            ),
            Dialect::Sqlite => None,
        }
    }

    /// A column of time as milliseconds since 1970.
    pub(super) fn millis(self, clock: ColumnClock, column: &str) -> String {
        let ahead = match clock {
            ColumnClock::EpochSeconds => return format!("{} * 1000", self.whole_seconds(column)),
            ColumnClock::Local(ahead) => ahead.0,
            ColumnClock::Zoned => 0,
        };
        let utc = match self {
            // Cut like the others: a cast would round, and the last half of a millisecond lie in the next second.
            Dialect::Postgres => format!("FLOOR(EXTRACT(EPOCH FROM {column}) * 1000)"),
            Dialect::Mysql => format!("TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', {column}) DIV 1000"),
            Dialect::Sqlite => format!("CAST(strftime('%s', {column}) AS INTEGER) * 1000"),
        };
        self.integer(&format!("{utc} - {ahead}"))
    }

    /// Cut, as everything here: a cast rounds, but in SQLite.
    fn whole_seconds(self, column: &str) -> String {
        match self {
            Dialect::Postgres | Dialect::Mysql => self.integer(&format!("FLOOR({column})")),
            Dialect::Sqlite => self.integer(column),
        }
    }

    /// An instant, cut to the second, as a literal of a column of time: cut, as columns without fractions would round it,
    /// and what was written must be found again.
    pub(super) fn instant(self, clock: ColumnClock, at: Timestamp) -> String {
        let seconds = at.0.div_euclid(1000);
        let (ahead, zone) = match clock {
            ColumnClock::EpochSeconds => return seconds.to_string(),
            ColumnClock::Local(ahead) => (ahead.0.div_euclid(1000), ""),
            ColumnClock::Zoned => (0, "+00"),
        };
        let text = civil(seconds.saturating_add(ahead));
        match (self, clock) {
            (Dialect::Postgres, ColumnClock::Zoned) => format!("TIMESTAMPTZ '{text}{zone}'"),
            (Dialect::Postgres, _) => format!("TIMESTAMP '{text}'"),
            _ => format!("'{text}'"),
        }
    }
}

/// `YYYY-MM-DD HH:MM:SS` (days to date after Howard Hinnant's `civil_from_days`).
fn civil(seconds: i64) -> String {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use lingshao_model::TimeDelta;

    #[test]
    fn instants_are_written_in_the_columns_own_zone() {
        let shanghai = ColumnClock::Local(TimeDelta::from_secs(8 * 3600));
        let at = Timestamp(1_709_164_800_999); // 2024-02-29 00:00:00.999 UTC
        let cases = [
            (Dialect::Mysql, shanghai, "'2024-02-29 08:00:00'"),
            (Dialect::Sqlite, ColumnClock::Local(TimeDelta::ZERO), "'2024-02-29 00:00:00'"),
            (Dialect::Postgres, shanghai, "TIMESTAMP '2024-02-29 08:00:00'"),
            (Dialect::Postgres, ColumnClock::Zoned, "TIMESTAMPTZ '2024-02-29 00:00:00+00'"),
            (Dialect::Postgres, ColumnClock::EpochSeconds, "1709164800"),
        ];
        for (dialect, clock, expected) in cases {
            assert_eq!(dialect.instant(clock, at), expected);
        }
        assert_eq!(civil(0), "1970-01-01 00:00:00");
        assert_eq!(civil(-1), "1969-12-31 23:59:59");
        assert_eq!(civil(4_102_444_799), "2099-12-31 23:59:59");
    }
}
