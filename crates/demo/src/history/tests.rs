//! What must hold of every history.

use std::collections::HashSet;

use super::*;
use crate::plan::{self, Step};
use crate::time::{DAY_MS, Moment};

/// Half past eight in the evening of a Tuesday, in Shanghai.
const END_MS: i64 = 1_772_541_000_000;

const HOST: &str = "\
# TYPE node_cpu_seconds_total counter
node_boot_time_seconds 1.7720e+09
node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"} 400000
node_cpu_seconds_total{cpu=\"0\",mode=\"user\"} 90000.5
node_memory_MemTotal_bytes 4.0e+09
node_memory_MemAvailable_bytes 2.5e+09
node_filesystem_avail_bytes{device=\"/dev/vda1\",fstype=\"ext4\",mountpoint=\"/\"} 20000000000
node_network_receive_bytes_total{device=\"eth0\"} 77000000
node_other_total 5
";

fn scope(host: &str) -> Scope {
    let target = |job: &str| Target { job: job.into(), instance: format!("{job}:1") };
    let host = Host { target: target("node"), page: host.into() };
    Scope::two_weeks(42, END_MS, target("shop"), Some(host))
}

fn label<'s>(series: &'s Series, name: &str) -> &'s str {
    series.labels.iter().find(|(label, _)| label == name).map_or("", |(_, value)| value)
}

fn find<'s>(all: &'s [Series], name: &str, with: &str) -> &'s Series {
    let fits = |series: &&Series| {
        label(series, "__name__") == name
            && (with.is_empty() || series.labels.iter().any(|(_, value)| value == with))
    };
    all.iter().find(fits).unwrap_or_else(|| panic!("no {name} {with}"))
}

#[test]
fn two_weeks_are_complete() {
    let scope = scope(HOST);
    let times = timestamps(&scope);
    assert_eq!((times.len(), times.last()), (14 * 2_880 + 1, Some(&END_MS)));
    let all: Vec<Series> = series(&scope).collect();
    assert!(all.len() <= SERIES_MAX && all.len() > 150, "{}", all.len());
    let names: HashSet<_> = all.iter().map(|series| &series.labels).collect();
    assert_eq!(names.len(), all.len(), "no series twice");
    for series in &all {
        assert_eq!(series.values.len(), times.len());
        assert!(series.labels.is_sorted(), "{:?}", series.labels);
        assert!(series.values.iter().all(|value| value.is_finite() && *value >= 0.0), "{:?}", series.labels);
    }
}

#[test]
fn counters_never_fall_and_buckets_add_up() {
    let all: Vec<Series> = series(&scope(HOST)).collect();
    let is_counter = |series: &&Series| {
        let name = label(series, "__name__");
        let shops = name.ends_with("_total") && name != "orders_total" && !name.starts_with("node_");
        shops || ["_bucket", "_count", "_sum"].iter().any(|end| name.ends_with(end))
    };
    for series in all.iter().filter(is_counter) {
        assert!(series.values.is_sorted(), "{:?} falls", series.labels);
        assert_eq!(series.values[0], 0.0);
    }
    let endpoint = "/api/v1/orders";
    let mut buckets: Vec<&Series> = all
        .iter()
        .filter(|one| label(one, "__name__").ends_with("_bucket") && label(one, "endpoint") == endpoint)
        .collect();
    let bound = |series: &Series| label(series, "le").parse::<f64>().expect("a bound is a number");
    buckets.sort_by(|a, b| bound(a).total_cmp(&bound(b)));
    assert_eq!(buckets.len(), tower_lingshao::BUCKETS.len() + 1);
    for pair in buckets.windows(2) {
        assert!(pair[0].values.iter().zip(&pair[1].values).all(|(lower, upper)| lower <= upper));
    }
    let requests = find(&all, "http_requests_total", endpoint);
    assert_eq!(buckets[buckets.len() - 1].values, requests.values);
    assert_eq!(find(&all, "http_request_duration_seconds_count", endpoint).values, requests.values);
}

#[test]
fn today_begins_at_midnight_in_shanghai_and_is_what_the_plan_says() {
    let (scope, all) = (scope(HOST), series(&scope(HOST)).collect::<Vec<_>>());
    let times = timestamps(&scope);
    let today = find(&all, "orders_today", "");
    let sales = find(&all, "sales_today_fen", "");
    let midnights: Vec<usize> =
        (0..times.len()).filter(|index| Moment(times[*index]).hour() == 0.0).collect();
    assert_eq!(midnights.len(), 14);
    for midnight in midnights {
        assert_eq!((today.values[midnight], sales.values[midnight]), (0.0, 0.0));
        assert!(today.values[midnight - 1] > 20_000.0 && today.values[midnight + 20] > 0.0);
    }
    let steps = Step::of(Moment(END_MS).day().begin()).0..Step::of(Moment(END_MS)).0;
    let planned: Vec<_> = steps.flat_map(|step| plan::orders(42, Step(step), 1.0)).collect();
    assert_eq!(today.values.last(), Some(&(planned.len() as f64)));
    let paid = planned.iter().filter(|order| order.paid_at().is_some_and(|at| at < Moment(END_MS)));
    let paid: i64 = paid.map(|order| order.amount().0).sum();
    let early = sales.values[sales.values.len() - 1] - paid as f64;
    assert!((0.0..1_000_000.0).contains(&early), "only orders from before midnight are beside it: {early}");
    let total = find(&all, "orders_total", "");
    assert!(total.values.is_sorted());
}

