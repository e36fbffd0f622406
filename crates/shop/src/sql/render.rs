//! Statements of a mapping, made ready for one database: `:name` becomes a parameter, or the text that we made for it.

use std::collections::BTreeMap;

use super::{Dialect, ShopError};
use crate::mapping::{TokenKind, tokens};

/// What stands for a `:name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Param {
    /// Bound.
    Value(Value),
    /// Text of our own making: numbers, instants, and keys, whose type promises that they need no quoting
    /// ([`crate::OrderKey`]). A quoted literal is compared with a column of integers, words or UUIDs alike, and by index; a
    /// parameter bound as text is not.
    Sql(String),
}

/// One value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Integer(i64),
    Text(String),
}

impl Value {
    pub(super) fn integer(&self) -> Option<i64> {
        match self {
            Value::Integer(integer) => Some(*integer),
            Value::Text(text) => text.parse().ok(),
            Value::Null => None,
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            Value::Integer(_) | Value::Null => None,
        }
    }

    pub(super) fn is_true(&self) -> bool {
        self.integer() == Some(1)
    }
}

/// A statement with what is bound to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) sql: String,
    pub(super) binds: Vec<Value>,
}

impl Statement {
    /// A statement of our own, with nothing to bind.
    pub(super) fn plain(sql: String) -> Statement {
        Statement { sql, binds: Vec::new() }
    }
}

pub(super) type Params = BTreeMap<String, Param>;

/// A key as a literal.
pub(super) fn key(text: &str) -> Param {
    debug_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'));
    Param::Sql(format!("'{text}'"))
}

pub(super) fn render(dialect: Dialect, sql: &str, params: &Params) -> Result<Statement, ShopError> {
    let tokens = tokens(sql).map_err(|error| ShopError::Statement(error.to_string()))?;
    let mut statement = Statement::default();
    let mut copied = 0;
    for token in tokens.iter().filter(|token| token.kind == TokenKind::Parameter) {
        statement.sql.push_str(&sql[copied..token.start]);
        copied = token.end;
        match params.get(&token.text.to_lowercase()) {
            Some(Param::Sql(text)) => statement.sql.push_str(text),
            Some(Param::Value(value)) => {
                statement.binds.push(value.clone());
                statement.sql.push_str(&dialect.placeholder(statement.binds.len()));
            }
            None => return Err(ShopError::Statement(format!("`:{}` has no value in `{sql}`", token.text))),
        }
    }
    statement.sql.push_str(&sql[copied..]);
    Ok(statement)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_bound_and_texts_are_left_alone() {
        let params =
            Params::from([("id".to_owned(), key("7")), ("n".to_owned(), Param::Value(Value::Integer(3)))]);
        let sql = "UPDATE t SET a=a+:n, b=':n' WHERE id=:id AND c<>:n";
        let found = render(Dialect::Postgres, sql, &params).unwrap();
        assert_eq!(found.sql, "UPDATE t SET a=a+$1, b=':n' WHERE id='7' AND c<>$2");
        assert_eq!(found.binds, [Value::Integer(3), Value::Integer(3)]);
        let found = render(Dialect::Mysql, sql, &params).unwrap();
        assert_eq!(found.sql, "UPDATE t SET a=a+?, b=':n' WHERE id='7' AND c<>?");
        let error = render(Dialect::Mysql, "SELECT :x", &params).unwrap_err();
        assert_eq!(error.to_string(), "`:x` has no value in `SELECT :x`");
    }
}
