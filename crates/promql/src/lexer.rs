//! Text to tokens. The text inside braces, inside brackets and outside of both is cut differently, as in
//! Prometheus; comments are dropped. The last token is the end of the input or an error.

use crate::ast::{AggregateOp, BinaryOp, Span};
use crate::quote::{go_quote, go_quote_char};

mod number;
mod text;

pub(crate) use text::{Unquoted, unquote};

/// What a token is; its text is the query's under its span.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    End,
    /// Where the text cannot be cut further, and why.
    Error(String),
    Comma,
    LeftParen,
    RightParen,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    Colon,
    At,
    /// `=`
    Assign,
    /// `=~`
    MatchRegex,
    /// `!~`
    MatchNotRegex,
    Number,
    Duration,
    String,
    /// A name without a colon; also `min_of` and `max_of` inside brackets.
    Identifier,
    /// A name with a colon.
    MetricIdentifier,
    /// A binary operator; `!=` also compares labels.
    Operator(BinaryOp),
    Aggregator(AggregateOp),
    Keyword(Keyword),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keyword {
    Offset,
    Smoothed,
    Anchored,
    By,
    Without,
    On,
    Ignoring,
    GroupLeft,
    GroupRight,
    Fill,
    FillLeft,
    FillRight,
    Bool,
    Start,
    End,
    Step,
    Range,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
}

impl Token {
    /// How error messages name it: `identifier "x"`, `<op:+>`, `end of input`.
    pub(crate) fn describe(&self, query: &str) -> String {
        let text = query.get(self.span.start..self.span.end).unwrap_or_default();
        match &self.kind {
            Kind::End => "end of input".to_owned(),
            Kind::Error(message) => message.clone(),
            Kind::Identifier => format!("identifier {}", go_quote(text)),
            Kind::MetricIdentifier => format!("metric identifier {}", go_quote(text)),
            Kind::String => format!("string {}", shortened(text)),
            Kind::Number => format!("number {}", shortened(text)),
            Kind::Duration => format!("duration {}", shortened(text)),
            Kind::Operator(_) | Kind::At | Kind::MatchRegex | Kind::MatchNotRegex => format!("<op:{text}>"),
            Kind::Aggregator(_) => format!("<aggr:{text}>"),
            Kind::Keyword(Keyword::Start | Keyword::End | Keyword::Step | Keyword::Range) => go_quote(text),
            Kind::Keyword(_) => format!("<{text}>"),
            _ => shortened(text),
        }
    }
}

fn shortened(text: &str) -> String {
    if text.len() <= 10 {
        return go_quote(text);
    }
    let cut = text.char_indices().nth(10).map_or(text.len(), |(at, _)| at);
    format!("{}...", go_quote(&text[..cut]))
}

/// All tokens of a query.
pub(crate) fn tokens(query: &str) -> Vec<Token> {
    let mut lexer = Lexer {
        query,
        start: 0,
        at: 0,
        tokens: Vec::new(),
        parens: 0,
        in_braces: false,
        in_brackets: false,
        saw_duration: false,
        saw_colon: false,
    };
    while lexer.next_token().is_continue() {}
    lexer.tokens
}

struct Lexer<'a> {
    query: &'a str,
    /// Where the current token starts.
    start: usize,
    at: usize,
    tokens: Vec<Token>,
    parens: usize,
    in_braces: bool,
    in_brackets: bool,
    /// Inside brackets: a duration or a call was seen, so that a colon may follow.
    saw_duration: bool,
    saw_colon: bool,
}

type Flow = std::ops::ControlFlow<()>;
const GO_ON: Flow = Flow::Continue(());

