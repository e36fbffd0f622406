//! Every route there is, in one table: its methods, its path and the right that it needs.
//!
//! The table *is* the router, so nothing can be reached that does not stand in it; `tests/routes.rs` walks it.

use http::Method;

use crate::security::access::Right;

/// What answers a route. Closed: `api::dispatch` matches all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the route that names it in the table below")]
pub enum Endpoint {
    Index,
    Healthy,
    Ready,
    Reload,
    OwnMetrics,
    Write,
    Query,
    QueryRange,
    QueryExemplars,
    FormatQuery,
    ParseQuery,
    Labels,
    LabelValues,
    Series,
    Metadata,
    Targets,
    TargetsMetadata,
    ScrapePools,
    Rules,
    Alerts,
    Alertmanagers,
    StatusBuildInfo,
    StatusConfig,
    StatusFlags,
    StatusRuntimeInfo,
    StatusTsdb,
    StatusWalReplay,
}

/// The methods that a route takes. `HEAD` goes wherever `GET` goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Methods {
    /// Reading.
    Get,
    /// Reading, with parameters too long for a URL.
    GetOrPost,
    /// Changing.
    Post,
    /// Changing; Prometheus takes both for its lifecycle routes.
    PostOrPut,
}

impl Methods {
    /// For the `Allow` header.
    pub fn allow(self) -> &'static str {
        match self {
            Methods::Get => "GET, HEAD",
            Methods::GetOrPost => "GET, HEAD, POST",
            Methods::Post => "POST",
            Methods::PostOrPut => "POST, PUT",
        }
    }

    /// Whether a request of this method may come in.
    pub fn include(self, method: &Method) -> bool {
        self.allow().split(", ").any(|own| own == method.as_str())
    }
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// Segment by segment; `{name}` takes any one segment.
    pub path: &'static str,
    /// Other methods are answered with 405.
    pub methods: Methods,
    /// What the caller must be allowed to do.
    pub right: Right,
    /// What answers.
    pub endpoint: Endpoint,
}

const fn route(path: &'static str, methods: Methods, right: Right, endpoint: Endpoint) -> Route {
    Route { path, methods, right, endpoint }
}

use self::Methods::{Get, GetOrPost, Post, PostOrPut};
use crate::security::access::Right::{Administer, Ingest, Public, Read};

/// All of it. Prometheus' administrative routes (delete series, snapshot) are left out on purpose.
pub const ROUTES: &[Route] = &[
    route("/", Get, Read, Endpoint::Index),
    route("/-/healthy", Get, Public, Endpoint::Healthy),
    route("/-/ready", Get, Public, Endpoint::Ready),
    route("/-/reload", PostOrPut, Administer, Endpoint::Reload),
    route("/metrics", Get, Read, Endpoint::OwnMetrics),
    route("/api/v1/write", Post, Ingest, Endpoint::Write),
    route("/api/v1/query", GetOrPost, Read, Endpoint::Query),
    route("/api/v1/query_range", GetOrPost, Read, Endpoint::QueryRange),
    route("/api/v1/query_exemplars", GetOrPost, Read, Endpoint::QueryExemplars),
    route("/api/v1/format_query", GetOrPost, Read, Endpoint::FormatQuery),
    route("/api/v1/parse_query", GetOrPost, Read, Endpoint::ParseQuery),
    route("/api/v1/labels", GetOrPost, Read, Endpoint::Labels),
    route("/api/v1/label/{name}/values", Get, Read, Endpoint::LabelValues),
    route("/api/v1/series", GetOrPost, Read, Endpoint::Series),
    route("/api/v1/metadata", Get, Read, Endpoint::Metadata),
    route("/api/v1/targets", Get, Read, Endpoint::Targets),
    route("/api/v1/targets/metadata", Get, Read, Endpoint::TargetsMetadata),
    route("/api/v1/scrape_pools", Get, Read, Endpoint::ScrapePools),
    route("/api/v1/rules", Get, Read, Endpoint::Rules),
    route("/api/v1/alerts", Get, Read, Endpoint::Alerts),
    route("/api/v1/alertmanagers", Get, Read, Endpoint::Alertmanagers),
    route("/api/v1/status/buildinfo", Get, Read, Endpoint::StatusBuildInfo),
    route("/api/v1/status/config", Get, Read, Endpoint::StatusConfig),
    route("/api/v1/status/flags", Get, Read, Endpoint::StatusFlags),
    route("/api/v1/status/runtimeinfo", Get, Read, Endpoint::StatusRuntimeInfo),
    route("/api/v1/status/tsdb", Get, Read, Endpoint::StatusTsdb),
    route("/api/v1/status/walreplay", Get, Read, Endpoint::StatusWalReplay),
];

/// A route that fits a path: where in the table it stands, and what its `{name}` segment holds, undecoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found<'a> {
    /// Index into [`ROUTES`].
    pub index: usize,
    /// The text of the `{name}` segment, if the route has one.
    pub name: Option<&'a str>,
}

/// Looks a path up.
pub fn find(path: &str) -> Option<Found<'_>> {
    ROUTES.iter().enumerate().find_map(|(index, route)| fit(route.path, path, index))
}

fn fit<'a>(pattern: &str, path: &'a str, index: usize) -> Option<Found<'a>> {
    let Some((before, after)) = pattern.split_once("{name}") else {
        return (pattern == path).then_some(Found { index, name: None });
    };
    let name = path.strip_prefix(before)?.strip_suffix(after)?;
    (!name.is_empty() && !name.contains('/')).then_some(Found { index, name: Some(name) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: Option<(&str, Option<&str>)>) {
        let found = find(path).map(|found| (ROUTES[found.index].path, found.name));
        assert_eq!(found, expected, "{path}");
    }

    #[test]
    fn a_path_finds_its_route_and_its_name() {
        check("/", Some(("/", None)));
        check("/api/v1/query", Some(("/api/v1/query", None)));
        check("/api/v1/label/job/values", Some(("/api/v1/label/{name}/values", Some("job"))));
        check("/api/v1/label/U__a_2e_b/values", Some(("/api/v1/label/{name}/values", Some("U__a_2e_b"))));
        check("/api/v1/label//values", None);
        check("/api/v1/label/a/b/values", None);
        check("/api/v1/query/", None);
        check("/api/v1/admin/tsdb/delete_series", None);
        check("/../etc/passwd", None);
    }

    #[test]
    fn only_health_is_public_and_changes_need_more_than_reading() {
        for route in ROUTES {
            let public = route.path == "/-/healthy" || route.path == "/-/ready";
            assert_eq!(route.right == Right::Public, public, "{}", route.path);
            let changes = matches!(route.methods, Methods::Post | Methods::PostOrPut);
            assert_eq!(changes, matches!(route.right, Right::Ingest | Right::Administer), "{}", route.path);
        }
    }
}
