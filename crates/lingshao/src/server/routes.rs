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
    AlertmanagerStatus,
    Receivers,
    ListSilences,
    SetSilence,
    GetSilence,
    ExpireSilence,
    ListAlerts,
    PostAlerts,
    AlertGroups,
    Notifications,
    Findings,
    Check,
}

/// The methods that a route takes. `HEAD` goes wherever `GET` goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Methods {
    /// Reading.
    Get,
    /// Reading, with parameters too long for a URL.
    GetOrPost,
    /// Reading, with a question that takes a body.
    Ask,
    /// Changing.
    Post,
    /// Changing; Prometheus takes both for its lifecycle routes.
    PostOrPut,
    /// Ending something.
    Delete,
}

impl Methods {
    /// For the `Allow` header.
    pub fn allow(self) -> &'static str {
        match self {
            Methods::Get => "GET, HEAD",
            Methods::GetOrPost => "GET, HEAD, POST",
            Methods::Ask | Methods::Post => "POST",
            Methods::PostOrPut => "POST, PUT",
            Methods::Delete => "DELETE",
        }
    }

    /// Whether it changes anything.
    pub fn change(self) -> bool {
        matches!(self, Methods::Post | Methods::PostOrPut | Methods::Delete)
    }

    /// Whether a request of this method may come in.
    pub fn include(self, method: &Method) -> bool {
        self.allow().split(", ").any(|own| own == method.as_str())
    }
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// Segment by segment; `{name}` takes any one segment. It may stand in several lines, each with other methods.
    pub path: &'static str,
    /// Methods that stand in no line of the path are answered with 405.
    pub methods: Methods,
    /// What the caller must be allowed to do.
    pub right: Right,
    /// What answers.
    pub endpoint: Endpoint,
}

const fn route(path: &'static str, methods: Methods, right: Right, endpoint: Endpoint) -> Route {
    Route { path, methods, right, endpoint }
}

use self::Methods::{Ask, Delete, Get, GetOrPost, Post, PostOrPut};
use crate::security::access::Right::{Administer, Ingest, Public, Read, Silence};

/// All of it. Prometheus' administrative routes (delete series, snapshot) are left out on purpose.
pub const ROUTES: &[Route] = &[
    route("/", Get, Read, Endpoint::Index),
    route("/graph", Get, Read, Endpoint::Index),
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
    route("/api/v2/status", Get, Read, Endpoint::AlertmanagerStatus),
    route("/api/v2/receivers", Get, Read, Endpoint::Receivers),
    route("/api/v2/silences", Get, Read, Endpoint::ListSilences),
    route("/api/v2/silences", Post, Silence, Endpoint::SetSilence),
    route("/api/v2/silence/{name}", Get, Read, Endpoint::GetSilence),
    route("/api/v2/silence/{name}", Delete, Silence, Endpoint::ExpireSilence),
    route("/api/v2/alerts", Get, Read, Endpoint::ListAlerts),
    route("/api/v2/alerts", Post, Ingest, Endpoint::PostAlerts),
    route("/api/v2/alerts/groups", Get, Read, Endpoint::AlertGroups),
    route("/api/lingshao/v1/notifications", Get, Read, Endpoint::Notifications),
    route("/api/lingshao/v1/findings", Get, Read, Endpoint::Findings),
    route("/api/lingshao/v1/check", Ask, Read, Endpoint::Check),
];

/// A route that fits a path: where in the table it stands, and what its `{name}` segment holds, undecoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found<'a> {
    /// Index into [`ROUTES`].
    pub index: usize,
    /// The text of the `{name}` segment, if the route has one.
    pub name: Option<&'a str>,
}

/// Looks a path up: the line that takes the method, or else any line of the path.
pub fn find<'a>(path: &'a str, method: &Method) -> Option<Found<'a>> {
    let lines = || ROUTES.iter().enumerate().filter_map(|(index, route)| fit(route.path, path, index));
    lines().find(|found| ROUTES[found.index].methods.include(method)).or_else(|| lines().next())
}

/// All methods that a path takes, for the `Allow` header.
pub fn allow(path: &str) -> String {
    let lines = ROUTES.iter().filter(|route| route.path == path);
    lines.map(|route| route.methods.allow()).collect::<Vec<_>>().join(", ")
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
        let found = find(path, &Method::GET).map(|found| (ROUTES[found.index].path, found.name));
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
    fn a_method_finds_its_line_of_a_path() {
        let endpoint = |method| find("/api/v2/silences", &method).map(|found| ROUTES[found.index].endpoint);
        assert_eq!(endpoint(Method::GET), Some(Endpoint::ListSilences));
        assert_eq!(endpoint(Method::POST), Some(Endpoint::SetSilence));
        assert_eq!(endpoint(Method::PUT), Some(Endpoint::ListSilences), "some line: it answers 405");
        assert_eq!(allow("/api/v2/silences"), "GET, HEAD, POST");
        assert_eq!(allow("/api/v2/silence/{name}"), "GET, HEAD, DELETE");
    }

    #[test]
    fn only_health_is_public_and_changes_need_more_than_reading() {
        for route in ROUTES {
            let public = route.path == "/-/healthy" || route.path == "/-/ready";
            assert_eq!(route.right == Right::Public, public, "{}", route.path);
            assert_eq!(
                route.methods.change(),
                !matches!(route.right, Right::Public | Right::Read),
                "{}",
                route.path
            );
        }
    }
}
