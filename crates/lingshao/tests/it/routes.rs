//! Who may do what: generated from the route table, so that a new route is tested the day it is written.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lingshao::config::Role;
use lingshao::security::access::Right;
use lingshao::server::routes::{ROUTES, Route};

use crate::harness::{Server, command, folder, text};

const ROLES: [(Role, &str); 4] = [
    (Role::Viewer, "viewer"),
    (Role::Editor, "editor"),
    (Role::Admin, "admin"),
    (Role::Operator, "operator"),
];

/// What `lingshao passwd` prints for a password.
fn hash(password: &str) -> String {
    use std::io::Write;
    use std::process::Stdio;
    let mut child = command().arg("passwd").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{password}").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A server with one user per role, whose password is `ROLE-password`.
fn guarded() -> (tempfile::TempDir, Server) {
    let folder = folder();
    let users: String = ROLES
        .iter()
        .map(|(_, name)| {
            let hash = hash(&format!("{name}-password"));
            format!("    - {{name: {name}, password_hash: '{hash}', role: {name}}}\n")
        })
        .collect();
    let config = folder.path().join("guarded.yml");
    std::fs::write(&config, format!("web:\n  hosts: [monitor.example]\n  users:\n{users}")).unwrap();
    let server = Server::start_with(&folder, &["--config", &text(&config)]);
    (folder, server)
}

fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}

fn methods(route: &Route) -> Vec<&'static str> {
    ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"]
        .into_iter()
        .filter(|method| route.methods.include(&method.parse().unwrap()))
        .collect()
}

fn path(route: &Route) -> String {
    route.path.replace("{name}", "job")
}

fn reads(route: &Route) -> bool {
    !route.methods.change()
}

#[test]
fn every_route_asks_for_its_right_and_takes_only_its_methods() {
    let (_folder, server) = guarded();
    for route in ROUTES {
        let path = path(route);
        let ask = |method: &str, headers: &[(&str, &str)]| server.request(method, &path, headers, b"").status;
        for method in methods(route) {
            let expected_without = if route.right == Right::Public { 200 } else { 401 };
            assert_eq!(ask(method, &[]), expected_without, "{method} {path} without a token");
            for (role, name) in ROLES {
                let status = ask(method, &[("Authorization", &basic(name, &format!("{name}-password")))]);
                let refused = !route.right.is_given_to(role);
                assert_eq!(status == 403, refused, "{method} {path} as {name}: {status}");
                assert_ne!(status, 401, "{method} {path} as {name}");
            }
        }
        let admin = basic("admin", "admin-password");
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
            let taken = ROUTES
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
fn only_health_is_open_to_everybody() {
    let open: Vec<_> =
        ROUTES.iter().filter(|route| route.right == Right::Public).map(|route| route.path).collect();
    assert_eq!(open, ["/-/healthy", "/-/ready"]);
}

#[test]
fn no_answer_lets_a_browser_do_more_than_show_it() {
    let (_folder, server) = guarded();
    for route in ROUTES {
        let answer = server.request("GET", &path(route), &[("Origin", "http://evil.example")], b"");
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
    for route in ROUTES.iter().filter(|route| !reads(route)) {
        for method in methods(route) {
            let headers = [("Authorization", admin.as_str()), ("Origin", "http://evil.example")];
            let answer = server.request(method, &path(route), &headers, b"");
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
    let ask =
        |password: &str| server.request("GET", "/", &[("Authorization", &basic("admin", password))], b"");
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
