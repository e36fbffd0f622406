//! The typed tree of an expression. Every node knows the bytes of the query that it was read from.
//!
//! A tree that the parser hands out is type-checked: argument types fit, matching stands only between vectors,
//! no deeper than [`DEPTH_MAX`], so a recursive walk needs no check of its own.

use lingshao_model::{Matcher, Timestamp};

use crate::catalog::Function;

/// Deepest tree that the parser builds, counted in nodes from the root; a walk may recurse that far.
pub const DEPTH_MAX: usize = 200;

/// Bytes of the query, `start` inclusive, `end` exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One after the last byte.
    pub end: usize,
}

impl Span {
    /// From the start of `self` to the end of `last`.
    pub fn to(self, last: Span) -> Span {
        Span { start: self.start, end: last.end }
    }

    /// `line:column` of the first byte, both from one, as Prometheus writes positions (columns count bytes).
    pub fn line_column(self, query: &str) -> (usize, usize) {
        let before = &query.as_bytes()[..self.start.min(query.len())];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        (line, before.len() - line_start + 1)
    }
}

/// What an expression evaluates to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// One number.
    Scalar,
    /// One sample each of many series.
    Vector,
    /// Many samples each of many series.
    Matrix,
    /// A text.
    String,
}

impl ValueType {
    /// As error messages name it.
    pub fn documented(self) -> &'static str {
        match self {
            ValueType::Scalar => "scalar",
            ValueType::Vector => "instant vector",
            ValueType::Matrix => "range vector",
            ValueType::String => "string",
        }
    }

    /// As the HTTP API names it.
    pub fn as_str(self) -> &'static str {
        match self {
            ValueType::Scalar => "scalar",
            ValueType::Vector => "vector",
            ValueType::Matrix => "matrix",
            ValueType::String => "string",
        }
    }
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// `1.5`, `5m`
    Number(NumberLiteral),
    /// `"text"`
    String(StringLiteral),
    /// `up{job="x"} offset 5m`
    Vector(Box<VectorSelector>),
    /// `up[5m]`
    Matrix(Box<MatrixSelector>),
    /// `rate(up[5m])[1h:1m]`
    Subquery(Box<Subquery>),
    /// `rate(up[5m])`
    Call(Call),
    /// `sum by (job) (up)`
    Aggregate(Box<Aggregate>),
    /// `a / on (job) b`
    Binary(Box<Binary>),
    /// `-a`
    Unary(Box<Unary>),
    /// `(a)`
    Paren(Box<Paren>),
}

/// A number as it stands in the query.
#[derive(Clone, Debug, PartialEq)]
pub struct NumberLiteral {
    /// The value; of a duration its seconds.
    pub value: f64,
    /// Written as a duration (`5m`), and printed so again.
    pub is_duration: bool,
    /// Where it stands, its sign included.
    pub span: Span,
}

/// A text as it stands in the query.
#[derive(Clone, Debug, PartialEq)]
pub struct StringLiteral {
    /// Without quotes, escapes resolved; bytes that are no UTF-8 became U+FFFD.
    pub value: String,
    /// All bytes of the text, where escapes (`\xc5`) named some that are no UTF-8.
    pub invalid_utf8: Option<Box<[u8]>>,
    /// Where it stands, quotes included.
    pub span: Span,
}

/// Selects one sample of each matching series.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorSelector {
    /// The metric's name where it stands before the braces; a quoted name inside is only a matcher.
    pub name: Option<String>,
    /// All conditions in the order written; the one for a `name` comes last.
    pub matchers: Vec<Matcher>,
    /// `offset …`; positive looks back.
    pub offset: Option<DurationExpr>,
    /// `@ …`
    pub at: Option<At>,
    /// `anchored` or `smoothed`.
    pub extension: Extension,
    /// The second argument of `info()`: matchers of info series' labels, no selector of its own. Only there may
    /// every matcher accept the empty text.
    pub is_info_filter: bool,
    /// Where it stands, modifiers included.
    pub span: Span,
}

/// How a range takes samples from outside of its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Extension {
    /// It does not.
    #[default]
    None,
    /// The last sample before each bound counts at the bound.
    Anchored,
    /// Bounds are interpolated between the samples around them.
    Smoothed,
}

