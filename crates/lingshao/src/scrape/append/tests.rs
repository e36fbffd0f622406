//! Pages against a real storage on a simulated disk.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use lingshao_disk::SimDisk;
use lingshao_model::{Cancel, MatchOp, Matcher, Selection, SeriesSource, is_stale};
use lingshao_tsdb::Options;
use lingshao_wire::prometheus_config::Global;

use super::*;

struct Bench {
    db: Db,
    appender: Appender,
    job: ScrapeConfig,
    labels: Labels,
}

impl Bench {
    fn new() -> Bench {
        let disk = Arc::new(SimDisk::default());
        let (db, _) = Db::open(disk, Path::new("/data"), Options::default(), Timestamp(0)).unwrap();
        Bench {
            db,
            appender: Appender::default(),
            job: ScrapeConfig::new("j", &Global::default()),
            labels: Labels::from_pairs([("job", "j")]).unwrap(),
        }
    }

    /// Stores a page as the worker does; answers its counts and its error.
    fn page(&mut self, second: i64, page: &str) -> (Counts, String) {
        let t = Timestamp(second * 1000);
        let times = Times { sample: t, now: t, took: Duration::from_millis(5), timeout: TimeDelta(1000) };
        let rules = Rules { job: &self.job, labels: &self.labels };
        let mut counts = Counts::default();
        let appender = &mut self.appender;
        let page = Body { bytes: page.as_bytes(), format: Format::Text, is_down: false };
        let stored = appender.page(&self.db, page, rules, times, &mut counts);
        let error = stored.err().map(|error| error.to_string()).unwrap_or_default();
        if !error.is_empty() {
            appender.failed(&self.db, rules, times, &mut counts, 0.0).unwrap();
        }
        (counts, error)
    }

    /// `time:value` of each series but those of the report, `time:end` for a marker.
    fn kept(&self) -> BTreeMap<String, String> {
        let matchers = [Matcher::new(MatchOp::NotRegex, "__name__", "up|scrape_.*").unwrap()];
        let selection = Selection { matchers: &matchers, start: Timestamp(0), end: Timestamp(1 << 40) };
        let mut kept = BTreeMap::new();
        let snapshot = self.db.snapshot();
        snapshot
            .select(&selection, &Cancel::default(), &mut |series| {
                let points = series.times.iter().zip(series.values).map(|(t, value)| {
                    let value = if is_stale(*value) { "end".to_owned() } else { value.to_string() };
                    format!("{}:{value}", t / 1000)
                });
                kept.insert(series.labels.to_string(), points.collect::<Vec<_>>().join(" "));
                ControlFlow::Continue(())
            })
            .unwrap();
        kept
    }

    #[track_caller]
    fn check(&self, expected: &[(&str, &str)]) {
        let expected: BTreeMap<String, String> =
            expected.iter().map(|(labels, points)| ((*labels).to_owned(), (*points).to_owned())).collect();
        assert_eq!(self.kept(), expected);
    }
}

