//! What a person types, and what comes back: text and exit code.

use std::process::Output;

use crate::harness::{Server, batch, folder, now_millis, run, text};

#[track_caller]
fn check(output: &Output, code: i32, stdout: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), stdout, "{said}");
}

#[track_caller]
fn check_stderr(output: &Output, code: i32, parts: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for part in parts {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
}

#[test]
fn version_help_and_wrong_usage() {
    check(&run(&["version"]), 0, &format!("lingshao {}\n", env!("CARGO_PKG_VERSION")));
    let help = run(&["--help"]);
    assert!(help.status.success());
    let text = String::from_utf8_lossy(&help.stdout).into_owned();
    for command in ["run", "query", "check", "health", "passwd", "version", "completions"] {
        assert!(text.contains(&format!("\n  {command} ")), "{command} is not in: {text}");
    }
    check_stderr(&run(&["rum"]), 2, &["rum"]);
    check_stderr(&run(&["query"]), 2, &["EXPRESSION"]);
    check_stderr(&run(&["query", "up", "--start", "1"]), 2, &["--end", "--step"]);
}

#[test]
fn completions_name_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["completions", shell]);
        assert!(output.status.success());
        let script = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(script.contains("passwd") && script.contains("completions"), "{shell}");
    }
}

#[test]
fn a_good_file_says_nothing_and_a_bad_one_says_where() {
    let folder = folder();
    let file = |name: &str, content: &str| {
        std::fs::write(folder.path().join(name), content).unwrap();
        text(folder.path().join(name))
    };
    let good = file("good.yml", "global: {scrape_interval: 5s}\n");
    check(&run(&["check", &good]), 0, "");
    let bad = file("bad.yml", "global:\n  scrape_interval: fast\n");
    let output = run(&["check", &good, &bad]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.starts_with(&format!("{bad}:2:20: error")), "{said}");
    let warned = file("warned.yml", "rule_files: [alerts/*.yml]\n");
    let output = run(&["check", &warned]);
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains(": warning"), "{output:?}");
    assert_eq!(run(&["check", "--strict", &warned]).status.code(), Some(1));
    let json = run(&["check", "--format", "json", &bad]);
    let found: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&found[0]["line"], &found[0]["severity"]), (&2.into(), &"error".into()));
    check_stderr(&run(&["check", "--format", "xml", &bad]), 2, &["xml"]);
}

#[test]
fn a_file_that_cannot_be_read_is_told_what_to_do() {
    let folder = folder();
    let check_file = |name: &str, content: &[u8], parts: &[&str]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let output = run(&["check", &text(&path)]);
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        parts.iter().for_each(|part| assert!(said.contains(part), "`{part}` is not in: {said}"));
        said
    };
    check_file("gbk.yml", b"global: {}\n# \xbc\xe0\xbf\xd8\n", &["not UTF-8 in line 2", "save it as UTF-8"]);
    let said = check_file(
        "evil.yml",
        b"global: {\"\\e[31mx\\nfaked\": 1}\n",
        &[r"unknown key `\u{1b}[31mx\nfaked`"],
    );
    assert_eq!(said.lines().count(), 2, "finding and remedy: {said}");
    let output = run(&["check", &text(folder.path())]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("name a file in it"), "{output:?}");
}

#[test]
fn rules_and_alertmanager_files_are_known_by_their_content() {
    let folder = folder();
    let file = |name: &str, content: &str| {
        std::fs::write(folder.path().join(name), content).unwrap();
        text(folder.path().join(name))
    };
    let rules = "groups:\n- name: a\n  rules:\n  - alert: Down\n    expr: up ==";
    let good = file("good.yml", &format!("{rules} 0\n"));
    check(&run(&["check", &good]), 0, "");
    let bad = file("bad.yml", &format!("{rules}\n"));
    let said = format!(
        "{bad}:5:16: error alert Down: cannot parse the expression: 1:6: parse error: unexpected end of input\n"
    );
    check(&run(&["check", &bad]), 1, &said);
    let receivers = "receivers:\n- name: team\n  webhook_configs: [{url: 'http://h/?key=hunter2'}]\n";
    let good = file("alertmanager.yml", &format!("route: {{receiver: team}}\n{receivers}"));
    check(&run(&["check", &good]), 0, "");
    let bad = file("alertmanager.yml", &format!("route: {{receiver: tean}}\n{receivers}"));
    let said = format!(
        "{bad}:1:19: error the route uses the receiver `tean`, which is not defined\n    did you mean `team`?\n"
    );
    check(&run(&["check", &bad]), 1, &said);
}