/// The instant that an `@` fixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum At {
    /// `@ 1609746000`
    Timestamp(Timestamp),
    /// `@ start()`
    Start,
    /// `@ end()`
    End,
}

/// Selects all samples of each matching series in a window. `offset`, `@` and extension stand in its selector.
#[derive(Clone, Debug, PartialEq)]
pub struct MatrixSelector {
    /// The series, and the modifiers.
    pub selector: VectorSelector,
    /// How long the window is; more than zero where it can be known while parsing.
    pub range: DurationExpr,
    /// Where it stands, modifiers included.
    pub span: Span,
}

/// Evaluates an expression at many instants of a window.
#[derive(Clone, Debug, PartialEq)]
pub struct Subquery {
    /// What is evaluated; an instant vector (or a scalar, which the types forbid).
    pub expr: Expr,
    /// How long the window is.
    pub range: DurationExpr,
    /// Between two evaluations; the engine's default where absent.
    pub step: Option<DurationExpr>,
    /// `offset …`
    pub offset: Option<DurationExpr>,
    /// `@ …`
    pub at: Option<At>,
    /// Where it stands, modifiers included.
    pub span: Span,
}

/// A function call. Argument count and types fit the function.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Which function.
    pub function: &'static Function,
    /// As written.
    pub args: Vec<Expr>,
    /// From the name to the closing parenthesis.
    pub span: Span,
}

/// An aggregation over the series of a vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    /// Which aggregation.
    pub op: AggregateOp,
    /// The vector.
    pub expr: Expr,
    /// The first argument of those that take two.
    pub param: Option<Expr>,
    /// `without (…)` rather than `by (…)`; `by ()` when neither was written.
    pub without: bool,
    /// The labels of `by` or `without`, as written.
    pub grouping: Vec<String>,
    /// From the operator to the last parenthesis.
    pub span: Span,
}

/// Kinds of aggregation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AggregateOp {
    /// `avg`
    Avg,
    /// `bottomk`
    Bottomk,
    /// `count`
    Count,
    /// `count_values`
    CountValues,
    /// `group`
    Group,
    /// `limitk`
    Limitk,
    /// `limit_ratio`
    LimitRatio,
    /// `max`
    Max,
    /// `min`
    Min,
    /// `quantile`
    Quantile,
    /// `stddev`
    Stddev,
    /// `stdvar`
    Stdvar,
    /// `sum`
    Sum,
    /// `topk`
    Topk,
}

impl AggregateOp {
    /// All of them.
    pub const ALL: [AggregateOp; 14] = [
        AggregateOp::Avg,
        AggregateOp::Bottomk,
        AggregateOp::Count,
        AggregateOp::CountValues,
        AggregateOp::Group,
        AggregateOp::Limitk,
        AggregateOp::LimitRatio,
        AggregateOp::Max,
        AggregateOp::Min,
        AggregateOp::Quantile,
        AggregateOp::Stddev,
        AggregateOp::Stdvar,
        AggregateOp::Sum,
        AggregateOp::Topk,
    ];

    /// As written, in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            AggregateOp::Avg => "avg",
            AggregateOp::Bottomk => "bottomk",
            AggregateOp::Count => "count",
            AggregateOp::CountValues => "count_values",
            AggregateOp::Group => "group",
            AggregateOp::Limitk => "limitk",
            AggregateOp::LimitRatio => "limit_ratio",
            AggregateOp::Max => "max",
            AggregateOp::Min => "min",
            AggregateOp::Quantile => "quantile",
            AggregateOp::Stddev => "stddev",
            AggregateOp::Stdvar => "stdvar",
            AggregateOp::Sum => "sum",
            AggregateOp::Topk => "topk",
        }
    }

    /// The type of the first of its two arguments; `None` where there is only the vector.
    pub fn param_type(self) -> Option<ValueType> {
        match self {
            AggregateOp::CountValues => Some(ValueType::String),
            AggregateOp::Bottomk
            | AggregateOp::Limitk
            | AggregateOp::LimitRatio
            | AggregateOp::Quantile
            | AggregateOp::Topk => Some(ValueType::Scalar),
            _ => None,
        }
    }

    /// Behind `--enable-feature=promql-experimental-functions` in Prometheus.
    pub fn is_experimental(self) -> bool {
        matches!(self, AggregateOp::Limitk | AggregateOp::LimitRatio)
    }
}

