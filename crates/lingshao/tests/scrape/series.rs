//! What becomes of the series of well-behaved targets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::support::{Site, Watch, answer, ok, wait_until};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// One job that is scraped a few times a second.
fn job(site: &Site, more: &str) -> String {
    format!(
        "global: {{scrape_interval: 400ms, scrape_timeout: 400ms}}\nscrape_configs:\n- job_name: shop\n  \
         static_configs: [{{targets: ['{}']}}]\n{more}",
        site.address
    )
}

#[test]
fn samples_bear_the_instants_of_their_slots() {
    let site = Site::page(|_| "orders_total 5\n".to_owned());
    let config = job(&site, "").replace("400ms", "1s");
    let watch = Watch::start(folder(), &config);
    wait_until("four scrapes", || watch.series("up").values().any(|points| points.len() >= 4));
    watch.stop();
    let times: Vec<i64> =
        watch.series("up").into_values().next().unwrap().into_iter().map(|(t, _)| t).collect();
    let all = watch.series("orders_total").into_values().next().unwrap();
    assert_eq!(all.iter().map(|(t, _)| *t).collect::<Vec<_>>(), times, "one instant for the whole page");
    let figure = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let telemetry = watch.scraper.telemetry();
    let (late, scrapes) = (figure(&telemetry.late), figure(&telemetry.scrapes));
    assert!(late * 2 < scrapes, "{late} of {scrapes} scrapes bear another time than their slot's");
    if late > 0 {
        println!("note: this machine was too busy to begin all scrapes in time; the slots are not compared");
        return;
    }
    assert!(times.windows(2).all(|pair| (pair[1] - pair[0]) % 1000 == 0), "{times:?}");
    assert_eq!(figure(&telemetry.slots_missed) as i64 + 3, (times[3] - times[0]) / 1000);
}

#[test]
fn the_scrape_reports_on_itself() {
    let site =
        Site::page(|_| "# TYPE a counter\n# HELP a says\na 1\nb{x=\"1\"} 2\nb{x=\"2\"} NaN\n".to_owned());
    let more = "  extra_scrape_metrics: true\n  sample_limit: 9\n  metric_relabel_configs: [{source_labels: [x], regex: '2', action: drop}]\n";
    let watch = Watch::start(folder(), &job(&site, more));
    wait_until("two scrapes", || watch.series("up").values().any(|points| points.len() >= 2));
    let labels = format!("{{instance=\"{}\", job=\"shop\"}}", site.address);
    let first = |name: &str| watch.series(name)[&labels][0].1.unwrap();
    assert_eq!(first("up"), 1.0);
    assert_eq!((first("scrape_samples_scraped"), first("scrape_samples_post_metric_relabeling")), (3.0, 2.0));
    assert_eq!(
        (first("scrape_series_added"), watch.series("scrape_series_added")[&labels][1].1),
        (2.0, Some(0.0))
    );
    assert!(first("scrape_duration_seconds") < 0.4);
    assert_eq!((first("scrape_timeout_seconds"), first("scrape_sample_limit")), (0.4, 9.0));
    assert!(first("scrape_body_size_bytes") > 40.0);
    let metadata = watch.scraped("shop").last.metadata;
    assert_eq!((metadata["a"].kind.as_str(), metadata["a"].help.as_str()), ("counter", "says"));
}

