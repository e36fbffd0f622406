//! An expression's tree as JSON, in the form that Prometheus' own UI reads (`web/api/v1/translate_ast.go`).

use lingshao_model::{Matcher, TimeDelta};
use lingshao_promql::ast::{At, DurationExpr, Expr, Extension, VectorMatching, VectorSelector};
use serde_json::{Map, Value, json};

/// Recursion is bounded by the parser's limit on depth.
pub(super) fn json(expr: &Expr) -> Value {
    match expr {
        Expr::Number(node) => json!({"type": "numberLiteral", "val": node.value.to_string()}),
        Expr::String(node) => json!({"type": "stringLiteral", "val": node.value}),
        Expr::Paren(node) => json!({"type": "parenExpr", "expr": json(&node.expr)}),
        Expr::Unary(node) => {
            let op = if node.negative { "-" } else { "+" };
            json!({"type": "unaryExpr", "op": op, "expr": json(&node.expr)})
        }
        Expr::Vector(node) => Value::Object(selector("vectorSelector", node)),
        Expr::Matrix(node) => {
            let mut object = selector("matrixSelector", &node.selector);
            object.insert("range".to_owned(), millis(Some(&node.range)));
            Value::Object(object)
        }
        Expr::Subquery(node) => {
            let (timestamp, start_or_end) = at(node.at);
            json!({
                "type": "subquery",
                "expr": json(&node.expr),
                "range": millis(Some(&node.range)),
                "step": millis(node.step.as_ref()),
                "offset": millis(node.offset.as_ref()),
                "timestamp": timestamp,
                "startOrEnd": start_or_end,
            })
        }
        Expr::Call(node) => json!({
            "type": "call",
            "func": {"name": node.function.name},
            "args": node.args.iter().map(json).collect::<Vec<_>>(),
        }),
        Expr::Aggregate(node) => json!({
            "type": "aggregation",
            "op": node.op.as_str(),
            "expr": json(&node.expr),
            "param": node.param.as_ref().map(json),
            "grouping": node.grouping,
            "without": node.without,
        }),
        Expr::Binary(node) => json!({
            "type": "binaryExpr",
            "op": node.op.as_str(),
            "lhs": json(&node.lhs),
            "rhs": json(&node.rhs),
            "matching": node.matching.as_ref().map(matching),
            "bool": node.return_bool,
        }),
    }
}

fn selector(kind: &str, node: &VectorSelector) -> Map<String, Value> {
    let (timestamp, start_or_end) = at(node.at);
    let mut object = Map::new();
    let fields = [
        ("type", Value::from(kind)),
        ("name", Value::from(node.name.as_deref().unwrap_or(""))),
        ("matchers", node.matchers.iter().map(matcher).collect()),
        ("offset", millis(node.offset.as_ref())),
        ("timestamp", timestamp),
        ("startOrEnd", start_or_end),
        ("anchored", Value::from(node.extension == Extension::Anchored)),
        ("smoothed", Value::from(node.extension == Extension::Smoothed)),
    ];
    object.extend(fields.map(|(name, value)| (name.to_owned(), value)));
    object
}

fn matcher(matcher: &Matcher) -> Value {
    json!({"name": matcher.name(), "value": matcher.value(), "type": matcher.op().as_str()})
}

fn matching(matching: &VectorMatching) -> Value {
    json!({
        "card": matching.cardinality.as_str(),
        "labels": matching.labels,
        "on": matching.on,
        "include": matching.include,
    })
}

fn at(at: Option<At>) -> (Value, Value) {
    match at {
        None => (Value::Null, Value::Null),
        Some(At::Timestamp(t)) => (Value::from(t.0), Value::Null),
        Some(At::Start) => (Value::Null, Value::from("start")),
        Some(At::End) => (Value::Null, Value::from("end")),
    }
}

/// Milliseconds; 0 where it depends on the query's step or range, or is not there.
fn millis(duration: Option<&DurationExpr>) -> Value {
    let resolved =
        duration.and_then(|duration| duration.resolve(TimeDelta::ZERO, TimeDelta::ZERO, true).ok());
    Value::from(resolved.unwrap_or_default().0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_has_the_fields_that_clients_read() {
        let tree = json(
            &lingshao_promql::parse("sum by (job) (rate(up{a=~\"b\"}[5m] offset 1m)) > bool 2").unwrap(),
        );
        assert_eq!(tree["type"], "binaryExpr");
        assert_eq!((&tree["op"], &tree["bool"]), (&json!(">"), &json!(true)));
        assert_eq!(tree["lhs"]["grouping"], json!(["job"]));
        let matrix = &tree["lhs"]["expr"]["args"][0];
        assert_eq!((&matrix["range"], &matrix["offset"]), (&json!(300_000), &json!(60_000)));
        assert_eq!(matrix["matchers"][0], json!({"name": "a", "value": "b", "type": "=~"}));
        assert_eq!(tree["rhs"], json!({"type": "numberLiteral", "val": "2"}));
    }
}