/// Two expressions with an operator between them.
#[derive(Clone, Debug, PartialEq)]
pub struct Binary {
    /// The operator.
    pub op: BinaryOp,
    /// Left operand.
    pub lhs: Expr,
    /// Right operand.
    pub rhs: Expr,
    /// `bool`: a comparison answers 0 or 1 instead of filtering.
    pub return_bool: bool,
    /// How series find each other; present exactly when both operands are vectors.
    pub matching: Option<VectorMatching>,
    /// From the left operand to the right one.
    pub span: Span,
}

/// Operators between two expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`
    Mod,
    /// `^`
    Pow,
    /// `atan2`
    Atan2,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `>`
    Greater,
    /// `<`
    Less,
    /// `>=`
    GreaterOrEqual,
    /// `<=`
    LessOrEqual,
    /// `and`
    And,
    /// `or`
    Or,
    /// `unless`
    Unless,
    /// `</`: cuts a histogram's observations above a bound off
    TrimUpper,
    /// `>/`: cuts a histogram's observations below a bound off
    TrimLower,
}

impl BinaryOp {
    /// As written, in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::Mod => "%",
            BinaryOp::Pow => "^",
            BinaryOp::Atan2 => "atan2",
            BinaryOp::Equal => "==",
            BinaryOp::NotEqual => "!=",
            BinaryOp::Greater => ">",
            BinaryOp::Less => "<",
            BinaryOp::GreaterOrEqual => ">=",
            BinaryOp::LessOrEqual => "<=",
            BinaryOp::And => "and",
            BinaryOp::Or => "or",
            BinaryOp::Unless => "unless",
            BinaryOp::TrimUpper => "</",
            BinaryOp::TrimLower => ">/",
        }
    }

    /// `== != > < >= <=`
    pub fn is_comparison(self) -> bool {
        matches!(
            self,
            BinaryOp::Equal
                | BinaryOp::NotEqual
                | BinaryOp::Greater
                | BinaryOp::Less
                | BinaryOp::GreaterOrEqual
                | BinaryOp::LessOrEqual
        )
    }

    /// `and or unless`
    pub fn is_set(self) -> bool {
        matches!(self, BinaryOp::And | BinaryOp::Or | BinaryOp::Unless)
    }
}

/// How the series of two vectors find each other.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorMatching {
    /// How many of the one side may belong to how many of the other.
    pub cardinality: Cardinality,
    /// `on (…)` rather than `ignoring (…)`; `ignoring ()` when neither was written.
    pub on: bool,
    /// The labels of `on` or `ignoring`, as written.
    pub labels: Vec<String>,
    /// The labels of `group_left` or `group_right`: taken over from the "one" side.
    pub include: Vec<String>,
    /// Value that stands in for a series that the left side lacks.
    pub fill_left: Option<f64>,
    /// Value that stands in for a series that the right side lacks.
    pub fill_right: Option<f64>,
}

/// Sides of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cardinality {
    /// Neither `group_left` nor `group_right`.
    OneToOne,
    /// `group_left`: many on the left.
    ManyToOne,
    /// `group_right`: many on the right.
    OneToMany,
    /// Set operators.
    ManyToMany,
}

impl Cardinality {
    /// As error messages name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Cardinality::OneToOne => "one-to-one",
            Cardinality::ManyToOne => "many-to-one",
            Cardinality::OneToMany => "one-to-many",
            Cardinality::ManyToMany => "many-to-many",
        }
    }
}

/// A sign before an expression; before a number it is part of the number.
#[derive(Clone, Debug, PartialEq)]
pub struct Unary {
    /// `-` rather than `+`.
    pub negative: bool,
    /// A scalar or an instant vector.
    pub expr: Expr,
    /// From the sign to the operand's end.
    pub span: Span,
}

/// Parentheses; kept so that positions and the printed form stay.
#[derive(Clone, Debug, PartialEq)]
pub struct Paren {
    /// What stands inside.
    pub expr: Expr,
    /// The parentheses included.
    pub span: Span,
}

