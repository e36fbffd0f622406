//! Rate, errors and duration of requests, by route template and method.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, LockResult, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use http::Method;

use crate::page::{MetricKind, MetricsPage};

/// Upper bounds of the buckets, in seconds. 1 and 2 stand beside Prometheus' usual 2.5, because rules ask for them: a
/// quantile is only as exact as the bounds around it.
pub const BUCKETS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 2.5, 5.0, 10.0];

/// Most route templates that get series of their own. A shop has some dozen; more is a mistake with
/// `RequestLog::set_route`, and would cost memory here and in every database behind.
const ROUTES_MAX: usize = 1_000;

/// The endpoint of requests without a route template.
pub(crate) const NO_ROUTE: &str = "none";

/// Methods, as far as HTTP defines them; the last stands for all others.
const METHODS: [&str; 10] =
    ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE", "OTHER"];

/// Index into [`METHODS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MethodLabel(usize);

impl MethodLabel {
    pub(crate) fn of(method: &Method) -> MethodLabel {
        let found = METHODS[..METHODS.len() - 1].iter().position(|known| *known == method.as_str());
        MethodLabel(found.unwrap_or(METHODS.len() - 1))
    }
}

/// All that is measured.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    routes: RwLock<HashMap<Arc<str>, Arc<Route>>>,
    in_flight: AtomicI64,
    routes_refused: AtomicU64,
}

/// Measurements of one route.
#[derive(Debug, Default)]
struct Route([Mutex<Measured>; METHODS.len()]);

/// Measurements of one method of a route. A mutex, and not atomics, so that a page never shows a count that its
/// buckets do not have; it is held for some nanoseconds.
#[derive(Debug, Default)]
struct Measured {
    /// Few: a route answers with some three to five.
    statuses: Vec<(u16, u64)>,
    /// Per bucket, not cumulative; the last is above all bounds.
    buckets: [u64; BUCKETS.len() + 1],
    sum: Duration,
}

impl Requests {
    pub(crate) fn begin(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn end(&self, method: MethodLabel, route: &str, status: u16, took: Duration) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        let route = self.route(route);
        let mut measured = unpoisoned(route.0[method.0].lock());
        match measured.statuses.iter_mut().find(|(known, _)| *known == status) {
            Some((_, count)) => *count += 1,
            None => measured.statuses.push((status, 1)),
        }
        let seconds = took.as_secs_f64();
        let bucket = BUCKETS.iter().position(|bound| seconds <= *bound).unwrap_or(BUCKETS.len());
        measured.buckets[bucket] += 1;
        measured.sum += took;
    }

    fn route(&self, name: &str) -> Arc<Route> {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(route) = routes.get(name) {
            return Arc::clone(route);
        }
        let full = routes.len() >= ROUTES_MAX;
        drop(routes);
        let name = if full && name != NO_ROUTE {
            self.routes_refused.fetch_add(1, Ordering::Relaxed);
            NO_ROUTE
        } else {
            name
        };
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(routes.entry(name.into()).or_default())
    }

    pub(crate) fn render(&self, page: &mut MetricsPage) {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        let mut rows: Vec<(&str, &str, MutexGuard<'_, Measured>)> = Vec::new();
        for (name, route) in routes.iter() {
            let methods = METHODS.iter().zip(&route.0).map(|(method, one)| (*method, unpoisoned(one.lock())));
            rows.extend(
                methods
                    .filter(|(_, one)| !one.statuses.is_empty())
                    .map(|(method, one)| (&**name, method, one)),
            );
        }
        rows.sort_by_key(|(name, method, _)| (*name, *method));
        counts(page, &rows);
        durations(page, &rows);
        page.family("http_requests_in_flight", MetricKind::Gauge, "HTTP requests being answered.")
            .sample(&[], self.in_flight.load(Ordering::Relaxed) as f64);
        let help = "Requests counted as endpoint=\"none\" because there are too many route templates.";
        page.family("http_requests_route_refused_total", MetricKind::Counter, help)
            .sample(&[], self.routes_refused.load(Ordering::Relaxed) as f64);
    }
}

type Row<'a> = (&'a str, &'a str, MutexGuard<'a, Measured>);

fn counts(page: &mut MetricsPage, rows: &[Row<'_>]) {
    let mut family =
        page.family("http_requests_total", MetricKind::Counter, "HTTP requests that have ended.");
    for (route, method, measured) in rows {
        for (status, count) in &measured.statuses {
            let status = status.to_string();
            let labels = [("method", *method), ("endpoint", *route), ("status", &status)];
            family.sample(&labels, *count as f64);
        }
    }
}

fn durations(page: &mut MetricsPage, rows: &[Row<'_>]) {
    let help = "Time from a request's head to the last byte of its answer.";
    let mut family = page.family("http_request_duration_seconds", MetricKind::Histogram, help);
    let bounds: Vec<String> = BUCKETS.iter().map(f64::to_string).chain(["+Inf".to_owned()]).collect();
    for (route, method, measured) in rows {
        let mut count = 0;
        for (bound, own) in bounds.iter().zip(measured.buckets) {
            count += own;
            let labels = [("method", *method), ("endpoint", *route), ("le", bound)];
            family.line("_bucket", &labels, count as f64);
        }
        let labels = [("method", *method), ("endpoint", *route)];
        family.line("_sum", &labels, measured.sum.as_secs_f64());
        family.line("_count", &labels, count as f64);
    }
}

/// A thread that panicked between two additions has left at worst one request uncounted.
fn unpoisoned<T>(locked: LockResult<MutexGuard<'_, T>>) -> MutexGuard<'_, T> {
    locked.unwrap_or_else(PoisonError::into_inner)
}
