//! Boards through Grafana's API: saved, changed by two people at once, restored, deleted, from files; and what becomes of
//! them when the process is killed.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Answer, Server, eventually, folder, text};

fn post(server: &Server, path: &str, body: &Value) -> Answer {
    server.request("POST", path, &[("Content-Type", "application/json")], body.to_string().as_bytes())
}

fn save(server: &Server, body: &Value) -> Answer {
    post(server, "/api/dashboards/db", body)
}

#[track_caller]
fn saved(server: &Server, body: &Value) -> (String, i64) {
    let answer = save(server, body);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let answer = answer.json();
    assert_eq!(answer["status"], "success");
    (answer["uid"].as_str().unwrap().to_owned(), answer["version"].as_i64().unwrap())
}

#[track_caller]
fn get(server: &Server, uid: &str) -> Value {
    let answer = server.get(&format!("/api/dashboards/uid/{uid}"));
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

fn titles(server: &Server, query: &str) -> Vec<String> {
    let answer = server.get(&format!("/api/search{query}"));
    assert_eq!(answer.status, 200, "{}", answer.body);
    let all = answer.json();
    all.as_array().unwrap().iter().map(|one| one["title"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_board_is_saved_changed_listed_restored_and_deleted() {
    let folder = folder();
    let server = Server::start(&folder);
    let board =
        json!({"title": "Shop 一", "tags": ["shop", "prod"], "panels": [{"type": "stat"}], "refresh": "5s"});
    let (uid, version) = saved(&server, &json!({"dashboard": board, "message": "first"}));
    assert_eq!((uid.len(), version), (14, 1));
    let got = get(&server, &uid);
    assert_eq!((&got["dashboard"]["refresh"], &got["dashboard"]["uid"]), (&json!("5s"), &json!(uid)));
    let meta = &got["meta"];
    assert_eq!(
        (&meta["version"], &meta["provisioned"], &meta["canSave"]),
        (&json!(1), &json!(false), &json!(true))
    );
    assert_eq!((&meta["slug"], meta["url"].as_str()), (&json!("shop"), Some(&*format!("/d/{uid}/shop"))));

    let mut changed = got["dashboard"].clone();
    changed["refresh"] = json!("1m");
    assert_eq!(saved(&server, &json!({"dashboard": changed, "message": "slower"})), (uid.clone(), 2));
    let stale = save(&server, &json!({"dashboard": changed}));
    assert_eq!((stale.status, &stale.json()["status"]), (412, &json!("version-mismatch")));
    assert_eq!(stale.json()["messages"]["zh"], "面板已被他人修改；请刷新后再改，或选择覆盖");
    assert_eq!(saved(&server, &json!({"dashboard": changed, "overwrite": true})), (uid.clone(), 3));
    let twin = save(&server, &json!({"dashboard": {"title": "Shop 一", "panels": []}}));
    assert_eq!((twin.status, &twin.json()["status"]), (412, &json!("name-exists")));

    let versions = server.get(&format!("/api/dashboards/uid/{uid}/versions")).json();
    let seen: Vec<_> = versions["versions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["version"].as_i64(), one["message"].as_str()))
        .collect();
    assert_eq!(seen, [(Some(3), Some("")), (Some(2), Some("slower")), (Some(1), Some("first"))]);
    let first = server.get(&format!("/api/dashboards/uid/{uid}/versions/1")).json();
    assert_eq!((&first["data"]["refresh"], &first["version"]), (&json!("5s"), &json!(1)));
    let restored = post(&server, &format!("/api/dashboards/uid/{uid}/restore"), &json!({"version": 1}));
    assert_eq!((restored.status, &restored.json()["version"]), (200, &json!(4)), "{}", restored.body);
    let now = get(&server, &uid);
    assert_eq!((&now["dashboard"]["refresh"], &now["dashboard"]["version"]), (&json!("5s"), &json!(4)));

    saved(&server, &json!({"title": "Another", "uid": "another", "tags": ["prod"]}));
    assert_eq!(titles(&server, "?type=dash-db"), ["Another", "Shop 一"]);
    assert_eq!(titles(&server, "?query=SHOP"), ["Shop 一"]);
    assert_eq!(titles(&server, "?tag=prod&tag=shop"), ["Shop 一"]);
    assert_eq!(titles(&server, "?type=dash-folder"), Vec::<String>::new());
    let deleted = server.request("DELETE", &format!("/api/dashboards/uid/{uid}"), &[], b"");
    assert_eq!((deleted.status, &deleted.json()["title"]), (200, &json!("Shop 一")));
    for path in ["", "/versions", "/versions/1"] {
        let gone = server.get(&format!("/api/dashboards/uid/{uid}{path}"));
        assert_eq!(gone.status, 404, "{path}: {}", gone.body);
    }
    assert_eq!(titles(&server, ""), ["Another"]);
}

#[test]
fn boards_come_wrapped_in_every_way_and_what_is_no_board_is_told_in_both_languages() {
    let folder = folder();
    let server = Server::start(&folder);
    let plan = include_str!("../../../../examples/lingxian/original/dashboard.json");
    let board: Value = serde_json::from_str(plan).unwrap();
    let (uid, _) = saved(&server, &board);
    assert_eq!(get(&server, &uid)["dashboard"]["panels"], board["dashboard"]["panels"]);
    let (uid, _) = saved(&server, &json!({"dashboard": board, "overwrite": true}));
    assert_eq!(get(&server, &uid)["meta"]["version"], 2, "the title finds it");
    let resource =
        json!({"kind": "Dashboard", "metadata": {"name": "from-resource"}, "spec": {"title": "R"}});
    assert_eq!(saved(&server, &resource), ("from-resource".to_owned(), 1));

    for (body, status, words) in [
        ("{", 400, "不是合法的 JSON"),
        ("[]", 400, "是 JSON，但不是面板"),
        (r#"{"dashboard":{"panels":[]}}"#, 400, "没有标题"),
        (r#"{"title":"a","uid":"../x"}"#, 400, "`uid` 必须是"),
    ] {
        let answer = server.request("POST", "/api/dashboards/db", &[], body.as_bytes());
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
        let zh = answer.json()["messages"]["zh"].as_str().unwrap().to_owned();
        assert!(zh.contains(words), "{body}: {zh}");
    }
    let large = json!({"title": "large", "x": "x".repeat(5 << 20)});
    assert_eq!(save(&server, &large).status, 413);
    let fits = json!({"title": "fits", "uid": "fits", "x": "x".repeat(4_000_000)});
    saved(&server, &fits);
    assert_eq!(get(&server, "fits")["dashboard"]["x"], fits["x"]);
}

#[test]
fn the_last_fifty_versions_are_kept_and_large_ones_up_to_sixteen_mebibytes() {
    let folder = folder();
    let server = Server::start(&folder);
    let versions = |uid: &str| -> Vec<i64> {
        let answer = server.get(&format!("/api/dashboards/uid/{uid}/versions")).json();
        answer["versions"].as_array().unwrap().iter().map(|one| one["version"].as_i64().unwrap()).collect()
    };
    for version in 0..60 {
        saved(&server, &json!({"title": "small", "uid": "small", "version": version}));
    }
    assert_eq!(versions("small"), (11..=60).rev().collect::<Vec<_>>());
    for version in 0..7 {
        let x = "x".repeat(3_900_000);
        saved(&server, &json!({"title": "large", "uid": "large", "version": version, "x": x}));
    }
    assert_eq!(versions("large"), [7, 6, 5, 4]);
}

#[test]
fn what_was_saved_survives_a_kill_and_what_was_not_acknowledged_is_whole_or_absent() {
    for (point, expected) in [("in-board-commit:2", 1), ("after-board-commit:2", 2)] {
        let folder = folder();
        let data = folder.path().join("data");
        let config = text(folder.path().join("quiet.yml"));
        let arguments = ["--config", config.as_str()];
        let server = Server::try_start_in(&[("LINGSHAO_KILL_AT", point)], &data, &arguments).unwrap();
        let board =
            |version: i64| json!({"dashboard": {"title": "B", "uid": "b", "version": version, "n": version}});
        saved(&server, &board(0));
        let body = board(1).to_string();
        let cut = server.try_request("POST", "/api/dashboards/db", &[], body.as_bytes());
        assert!(cut.is_err(), "it was killed at {point}");
        drop(server);
        let server = Server::start(&folder);
        let got = get(&server, "b");
        assert_eq!(
            (&got["meta"]["version"], &got["dashboard"]["n"]),
            (&json!(expected), &json!(expected - 1)),
            "{point}"
        );
        saved(&server, &board(expected));
        server.kill();
        assert_eq!(get(&Server::start(&folder), "b")["meta"]["version"], expected + 1);
    }
}

#[test]
fn alerts_go_on_while_boards_are_saved() {
    let folder = folder();
    let server = Server::start(&folder);
    std::thread::scope(|scope| {
        let saving = scope.spawn(|| {
            for n in 0..20 {
                let x = "x".repeat(3_000_000);
                saved(&server, &json!({"title": format!("board {n}"), "x": x}));
            }
        });
        let mut posted = 0;
        while !saving.is_finished() || posted == 0 {
            let alerts = json!([{"labels": {"alertname": "A", "n": posted.to_string()}}]);
            assert_eq!(post(&server, "/api/v2/alerts", &alerts).status, 200);
            posted += 1;
        }
    });
    assert!(!server.log().contains("ERROR"), "{}", server.log());
}

fn with_files(folder: &TempDir) -> Server {
    let config = folder.path().join("boards.yml");
    std::fs::write(&config, "boards: [boards/]\n").unwrap();
    Server::start_with(folder, &["--config", &text(&config)])
}

fn write(folder: &Path, name: &str, content: &str) {
    let path = folder.join("boards").join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

fn problems(server: &Server) -> Vec<(String, String)> {
    let answer = server.get("/api/lingshao/v1/boards/problems").json();
    let all = answer["problems"].as_array().unwrap();
    let texts = |one: &Value| {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&one["file"]), text(&one["message"]["zh"]))
    };
    all.iter().map(texts).collect()
}

#[test]
fn files_are_shown_cannot_be_changed_and_a_bad_one_says_what_is_wrong() {
    let folder = folder();
    let own = folder.path();
    write(own, "plan.json", include_str!("../../../../examples/lingxian/original/dashboard.json"));
    write(own, "team/b.json", r#"{"title": "B", "uid": "b", "version": 7}"#);
    write(own, "bad.json", "{");
    let server = with_files(&folder);
    assert_eq!(titles(&server, ""), ["B", "灵鲜好物监控面板"]);
    let listed = server.get("/api/search").json();
    assert_eq!((&listed[0]["folderTitle"], &listed[1]["folderTitle"]), (&json!("team"), &Value::Null));
    let meta = &get(&server, "b")["meta"];
    assert_eq!(
        (&meta["provisioned"], &meta["canSave"], &meta["version"]),
        (&json!(true), &json!(false), &json!(7))
    );
    assert_eq!(meta["provisionedExternalId"], "boards/team/b.json");
    let plan = get(&server, listed[1]["uid"].as_str().unwrap());
    assert_eq!(plan["dashboard"]["panels"].as_array().unwrap().len(), 5);
    let found = problems(&server);
    assert_eq!(found.len(), 1);
    assert!(found[0].0 == "boards/bad.json" && found[0].1.starts_with("不是合法的 JSON"), "{found:?}");

    let refused =
        save(&server, &json!({"dashboard": {"title": "B", "uid": "b", "version": 7}, "overwrite": true}));
    assert_eq!(refused.status, 400);
    assert!(
        refused.json()["message"].as_str().unwrap().contains("it lies in `boards/team/b.json`"),
        "{}",
        refused.body
    );
    assert_eq!(server.request("DELETE", "/api/dashboards/uid/b", &[], b"").status, 400);

    write(own, "bad.json", r#"{"title": "Mended", "uid": "mended"}"#);
    write(own, "team/b.json", r#"{"title": "B changed", "uid": "b"}"#);
    assert_eq!(post(&server, "/-/reload", &json!({})).status, 200);
    assert_eq!(titles(&server, ""), ["B changed", "Mended", "灵鲜好物监控面板"]);
    std::fs::remove_file(own.join("boards/team/b.json")).unwrap();
    eventually("the file is gone without a reload", || titles(&server, "") == ["Mended", "灵鲜好物监控面板"]);

    saved(&server, &json!({"title": "Saved", "uid": "late"}));
    write(own, "late.json", r#"{"title": "In a file", "uid": "late"}"#);
    assert_eq!(post(&server, "/-/reload", &json!({})).status, 200);
    assert_eq!(titles(&server, "?query=e"), ["Mended", "Saved"]);
    let found = problems(&server);
    assert!(found.len() == 1 && found[0].1.starts_with("uid `late` 已被保存的面板使用"), "{found:?}");
}

#[test]
fn outside_of_a_demo_there_is_none() {
    let folder = folder();
    let server = Server::start(&folder);
    for path in ["/api/lingshao/v1/demo", "/api/lingshao/v1/demo/inbox"] {
        assert_eq!(server.get(path).status, 404, "{path}");
    }
    assert_eq!(post(&server, "/demo/incidents/payment-outage", &json!({})).status, 404);
}
