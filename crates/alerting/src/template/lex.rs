//! Text to tokens, as Go's `text/template/parse` cuts it: plain text between actions, and what stands in them.

use super::number::{is_print, quote};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Error,
    Bool,
    Char,
    CharConstant,
    Complex,
    Assign,
    Declare,
    Eof,
    Field,
    Identifier,
    LeftDelim,
    LeftParen,
    Number,
    Pipe,
    RawString,
    RightDelim,
    RightParen,
    Space,
    Str,
    Text,
    Variable,
    Block,
    Break,
    Continue,
    Dot,
    Define,
    Else,
    End,
    If,
    Nil,
    Range,
    Template,
    With,
}

impl Kind {
    fn is_keyword(self) -> bool {
        matches!(
            self,
            Kind::Block
                | Kind::Break
                | Kind::Continue
                | Kind::Dot
                | Kind::Define
                | Kind::Else
                | Kind::End
                | Kind::If
                | Kind::Nil
                | Kind::Range
                | Kind::Template
                | Kind::With
        )
    }
}

/// A piece of the text. The value of an error is what is wrong.
#[derive(Clone, Debug)]
pub(super) struct Token<'t> {
    pub(super) kind: Kind,
    /// Byte in the text.
    pub(super) at: usize,
    pub(super) value: std::borrow::Cow<'t, str>,
    /// Counted from 1.
    pub(super) line: usize,
}

impl Token<'_> {
    /// As Go names it in errors.
    pub(super) fn describe(&self) -> String {
        match self.kind {
            Kind::Eof => "EOF".to_owned(),
            Kind::Error => self.value.to_string(),
            kind if kind.is_keyword() => format!("<{}>", self.value),
            _ if self.value.len() > 10 => {
                format!("{}...", quote(&self.value.chars().take(10).collect::<String>()))
            }
            _ => quote(&self.value),
        }
    }
}

pub(super) struct Lexer<'t> {
    text: &'t str,
    /// The next byte to look at.
    at: usize,
    /// Where the token begins.
    start: usize,
    line: usize,
    start_line: usize,
    in_action: bool,
    parens: usize,
}

