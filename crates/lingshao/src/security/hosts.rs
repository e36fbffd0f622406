//! Which `Host` and which origin a request may carry.
//!
//! A page on the web can point its own name at 127.0.0.1 (DNS rebinding) and let a browser talk to us. It can do so
//! by *name* only, so names are taken from a list, and addresses written as numbers always pass.

use std::net::IpAddr;

/// The names under which we may be addressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hosts {
    /// In lower case, without port.
    names: Vec<String>,
    /// Those of them that stand in `web.hosts`.
    configured: Vec<String>,
}

impl Hosts {
    /// `localhost`, the host part of the listen address, and the names from `web.hosts`.
    pub(crate) fn new(listen: &str, configured: &[String]) -> Hosts {
        let configured: Vec<String> =
            configured.iter().map(|host| name_of(host).to_ascii_lowercase()).collect();
        let own = ["localhost", name_of(listen)].map(str::to_ascii_lowercase);
        Hosts { names: own.into_iter().chain(configured.iter().cloned()).collect(), configured }
    }

    /// Whether a request with this `Host` (or the authority of its URL) is meant for us.
    pub(crate) fn allow(&self, host: &str) -> bool {
        let name = name_of(host);
        is_address(name) || self.names.iter().any(|own| own.eq_ignore_ascii_case(name))
    }

    /// Whether something that changes state may be done on behalf of the page that sent this. Programs send neither
    /// header; browsers send at least one with every POST, PUT and DELETE.
    pub(crate) fn same_origin(&self, host: &str, origin: Option<&str>, fetch_site: Option<&str>) -> bool {
        if fetch_site.is_some_and(|site| site != "same-origin" && site != "none") {
            return false;
        }
        let Some(origin) = origin else { return true };
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        // A reverse proxy may rewrite `Host`; then the page's own name has to be in `web.hosts`. The address that we
        // listen on is no such name: on its other ports are other programs' pages.
        authority.is_some_and(|authority| {
            authority.eq_ignore_ascii_case(host)
                || self.configured.iter().any(|own| own.eq_ignore_ascii_case(name_of(authority)))
        })
    }
}

/// The host without its port.
fn name_of(host: &str) -> &str {
    match host.rfind(':') {
        Some(colon)
            if !host.ends_with(']') && host[colon + 1..].bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            &host[..colon]
        }
        _ => host,
    }
}

fn is_address(name: &str) -> bool {
    name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> Hosts {
        Hosts::new("monitor.lan:9090", &["Shop.example".to_owned()])
    }

    #[track_caller]
    fn check(host: &str, expected: bool) {
        assert_eq!(hosts().allow(host), expected, "{host}");
    }

    #[test]
    fn addresses_and_listed_names_pass_and_nothing_else() {
        check("127.0.0.1:9090", true);
        check("[::1]:9090", true);
        check("[::1]", true);
        check("192.168.1.5", true);
        check("LOCALHOST:1", true);
        check("monitor.lan", true);
        check("shop.EXAMPLE:9090", true);
        check("evil.example", false);
        check("localhost.evil.example", false);
        check("127.0.0.1.evil.example:9090", false);
        check("", false);
    }

    #[track_caller]
    fn check_origin(origin: Option<&str>, site: Option<&str>, expected: bool) {
        assert_eq!(hosts().same_origin("127.0.0.1:9090", origin, site), expected, "{origin:?} {site:?}");
    }

    #[test]
    fn another_origin_changes_nothing_here() {
        check_origin(None, None, true);
        check_origin(Some("http://127.0.0.1:9090"), Some("same-origin"), true);
        check_origin(Some("http://127.0.0.1:8080"), None, false);
        check_origin(Some("http://evil.example"), None, false);
        check_origin(Some("null"), None, false);
        check_origin(None, Some("cross-site"), false);
        check_origin(None, Some("same-site"), false);
        check_origin(Some("http://127.0.0.1:9090"), Some("cross-site"), false);
        check_origin(Some("https://shop.example"), Some("same-origin"), true);
        check_origin(Some("http://localhost:8080"), None, false);
        check_origin(Some("http://monitor.lan:8080"), None, false);
    }
}
