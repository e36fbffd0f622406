//! Starting, refusing to start, reloading.

use std::net::TcpListener;
use std::process::ExitStatus;

use serde_json::json;

use crate::harness::{Server, eventually, folder, run, text};

#[track_caller]
fn check(ended: Result<Server, (ExitStatus, String)>, code: i32, parts: &[&str]) {
    let Err((status, said)) = ended else { panic!("it started") };
    assert_eq!(status.code(), Some(code), "{said}");
    for part in parts {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
    assert!(!said.contains("panicked") && !said.contains("stack backtrace"), "{said}");
}

#[test]
fn a_busy_port_is_named() {
    let folder = folder();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let data = text(folder.path().join("data"));
    let output = run(&["run", "--listen", &address, "--data", &data]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains(&format!("error: cannot listen on {address}: ")), "{said}");
    assert!(said.contains(&format!("port {} is taken", taken.local_addr().unwrap().port())), "{said}");
}

#[test]
fn a_port_that_becomes_free_is_taken() {
    let folder = folder();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let freeing = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(700));
        drop(taken);
    });
    let server = Server::start_with(&folder, &["--listen", &address]);
    freeing.join().unwrap();
    assert_eq!(server.address, address);
}

#[test]
fn two_processes_do_not_share_a_folder() {
    let folder = folder();
    let first = Server::start(&folder);
    let second = Server::try_start(&folder.path().join("data"), &[]);
    check(second, 3, &["error: data folder", &first.pid().to_string(), "--data"]);
    assert_eq!(first.get("/-/healthy").status, 200);
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = folder();
    let file = folder.path().join("file");
    std::fs::write(&file, "in the way").unwrap();
    check(Server::try_start(&file, &[]), 3, &["error: ", &text(&file), "--data"]);
    check(Server::try_start(&file.join("below"), &[]), 3, &["error: ", &text(&file)]);
}

#[test]
fn a_wide_address_needs_users_or_the_flag() {
    let folder = folder();
    let data = folder.path().join("data");
    let refused = Server::try_start(&data, &["--listen", "0.0.0.0:0"]);
    check(refused, 1, &["refusing to listen on 0.0.0.0:0", "web.users", "--insecure"]);
    let server = Server::try_start(&data, &["--listen", "0.0.0.0:0", "--insecure"]).ok().unwrap();
    assert!(server.address.starts_with("0.0.0.0:"));
}

#[test]
fn an_unknown_key_is_named_with_place_and_remedy() {
    let folder = folder();
    let config = folder.path().join("bad.yml");
    std::fs::write(&config, "global:\n  scrape_intervall: 5s\n").unwrap();
    let config = text(&config);
    let ended = Server::try_start(&folder.path().join("data"), &["--config", &config]);
    check(ended, 1, &[&format!("{config}:2:3: error"), "scrape_intervall", "scrape_interval"]);
    assert!(!folder.path().join("data").exists(), "nothing is started before the config is good");
}

#[test]
fn a_missing_config_and_a_bad_certificate_are_the_input_s_fault() {
    let folder = folder();
    let data = folder.path().join("data");
    check(
        Server::try_start(&data, &["--config", "/nonexistent/lingshao.yml"]),
        1,
        &["/nonexistent/lingshao.yml"],
    );
    let config = folder.path().join("tls.yml");
    std::fs::write(&config, "web: {tls: {cert_file: quiet.yml, key_file: quiet.yml}}\n").unwrap();
    check(Server::try_start(&data, &["--config", &text(&config)]), 1, &["quiet.yml"]);
}

#[test]
fn a_broken_reload_leaves_the_old_config_and_says_why() {
    let folder = folder();
    let config = folder.path().join("lingshao.yml");
    let with_interval = |interval: &str| format!("global: {{scrape_interval: {interval}}}\n");
    std::fs::write(&config, with_interval("11s")).unwrap();
    let server = Server::start_with(&folder, &["--config", &text(&config)]);
    let in_force =
        |server: &Server| server.data("/api/v1/status/config")["yaml"].as_str().unwrap().to_owned();
    assert!(in_force(&server).contains("11s"));

    std::fs::write(&config, "global: {scrape_interval: soon}\n").unwrap();
    let answer = server.request("POST", "/-/reload", &[], b"");
    assert_eq!(answer.status, 500);
    assert!(
        answer.body.contains("lingshao.yml:1:27: error `scrape_interval`: not a valid duration"),
        "{}",
        answer.body
    );
    let log = server.log();
    let errors: Vec<&str> = log.lines().filter(|line| line.contains("ERROR")).collect();
    assert!(errors.len() == 1 && errors[0].contains("not a valid duration"), "one line holds all: {log}");
    assert!(in_force(&server).contains("11s"));
    assert_eq!(server.figure("lingshao_config_last_reload_successful"), 0.0);

    std::fs::write(&config, with_interval("13s")).unwrap();
    server.signal("-HUP");
    eventually("SIGHUP reloads", || in_force(&server).contains("13s"));
    assert_eq!(server.figure("lingshao_config_last_reload_successful"), 1.0);
    assert_eq!(server.data("/api/v1/status/runtimeinfo")["reloadConfigSuccess"], json!(true));

    assert_eq!(server.get("/-/reload").status, 405);
    assert_eq!(server.request("PUT", "/-/reload", &[], b"").status, 200);
}

