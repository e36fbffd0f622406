//! Tokens to the typed tree: a Pratt parser with Prometheus' precedence, error texts and positions.
//!
//! Prometheus' grammar is yacc's: where its error rules name a context ("in aggregation"), it is the innermost
//! enclosing one; the functions here name the same.

use std::fmt;

use lingshao_model::Matcher;

use crate::ast::{
    Aggregate, AggregateOp, Binary, BinaryOp, Call, Cardinality, DEPTH_MAX, Expr, NumberLiteral, Paren, Span,
    StringLiteral, Unary, VectorMatching,
};
use crate::catalog::Function;
use crate::check;
use crate::lexer::{self, Keyword, Kind, Token};
use crate::quote::go_quote;

mod duration;
mod number;
mod selector;

/// Longest query. The longest on public boards have some 10 kB; tokens of one this long take 10 MB.
pub const QUERY_BYTES_MAX: usize = 256 * 1024;
/// Most regular expressions that have to be compiled (`a|b|c` and `a.*` have not): each takes up to some megabytes,
/// and a query of 256 KiB could hold thousands. The largest panels we know have some twenty.
pub const PATTERNS_MAX: usize = 100;

/// What a query may use, as Prometheus' feature flags divide it. The default is a Prometheus without flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseOptions {
    /// `promql-experimental-functions`: see [`Function::experimental`], and `limitk`, `limit_ratio`.
    pub experimental_functions: bool,
    /// `promql-duration-expr`, on by default since 3.14: arithmetic in durations.
    pub duration_expressions: bool,
    /// `promql-extended-range-selectors`: `anchored` and `smoothed`.
    pub extended_range_selectors: bool,
    /// `promql-binop-fill-modifiers`: `fill`, `fill_left`, `fill_right`.
    pub fill_modifiers: bool,
}

impl Default for ParseOptions {
    fn default() -> ParseOptions {
        ParseOptions {
            experimental_functions: false,
            duration_expressions: true,
            extended_range_selectors: false,
            fill_modifiers: false,
        }
    }
}

impl ParseOptions {
    /// Everything on.
    pub const fn all() -> ParseOptions {
        ParseOptions {
            experimental_functions: true,
            duration_expressions: true,
            extended_range_selectors: true,
            fill_modifiers: true,
        }
    }
}

/// Why a text is not an expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ParseError {
    /// As Prometheus words it.
    pub message: String,
    /// What part of the query.
    pub span: Span,
    /// Line and column of its start, from one; columns count bytes.
    pub position: (usize, usize),
}

/// `1:7: parse error: …`
impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.position;
        write!(f, "{line}:{column}: parse error: {}", self.message)
    }
}

/// What is wrong where; gets its line and column at the door.
pub(crate) struct Problem {
    pub(crate) message: String,
    pub(crate) span: Span,
}

pub(crate) fn problem<T>(span: Span, message: impl Into<String>) -> Result<T, Problem> {
    Err(Problem { message: message.into(), span })
}

/// Reads an expression as a Prometheus without feature flags does.
pub fn parse(query: &str) -> Result<Expr, ParseError> {
    parse_with(query, ParseOptions::default())
}

/// Reads an expression.
pub fn parse_with(query: &str, options: ParseOptions) -> Result<Expr, ParseError> {
    run(query, options, |parser| {
        if matches!(parser.peek(), Kind::End) {
            return problem(Span::default(), "no expression found in input");
        }
        let mut expr = parser.expression(0)?.expr;
        parser.expect_end()?;
        check::check(query, &mut expr)?;
        Ok(expr)
    })
}

/// Reads a series selector as the `match[]` parameter of the HTTP API takes it: no modifiers. All its matchers
/// may accept the empty text; who asks decides whether that is allowed.
pub fn parse_selector(query: &str) -> Result<Vec<Matcher>, ParseError> {
    run(query, ParseOptions::default(), |parser| {
        if !selector::starts_selector(parser.peek()) {
            return parser.unexpected("", "");
        }
        let selector = parser.vector_selector()?;
        parser.expect_end()?;
        Ok(selector.matchers)
    })
}

