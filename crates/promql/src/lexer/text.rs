//! Quoted texts and their escapes.

use super::{Flow, Kind, Lexer};

/// A quoted text's content.
pub(crate) struct Unquoted {
    /// Bytes that are no UTF-8 became U+FFFD.
    pub(crate) text: String,
    /// All bytes, where some are no UTF-8.
    pub(crate) invalid_utf8: Option<Box<[u8]>>,
}

/// The content of a string token, whose syntax the lexer has checked.
pub(crate) fn unquote(token: &str) -> Unquoted {
    let inner = &token[1..token.len() - 1];
    if token.starts_with('`') || !inner.contains('\\') {
        return Unquoted { text: inner.to_owned(), invalid_utf8: None };
    }
    let mut bytes = Vec::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => push_escape(&mut chars, &mut bytes),
            _ => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    match String::from_utf8(bytes) {
        Ok(text) => Unquoted { text, invalid_utf8: None },
        Err(error) => Unquoted {
            text: String::from_utf8_lossy(error.as_bytes()).into_owned(),
            invalid_utf8: Some(error.into_bytes().into()),
        },
    }
}

fn push_escape(chars: &mut std::str::Chars<'_>, bytes: &mut Vec<u8>) {
    let Some(c) = chars.next() else { return };
    let (digits, base) = match c {
        'a' => return bytes.push(7),
        'b' => return bytes.push(8),
        'f' => return bytes.push(12),
        'n' => return bytes.push(b'\n'),
        'r' => return bytes.push(b'\r'),
        't' => return bytes.push(b'\t'),
        'v' => return bytes.push(11),
        'x' => (2, 16),
        'u' => (4, 16),
        'U' => (8, 16),
        '0'..='7' => (2, 8),
        _ => return bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
    };
    let mut code = if base == 8 { c.to_digit(8).unwrap_or(0) } else { 0 };
    for _ in 0..digits {
        code = code.wrapping_mul(base).wrapping_add(chars.next().and_then(|c| c.to_digit(base)).unwrap_or(0));
    }
    match c {
        'u' | 'U' => {
            let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        _ => bytes.push(code.to_le_bytes()[0]),
    }
}

impl Lexer<'_> {
    /// A quoted text whose opening quote was just read.
    pub(super) fn string(&mut self, quote: char) -> Flow {
        loop {
            match self.bump() {
                Some(c) if c == quote => return self.emit(Kind::String),
                None if quote == '`' => return self.fail("unterminated raw string"),
                Some(_) if quote == '`' => {}
                None | Some('\n') => return self.fail("unterminated quoted string"),
                Some('\\') => {
                    if let Err(problem) = self.escape(quote) {
                        return self.fail(&problem);
                    }
                }
                Some(_) => {}
            }
        }
    }

    fn escape(&mut self, quote: char) -> Result<(), String> {
        let not_terminated = || "escape sequence not terminated".to_owned();
        let c = self.bump().ok_or_else(not_terminated)?;
        let (mut left, base, max) = match c {
            'a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\' => return Ok(()),
            _ if c == quote => return Ok(()),
            '0'..='7' => (2, 8, 255),
            'x' => (2, 16, 255),
            'u' => (4, 16, 0x10_ffff),
            'U' => (8, 16, 0x10_ffff),
            _ => return Err(format!("unknown escape sequence {}", code_point(c))),
        };
        let mut code = u64::from(if base == 8 { c.to_digit(8).unwrap_or(0) } else { 0 });
        while left > 0 {
            let c = self.bump().ok_or_else(not_terminated)?;
            let digit = c
                .to_digit(base)
                .ok_or_else(|| format!("illegal character {} in escape sequence", code_point(c)))?;
            code = code * u64::from(base) + u64::from(digit);
            left -= 1;
        }
        if code > max || (0xd800..0xe000).contains(&code) {
            return Err("escape sequence is an invalid Unicode code point".to_owned());
        }
        Ok(())
    }
}

/// `U+0071 'q'`
fn code_point(c: char) -> String {
    format!("U+{:04X} '{c}'", u32::from(c))
}
