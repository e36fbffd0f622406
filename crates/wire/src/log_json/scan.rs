//! Tokens of JSON, read in place.

use std::borrow::Cow;
use std::ops::Range;

/// What is wrong, at which byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) at: usize,
    pub(crate) what: &'static str,
}

/// A number as precise as 64 bits can hold it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Figure {
    pub(super) value: FigureValue,
    /// Whether the value, written again, is the number that stood there.
    pub(super) exact: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum FigureValue {
    Int(i64),
    Float(f64),
    /// Beyond every float.
    TooLarge,
}

/// A place in a text. Raw control characters inside of strings are taken as they are: producers that forget to escape
/// a tab have something to say all the same.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scanner<'t> {
    pub(super) text: &'t str,
    pub(super) at: usize,
}

type Result<T> = std::result::Result<T, Fault>;

/// 10^0 to 10^22: the powers that a float holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

impl<'t> Scanner<'t> {
    pub(crate) fn new(text: &'t str) -> Scanner<'t> {
        Scanner { text, at: 0 }
    }

    #[cold]
    pub(crate) fn fault(&self, what: &'static str) -> Fault {
        Fault { at: self.at, what }
    }

    #[inline]
    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Steps over one byte if it is this one.
    #[inline]
    pub(crate) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    #[inline]
    pub(crate) fn expect(&mut self, byte: u8, what: &'static str) -> Result<()> {
        if self.eat(byte) { Ok(()) } else { Err(self.fault(what)) }
    }

    /// Steps over white space.
    #[inline]
    pub(crate) fn blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// Nothing but white space is left.
    pub(crate) fn end(&mut self) -> Result<()> {
        self.blanks();
        if self.at == self.text.len() {
            Ok(())
        } else {
            Err(self.fault("something stands behind the object"))
        }
    }

    /// A string, the scanner standing on its first quote: a piece of the text, or `scratch`, when there are escapes.
    #[inline]
    pub(crate) fn string<'s>(&mut self, scratch: &'s mut String) -> Result<&'s str>
    where
        't: 's,
    {
        let start = self.at + 1;
        match self.quote_or_escape(start)? {
            (b'"', end) => {
                self.at = end + 1;
                Ok(&self.text[start..end])
            }
            _ => {
                scratch.clear();
                self.string_onto(scratch)?;
                Ok(scratch)
            }
        }
    }

    /// The same, written behind what stands in `out` already.
    #[inline]
    pub(crate) fn string_onto(&mut self, out: &mut String) -> Result<()> {
        let opening = self.at;
        self.expect(b'"', "expected a string")?;
        loop {
            let start = self.at;
            let (byte, end) = self.quote_or_escape(start).map_err(|fault| Fault { at: opening, ..fault })?;
            out.push_str(&self.text[start..end]);
            self.at = end + 1;
            if byte == b'"' {
                return Ok(());
            }
            self.escape(out)?;
        }
    }

    #[inline]
    fn quote_or_escape(&self, from: usize) -> Result<(u8, usize)> {
        let bytes = self.text.as_bytes();
        match memchr::memchr2(b'"', b'\\', &bytes[from..]) {
            Some(length) => Ok((bytes[from + length], from + length)),
            None => Err(self.fault("the string is never closed")),
        }
    }

