//! Metrics of request records, for shops that export none: the plan's `http_requests_total` and
//! `http_request_duration_seconds`, right also when a service runs as several processes.
//!
//! A record counts when it has a method, a path and a status. Its `job` is its `service`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

use lingshao_model::log::{BatchRecord, LogBatch, LogValue};

/// Upper bounds of the buckets in seconds: prometheus_client's, and 2, because the plan's rule asks for it.
const BOUNDS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 2.5, 5.0, 10.0];
/// Most combinations of service, method, endpoint and status; further endpoints count together as `other`. A shop has
/// some hundred routes; whoever calls random paths must not fill the memory.
const COMBINATIONS_MAX: usize = 2_000;
/// Longest text that becomes a label.
const LABEL_BYTES_MAX: usize = 200;

/// Counts requests.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    all: BTreeMap<Key, Counted>,
    /// Of a key and a status.
    combinations: usize,
}

#[derive(Debug, Default)]
struct Counted {
    by_status: BTreeMap<u16, u64>,
    /// Of requests that say how long they took.
    seconds: Option<Box<Histogram>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    service: String,
    method: String,
    endpoint: String,
}

#[derive(Debug, Default)]
struct Histogram {
    /// One more than bounds: the last is `+Inf`. Not cumulative.
    buckets: [u64; BOUNDS.len() + 1],
    sum: f64,
}

/// What a record says of a request.
#[derive(Debug, Default)]
struct Request<'a> {
    service: Option<&'a str>,
    method: Option<&'a str>,
    route: Option<&'a str>,
    path: Option<&'a str>,
    status: Option<u16>,
    seconds: Option<f64>,
}

/// What a field says of a request.
#[derive(Clone, Copy, Debug)]
enum Says {
    Nothing,
    Service,
    Method,
    Route,
    Path,
    Status,
    Seconds,
}

impl Says {
    fn of(name: &str) -> Says {
        match name {
            "service" | "service.name" => Says::Service,
            "method" | "http.request.method" | "request_method" => Says::Method,
            "route" | "endpoint" | "http.route" => Says::Route,
            "path" | "uri" | "url.path" => Says::Path,
            "status_code" | "status" | "http.response.status_code" => Says::Status,
            "process_time" | "request_time" => Says::Seconds,
            _ => Says::Nothing,
        }
    }
}

impl<'a> Request<'a> {
    /// `says`: by the numbers of names.
    fn of(record: BatchRecord<'a>, says: &[Says]) -> Request<'a> {
        let mut request = Request::default();
        for field in record.fields() {
            let text = match field.value {
                LogValue::Text(text) => Some(text),
                _ => None,
            };
            match says[field.number as usize] {
                Says::Nothing => {}
                Says::Service => request.service = request.service.or(text),
                Says::Method => request.method = text,
                Says::Route => request.route = text,
                Says::Path => request.path = text,
                Says::Status => request.status = status(field.value),
                Says::Seconds => request.seconds = seconds(field.value),
            }
        }
        request
    }
}

fn status(value: LogValue<&str>) -> Option<u16> {
    let number = match value {
        LogValue::Int(number) => u16::try_from(number).ok()?,
        LogValue::Text(text) => text.parse().ok()?,
        _ => return None,
    };
    (100..600).contains(&number).then_some(number)
}

fn seconds(value: LogValue<&str>) -> Option<f64> {
    let number = match value {
        LogValue::Int(number) => number as f64,
        LogValue::Float(number) => number,
        LogValue::Text(text) => text.parse().ok()?,
        _ => return None,
    };
    (0.0..1e9).contains(&number).then_some(number)
}

impl Requests {
    /// Counts the request records of a batch that was stored.
    pub(crate) fn observe(&self, batch: &LogBatch) {
        let says: Vec<Says> = batch.names().iter().map(|name| Says::of(name)).collect();
        let mut key = Key::default(); // Written over by each record: most keys are known.
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for record in batch.records() {
            let request = Request::of(record, &says);
            let Request { method: Some(method), status: Some(status), .. } = request else { continue };
            if request.route.or(request.path).is_none() {
                continue;
            }
            key.write(&request, method);
            counts.count(&mut key, status, request.seconds);
        }
    }

    /// Appends the page; every sample carries its own `job` and `instance`.
    pub(crate) fn render(&self, out: &mut Vec<u8>) {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.all.is_empty() {
            return; // Nobody has logged a request: there is nothing that could be up.
        }
        let mut page = String::new();
        page.push_str("# HELP http_requests_total Requests, from request records.\n# TYPE http_requests_total counter\n");
        for (key, counted) in &counts.all {
            for (status, count) in &counted.by_status {
                push(&mut page, "http_requests_total", key, ("status", &status.to_string()), *count as f64);
            }
        }
        page.push_str(
            "# HELP http_request_duration_seconds Time to answer, from request records.\n\
             # TYPE http_request_duration_seconds histogram\n",
        );
        for (key, counted) in &counts.all {
            counted.seconds.iter().for_each(|histogram| histogram.render(&mut page, key));
        }
        out.extend_from_slice(page.as_bytes());
    }
}

impl Key {
    fn write(&mut self, request: &Request<'_>, method: &str) {
        write_short(&mut self.service, request.service.unwrap_or("requests"));
        write_short(&mut self.method, method);
        match (request.route, request.path) {
            (Some(route), _) => write_short(&mut self.endpoint, route),
            (None, path) => {
                write_endpoint(&mut self.endpoint, path.unwrap_or(""));
                self.endpoint.truncate(self.endpoint.floor_char_boundary(LABEL_BYTES_MAX));
            }
        }
    }
}

impl Counts {
    fn count(&mut self, key: &mut Key, status: u16, seconds: Option<f64>) {
        if let Some(counted) = self.all.get_mut(key) {
            self.combinations += usize::from(counted.count(status, seconds));
            return;
        }
        if COMBINATIONS_MAX <= self.combinations {
            write_short(&mut key.endpoint, "other");
            write_short(&mut key.method, "other");
        }
        let counted = self.all.entry(key.clone()).or_default();
        self.combinations += usize::from(counted.count(status, seconds));
    }
}

impl Counted {
    /// Answers whether the status is new.
    fn count(&mut self, status: u16, seconds: Option<f64>) -> bool {
        if let Some(seconds) = seconds {
            self.seconds.get_or_insert_default().observe(seconds);
        }
        let count = self.by_status.entry(status).or_default();
        *count += 1;
        *count == 1
    }
}

impl Histogram {
    fn observe(&mut self, seconds: f64) {
        self.buckets[BOUNDS.partition_point(|bound| *bound < seconds)] += 1;
        self.sum += seconds;
    }

