//! What both formats say of good and bad pages.

use proptest::prelude::*;

use super::*;

/// An entry as one line.
fn line(entry: &Entry<'_>) -> String {
    match entry {
        Entry::Type { name, kind } => format!("TYPE {name} {}", kind.as_str()),
        Entry::Help { name, text } => format!("HELP {name} {text:?}"),
        Entry::Unit { name, unit } => format!("UNIT {name} {unit}"),
        Entry::Sample(sample) => {
            let mut line = format!("{} {}", set(|builder| sample.labels(builder)), sample.value);
            if let Some(t) = sample.timestamp {
                line.push_str(&format!(" @{}", t.0));
            }
            if let Some(exemplar) = sample.exemplar {
                line.push_str(&format!(" # {} {}", set(|builder| exemplar.labels(builder)), exemplar.value));
                line.push_str(&exemplar.timestamp.map(|t| format!(" @{}", t.0)).unwrap_or_default());
            }
            if let Some(created) = sample.created() {
                line.push_str(&format!(" created {} @{}", sample.family(), created.0));
            }
            line
        }
    }
}

fn set(push: impl FnOnce(&mut LabelsBuilder)) -> String {
    let mut builder = LabelsBuilder::default();
    push(&mut builder);
    builder.finish().map_or_else(|error| error.to_string(), |labels| labels.to_string())
}

/// All lines, the last one being the error if there is one.
fn read(page: &[u8], format: Format) -> Vec<String> {
    let mut lines = Vec::new();
    match Page::new(page, format) {
        Ok(page) => lines.extend(page.map(|entry| match entry {
            Ok(entry) => line(&entry),
            Err(error) => error.to_string(),
        })),
        Err(error) => lines.push(error.to_string()),
    }
    lines
}

#[track_caller]
fn text(page: &str, expected: &[&str]) {
    assert_eq!(read(page.as_bytes(), Format::Text), expected);
}

#[track_caller]
fn open_metrics(page: &str, expected: &[&str]) {
    assert_eq!(read(page.as_bytes(), Format::OpenMetrics), expected);
}

#[test]
fn a_node_exporter_page() {
    text(
        include_str!("testdata/node_exporter.txt"),
        include_str!("testdata/node_exporter.expected").lines().collect::<Vec<_>>().as_slice(),
    );
}

#[test]
fn an_open_metrics_page() {
    open_metrics(
        include_str!("testdata/shop.om"),
        include_str!("testdata/shop.expected").lines().collect::<Vec<_>>().as_slice(),
    );
}

