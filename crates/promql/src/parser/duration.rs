//! Durations in brackets and after `offset`.

use super::{POWER, Parser, Problem, precedence, problem, right_precedence};
use crate::ast::{BinaryOp, DurationExpr, DurationKind, NumberLiteral, Span};
use crate::duration_expr::SECONDS_MAX;
use crate::lexer::{Keyword, Kind};

/// What an error says: where, and what was expected.
pub(super) type Context = (&'static str, &'static str);

pub(super) const OFFSET: Context = ("offset", "number, duration, step(), or range()");

impl Parser<'_> {
    /// A range or a subquery's step.
    pub(super) fn positive_duration(&mut self, context: Context) -> Result<DurationExpr, Problem> {
        let duration = self.duration(0, context)?;
        match &duration.kind {
            DurationKind::Literal(literal) if literal.value <= 0.0 => {
                problem(duration.span, "duration must be greater than 0")
            }
            _ => Ok(duration),
        }
    }

    /// An offset. Of operators after it, only those after a parenthesis belong to it: `a offset 1m + 1` adds to
    /// the samples of `a`.
    pub(super) fn offset_duration(&mut self, context: Context) -> Result<DurationExpr, Problem> {
        match self.peek() {
            Kind::LeftParen => self.duration(0, context),
            Kind::Operator(BinaryOp::Add | BinaryOp::Sub) => {
                let (negative, sign) = self.sign();
                let operand = self.duration_operand(context)?;
                self.signed(negative, sign, operand)
            }
            _ => self.duration_operand(context),
        }
    }

    fn duration(&mut self, precedence_min: u8, context: Context) -> Result<DurationExpr, Problem> {
        self.nesting = self.checked_depth(self.nesting + 1)?;
        let mut left = match self.peek() {
            Kind::Operator(BinaryOp::Add | BinaryOp::Sub) => {
                let (negative, sign) = self.sign();
                let operand = self.duration(POWER, context)?;
                self.signed(negative, sign, operand)?
            }
            _ => self.duration_operand(context)?,
        };
        let mut joined = 0;
        while let Kind::Operator(op) = *self.peek() {
            if precedence(op) < precedence_min || !is_duration_operator(op) {
                break;
            }
            joined += 1;
            self.checked_depth(self.nesting + joined)?;
            let op_span = self.advance();
            let right = self.duration(right_precedence(op), context)?;
            left = self.joined(left, op, op_span, right)?;
        }
        self.nesting -= 1;
        Ok(left)
    }

    fn joined(
        &self,
        lhs: DurationExpr,
        op: BinaryOp,
        op_span: Span,
        rhs: DurationExpr,
    ) -> Result<DurationExpr, Problem> {
        self.check_enabled(lhs.span)?;
        let by_zero = matches!(&rhs.kind, DurationKind::Literal(literal) if literal.value == 0.0);
        match op {
            BinaryOp::Div if by_zero => return problem(op_span, "division by zero"),
            BinaryOp::Mod if by_zero => return problem(op_span, "modulo by zero"),
            _ => {}
        }
        let span = lhs.span.to(rhs.span);
        let kind = DurationKind::Binary { op, lhs: Box::new(lhs), rhs: Box::new(rhs) };
        Ok(DurationExpr { kind, span })
    }

    fn sign(&mut self) -> (bool, Span) {
        let negative = *self.peek() == Kind::Operator(BinaryOp::Sub);
        (negative, self.advance())
    }

    fn signed(&self, negative: bool, sign: Span, operand: DurationExpr) -> Result<DurationExpr, Problem> {
        let span = sign.to(operand.span);
        let kind = match operand.kind {
            DurationKind::Literal(literal) => {
                let value = if negative { -literal.value } else { literal.value };
                DurationKind::Literal(NumberLiteral { value, span, ..literal })
            }
            _ => DurationKind::Unary { negative, operand: Box::new(operand) },
        };
        Ok(DurationExpr { kind, span })
    }

    fn duration_operand(&mut self, context: Context) -> Result<DurationExpr, Problem> {
        match self.peek() {
            Kind::Number | Kind::Duration => {
                let literal = self.number_literal()?;
                let span = literal.span;
                if literal.value.is_nan() || literal.value.abs() > SECONDS_MAX {
                    return problem(span, "duration out of range");
                }
                Ok(DurationExpr { kind: DurationKind::Literal(literal), span })
            }
            Kind::Keyword(Keyword::Step) => self.query_duration(DurationKind::Step, context),
            Kind::Keyword(Keyword::Range) => self.query_duration(DurationKind::Range, context),
            Kind::Identifier => self.min_or_max(context),
            Kind::LeftParen => {
                let open = self.advance();
                let inner = self.duration(0, context)?;
                let span = open.to(self.duration_token(&Kind::RightParen, context)?);
                self.check_enabled(span)?;
                Ok(DurationExpr { kind: DurationKind::Paren(Box::new(inner)), span })
            }
            _ => self.unexpected(context.0, context.1),
        }
    }

    /// `step()`, `range()`
    fn query_duration(&mut self, kind: DurationKind, context: Context) -> Result<DurationExpr, Problem> {
        let start = self.advance();
        self.duration_token(&Kind::LeftParen, context)?;
        let span = start.to(self.duration_token(&Kind::RightParen, context)?);
        self.check_enabled(span)?;
        Ok(DurationExpr { kind, span })
    }

    fn min_or_max(&mut self, context: Context) -> Result<DurationExpr, Problem> {
        let build: fn(Box<DurationExpr>, Box<DurationExpr>) -> DurationKind =
            match self.text(self.span()).to_ascii_lowercase().as_str() {
                "min_of" => DurationKind::MinOf,
                "max_of" => DurationKind::MaxOf,
                _ => return self.unexpected(context.0, context.1),
            };
        let start = self.advance();
        self.duration_token(&Kind::LeftParen, context)?;
        let first = self.duration(0, context)?;
        self.duration_token(&Kind::Comma, context)?;
        let second = self.duration(0, context)?;
        let span = start.to(self.duration_token(&Kind::RightParen, context)?);
        self.check_enabled(span)?;
        Ok(DurationExpr { kind: build(Box::new(first), Box::new(second)), span })
    }

    fn duration_token(&mut self, kind: &Kind, context: Context) -> Result<Span, Problem> {
        match self.accept(kind) {
            Some(span) => Ok(span),
            None => self.unexpected(context.0, context.1),
        }
    }

    fn check_enabled(&self, span: Span) -> Result<(), Problem> {
        if self.options.duration_expressions {
            return Ok(());
        }
        problem(span, "experimental duration expression is not enabled")
    }
}

fn is_duration_operator(op: BinaryOp) -> bool {
    use BinaryOp::{Add, Div, Mod, Mul, Pow, Sub};
    matches!(op, Add | Sub | Mul | Div | Mod | Pow)
}
