//! A page in Prometheus' text format, version 0.0.4.

use std::fmt::Write;

/// The content type of the page.
pub const PAGE_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What kind of metric a family is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Only rises, from 0 at the start; its name ends in `_total`.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Cumulative buckets: `name_bucket{le}`, `name_sum`, `name_count`.
    Histogram,
}

/// A page being written.
#[derive(Debug, Default)]
pub struct MetricsPage {
    text: String,
}

/// One family on a page.
#[derive(Debug)]
pub struct Family<'p> {
    page: &'p mut MetricsPage,
    name: String,
}

impl MetricsPage {
    /// Begins a family. All its samples must follow before the next family begins.
    pub fn family(&mut self, name: &str, kind: MetricKind, help: &str) -> Family<'_> {
        let name = sound_name(name);
        let kind = match kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        };
        self.text.push_str("# HELP ");
        self.text.push_str(&name);
        self.text.push(' ');
        escape(&mut self.text, help, false);
        let _ = write!(self.text, "\n# TYPE {name} {kind}\n"); // Writing to a string cannot fail.
        Family { page: self, name }
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }
}

impl Family<'_> {
    /// Adds a sample.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: f64) -> &mut Self {
        self.line("", labels, value)
    }

    /// Adds a sample whose name goes on: `_bucket`, `_sum`, `_count`.
    pub(crate) fn line(&mut self, suffix: &str, labels: &[(&str, &str)], value: f64) -> &mut Self {
        let text = &mut self.page.text;
        text.push_str(&self.name);
        text.push_str(suffix);
        for (index, (name, value)) in labels.iter().enumerate() {
            text.push(if index == 0 { '{' } else { ',' });
            text.push_str(&sound_name(name));
            text.push_str("=\"");
            escape(text, value, true);
            text.push('"');
        }
        text.push_str(if labels.is_empty() { " " } else { "} " });
        match value {
            f64::INFINITY => text.push_str("+Inf\n"),
            f64::NEG_INFINITY => text.push_str("-Inf\n"),
            value => {
                let _ = writeln!(text, "{value}");
            }
        }
        self
    }
}

/// One wrong name would make the whole page unreadable.
fn sound_name(name: &str) -> String {
    let sound = |(index, c): (usize, char)| {
        let letter = c.is_ascii_alphabetic() || c == '_' || c == ':';
        if letter || (index > 0 && c.is_ascii_digit()) { c } else { '_' }
    };
    name.chars().enumerate().map(sound).collect()
}

fn escape(text: &mut String, value: &str, quoted: bool) {
    for c in value.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '"' if quoted => text.push_str("\\\""),
            c => text.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_stays_readable_whatever_is_put_on_it() {
        let mut page = MetricsPage::default();
        page.family("2 orders", MetricKind::Gauge, "Of today.\nAll \\ \"kinds\".")
            .sample(&[("shop-name", "a\"b\\c\nd")], 1.5)
            .sample(&[], f64::INFINITY)
            .sample(&[], f64::NAN);
        let expected = "# HELP __orders Of today.\\nAll \\\\ \"kinds\".\n# TYPE __orders gauge\n\
            __orders{shop_name=\"a\\\"b\\\\c\\nd\"} 1.5\n__orders +Inf\n__orders NaN\n";
        assert_eq!(page.finish(), expected);
    }
}
