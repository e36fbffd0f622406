//! Boards: every expression of every panel, its variables filled in and put back.

use std::path::Path;

use lingshao_promql::lint::{self, At, Context, Fault, Lint, Place, Windows};
use lingshao_promql::{Expr, Span, parse};
use lingshao_wire::grafana::{Board, Datasource, Filled, INTERVAL, Panel, RANGE, RATE_INTERVAL, Target};
use lingshao_wire::yaml::Severity;

use super::words::{self, Say};
use super::{FINDINGS_MAX, Finding, Scope, Words, out_of_time};

const WINDOWS: Windows = Windows { rate_interval: RATE_INTERVAL, interval: INTERVAL, range: RANGE };

/// All findings, in no particular order.
pub(super) fn check(text: &str, path: &Path, scope: &Scope<'_>) -> Vec<Finding> {
    let board = match Board::read(text) {
        Ok(board) => board,
        Err(error) => {
            let (message, remedy) = words::of_board(&error.problem);
            let finding = Finding::plain(path, error.at, Severity::Error, message);
            return vec![Finding { remedy: Some(remedy), ..finding }];
        }
    };
    let mut findings = Vec::new();
    for panel in board.all_panels() {
        if scope.is_over() {
            findings.push(out_of_time(path, panel.at));
            break;
        }
        for target in panel.targets.iter().filter(|target| asks_metrics(panel, target)) {
            findings.append(&mut check_target(panel, target, text, path, scope));
        }
        if findings.len() > FINDINGS_MAX {
            break;
        }
    }
    findings
}

/// Not what asks a store of logs or traces.
fn asks_metrics(panel: &Panel, target: &Target) -> bool {
    let is_metrics = |source: &Datasource| match (&source.kind, &source.name) {
        (Some(kind), _) => kind.contains("prometheus") || kind.starts_with('$'),
        (None, Some(name)) => {
            let name = name.to_lowercase();
            !["loki", "elastic", "tempo", "jaeger", "influx", "graphite", "mysql", "postgres", "clickhouse"]
                .iter()
                .any(|other| name.contains(other))
        }
        (None, None) => true,
    };
    !target.expr.trim().is_empty()
        && target.datasource.as_ref().or(panel.datasource.as_ref()).is_none_or(is_metrics)
}

fn check_target(panel: &Panel, target: &Target, text: &str, path: &Path, scope: &Scope<'_>) -> Vec<Finding> {
    let subject = subject(panel);
    let tries = Filled::of(&target.expr);
    let parsed = tries.iter().filter_map(|filled| Some((filled, parse(&filled.text).ok()?)));
    let parsed: Vec<(&Filled, Expr)> = parsed.collect();
    let Some((filled, expr)) = parsed.first() else {
        return cannot_parse(&subject, target, &tries, text, path);
    };
    let surroundings = scope.surroundings;
    let context = Context {
        place: Place::Panel(lint::Panel {
            title: &panel.title,
            kind: kind(panel, target),
            legend: target.legend.as_deref(),
            shows_all_values: panel.shows_all_values,
            windows: WINDOWS,
        }),
        neighbours: &[],
        scrape: surroundings.and_then(|own| own.scrape.as_ref()),
        live: scope.live,
    };
    let place = |found: &mut lint::Finding| {
        let At::Expr(span) = &mut found.at else { return panel.at };
        *span = original(filled, *span);
        target.position_within(text, span.start)
    };
    // Where a variable may be a metric or a number, only what is wrong in either case is said.
    let otherwise: Vec<Vec<Lint>> = parsed[1..]
        .iter()
        .map(|(_, other)| lint::check(other, &context).iter().map(|found| found.fault.lint()).collect())
        .collect();
    let mut findings = Vec::new();
    for mut found in lint::check(expr, &context) {
        if otherwise.iter().any(|lints| !lints.contains(&found.fault.lint())) {
            continue;
        }
        if matches!(&found.fault, Fault::UnknownMetric { metric, .. } if filled.is_variable(metric)) {
            continue;
        }
        found.suggestion = found.suggestion.and_then(|printed| filled.restored(&printed));
        let at = place(&mut found);
        let finding = Finding::of_fault(path, at, &subject, &target.expr, &found);
        let shown = |words: Words| Words { zh: filled.shown(&words.zh), en: filled.shown(&words.en) };
        let (message, remedy) = (shown(finding.message), finding.remedy.map(shown));
        findings.push(Finding { message, remedy, ..finding });
    }
    findings
}

fn original(filled: &Filled, span: Span) -> Span {
    Span { start: filled.original(span.start), end: filled.original_end(span.end) }
}

/// An error, unless a variable stands where only its value can tell what it is.
fn cannot_parse(subject: &str, target: &Target, tries: &[Filled], text: &str, path: &Path) -> Vec<Finding> {
    let Some(filled) = tries.first().filter(|filled| !filled.is_guess) else { return Vec::new() };
    let Err(error) = parse(&filled.text) else { return Vec::new() };
    let span = original(filled, error.span);
    // Without the parser's own line and column, which are those of the filled text.
    let message = words::say(Say::CannotParse(&filled.shown(&error.message)));
    let at = target.position_within(text, span.start);
    let finding = Finding::plain(path, at, Severity::Error, message);
    vec![Finding {
        subject: Some(subject.to_owned()).filter(|subject| !subject.is_empty()),
        expr: Some(target.expr.clone()),
        span: Some((span.start, span.end)),
        ..finding
    }]
}

/// The title, or the number where there is none.
fn subject(panel: &Panel) -> String {
    match (panel.title.trim(), panel.id) {
        ("", Some(id)) => format!("#{id}"),
        (title, _) => title.to_owned(),
    }
}

/// What a panel makes of its series. A table shows them all, and so do kinds that we do not know.
fn kind(panel: &Panel, target: &Target) -> lint::PanelKind {
    match panel.kind.as_str() {
        "graph" | "timeseries" if !target.instant => lint::PanelKind::Graph,
        // Panels that repeat values on purpose have a legend, a matcher or `reduceOptions.values`.
        "stat" | "singlestat" | "gauge" => lint::PanelKind::Single,
        _ => lint::PanelKind::Many,
    }
}