const LEFT: &str = "{{";
const RIGHT: &str = "}}";
const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];
/// A minus and a blank.
const MARKER_BYTES: usize = 2;

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Lexer<'t> {
        Lexer { text, at: 0, start: 0, line: 1, start_line: 1, in_action: false, parens: 0 }
    }

    pub(super) fn next(&mut self) -> Token<'t> {
        if self.in_action { self.inside_action() } else { self.outside() }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.at += character.len_utf8();
        if character == '\n' {
            self.line += 1;
        }
        Some(character)
    }

    fn accept(&mut self, wanted: impl Fn(char) -> bool) -> bool {
        let hit = self.peek().is_some_and(wanted);
        if hit {
            self.bump();
        }
        hit
    }

    fn accept_run(&mut self, wanted: impl Fn(char) -> bool) {
        while self.accept(&wanted) {}
    }

    fn token(&mut self, kind: Kind) -> Token<'t> {
        let value = &self.text[self.start..self.at];
        let token = Token { kind, at: self.start, value: value.into(), line: self.start_line };
        self.start = self.at;
        self.start_line = self.line;
        token
    }

    /// Skips `bytes` that have not been counted yet.
    fn skip(&mut self, bytes: usize) {
        self.at += bytes;
        self.line += newlines(&self.text[self.start..self.at]);
        self.start = self.at;
        self.start_line = self.line;
    }

    /// Nothing follows an error.
    fn error(&mut self, what: String) -> Token<'t> {
        let token = Token { kind: Kind::Error, at: self.start, value: what.into(), line: self.start_line };
        self.at = self.text.len();
        self.start = self.at;
        self.in_action = false;
        token
    }

    fn outside(&mut self) -> Token<'t> {
        loop {
            let Some(length) = self.rest().find(LEFT) else {
                self.at = self.text.len();
                if self.at == self.start {
                    return Token {
                        kind: Kind::Eof,
                        at: self.at,
                        value: "EOF".into(),
                        line: self.start_line,
                    };
                }
                self.line += newlines(&self.text[self.start..self.at]);
                return self.token(Kind::Text);
            };
            if let Some(text) = self.text_before(length) {
                return text;
            }
            match self.left_delim() {
                Some(token) => return token,
                None => continue, // A comment.
            }
        }
    }

    fn text_before(&mut self, length: usize) -> Option<Token<'t>> {
        let text = &self.rest()[..length];
        let trims = has_left_marker(&self.rest()[length + LEFT.len()..]);
        let kept = if trims { text.trim_end_matches(SPACES).len() } else { length };
        self.at += kept;
        self.line += newlines(&text[..kept]);
        let token = self.token(Kind::Text);
        self.skip(length - kept);
        (kept > 0).then_some(token)
    }

    fn left_delim(&mut self) -> Option<Token<'t>> {
        let marker = if has_left_marker(&self.rest()[LEFT.len()..]) { MARKER_BYTES } else { 0 };
        self.at += LEFT.len();
        if self.rest()[marker..].starts_with("/*") {
            self.skip(marker);
            return self.comment();
        }
        let token = self.token(Kind::LeftDelim);
        self.skip(marker);
        self.in_action = true;
        self.parens = 0;
        Some(token)
    }

    fn comment(&mut self) -> Option<Token<'t>> {
        let Some(length) = self.rest()[2..].find("*/") else {
            return Some(self.error("unclosed comment".to_owned()));
        };
        self.at += 2 + length + 2;
        let Some(trims) = self.right_delim_here() else {
            return Some(self.error("comment ends before closing delimiter".to_owned()));
        };
        let mut after = RIGHT.len();
        if trims {
            after += MARKER_BYTES;
            let following = &self.rest()[after..];
            after += following.len() - following.trim_start_matches(SPACES).len();
        }
        self.skip(after);
        None
    }

    /// Whether the action ends here, and if so whether it trims what follows.
    fn right_delim_here(&self) -> Option<bool> {
        let rest = self.rest();
        if has_right_marker(rest) && rest[MARKER_BYTES..].starts_with(RIGHT) {
            return Some(true);
        }
        rest.starts_with(RIGHT).then_some(false)
    }

    fn right_delim(&mut self, trims: bool) -> Token<'t> {
        if trims {
            self.skip(MARKER_BYTES);
        }
        self.at += RIGHT.len();
        let token = self.token(Kind::RightDelim);
        if trims {
            let rest = self.rest();
            self.skip(rest.len() - rest.trim_start_matches(SPACES).len());
        }
        self.in_action = false;
        token
    }

    fn inside_action(&mut self) -> Token<'t> {
        if let Some(trims) = self.right_delim_here() {
            return if self.parens == 0 {
                self.right_delim(trims)
            } else {
                self.error("unclosed left paren".to_owned())
            };
        }
        let Some(character) = self.peek() else { return self.error("unclosed action".to_owned()) };
        if SPACES.contains(&character) {
            return self.space();
        }
        if is_word(character) && !character.is_ascii_digit() {
            return self.identifier();
        }
        let begins_number = match character {
            '+' | '-' | '0'..='9' => true,
            '.' => self.rest().as_bytes().get(1).is_none_or(u8::is_ascii_digit),
            _ => false,
        };
        if begins_number {
            return self.number();
        }
        self.bump();
        self.punctuation(character)
    }

    fn punctuation(&mut self, character: char) -> Token<'t> {
        match character {
            '=' => self.token(Kind::Assign),
            ':' if self.accept(|next| next == '=') => self.token(Kind::Declare),
            ':' => self.error("expected :=".to_owned()),
            '|' => self.token(Kind::Pipe),
            '"' => self.quoted('"', "unterminated quoted string", Kind::Str),
            '\'' => self.quoted('\'', "unterminated character constant", Kind::CharConstant),
            '`' => self.raw_quoted(),
            '$' => self.field_or_variable(Kind::Variable, Kind::Variable),
            '.' => self.field_or_variable(Kind::Field, Kind::Dot),
            '(' => {
                self.parens += 1;
                self.token(Kind::LeftParen)
            }
            ')' if self.parens == 0 => self.error("unexpected right paren".to_owned()),
            ')' => {
                self.parens -= 1;
                self.token(Kind::RightParen)
            }
            _ if character.is_ascii() && is_print(character) => self.token(Kind::Char),
            _ => self.error(format!("unrecognized character in action: {}", code_point(character))),
        }
    }

    fn space(&mut self) -> Token<'t> {
        let mut spaces = 0;
        let mut before_last = self.at;
        while self.peek().is_some_and(|character| SPACES.contains(&character)) {
            before_last = self.at;
            self.bump();
            spaces += 1;
        }
        // The blank in front of a trim marker belongs to the marker.
        let tail = &self.text[before_last..];
        if has_right_marker(tail) && tail[MARKER_BYTES..].starts_with(RIGHT) {
            if self.text[before_last..].starts_with('\n') {
                self.line -= 1;
            }
            self.at = before_last;
            if spaces == 1 {
                return self.right_delim(true);
            }
        }
        self.token(Kind::Space)
    }

    fn identifier(&mut self) -> Token<'t> {
        self.accept_run(is_word);
        if !self.at_terminator() {
            return self.bad_character();
        }
        let kind = match &self.text[self.start..self.at] {
            "true" | "false" => Kind::Bool,
            "block" => Kind::Block,
            "break" => Kind::Break,
            "continue" => Kind::Continue,
            "define" => Kind::Define,
            "else" => Kind::Else,
            "end" => Kind::End,
            "if" => Kind::If,
            "range" => Kind::Range,
            "nil" => Kind::Nil,
            "template" => Kind::Template,
            "with" => Kind::With,
            _ => Kind::Identifier,
        };
        self.token(kind)
    }

    fn field_or_variable(&mut self, kind: Kind, bare: Kind) -> Token<'t> {
        if self.at_terminator() {
            return self.token(bare);
        }
        self.accept_run(is_word);
        if !self.at_terminator() {
            return self.bad_character();
        }
        self.token(kind)
    }

    fn bad_character(&mut self) -> Token<'t> {
        let character = self.peek().map_or_else(String::new, code_point);
        self.error(format!("bad character {character}"))
    }

    /// What may stand behind a word.
    fn at_terminator(&self) -> bool {
        match self.peek() {
            None | Some('.' | ',' | '|' | ':' | ')' | '(') => true,
            Some(character) => SPACES.contains(&character) || self.rest().starts_with(RIGHT),
        }
    }

    fn quoted(&mut self, mark: char, unterminated: &str, kind: Kind) -> Token<'t> {
        loop {
            match self.bump() {
                Some('\\') if self.peek().is_some_and(|next| next != '\n') => {
                    self.bump();
                }
                None | Some('\\' | '\n') => return self.error(unterminated.to_owned()),
                Some(character) if character == mark => return self.token(kind),
                Some(_) => {}
            }
        }
    }

    fn raw_quoted(&mut self) -> Token<'t> {
        loop {
            match self.bump() {
                None => return self.error("unterminated raw quoted string".to_owned()),
                Some('`') => return self.token(Kind::RawString),
                Some(_) => {}
            }
        }
    }

    fn number(&mut self) -> Token<'t> {
        if !self.scan_number() {
            return self.bad_number();
        }
        if self.peek().is_some_and(|sign| sign == '+' || sign == '-') {
            if !self.scan_number() || !self.text[..self.at].ends_with('i') {
                return self.bad_number();
            }
            return self.token(Kind::Complex);
        }
        self.token(Kind::Number)
    }

    fn bad_number(&mut self) -> Token<'t> {
        let what = format!("bad number syntax: {}", quote(&self.text[self.start..self.at]));
        self.error(what)
    }

    /// Not a perfect scanner: what it lets pass is refused when the number is read.
    fn scan_number(&mut self) -> bool {
        self.accept(|sign| sign == '+' || sign == '-');
        let mut radix = 10;
        if self.accept(|digit| digit == '0') {
            if self.accept(|letter| letter == 'x' || letter == 'X') {
                radix = 16;
            } else if self.accept(|letter| letter == 'o' || letter == 'O') {
                radix = 8;
            } else if self.accept(|letter| letter == 'b' || letter == 'B') {
                radix = 2;
            }
        }
        let digit = |character: char| character == '_' || character.is_digit(radix);
        self.accept_run(digit);
        if self.accept(|point| point == '.') {
            self.accept_run(digit);
        }
        let exponent: &[char] = match radix {
            10 => &['e', 'E'],
            16 => &['p', 'P'],
            _ => &[],
        };
        if self.accept(|letter| exponent.contains(&letter)) {
            self.accept(|sign| sign == '+' || sign == '-');
            self.accept_run(|character| character == '_' || character.is_ascii_digit());
        }
        self.accept(|imaginary| imaginary == 'i');
        if self.peek().is_some_and(is_word) {
            self.bump();
            return false;
        }
        true
    }
}

fn newlines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

fn is_word(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

/// Go's `%#U`.
pub(super) fn code_point(character: char) -> String {
    let code = format!("U+{:04X}", u32::from(character));
    if is_print(character) { format!("{code} '{character}'") } else { code }
}

fn has_left_marker(text: &str) -> bool {
    text.strip_prefix('-').is_some_and(|rest| rest.starts_with(SPACES))
}

fn has_right_marker(text: &str) -> bool {
    text.strip_prefix(SPACES).is_some_and(|rest| rest.starts_with('-'))
}
