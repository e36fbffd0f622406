//! PromQL: text to a typed tree with source positions, and its value over any series source.
//!
//! Contract: the grammar, the types, the error texts and the printed form are Prometheus 3.14's. Input of any
//! kind gives a value or an error, never a panic; depth and length are limited. No I/O, no clock, no serde.

mod annotations;
pub mod ast;
pub mod catalog;
mod check;
mod duration_expr;
mod eval;
mod functions;
mod lexer;
mod limits;
pub mod lint;
mod output;
mod parser;
mod printer;
pub mod quote;

pub use annotations::{Level, Note};
pub use ast::{Expr, Span, ValueType};
pub use duration_expr::DurationProblem;
pub use eval::{eval_instant, eval_range};
pub use limits::{EvalError, Limits};
pub use output::{MatrixSeries, Output, QueryValue, VectorSample};
pub use parser::{
    PATTERNS_MAX, ParseError, ParseOptions, QUERY_BYTES_MAX, parse, parse_selector, parse_with,
};
