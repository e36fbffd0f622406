//! Every route there is, in one table: its methods, its path and the right that it needs.
//!
//! The table *is* the router, so nothing can be reached that does not stand in it; `tests/routes.rs` walks it.

pub mod elasticsearch;

use http::Method;

pub use elasticsearch::Elasticsearch;

use crate::security::access::Right;

/// What answers a route. Closed: `api::dispatch` matches all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the route that names it in the table below")]
pub enum Endpoint {
    Page,
    PageFile,
    PlainPage,
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
    Session,
    SignIn,
    SignOut,
    About,
    Troubles,
    QueryBatch,
    ReceiverDetails,
    SearchBoards,
    GetBoard,
    SaveBoard,
    DeleteBoard,
    BoardVersions,
    BoardVersion,
    RestoreBoard,
    BoardProblems,
    DemoState,
    DemoInbox,
    BeginIncident,
    Findings,
    Check,
    SearchLogs,
    LogFields,
    LogIndices,
    LogValues,
    LogContext,
    ExportLogs,
    LokiPush,
    OtlpLogs,
    Shop,
    ShopPreview,
    ShopRefunds,
    ShopAudit,
    ExportShopAudit,
    VerifyShopAudit,
    StopShop,
    StartShop,
    AgreeToShopTables,
    PauseMonitor,
    ResumeMonitor,
    RunMonitor,
    RetryRefund,
    SettleRefund,
    WechatpayRefund,
    /// Of the Elasticsearch listener.
    Elasticsearch(Elasticsearch),
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
    /// Changing.
    Put,
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
            Methods::Put => "PUT",
            Methods::Delete => "DELETE",
        }
    }

    /// Whether it changes anything.
    pub fn change(self) -> bool {
        matches!(self, Methods::Post | Methods::PostOrPut | Methods::Put | Methods::Delete)
    }

    /// Whether a request of this method may come in.
    pub fn include(self, method: &Method) -> bool {
        self.allow().split(", ").any(|own| own == method.as_str())
    }
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// Segment by segment; `{name}`, `{version}` and `{index}` take any one segment. It may stand in several lines, each with other
    /// methods.
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
use crate::security::access::Right::{Act, Administer, Edit, Ingest, Public, Read, Silence};

