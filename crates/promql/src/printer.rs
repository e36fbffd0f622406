//! Trees as text: one line in Prometheus' canonical form, or broken into lines for reading.
//!
//! What is printed reads back as the same tree, positions aside.

use std::fmt::{self, Display, Formatter, Write};

use lingshao_model::{METRIC_NAME, MatchOp, Matcher, TimeDelta, Timestamp};

use crate::ast::{
    Aggregate, At, Binary, BinaryOp, Cardinality, DurationExpr, DurationKind, Expr, Extension,
    MatrixSelector, NumberLiteral, StringLiteral, Subquery, VectorMatching, VectorSelector,
};
use crate::lexer::is_plain_label;
use crate::quote::{go_quote, go_quote_bytes};

/// Lines longer than this are broken.
const LINE_BYTES_MAX: usize = 100;
const INDENT: &str = "  ";

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Expr::Number(node) => node.fmt(f),
            Expr::String(node) => node.fmt(f),
            Expr::Vector(node) => node.fmt(f),
            Expr::Matrix(node) => node.fmt(f),
            Expr::Subquery(node) => write!(f, "{}{}", node.expr, subquery_suffix(node)),
            Expr::Call(node) => {
                write!(f, "{}(", node.function.name)?;
                write_joined(f, &node.args, ", ")?;
                f.write_char(')')
            }
            Expr::Aggregate(node) => {
                write!(f, "{}(", aggregate_head(node))?;
                if let Some(param) = &node.param {
                    write!(f, "{param}, ")?;
                }
                write!(f, "{})", node.expr)
            }
            Expr::Binary(node) if is_infinity_to_a_power(node) => {
                write!(f, "Inf {} {}", binary_middle(node), node.rhs)
            }
            Expr::Binary(node) => write!(f, "{} {} {}", node.lhs, binary_middle(node), node.rhs),
            Expr::Unary(node) => write!(f, "{}{}", sign(node.negative), node.expr),
            Expr::Paren(node) => write!(f, "({})", node.expr),
        }
    }
}

impl Display for NumberLiteral {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.is_duration.then(|| whole_millis(self.value)).flatten() {
            Some(span) => span.fmt(f),
            None => write_number(f, self.value),
        }
    }
}

impl Display for StringLiteral {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.invalid_utf8 {
            Some(bytes) => f.write_str(&go_quote_bytes(bytes)),
            None => f.write_str(&go_quote(&self.value)),
        }
    }
}

impl Display for VectorSelector {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.write_series(f)?;
        self.write_at(f)?;
        self.write_extension(f)?;
        write_offset(f, self.offset.as_ref())
    }
}

impl VectorSelector {
    /// Name and matchers, without modifiers.
    fn write_series(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = self.name.as_deref().unwrap_or_default();
        f.write_str(name)?;
        let is_own_name = |matcher: &&Matcher| {
            matcher.op() == MatchOp::Equal
                && matcher.name() == METRIC_NAME
                && !name.is_empty()
                && matcher.value() == name
        };
        let mut shown: Vec<String> =
            self.matchers.iter().filter(|matcher| !is_own_name(matcher)).map(matcher_text).collect();
        shown.sort_unstable();
        if !shown.is_empty() || name.is_empty() {
            write!(f, "{{{}}}", shown.join(","))?;
        }
        Ok(())
    }

    fn write_at(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&at_text(self.at))
    }

    fn write_extension(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self.extension {
            Extension::None => "",
            Extension::Anchored => " anchored",
            Extension::Smoothed => " smoothed",
        })
    }
}

impl Display for MatrixSelector {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.selector.write_series(f)?;
        write!(f, "[{}]", self.range)?;
        self.selector.write_extension(f)?;
        self.selector.write_at(f)?;
        write_offset(f, self.selector.offset.as_ref())
    }
}

/// A literal as a duration whether it was written as one or not; everything else as written.
impl Display for DurationExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            DurationKind::Literal(literal) => match whole_millis(literal.value) {
                Some(span) => span.fmt(f),
                None => write_number(f, literal.value),
            },
            _ => write_duration(f, self),
        }
    }
}

