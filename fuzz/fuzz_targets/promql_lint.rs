//! The linter: every fault lies in the expression, and what is offered parses and is free of the fault.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lingshao_model::TimeDelta;
use lingshao_promql::lint::{self, Alert, At, Context, Panel, PanelKind, Place, Routed, Windows};
use lingshao_promql::{Expr, ParseOptions, parse_with};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // The first line is the expression, what follows is the alert's text.
    let (query, said) = text.split_once('\n').unwrap_or((text, "错误率超过 5%"));
    let Ok(expr) = parse_with(query, ParseOptions::all()) else { return };
    let annotations = [("description".to_owned(), said.to_owned())];
    let labels = [("severity".to_owned(), said.chars().take(9).collect())];
    let alert = Alert {
        name: "A",
        hold: TimeDelta(0),
        labels: &labels,
        annotations: &annotations,
        routed: Routed::Unknown,
    };
    let windows =
        Windows { rate_interval: TimeDelta(300_001), interval: TimeDelta(60_003), range: TimeDelta(3_600_002) };
    let panel = |kind| Panel { title: said, kind, legend: None, shows_all_values: false, windows };
    let places = [
        Place::Query,
        Place::Recording,
        Place::Alert(alert),
        Place::Panel(panel(PanelKind::Graph)),
        Place::Panel(panel(PanelKind::Single)),
    ];
    for place in places {
        check(query, &expr, said, &Context { place, ..Context::default() });
    }
});

fn check(query: &str, expr: &Expr, said: &str, context: &Context<'_>) {
    for finding in lint::check(expr, context) {
        match &finding.at {
            At::Expr(span) => assert!(query.get(span.start..span.end).is_some_and(|part| !part.is_empty())),
            At::Annotation { span, .. } => assert!(said.get(span.start..span.end).is_some()),
            At::Label { .. } | At::Rule => {}
        }
        let Some(suggestion) = finding.suggestion else { continue };
        let again = parse_with(&suggestion, ParseOptions::all()).expect("a correction parses");
        let lint = finding.fault.lint();
        let still = lint::check(&again, context);
        assert!(!still.iter().any(|one| one.fault.lint() == lint), "{lint:?} again in {suggestion}");
    }
}