/// All of it. Prometheus' administrative routes (delete series, snapshot) are left out on purpose.
pub const ROUTES: &[Route] = &[
    // The page is public, as it has to load before anybody can sign in; what it shows, it asks for.
    route("/", Get, Public, Endpoint::Page),
    route("/graph", Get, Public, Endpoint::Page),
    route("/assets/{name}", Get, Public, Endpoint::PageFile),
    route("/plain", Get, Read, Endpoint::PlainPage),
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
    route("/api/lingshao/v1/session", Get, Public, Endpoint::Session),
    route("/api/lingshao/v1/session", Post, Public, Endpoint::SignIn),
    route("/api/lingshao/v1/session", Delete, Public, Endpoint::SignOut),
    route("/api/lingshao/v1/about", Get, Read, Endpoint::About),
    route("/api/lingshao/v1/troubles", Get, Read, Endpoint::Troubles),
    route("/api/lingshao/v1/queries", Ask, Read, Endpoint::QueryBatch),
    route("/api/lingshao/v1/receivers", Get, Read, Endpoint::ReceiverDetails),
    route("/api/search", Get, Read, Endpoint::SearchBoards),
    route("/api/dashboards/db", Post, Edit, Endpoint::SaveBoard),
    route("/api/dashboards/uid/{name}", Get, Read, Endpoint::GetBoard),
    route("/api/dashboards/uid/{name}", Delete, Edit, Endpoint::DeleteBoard),
    route("/api/dashboards/uid/{name}/versions", Get, Read, Endpoint::BoardVersions),
    route("/api/dashboards/uid/{name}/versions/{version}", Get, Read, Endpoint::BoardVersion),
    route("/api/dashboards/uid/{name}/restore", Post, Edit, Endpoint::RestoreBoard),
    route("/api/lingshao/v1/boards/problems", Get, Read, Endpoint::BoardProblems),
    route("/api/lingshao/v1/demo", Get, Read, Endpoint::DemoState),
    route("/api/lingshao/v1/demo/inbox", Get, Read, Endpoint::DemoInbox),
    route("/demo/incidents/{name}", Post, Act, Endpoint::BeginIncident),
    route("/api/lingshao/v1/findings", Get, Read, Endpoint::Findings),
    route("/api/lingshao/v1/check", Ask, Read, Endpoint::Check),
    route("/api/lingshao/v1/logs/search", Ask, Read, Endpoint::SearchLogs),
    route("/api/lingshao/v1/logs/fields", Ask, Read, Endpoint::LogFields),
    route("/api/lingshao/v1/logs/indices", Get, Read, Endpoint::LogIndices),
    route("/api/lingshao/v1/logs/values", Ask, Read, Endpoint::LogValues),
    route("/api/lingshao/v1/logs/context", Ask, Read, Endpoint::LogContext),
    route("/api/lingshao/v1/logs/export", Get, Read, Endpoint::ExportLogs),
    route("/api/lingshao/v1/shop", Get, Read, Endpoint::Shop),
    route("/api/lingshao/v1/shop/preview", Get, Read, Endpoint::ShopPreview),
    route("/api/lingshao/v1/shop/refunds", Get, Read, Endpoint::ShopRefunds),
    route("/api/lingshao/v1/shop/audit", Get, Read, Endpoint::ShopAudit),
    route("/api/lingshao/v1/shop/audit/export", Get, Read, Endpoint::ExportShopAudit),
    route("/api/lingshao/v1/shop/audit/verify", Get, Read, Endpoint::VerifyShopAudit),
    route("/api/lingshao/v1/shop/stop", Post, Act, Endpoint::StopShop),
    route("/api/lingshao/v1/shop/go", Post, Act, Endpoint::StartShop),
    route("/api/lingshao/v1/shop/tables/agree", Post, Act, Endpoint::AgreeToShopTables),
    route("/api/lingshao/v1/shop/monitors/{name}/pause", Post, Act, Endpoint::PauseMonitor),
    route("/api/lingshao/v1/shop/monitors/{name}/resume", Post, Act, Endpoint::ResumeMonitor),
    route("/api/lingshao/v1/shop/monitors/{name}/run", Post, Act, Endpoint::RunMonitor),
    route("/api/lingshao/v1/shop/refunds/{name}/retry", Post, Act, Endpoint::RetryRefund),
    route("/api/lingshao/v1/shop/refunds/{name}/settle", Post, Act, Endpoint::SettleRefund),
    // Its caller is known by a signature; it makes us ask, and changes nothing.
    route("/api/lingshao/v1/shop/wechatpay/refund", Post, Public, Endpoint::WechatpayRefund),
    route("/loki/api/v1/push", Post, Ingest, Endpoint::LokiPush),
    route("/v1/logs", Post, Ingest, Endpoint::OtlpLogs),
];

/// A route that fits a path: where in the table it stands, and what its open segments hold, undecoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found<'a> {
    /// Index into the door's [`Door::routes`].
    pub index: usize,
    /// The text of the `{name}` segment, if the route has one.
    pub name: Option<&'a str>,
    /// The text of the `{version}` segment.
    pub version: Option<&'a str>,
    /// The text of the `{index}` segment: names of indices, which do not begin with `_`.
    pub index_name: Option<&'a str>,
}

/// The listeners that speak HTTP and have routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// The page and most APIs.
    Web,
    /// Elasticsearch's API.
    Elasticsearch,
}

impl Door {
    /// Its lines.
    pub const fn routes(self) -> &'static [Route] {
        match self {
            Door::Web => ROUTES,
            Door::Elasticsearch => elasticsearch::ROUTES,
        }
    }

    /// Looks a path up: the line that takes the method, or else any line of the path.
    pub fn find<'a>(self, path: &'a str, method: &Method) -> Option<Found<'a>> {
        let routes = self.routes();
        let lines = || routes.iter().enumerate().filter_map(|(index, route)| fit(route.path, path, index));
        lines().find(|found| routes[found.index].methods.include(method)).or_else(|| lines().next())
    }

    /// All methods that a path takes, for the `Allow` header.
    pub fn allow(self, path: &str) -> String {
        let lines = self.routes().iter().filter(|route| route.path == path);
        lines.map(|route| route.methods.allow()).collect::<Vec<_>>().join(", ")
    }
}