#[test]
fn labels_of_the_target_win_unless_the_page_is_honoured() {
    let page = "m{job=\"own\",instance=\"i\",exported_job=\"x\",env=\"e\"} 1\n";
    let config = |honor: bool, site: &Site| job(site, &format!("  honor_labels: {honor}\n"));
    let site = Site::page(move |_| page.to_owned());
    let address = site.address;
    let seen = |honor| {
        let watch = Watch::start(folder(), &config(honor, &site));
        wait_until("a scrape", || !watch.series("m").is_empty());
        watch.series("m").into_keys().next().unwrap()
    };
    assert_eq!(
        seen(false),
        format!(
            r#"{{env="e", exported_exported_job="own", exported_instance="i", exported_job="x", instance="{address}", job="shop"}}"#
        )
    );
    assert_eq!(seen(true), r#"{env="e", exported_job="x", instance="i", job="own"}"#);
}

#[test]
fn series_end_when_they_vanish_and_when_the_target_fails() {
    let step = Arc::new(AtomicU64::new(0));
    let now = step.clone();
    let site = Site::start(move |_, stream| match now.load(Ordering::Relaxed) {
        0 => ok(stream, b"a 1\nb 2\n"),
        1 => ok(stream, b"b 2\n"),
        _ => answer(stream, "503 Service Unavailable", "", b"down"),
    });
    let watch = Watch::start(folder(), &job(&site, ""));
    let last = |name: &str| watch.last(name).into_values().next();
    wait_until("both series", || last("a") == Some(Some(1.0)) && last("b") == Some(Some(2.0)));
    step.store(1, Ordering::Relaxed);
    wait_until("a has ended", || last("a") == Some(None));
    assert_eq!(last("b"), Some(Some(2.0)));
    step.store(2, Ordering::Relaxed);
    wait_until("the target is down", || last("up") == Some(Some(0.0)));
    wait_until("b has ended", || last("b") == Some(None));
    let (a, b) = (watch.series("a"), watch.series("b"));
    for points in a.values().chain(b.values()) {
        assert_eq!(points.iter().filter(|(_, value)| value.is_none()).count(), 1, "one marker: {points:?}");
    }
    assert!(watch.scraped("shop").last.error.contains("HTTP status 503"), "{:?}", watch.scraped("shop"));
    step.store(0, Ordering::Relaxed);
    wait_until("all is back", || last("a") == Some(Some(1.0)) && last("up") == Some(Some(1.0)));
}

#[test]
fn a_reload_keeps_what_is_unchanged_and_ends_what_is_gone() {
    let (one, two) = (Site::page(|_| "m 1\n".to_owned()), Site::page(|_| "m 2\n".to_owned()));
    let both = |targets: &[&Site]| {
        let targets: Vec<String> = targets.iter().map(|site| format!("'{}'", site.address)).collect();
        job(&one, "").replace(&format!("'{}'", one.address), &targets.join(", "))
    };
    let watch = Watch::start(folder(), &both(&[&one, &two]));
    let key = |site: &Site| format!("{{instance=\"{}\", job=\"shop\"}}", site.address);
    wait_until("both", || watch.series("m").len() == 2);
    watch.reload(&both(&[&one]));
    wait_until("the second has ended", || watch.last("m")[&key(&two)].is_none());
    wait_until("its up too", || watch.last("up")[&key(&two)].is_none());
    let requests = one.requests.load(Ordering::Relaxed);
    wait_until("the first goes on", || one.requests.load(Ordering::Relaxed) > requests + 1);
    assert!(watch.series("m")[&key(&one)].iter().all(|(_, value)| value.is_some()), "never ended");
    let views = watch.scraper.targets();
    assert_eq!(views.len(), 1);
    assert_eq!(views[0].url, format!("http://{}/metrics", one.address));
}

#[test]
fn a_reload_with_other_rules_ends_the_series_that_they_no_longer_make() {
    let site = Site::page(|_| "m{x=\"1\"} 1\n".to_owned());
    let watch = Watch::start(folder(), &job(&site, ""));
    wait_until("the series", || watch.series("m").len() == 1);
    watch.reload(&job(&site, "  metric_relabel_configs: [{regex: x, action: labeldrop}]\n"));
    wait_until("the new series and the old one's end", || {
        let last = watch.last("m");
        last.len() == 2 && last.values().filter(|value| value.is_none()).count() == 1
    });
    let ended: Vec<String> =
        watch.last("m").into_iter().filter(|(_, value)| value.is_none()).map(|(labels, _)| labels).collect();
    assert!(ended[0].contains("x=\"1\""), "{ended:?}");
    assert_eq!(watch.last("up").len(), 1);
}

#[test]
fn targets_come_and_go_with_their_file() {
    let (one, two) = (Site::page(|_| "m 1\n".to_owned()), Site::page(|_| "m 2\n".to_owned()));
    let folder = folder();
    let file = folder.path().join("targets.json");
    // Whoever writes such a file gives it its name when it is whole: an empty one would be one without targets.
    let put = |text: String| {
        let unfinished = file.with_extension("new");
        std::fs::write(&unfinished, text).unwrap();
        std::fs::rename(&unfinished, &file).unwrap();
    };
    let write = |sites: &[&Site]| {
        let targets: Vec<String> = sites.iter().map(|site| format!("\"{}\"", site.address)).collect();
        put(format!("[{{\"targets\": [{}], \"labels\": {{\"env\": \"prod\"}}}}]", targets.join(", ")));
    };
    write(&[&one]);
    let config = "global: {scrape_interval: 400ms, scrape_timeout: 400ms}\nscrape_configs:\n- job_name: shop\n  \
                  file_sd_configs: [{files: ['*.json'], refresh_interval: 100ms}]\n  \
                  relabel_configs: [{source_labels: [__meta_filepath], regex: '.*/(.*)', target_label: file}]\n";
    let watch = Watch::start(folder, config);
    let instances = || watch.scraper.targets().len();
    wait_until("the first target", || watch.last("m").values().eq(&[Some(1.0)]));
    let labels = watch.last("m").into_keys().next().unwrap();
    assert!(labels.contains(r#"env="prod", file="targets.json""#), "{labels}");
    write(&[&one, &two]);
    wait_until("the second target", || instances() == 2 && watch.last("m").len() == 2);
    put("[{".to_owned());
    wait_until("the broken file is noticed", || {
        watch.scraper.telemetry().discovery_failures.load(Ordering::Relaxed) > 0
    });
    assert_eq!(instances(), 2, "the last good content stays");
    std::fs::remove_file(&file).unwrap();
    wait_until("all have ended", || instances() == 0 && watch.last("m").values().all(Option::is_none));
}

#[test]
fn requests_ask_for_what_the_job_says() {
    let seen = Arc::new(Mutex::new(None));
    let slot = seen.clone();
    let site = Site::page(move |request| {
        *slot.lock().unwrap() = Some(request.clone());
        String::new()
    });
    let more = "  metrics_path: /m\n  params: {module: [a, b]}\n  http_headers: {X-Shop: {values: [v], secrets: [s]}}\n";
    let watch = Watch::start(folder(), &job(&site, more));
    assert_eq!(watch.scraped("shop").last.error, "");
    let request = seen.lock().unwrap().clone().unwrap();
    assert_eq!(request.path, "/m?module=a&module=b");
    assert!(request.headers["accept"].starts_with("application/openmetrics-text;version=1.0.0;"));
    assert_eq!(request.headers["accept-encoding"], "gzip");
    assert_eq!(request.headers["x-prometheus-scrape-timeout-seconds"], "0.4");
    assert!(request.headers["user-agent"].starts_with("Lingshao/"));
    assert_eq!(request.headers["x-shop"], "s", "the last of both values");
}

#[test]
fn this_host_is_a_target_like_any_other() {
    let config = "global: {scrape_interval: 300ms}\ncollect: {host: {instance: web-1}}\n";
    let watch = Watch::start(folder(), config);
    assert_eq!(watch.scraped("node").last.error, "");
    let up = watch.last("up");
    assert_eq!(
        up.into_iter().collect::<Vec<_>>(),
        [(r#"{instance="web-1", job="node"}"#.to_owned(), Some(1.0))]
    );
    let total = watch.last("node_memory_MemTotal_bytes")[r#"{instance="web-1", job="node"}"#].unwrap();
    assert!(total > 1e8, "{total}");
}
