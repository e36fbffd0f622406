//! Texts quoted as Go's `%q` quotes them, which is how Prometheus prints strings and names in its errors.

use std::fmt::Write;

/// `text` in double quotes, with escapes for what cannot be seen.
pub fn go_quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    text.chars().for_each(|c| push_escaped(&mut quoted, c, '"'));
    quoted.push('"');
    quoted
}

/// `bytes` in double quotes; those that are no UTF-8 as `\xc5`.
pub fn go_quote_bytes(bytes: &[u8]) -> String {
    let mut quoted = String::with_capacity(bytes.len() + 2);
    quoted.push('"');
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|c| push_escaped(&mut quoted, c, '"'));
        for byte in chunk.invalid() {
            push_hex(&mut quoted, 'x', u32::from(*byte), 2);
        }
    }
    quoted.push('"');
    quoted
}

/// One character in single quotes.
pub fn go_quote_char(c: char) -> String {
    let mut quoted = String::from("'");
    push_escaped(&mut quoted, c, '\'');
    quoted.push('\'');
    quoted
}

fn push_escaped(out: &mut String, c: char, quote: char) {
    match c {
        '\u{7}' => out.push_str("\\a"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{b}' => out.push_str("\\v"),
        '\\' => out.push_str("\\\\"),
        _ if c == quote => {
            out.push('\\');
            out.push(c);
        }
        _ if is_printable(c) => out.push(c),
        _ if u32::from(c) < 0x80 => push_hex(out, 'x', u32::from(c), 2),
        _ if u32::from(c) < 0x1_0000 => push_hex(out, 'u', u32::from(c), 4),
        _ => push_hex(out, 'U', u32::from(c), 8),
    }
}

/// Roughly Go's `unicode.IsPrint`: no control characters, no blanks but the space, no joiners and marks of order.
fn is_printable(c: char) -> bool {
    let invisible = matches!(u32::from(c), 0xad | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff)
        || matches!(u32::from(c), 0xe000..=0xf8ff | 0xfff0..=0xfffb | 0xe0000.. );
    c == ' ' || (!c.is_control() && !c.is_whitespace() && !invisible)
}

fn push_hex(out: &mut String, letter: char, code: u32, digits: usize) {
    write!(out, "\\{letter}{code:0digits$x}").expect("writing to a String does not fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_is_gos() {
        assert_eq!(go_quote("a\"b\\\n\u{1}"), r#""a\"b\\\n\x01""#);
        assert_eq!(go_quote("灵哨 '"), "\"灵哨 '\"");
        assert_eq!(go_quote("a\u{a0}\u{200b}"), r#""a\u00a0\u200b""#);
        assert_eq!(go_quote_bytes(b"a\xc5z"), r#""a\xc5z""#);
        assert_eq!(go_quote_char('\''), r"'\''");
        assert_eq!(go_quote_char('"'), "'\"'");
    }
}
