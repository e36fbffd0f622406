//! Signing in on the page: who gets in, how long they stay, and what ends it.

use serde_json::{Value, json};

use crate::harness::{Answer, Lock, Server, folder, text};
use crate::users::{basic, guarded, hash};

const PATH: &str = "/api/lingshao/v1/session";
const JSON: (&str, &str) = ("Content-Type", "application/json");
const DAY: i64 = 86_400_000;

fn sign_in(server: &Server, name: &str, password: &str) -> Answer {
    let body = json!({ "name": name, "password": password }).to_string();
    server.request("POST", PATH, &[JSON], body.as_bytes())
}

/// `name=token` of the cookie that an answer sets.
#[track_caller]
fn cookie(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let line = answer.header("Set-Cookie").expect("a cookie");
    line.split(';').next().unwrap().to_owned()
}

#[track_caller]
fn signed_in(server: &Server, name: &str) -> String {
    cookie(&sign_in(server, name, &format!("{name}-password")))
}

fn status(server: &Server, path: &str, cookie: &str) -> u16 {
    server.request("GET", path, &[("Cookie", cookie)], b"").status
}

fn who(server: &Server, headers: &[(&str, &str)]) -> Value {
    server.request("GET", PATH, headers, b"").json()
}

fn read(server: &Server, cookie: &str) -> u16 {
    status(server, "/api/v1/labels", cookie)
}

#[test]
fn whoever_signs_in_is_known_by_a_cookie_that_no_script_and_no_other_site_can_use() {
    let (_folder, server) = guarded();
    let nobody = json!({"login_required": true, "user": null, "role": null, "rights": []});
    assert_eq!(who(&server, &[]), nobody);
    let answer = sign_in(&server, "editor", "editor-password");
    let editor = json!({
        "login_required": true, "user": "editor", "role": "editor",
        "rights": ["read", "ingest", "silence", "edit"],
    });
    assert_eq!(answer.json(), editor);
    let line = answer.header("Set-Cookie").unwrap();
    let (name, rest) = line.split_once('=').unwrap();
    assert!(name.starts_with("lingshao_session_"), "{line}");
    let (token, attributes) = rest.split_once(';').unwrap();
    assert_eq!(token.len(), 43, "256 bits in base64");
    assert_eq!(attributes, " Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict");
    let cookie = cookie(&answer);
    assert_eq!(who(&server, &[("Cookie", &cookie)]), editor);
    assert_eq!(read(&server, &cookie), 200);
    assert_eq!(server.request("POST", "/-/reload", &[("Cookie", &cookie)], b"").status, 403);
    assert_eq!(read(&server, &format!("{name}={}", "A".repeat(43))), 401);
}

#[test]
fn over_tls_the_cookie_stays_there() {
    let (_folder, server) = guarded();
    let body = json!({"name": "viewer", "password": "viewer-password"}).to_string();
    let answer = server.request("POST", PATH, &[("X-Forwarded-Proto", "https")], body.as_bytes());
    assert!(answer.header("Set-Cookie").unwrap().ends_with("; SameSite=Strict; Secure"), "{}", answer.head);
}

#[test]
fn roles_have_their_rights() {
    let (_folder, server) = guarded();
    let rights = |name: &str| {
        let authorization = basic(name, &format!("{name}-password"));
        who(&server, &[("Authorization", &authorization)])["rights"].clone()
    };
    assert_eq!(rights("viewer"), json!(["read"]));
    assert_eq!(rights("operator"), json!(["read", "silence", "act"]));
    assert_eq!(rights("editor"), json!(["read", "ingest", "silence", "edit"]));
    assert_eq!(rights("admin"), json!(["read", "ingest", "silence", "edit", "act", "administer"]));
}

#[test]
fn without_users_everybody_is_in_already() {
    let folder = folder();
    let server = Server::start(&folder);
    let everybody = who(&server, &[]);
    assert_eq!(everybody["login_required"], json!(false));
    assert_eq!((&everybody["user"], &everybody["role"]), (&json!(null), &json!("admin")));
    let answer = sign_in(&server, "x", "y");
    assert_eq!((answer.status, answer.header("Set-Cookie")), (200, None));
}

