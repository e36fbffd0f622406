//! The page, its files, and the page without scripts, as a browser gets them.

use std::io::Read;

use crate::harness::{Answer, Server, folder, text};
use crate::users::guarded;

const ALL_CODINGS: (&str, &str) = ("Accept-Encoding", "gzip, deflate, br");

/// A folder as `npm run build` leaves it.
fn dist(folder: &tempfile::TempDir) -> std::path::PathBuf {
    let dist = folder.path().join("dist");
    std::fs::create_dir_all(dist.join("assets")).unwrap();
    std::fs::write(dist.join("index.html"), "<meta name=\"csp-nonce\" content=\"__CSP_NONCE__\">").unwrap();
    std::fs::write(dist.join("assets/index-DfK3x_-Z.js"), "let x = 1;").unwrap();
    std::fs::write(folder.path().join("secret.js"), "secret").unwrap();
    dist
}

fn with_folder(folder: &tempfile::TempDir) -> Server {
    let config = text(folder.path().join("quiet.yml"));
    Server::start_with(folder, &["--config", &config, "--ui-dir", &text(dist(folder))])
}

#[track_caller]
fn nonce(page: &Answer) -> String {
    let policy = page.header("Content-Security-Policy").expect("a policy");
    let nonce = policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).expect("a nonce");
    let expected = format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; \
         font-src 'self'; connect-src 'self'; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; \
         form-action 'self'"
    );
    assert_eq!(policy, expected);
    nonce.to_owned()
}

