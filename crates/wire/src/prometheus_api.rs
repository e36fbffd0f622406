//! The Prometheus HTTP API v1: replies as JSON and parameters as texts (prometheus `web/api/v1`).
//!
//! Replies are appended to a `Vec<u8>` that the caller reuses; samples are written without any intermediate form.
//! A reply is as large as its data (about 30 bytes a sample), so that the limits on the data bound it; whoever
//! wants to send it in pieces writes series by series with [`matrix_series`] and takes the bytes in between.

mod params;
#[cfg(test)]
mod tests;

use lingshao_model::{Labels, Timestamp};

use crate::number;
pub use params::{ParameterError, Range, duration, limit, range, time, unescape_name};

/// What kind of error a reply reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The parameters are wrong.
    BadData,
    /// The expression cannot be computed.
    Execution,
    /// The client went away.
    Canceled,
    /// It took longer than allowed.
    Timeout,
    /// Something of ours failed.
    Internal,
    /// Not now: the storage is not ready, or there is too much to do.
    Unavailable,
    /// There is no such thing.
    NotFound,
    /// No format that the client accepts.
    NotAcceptable,
}

impl ErrorKind {
    /// `errorType` of the reply.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorKind::BadData => "bad_data",
            ErrorKind::Execution => "execution",
            ErrorKind::Canceled => "canceled",
            ErrorKind::Timeout => "timeout",
            ErrorKind::Internal => "internal",
            ErrorKind::Unavailable => "unavailable",
            ErrorKind::NotFound => "not_found",
            ErrorKind::NotAcceptable => "not_acceptable",
        }
    }

    /// The HTTP status that Prometheus answers with it.
    pub fn status(self) -> u16 {
        match self {
            ErrorKind::BadData => 400,
            ErrorKind::Execution => 422,
            ErrorKind::Canceled => 499,
            ErrorKind::Timeout | ErrorKind::Unavailable => 503,
            ErrorKind::Internal => 500,
            ErrorKind::NotFound => 404,
            ErrorKind::NotAcceptable => 406,
        }
    }
}

