//! Targets that misbehave: each fails by itself, with a reason that names what is wrong.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use crate::support::{Request, Site, Watch, answer, ok, wait_until};
use flate2::Compression;
use flate2::write::GzEncoder;
use lingshao::scrape::Health;

const TEXT: &str = "Content-Type: text/plain\r\n";

/// Scrapes such a target once, and a good one beside it.
#[track_caller]
fn check(more: &str, expected: &str, handler: impl Fn(&Request, &mut TcpStream) + Send + Sync + 'static) {
    let (bad, good) = (Site::start(handler), Site::page(|_| "good 1\n".to_owned()));
    let config = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: good\n  static_configs: [{{targets: ['{}']}}]\n\
         - job_name: bad\n  static_configs: [{{targets: ['{}']}}]\n{more}",
        good.address, bad.address
    );
    let watch = Watch::start(tempfile::tempdir().unwrap(), &config);
    let target = watch.scraped("bad");
    assert_eq!(target.last.health, Health::Down, "{target:?}");
    assert!(target.last.error.contains(expected), "`{}` should say `{expected}`", target.last.error);
    let up = format!("{{instance=\"{}\", job=\"bad\"}}", bad.address);
    wait_until("up is 0", || watch.last("up").get(&up) == Some(&Some(0.0)));
    assert!(watch.series("m").is_empty(), "nothing of the page is stored");
    wait_until("the good one is stored", || !watch.series("good").is_empty());
}

#[test]
fn statuses_and_content_types() {
    check("", "server returned HTTP status 500 Internal Server Error", |_, stream| {
        answer(stream, "500 Internal Server Error", TEXT, b"m 1\n");
    });
    check("", "the target sends no Content-Type; set fallback_scrape_protocol", |_, stream| {
        answer(stream, "200 OK", "", b"m 1\n");
    });
    check("", "unsupported Content-Type `text/html`", |_, stream| {
        answer(stream, "200 OK", "Content-Type: text/html\r\n", b"<m 1>");
    });
    check("", "unsupported content encoding `br`", |_, stream| {
        answer(stream, "200 OK", "Content-Type: text/plain\r\nContent-Encoding: br\r\n", b"m 1\n");
    });
}

#[test]
fn broken_pages() {
    check("", "not UTF-8", |_, stream| ok(stream, b"m 1\nm{l=\"\xff\xfe\"} 1\n"));
    check("", "line 2", |_, stream| ok(stream, b"m 1\nm{l=\"x} 1\n"));
    check("", "stands twice", |_, stream| ok(stream, b"m{a=\"1\",a=\"2\"} 1\n"));
    check("", "the answer broke off", |_, stream| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\nm 1\n";
        stream.write_all(head.as_bytes()).unwrap();
    });
    check("", "the gzip body is damaged", |_, stream| {
        answer(stream, "200 OK", "Content-Type: text/plain\r\nContent-Encoding: gzip\r\n", b"m 1\n");
    });
}

#[test]
fn slow_and_absent_targets() {
    check("  scrape_timeout: 300ms\n", "no complete answer within 300ms (scrape_timeout)", |_, _| {
        std::thread::sleep(Duration::from_secs(5));
    });
    check("  scrape_timeout: 300ms\n", "no complete answer within 300ms (scrape_timeout)", |_, stream| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100000\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        while stream.write_all(b"m 1\n").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let watch = Watch::start(
        tempfile::tempdir().unwrap(),
        "global: {scrape_interval: 300ms}\nscrape_configs: [{job_name: gone, static_configs: [{targets: ['127.0.0.1:1']}]}]\n",
    );
    let error = watch.scraped("gone").last.error;
    assert!(error.contains("cannot connect") && error.contains("Connection refused"), "{error}");
}

#[test]
fn redirects_without_end_and_to_nowhere() {
    check("", "stopped after 10 redirects", |request, stream| {
        answer(stream, "302 Found", &format!("Location: {}x\r\n", request.path), b"");
    });
    check("", "redirects to no URL", |_, stream| answer(stream, "302 Found", "Location: ftp://x/\r\n", b""));
    check("  follow_redirects: false\n", "server returned HTTP status 302 Found", |_, stream| {
        answer(stream, "302 Found", "Location: /x\r\n", b"");
    });
}

#[test]
fn limits_fail_the_scrape_by_name() {
    let page =
        |_: &Request, stream: &mut TcpStream| ok(stream, b"m{a=\"12345\"} 1\nm{b=\"2\"} 1\nm{c=\"3\"} 1\n");
    check("  sample_limit: 2\n", "sample limit exceeded: 3 samples, sample_limit is 2", page);
    check("  label_limit: 3\n", "label_limit exceeded (metric: \"m\", number of labels: 4, limit: 3)", page);
    check("  label_name_length_limit: 7\n", "label_name_length_limit exceeded", page);
    check("  label_value_length_limit: 4\n", "label_value_length_limit exceeded", page);
    check("  body_size_limit: 20B\n", "body size limit of 20 bytes exceeded (body_size_limit)", page);
}

#[test]
fn too_many_targets_fail_all_of_them() {
    let site = Site::page(|_| "m 1\n".to_owned());
    let config = format!(
        "global: {{scrape_interval: 300ms}}\nscrape_configs: [{{job_name: a, target_limit: 1, static_configs: [{{targets: ['{0}', 'localhost:{1}']}}]}}]\n",
        site.address,
        site.address.port()
    );
    let watch = Watch::start(tempfile::tempdir().unwrap(), &config);
    let error = watch.scraped("a").last.error;
    assert_eq!(error, "target_limit exceeded (number of targets: 2, limit: 1)");
    assert!(watch.series("m").is_empty());
}

#[test]
fn a_compressed_page_is_read_and_a_bomb_is_not() {
    let packed = |page: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(page).unwrap();
        encoder.finish().unwrap()
    };
    let headers = "Content-Type: text/plain\r\nContent-Encoding: gzip\r\n";
    let small = packed(b"m 1\n");
    let site = Site::start(move |_, stream| answer(stream, "200 OK", headers, &small));
    let config = format!(
        "global: {{scrape_interval: 300ms}}\nscrape_configs: [{{job_name: a, static_configs: [{{targets: ['{}']}}]}}]\n",
        site.address
    );
    let watch = Watch::start(tempfile::tempdir().unwrap(), &config);
    wait_until("the page", || watch.last("m").values().eq(&[Some(1.0)]));

    let bomb = packed(&vec![b'#'; 100 << 20]);
    assert!(bomb.len() < 200_000);
    check("  body_size_limit: 1MB\n", "body size limit of 1048576 bytes exceeded", move |_, stream| {
        answer(stream, "200 OK", headers, &bomb);
    });
}
