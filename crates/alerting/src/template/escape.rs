//! Escapes of URLs, HTML, JavaScript and base64 as Go's library writes them.

use super::number::is_print;

/// `url.QueryEscape`
pub(super) fn query_escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => push_percent(&mut out, byte, true),
        }
    }
    out
}

pub(super) fn push_percent(out: &mut String, byte: u8, upper: bool) {
    out.push_str(&if upper { format!("%{byte:02X}") } else { format!("%{byte:02x}") });
}

/// `%41` to `A`; nothing when a percent sign has no two digits behind it. What is no UTF-8 then is replaced.
pub(super) fn percent_decode(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            bytes.push(hex_pair(after)?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Where the first percent sign without two digits stands.
pub(super) fn bad_escape(text: &str) -> usize {
    let bad = |(at, _): &(usize, &str)| hex_pair(&text.as_bytes()[at + 1..]).is_none();
    text.match_indices('%').find(bad).map_or(0, |(at, _)| at)
}

fn hex_pair(bytes: &[u8]) -> Option<u8> {
    let digit = |index: usize| char::from(*bytes.get(index)?).to_digit(16);
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

/// `template.HTMLEscapeString`
pub(super) fn html_escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\0' => out.push('\u{fffd}'),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            plain => out.push(plain),
        }
    }
    out
}

/// `template.JSEscapeString`
pub(super) fn js_escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' | '>' | '&' | '=' | '\0'..='\x1f' => {
                out.push_str(&format!("\\u{:04X}", u32::from(character)));
            }
            _ if character.is_ascii() || is_print(character) => out.push(character),
            _ => out.push_str(&format!("\\u{:04X}", u32::from(character))),
        }
    }
    out
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// With the alphabet that URLs bear, and padding.
pub(super) fn base64_encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for index in 0..4 {
            let digit = BASE64[(bits >> (18 - 6 * index) & 63) as usize];
            out.push(if index <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

/// The error is the byte at which Go says that it is none.
pub(super) fn base64_decode(text: &str) -> Result<Vec<u8>, usize> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len() / 4 * 3);
    let (mut bits, mut held, mut at) = (0_u32, 0, 0);
    let after_newlines =
        |from: usize| from + bytes[from..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    loop {
        at = after_newlines(at);
        let Some(byte) = bytes.get(at) else {
            return if held == 0 { Ok(out) } else { Err(bytes.len() - held) };
        };
        match BASE64.iter().position(|own| own == byte).and_then(|value| u32::try_from(value).ok()) {
            Some(value) => bits = bits << 6 | value,
            None if *byte == b'=' && held >= 2 => return padded(bytes, at, bits, held, out),
            None => return Err(at),
        }
        (held, at) = (held + 1, at + 1);
        if held == 4 {
            out.extend_from_slice(&bits.to_be_bytes()[1..]);
            (bits, held) = (0, 0);
        }
    }
}

/// The end: two or three digits, the first `=` and what must follow it.
fn padded(bytes: &[u8], at: usize, bits: u32, held: usize, mut out: Vec<u8>) -> Result<Vec<u8>, usize> {
    let newline = |byte: &&u8| matches!(**byte, b'\r' | b'\n');
    let mut next = at + 1;
    next += bytes[next..].iter().take_while(newline).count();
    if held == 2 {
        match bytes.get(next) {
            Some(b'=') => next += 1,
            Some(_) => return Err(next - 1),
            None => return Err(bytes.len()),
        }
        next += bytes[next..].iter().take_while(newline).count();
    }
    if next < bytes.len() {
        return Err(next);
    }
    let whole = (bits << (6 * (4 - held))).to_be_bytes();
    out.extend_from_slice(&whole[1..held]);
    Ok(out)
}
