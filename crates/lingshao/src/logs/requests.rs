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
    requests: BTreeMap<Key, BTreeMap<u16, u64>>,
    seconds: BTreeMap<Key, Histogram>,
    combinations: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
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

impl<'a> Request<'a> {
    fn of(record: BatchRecord<'a>) -> Request<'a> {
        let mut request = Request::default();
        for field in record.fields() {
            let text = match field.value {
                LogValue::Text(text) => Some(text),
                _ => None,
            };
            match field.name {
                "service" | "service.name" => request.service = request.service.or(text),
                "method" | "http.request.method" | "request_method" => request.method = text,
                "route" | "endpoint" | "http.route" => request.route = text,
                "path" | "uri" | "url.path" => request.path = text,
                "status_code" | "status" | "http.response.status_code" => {
                    request.status = status(field.value);
                }
                "process_time" | "request_time" => request.seconds = seconds(field.value),
                _ => {}
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
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for record in batch.records() {
            let request = Request::of(record);
            let Request { method: Some(method), status: Some(status), .. } = request else { continue };
            let Some(path) = request.route.map(str::to_owned).or(request.path.map(endpoint)) else {
                continue;
            };
            counts.count(request.service, method, &path, status, request.seconds);
        }
    }

    /// Appends the page; every sample carries its own `job` and `instance`.
    pub(crate) fn render(&self, out: &mut Vec<u8>) {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut page = String::new();
        page.push_str("# HELP http_requests_total Requests, from request records.\n# TYPE http_requests_total counter\n");
        for (key, codes) in &counts.requests {
            for (status, count) in codes {
                push(&mut page, "http_requests_total", key, ("status", &status.to_string()), *count as f64);
            }
        }
        page.push_str(
            "# HELP http_request_duration_seconds Time to answer, from request records.\n\
             # TYPE http_request_duration_seconds histogram\n",
        );
        for (key, histogram) in &counts.seconds {
            histogram.render(&mut page, key);
        }
        out.extend_from_slice(page.as_bytes());
    }
}

impl Counts {
    fn count(
        &mut self,
        service: Option<&str>,
        method: &str,
        endpoint: &str,
        status: u16,
        seconds: Option<f64>,
    ) {
        let service = short(service.unwrap_or("requests"));
        let mut key = Key { service, method: short(method), endpoint: short(endpoint) };
        if COMBINATIONS_MAX <= self.combinations && !self.requests.contains_key(&key) {
            key = Key { endpoint: "other".to_owned(), method: "other".to_owned(), ..key };
        }
        if let Some(seconds) = seconds {
            self.seconds.entry(key.clone()).or_default().observe(seconds);
        }
        let count = self.requests.entry(key).or_default().entry(status).or_default();
        self.combinations += usize::from(*count == 0);
        *count += 1;
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

fn short(text: &str) -> String {
    let end = text.floor_char_boundary(LABEL_BYTES_MAX);
    text[..end].to_owned()
}

/// A path whose changing parts have a common name: segments with digits in them become `{id}`, but for versions such as
/// `v1`.
fn endpoint(path: &str) -> String {
    let path = path.split(['?', '#']).next().unwrap_or("");
    let named = |segment: &'_ str| {
        let is_version = segment.len() <= 3 && segment.starts_with('v');
        let changes = segment.bytes().any(|byte| byte.is_ascii_digit()) && !is_version;
        if changes { "{id}".to_owned() } else { segment.to_owned() }
    };
    path.split('/').map(named).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_endpoint(path: &str, expected: &str) {
        assert_eq!(endpoint(path), expected);
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