fn run<T>(
    query: &str,
    options: ParseOptions,
    read: impl FnOnce(&mut Parser<'_>) -> Result<T, Problem>,
) -> Result<T, ParseError> {
    let result = if query.len() > QUERY_BYTES_MAX {
        problem(Span::default(), format!("query is longer than {QUERY_BYTES_MAX} bytes"))
    } else {
        let tokens = lexer::tokens(query);
        read(&mut Parser { query, tokens, at: 0, options, nesting: 0, aggregations: 0, patterns: 0 })
    };
    result.map_err(|Problem { message, span }| ParseError {
        message,
        span,
        position: span.line_column(query),
    })
}

struct Parser<'a> {
    query: &'a str,
    /// Ends with the end of the input or an error.
    tokens: Vec<Token>,
    at: usize,
    options: ParseOptions,
    nesting: usize,
    /// How many aggregations enclose the current token.
    aggregations: usize,
    /// Regular expressions compiled so far.
    patterns: usize,
}

/// An expression and the height of its tree.
struct Node {
    expr: Expr,
    depth: usize,
}

impl Node {
    fn leaf(expr: Expr) -> Node {
        Node { expr, depth: 1 }
    }
}

/// What stands between an operator and its right operand.
struct Modifiers {
    return_bool: bool,
    matching: VectorMatching,
}

/// Binds tighter than every operator but itself; a sign takes only this to its right.
const POWER: u8 = 6;

fn precedence(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Or => 1,
        BinaryOp::And | BinaryOp::Unless => 2,
        BinaryOp::Add | BinaryOp::Sub => 4,
        BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod | BinaryOp::Atan2 => 5,
        BinaryOp::Pow => POWER,
        _ => 3, // comparisons and trims
    }
}

/// What the right operand of `op` must bind at least as tightly as; `^` is right-associative.
fn right_precedence(op: BinaryOp) -> u8 {
    precedence(op) + u8::from(op != BinaryOp::Pow)
}

fn starts_expression(kind: &Kind) -> bool {
    match kind {
        Kind::LeftParen | Kind::Number | Kind::Duration | Kind::String => true,
        Kind::Operator(BinaryOp::Add | BinaryOp::Sub) => true,
        kind => selector::starts_selector(kind),
    }
}