    fn render(&self, page: &mut String, key: &Key) {
        let mut total = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            total += count;
            let bound = BOUNDS.get(index).map_or("+Inf".to_owned(), f64::to_string);
            push(page, "http_request_duration_seconds_bucket", key, ("le", &bound), total as f64);
        }
        push(page, "http_request_duration_seconds_sum", key, ("", ""), self.sum);
        push(page, "http_request_duration_seconds_count", key, ("", ""), total as f64);
    }
}

fn push(page: &mut String, name: &str, key: &Key, more: (&str, &str), value: f64) {
    let Key { service, method, endpoint } = key;
    let labels =
        [("job", service.as_str()), ("instance", "logs"), ("method", method), ("endpoint", endpoint), more];
    page.push_str(name);
    let mut separator = '{';
    for (label, text) in labels.iter().filter(|(label, _)| !label.is_empty()) {
        let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        write!(page, "{separator}{label}=\"{text}\"").expect("a String takes every text");
        separator = ',';
    }
    writeln!(page, "}} {value}").expect("a String takes every text");
}

fn write_short(out: &mut String, text: &str) {
    out.clear();
    out.push_str(&text[..text.floor_char_boundary(LABEL_BYTES_MAX)]);
}

/// A path whose changing parts have a common name: segments with digits in them become `{id}`, but for versions such as
/// `v1`.
fn write_endpoint(out: &mut String, path: &str) {
    out.clear();
    let end = path.find(['?', '#']).unwrap_or(path.len());
    for (nth, segment) in path[..end].split('/').enumerate() {
        if nth > 0 {
            out.push('/');
        }
        let is_version = segment.len() <= 3 && segment.starts_with('v');
        let changes = segment.bytes().any(|byte| byte.is_ascii_digit()) && !is_version;
        out.push_str(if changes { "{id}" } else { segment });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_endpoint(path: &str, expected: &str) {
        let mut out = "before".to_owned();
        write_endpoint(&mut out, path);
        assert_eq!(out, expected);
    }

    #[test]
    fn paths_become_endpoints() {
        check_endpoint("/api/v1/payments/123/notify", "/api/v1/payments/{id}/notify");
        check_endpoint("/api/v1/orders?page=2", "/api/v1/orders");
        check_endpoint("/o/5f3a-11", "/o/{id}");
        check_endpoint("/", "/");
    }

    fn request(batch: &mut LogBatch, service: Option<&str>, path: &str, status: i64, seconds: f64) {
        let mut record = batch.begin("logs");
        if let Some(service) = service {
            record.field("service", LogValue::Text(service), false);
        }
        record.field("method", LogValue::Text("GET"), false);
        record.field("path", LogValue::Text(path), false);
        record.field("status_code", LogValue::Int(status), false);
        record.field("process_time", LogValue::Float(seconds), false);
        record.finish();
    }

    #[test]
    fn request_records_become_the_plans_metrics() {
        let mut batch = LogBatch::default();
        request(&mut batch, Some("lingxian"), "/api/v1/orders/1", 200, 0.02);
        request(&mut batch, Some("lingxian"), "/api/v1/orders/2", 200, 2.0);
        request(&mut batch, Some("lingxian"), "/api/v1/orders/3", 500, 3.0);
        request(&mut batch, None, "/a", 200, 0.0);
        let mut other = batch.begin("logs");
        other.field("message", LogValue::Text("no request"), false);
        other.finish();
        let requests = Requests::default();
        requests.observe(&batch);
        let mut page = Vec::new();
        requests.render(&mut page);
        let page = String::from_utf8(page).unwrap();
        let labels = r#"job="lingxian",instance="logs",method="GET",endpoint="/api/v1/orders/{id}""#;
        for line in [
            format!("http_requests_total{{{labels},status=\"200\"}} 2\n"),
            format!("http_requests_total{{{labels},status=\"500\"}} 1\n"),
            format!("http_request_duration_seconds_bucket{{{labels},le=\"1\"}} 1\n"),
            format!("http_request_duration_seconds_bucket{{{labels},le=\"2\"}} 2\n"),
            format!("http_request_duration_seconds_bucket{{{labels},le=\"+Inf\"}} 3\n"),
            format!("http_request_duration_seconds_sum{{{labels}}} 5.02\n"),
            "http_requests_total{job=\"requests\",instance=\"logs\",method=\"GET\",endpoint=\"/a\",status=\"200\"} 1\n"
                .to_owned(),
        ] {
            assert!(page.contains(&line), "{line} in\n{page}");
        }
        assert_eq!(page.matches("http_requests_total{").count(), 3, "{page}");
    }
}
