//! Targets on real sockets, and a scraper with a real storage that watches them.

#![allow(dead_code, reason = "each test program uses its own part of this")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lingshao::config;
use lingshao::scrape::{Health, OwnJob, OwnPage, Scraper, Settings, Sinks, TargetView};
use lingshao_disk::RealDisk;
use lingshao_model::{Cancel, MatchOp, Matcher, Selection, SeriesSource, Timestamp, is_stale};
use lingshao_tsdb::{Db, Options};
use std::ops::ControlFlow;
use tokio::runtime::Runtime;

/// A request's first line and headers, names in lower case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
}

/// A target that answers as its handler writes.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    pub(crate) requests: Arc<AtomicU64>,
}

impl Site {
    /// Starts listening; each connection brings one request to the handler on a thread of its own.
    pub(crate) fn start(handler: impl Fn(&Request, &mut TcpStream) + Send + Sync + 'static) -> Site {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicU64::new(0));
        let (handler, counter) = (Arc::new(handler), requests.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, handler) = (stream.unwrap(), handler.clone());
                counter.fetch_add(1, Ordering::Relaxed);
                std::thread::spawn(move || {
                    if let Some(request) = read_request(&stream) {
                        handler(&request, &mut stream);
                    }
                });
            }
        });
        Site { address, requests }
    }

    /// A target that answers every request with this page.
    pub(crate) fn page(page: impl Fn(&Request) -> String + Send + Sync + 'static) -> Site {
        Site::start(move |request, stream| ok(stream, page(request).as_bytes()))
    }
}

fn read_request(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut request = Request { path: line.split(' ').nth(1)?.to_owned(), ..Request::default() };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(": ") else { return Some(request) };
        request.headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
}

/// Answers with a page in Prometheus' text format.
pub(crate) fn ok(stream: &mut TcpStream, page: &[u8]) {
    answer(stream, "200 OK", "Content-Type: text/plain; version=0.0.4\r\n", page);
}

/// Answers with anything.
pub(crate) fn answer(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n");
    // The scraper may have gone already: that is for its own assertions.
    drop(stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)));
}

/// A scraper and the storage that it fills.
pub(crate) struct Watch {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) db: Arc<Db>,
    pub(crate) scraper: Scraper,
    runtime: Runtime,
}

pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(since.as_millis()).unwrap())
}

pub(crate) fn settings(folder: &Path, text: &str) -> Settings {
    let loaded = config::parse(text, &folder.join("lingshao.yml")).unwrap_or_else(|error| panic!("{error}"));
    Settings::new(&loaded.config).unwrap_or_else(|error| panic!("{error}"))
}

impl Watch {
    /// Scrapes by a configuration; files in it lie in `folder`.
    pub(crate) fn start(folder: tempfile::TempDir, config: &str) -> Watch {
        Watch::start_with(folder, config, None)
    }

    pub(crate) fn start_with(folder: tempfile::TempDir, config: &str, own_page: Option<OwnPage>) -> Watch {
        let disk = Arc::new(RealDisk);
        let path = folder.path().join("metrics");
        let (db, _) = Db::open(disk, &path, Options::default(), now()).unwrap();
        let db = Arc::new(db);
        let runtime = Runtime::new().unwrap();
        let settings = settings(folder.path(), config);
        let own_job = |page| OwnJob { job: lingshao::scrape::OWN_JOB, honor_labels: false, page };
        let own_jobs = own_page.map(own_job).into_iter().collect();
        let sinks = Sinks { db: db.clone(), own_jobs };
        let scraper = runtime.block_on(async { Scraper::start(settings, sinks) });
        Watch { folder, db, scraper, runtime }
    }

    pub(crate) fn reload(&self, config: &str) {
        self.scraper.replace(settings(self.folder.path(), config));
    }

    pub(crate) fn stop(&self) {
        self.runtime.block_on(self.scraper.stop());
    }

    /// Samples of all series of this name: labels, then `time value`; a staleness marker's value is `None`.
    pub(crate) fn series(&self, name: &str) -> BTreeMap<String, Vec<(i64, Option<f64>)>> {
        let matchers = [Matcher::new(MatchOp::Equal, "__name__", name).unwrap()];
        let selection = Selection { matchers: &matchers, start: Timestamp(0), end: now() };
        let mut found = BTreeMap::new();
        self.db
            .snapshot()
            .select(&selection, &Cancel::default(), &mut |series| {
                let values = series.values.iter().map(|value| (!is_stale(*value)).then_some(*value));
                found.insert(
                    series.labels.without_name().to_string(),
                    series.times.iter().copied().zip(values).collect(),
                );
                ControlFlow::Continue(())
            })
            .unwrap();
        found
    }

    /// The last value of each series of this name.
    pub(crate) fn last(&self, name: &str) -> BTreeMap<String, Option<f64>> {
        self.series(name).into_iter().map(|(labels, points)| (labels, points.last().unwrap().1)).collect()
    }

    /// The only active target of a job, once it has been scraped.
    pub(crate) fn scraped(&self, job: &str) -> TargetView {
        let mut found = None;
        wait_until(&format!("a scrape of {job}"), || {
            found = self.scraper.targets().into_iter().find(|target| target.pool == job);
            found.as_ref().is_some_and(|target| target.last.health != Health::Unknown)
        });
        found.unwrap()
    }
}

/// Waits for what must come; a busy machine gets half a minute.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Resident memory of this process.
pub(crate) fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}
