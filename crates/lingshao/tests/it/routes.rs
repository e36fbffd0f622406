//! Who may do what: generated from the route table, so that a new route is tested the day it is written.

use lingshao::security::access::Right;
use lingshao::server::routes::{Door, ROUTES, Route};

use crate::harness::{Answer, Server, request};
use crate::users::{ROLES, basic, guarded};

const DOORS: [Door; 2] = [Door::Web, Door::Elasticsearch];

fn ask(server: &Server, door: Door, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let address = match door {
        Door::Web => &server.address,
        Door::Elasticsearch => server.door("elasticsearch"),
    };
    request(address, method, path, headers, b"").expect("an answer")
}

/// All lines with the doors that they belong to.
fn lines() -> impl Iterator<Item = (Door, &'static Route)> {
    DOORS.into_iter().flat_map(|door| door.routes().iter().map(move |route| (door, route)))
}

fn methods(route: &Route) -> Vec<&'static str> {
    ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"]
        .into_iter()
        .filter(|method| route.methods.include(&method.parse().unwrap()))
        .collect()
}

fn path(route: &Route) -> String {
    route.path.replace("{name}", "job").replace("{version}", "1").replace("{index}", "none")
}

fn reads(route: &Route) -> bool {
    !route.methods.change()
}

/// What nobody needs a right for: the page, which has to load before anybody can sign in and shows nothing by itself;
/// one's own session; whether the process lives; and callbacks, which are known by their signature.
const PUBLIC: [&str; 7] =
    ["/", "/graph", "/assets/{name}", "/-/healthy", "/-/ready", "/api/lingshao/v1/session", SIGNED];
/// Whoever does not sign is refused here, whoever it is.
const SIGNED: &str = "/api/lingshao/v1/shop/wechatpay/refund";

/// The answer to a stranger who sends an empty body.
fn expected_without_credentials(route: &Route, method: &str) -> u16 {
    match (route.path, method) {
        _ if route.right != Right::Public => 401,
        ("/" | "/graph", _) if !lingshao_ui::is_built() => 302,
        ("/assets/{name}", _) => 404,
        (SIGNED, _) => 401,
        ("/api/lingshao/v1/session", "POST") => 400,
        ("/api/lingshao/v1/session", "DELETE") => 204,
        _ => 200,
    }
}

#[test]
fn every_route_asks_for_its_right_and_takes_only_its_methods() {
    let (_folder, server) = guarded();
    for (door, route) in lines() {
        let path = path(route);
        let ask = |method: &str, headers: &[(&str, &str)]| ask(&server, door, method, &path, headers).status;
        for method in methods(route) {
            let expected = expected_without_credentials(route, method);
            assert_eq!(ask(method, &[]), expected, "{method} {path} without a token");
            assert_eq!(ask(method, &[("Cookie", "lingshao_session=x; a=b")]), expected, "{method} {path}");
            for (role, name) in ROLES {
                let status = ask(method, &[("Authorization", &basic(name, &format!("{name}-password")))]);
                let refused = !route.right.is_given_to(role);
                assert_eq!(status == 403, refused, "{method} {path} as {name}: {status}");
                assert_eq!(status == 401, route.path == SIGNED, "{method} {path} as {name}");
            }
        }
        let admin = basic("admin", "admin-password");
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
            let taken = door
                .routes()
                .iter()
                .filter(|line| line.path == route.path)
                .any(|line| methods(line).contains(&method));
            if !taken {
                assert_eq!(ask(method, &[("Authorization", &admin)]), 405, "{method} {path}");
            }
        }
    }
    assert_eq!(server.get("/api/v1/admin/tsdb/delete_series").status, 404);
}

#[test]
fn only_health_the_page_ones_own_session_and_what_is_signed_are_open_to_everybody() {
    let mut open: Vec<_> =
        lines().filter(|(_, route)| route.right == Right::Public).map(|(_, route)| route.path).collect();
    open.dedup();
    assert_eq!(open, PUBLIC);
}

#[test]
fn no_answer_lets_a_browser_do_more_than_show_it() {
    let (_folder, server) = guarded();
    for (door, route) in lines() {
        let answer = ask(&server, door, "GET", &path(route), &[("Origin", "http://evil.example")]);
        assert_eq!(answer.header("X-Content-Type-Options"), Some("nosniff"), "{}", route.path);
        assert!(
            answer.header("Content-Security-Policy").unwrap().starts_with("default-src 'none'"),
            "{}",
            route.path
        );
        assert_eq!(answer.header("Access-Control-Allow-Origin"), None, "{}", route.path);
    }
}

#[test]
fn a_foreign_host_is_misdirected_and_says_how_to_allow_it() {
    let (_folder, server) = guarded();
    let ask = |host: &str| server.request("GET", "/-/healthy", &[("Host", host)], b"");
    for host in ["localhost", "127.0.0.1:1", "[::1]:9090", "monitor.example:443"] {
        assert_eq!(ask(host).status, 200, "{host}");
    }
    let answer = ask("evil.example");
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (421, "host `evil.example` is not ours; add it to `web.hosts`\n")
    );
}

#[test]
fn another_origin_reaches_no_route_that_changes_something() {
    let (_folder, server) = guarded();
    let admin = basic("admin", "admin-password");
    for (door, route) in lines().filter(|(_, route)| !reads(route)) {
        for method in methods(route) {
            let headers = [("Authorization", admin.as_str()), ("Origin", "http://evil.example")];
            let answer = ask(&server, door, method, &path(route), &headers);
            assert_eq!(answer.status, 403, "{method} {}: {}", route.path, answer.body);
        }
    }
}

#[test]
fn another_origin_changes_nothing() {
    let (_folder, server) = guarded();
    let admin = basic("admin", "admin-password");
    let reload = |headers: &[(&str, &str)]| {
        let headers = [headers, &[("Authorization", admin.as_str())]].concat();
        server.request("POST", "/-/reload", &headers, b"").status
    };
    assert_eq!(reload(&[("Origin", "http://evil.example")]), 403);
    assert_eq!(reload(&[("Sec-Fetch-Site", "cross-site")]), 403);
    assert_eq!(reload(&[("Origin", &server.url()), ("Sec-Fetch-Site", "same-origin")]), 200);
    assert_eq!(reload(&[]), 200);
}

#[test]
fn wrong_passwords_are_slowed_down_but_not_for_those_already_in() {
    let (_folder, server) = guarded();
    let ask = |password: &str| {
        server.request("GET", "/plain", &[("Authorization", &basic("admin", password))], b"")
    };
    assert_eq!(ask("admin-password").status, 200);
    for guess in 0..5 {
        assert_eq!(ask(&guess.to_string()).status, 401);
    }
    let sixth = ask("sixth");
    assert_eq!(sixth.status, 429);
    assert_eq!(sixth.header("Retry-After"), Some("1"));
    assert_eq!(ask("admin-password").status, 200);
}

#[test]
fn hashes_and_passwords_appear_nowhere() {
    let (_folder, server) = guarded();
    let admin = basic("admin", "admin-password");
    let mut seen = server.log();
    for route in ROUTES {
        let answer = server.request("GET", &path(route), &[("Authorization", &admin)], b"");
        seen += &format!("{}\n{}\n", answer.head, answer.body);
    }
    assert!(seen.contains("web:") || seen.contains("web\\n"), "the config is shown");
    for secret in ["$argon2", "admin-password", "argon2id"] {
        assert!(!seen.contains(secret), "{secret} is shown");
    }
}