fn fit<'a>(pattern: &str, path: &'a str, index: usize) -> Option<Found<'a>> {
    let mut found = Found { index, name: None, version: None, index_name: None };
    let mut segments = path.split('/');
    for wanted in pattern.split('/') {
        let segment = segments.next()?;
        match wanted {
            "{index}" if is_index(segment) => found.index_name = Some(segment),
            "{name}" if !segment.is_empty() => found.name = Some(segment),
            "{version}" if !segment.is_empty() => found.version = Some(segment),
            _ if wanted == segment => {}
            _ => return None,
        }
    }
    segments.next().is_none().then_some(found)
}

/// What begins with `_` is Elasticsearch's own, but for the name of all indices.
fn is_index(segment: &str) -> bool {
    !segment.is_empty() && (!segment.starts_with('_') || segment == "_all")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: Option<(&str, Option<&str>)>) {
        let found = Door::Web.find(path, &Method::GET).map(|found| (ROUTES[found.index].path, found.name));
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
        check("/api/dashboards/uid/a", Some(("/api/dashboards/uid/{name}", Some("a"))));
        let version = Door::Web.find("/api/dashboards/uid/a/versions/3", &Method::GET).unwrap();
        assert_eq!((version.name, version.version), (Some("a"), Some("3")));
        check("/api/v1/query/", None);
        check("/api/v1/admin/tsdb/delete_series", None);
        check("/../etc/passwd", None);
    }

    #[test]
    fn an_index_is_told_from_elasticsearchs_own_names() {
        let find = |path, method| {
            let found = Door::Elasticsearch.find(path, &method)?;
            Some((elasticsearch::ROUTES[found.index].path, found.index_name, found.name))
        };
        assert_eq!(find("/_search", Method::POST), Some(("/_search", None, None)));
        assert_eq!(find("/shop/_search", Method::GET), Some(("/{index}/_search", Some("shop"), None)));
        assert_eq!(find("/_all/_search", Method::GET), Some(("/{index}/_search", Some("_all"), None)));
        assert_eq!(find("/shop", Method::PUT), Some(("/{index}", Some("shop"), None)));
        assert_eq!(find("/a/_doc/1", Method::GET), Some(("/{index}/_doc/{name}", Some("a"), Some("1"))));
        assert_eq!(find("/_unknown", Method::GET), None);
    }

    #[test]
    fn a_method_finds_its_line_of_a_path() {
        let endpoint =
            |method| Door::Web.find("/api/v2/silences", &method).map(|found| ROUTES[found.index].endpoint);
        assert_eq!(endpoint(Method::GET), Some(Endpoint::ListSilences));
        assert_eq!(endpoint(Method::POST), Some(Endpoint::SetSilence));
        assert_eq!(endpoint(Method::PUT), Some(Endpoint::ListSilences), "some line: it answers 405");
        assert_eq!(Door::Web.allow("/api/v2/silences"), "GET, HEAD, POST");
        assert_eq!(Door::Web.allow("/api/v2/silence/{name}"), "GET, HEAD, DELETE");
    }

    #[test]
    fn changes_need_more_than_reading_except_of_ones_own_session() {
        for route in ROUTES.iter().chain(elasticsearch::ROUTES) {
            // Whoever may look may end his own session, scroll or point in time; the provider comes with its signature.
            let own = ["/api/lingshao/v1/session", "/_search/scroll", "/_search/scroll/{name}", "/_pit"];
            let signed = ["/api/lingshao/v1/shop/wechatpay/refund"];
            let guarded = !matches!(route.right, Right::Public | Right::Read);
            let is_free = own.contains(&route.path) || signed.contains(&route.path);
            assert_eq!(route.methods.change() && !is_free, guarded, "{}", route.path);
        }
    }
}