#[test]
fn the_floor_holds_and_failures_are_few_but_for_incidents() {
    let all: Vec<Series> = series(&scope(HOST)).collect();
    let sum = |name: &str| -> Vec<f64> {
        let all: Vec<&Series> = all.iter().filter(|series| label(series, "__name__") == name).collect();
        (0..all[0].values.len()).map(|index| all.iter().map(|series| series.values[index]).sum()).collect()
    };
    let hourly =
        |values: &[f64]| -> Vec<f64> { values.windows(121).step_by(120).map(|w| w[120] - w[0]).collect() };
    let requests = hourly(&sum("http_requests_total"));
    assert!(requests.iter().all(|hour| hour / 3_600.0 >= 2.0), "two requests a second");
    let payments = hourly(&sum("payment_requests_total"));
    assert!(payments.iter().all(|hour| hour / 60.0 >= 6.0), "six payments a minute");
    let failures = hourly(&sum("payment_failures_total"));
    let shares: Vec<f64> = failures.iter().zip(&payments).map(|(failed, tried)| failed / tried).collect();
    let quiet = shares.iter().filter(|share| **share < 0.03).count();
    assert!(quiet >= shares.len() - 14 && shares.iter().all(|share| *share < 0.6), "{shares:?}");
}

#[test]
fn something_went_wrong_before_and_shows() {
    let found = (0..40).filter_map(|seed| {
        let mut scope = scope(HOST);
        scope.seed = seed;
        let series: Vec<Series> =
            series(&scope).filter(|one| label(one, "__name__") == "db_pool_available").collect();
        series[0].values.contains(&0.0).then_some(series[0].values.last().copied())
    });
    assert!(found.take(2).all(|last| last == Some(8.0)), "and is over by now");
}

#[test]
fn the_hosts_series_end_where_its_collector_begins() {
    let all: Vec<Series> = series(&scope(HOST)).collect();
    let last = |name: &str, with: &str| find(&all, name, with).values.last().copied();
    assert_eq!(last("node_cpu_seconds_total", "idle"), Some(400_000.0));
    assert_eq!(last("node_cpu_seconds_total", "user"), Some(90_000.5));
    assert_eq!(last("node_memory_MemAvailable_bytes", ""), Some(2.5e9));
    assert_eq!(last("node_network_receive_bytes_total", "eth0"), Some(77_000_000.0));
    assert!(all.iter().all(|series| label(series, "__name__") != "node_other_total"));
    // The host was started within the two weeks: its counters fall once, to nearly nothing.
    let idle = find(&all, "node_cpu_seconds_total", "idle");
    assert_eq!((label(idle, "job"), label(idle, "instance")), ("node", "node:1"));
    let falls: Vec<f64> =
        idle.values.windows(2).filter(|pair| pair[1] < pair[0]).map(|pair| pair[1]).collect();
    assert!(falls.len() == 1 && falls[0] < 60.0, "{falls:?}");
}

#[test]
fn a_host_with_many_processors_does_not_flood() {
    let cpus: String =
        (0..200).map(|cpu| format!("node_cpu_seconds_total{{cpu=\"{cpu}\",mode=\"idle\"}} 5e6\n")).collect();
    let all: Vec<Series> = series(&scope(&(HOST.to_owned() + &cpus))).collect();
    assert_eq!(all.len(), SERIES_MAX);
}

#[test]
fn a_gap_of_minutes_continues_the_day() {
    let mut gap = scope(HOST);
    gap.start_ms = END_MS - 10 * 60_000;
    gap.orders_total = Some(5_000_000);
    let filled: Vec<Series> = series(&gap).collect();
    let whole: Vec<Series> = series(&scope(HOST)).collect();
    assert_eq!(timestamps(&gap).len(), 21);
    let tail = &find(&whole, "orders_today", "").values;
    assert_eq!(find(&filled, "orders_today", "").values, tail[tail.len() - 21..]);
    assert_eq!(find(&filled, "orders_total", "").values.last(), Some(&5e6));
    gap.end_ms = gap.start_ms - DAY_MS;
    assert_eq!((timestamps(&gap).len(), series(&gap).count()), (0, 0));
}