fn write_duration(f: &mut Formatter<'_>, duration: &DurationExpr) -> fmt::Result {
    match &duration.kind {
        DurationKind::Literal(literal) => literal.fmt(f),
        DurationKind::Step => f.write_str("step()"),
        DurationKind::Range => f.write_str("range()"),
        DurationKind::Unary { negative, operand } => {
            f.write_str(if *negative { "-" } else { "" })?;
            write_duration(f, operand)
        }
        DurationKind::Binary { op, lhs, rhs } => {
            write_duration(f, lhs)?;
            write!(f, " {} ", op.as_str())?;
            write_duration(f, rhs)
        }
        DurationKind::MinOf(a, b) => write_pair(f, "min_of", a, b),
        DurationKind::MaxOf(a, b) => write_pair(f, "max_of", a, b),
        DurationKind::Paren(inner) => {
            f.write_char('(')?;
            write_duration(f, inner)?;
            f.write_char(')')
        }
    }
}

fn write_pair(f: &mut Formatter<'_>, name: &str, a: &DurationExpr, b: &DurationExpr) -> fmt::Result {
    write!(f, "{name}(")?;
    write_duration(f, a)?;
    f.write_str(", ")?;
    write_duration(f, b)?;
    f.write_char(')')
}

fn write_offset(f: &mut Formatter<'_>, offset: Option<&DurationExpr>) -> fmt::Result {
    match offset {
        Some(offset) => write!(f, " offset {offset}"),
        None => Ok(()),
    }
}

/// The span, if a whole number of milliseconds says exactly these seconds.
fn whole_millis(seconds: f64) -> Option<TimeDelta> {
    TimeDelta::from_seconds(seconds).filter(|span| span.as_seconds() == seconds)
}

/// Go's shortest decimal form without an exponent.
fn write_number(f: &mut Formatter<'_>, value: f64) -> fmt::Result {
    match value {
        f64::INFINITY => f.write_str("+Inf"),
        f64::NEG_INFINITY => f.write_str("-Inf"),
        _ => write!(f, "{value}"),
    }
}

/// Go's `%v`: with an exponent where that is shorter to read.
fn general_number(value: f64) -> String {
    let exponent = value.abs().log10().floor();
    if value == 0.0 || !value.is_finite() || (-4.0..21.0).contains(&exponent) {
        return NumberLiteral { value, is_duration: false, span: crate::ast::Span::default() }.to_string();
    }
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, exponent)) => {
            let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
            format!("{digits}e{sign}{exponent:0>2}")
        }
        None => text,
    }
}

fn sign(negative: bool) -> char {
    if negative { '-' } else { '+' }
}

fn at_text(at: Option<At>) -> String {
    match at {
        None => String::new(),
        Some(At::Start) => " @ start()".to_owned(),
        Some(At::End) => " @ end()".to_owned(),
        Some(At::Timestamp(Timestamp(millis))) => {
            let (sign, millis) = (if millis < 0 { "-" } else { "" }, millis.unsigned_abs());
            format!(" @ {sign}{}.{:03}", millis / 1000, millis % 1000)
        }
    }
}

fn subquery_suffix(node: &Subquery) -> String {
    let step = node.step.as_ref().map(ToString::to_string).unwrap_or_default();
    let offset = node.offset.as_ref().map(|offset| format!(" offset {offset}")).unwrap_or_default();
    format!("[{}:{step}]{}{offset}", node.range, at_text(node.at))
}

fn matcher_text(matcher: &Matcher) -> String {
    format!("{}{}{}", label_text(matcher.name()), matcher.op().as_str(), go_quote(matcher.value()))
}

fn label_text(name: &str) -> String {
    if is_plain_label(name) { name.to_owned() } else { go_quote(name) }
}

fn label_list(labels: &[String]) -> String {
    let labels: Vec<String> = labels.iter().map(|label| label_text(label)).collect();
    format!("({})", labels.join(", "))
}