    /// An escape, the scanner standing behind its backslash. Half a surrogate pair becomes U+FFFD.
    fn escape(&mut self, out: &mut String) -> Result<()> {
        let character = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                let unit = self.code_unit()?;
                out.push(self.paired(unit)?);
                return Ok(());
            }
            _ => return Err(self.fault("no such escape")),
        };
        self.at += 1;
        out.push(character);
        Ok(())
    }

    fn paired(&mut self, first: u32) -> Result<char> {
        let lone = char::REPLACEMENT_CHARACTER;
        if !(0xd800..0xdc00).contains(&first) {
            return Ok(char::from_u32(first).unwrap_or(lone));
        }
        if !self.text.as_bytes()[self.at..].starts_with(b"\\u") {
            return Ok(lone);
        }
        let before = self.at;
        self.at += 2;
        let second = self.code_unit()?;
        if !(0xdc00..0xe000).contains(&second) {
            self.at = before; // An escape of its own.
            return Ok(lone);
        }
        Ok(char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)).unwrap_or(lone))
    }

    fn code_unit(&mut self) -> Result<u32> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4);
        let unit = digits.and_then(|digits| {
            digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
        });
        let unit = unit.ok_or_else(|| self.fault("expected four hexadecimal digits"))?;
        self.at += 4;
        Ok(unit)
    }

    /// `true`, `false` or `null`.
    #[inline]
    pub(super) fn word(&mut self) -> Result<Option<bool>> {
        let rest = &self.text.as_bytes()[self.at..];
        let (value, length) = match rest {
            [b't', b'r', b'u', b'e', ..] => (Some(true), 4),
            [b'f', b'a', b'l', b's', b'e', ..] => (Some(false), 5),
            [b'n', b'u', b'l', b'l', ..] => (None, 4),
            _ => return Err(self.fault("expected a value")),
        };
        self.at += length;
        Ok(value)
    }

    /// A number, the scanner standing on its first character.
    #[inline]
    pub(super) fn number(&mut self) -> Result<Figure> {
        let start = self.at;
        let negative = self.eat(b'-');
        let zero = self.peek() == Some(b'0');
        let (mut mantissa, whole) = self.digits(0)?;
        if zero && whole > 1 {
            return Err(Fault { at: start, what: "a number begins with a needless 0" });
        }
        let mut decimals = 0;
        if self.eat(b'.') {
            (mantissa, decimals) = self.digits(mantissa)?;
        } else if !matches!(self.peek(), Some(b'e' | b'E')) {
            return Ok(self.integer(start, negative, mantissa, whole));
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits(0)?;
        } else if whole + decimals <= 15 {
            // Both are exact in a float, so that their quotient is rounded once, to the nearest.
            let value = mantissa as f64 / POWERS[decimals];
            return Ok(Figure {
                value: FigureValue::Float(if negative { -value } else { value }),
                exact: true,
            });
        }
        Ok(float(&self.text[start..self.at]))
    }

    /// At least one digit; the number that they continue, meaningless beyond 19 digits, and how many they are.
    #[inline]
    fn digits(&mut self, mut number: u64) -> Result<(u64, usize)> {
        let start = self.at;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            number = number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            self.at += 1;
        }
        if self.at == start {
            return Err(self.fault("expected a digit"));
        }
        Ok((number, self.at - start))
    }

    #[inline]
    fn integer(&self, start: usize, negative: bool, magnitude: u64, digits: usize) -> Figure {
        let exact = |value| Figure { value, exact: true };
        if negative && magnitude == 0 && digits == 1 {
            return exact(FigureValue::Float(-0.0));
        }
        if digits <= 18 {
            let magnitude = magnitude as i64;
            return exact(FigureValue::Int(if negative { -magnitude } else { magnitude }));
        }
        let text = &self.text[start..self.at];
        text.parse()
            .map_or_else(|_| Figure { exact: false, ..float(text) }, |value| exact(FigureValue::Int(value)))
    }

    /// Steps over a value of any depth; answers where it stood.
    pub(super) fn skip(&mut self) -> Result<Range<usize>> {
        self.blanks();
        let start = self.at;
        let mut closing = Vec::new();
        loop {
            self.blanks();
            match self.peek() {
                Some(b'{') => {
                    self.at += 1;
                    closing.push(b'}');
                    self.blanks();
                    if self.peek() != Some(b'}') {
                        self.skip_key()?;
                        continue;
                    }
                }
                Some(b'[') => {
                    self.at += 1;
                    closing.push(b']');
                    self.blanks();
                    if self.peek() != Some(b']') {
                        continue;
                    }
                }
                _ => self.skip_scalar()?,
            }
            if self.skip_closings(&mut closing)? {
                return Ok(start..self.at);
            }
        }
    }

    /// The text of a value of any depth.
    pub(crate) fn skip_text(&mut self) -> Result<&'t str> {
        let token = self.skip()?;
        Ok(&self.text[token])
    }

    /// What is left.
    pub(crate) fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// Behind a value: closes what is closed here, and steps to the next value; answers whether all is closed.
    fn skip_closings(&mut self, closing: &mut Vec<u8>) -> Result<bool> {
        while let Some(&byte) = closing.last() {
            self.blanks();
            if self.eat(byte) {
                closing.pop();
                continue;
            }
            self.expect(b',', "expected `,` or the end of an object or array")?;
            if byte == b'}' {
                self.blanks();
                self.skip_key()?;
            }
            return Ok(false);
        }
        Ok(true)
    }

    fn skip_key(&mut self) -> Result<()> {
        self.skip_string()?;
        self.blanks();
        self.expect(b':', "expected `:` behind a name")
    }

    fn skip_string(&mut self) -> Result<()> {
        let mut scratch = String::new();
        if self.peek() != Some(b'"') {
            return Err(self.fault("expected a string"));
        }
        self.string(&mut scratch).map(drop)
    }

    fn skip_scalar(&mut self) -> Result<()> {
        match self.peek() {
            Some(b'"') => self.skip_string(),
            Some(b'-' | b'0'..=b'9') => self.number().map(drop),
            _ => self.word().map(drop),
        }
    }
}