impl Lexer<'_> {
    fn next_token(&mut self) -> Flow {
        self.skip_blanks_and_comments();
        if self.in_braces {
            self.token_in_braces()
        } else if self.in_brackets {
            self.token_in_brackets()
        } else {
            self.token_outside()
        }
    }

    fn token_outside(&mut self) -> Flow {
        let Some(c) = self.bump() else {
            if self.parens > 0 {
                return self.fail("unclosed left parenthesis");
            }
            self.tokens.push(Token { kind: Kind::End, span: Span { start: self.at, end: self.at } });
            return Flow::Break(());
        };
        match c {
            '=' => match self.peek() {
                Some('=') => self.emit_after(1, Kind::Operator(BinaryOp::Equal)),
                Some('~') => self.fail("unexpected character after '=': '~'"),
                _ => self.emit(Kind::Assign),
            },
            '!' => match self.bump() {
                Some('=') => self.emit(Kind::Operator(BinaryOp::NotEqual)),
                other => self.fail(&format!("unexpected character after '!': {}", quoted(other))),
            },
            '<' => match self.peek() {
                Some('=') => self.emit_after(1, Kind::Operator(BinaryOp::LessOrEqual)),
                Some('/') => self.emit_after(1, Kind::Operator(BinaryOp::TrimUpper)),
                _ => self.emit(Kind::Operator(BinaryOp::Less)),
            },
            '>' => match self.peek() {
                Some('=') => self.emit_after(1, Kind::Operator(BinaryOp::GreaterOrEqual)),
                Some('/') => self.emit_after(1, Kind::Operator(BinaryOp::TrimLower)),
                _ => self.emit(Kind::Operator(BinaryOp::Greater)),
            },
            '{' => {
                self.in_braces = true;
                self.emit(Kind::LeftBrace)
            }
            '[' => {
                self.in_brackets = true;
                (self.saw_duration, self.saw_colon) = (false, false);
                self.emit(Kind::LeftBracket)
            }
            ']' => self.fail("unexpected right bracket ']'"),
            '@' => self.emit(Kind::At),
            _ if is_name_start(c) || c == ':' => self.name(),
            _ => self.shared_token(c, "unexpected character: "),
        }
    }

    /// Tokens that are the same outside of brackets and inside.
    fn shared_token(&mut self, c: char, otherwise: &str) -> Flow {
        match c {
            ',' => self.emit(Kind::Comma),
            '*' => self.emit(Kind::Operator(BinaryOp::Mul)),
            '/' => self.emit(Kind::Operator(BinaryOp::Div)),
            '%' => self.emit(Kind::Operator(BinaryOp::Mod)),
            '+' => self.emit(Kind::Operator(BinaryOp::Add)),
            '-' => self.emit(Kind::Operator(BinaryOp::Sub)),
            '^' => self.emit(Kind::Operator(BinaryOp::Pow)),
            '(' => {
                self.parens += 1;
                self.emit(Kind::LeftParen)
            }
            ')' if self.parens == 0 => {
                self.start = self.at;
                self.fail("unexpected right parenthesis ')'")
            }
            ')' => {
                self.parens -= 1;
                self.emit(Kind::RightParen)
            }
            '"' | '\'' | '`' if !self.in_brackets => self.string(c),
            '0'..='9' => self.number_or_duration(),
            '.' if self.peek().is_some_and(|next| next.is_ascii_digit()) => self.number_or_duration(),
            _ => self.fail(&format!("{otherwise}{}", go_quote_char(c))),
        }
    }

    fn token_in_braces(&mut self) -> Flow {
        let Some(c) = self.bump() else {
            return self.fail("unexpected end of input inside braces");
        };
        match c {
            ',' => self.emit(Kind::Comma),
            '"' | '\'' | '`' => self.string(c),
            '=' if self.peek() == Some('~') => self.emit_after(1, Kind::MatchRegex),
            '=' => self.emit(Kind::Assign),
            '!' => match self.bump() {
                Some('~') => self.emit(Kind::MatchNotRegex),
                Some('=') => self.emit(Kind::Operator(BinaryOp::NotEqual)),
                other => {
                    self.fail(&format!("unexpected character after '!' inside braces: {}", quoted(other)))
                }
            },
            '{' => self.fail("unexpected left brace '{'"),
            '}' => {
                self.in_braces = false;
                self.emit(Kind::RightBrace)
            }
            _ if is_name_start(c) => {
                self.skip_while(is_name_part);
                self.emit(Kind::Identifier)
            }
            _ => self.fail(&format!("unexpected character inside braces: {}", go_quote_char(c))),
        }
    }

    fn token_in_brackets(&mut self) -> Flow {
        let Some(c) = self.bump() else {
            return self.fail("unexpected end of input in duration expression");
        };
        match c {
            ']' => {
                self.in_brackets = false;
                self.emit(Kind::RightBracket)
            }
            ':' => {
                if !self.saw_duration {
                    self.start = self.at;
                    return self.fail("unexpected colon before duration in duration expression");
                }
                if self.saw_colon {
                    self.start = self.at;
                    return self.fail("unexpected repeated colon in duration expression");
                }
                self.saw_colon = true;
                self.emit(Kind::Colon)
            }
            _ if is_name_start(c) => {
                self.skip_while(is_name_part);
                self.saw_duration = true;
                match self.word().to_ascii_lowercase().as_str() {
                    "step" => self.emit(Kind::Keyword(Keyword::Step)),
                    "range" => self.emit(Kind::Keyword(Keyword::Range)),
                    "min_of" | "max_of" => self.emit(Kind::Identifier),
                    _ => self
                        .fail(&format!("unexpected character in duration expression: {}", go_quote_char(c))),
                }
            }
            _ => {
                self.saw_duration |= c.is_ascii_digit() || c == '.';
                self.shared_token(c, "unexpected character in duration expression: ")
            }
        }
    }

    /// A name outside of braces, which may be a keyword.
    fn name(&mut self) -> Flow {
        self.skip_while(|c| is_name_part(c) || c == ':');
        let word = self.word();
        let kind = match keyword(&word.to_ascii_lowercase()) {
            Some(Kind::Keyword(Keyword::Fill | Keyword::FillLeft | Keyword::FillRight))
                if !self.rest().trim_start().starts_with('(') =>
            {
                Kind::Identifier
            }
            Some(kind) => kind,
            None if word.contains(':') => Kind::MetricIdentifier,
            None => Kind::Identifier,
        };
        self.emit(kind)
    }

    fn skip_blanks_and_comments(&mut self) {
        loop {
            self.skip_while(|c| matches!(c, ' ' | '\t' | '\n' | '\r'));
            if self.in_brackets || self.peek() != Some('#') {
                break;
            }
            self.skip_while(|c| c != '\n' && c != '\r');
        }
        self.start = self.at;
    }

    fn rest(&self) -> &str {
        &self.query[self.at..]
    }

    fn word(&self) -> &str {
        &self.query[self.start..self.at]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn accept(&mut self, wanted: impl Fn(char) -> bool) -> bool {
        let found = self.peek().filter(|c| wanted(*c));
        self.at += found.map_or(0, char::len_utf8);
        found.is_some()
    }

    fn skip_while(&mut self, wanted: impl Fn(char) -> bool) {
        while self.accept(&wanted) {}
    }

    fn emit(&mut self, kind: Kind) -> Flow {
        self.tokens.push(Token { kind, span: Span { start: self.start, end: self.at } });
        GO_ON
    }

    fn emit_after(&mut self, bytes: usize, kind: Kind) -> Flow {
        self.at += bytes;
        self.emit(kind)
    }

    fn fail(&mut self, message: &str) -> Flow {
        let span = Span { start: self.start, end: self.query.len().max(self.start) };
        self.tokens.push(Token { kind: Kind::Error(message.to_owned()), span });
        Flow::Break(())
    }
}