/// A duration in brackets or after `offset`; depends on the query's step and range at most.
#[derive(Clone, Debug, PartialEq)]
pub struct DurationExpr {
    /// What it is.
    pub kind: DurationKind,
    /// Where it stands.
    pub span: Span,
}

/// Forms of a [`DurationExpr`].
#[derive(Clone, Debug, PartialEq)]
pub enum DurationKind {
    /// `5m`, `300`, with its sign if it has one.
    Literal(NumberLiteral),
    /// `step()`: the step of the query.
    Step,
    /// `range()`: the end of the query less its start.
    Range,
    /// A sign before something that is no literal.
    Unary {
        /// `-` rather than `+`.
        negative: bool,
        /// The operand.
        operand: Box<DurationExpr>,
    },
    /// `+ - * / % ^`
    Binary {
        /// One of these six.
        op: BinaryOp,
        /// Left operand.
        lhs: Box<DurationExpr>,
        /// Right operand.
        rhs: Box<DurationExpr>,
    },
    /// `min_of(a, b)`
    MinOf(Box<DurationExpr>, Box<DurationExpr>),
    /// `max_of(a, b)`
    MaxOf(Box<DurationExpr>, Box<DurationExpr>),
    /// `(a)`
    Paren(Box<DurationExpr>),
}

impl Expr {
    /// What it evaluates to.
    pub fn value_type(&self) -> ValueType {
        match self {
            Expr::Number(_) => ValueType::Scalar,
            Expr::String(_) => ValueType::String,
            Expr::Vector(_) | Expr::Aggregate(_) => ValueType::Vector,
            Expr::Matrix(_) | Expr::Subquery(_) => ValueType::Matrix,
            Expr::Call(call) => call.function.returns,
            Expr::Unary(unary) => unary.expr.value_type(),
            Expr::Paren(paren) => paren.expr.value_type(),
            Expr::Binary(binary) => match (binary.lhs.value_type(), binary.rhs.value_type()) {
                (ValueType::Scalar, ValueType::Scalar) => ValueType::Scalar,
                _ => ValueType::Vector,
            },
        }
    }

    /// Where it stands in the query.
    pub fn span(&self) -> Span {
        match self {
            Expr::Number(node) => node.span,
            Expr::String(node) => node.span,
            Expr::Vector(node) => node.span,
            Expr::Matrix(node) => node.span,
            Expr::Subquery(node) => node.span,
            Expr::Call(node) => node.span,
            Expr::Aggregate(node) => node.span,
            Expr::Binary(node) => node.span,
            Expr::Unary(node) => node.span,
            Expr::Paren(node) => node.span,
        }
    }

    /// The expression inside of all parentheses around it.
    pub fn without_parens(&self) -> &Expr {
        let mut expr = self;
        while let Expr::Paren(paren) = expr {
            expr = &paren.expr;
        }
        expr
    }

    /// Calls `visit` with each direct operand, in the order of evaluation (an aggregation's parameter first).
    pub fn for_each_child<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        match self {
            Expr::Number(_) | Expr::String(_) | Expr::Vector(_) | Expr::Matrix(_) => {}
            Expr::Subquery(node) => visit(&node.expr),
            Expr::Call(node) => node.args.iter().for_each(visit),
            Expr::Aggregate(node) => {
                node.param.iter().for_each(&mut *visit);
                visit(&node.expr);
            }
            Expr::Binary(node) => {
                visit(&node.lhs);
                visit(&node.rhs);
            }
            Expr::Unary(node) => visit(&node.expr),
            Expr::Paren(node) => visit(&node.expr),
        }
    }

    /// Calls `visit` with this expression and everything below it, parents first.
    pub fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        visit(self);
        self.for_each_child(&mut |child| child.walk(visit));
    }

    /// Every vector selector in the tree, those inside of matrix selectors included.
    pub fn selectors(&self) -> Vec<&VectorSelector> {
        let mut found: Vec<&VectorSelector> = Vec::new();
        self.walk(&mut |expr| match expr {
            Expr::Vector(selector) => found.push(selector),
            Expr::Matrix(matrix) => found.push(&matrix.selector),
            _ => {}
        });
        found
    }
}