#[test]
fn without_a_config_the_host_and_we_ourselves_are_watched() {
    let folder = folder();
    let server = Server::start_with(&folder, &[]);
    eventually("both jobs are up", || {
        server.data("/api/v1/query?query=sum(up)")["result"][0]["value"][1] == "2"
    });
    let memory = server.data("/api/v1/query?query=node_memory_MemTotal_bytes");
    let bytes: f64 = memory["result"][0]["value"][1].as_str().unwrap().parse().unwrap();
    assert!(bytes > 1e8, "{bytes}");
    let own = server.data("/api/v1/query?query=process_resident_memory_bytes%7Bjob%3D%22lingshao%22%7D");
    assert_eq!(own["result"][0]["metric"]["instance"], server.address);
    let targets = server.data("/api/v1/targets?state=active");
    let jobs: Vec<_> =
        targets["activeTargets"].as_array().unwrap().iter().map(|one| &one["labels"]["job"]).collect();
    assert_eq!(jobs, ["lingshao", "node"]);
    assert_eq!(targets["activeTargets"][0]["health"], "up");
    let said = server.data("/api/v1/metadata?metric=node_memory_MemTotal_bytes");
    assert_eq!(said["node_memory_MemTotal_bytes"][0]["type"], "gauge");
}

#[test]
fn who_asks_at_once_sees_the_host_without_waiting_for_a_slot() {
    let folder = folder();
    let config = folder.path().join("rare.yml");
    std::fs::write(&config, "global: {scrape_interval: 12h}\ncollect: {host: {}}\n").unwrap();
    let server = Server::start_with(&folder, &["--config", &text(&config)]);
    eventually("both pages are read at the start", || {
        server.data("/api/v1/query?query=sum(up)")["result"][0]["value"][1] == "2"
    });
}

#[test]
fn a_reload_that_would_open_the_door_is_refused() {
    let folder = folder();
    let config = folder.path().join("lingshao.yml");
    let hash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$\
                LrQo8Cy7GhyWMSV2SIHZLvAR7nPnDTqi5VnJlVEvzLs";
    std::fs::write(
        &config,
        format!("web: {{users: [{{name: li, password_hash: '{hash}', role: admin}}]}}\n"),
    )
    .unwrap();
    let server = Server::start_with(&folder, &["--config", &text(&config), "--listen", "0.0.0.0:0"]);
    std::fs::write(&config, "global: {}\n").unwrap();
    server.signal("-HUP");
    eventually("the refusal is logged", || server.log().contains("refusing to listen"));
    let port = server.address.rsplit(':').next().unwrap();
    let answer = server.request("GET", "/metrics", &[("Host", &format!("127.0.0.1:{port}"))], b"");
    assert_eq!(answer.status, 401, "users are still asked for");
}

#[test]
fn a_config_that_cannot_be_read_to_its_end_holds_up_neither_answers_nor_the_end() {
    let folder = folder();
    let config = folder.path().join("lingshao.yml");
    std::fs::write(&config, "global: {}\n").unwrap();
    let server = Server::start_with(&folder, &["--config", &text(&config)]);
    std::fs::remove_file(&config).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&config).status().unwrap();
    assert!(made.success(), "a pipe that nobody writes to stands for a file server that has gone");
    server.signal("-HUP");
    std::thread::sleep(std::time::Duration::from_millis(300));
    for _ in 0..8 {
        assert_eq!(server.get("/-/healthy").status, 200);
    }
    let started = std::time::Instant::now();
    server.signal("-TERM");
    let (status, log) = server.wait();
    assert!(status.success(), "{log}");
    assert!(started.elapsed() < std::time::Duration::from_secs(10), "{:?}", started.elapsed());
}