#[test]
fn every_page_has_a_nonce_of_its_own_and_is_asked_for_again() {
    let folder = folder();
    let server = with_folder(&folder);
    let first = server.get("/");
    assert_eq!(first.status, 200);
    assert_eq!(first.header("Content-Type"), Some("text/html; charset=utf-8"));
    assert_eq!(first.header("Cache-Control"), Some("no-cache"));
    assert_eq!(first.header("ETag"), None, "an old copy would carry an old nonce");
    assert_eq!(first.body, format!("<meta name=\"csp-nonce\" content=\"{}\">", nonce(&first)));
    let second = server.get("/graph?g0.expr=up");
    assert_ne!(nonce(&second), nonce(&first));
    let head = server.request("HEAD", "/", &[], b"");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[test]
fn a_folder_is_read_for_each_request_and_left_by_no_name() {
    let folder = folder();
    let server = with_folder(&folder);
    let script = server.get("/assets/index-DfK3x_-Z.js");
    assert_eq!((script.status, script.body.as_str()), (200, "let x = 1;"));
    assert_eq!(script.header("Content-Type"), Some("text/javascript; charset=utf-8"));
    assert_eq!(script.header("Cache-Control"), Some("no-cache"));
    std::fs::write(folder.path().join("dist/assets/index-DfK3x_-Z.js"), "let x = 2;").unwrap();
    assert_eq!(server.get("/assets/index-DfK3x_-Z.js").body, "let x = 2;");
    for name in ["..%2f..%2fsecret.js", "../../secret.js", "..", ".hidden", "%2e%2e/secret.js", "none.js"] {
        let answer = server.get(&format!("/assets/{name}"));
        assert_eq!(answer.status, 404, "{name}: {}", answer.body);
    }
    std::fs::remove_file(folder.path().join("dist/index.html")).unwrap();
    let missing = server.get("/");
    assert_eq!(missing.status, 404);
    assert!(missing.body.contains("dist/index.html`: No such file"), "{}", missing.body);
}

#[test]
fn a_folder_that_is_not_there_ends_the_start() {
    let folder = folder();
    let outcome = Server::try_start(&folder.path().join("data"), &["--ui-dir", "/nowhere/dist"]);
    let (status, said) = outcome.err().expect("it does not start");
    assert_eq!(status.code(), Some(1));
    assert!(said.contains("cannot serve the pages from `/nowhere/dist`"), "{said}");
}

/// What the page asks for: addresses below its own.
fn wishes(page: &str) -> Vec<String> {
    let starts = ["src=\"./", "href=\"./"].iter().flat_map(|start| page.split(start).skip(1));
    starts.filter_map(|rest| rest.split('"').next()).map(|path| format!("/{path}")).collect()
}

/// Runs where the binary has its page: `make test` asks for it.
#[test]
fn embedded_files_are_kept_for_ever_and_come_in_the_smallest_form_that_is_taken() {
    let folder = folder();
    let server = Server::start(&folder);
    if !lingshao_ui::is_built() {
        assert_eq!(server.get("/").header("Location"), Some("/plain"), "nothing is embedded in this build");
        return;
    }
    let page = server.get("/");
    assert!(page.body.contains(&format!("content=\"{}\"", nonce(&page))), "{}", page.body);
    let script = wishes(&page.body).into_iter().find(|path| path.ends_with(".js")).expect("a script");
    let ask = |headers: &[(&str, &str)]| server.request("GET", &script, headers, b"");
    let plain = ask(&[]);
    assert_eq!(plain.header("Content-Encoding"), None);
    assert_eq!(plain.header("Content-Type"), Some("text/javascript; charset=utf-8"));
    assert_eq!(plain.header("Cache-Control"), Some("public, max-age=31536000, immutable"));
    let brotli = ask(&[ALL_CODINGS]);
    assert_eq!(brotli.header("Content-Encoding"), Some("br"));
    assert_eq!(brotli.header("Vary"), Some("Accept-Encoding"));
    let gzip = ask(&[("Accept-Encoding", "gzip")]);
    assert_eq!(gzip.header("Content-Encoding"), Some("gzip"));
    assert_eq!(inflated(&gzip.bytes), plain.body);
    assert!(brotli.bytes.len() < gzip.bytes.len() && gzip.bytes.len() < plain.bytes.len());
    let tag = brotli.header("ETag").expect("a tag");
    let again = ask(&[ALL_CODINGS, ("If-None-Match", tag)]);
    assert_eq!((again.status, again.bytes.len(), again.header("ETag")), (304, 0, Some(tag)));
    assert_eq!(ask(&[("If-None-Match", tag)]).status, 200, "the plain form has another tag");
    let head = server.request("HEAD", &script, &[], b"");
    assert_eq!(head.header("Content-Length"), Some(plain.bytes.len().to_string().as_str()));
    assert_eq!(head.bytes.len(), 0);
    for path in wishes(&page.body) {
        assert_eq!(server.get(&path).status, 200, "{path}");
    }
}

fn inflated(bytes: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    text
}

#[test]
fn large_answers_are_compressed_for_those_who_take_it() {
    let folder = folder();
    let server = Server::start(&folder);
    let plain = server.get("/plain");
    assert_eq!(plain.header("Content-Encoding"), None);
    let smaller = server.request("GET", "/plain", &[ALL_CODINGS], b"");
    assert_eq!(smaller.header("Content-Encoding"), Some("gzip"));
    assert_eq!(smaller.header("Vary"), Some("Accept-Encoding"));
    assert_eq!(inflated(&smaller.bytes), plain.body);
    let config = server.request("GET", "/api/v1/status/flags", &[ALL_CODINGS], b"");
    assert_eq!(config.header("Content-Encoding"), None, "it is less than a packet");
}

#[test]
fn the_page_without_scripts_is_for_people_who_read_chinese_or_english() {
    let folder = folder();
    let server = Server::start(&folder);
    let page = server.get("/plain");
    assert_eq!(page.header("Content-Type"), Some("text/html; charset=utf-8"));
    assert!(page.body.contains("监控服务正在运行") && page.body.contains("The server is running"));
    assert!(!page.body.contains("<script"), "{}", page.body);
    let has_notice = page.body.contains("LINGSHAO_REQUIRE_UI=1 cargo build --release");
    assert_eq!(has_notice, !lingshao_ui::is_built());
}

#[test]
fn the_page_without_scripts_tells_what_fires_and_what_a_link_asks_for() {
    let folder = folder();
    let server = Server::start(&folder);
    let posted = r#"[{"labels":{"alertname":"A","severity":"critical","path":"<b>\""},"annotations":{"summary":"down"}}]"#;
    let json = [("Content-Type", "application/json")];
    assert_eq!(server.request("POST", "/api/v2/alerts", &json, posted.as_bytes()).status, 200);
    let page = server.get("/plain?g0.expr=up%7Bjob%3D%22a%22%7D+%3D%3D+0&g0.tab=1").body;
    assert!(page.contains("<pre>up{job=&quot;a&quot;} == 0</pre>"), "{page}");
    assert!(page.contains("\"api/v1/query?query=up%7Bjob%3D%22a%22%7D+%3D%3D+0\""), "{page}");
    assert!(page.contains("Alerts: 1</h2>"), "{page}");
    assert!(page.contains("<b>A</b> critical</td><td>path=&lt;b&gt;&quot;</td>"), "{page}");
    assert!(!server.get("/plain").body.contains("<pre>"));
}

#[test]
fn links_of_messages_lead_on_when_there_is_no_page() {
    let (_folder, server) = guarded();
    let answer = server.get("/graph?g0.expr=up%7B%7D");
    let expected = match lingshao_ui::is_built() {
        true => (200, None),
        false => (302, Some("/plain?g0.expr=up%7B%7D")),
    };
    assert_eq!((answer.status, answer.header("Location")), expected);
    assert_eq!(server.get("/plain").status, 401, "alerts are for users only");
}

#[test]
fn below_a_prefix_the_page_finds_its_files() {
    let folder = folder();
    let config = folder.path().join("prefix.yml");
    std::fs::write(&config, "web: {route_prefix: /monitor}\n").unwrap();
    let server = Server::start_with(&folder, &["--config", &text(&config), "--ui-dir", &text(dist(&folder))]);
    let bare = server.get("/monitor?x=1");
    assert_eq!((bare.status, bare.header("Location")), (308, Some("/monitor/?x=1")));
    assert_eq!(server.get("/monitor/").status, 200);
    assert_eq!(server.get("/monitor/assets/index-DfK3x_-Z.js").body, "let x = 1;");
    assert_eq!(server.get("/assets/index-DfK3x_-Z.js").status, 404);
}