/// Appends a failure.
pub fn error(out: &mut Vec<u8>, kind: ErrorKind, message: &str) {
    out.extend_from_slice(br#"{"status":"error","errorType":""#);
    out.extend_from_slice(kind.as_str().as_bytes());
    out.extend_from_slice(br#"","error":"#);
    string(out, message);
    out.push(b'}');
}

/// Appends a success: `data` appends the JSON value of the field of that name.
pub fn success(out: &mut Vec<u8>, warnings: &[String], infos: &[String], data: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(br#"{"status":"success","data":"#);
    data(out);
    for (field, notes) in [(&br#","warnings":"#[..], warnings), (br#","infos":"#, infos)] {
        if !notes.is_empty() {
            out.extend_from_slice(field);
            strings(out, notes);
        }
    }
    out.push(b'}');
}

/// Appends the data of a range query: series with their points (milliseconds, value).
pub fn matrix<'a>(out: &mut Vec<u8>, series: impl IntoIterator<Item = (&'a Labels, &'a [(i64, f64)])>) {
    result(out, "matrix", |out| {
        list(out, series, |out, (labels, points)| matrix_series(out, labels, points));
    });
}

/// Appends one element of a matrix.
pub fn matrix_series(out: &mut Vec<u8>, labels: &Labels, points: &[(i64, f64)]) {
    out.extend_from_slice(br#"{"metric":"#);
    label_set(out, labels);
    if !points.is_empty() {
        out.extend_from_slice(br#","values":"#);
        list(out, points, |out, (t, value)| point(out, *t, *value));
    }
    out.push(b'}');
}

/// Appends the data of an instant query that gives a vector: labels, milliseconds, value.
pub fn vector<'a>(out: &mut Vec<u8>, samples: impl IntoIterator<Item = (&'a Labels, i64, f64)>) {
    result(out, "vector", |out| {
        list(out, samples, |out, (labels, t, value)| {
            out.extend_from_slice(br#"{"metric":"#);
            label_set(out, labels);
            out.extend_from_slice(br#","value":"#);
            point(out, t, value);
            out.push(b'}');
        });
    });
}

/// Appends the data of a query that gives a number; as in Prometheus, only here never with an exponent.
pub fn scalar(out: &mut Vec<u8>, t: Timestamp, value: f64) {
    result(out, "scalar", |out| {
        out.push(b'[');
        timestamp(out, t.0);
        out.extend_from_slice(b",\"");
        number::push_plain_float(out, value);
        out.extend_from_slice(b"\"]");
    });
}

/// Appends the data of a query that gives a text.
pub fn text(out: &mut Vec<u8>, t: Timestamp, value: &str) {
    result(out, "string", |out| {
        out.push(b'[');
        timestamp(out, t.0);
        out.push(b',');
        string(out, value);
        out.push(b']');
    });
}

/// Appends label sets: the data of `series`.
pub fn label_sets<'a>(out: &mut Vec<u8>, sets: impl IntoIterator<Item = &'a Labels>) {
    list(out, sets, label_set);
}

/// Appends texts: the data of `labels` and of a label's values.
pub fn strings<T: AsRef<str>>(out: &mut Vec<u8>, texts: impl IntoIterator<Item = T>) {
    list(out, texts, |out, text| string(out, text.as_ref()));
}

/// Appends a label set as an object.
pub fn label_set(out: &mut Vec<u8>, labels: &Labels) {
    object(out, labels.iter());
}

/// Appends names and texts as an object.
pub fn object<'a>(out: &mut Vec<u8>, pairs: impl Iterator<Item = (&'a str, &'a str)>) {
    let mut separator = b'{';
    for (name, value) in pairs {
        out.push(separator);
        string(out, name);
        out.push(b':');
        string(out, value);
        separator = b',';
    }
    if separator == b'{' {
        out.push(b'{');
    }
    out.push(b'}');
}

/// Appends a text as a JSON string. Like Prometheus, `<`, `>` and `&` are escaped: a reply that is taken for a page
/// by mistake stays harmless.
pub fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut copied = 0;
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        if *byte >= b' ' && !matches!(byte, b'"' | b'\\' | b'<' | b'>' | b'&') {
            continue;
        }
        out.extend_from_slice(&bytes[copied..at]);
        copied = at + 1;
        escape(out, *byte);
    }
    out.extend_from_slice(&bytes[copied..]);
    out.push(b'"');
}

fn escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        _ => {
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 15)]);
        }
    }
}

/// Appends `[1435781430.781,"1.5"]`.
#[inline]
fn point(out: &mut Vec<u8>, t: i64, value: f64) {
    out.push(b'[');
    timestamp(out, t);
    out.extend_from_slice(b",\"");
    number::push_float(out, value);
    out.extend_from_slice(b"\"]");
}

/// Appends milliseconds as seconds, without a fraction when there is none.
#[inline]
pub fn timestamp(out: &mut Vec<u8>, millis: i64) {
    if millis < 0 {
        out.push(b'-');
    }
    let millis = millis.unsigned_abs();
    out.extend_from_slice(itoa::Buffer::new().format(millis / 1000).as_bytes());
    let fraction = (millis % 1000) as u16;
    if fraction != 0 {
        let digit = |number: u16| b'0' + (number % 10) as u8;
        out.extend_from_slice(&[b'.', digit(fraction / 100), digit(fraction / 10), digit(fraction)]);
    }
}

fn result(out: &mut Vec<u8>, kind: &str, write: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(br#"{"resultType":""#);
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(br#"","result":"#);
    write(out);
    out.push(b'}');
}

/// Appends a number that is no sample: Go's form of a JSON number.
pub fn number(out: &mut Vec<u8>, value: f64) {
    number::push_float(out, value);
}

/// A value as alerts show it: `1.5e+01`, always with an exponent.
pub fn scientific(value: f64) -> String {
    let mut out = Vec::new();
    number::push_scientific_float(&mut out, value);
    String::from_utf8(out).expect("numbers are ASCII")
}

/// Appends a list of anything.
pub fn list<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}