#[test]
fn a_page_is_stored_in_any_order_and_forgotten_series_end() {
    let mut bench = Bench::new();
    bench.page(1, "a 1\nb 2\nc 3\n");
    bench.page(2, "c 4\na 5\nb 6\n");
    let (counts, _) = bench.page(3, "d 7\nb 8\n");
    assert_eq!((counts.scraped, counts.kept, counts.added), (2, 2, 1));
    bench.page(4, "b 9\na 10\nd 11\n");
    bench.check(&[
        (r#"a{job="j"}"#, "1:1 2:5 3:end 4:10"),
        (r#"b{job="j"}"#, "1:2 2:6 3:8 4:9"),
        (r#"c{job="j"}"#, "1:3 2:4 3:end"),
        (r#"d{job="j"}"#, "3:7 4:11"),
    ]);
    assert_eq!(bench.appender.remembered(), 3);
}

#[test]
fn references_that_expire_are_made_anew() {
    let mut bench = Bench::new();
    bench.page(1, "a 1\nb 2\n");
    bench.db.seal(Timestamp(1500)).unwrap();
    assert_eq!(bench.page(2, "a 3\nb 4\nc 5\n").1, "");
    bench.db.seal(Timestamp(2500)).unwrap();
    assert_eq!(bench.page(3, "a 6\n").1, "");
    bench.check(&[
        (r#"a{job="j"}"#, "1:1 2:3 3:6"),
        (r#"b{job="j"}"#, "1:2 2:4 3:end"),
        (r#"c{job="j"}"#, "2:5 3:end"),
    ]);
}

#[test]
fn a_page_that_breaks_leaves_nothing_and_ends_all_once() {
    let mut bench = Bench::new();
    bench.page(1, "a 1\n");
    for second in 2..4 {
        let (_, error) = bench.page(second, &format!("a 2\nnew_{second} 1\nbroken{{ 1\n"));
        assert!(error.contains("line 3"), "{error}");
    }
    assert_eq!(bench.appender.remembered(), 1, "texts of broken pages do not pile up");
    bench.page(4, "a 5\n");
    bench.check(&[(r#"a{job="j"}"#, "1:1 2:end 4:5")]);
}

#[test]
fn times_of_the_page_count_unless_the_job_says_otherwise() {
    let mut bench = Bench::new();
    bench.page(10, "a 1 9000\n");
    bench.page(11, "b 1 7000\n");
    bench.job.honor_timestamps = false;
    bench.page(12, "b 2 8000\n");
    bench.check(&[(r#"a{job="j"}"#, "9:1"), (r#"b{job="j"}"#, "7:1 12:2")]);

    let mut bench = Bench::new();
    bench.job.track_timestamps_staleness = true;
    bench.page(10, "a 1 9000\na 2 9500\n");
    bench.page(11, "");
    bench.check(&[(r#"a{job="j"}"#, "9:1 9:2 11:end")]);
}

#[test]
fn a_series_named_twice_is_taken_once() {
    let mut bench = Bench::new();
    let (counts, error) = bench.page(1, "a 1\na 2\n");
    assert_eq!((counts.scraped, counts.kept, counts.duplicates, error.as_str()), (2, 1, 1, ""));
    let (counts, _) = bench.page(2, "m{a=\"1\",b=\"2\"} 1\nm{b=\"2\",a=\"1\"} 2\n");
    assert_eq!((counts.kept, counts.added, counts.duplicates), (1, 1, 1), "two spellings of one series");
    bench.page(3, "m{b=\"2\",a=\"1\"} 3\n");
    bench.page(4, "m{b=\"2\",a=\"1\"} 4\n");
    bench.page(5, "m{a=\"1\",b=\"2\"} 5\n");
    bench.check(&[(r#"a{job="j"}"#, "1:1 2:end"), (r#"m{a="1", b="2", job="j"}"#, "2:1 3:3 4:4 5:5")]);
}

#[test]
fn what_relabelling_drops_is_remembered_as_dropped() {
    let mut bench = Bench::new();
    let yaml =
        "[{source_labels: [__name__], regex: go_.*, action: drop}, {regex: __name__, action: labeldrop, }]";
    let node = lingshao_wire::yaml::Node::parse(yaml).unwrap();
    let lingshao_wire::yaml::Value::List(rules) = &node.value else { panic!() };
    let mut findings = lingshao_wire::yaml::Diagnostics::new(Path::new("f"));
    let mut rules = relabel::Relabel::read_list(rules, "rules", &mut findings);
    let nameless = rules.pop().unwrap();
    bench.job.metric_relabel_configs = rules;
    for second in 1..3 {
        let (counts, _) = bench.page(second, "go_a 1\nb 2\n");
        assert_eq!((counts.scraped, counts.kept, counts.added), (2, 1, u64::from(second == 1)));
    }
    bench.check(&[(r#"b{job="j"}"#, "1:2 2:2")]);
    bench.job.metric_relabel_configs = vec![nameless];
    bench.appender.rules_changed();
    assert_eq!(bench.page(3, "b 2\n").1, "series `b`: relabelling leaves no metric name");
}

#[test]
fn a_target_that_goes_ends_its_report_too() {
    let mut bench = Bench::new();
    bench.page(1, "a 1\n");
    let t = Timestamp(2000);
    let times = Times { sample: t, now: t, took: Duration::ZERO, timeout: TimeDelta(1000) };
    let rules = Rules { job: &bench.job, labels: &bench.labels };
    bench.appender.gone(&bench.db, rules, times).unwrap();
    bench.check(&[(r#"a{job="j"}"#, "1:1 2:end")]);
    let up = Matcher::equal("__name__", "up");
    let selection = Selection { matchers: &[up], start: Timestamp(0), end: t };
    let mut ends = 0;
    let mut visit = |series: lingshao_model::SeriesColumns<'_>| {
        ends += series.values.iter().filter(|value| is_stale(**value)).count();
        ControlFlow::Continue(())
    };
    bench.db.snapshot().select(&selection, &Cancel::default(), &mut visit).unwrap();
    assert_eq!(ends, 1);
}