#[test]
fn query_prints_tables_and_json_and_passes_errors_on() {
    let folder = folder();
    let server = Server::start(&folder);
    let t = now_millis();
    let labels = |job| [("__name__", "stock"), ("job", job)];
    let (a, b) = (labels("a"), labels("long"));
    assert_eq!(
        server.write(&batch(&[(&a, &[(t - 1000, 1.0), (t, 2.5)]), (&b, &[(t, f64::NAN)])])).status,
        204
    );
    let (url, at) = (server.url(), (t / 1000).to_string());
    check(
        &run(&["query", "stock", "--time", &at, "--url", &url]),
        0,
        "stock{job=\"a\"}     2.5\nstock{job=\"long\"}  NaN\n",
    );
    check(&run(&["query", "1 + 1", "--url", &url]), 0, "2\n");
    let output = run(&["query", "nothing_here", "--url", &url]);
    check(&output, 0, "");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "no series matches\n");
    let start = (t / 1000 - 1).to_string();
    let range = ["--start", &start, "--end", &at, "--step", "1s", "--url", &url];
    let output = run(&[&["query", "sum(stock{job=\"a\"})"], &range[..]].concat());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 3, "{said}");
    assert!(lines[1].ends_with("Z  1") && lines[2].ends_with("Z  2.5"), "{said}");
    check(
        &run(&["query", "1", "--time", "4", "--format", "json", "--url", &url]),
        0,
        "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[4,\"1\"]}}\n",
    );
    check_stderr(
        &run(&["query", "sum(", "--url", &url]),
        1,
        &["error: invalid parameter \"query\": 1:5: parse error"],
    );
    check(&run(&["health", "--url", &url]), 0, "healthy\n");
    // Who asks for our health gives us 5 s (deploy/Dockerfile), and not all of them end the question.
    server.signal("-STOP");
    let asked = std::time::Instant::now();
    check_stderr(&run(&["health", "--url", &url]), 3, &["error: cannot ask", "timed out"]);
    assert!(asked.elapsed().as_secs() < 5, "{:?}", asked.elapsed());
    drop(server);
    check_stderr(&run(&["health", "--url", &url]), 3, &["error: cannot ask", "--url"]);
    check_stderr(&run(&["query", "1", "--url", "::"]), 1, &["`::` is no URL"]);
}

#[test]
fn before_the_first_sample_query_says_when_there_will_be_some() {
    let folder = folder();
    let config = folder.path().join("empty.yml");
    // A job under our own name takes the place of our own page.
    let job = "{job_name: lingshao, scrape_interval: 1h, static_configs: []}";
    std::fs::write(&config, format!("scrape_configs: [{job}]\n")).unwrap();
    let server = Server::start_with(&folder, &["--config", &text(&config)]);
    let output = run(&["query", "up", "--url", &server.url()]);
    check(&output, 0, "");
    check_stderr(&output, 0, &["no series matches: the server has no samples yet", "first scrape"]);
}

#[test]
fn passwords_too_short_or_too_long_are_refused() {
    use std::io::Write;
    use std::process::Stdio;
    let ask = |password: &str| {
        let mut command = crate::harness::command();
        let mut child = command
            .arg("passwd")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    check_stderr(&ask("1234567\n"), 1, &["shorter than 8 characters"]);
    check_stderr(&ask(""), 1, &["shorter than 8 characters"]);
    // It was cut off at 1,024 bytes, and nobody could log in with the whole.
    check_stderr(&ask(&"x".repeat(1500)), 1, &["longer than 512 bytes"]);
    let output = ask("价格监控系统密码\n");
    assert!(output.status.success());
    assert!(output.stdout.starts_with(b"$argon2id$v=19$m=19456,t=2,p=1$"), "{output:?}");
}
