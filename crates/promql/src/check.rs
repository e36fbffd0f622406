//! Types and what else can be told from the finished tree, in the order in which Prometheus looks: the first
//! thing wrong is the error.

use lingshao_model::METRIC_NAME;

use crate::ast::{Aggregate, Binary, Call, Cardinality, Expr, Span, ValueType, VectorSelector};
use crate::catalog::{Arity, FunctionId};
use crate::parser::{Problem, problem};
use crate::quote::go_quote;

/// Checks a whole tree; settles what depends on types (how vectors match, which selector is `info()`'s filter).
pub(crate) fn check(query: &str, expr: &mut Expr) -> Result<ValueType, Problem> {
    match expr {
        Expr::Number(_) | Expr::String(_) => {}
        Expr::Vector(selector) => check_selector(selector)?,
        Expr::Matrix(matrix) => check_selector(&matrix.selector)?,
        Expr::Paren(paren) => {
            check(query, &mut paren.expr)?;
        }
        Expr::Subquery(subquery) => {
            let found = check(query, &mut subquery.expr)?;
            if found != ValueType::Vector {
                let found = found.as_str();
                return problem(
                    subquery.span,
                    format!("subquery is only allowed on instant vector, got {found} instead"),
                );
            }
        }
        Expr::Unary(unary) => {
            let found = check(query, &mut unary.expr)?;
            if !matches!(found, ValueType::Scalar | ValueType::Vector) {
                let found = go_quote(found.documented());
                return problem(
                    unary.span,
                    format!(
                        "unary expression only allowed on expressions of type scalar or instant vector, got {found}"
                    ),
                );
            }
        }
        Expr::Aggregate(aggregate) => check_aggregate(query, aggregate)?,
        Expr::Binary(binary) => check_binary(query, binary)?,
        Expr::Call(call) => check_call(query, call)?,
    }
    Ok(expr.value_type())
}

fn expect_type(query: &str, expr: &mut Expr, wanted: ValueType, context: &str) -> Result<(), Problem> {
    let found = check(query, expr)?;
    if found == wanted {
        return Ok(());
    }
    let (wanted, found) = (wanted.documented(), found.documented());
    problem(expr.span(), format!("expected type {wanted} in {context}, got {found}"))
}

fn check_selector(selector: &VectorSelector) -> Result<(), Problem> {
    if let Some(name) = &selector.name {
        // The name's own matcher comes last.
        let others = selector.matchers.split_last().map_or(&[][..], |(_, others)| others);
        return match others.iter().find(|matcher| matcher.name() == METRIC_NAME) {
            None => Ok(()),
            Some(other) => {
                let (name, other) = (go_quote(name), go_quote(other.value()));
                problem(selector.span, format!("metric name must not be set twice: {name} or {other}"))
            }
        };
    }
    if !selector.is_info_filter && selector.matchers.iter().all(|matcher| matcher.matches_empty()) {
        return problem(selector.span, "vector selector must contain at least one non-empty matcher");
    }
    Ok(())
}

fn check_aggregate(query: &str, aggregate: &mut Aggregate) -> Result<(), Problem> {
    expect_type(query, &mut aggregate.expr, ValueType::Vector, "aggregation expression")?;
    if let (Some(wanted), Some(param)) = (aggregate.op.param_type(), &mut aggregate.param) {
        expect_type(query, param, wanted, "aggregation parameter")?;
    }
    Ok(())
}

fn check_binary(query: &str, binary: &mut Binary) -> Result<(), Problem> {
    let left = check(query, &mut binary.lhs)?;
    let right = check(query, &mut binary.rhs)?;
    let op = binary.op;
    if binary.return_bool && !op.is_comparison() {
        let span = operator_span(query, binary);
        return problem(span, "bool modifier can only be used on comparison operators");
    }
    if op.is_comparison() && !binary.return_bool && (left, right) == (ValueType::Scalar, ValueType::Scalar) {
        let span = operator_span(query, binary);
        return problem(span, "comparisons between scalars must use BOOL modifier");
    }
    if let Some(matching) = &binary.matching
        && let Some(label) =
            matching.labels.iter().find(|label| matching.on && matching.include.contains(label))
    {
        let message = format!("label {} must not occur in ON and GROUP clause at once", go_quote(label));
        return problem(operator_span(query, binary), message);
    }
    for (found, side) in [(left, &binary.lhs), (right, &binary.rhs)] {
        if !matches!(found, ValueType::Scalar | ValueType::Vector) {
            let message = "binary expression must contain only scalar and instant vector types";
            return problem(side.span(), message);
        }
    }
    if (left, right) == (ValueType::Vector, ValueType::Vector) {
        check_vector_matching(binary)
    } else {
        check_without_matching(binary)
    }
}

