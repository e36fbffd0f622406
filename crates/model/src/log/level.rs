//! How bad it is, as the shop's plan counts it.

/// Five levels; whatever a producer calls its own is mapped onto them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// For developers.
    Debug,
    /// Business as usual.
    Info,
    /// Something to look at.
    Warning,
    /// Something failed.
    Error,
    /// The shop stands still.
    Critical,
}

impl Level {
    /// All, mildest first.
    pub const ALL: [Level; 5] = [Level::Debug, Level::Info, Level::Warning, Level::Error, Level::Critical];

    /// `DEBUG` to `CRITICAL`.
    pub const fn name(self) -> &'static str {
        match self {
            Level::Debug => "DEBUG",
            Level::Info => "INFO",
            Level::Warning => "WARNING",
            Level::Error => "ERROR",
            Level::Critical => "CRITICAL",
        }
    }

    /// Reads a name or one of its aliases, in any case: those of Python, Java, Go, Rust, Node, syslog and nginx.
    pub fn read(text: &str) -> Option<Level> {
        let mut upper = [0; 16];
        let upper = upper.get_mut(..text.len())?;
        upper.copy_from_slice(text.as_bytes());
        upper.make_ascii_uppercase();
        Some(match &*upper {
            b"DEBUG" | b"DBG" | b"D" | b"TRACE" | b"TRC" | b"VERBOSE" | b"FINE" | b"FINER" | b"FINEST"
            | b"CONFIG" | b"NOTSET" => Level::Debug,
            b"INFO" | b"INF" | b"I" | b"INFORMATION" | b"INFORMATIONAL" | b"NOTICE" | b"LOG" => Level::Info,
            b"WARNING" | b"WARN" | b"WRN" | b"W" => Level::Warning,
            b"ERROR" | b"ERR" | b"E" | b"SEVERE" | b"FAILURE" => Level::Error,
            b"CRITICAL" | b"CRIT" | b"C" | b"FATAL" | b"FTL" | b"F" | b"PANIC" | b"DPANIC" | b"ALERT"
            | b"EMERG" | b"EMERGENCY" => Level::Critical,
            _ => return None,
        })
    }

    /// From a syslog severity, 0 (emergency) to 7 (debug): RFC 5424 §6.2.1.
    pub const fn from_syslog(severity: u8) -> Level {
        match severity {
            0..=2 => Level::Critical,
            3 => Level::Error,
            4 => Level::Warning,
            5 | 6 => Level::Info,
            _ => Level::Debug,
        }
    }

    /// From an OpenTelemetry severity number, 1 (TRACE) to 24 (FATAL4); 0 says nothing.
    pub const fn from_otlp(number: i32) -> Option<Level> {
        match number {
            1..=8 => Some(Level::Debug),
            9..=12 => Some(Level::Info),
            13..=16 => Some(Level::Warning),
            17..=20 => Some(Level::Error),
            21..=24 => Some(Level::Critical),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_their_aliases_are_read_in_any_case() {
        let read = |text| Level::read(text).map(Level::name);
        for level in Level::ALL {
            assert_eq!(Level::read(level.name()), Some(level));
        }
        assert_eq!(read("warn"), Some("WARNING"));
        assert_eq!(read("Fatal"), Some("CRITICAL"));
        assert_eq!(read("err"), Some("ERROR"));
        assert_eq!(read("trace"), Some("DEBUG"));
        assert_eq!(read("notice"), Some("INFO"));
        assert_eq!(read(""), None);
        assert_eq!(read("payment"), None);
        assert_eq!(read("a level of many more letters than any"), None);
    }

    #[test]
    fn numbers_of_syslog_and_otlp_are_read() {
        assert_eq!(
            (0..8).map(|n| Level::from_syslog(n).name()).collect::<Vec<_>>(),
            ["CRITICAL", "CRITICAL", "CRITICAL", "ERROR", "WARNING", "INFO", "INFO", "DEBUG"]
        );
        assert_eq!(Level::from_otlp(0), None);
        assert_eq!(Level::from_otlp(17), Some(Level::Error));
        assert_eq!(Level::from_otlp(24), Some(Level::Critical));
    }
}
