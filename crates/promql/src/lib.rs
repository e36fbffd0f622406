//! PromQL: text to a typed tree with source positions, and its value over any series source.
//!
//! Contract: the grammar, the types, the error texts and the printed form are Prometheus 3.14's. Input of any
//! kind gives a value or an error, never a panic; depth and length are limited. No I/O, no clock, no serde.

pub mod ast;
pub mod catalog;
mod check;
mod duration_expr;
mod lexer;
mod parser;
mod printer;
pub mod quote;

pub use ast::{Expr, Span, ValueType};
pub use duration_expr::DurationProblem;
pub use parser::{ParseError, ParseOptions, QUERY_BYTES_MAX, parse, parse_selector, parse_with};
