//! Series selectors and what may follow an operand: `[…]`, `offset`, `@`, `anchored`, `smoothed`.

use lingshao_model::{METRIC_NAME, MatchOp, Matcher, Timestamp};

use super::duration::OFFSET;
use super::{Node, PATTERNS_MAX, Parser, Problem, problem};
use crate::ast::{
    At, BinaryOp, DurationExpr, DurationKind, Expr, Extension, MatrixSelector, Span, Subquery, VectorSelector,
};
use crate::lexer::{self, Keyword, Kind};

/// Whether a token can be a metric's name or the brace of a selector.
pub(super) fn starts_selector(kind: &Kind) -> bool {
    use Keyword::{Anchored, By, End, Offset, Range, Smoothed, Start, Step, Without};
    match kind {
        Kind::LeftBrace | Kind::Identifier | Kind::MetricIdentifier | Kind::Aggregator(_) => true,
        Kind::Operator(op) => op.is_set(),
        Kind::Keyword(keyword) => {
            matches!(keyword, Anchored | By | End | Offset | Range | Smoothed | Start | Step | Without)
        }
        _ => false,
    }
}

/// Where a selector or subquery keeps its modifiers.
struct Slots<'a> {
    offset: &'a mut Option<DurationExpr>,
    at: &'a mut Option<At>,
    extension: Option<&'a mut Extension>,
}

impl Parser<'_> {
    pub(super) fn vector_selector(&mut self) -> Result<VectorSelector, Problem> {
        let start = self.span();
        let mut span = start;
        let name = (*self.peek() != Kind::LeftBrace).then(|| {
            span = self.advance();
            self.text(span).to_owned()
        });
        let mut matchers = Vec::new();
        if self.accept(&Kind::LeftBrace).is_some() {
            span = start.to(self.label_matchers(&mut matchers)?);
        }
        matchers.extend(name.as_deref().map(|name| Matcher::equal(METRIC_NAME, name)));
        Ok(VectorSelector {
            name,
            matchers,
            offset: None,
            at: None,
            extension: Extension::None,
            is_info_filter: false,
            span,
        })
    }

    /// What follows an opening brace, to the closing one, whose place it answers.
    fn label_matchers(&mut self, matchers: &mut Vec<Matcher>) -> Result<Span, Problem> {
        loop {
            if let Some(end) = self.accept(&Kind::RightBrace) {
                return Ok(end);
            }
            matchers.push(self.label_matcher()?);
            if self.accept(&Kind::Comma).is_none() && *self.peek() != Kind::RightBrace {
                return self.unexpected("label matching", "\",\" or \"}\"");
            }
        }
    }

    fn label_matcher(&mut self) -> Result<Matcher, Problem> {
        let is_quoted = match self.peek() {
            Kind::Identifier => false,
            Kind::String => true,
            _ => return self.unexpected("label matching", "identifier or \"}\""),
        };
        let name_span = self.advance();
        let name = match is_quoted {
            true => lexer::unquote(self.text(name_span)).text,
            false => self.text(name_span).to_owned(),
        };
        let op = match self.peek() {
            Kind::Assign => MatchOp::Equal,
            Kind::Operator(BinaryOp::NotEqual) => MatchOp::NotEqual,
            Kind::MatchRegex => MatchOp::Regex,
            Kind::MatchNotRegex => MatchOp::NotRegex,
            _ if is_quoted => return Ok(Matcher::equal(METRIC_NAME, &name)),
            _ => return self.unexpected("label matching", "label matching operator"),
        };
        self.advance();
        if *self.peek() != Kind::String {
            return self.unexpected("label matching", "string");
        }
        let value_span = self.advance();
        let value = lexer::unquote(self.text(value_span)).text;
        let span = name_span.to(value_span);
        let matcher = Matcher::new(op, &name, &value).or_else(|error| problem(span, error.to_string()))?;
        self.patterns += usize::from(matcher.is_pattern());
        if PATTERNS_MAX < self.patterns {
            return problem(span, format!("more than {PATTERNS_MAX} regular expressions in one query"));
        }
        Ok(matcher)
    }

    /// An operand with all that follows it.
    pub(super) fn postfix(&mut self, mut node: Node) -> Result<Node, Problem> {
        loop {
            match self.peek() {
                Kind::LeftBracket => node = self.bracket(node)?,
                Kind::Keyword(Keyword::Offset) => self.offset(&mut node.expr)?,
                Kind::At => self.at_modifier(&mut node.expr)?,
                Kind::Keyword(Keyword::Anchored) => self.extension(&mut node.expr, Extension::Anchored)?,
                Kind::Keyword(Keyword::Smoothed) => self.extension(&mut node.expr, Extension::Smoothed)?,
                _ => return Ok(node),
            }
        }
    }

    /// `[range]` or `[range:step]`
    fn bracket(&mut self, node: Node) -> Result<Node, Problem> {
        let open = self.advance();
        let expected = "number, duration, step(), or range()";
        let range = self.positive_duration(("subquery or range selector", expected))?;
        if let Some(close) = self.accept(&Kind::RightBracket) {
            return matrix_selector(node, range, open.to(close));
        }
        if self.accept(&Kind::Colon).is_none() {
            return self.unexpected("subquery or range", "\":\" or \"]\"");
        }
        let mut step = None;
        if *self.peek() != Kind::RightBracket {
            let expected = "number, duration, step(), range(), or \"]\"";
            step = Some(self.positive_duration(("subquery selector", expected))?);
        }
        let Some(close) = self.accept(&Kind::RightBracket) else {
            return self.unexpected("subquery selector", "\"]\"");
        };
        let depth = self.checked_depth(node.depth + 1)?;
        let span = node.expr.span().to(close);
        let subquery = Subquery { expr: node.expr, range, step, offset: None, at: None, span };
        Ok(Node { expr: Expr::Subquery(Box::new(subquery)), depth })
    }

    fn offset(&mut self, expr: &mut Expr) -> Result<(), Problem> {
        self.advance();
        let offset = self.offset_duration(OFFSET)?;
        let span = expr.span();
        let Some(slots) = slots(expr) else {
            return problem(
                span,
                "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
            );
        };
        if slots.offset.is_some() {
            return problem(span, "offset may not be set multiple times");
        }
        let end = offset.span;
        let is_zero = matches!(&offset.kind, DurationKind::Literal(literal) if literal.value == 0.0);
        *slots.offset = (!is_zero).then_some(offset);
        stretch(expr, end);
        Ok(())
    }

    fn at_modifier(&mut self, expr: &mut Expr) -> Result<(), Problem> {
        self.advance();
        let (at, end) = self.at_instant(expr.span())?;
        let span = expr.span();
        let Some(slots) = slots(expr) else {
            return problem(
                span,
                "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery",
            );
        };
        if slots.at.is_some() {
            return problem(span, "@ <timestamp> may not be set multiple times");
        }
        *slots.at = Some(at);
        stretch(expr, end);
        Ok(())
    }

    fn at_instant(&mut self, operand: Span) -> Result<(At, Span), Problem> {
        const CONTEXT: (&str, &str) = ("@", "timestamp");
        if let Kind::Keyword(keyword @ (Keyword::Start | Keyword::End)) = *self.peek() {
            self.advance();
            if self.accept(&Kind::LeftParen).is_none() {
                return self.unexpected(CONTEXT.0, CONTEXT.1);
            }
            let Some(end) = self.accept(&Kind::RightParen) else {
                return self.unexpected(CONTEXT.0, CONTEXT.1);
            };
            return Ok((if keyword == Keyword::Start { At::Start } else { At::End }, end));
        }
        let seconds = self.signed_number(CONTEXT.0, CONTEXT.1)?;
        if !seconds.is_finite() || seconds.abs() >= i64::MAX as f64 {
            let text = go_fixed(seconds);
            return problem(operand, format!("timestamp out of bounds for @ modifier: {text}"));
        }
        // A cast saturates: what is beyond every sample stays beyond.
        let millis = (seconds * 1000.0).round() as i64;
        Ok((At::Timestamp(Timestamp(millis)), self.tokens[self.at - 1].span))
    }

    fn extension(&mut self, expr: &mut Expr, extension: Extension) -> Result<(), Problem> {
        let name = if extension == Extension::Anchored { "anchored" } else { "smoothed" };
        let span = expr.span();
        let end = self.advance();
        if !self.options.extended_range_selectors {
            return problem(span, format!("{name} modifier is experimental and not enabled"));
        }
        let is_subquery = matches!(expr, Expr::Subquery(_));
        match slots(expr).and_then(|slots| slots.extension) {
            None if is_subquery => problem(span, format!("{name} modifier is not supported for subqueries")),
            None => problem(span, format!("{name} modifier not implemented")),
            Some(slot) if *slot != Extension::None && *slot != extension => {
                problem(span, "anchored and smoothed modifiers cannot be used together")
            }
            Some(slot) => {
                *slot = extension;
                stretch(expr, end);
                Ok(())
            }
        }
    }
}