fn check_vector_matching(binary: &mut Binary) -> Result<(), Problem> {
    let Some(matching) = &mut binary.matching else { return Ok(()) };
    if !binary.op.is_set() {
        return Ok(());
    }
    if matching.cardinality != Cardinality::OneToOne {
        let op = go_quote(binary.op.as_str());
        return problem(binary.span, format!("no grouping allowed for {op} operation"));
    }
    matching.cardinality = Cardinality::ManyToMany;
    if matching.fill_left.is_some() || matching.fill_right.is_some() {
        return problem(binary.span, "filling in missing series not allowed for set operators");
    }
    Ok(())
}

fn check_without_matching(binary: &mut Binary) -> Result<(), Problem> {
    if let Some(matching) = binary.matching.take() {
        if !matching.labels.is_empty() {
            return problem(binary.span, "vector matching only allowed between instant vectors");
        }
        if matching.fill_left.is_some() || matching.fill_right.is_some() {
            return problem(binary.span, "filling in missing series only allowed between instant vectors");
        }
    }
    if binary.op.is_set() {
        let op = go_quote(binary.op.as_str());
        return problem(binary.span, format!("set operator {op} not allowed in binary scalar expression"));
    }
    Ok(())
}

/// From the operator to before the right operand, blanks left out.
fn operator_span(query: &str, binary: &Binary) -> Span {
    let (start, end) = (binary.lhs.span().end, binary.rhs.span().start);
    let between = query.get(start..end).unwrap_or_default();
    let blanks = between.len() - between.trim_start().len();
    Span { start: start + blanks, end: start + between.trim_end().len().max(blanks) }
}

fn check_call(query: &str, call: &mut Call) -> Result<(), Problem> {
    let function = call.function;
    let (name, found) = (go_quote(function.name), call.args.len());
    let (least, most) = (function.args_min(), function.args_max());
    if function.arity == Arity::Exact && found != least {
        return problem(call.span, format!("expected {least} argument(s) in call to {name}, got {found}"));
    }
    if found < least {
        return problem(
            call.span,
            format!("expected at least {least} argument(s) in call to {name}, got {found}"),
        );
    }
    if let Some(most) = most.filter(|most| found > *most) {
        return problem(
            call.span,
            format!("expected at most {most} argument(s) in call to {name}, got {found}"),
        );
    }
    if function.id == FunctionId::Info && found > 1 {
        check_info_filter(call)?;
    }
    let context = format!("call to function {name}");
    for (index, arg) in call.args.iter_mut().enumerate() {
        if let Some(wanted) = function.arg_type(index) {
            expect_type(query, arg, wanted, &context)?;
        }
    }
    Ok(())
}

/// `info()`'s second argument looks like a selector but only filters labels.
fn check_info_filter(call: &mut Call) -> Result<(), Problem> {
    let found = call.args[1].value_type();
    if found != ValueType::Vector {
        let (wanted, found) = (ValueType::Vector.documented(), found.documented());
        return problem(
            call.span,
            format!("expected type {wanted} in call to function \"info\", got {found}"),
        );
    }
    match &mut call.args[1] {
        Expr::Vector(selector) if selector.name.is_none() => {
            selector.is_info_filter = true;
            Ok(())
        }
        Expr::Vector(selector) => {
            problem(selector.span, "expected label selectors only, got vector selector instead")
        }
        other => problem(other.span(), "expected label selectors only"),
    }
}