/// Visits the members of an object: names without their escapes, values as they stand.
pub(crate) fn each_member<'t>(
    object: &'t str,
    visit: &mut dyn FnMut(&str, &'t str) -> Result<()>,
) -> Result<()> {
    let mut scanner = Scanner::new(object);
    let mut name = String::new();
    scanner.blanks();
    scanner.expect(b'{', "expected an object")?;
    scanner.blanks();
    while !scanner.eat(b'}') {
        name.clear();
        scanner.string_onto(&mut name)?;
        scanner.blanks();
        scanner.expect(b':', "expected `:` behind a name")?;
        visit(&name, scanner.skip_text()?)?;
        scanner.blanks();
        if scanner.eat(b',') {
            scanner.blanks();
        } else if scanner.peek() != Some(b'}') {
            return Err(scanner.fault("expected `,` or `}`"));
        }
    }
    Ok(())
}

/// Visits the items of an array as they stand.
pub(crate) fn each_item<'t>(array: &'t str, visit: &mut dyn FnMut(&'t str) -> Result<()>) -> Result<()> {
    let mut scanner = Scanner::new(array);
    scanner.blanks();
    scanner.expect(b'[', "expected an array")?;
    scanner.blanks();
    while !scanner.eat(b']') {
        visit(scanner.skip_text()?)?;
        scanner.blanks();
        if !scanner.eat(b',') && scanner.peek() != Some(b']') {
            return Err(scanner.fault("expected `,` or `]`"));
        }
    }
    Ok(())
}

/// A text or number as text; `None` for everything else.
pub(crate) fn plain_text(value: &str) -> Option<Cow<'_, str>> {
    match value.as_bytes().first()? {
        b'"' => {
            let mut text = String::new();
            Scanner::new(value).string_onto(&mut text).ok()?;
            Some(Cow::Owned(text))
        }
        b'-' | b'0'..=b'9' => Some(Cow::Borrowed(value)),
        _ => None,
    }
}

/// A number with a fraction, an exponent or too many digits.
fn float(text: &str) -> Figure {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => {
            Figure { value: FigureValue::Float(value), exact: survives(text, value) }
        }
        _ => Figure { value: FigureValue::TooLarge, exact: false },
    }
}

/// Whether the shortest text of a float has the digits of the text that it was read from.
fn survives(text: &str, value: f64) -> bool {
    let mut buffer = zmij::Buffer::new();
    let (mut read, mut written) = (significant(text), significant(buffer.format_finite(value)));
    loop {
        match (read.next(), written.next()) {
            (None, None) => return true,
            (one, other) if one.unwrap_or(b'0') == other.unwrap_or(b'0') => {}
            _ => return false,
        }
    }
}

/// The digits of a number from its first that is not 0.
fn significant(text: &str) -> impl Iterator<Item = u8> + '_ {
    let mantissa = text.bytes().take_while(|byte| !matches!(byte, b'e' | b'E'));
    mantissa.filter(u8::is_ascii_digit).skip_while(|digit| *digit == b'0')
}
