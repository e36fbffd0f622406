//! A mail as a person sees it: headers decoded, parts decoded.

use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Nested parts of one mail.
const DEPTH_MAX: usize = 5;

/// A mail that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// When its last byte arrived.
    pub at: SystemTime,
    /// Envelope.
    pub from: String,
    /// Envelope.
    pub to: Vec<String>,
    /// Who logged in.
    pub user: Option<String>,
    /// Whether it came through TLS.
    pub tls: bool,
    /// Headers and body, dots unstuffed, lines ending in CRLF.
    pub data: String,
}

impl Mail {
    /// A header's text, unfolded, encoded words decoded; the first of that name.
    pub fn header(&self, name: &str) -> Option<String> {
        let (head, _) = self.data.split_once("\r\n\r\n")?;
        header(head, name).map(|text| decode_words(&text))
    }

    /// `text/plain`, `text/html` … with the decoded text of that part; of all parts, in order.
    pub fn parts(&self) -> Vec<(String, String)> {
        let mut parts = Vec::new();
        collect(&self.data, &mut parts, 0);
        parts
    }

    /// The decoded text of the first part of a type.
    pub fn part(&self, kind: &str) -> Option<String> {
        self.parts().into_iter().find_map(|(own, text)| (own == kind).then_some(text))
    }
}

pub(super) fn header(head: &str, name: &str) -> Option<String> {
    let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    unfolded.split("\r\n").find_map(|line| {
        let (own, value) = line.split_once(':')?;
        own.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    })
}

fn collect(entity: &str, parts: &mut Vec<(String, String)>, depth: usize) {
    let Some((head, body)) = entity.split_once("\r\n\r\n") else { return };
    let kind = header(head, "content-type").unwrap_or_else(|| "text/plain".to_owned());
    let media = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let boundary = kind.split_once("boundary=").map(|(_, rest)| rest.split(';').next().unwrap_or(rest));
    match boundary.map(|boundary| boundary.trim_matches('"')) {
        Some(boundary) if media.starts_with("multipart/") && depth < DEPTH_MAX => {
            let body = format!("\r\n{body}");
            let delimiter = format!("\r\n--{boundary}");
            let inner = body.split(delimiter.as_str()).skip(1).take_while(|part| !part.starts_with("--"));
            inner.for_each(|part| collect(part.strip_prefix("\r\n").unwrap_or(part), parts, depth + 1));
        }
        _ => {
            let encoding = header(head, "content-transfer-encoding").unwrap_or_default();
            let bytes = match encoding.to_ascii_lowercase().as_str() {
                "base64" => STANDARD.decode(body.split_whitespace().collect::<String>()).unwrap_or_default(),
                "quoted-printable" => quoted_printable(&body.replace("=\r\n", "")),
                _ => body.as_bytes().to_vec(),
            };
            parts.push((media, String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
}

fn quoted_printable(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let pair = if byte == b'=' { bytes.next().zip(bytes.next()) } else { None };
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        match pair.and_then(|(high, low)| Some(digit(high)? << 4 | digit(low)?)) {
            Some(decoded) => out.push(decoded),
            None => out.push(byte),
        }
    }
    out
}

/// Encoded words of RFC 2047, in UTF-8; white space between two of them is none.
fn decode_words(text: &str) -> String {
    let mut out: Vec<u8> = Vec::new();
    let mut after_encoded = false;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let decoded = decode_word(word);
        if !(out.is_empty() || after_encoded && decoded.is_some()) {
            out.push(b' ');
        }
        after_encoded = decoded.is_some();
        out.extend(decoded.unwrap_or_else(|| word.as_bytes().to_vec()));
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn decode_word(word: &str) -> Option<Vec<u8>> {
    let inner = word.strip_prefix("=?")?.strip_suffix("?=")?;
    let mut parts = inner.splitn(3, '?');
    let (charset, encoding, text) = (parts.next()?, parts.next()?, parts.next()?);
    charset.eq_ignore_ascii_case("utf-8").then_some(())?;
    match encoding {
        "b" | "B" => STANDARD.decode(text).ok(),
        "q" | "Q" => Some(quoted_printable(&text.replace('_', " "))),
        _ => None,
    }
}