fn matrix_selector(node: Node, range: DurationExpr, brackets: Span) -> Result<Node, Problem> {
    let Expr::Vector(selector) = node.expr else {
        return problem(brackets, "ranges only allowed for vector selectors");
    };
    if selector.offset.is_some() {
        return problem(brackets, "no offset modifiers allowed before range");
    }
    if selector.at.is_some() {
        return problem(brackets, "no @ modifiers allowed before range");
    }
    let span = selector.span.to(brackets);
    Ok(Node::leaf(Expr::Matrix(Box::new(MatrixSelector { selector: *selector, range, span }))))
}

fn slots(expr: &mut Expr) -> Option<Slots<'_>> {
    match expr {
        Expr::Vector(selector) => Some(selector_slots(selector)),
        Expr::Matrix(matrix) => Some(selector_slots(&mut matrix.selector)),
        Expr::Subquery(subquery) => {
            Some(Slots { offset: &mut subquery.offset, at: &mut subquery.at, extension: None })
        }
        _ => None,
    }
}

fn selector_slots(selector: &mut VectorSelector) -> Slots<'_> {
    Slots { offset: &mut selector.offset, at: &mut selector.at, extension: Some(&mut selector.extension) }
}

/// Lets the node reach to the end of a modifier.
fn stretch(expr: &mut Expr, end: Span) {
    match expr {
        Expr::Vector(selector) => selector.span.end = end.end,
        Expr::Matrix(matrix) => matrix.span.end = end.end,
        Expr::Subquery(subquery) => subquery.span.end = end.end,
        _ => {}
    }
}

/// Go's `%f`.
fn go_fixed(value: f64) -> String {
    match value {
        _ if value.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        _ => format!("{value:.6}"),
    }
}
