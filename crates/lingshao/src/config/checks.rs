//! The languages inside of configuration files: PromQL, templates, names of time zones.

use jiff::tz::TimeZone;
use lingshao_alerting::template::RuleTemplate;
use lingshao_wire::prometheus_rules::{Problem, RuleChecks};

/// Checks rules with our own PromQL and templates.
pub fn rule_checks() -> impl RuleChecks {
    Checks
}

struct Checks;

impl RuleChecks for Checks {
    fn expression(&self, text: &str) -> Result<(), Problem> {
        let parsed = lingshao_promql::parse(text);
        parsed.map(drop).map_err(|error| Problem { offset: error.span.start, message: error.to_string() })
    }

    fn template(&self, alert: &str, text: &str) -> Result<(), Problem> {
        let parsed = RuleTemplate::parse(&format!("__alert_{alert}"), text);
        parsed.map(drop).map_err(|error| Problem {
            offset: text.split_inclusive('\n').take(error.line.saturating_sub(1)).map(str::len).sum(),
            message: error.message,
        })
    }
}

/// The proper name of a time zone; `Local` is the system's, as in Go.
pub(super) fn zone(name: &str) -> Option<String> {
    if name == "Local" {
        return Some(system_zone());
    }
    TimeZone::get(name).ok()?.iana_name().map(str::to_owned)
}

/// Where this host stands, by `TZ`, `/etc/timezone` or `/etc/localtime`; Asia/Shanghai if none of them tells.
pub(super) fn system_zone() -> String {
    let from_environment = std::env::var("TZ").ok().map(|name| name.trim_start_matches(':').to_owned());
    let from_file = || std::fs::read_to_string("/etc/timezone").ok().map(|text| text.trim().to_owned());
    let from_link = || {
        let target = std::fs::read_link("/etc/localtime").ok()?;
        target.to_str()?.split_once("zoneinfo/").map(|(_, name)| name.to_owned())
    };
    let known = |name: String| TimeZone::get(&name).ok()?.iana_name().map(str::to_owned);
    let found = from_environment.and_then(known).or_else(|| from_link().and_then(known));
    found.or_else(|| from_file().and_then(known)).unwrap_or_else(|| "Asia/Shanghai".to_owned())
}