#[test]
fn a_page_that_asks_gets_no_dialog_of_the_browser() {
    let (_folder, server) = guarded();
    let program = server.get("/api/v1/labels");
    assert_eq!(program.status, 401);
    assert_eq!(program.header("WWW-Authenticate"), Some("Basic realm=\"lingshao\", charset=\"UTF-8\""));
    let page = server.request("GET", "/api/v1/labels", &[("X-Lingshao-UI", "1")], b"");
    assert_eq!((page.status, page.header("WWW-Authenticate")), (401, None));
}

#[test]
fn guesses_on_the_page_and_by_basic_are_counted_together() {
    let (_folder, server) = guarded();
    for guess in 0..3 {
        let answer = sign_in(&server, "admin", &guess.to_string());
        assert_eq!((answer.status, answer.error().as_str()), (401, "name or password is wrong"));
        assert_eq!(answer.header("WWW-Authenticate"), None);
    }
    for guess in 3..5 {
        let authorization = basic("admin", &guess.to_string());
        let headers = [("Authorization", authorization.as_str())];
        assert_eq!(server.request("GET", "/metrics", &headers, b"").status, 401);
    }
    let sixth = sign_in(&server, "viewer", "viewer-password");
    assert_eq!((sixth.status, sixth.header("Retry-After")), (429, Some("1")));
}

#[test]
fn what_is_no_name_and_password_is_refused_with_what_would_be() {
    let (_folder, server) = guarded();
    for body in ["", "[]", r#"{"name":"a"}"#, r#"{"name":"a","password":"b","x":1}"#] {
        let answer = server.request("POST", PATH, &[JSON], body.as_bytes());
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(answer.error(), "the body must be {\"name\": …, \"password\": …}");
    }
    let answer = server.request("POST", PATH, &[JSON], &[b' '; 5000]);
    assert_eq!(answer.status, 413, "{}", answer.body);
}

#[test]
fn another_origin_signs_nobody_in_or_out() {
    let (_folder, server) = guarded();
    let cookie = signed_in(&server, "viewer");
    let headers = [("Cookie", cookie.as_str()), ("Origin", "http://evil.example")];
    assert_eq!(server.request("DELETE", PATH, &headers, b"").status, 403);
    let body = json!({"name": "viewer", "password": "viewer-password"}).to_string();
    assert_eq!(server.request("POST", PATH, &[("Sec-Fetch-Site", "same-site")], body.as_bytes()).status, 403);
    assert_eq!(read(&server, &cookie), 200);
}

#[test]
fn a_session_survives_a_restart_but_not_signing_out() {
    let (folder, server) = guarded();
    let (one, other) = (signed_in(&server, "viewer"), signed_in(&server, "viewer"));
    let answer = server.request("DELETE", PATH, &[("Cookie", &other)], b"");
    assert_eq!(answer.status, 204);
    let line = answer.header("Set-Cookie").unwrap();
    assert!(line.contains("=; Path=/; Max-Age=0; HttpOnly"), "{line}");
    assert_eq!(read(&server, &other), 401);
    let file = folder.path().join("data/state.db");
    server.kill();
    let bytes =
        [std::fs::read(&file).unwrap(), std::fs::read(file.with_extension("db-wal")).unwrap_or_default()];
    let token = one.split_once('=').unwrap().1.as_bytes();
    assert!(!bytes.concat().windows(token.len()).any(|window| window == token), "the token is on the disk");
    let server = Server::start_with(&folder, &["--config", &text(folder.path().join("guarded.yml"))]);
    assert_eq!((read(&server, &one), read(&server, &other)), (200, 401));
}

