//! English.

use lingshao_promql::lint::{Contradiction, Fault, Mismatch, Missing, Unrouted, WindowReason};
use lingshao_wire::grafana::BoardProblem;

use super::{Say, number};

pub(super) fn say(what: Say<'_>) -> String {
    match what {
        Say::CannotParse(error) => format!("cannot parse the expression: {error}"),
        Say::UnknownKind => "neither a rules file nor a Grafana board nor an expression".to_owned(),
        Say::TooMany(max) => format!("more than {max} findings; the others are not shown"),
        Say::OutOfTime => "this took too long; what follows was not looked at".to_owned(),
        Say::Corrected => "write".to_owned(),
    }
}

pub(super) fn of_board(problem: &BoardProblem) -> (String, String) {
    let remedy = match problem {
        BoardProblem::Json(_) => {
            "export the board again (Share, Export, Save to file), or correct the JSON by hand"
        }
        BoardProblem::NoPanels => {
            "name the file that Grafana exports: `panels` stands at its top, below `dashboard` or below `spec`"
        }
        BoardProblem::Elements => "export it as classic JSON (Export, Classic)",
    };
    (problem.to_string(), remedy.to_owned())
}

/// What is wrong, and what to do.
pub(super) fn of_fault(fault: &Fault) -> (String, String) {
    match fault {
        Fault::RatioWithoutDenominator { metric, threshold } => (
            format!(
                "the text speaks of a share, but the expression counts `{metric}` per second: it fires at {} events a \
                 second, be they few or many of all",
                number(*threshold)
            ),
            "divide by the rate of all of them, both summed, and ask for some traffic: one failure of two requests is \
             50 %"
                .to_owned(),
        ),
        Fault::PerSeriesThreshold { metric } => (
            format!(
                "every series of `{metric}` is held against the threshold alone (each route, status and instance): what \
                 is spread over several never reaches it"
            ),
            "sum first, by the labels that you want an alert each for".to_owned(),
        ),
        Fault::QuantileNeedsBuckets { metric, missing } => quantile(metric, *missing),
        Fault::QuantileOutOfRange { quantile } => (
            format!(
                "a quantile is a number from 0 to 1; with {} the answer is an infinity, whatever was measured",
                number(*quantile)
            ),
            "write 0.95 for P95, 0.99 for P99".to_owned(),
        ),
        Fault::AbsentBlind { job, dependency, is_unguarded } => absent(job, *dependency, *is_unguarded),
        Fault::VectorMismatch(mismatch) => mismatched(mismatch),
        Fault::FanOut { metric } => (
            format!("one alert for each series of `{metric}`, of each instance again: they come by the dozen"),
            "keep the label that names the thing, tell all of them in one message (`group_by: [alertname]`), and leave \
             out what is not on sale"
                .to_owned(),
        ),
        Fault::StateEnumGauge { metric, state, better } => state_number(metric, *state, *better),
        Fault::NotSummed { metric, by } => not_summed(metric, by),
        Fault::SelfDivision { metric } => (
            format!(
                "every series of `{metric}` is divided by itself: the result is always 1, or nothing where there is no \
                 traffic"
            ),
            "sum both sides, without the labels that pick the part".to_owned(),
        ),
        Fault::TotalNotRated { metric, better, is_gauge } => total(metric, *better, *is_gauge),
        Fault::TextContradicts(what) => contradiction(what),
        Fault::StaticText { labels, is_ratio } => static_text(labels, *is_ratio),
        Fault::UnroutedSeverity(what) => unrouted(what),
        Fault::ShortWindow { window, reason } => short_window(window, *reason),
        Fault::UnknownMetric { metric, nearest } => (
            format!("the server has no series `{metric}`: the expression is empty"),
            match nearest {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => "scrape what exports it, or initialise it at 0 when the process starts".to_owned(),
            },
        ),
        Fault::UnsafeBucketBound { metric, threshold, below, above } => {
            bucket_bound(metric, *threshold, *below, *above)
        }
        Fault::Flood { count } => (
            format!("it would fire {count} alerts right now"),
            "sum by fewer labels, or count: one alert that says how many".to_owned(),
        ),
    }
}

