//! The words of a statement, as far as the linter and the renderer need them.

/// One word, with its place in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: TokenKind,
    /// Without quotes and without the colon.
    pub(crate) text: &'a str,
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// How many parentheses are open before it.
    pub(crate) depth: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A name or keyword, quoted or not.
    Word,
    Number,
    Text,
    /// `:name`.
    Parameter,
    Sign,
}

/// Why a text cannot be a statement of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Longer than any statement need be.
    #[error("the statement has more than {STATEMENT_BYTES_MAX} bytes")]
    TooLong,
    /// A comment: what follows may mean another thing to another database.
    #[error("comments are not allowed in a statement (byte {0})")]
    Comment(usize),
    /// A quote without its end.
    #[error("the quote at byte {0} does not end")]
    OpenQuote(usize),
    /// MySQL takes it for an escape and PostgreSQL does not.
    #[error(
        "a backslash inside of quotes means different things to different databases (byte {0}); leave it out"
    )]
    Backslash(usize),
    /// Not a character of a statement.
    #[error("`{1}` at byte {0} has no place in a statement")]
    Character(usize, char),
    /// Parentheses do not match.
    #[error("the parentheses do not match")]
    Parentheses,
}

/// The longest preset has 400 bytes.
const STATEMENT_BYTES_MAX: usize = 4_096;

pub(crate) fn tokens(sql: &str) -> Result<Vec<Token<'_>>, TokenError> {
    if sql.len() > STATEMENT_BYTES_MAX {
        return Err(TokenError::TooLong);
    }
    let mut scan = Scan { sql, at: 0, depth: 0 };
    let mut tokens = Vec::new();
    while let Some(token) = scan.next()? {
        tokens.push(token);
    }
    if scan.depth == 0 { Ok(tokens) } else { Err(TokenError::Parentheses) }
}

struct Scan<'a> {
    sql: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Scan<'a> {
    fn next(&mut self) -> Result<Option<Token<'a>>, TokenError> {
        let rest = &self.sql[self.at..];
        self.at += rest.len() - rest.trim_start().len();
        let rest = &self.sql[self.at..];
        let Some(first) = rest.chars().next() else { return Ok(None) };
        if rest.starts_with("--") || rest.starts_with("/*") || first == '#' {
            return Err(TokenError::Comment(self.at));
        }
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let length = |rest: &str, of: &dyn Fn(char) -> bool| rest.find(|c| !of(c)).unwrap_or(rest.len());
        let token = match first {
            c if c.is_ascii_digit() => {
                let number = length(rest, &|c| is_word(c) || c == '.');
                self.token(TokenKind::Number, 0, number, number)
            }
            c if is_word(c) => {
                let word = length(rest, &is_word);
                self.token(TokenKind::Word, 0, word, word)
            }
            ':' if rest.starts_with("::") => self.token(TokenKind::Sign, 0, 2, 2),
            ':' if length(&rest[1..], &is_word) > 0 => {
                let end = 1 + length(&rest[1..], &is_word);
                self.token(TokenKind::Parameter, 1, end, end)
            }
            '\'' | '"' | '`' => self.quoted(first)?,
            '(' => {
                let token = self.token(TokenKind::Sign, 0, 1, 1);
                self.depth += 1;
                token
            }
            ')' => {
                self.depth = self.depth.checked_sub(1).ok_or(TokenError::Parentheses)?;
                self.token(TokenKind::Sign, 0, 1, 1)
            }
            ',' | '.' | ';' | '=' | '<' | '>' | '!' | '+' | '-' | '*' | '/' | '%' | '|' => {
                self.token(TokenKind::Sign, 0, 1, 1)
            }
            other => return Err(TokenError::Character(self.at, other)),
        };
        Ok(Some(token))
    }

    fn quoted(&mut self, quote: char) -> Result<Token<'a>, TokenError> {
        let rest = &self.sql[self.at..];
        let mut end = 1;
        loop {
            let found = rest[end..].find(quote).ok_or(TokenError::OpenQuote(self.at))?;
            end += found + 1;
            if !rest[end..].starts_with(quote) {
                break;
            }
            end += 1; // A doubled quote is one inside.
        }
        if rest[..end].contains('\\') {
            return Err(TokenError::Backslash(self.at));
        }
        let kind = if quote == '\'' { TokenKind::Text } else { TokenKind::Word };
        Ok(self.token(kind, 1, end - 1, end))
    }

    /// The text between `from` and `to`; the token goes on to `end`.
    fn token(&mut self, kind: TokenKind, from: usize, to: usize, end: usize) -> Token<'a> {
        let start = self.at;
        self.at += end;
        Token { kind, text: &self.sql[start + from..start + to], start, end: self.at, depth: self.depth }
    }
}

impl Token<'_> {
    /// Whether it is this keyword or name, in any case.
    pub(crate) fn is(&self, word: &str) -> bool {
        self.kind == TokenKind::Word && self.text.eq_ignore_ascii_case(word)
    }

    pub(crate) fn is_sign(&self, sign: &str) -> bool {
        self.kind == TokenKind::Sign && self.text == sign
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sql: &str, expected: Result<&str, TokenError>) {
        let words =
            tokens(sql).map(|tokens| tokens.iter().map(|token| token.text).collect::<Vec<_>>().join(" "));
        assert_eq!(words, expected.map(str::to_owned));
    }

    #[test]
    fn a_statement_falls_into_words() {
        check("UPDATE t SET a=a+:n WHERE id=:id", Ok("UPDATE t SET a = a + n WHERE id = id"));
        check("a='it''s' AND `b`=\"C\"", Ok("a = it''s AND b = C"));
        check("a::text = :名字", Ok("a :: text = 名字"));
        check("", Ok(""));
    }

    #[test]
    fn what_could_hide_something_is_refused() {
        check("a -- b", Err(TokenError::Comment(2)));
        check("a /* b */", Err(TokenError::Comment(2)));
        check("a # b", Err(TokenError::Comment(2)));
        check("'a", Err(TokenError::OpenQuote(0)));
        check(r"'a\'", Err(TokenError::Backslash(0)));
        check("a = $1", Err(TokenError::Character(4, '$')));
        check("a = ?", Err(TokenError::Character(4, '?')));
        check("a = @@b", Err(TokenError::Character(4, '@')));
        check("(a", Err(TokenError::Parentheses));
        check("a)", Err(TokenError::Parentheses));
        check(&"a ".repeat(3_000), Err(TokenError::TooLong));
    }
}
