//! Pages of our own: Prometheus text 0.0.4.

use super::MetricType;
use crate::number;

/// Writes a page. Names that are not classic ones are quoted (text 1.0.0).
#[derive(Clone, Debug, Default)]
pub struct PageWriter {
    page: Vec<u8>,
}

impl PageWriter {
    /// The `Content-Type` of such a page.
    pub const CONTENT_TYPE: &'static str = "text/plain; version=0.0.4; charset=utf-8";

    /// Begins a family: its help and type. Types that the format does not know become `untyped`.
    pub fn family(&mut self, name: &str, kind: MetricType, help: &str) {
        let kind = match kind {
            MetricType::Counter | MetricType::Gauge | MetricType::Histogram | MetricType::Summary => {
                kind.as_str()
            }
            _ => "untyped",
        };
        self.page.extend_from_slice(b"# HELP ");
        self.name(name);
        self.page.push(b' ');
        self.escape(help, false);
        self.page.extend_from_slice(b"\n# TYPE ");
        self.name(name);
        self.page.push(b' ');
        self.page.extend_from_slice(kind.as_bytes());
        self.page.push(b'\n');
    }

    /// One sample, with the time of the scrape.
    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let classic = is_classic(name, true);
        if classic {
            self.page.extend_from_slice(name.as_bytes());
        }
        if !classic || !labels.is_empty() {
            self.page.push(b'{');
            let mut separator = "";
            if !classic {
                self.quoted(name);
                separator = ",";
            }
            for (name, value) in labels {
                self.page.extend_from_slice(separator.as_bytes());
                if is_classic(name, false) {
                    self.page.extend_from_slice(name.as_bytes());
                } else {
                    self.quoted(name);
                }
                self.page.push(b'=');
                self.quoted(value);
                separator = ",";
            }
            self.page.push(b'}');
        }
        self.page.push(b' ');
        number::push_float(&mut self.page, value);
        self.page.push(b'\n');
    }

    /// The page.
    pub fn finish(self) -> Vec<u8> {
        self.page
    }

    fn name(&mut self, name: &str) {
        if is_classic(name, true) { self.page.extend_from_slice(name.as_bytes()) } else { self.quoted(name) }
    }

    fn quoted(&mut self, text: &str) {
        self.page.push(b'"');
        self.escape(text, true);
        self.page.push(b'"');
    }

    fn escape(&mut self, text: &str, quotes: bool) {
        for byte in text.bytes() {
            match byte {
                b'\\' => self.page.extend_from_slice(b"\\\\"),
                b'\n' => self.page.extend_from_slice(b"\\n"),
                b'"' if quotes => self.page.extend_from_slice(b"\\\""),
                _ => self.page.push(byte),
            }
        }
    }
}

fn is_classic(name: &str, colons: bool) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_' || (colons && first == b':'))
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || (colons && byte == b':'))
}