#[test]
fn spaces_commas_and_the_last_newline_are_free_in_text() {
    text("up 1", &["up 1"]);
    text("\n \t\n  up\t1 \n\n", &["up 1"]);
    text(r#"a { b = "1" , c="2", } 3 1700000000000"#, &[r#"a{b="1", c="2"} 3 @1700000000000"#]);
    text(r#"a{b="1" c="2"}3"#, &[r#"a{b="1", c="2"} 3"#]);
    text("a{} 1\n:x:y 2\n", &["a 1", ":x:y 2"]);
    text("a{b=\"1\n2\"} 1", &["a{b=\"1\\n2\"} 1"]);
    text("", &[]);
}

#[test]
fn escapes_in_labels_and_help() {
    text(
        "# HELP a \\\\d \\n \\\" \\x\na{b=\"\\\\d \\n \\\" \\x }\"} 1\n",
        &[r#"HELP a "\\d \n \\\" \\x""#, r#"a{b="\\d \n \" \\x }"} 1"#],
    );
    open_metrics("# HELP a \\\\d \\n \\\"\n# EOF\n", &[r#"HELP a "\\d \n \"""#]);
}

#[test]
fn comments_say_nothing() {
    text("# a comment\n#another\n# HELPER x\n# TYPES\n# EOF\n#\nup 1\n", &["up 1"]);
}

#[test]
fn quoted_names() {
    text(r#"{"http.requests", "host.name"="a"} 1"#, &[r#"{"http.requests", "host.name"="a"} 1"#]);
    text(r#"{ a="b", "名" } 1"#, &[r#"{"名", a="b"} 1"#]);
    text("# TYPE \"a.b\" counter\n{\"a.b\"} 1\n", &["TYPE a.b counter", r#"{"a.b"} 1"#]);
    let sample = |page: &'static str| match Page::new(page.as_bytes(), Format::Text).unwrap().next() {
        Some(Ok(Entry::Sample(sample))) => sample.name().into_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(sample(r#"{a="b","x\"y"} 1"#), "x\"y");
    assert_eq!(sample("up 1"), "up");
}

#[test]
fn bounds_are_respelled_within_their_type_only() {
    text(
        "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_bucket{le=\"x\"} 2\n# TYPE g gauge\n\
         g{le=\"1\",quantile=\"1\"} 1\n# TYPE s summary\ns{quantile=\"0.50\",le=\"1\"} 1\n",
        &[
            "TYPE h histogram",
            r#"h_bucket{le="1.0"} 1"#,
            r#"h_bucket{le="+Inf"} 2"#,
            r#"h_bucket{le="x"} 2"#,
            "TYPE g gauge",
            r#"g{le="1", quantile="1"} 1"#,
            "TYPE s summary",
            r#"s{le="1", quantile="0.5"} 1"#,
        ],
    );
}

#[test]
fn text_errors_name_the_place() {
    text(
        "ok 1\nx{a=1} 2\n",
        &["ok 1", "line 2, column 5: expected a label value in double quotes, in `x{a=1} 2`"],
    );
    text("x\n", &["line 1, column 2: expected a space and a value after the metric, in `x`"]);
    text("x \n", &["line 1, column 3: expected a number, in `x `"]);
    text("x 1,5\n", &["line 1, column 3: expected a number, in `x 1,5`"]);
    text("x 0x1p3\n", &["line 1, column 3: expected a number, in `x 0x1p3`"]);
    text("x 1\r\n", &["line 1, column 3: expected a number, in `x 1\\r`"]);
    text("x 1 -5\n", &["line 1, column 5: expected a timestamp or the end of the line, in `x 1 -5`"]);
    text("x 1 5 6\n", &["line 1, column 7: expected the end of the line after the timestamp, in `x 1 5 6`"]);
    text(
        "x 1 99999999999999999999\n",
        &["line 1, column 5: the timestamp does not fit 64 bits, in `x 1 99999999999999999999`"],
    );
    text("x{a=\"b} 1\ny 2\n", &["line 1, column 5: the quote is never closed, in `x{a=\"b} 1`"]);
    text("x{a=\"b\\\nc\"} 1\n", &["line 1, column 5: the quote is never closed, in `x{a=\"b\\\\`"]);
    text("x{a \"b\"} 1\n", &["line 1, column 5: expected `=` after the label name, in `x{a \"b\"} 1`"]);
    text("x{,} 1\n", &["line 1, column 3: expected a label name or `}`, in `x{,} 1`"]);
    text("x{\"y\"} 1\n", &["line 1, column 3: the metric has more than one name, in `x{\"y\"} 1`"]);
    text(
        "{a=\"b\"} 1\n",
        &[
            "line 1, column 2: the metric has no name, neither before nor between the braces, in `{a=\"b\"} 1`",
        ],
    );
    text("价 1\n", &["line 1, column 1: expected a metric name, `{`, or `#`, in `价 1`"]);
    text(
        "x{a=\"价价\" 价} 1\n",
        &["line 1, column 10: expected a label name or `}`, in `x{a=\"价价\" 价} 1`"],
    );
    text(
        "# TYPE x info\n",
        &["line 1, column 10: expected one of the types counter, gauge, histogram, summary, untyped, \
           in `# TYPE x info`"],
    );
    text("# HELP 1x y\n", &["line 1, column 8: expected a metric name, in `# HELP 1x y`"]);
    text(
        "<!DOCTYPE html>\n",
        &["line 1, column 1: expected a metric name, `{`, or `#`, in `<!DOCTYPE html>`"],
    );
    let lines = read(b"ok 1\nx{a=\"\xff\"} 2\n", Format::Text);
    assert_eq!(lines, ["line 2, column 6: the page is not UTF-8, in `x{a=\"\u{fffd}\"} 2`"]);
}

#[test]
fn open_metrics_errors_name_the_place() {
    open_metrics("", &["line 1, column 1: the page does not end with `# EOF`; was it cut off?, in ``"]);
    open_metrics("x 1", &["line 1, column 4: the page does not end with `# EOF`; was it cut off?, in `x 1`"]);
    open_metrics("# EOF\nx 1\n", &["line 2, column 1: nothing may follow `# EOF`, in `x 1`"]);
    open_metrics("\n# EOF\n", &["line 1, column 1: expected a metric name, `{`, or `#`, in ``"]);
    open_metrics("x  1\n# EOF", &["line 1, column 3: expected a number, in `x  1`"]);
    open_metrics(
        "x{a=\"1\" } 1\n# EOF",
        &["line 1, column 8: expected `,` or `}` after a label, in `x{a=\"1\" } 1`"],
    );
    open_metrics(
        "x 1 NaN\n# EOF",
        &["line 1, column 5: the timestamp is not a number of seconds that fits, in `x 1 NaN`"],
    );
    open_metrics(
        "x{a=\"1\n2\"} 1\n# EOF",
        &["line 1, column 5: the quote is never closed on its line, in `x{a=\"1`"],
    );
    open_metrics(
        "# comment\n# EOF",
        &["line 1, column 1: expected `# HELP`, `# TYPE`, `# UNIT` or `# EOF`, in `# comment`"],
    );
    open_metrics(
        "# UNIT x_bytes seconds\n# EOF",
        &[
            "line 1, column 16: the unit is not the last part of the metric's name, in `# UNIT x_bytes seconds`",
        ],
    );
    open_metrics(
        "# UNIT kilobytes bytes\n# EOF",
        &[
            "line 1, column 18: the unit is not the last part of the metric's name, in `# UNIT kilobytes bytes`",
        ],
    );
    open_metrics(
        "x 1 # {\"name\"} 1\n# EOF",
        &["line 1, column 7: an exemplar has labels only, no name, in `x 1 # {\"name\"} 1`"],
    );
}

#[test]
fn open_metrics_times_are_seconds_cut_to_milliseconds() {
    open_metrics("x 1 1.0009\ny 1 -1.0009 # {} 1 5e-1\n# EOF", &["x 1 @1000", "y 1 @-1000 # {} 1 @500"]);
}

#[test]
fn an_error_ends_the_page_and_its_excerpt_is_short() {
    let page = format!("{}{{a=\"{}\"}} x\nup 1\n", "m".repeat(100), "\\\\\u{1}".repeat(100));
    let lines = read(page.as_bytes(), Format::Text);
    assert_eq!(lines.len(), 1);
    let excerpt = lines[0].split_once(" in `").unwrap().1;
    assert!(excerpt.chars().count() <= EXCERPT_CHARS_MAX + 1, "{excerpt}");
    assert!(lines[0].starts_with("line 1, column 408: expected a number, in `"), "{}", lines[0]);
}

#[test]
fn a_line_may_be_long_but_not_endless() {
    let page = |length: usize| format!("x{{a=\"{}\"}} 1\nup 1\n", "v".repeat(length));
    assert_eq!(read(page(LINE_BYTES_MAX - 20).as_bytes(), Format::Text).len(), 2);
    let lines = read(page(LINE_BYTES_MAX).as_bytes(), Format::Text);
    assert!(
        lines[0].starts_with("line 1, column 1: a line is longer than 1048576 bytes, in `x{a="),
        "{}",
        lines[0]
    );
}

#[test]
fn content_types_choose_the_format() {
    let check = |content_type, expected: Result<Format, &str>| {
        let found = Format::from_content_type(content_type).map_err(|error| error.to_string());
        assert_eq!(found, expected.map_err(str::to_owned));
    };
    check(Some("text/plain; version=0.0.4; charset=utf-8"), Ok(Format::Text));
    check(Some("Text/Plain"), Ok(Format::Text));
    check(Some("application/openmetrics-text; version=1.0.0"), Ok(Format::OpenMetrics));
    check(None, Err("the target sends no Content-Type; set fallback_scrape_protocol for it"));
    check(
        Some("text/html"),
        Err(
            "unsupported Content-Type `text/html`; set fallback_scrape_protocol for a target that sends it wrongly",
        ),
    );
}

#[test]
fn our_own_pages_are_read_back() {
    let mut page = PageWriter::default();
    page.family("x_total", MetricType::Counter, "Back\\slash and\nnewline and \"quote\".");
    page.sample("x_total", &[("path", "a\"b\\c\nd"), ("空", "1")], 1.5);
    page.sample("a.b", &[], f64::INFINITY);
    let page = String::from_utf8(page.finish()).unwrap();
    text(
        &page,
        &[
            r#"HELP x_total "Back\\slash and\nnewline and \"quote\".""#,
            "TYPE x_total counter",
            r#"x_total{path="a\"b\\c\nd", "空"="1"} 1.5"#,
            r#"{"a.b"} inf"#,
        ],
    );
}

proptest! {
    #[test]
    fn any_labels_and_value_are_read_back(
        name in "[a-z_:][a-z0-9_:]{0,9}|.{1,9}",
        pairs in prop::collection::btree_map(".{1,9}", ".{1,9}", 0..5),
        value: f64,
    ) {
        let mut page = PageWriter::default();
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        page.sample(&name, &pairs, value);
        let page = page.finish();
        let entry = Page::new(&page, Format::Text).unwrap().next().unwrap().unwrap();
        let Entry::Sample(sample) = entry else { panic!("{entry:?}") };
        prop_assert!(sample.value.to_bits() == value.to_bits() || value.is_nan());
        let mut builder = LabelsBuilder::default();
        sample.labels(&mut builder);
        let expected = std::iter::once((lingshao_model::METRIC_NAME, name.as_str())).chain(pairs);
        prop_assert_eq!(builder.pairs().collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        read(&bytes, Format::Text);
        read(&bytes, Format::OpenMetrics);
    }
}

#[test]
fn every_cut_and_every_changed_byte_is_survived() {
    let pages = [
        (&include_bytes!("testdata/node_exporter.txt")[..], Format::Text),
        (include_bytes!("testdata/shop.om"), Format::OpenMetrics),
    ];
    for (page, format) in pages {
        // From each place only some way on: a page is a sequence of lines.
        for at in 0..page.len() {
            let mut near = page[at.saturating_sub(150)..page.len().min(at + 150)].to_vec();
            read(&near[..near.len() / 2], format);
            let middle = near.len() / 2;
            for byte in [0, b'"', b'\\', b'{', b'}', b'#', b'\n', b' ', 0xff, near[middle] ^ 1] {
                near[middle] = byte;
                read(&near, format);
            }
        }
    }
}
