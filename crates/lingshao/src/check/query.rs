//! An expression alone.

use std::path::Path;

use lingshao_promql::lint::{self, At, Context};
use lingshao_promql::{Span, parse};
use lingshao_wire::json::Node;
use lingshao_wire::yaml::{Position, Severity};

use super::words::{self, Say};
use super::{Finding, Scope};

/// The expression, if the text is `{"expr": "…"}`.
pub(super) fn sent(text: &str) -> Option<String> {
    if !text.trim_start().starts_with('{') {
        return None;
    }
    Some(Node::parse(text).ok()?.get("expr")?.text()?.to_owned())
}

/// Places are those in the expression.
pub(super) fn check(text: &str, scope: &Scope<'_>) -> Vec<Finding> {
    let position = |span: Span| {
        let (line, _) = span.line_column(text);
        let before = text.get(..span.start).unwrap_or(text);
        let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
        Position { line, column }
    };
    let expr = match parse(text) {
        Ok(expr) => expr,
        Err(error) => {
            let message = words::say(Say::CannotParse(&error.to_string()));
            let finding = Finding::plain(Path::new(""), position(error.span), Severity::Error, message);
            let span = Some((error.span.start, error.span.end));
            return vec![Finding { expr: Some(text.to_owned()), span, ..finding }];
        }
    };
    let scrape = scope.surroundings.and_then(|own| own.scrape.as_ref());
    let context = Context { scrape, live: scope.live, ..Context::default() };
    let found = lint::check(&expr, &context);
    let place = |at: &At| match at {
        At::Expr(span) => position(*span),
        _ => Position::START,
    };
    found.iter().map(|one| Finding::of_fault(Path::new(""), place(&one.at), "", text, one)).collect()
}