fn state_number(metric: &str, state: f64, better: Option<&str>) -> (String, String) {
    (
        format!(
            "{0} is the number of a state of `{metric}`: what has ended stays in its state, so the alert never ends, and \
             nobody knows what {0} is",
            number(state)
        ),
        match better {
            Some(better) => {
                format!("alert on unfinished work, which goes back to 0 when it is done: `{better}`")
            }
            None => "alert on what is new in that state, or better on a metric that counts unfinished work"
                .to_owned(),
        },
    )
}

fn quantile(metric: &str, missing: Missing) -> (String, String) {
    let message = match missing {
        Missing::Buckets => format!(
            "a histogram exposes `{0}_bucket`, `_sum` and `_count`; of `{metric}` there are no buckets, so this is \
             always empty, without an error",
            metric.trim_end_matches("_count").trim_end_matches("_sum")
        ),
        Missing::Rate => {
            format!("without `rate` this is the quantile of all of `{metric}` since the process started")
        }
        Missing::Le => {
            format!("the buckets of `{metric}` are added up without `le`: no quantile can be told")
        }
    };
    (message, "take the rate of the buckets, and keep `le`".to_owned())
}

fn absent(job: &str, dependency: Option<&str>, is_unguarded: bool) -> (String, String) {
    let gone = format!("if nothing is scraped as job `{job}`, there is no series and no alert");
    match (dependency, is_unguarded) {
        (Some(metric), true) => (
            format!(
                "`up` is whether the exporter answers: with the exporter up and {job} dead it is silent; {gone}"
            ),
            format!("ask for all three: `{metric}`, the exporter, and that there is one at all"),
        ),
        (Some(metric), false) => (
            format!("`up` is whether the exporter answers: with the exporter up and {job} dead it is silent"),
            format!("ask for `{metric}` as well"),
        ),
        (None, _) => (gone, "ask for its absence too".to_owned()),
    }
}

fn mismatched(mismatch: &Mismatch) -> (String, String) {
    match mismatch {
        Mismatch::Never { op, left, right } => (
            format!("no series left and right of `{op}` can match: {} against {}", kept(left), kept(right)),
            "keep the same labels on both sides, or say by which they belong together: `on (…)`".to_owned(),
        ),
        Mismatch::Fragile { numerator, denominator, differing } if differing.is_empty() => (
            format!(
                "`{numerator}` is divided by `{denominator}` series by series: one label more on one side (a reason, a \
                 channel) and nothing matches, silently; and each instance is judged by a few events"
            ),
            "sum both sides first, and ask for enough traffic".to_owned(),
        ),
        Mismatch::Fragile { numerator, denominator, differing } => (
            format!(
                "series of `{numerator}` and `{denominator}` never match: only one side has {}",
                list(differing)
            ),
            "sum both sides first, by labels that both have".to_owned(),
        ),
    }
}

fn kept(labels: &Option<Vec<String>>) -> String {
    match labels {
        None => "all labels".to_owned(),
        Some(labels) if labels.is_empty() => "no labels".to_owned(),
        Some(labels) => list(labels),
    }
}

fn list(labels: &[String]) -> String {
    labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ")
}

fn not_summed(metric: &str, by: &str) -> (String, String) {
    match by {
        "sum" => (
            format!("`{metric}` has a series for each route, status and instance: this is one each, not the whole"),
            "sum them; a legend such as {{endpoint}} says that you want one each".to_owned(),
        ),
        _ => (
            format!("`{metric}` has a value for each process: the panel shows several, or any one of them"),
            "`max` where every process tells the same (read from the database), `sum` where each tells its own share"
                .to_owned(),
        ),
    }
}

fn total(metric: &str, better: Option<&str>, is_gauge: bool) -> (String, String) {
    let message = match is_gauge {
        true => format!(
            "`{metric}` is a gauge with a counter's name; its value is that of all time, one each process"
        ),
        false => format!(
            "`{metric}` only grows, and starts again with the process: its own value says nothing about today or now"
        ),
    };
    let remedy = match better {
        Some(better) => format!(
            "take the increase of the counter `{better}`; exact figures of today come from the database"
        ),
        None if is_gauge => "rename it without `_total`, or make it a counter".to_owned(),
        None => "take its `rate`, or its `increase` over the time that you mean".to_owned(),
    };
    (message, remedy)
}