/// The config of `guarded`, changed, and taken over.
fn reconfigure(folder: &tempfile::TempDir, server: &Server, change: impl FnOnce(String) -> String) {
    let config = folder.path().join("guarded.yml");
    let text = change(std::fs::read_to_string(&config).unwrap());
    std::fs::write(&config, text).unwrap();
    let admin = basic("admin", "admin-password");
    let answer = server.request("POST", "/-/reload", &[("Authorization", &admin)], b"");
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[test]
fn a_session_ends_with_its_user_and_with_its_password_and_follows_its_role() {
    let (folder, server) = guarded();
    let [viewer, editor, operator] = ["viewer", "editor", "operator"].map(|name| signed_in(&server, name));
    let line_of = |text: &str, name: &str| {
        text.lines().find(|line| line.contains(&format!("name: {name},"))).unwrap().to_owned()
    };
    reconfigure(&folder, &server, |text| {
        let changed =
            format!("    - {{name: editor, password_hash: '{}', role: editor}}", hash("new-password"));
        text.replace(&format!("{}\n", line_of(&text, "viewer")), "")
            .replace(&line_of(&text, "editor"), &changed)
            .replace("role: operator", "role: viewer")
    });
    assert_eq!([&viewer, &editor].map(|cookie| read(&server, cookie)), [401, 401]);
    assert_eq!(who(&server, &[("Cookie", &operator)])["role"], json!("viewer"));
    assert_eq!(read(&server, &cookie(&sign_in(&server, "editor", "new-password"))), 200);
}

#[test]
fn a_session_ends_after_a_week_away_and_after_a_month_in_any_case() {
    let (folder, server) = guarded();
    drop(server);
    let clock = folder.path().join("clock");
    let config = text(folder.path().join("guarded.yml"));
    let data = folder.path().join("data");
    let variables = [("LINGSHAO_CLOCK_OFFSET_FILE", clock.to_str().unwrap())];
    let server = Server::try_start_in(&variables, &data, &["--config", &config]).expect("the server starts");
    let day = |day: i64| std::fs::write(&clock, (day * DAY).to_string()).unwrap();
    let (idle, busy) = (signed_in(&server, "viewer"), signed_in(&server, "viewer"));
    for at in [6, 12, 18, 24] {
        day(at);
        assert_eq!(read(&server, &busy), 200, "day {at}");
    }
    assert_eq!(read(&server, &idle), 401);
    day(29);
    assert_eq!(read(&server, &busy), 200);
    day(31);
    assert_eq!(read(&server, &busy), 401);
    day(0);
    assert_eq!(read(&server, &busy), 401, "what is over stays so");
}

#[test]
fn one_user_has_twenty_sessions_and_the_one_not_seen_for_longest_goes() {
    let (folder, server) = guarded();
    let first = signed_in(&server, "viewer");
    let other = signed_in(&server, "admin");
    let later: Vec<String> = (0..20).map(|_| signed_in(&server, "viewer")).collect();
    let expected = (401, 200, 200);
    assert_eq!((read(&server, &first), read(&server, &later[0]), read(&server, &other)), expected);
    server.kill();
    let server = Server::start_with(&folder, &["--config", &text(folder.path().join("guarded.yml"))]);
    assert_eq!((read(&server, &first), read(&server, &later[0]), read(&server, &other)), expected);
}

/// As a full disk: whoever comes to look after it must get in.
#[test]
fn people_sign_in_when_state_db_cannot_be_written() {
    let (folder, server) = guarded();
    let lock = Lock::take(&folder.path().join("data/state.db"));
    let cookie = signed_in(&server, "admin");
    assert_eq!(read(&server, &cookie), 200);
    assert!(server.log().contains("a session was not written to state.db"), "{}", server.log());
    let answer = server.request("DELETE", PATH, &[("Cookie", &cookie)], b"");
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert_eq!(read(&server, &cookie), 401);
    drop(lock);
}

#[test]
fn members_that_share_their_state_share_their_sessions() {
    let (folder, server) = guarded();
    drop(server);
    let config = folder.path().join("shared.yml");
    let state = format!("state: {{url: 'sqlite://{}'}}\n", text(folder.path().join("shared.db")));
    let users = std::fs::read_to_string(folder.path().join("guarded.yml")).unwrap();
    std::fs::write(&config, users + &state).unwrap();
    let start = |data: &str| {
        Server::try_start(&folder.path().join(data), &["--config", &text(&config)]).expect("it starts")
    };
    let (one, other) = (start("one"), start("other"));
    let cookie = signed_in(&one, "viewer");
    assert_eq!(read(&other, &cookie), 200);
    assert_eq!(one.request("DELETE", PATH, &[("Cookie", &cookie)], b"").status, 204);
    crate::harness::eventually("the other member learns of it", || read(&other, &cookie) == 401);
}
