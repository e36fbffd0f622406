//! Secrets in texts: `password=…`, `"token": "…"`, `Authorization: Bearer …`.
//!
//! What stands behind `=` is a secret whatever it is. What stands behind a colon is one if the name is quoted, as in JSON,
//! if the name is that of a header, or if there is a digit in it: `invalid token: expired` is no secret.

use super::{SECRET, names};

/// Longest name of a secret; what is longer is no name.
const NAME_BYTES_MAX: usize = 64;
/// Names whose value is the rest of the line: it has blanks and separators of its own.
const LINES: [&str; 2] = ["cookie", "set-cookie"];
/// Words before the secret of an `Authorization`.
const SCHEMES: [&str; 4] = ["bearer", "basic", "digest", "token"];

/// Whether a secret may be there: a look at every `=` and `:`.
#[inline]
pub(super) fn may_have(text: &str) -> bool {
    separators(text.as_bytes()).any(|at| may_name(text, at))
}

/// Replaces secrets in place; answers whether there were any.
pub(super) fn replace(text: &mut String) -> bool {
    let mut masked = String::new();
    let mut copied = 0;
    for at in separators(text.as_bytes()) {
        if copied <= at
            && may_name(text, at)
            && let Some((start, end)) = secret(text, at)
        {
            masked.push_str(&text[copied..start]);
            masked.push_str(SECRET);
            copied = end;
        }
    }
    if copied > 0 {
        masked.push_str(&text[copied..]);
        *text = masked;
    }
    copied > 0
}

/// The last bytes of `=`, `:` and `：`.
fn separators(text: &[u8]) -> impl Iterator<Item = usize> {
    memchr::memchr3_iter(b'=', b':', WIDE_COLON[2], text)
        .filter(|at| text[*at] != WIDE_COLON[2] || text[..=*at].ends_with(WIDE_COLON))
}

const WIDE_COLON: &[u8] = "：".as_bytes();

/// Whether the letters before a separator are the end of a secret's name.
#[inline]
fn may_name(text: &str, at: usize) -> bool {
    let mut before = text.as_bytes()[..at].iter().rev();
    if text.as_bytes()[at] == WIDE_COLON[2] {
        return true;
    }
    let mut letters = before.by_ref().skip_while(|byte| is_blank_or_quote(**byte)).take(2);
    match (letters.next(), letters.next()) {
        (Some(last), Some(before)) => names::may_end_secret([*before, *last]),
        _ => false,
    }
}

fn is_blank_or_quote(byte: u8) -> bool {
    matches!(byte, b' ' | b'"' | b'\'' | b'\\')
}

/// The secret behind a separator: its first byte, one behind its last.
fn secret(text: &str, at: usize) -> Option<(usize, usize)> {
    let separator = text[..=at].chars().next_back()?;
    let before = text[..=at].strip_suffix(separator)?;
    if separator == '=' && text[at + 1..].starts_with(' ') && !before.ends_with(' ') {
        return None; // `password= next=…`: there is none.
    }
    let bare = before.trim_end_matches([' ', '"', '\'', '\\']);
    let is_quoted = before.trim_end_matches(' ').len() != bare.len();
    let is_letter = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-');
    let from = bare.rfind(|letter| !is_letter(letter));
    let from = from.map_or(0, |at| at + bare[at..].chars().next().map_or(0, char::len_utf8));
    let name = &bare[from..];
    if name.len() > NAME_BYTES_MAX || !names::is_secret(name) {
        return None;
    }
    let (start, end, has_digit) = value(text, at + 1, name);
    let is_header = LINES.iter().chain(&["authorization"]).any(|own| name.eq_ignore_ascii_case(own));
    let is_one = separator == '=' || is_quoted || is_header || has_digit;
    let said = &text[start..end];
    (is_one && !said.is_empty() && said != SECRET && said != "null" && said != "None").then_some((start, end))
}

/// The value that begins here, and whether a digit is in it.
fn value(text: &str, from: usize, name: &str) -> (usize, usize, bool) {
    let rest = text[from..].trim_start_matches([' ', '\\']);
    let (rest, quote) = match rest.chars().next() {
        Some(quote @ ('"' | '\'')) => (&rest[1..], Some(quote)),
        _ => (rest, None),
    };
    let start = text.len() - rest.len();
    let is_line = LINES.iter().any(|own| name.eq_ignore_ascii_case(own));
    let ends = |letter: char| match quote {
        Some(quote) => letter == quote || letter == '\\' || letter == '\n',
        None if is_line => matches!(letter, '\n' | '\r'),
        None => letter.is_whitespace() || "\"'&,;)}]<>\\，；。）】".contains(letter),
    };
    let mut length = rest.find(ends).unwrap_or(rest.len());
    let scheme = &rest[..length];
    if quote.is_none()
        && rest[length..].starts_with(' ')
        && SCHEMES.iter().any(|own| scheme.eq_ignore_ascii_case(own))
    {
        let behind = rest[length..].trim_start_matches(' ');
        length = rest.len() - behind.len() + behind.find(ends).unwrap_or(behind.len());
    }
    let has_digit = rest[..length].bytes().any(|byte| byte.is_ascii_digit());
    (start, start + length, has_digit)
}