fn contradiction(what: &Contradiction) -> (String, String) {
    match what {
        Contradiction::Percentile { percent } => (
            format!(
                "P{0} above the threshold means that {1} % of requests are slower, not {0} %",
                number(*percent),
                number(100.0 - percent)
            ),
            format!(
                "write \"P{} above …, the slowest {} % of requests\"",
                number(*percent),
                number(100.0 - percent)
            ),
        ),
        Contradiction::Threshold { said, threshold } => (
            format!("the text says \"{said}\", the expression compares with {}", number(*threshold)),
            "let both say the same; `{{ $value }}` prints what was measured".to_owned(),
        ),
        Contradiction::Direction { said, op } => (
            format!("the text says \"{said}\", the expression asks for `{op}`"),
            "turn one of them round".to_owned(),
        ),
    }
}

fn static_text(labels: &[String], is_ratio: bool) -> (String, String) {
    let value = if is_ratio { "{{ $value | humanizePercentage }}" } else { "{{ $value }}" };
    let labels = labels.iter().map(|label| format!("{{{{ $labels.{label} }}}}"));
    let parts: Vec<String> = labels.chain([value.to_owned()]).collect();
    (
        "the message is the same whatever happened: it names neither what nor how much".to_owned(),
        format!("write into it: {}", parts.join(" ")),
    )
}

fn unrouted(what: &Unrouted) -> (String, String) {
    match what {
        Unrouted::Nobody { severity: Some(severity), receiver } => (
            format!("no route takes severity `{severity}`, and `{receiver}` at the root tells nobody"),
            "add a route for it, or give the root a receiver that tells somebody".to_owned(),
        ),
        Unrouted::Nobody { severity: None, receiver } => (
            format!("no route takes an alert without `severity`, and `{receiver}` at the root tells nobody"),
            "add the label `severity`, with a value that a route asks for".to_owned(),
        ),
        Unrouted::Misspelt { severity, known } => (
            format!("severity `{severity}` is not what routes ask for (`{known}`)"),
            format!("write `severity: {known}`"),
        ),
    }
}

fn short_window(window: &str, reason: WindowReason) -> (String, String) {
    match reason {
        WindowReason::Scrape(millis) => (
            format!(
                "[{window}] holds fewer than four samples at a scrape interval of {}s: gaps, or nothing at all",
                number(millis as f64 / 1000.0)
            ),
            "take at least four times the scrape interval".to_owned(),
        ),
        WindowReason::Panel => (
            format!(
                "[{window}] is gappy as soon as the scrape interval is above 15 s, empty above 30 s, and skips data when \
                 the board shows a long time"
            ),
            "`$__rate_interval` fits both".to_owned(),
        ),
        WindowReason::PanelInterval => (
            "`$__interval` can be shorter than the time between two samples: the rate is empty then"
                .to_owned(),
            "`$__rate_interval` is at least four scrapes long".to_owned(),
        ),
    }
}

fn bucket_bound(metric: &str, threshold: f64, below: Option<f64>, above: Option<f64>) -> (String, String) {
    let threshold = number(threshold);
    match (below, above) {
        (Some(below), Some(above)) => (
            format!(
                "no bucket of `{metric}` ends at {threshold}: between {} and {} the quantile is a guess",
                number(below),
                number(above)
            ),
            format!(
                "give the histogram a bucket that ends at {threshold}, or compare with a bound that it has"
            ),
        ),
        (Some(below), None) => (
            format!(
                "the highest bucket of `{metric}` ends at {}: the quantile never exceeds that, so {threshold} is never \
                 reached",
                number(below)
            ),
            format!("give the histogram buckets above {threshold}"),
        ),
        (None, above) => (
            format!(
                "the lowest bucket of `{metric}` ends at {}: below it the quantile is a guess",
                number(above.unwrap_or_default())
            ),
            format!("give the histogram a bucket that ends at {threshold}"),
        ),
    }
}