impl Parser<'_> {
    fn peek(&self) -> &Kind {
        &self.tokens[self.at].kind
    }

    fn peek_second(&self) -> &Kind {
        &self.tokens[(self.at + 1).min(self.tokens.len() - 1)].kind
    }

    fn span(&self) -> Span {
        self.tokens[self.at].span
    }

    fn text(&self, span: Span) -> &str {
        &self.query[span.start..span.end]
    }

    /// Goes past a token; the last one stays.
    fn advance(&mut self) -> Span {
        let span = self.span();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        span
    }

    fn accept(&mut self, kind: &Kind) -> Option<Span> {
        (self.peek() == kind).then(|| self.advance())
    }

    fn accept_keyword(&mut self, keyword: Keyword) -> bool {
        self.accept(&Kind::Keyword(keyword)).is_some()
    }

    /// The error for the current token; a lexer's error speaks for itself.
    fn unexpected<T>(&self, context: &str, expected: &str) -> Result<T, Problem> {
        let token = &self.tokens[self.at];
        if let Kind::Error(message) = &token.kind {
            return problem(token.span, message.clone());
        }
        let mut message = format!("unexpected {}", token.describe(self.query));
        let context = if context.is_empty() && self.aggregations > 0 { "aggregation" } else { context };
        if !context.is_empty() {
            message += &format!(" in {context}");
        }
        if !expected.is_empty() {
            message += &format!(", expected {expected}");
        }
        problem(token.span, message)
    }

    fn expect(&mut self, kind: &Kind) -> Result<Span, Problem> {
        match self.accept(kind) {
            Some(span) => Ok(span),
            None => self.unexpected("", ""),
        }
    }

    fn expect_end(&self) -> Result<(), Problem> {
        if *self.peek() == Kind::End { Ok(()) } else { self.unexpected("", "") }
    }

    fn checked_depth(&self, depth: usize) -> Result<usize, Problem> {
        if depth > DEPTH_MAX {
            return problem(self.span(), format!("expression is nested deeper than {DEPTH_MAX} levels"));
        }
        Ok(depth)
    }

    /// Operands joined by operators that bind at least as tightly as `precedence_min`.
    fn expression(&mut self, precedence_min: u8) -> Result<Node, Problem> {
        self.nesting = self.checked_depth(self.nesting + 1)?;
        let mut left = self.operand()?;
        while let Kind::Operator(op) = *self.peek() {
            if precedence(op) < precedence_min {
                break;
            }
            self.advance();
            let modifiers = self.modifiers()?;
            let right = self.expression(right_precedence(op))?;
            left = self.binary(left, op, modifiers, right)?;
        }
        self.nesting -= 1;
        Ok(left)
    }

    fn binary(&self, lhs: Node, op: BinaryOp, modifiers: Modifiers, rhs: Node) -> Result<Node, Problem> {
        let span = lhs.expr.span().to(rhs.expr.span());
        let Modifiers { return_bool, matching } = modifiers;
        if !self.options.fill_modifiers && (matching.fill_left.is_some() || matching.fill_right.is_some()) {
            return problem(span, "binop fill modifiers are experimental and not enabled");
        }
        let depth = self.checked_depth(lhs.depth.max(rhs.depth) + 1)?;
        let matching = Some(matching);
        let binary = Binary { op, lhs: lhs.expr, rhs: rhs.expr, return_bool, matching, span };
        Ok(Node { expr: Expr::Binary(Box::new(binary)), depth })
    }

    fn modifiers(&mut self) -> Result<Modifiers, Problem> {
        let return_bool = self.accept_keyword(Keyword::Bool);
        let mut matching = VectorMatching {
            cardinality: Cardinality::OneToOne,
            on: false,
            labels: Vec::new(),
            include: Vec::new(),
            fill_left: None,
            fill_right: None,
        };
        if let Kind::Keyword(keyword @ (Keyword::On | Keyword::Ignoring)) = *self.peek() {
            self.advance();
            matching.on = keyword == Keyword::On;
            matching.labels = self.grouping_labels()?;
            if let Kind::Keyword(keyword @ (Keyword::GroupLeft | Keyword::GroupRight)) = *self.peek() {
                self.advance();
                matching.cardinality = match keyword {
                    Keyword::GroupLeft => Cardinality::ManyToOne,
                    _ => Cardinality::OneToMany,
                };
                if !self.follows_group_modifier() {
                    matching.include = self.grouping_labels()?;
                }
            }
        }
        self.fill_modifiers(&mut matching)?;
        Ok(Modifiers { return_bool, matching })
    }

    /// Whether the right operand or a fill modifier comes next, rather than labels in parentheses.
    fn follows_group_modifier(&self) -> bool {
        match self.peek() {
            Kind::LeftParen => false,
            Kind::Keyword(Keyword::Fill | Keyword::FillLeft | Keyword::FillRight) => true,
            kind => starts_expression(kind),
        }
    }

    fn fill_modifiers(&mut self, matching: &mut VectorMatching) -> Result<(), Problem> {
        if self.accept_keyword(Keyword::Fill) {
            let value = self.fill_value()?;
            (matching.fill_left, matching.fill_right) = (Some(value), Some(value));
            return Ok(());
        }
        loop {
            if matching.fill_left.is_none() && self.accept_keyword(Keyword::FillLeft) {
                matching.fill_left = Some(self.fill_value()?);
            } else if matching.fill_right.is_none() && self.accept_keyword(Keyword::FillRight) {
                matching.fill_right = Some(self.fill_value()?);
            } else {
                return Ok(());
            }
        }
    }

    fn fill_value(&mut self) -> Result<f64, Problem> {
        self.expect(&Kind::LeftParen)?;
        let value = self.signed_number("", "")?;
        self.expect(&Kind::RightParen)?;
        Ok(value)
    }

    /// A sign with its operand, or an operand with what follows it.
    fn operand(&mut self) -> Result<Node, Problem> {
        let negative = match self.peek() {
            Kind::Operator(BinaryOp::Sub) => true,
            Kind::Operator(BinaryOp::Add) => false,
            _ => {
                let node = self.primary()?;
                return self.postfix(node);
            }
        };
        let sign = self.advance();
        let operand = self.expression(POWER)?;
        let span = sign.to(operand.expr.span());
        if let Expr::Number(mut literal) = operand.expr {
            literal.value = if negative { -literal.value } else { literal.value };
            literal.span = span;
            return Ok(Node::leaf(Expr::Number(literal)));
        }
        let depth = self.checked_depth(operand.depth + 1)?;
        Ok(Node { expr: Expr::Unary(Box::new(Unary { negative, expr: operand.expr, span })), depth })
    }

    fn primary(&mut self) -> Result<Node, Problem> {
        match self.peek() {
            Kind::LeftParen => self.paren(),
            Kind::Number | Kind::Duration => Ok(Node::leaf(Expr::Number(self.number_literal()?))),
            Kind::String => Ok(Node::leaf(Expr::String(self.string_literal()))),
            Kind::Aggregator(op)
                if matches!(
                    self.peek_second(),
                    Kind::LeftParen | Kind::Keyword(Keyword::By | Keyword::Without)
                ) =>
            {
                let op = *op;
                self.aggregate(op)
            }
            Kind::Identifier
            | Kind::Keyword(Keyword::Start | Keyword::End | Keyword::Step | Keyword::Range)
                if *self.peek_second() == Kind::LeftParen =>
            {
                self.call()
            }
            kind if selector::starts_selector(kind) => {
                Ok(Node::leaf(Expr::Vector(Box::new(self.vector_selector()?))))
            }
            _ => self.unexpected("", ""),
        }
    }

    fn paren(&mut self) -> Result<Node, Problem> {
        let open = self.advance();
        let inner = self.expression(0)?;
        let span = open.to(self.expect(&Kind::RightParen)?);
        let depth = self.checked_depth(inner.depth + 1)?;
        Ok(Node { expr: Expr::Paren(Box::new(Paren { expr: inner.expr, span })), depth })
    }

    fn string_literal(&mut self) -> StringLiteral {
        let span = self.advance();
        let lexer::Unquoted { text, invalid_utf8 } = lexer::unquote(self.text(span));
        StringLiteral { value: text, invalid_utf8, span }
    }

    fn number_literal(&mut self) -> Result<NumberLiteral, Problem> {
        let is_duration = *self.peek() == Kind::Duration;
        let span = self.advance();
        let value = match is_duration {
            true => number::duration_seconds(self.text(span)),
            false => number::number(self.text(span)),
        };
        match value {
            Ok(value) => Ok(NumberLiteral { value, is_duration, span }),
            Err(message) => problem(span, message),
        }
    }

    /// `5`, `-5m`; the context is for the error.
    fn signed_number(&mut self, context: &str, expected: &str) -> Result<f64, Problem> {
        let negative = match self.peek() {
            Kind::Operator(BinaryOp::Sub) => true,
            Kind::Operator(BinaryOp::Add) => false,
            Kind::Number | Kind::Duration => return Ok(self.number_literal()?.value),
            _ => return self.unexpected(context, expected),
        };
        self.advance();
        match self.peek() {
            Kind::Number | Kind::Duration => {
                let value = self.number_literal()?.value;
                Ok(if negative { -value } else { value })
            }
            _ => self.unexpected(context, expected),
        }
    }

    fn aggregate(&mut self, op: AggregateOp) -> Result<Node, Problem> {
        let start = self.advance();
        self.aggregations += 1;
        let mut modifier = self.aggregate_modifier()?;
        let (mut args, mut end) = self.arguments()?;
        self.aggregations -= 1;
        if modifier.is_none() {
            if matches!(self.peek(), Kind::Error(_)) {
                return self.unexpected("", ""); // Prometheus has read on before it counts arguments
            }
            modifier = self.aggregate_modifier()?;
            end = if modifier.is_some() { self.tokens[self.at - 1].span } else { end };
        }
        let span = start.to(end);
        if args.is_empty() {
            return problem(span, "no arguments for aggregate expression provided");
        }
        if op.is_experimental() && !self.options.experimental_functions {
            let message =
                "() is experimental and must be enabled with --enable-feature=promql-experimental-functions";
            return problem(span, format!("{}{message}", op.as_str()));
        }
        let wanted = 1 + usize::from(op.param_type().is_some());
        if args.len() != wanted {
            let got = args.len();
            return problem(
                span,
                format!(
                    "wrong number of arguments for aggregate expression provided, expected {wanted}, got {got}"
                ),
            );
        }
        let depth = self.checked_depth(args.iter().map(|arg| arg.depth).max().unwrap_or(0) + 1)?;
        let param = (wanted == 2).then(|| args.remove(0).expr);
        let Some(expr) = args.pop().map(|arg| arg.expr) else { return self.unexpected("aggregation", "") };
        let (without, grouping) = modifier.unwrap_or_default();
        let aggregate = Aggregate { op, expr, param, without, grouping, span };
        Ok(Node { expr: Expr::Aggregate(Box::new(aggregate)), depth })
    }

    /// `by (…)` or `without (…)`; the flag says `without`.
    fn aggregate_modifier(&mut self) -> Result<Option<(bool, Vec<String>)>, Problem> {
        let without = match self.peek() {
            Kind::Keyword(Keyword::By) => false,
            Kind::Keyword(Keyword::Without) => true,
            _ => return Ok(None),
        };
        self.advance();
        Ok(Some((without, self.grouping_labels()?)))
    }

    fn call(&mut self) -> Result<Node, Problem> {
        let is_keyword = *self.peek() != Kind::Identifier;
        let name_span = self.advance();
        let (args, end) = self.arguments()?;
        let mut name = self.text(name_span).to_owned();
        if is_keyword {
            name.make_ascii_lowercase();
        }
        let Some(function) = Function::find(&name) else {
            return problem(name_span, format!("unknown function with name {}", go_quote(&name)));
        };
        if function.experimental && !self.options.experimental_functions {
            return problem(name_span, format!("function {} is not enabled", go_quote(&name)));
        }
        let depth = self.checked_depth(args.iter().map(|arg| arg.depth).max().unwrap_or(0) + 1)?;
        let args = args.into_iter().map(|arg| arg.expr).collect();
        Ok(Node { expr: Expr::Call(Call { function, args, span: name_span.to(end) }), depth })
    }

    /// Expressions in parentheses, and the closing one.
    fn arguments(&mut self) -> Result<(Vec<Node>, Span), Problem> {
        self.expect(&Kind::LeftParen)?;
        let mut args = Vec::new();
        if let Some(end) = self.accept(&Kind::RightParen) {
            return Ok((args, end));
        }
        loop {
            args.push(self.expression(0)?);
            if let Some(end) = self.accept(&Kind::RightParen) {
                return Ok((args, end));
            }
            let comma = self.expect(&Kind::Comma)?;
            if !starts_expression(self.peek()) && !matches!(self.peek(), Kind::Error(_)) {
                return problem(comma, "trailing commas not allowed in function call args");
            }
        }
    }

    /// `(a, b, "c.d")`
    fn grouping_labels(&mut self) -> Result<Vec<String>, Problem> {
        const CONTEXT: &str = "grouping opts";
        if self.accept(&Kind::LeftParen).is_none() {
            return self.unexpected(CONTEXT, "\"(\"");
        }
        let mut labels = Vec::new();
        while self.accept(&Kind::RightParen).is_none() {
            labels.push(self.grouping_label()?);
            if self.accept(&Kind::Comma).is_none() && *self.peek() != Kind::RightParen {
                return self.unexpected(CONTEXT, "\",\" or \")\"");
            }
        }
        Ok(labels)
    }

    fn grouping_label(&mut self) -> Result<String, Problem> {
        use BinaryOp::{And, Atan2, Or, Unless};
        let label = match self.peek() {
            Kind::Identifier | Kind::MetricIdentifier | Kind::Aggregator(_) | Kind::Keyword(_) => None,
            Kind::Operator(And | Or | Unless | Atan2) => None,
            Kind::String => Some(lexer::unquote(self.text(self.span()))),
            _ => return self.unexpected("grouping opts", "label"),
        };
        let span = self.advance();
        match label {
            None => Ok(self.text(span).to_owned()),
            Some(label) if label.text.is_empty() || label.invalid_utf8.is_some() => {
                let bytes = label.invalid_utf8.unwrap_or_default();
                let quoted = crate::quote::go_quote_bytes(&bytes);
                problem(span, format!("invalid label name for grouping: {quoted}"))
            }
            Some(label) => Ok(label.text),
        }
    }
}