fn keyword(word: &str) -> Option<Kind> {
    let keyword = match word {
        "and" => return Some(Kind::Operator(BinaryOp::And)),
        "or" => return Some(Kind::Operator(BinaryOp::Or)),
        "unless" => return Some(Kind::Operator(BinaryOp::Unless)),
        "atan2" => return Some(Kind::Operator(BinaryOp::Atan2)),
        "inf" | "nan" => return Some(Kind::Number),
        "offset" => Keyword::Offset,
        "smoothed" => Keyword::Smoothed,
        "anchored" => Keyword::Anchored,
        "by" => Keyword::By,
        "without" => Keyword::Without,
        "on" => Keyword::On,
        "ignoring" => Keyword::Ignoring,
        "group_left" => Keyword::GroupLeft,
        "group_right" => Keyword::GroupRight,
        "fill" => Keyword::Fill,
        "fill_left" => Keyword::FillLeft,
        "fill_right" => Keyword::FillRight,
        "bool" => Keyword::Bool,
        "start" => Keyword::Start,
        "end" => Keyword::End,
        "step" => Keyword::Step,
        "range" => Keyword::Range,
        _ => return AggregateOp::ALL.into_iter().find(|op| op.as_str() == word).map(Kind::Aggregator),
    };
    Some(Kind::Keyword(keyword))
}

fn quoted(c: Option<char>) -> String {
    go_quote_char(c.unwrap_or(char::REPLACEMENT_CHARACTER))
}

fn is_name_start(c: char) -> bool {
    c == '_' || c.is_ascii_alphabetic()
}

fn is_name_part(c: char) -> bool {
    c == '_' || c.is_ascii_alphanumeric()
}

/// Whether a label needs no quotes.
pub(crate) fn is_plain_label(name: &str) -> bool {
    name.starts_with(is_name_start) && name.chars().all(is_name_part)
}
