//! Scripts of pipeline aggregations: arithmetic on `params`, comparisons, `?:`, and a few functions of `Math`.
//!
//! The subset of Painless that boards hold; everything else is refused with its place. A value that is missing is NaN.

use crate::es::EsError;
use crate::es::params::shorten;

/// Longest script: formulas of boards have some 100 characters.
const TEXT_BYTES_MAX: usize = 4096;
/// Deepest nesting; reading and computing recurse.
const DEPTH_MAX: usize = 32;

/// A formula over named values.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Script(Expr);

#[derive(Clone, Debug, PartialEq)]
enum Expr {
    Number(f64),
    /// The place of its name among the parameters.
    Param(usize),
    Negative(Box<Expr>),
    Not(Box<Expr>),
    Both(Op, Box<Expr>, Box<Expr>),
    Choice(Box<Expr>, Box<Expr>, Box<Expr>),
    Call(Function, Vec<Expr>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Op {
    Or,
    And,
    Equal,
    Unequal,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Plus,
    Minus,
    Times,
    Divided,
    Modulo,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Function {
    Abs,
    Ceil,
    Floor,
    Round,
    Sqrt,
    Log,
    Log10,
    Exp,
    Pow,
    Min,
    Max,
}

impl Script {
    /// Reads a script over the parameters of these names.
    pub(super) fn read(text: &str, names: &[String]) -> Result<Script, EsError> {
        let own = text.trim();
        let own = own.strip_prefix("return ").unwrap_or(own).trim_end_matches([';', ' ', '\n']);
        let mut reader = Reader { text: own, at: 0, names, depth: 0 };
        let read = match text.len() > TEXT_BYTES_MAX {
            true => None,
            false => reader.choice().filter(|_| reader.rest().is_empty()),
        };
        read.map(Script).ok_or_else(|| {
            let near = shorten(own.get(reader.at..).unwrap_or_default());
            let reason = format!(
                "compile error: only arithmetic on params, comparisons, `?:` and functions of Math are supported; cannot read the script at [{near}]"
            );
            EsError::new(400, "script_exception", reason)
        })
    }

    /// Computes it.
    pub(super) fn value(&self, params: &[f64]) -> f64 {
        self.0.value(params)
    }
}

impl Expr {
    fn value(&self, params: &[f64]) -> f64 {
        match self {
            Expr::Number(number) => *number,
            Expr::Param(place) => params.get(*place).copied().unwrap_or(f64::NAN),
            Expr::Negative(inner) => -inner.value(params),
            Expr::Not(inner) => truth(inner.value(params) == 0.0),
            Expr::Both(op, left, right) => op.apply(left.value(params), right.value(params)),
            Expr::Choice(condition, yes, no) => match condition.value(params) == 0.0 {
                true => no.value(params),
                false => yes.value(params),
            },
            Expr::Call(function, arguments) => {
                let first = arguments.first().map_or(f64::NAN, |argument| argument.value(params));
                let second = arguments.get(1).map_or(f64::NAN, |argument| argument.value(params));
                function.apply(first, second)
            }
        }
    }
}

fn truth(value: bool) -> f64 {
    f64::from(u8::from(value))
}

impl Op {
    fn apply(self, left: f64, right: f64) -> f64 {
        match self {
            Op::Or => truth(left != 0.0 || right != 0.0),
            Op::And => truth(left != 0.0 && right != 0.0),
            Op::Equal => truth(left == right),
            Op::Unequal => truth(left != right),
            Op::Less => truth(left < right),
            Op::LessEqual => truth(left <= right),
            Op::Greater => truth(left > right),
            Op::GreaterEqual => truth(left >= right),
            Op::Plus => left + right,
            Op::Minus => left - right,
            Op::Times => left * right,
            Op::Divided => left / right,
            Op::Modulo => left % right,
        }
    }

    fn binding(self) -> u8 {
        match self {
            Op::Or => 1,
            Op::And => 2,
            Op::Equal | Op::Unequal => 3,
            Op::Less | Op::LessEqual | Op::Greater | Op::GreaterEqual => 4,
            Op::Plus | Op::Minus => 5,
            Op::Times | Op::Divided | Op::Modulo => 6,
        }
    }
}

impl Function {
    fn find(name: &str) -> Option<(Function, usize)> {
        Some(match name {
            "abs" => (Function::Abs, 1),
            "ceil" => (Function::Ceil, 1),
            "floor" => (Function::Floor, 1),
            "round" => (Function::Round, 1),
            "sqrt" => (Function::Sqrt, 1),
            "log" => (Function::Log, 1),
            "log10" => (Function::Log10, 1),
            "exp" => (Function::Exp, 1),
            "pow" => (Function::Pow, 2),
            "min" => (Function::Min, 2),
            "max" => (Function::Max, 2),
            _ => return None,
        })
    }

    fn apply(self, first: f64, second: f64) -> f64 {
        match self {
            Function::Abs => first.abs(),
            Function::Ceil => first.ceil(),
            Function::Floor => first.floor(),
            // Java rounds halves up.
            Function::Round => (first + 0.5).floor(),
            Function::Sqrt => first.sqrt(),
            Function::Log => first.ln(),
            Function::Log10 => first.log10(),
            Function::Exp => first.exp(),
            Function::Pow => first.powf(second),
            // NaN wins, as in Java.
            _ if first.is_nan() || second.is_nan() => f64::NAN,
            Function::Min => first.min(second),
            Function::Max => first.max(second),
        }
    }
}

/// `None` means that the text cannot be read at `at`.
struct Reader<'s> {
    text: &'s str,
    at: usize,
    names: &'s [String],
    depth: usize,
}

impl<'s> Reader<'s> {
    fn rest(&mut self) -> &'s str {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
        &self.text[self.at..]
    }

    fn takes(&mut self, token: &str) -> Option<()> {
        let found = self.rest().starts_with(token);
        found.then(|| self.at += token.len())
    }

    fn choice(&mut self) -> Option<Expr> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return None;
        }
        let condition = self.binary(0)?;
        let read = match self.takes("?") {
            None => Some(condition),
            Some(()) => {
                let yes = self.choice()?;
                self.takes(":")?;
                Some(Expr::Choice(Box::new(condition), Box::new(yes), Box::new(self.choice()?)))
            }
        };
        self.depth -= 1;
        read
    }

    fn binary(&mut self, binding_min: u8) -> Option<Expr> {
        let mut left = self.unary()?;
        let mut operators = 0;
        while let Some((op, length)) = self.operator().filter(|(op, _)| op.binding() > binding_min) {
            operators += 1;
            if operators > 8 * DEPTH_MAX {
                return None;
            }
            self.at += length;
            let right = self.binary(op.binding())?;
            left = Expr::Both(op, Box::new(left), Box::new(right));
        }
        Some(left)
    }

    fn operator(&mut self) -> Option<(Op, usize)> {
        let operators = [
            ("||", Op::Or),
            ("&&", Op::And),
            ("==", Op::Equal),
            ("!=", Op::Unequal),
            ("<=", Op::LessEqual),
            (">=", Op::GreaterEqual),
            ("<", Op::Less),
            (">", Op::Greater),
            ("+", Op::Plus),
            ("-", Op::Minus),
            ("*", Op::Times),
            ("/", Op::Divided),
            ("%", Op::Modulo),
        ];
        let rest = self.rest();
        operators.into_iter().find(|(token, _)| rest.starts_with(token)).map(|(token, op)| (op, token.len()))
    }

    fn unary(&mut self) -> Option<Expr> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return None;
        }
        let read = if self.takes("-").is_some() {
            Expr::Negative(Box::new(self.unary()?))
        } else if self.takes("!").is_some() {
            Expr::Not(Box::new(self.unary()?))
        } else {
            self.primary()?
        };
        self.depth -= 1;
        Some(read)
    }

    fn primary(&mut self) -> Option<Expr> {
        if self.takes("(").is_some() {
            let inner = self.choice()?;
            return self.takes(")").map(|()| inner);
        }
        if self.takes("params.").is_some() {
            let name = self.word();
            return self.param(name);
        }
        if self.takes("params[").is_some() {
            let quote = self.rest().chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
            let inner = &self.rest()[1..];
            let name = &inner[..inner.find(quote)?];
            self.at += name.len() + 2;
            self.takes("]")?;
            return self.param(name);
        }
        if self.takes("Math.").is_some() {
            return self.call();
        }
        self.number()
    }

    fn param(&self, name: &str) -> Option<Expr> {
        self.names.iter().position(|own| own == name).map(Expr::Param)
    }

    fn call(&mut self) -> Option<Expr> {
        let (function, count) = Function::find(self.word())?;
        self.takes("(")?;
        let mut arguments = vec![self.choice()?];
        while self.takes(",").is_some() {
            arguments.push(self.choice()?);
        }
        self.takes(")")?;
        (arguments.len() == count).then_some(Expr::Call(function, arguments))
    }

    fn word(&mut self) -> &'s str {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn number(&mut self) -> Option<Expr> {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number = rest[..end].parse().ok()?;
        self.at += end;
        // `1.0f`, `2L`, `3d`
        let _suffix = ["f", "d", "L", "l", "F", "D"].iter().any(|suffix| self.takes(suffix).is_some());
        Some(Expr::Number(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: f64) {
        let names = ["a".to_owned(), "b".to_owned()];
        let value = Script::read(text, &names).map(|script| script.value(&[6.0, 4.0]));
        assert_eq!(value, Ok(expected), "{text}");
    }

    #[test]
    fn formulas_are_computed() {
        check("params.a / params.b", 1.5);
        check("params.a + params.b * 2", 14.0);
        check("(params.a + params.b) * -2", -20.0);
        check("params.a - params.b - 1", 1.0);
        check("return params['a'] % params[\"b\"];", 2.0);
        check("params.a > params.b && params.b >= 4 ? 10.5 : 0", 10.5);
        check("!(params.a == 6) || params.b != 4", 0.0);
        check("Math.max(params.a, params.b) + Math.round(2.5)", 9.0);
        check("Math.pow(2, 3) / 2f", 4.0);
    }

    #[test]
    fn everything_else_is_refused_with_its_place() {
        let cases = [
            ("params.c", ""),
            ("doc['x'].value", "doc['x'].value"),
            ("params.a +", ""),
            ("Math.sin(1)", "(1)"),
            ("params.a params.b", "params.b"),
            ("", ""),
            ("params['支", "'支"),
        ];
        for (text, near) in cases {
            let error = Script::read(text, &["a".to_owned(), "b".to_owned()]).unwrap_err();
            assert!(error.reason.ends_with(&format!("at [{near}]")), "{text}: {}", error.reason);
        }
        assert!(Script::read(&"(".repeat(100), &[]).is_err());
        assert!(Script::read(&"-".repeat(1000), &[]).is_err());
    }
}