/// `sum by (job) `, or `sum`.
fn aggregate_head(node: &Aggregate) -> String {
    let op = node.op.as_str();
    match (node.without, node.grouping.is_empty()) {
        (true, _) => format!("{op} without {} ", label_list(&node.grouping)),
        (false, false) => format!("{op} by {} ", label_list(&node.grouping)),
        (false, true) => op.to_owned(),
    }
}

/// Here the sign of `+Inf` would be read as one of the whole power. Prometheus prints it all the same.
fn is_infinity_to_a_power(node: &Binary) -> bool {
    let is_infinity = matches!(&node.lhs, Expr::Number(literal) if literal.value == f64::INFINITY);
    node.op == BinaryOp::Pow && is_infinity
}

/// The operator with its modifiers.
fn binary_middle(node: &Binary) -> String {
    let mut text = node.op.as_str().to_owned();
    if node.return_bool {
        text += " bool";
    }
    if let Some(matching) = &node.matching {
        text += &matching_text(matching);
    }
    text
}

fn matching_text(matching: &VectorMatching) -> String {
    let mut text = String::new();
    let grouping = match matching.cardinality {
        Cardinality::ManyToOne => Some("group_left"),
        Cardinality::OneToMany => Some("group_right"),
        Cardinality::OneToOne | Cardinality::ManyToMany => None,
    };
    if matching.on || !matching.labels.is_empty() || grouping.is_some() {
        let keyword = if matching.on { "on" } else { "ignoring" };
        text += &format!(" {keyword} {}", label_list(&matching.labels));
    }
    if let Some(grouping) = grouping {
        text += &format!(" {grouping} {}", label_list(&matching.include));
    }
    match (matching.fill_left, matching.fill_right) {
        (Some(left), Some(right)) if left.to_bits() == right.to_bits() => {
            text += &format!(" fill ({})", general_number(left));
        }
        (left, right) => {
            for (name, value) in [("fill_left", left), ("fill_right", right)] {
                text +=
                    &value.map(|value| format!(" {name} ({})", general_number(value))).unwrap_or_default();
            }
        }
    }
    text
}

fn write_joined(f: &mut Formatter<'_>, args: &[Expr], separator: &str) -> fmt::Result {
    for (index, arg) in args.iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        arg.fmt(f)?;
    }
    Ok(())
}

impl Expr {
    /// The expression broken into indented lines where one would be longer than 100 bytes, as Prometheus'
    /// `/api/v1/format_query` answers it.
    pub fn prettify(&self) -> String {
        self.pretty(0)
    }

    fn pretty(&self, level: usize) -> String {
        let indent = INDENT.repeat(level);
        let line = self.to_string();
        if line.len() <= LINE_BYTES_MAX {
            return indent + &line;
        }
        match self {
            Expr::Aggregate(node) => {
                let param =
                    node.param.as_ref().map(|param| param.pretty(level + 1) + ",\n").unwrap_or_default();
                let expr = node.expr.pretty(level + 1);
                format!("{indent}{}(\n{param}{expr}\n{indent})", aggregate_head(node))
            }
            Expr::Binary(node) => {
                let lhs = match is_infinity_to_a_power(node) {
                    true => INDENT.repeat(level + 1) + "Inf",
                    false => node.lhs.pretty(level + 1),
                };
                let rhs = node.rhs.pretty(level + 1);
                format!("{lhs}\n{indent}{}\n{rhs}", binary_middle(node))
            }
            Expr::Call(node) => {
                let args: Vec<String> = node.args.iter().map(|arg| arg.pretty(level + 1)).collect();
                format!("{indent}{}(\n{}\n{indent})", node.function.name, args.join(",\n"))
            }
            Expr::Paren(node) => format!("{indent}(\n{}\n{indent})", node.expr.pretty(level + 1)),
            Expr::Unary(node) => {
                format!("{indent}{}{}", sign(node.negative), node.expr.pretty(level).trim_start())
            }
            Expr::Subquery(node) => node.expr.pretty(level) + &subquery_suffix(node),
            Expr::Number(_) | Expr::String(_) | Expr::Vector(_) | Expr::Matrix(_) => indent + &line,
        }
    }
}
