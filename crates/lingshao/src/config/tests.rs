//! `lingshao.yml` and `prometheus.yml`, right and wrong.

use std::fs;
use std::path::Path;

use super::*;

const HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21l$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g";

fn findings(text: &str) -> Vec<String> {
    match parse(text, Path::new("lingshao.yml")) {
        Ok(loaded) => loaded.warnings.iter().map(ToString::to_string).collect(),
        Err(invalid) => invalid.diagnostics.iter().map(ToString::to_string).collect(),
    }
}

fn config(text: &str) -> Config {
    parse(text, Path::new("lingshao.yml"))
        .map(|loaded| loaded.config)
        .unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_section_of_the_file_is_read() {
    let text = format!(
        "web: {{listen: '0.0.0.0:9090', hosts: [mon.shop.cn], users: [{{name: li, password_hash: '{HASH}', role: admin}}]}}\n\
         global: {{scrape_interval: 15s}}\n\
         scrape_configs: [{{job_name: shop, static_configs: [{{targets: ['127.0.0.1:8000']}}]}}]\n\
         metrics: {{retention: 30d, size_max: 20GB, series_max: 5000, out_of_order_window: 1h}}\n\
         collect: {{host: {{instance: web-1, scrape_interval: 5s}}}}\n\
         data: data\n"
    );
    let config = config(&text);
    assert_eq!(config.web.users[0].name, "li");
    assert_eq!((config.web.users[0].role, config.web.users[0].password_hash.as_str()), (Role::Admin, HASH));
    assert_eq!(config.metrics.retention, TimeDelta::from_secs(30 * 86_400));
    assert_eq!((config.metrics.size_max_bytes, config.metrics.series_max), (Some(20 << 30), 5000));
    let host = config.collect.host.as_ref().unwrap();
    assert_eq!((host.job_name.as_str(), host.instance.as_deref()), ("node", Some("web-1")));
    assert_eq!(config.scrape_configs[0].scrape_interval, TimeDelta::from_secs(15));
    assert!(!format!("{config:?}").contains("c29tZXNhbHRzb21l"));
    assert!(!config.to_masked_yaml().contains("c29tZXNhbHRzb21l"));
    assert!(config.to_masked_yaml().contains("password_hash: <secret>"), "{}", config.to_masked_yaml());
}

#[test]
fn what_is_shown_can_be_read_again() {
    let text = "scrape_configs: [{job_name: a, static_configs: [{targets: [b], labels: {c: d}}]}]\ncollect: {host: }\n";
    let shown = config(text).to_masked_yaml();
    let again = config(&shown);
    assert_eq!(again.scrape_configs, config(text).scrape_configs, "{shown}");
    assert_eq!((again.metrics, again.collect), (config(text).metrics, config(text).collect));
}

#[test]
fn the_host_is_watched_when_the_file_says_so_or_there_is_no_file() {
    assert_eq!(config("").collect.host, None);
    assert_eq!(config("collect: {}").collect.host, None);
    assert_eq!(config("collect: {host: off}").collect.host, None);
    for on in ["collect: {host: {}}", "collect: {host: }", "collect: {host: on}"] {
        assert_eq!(config(on).collect.host, Some(CollectHost::default()), "{on}");
    }
    assert_eq!(Config::without_file().collect.host, Some(CollectHost::default()));
}

#[test]
fn storage_settings_of_prometheus_count_unless_ours_are_there() {
    let theirs = "storage: {tsdb: {retention: {time: 15d, size: 1GB}, out_of_order_time_window: 10m}}\n";
    let metrics = config(theirs).metrics;
    assert_eq!(
        (metrics.retention, metrics.size_max_bytes),
        (TimeDelta::from_secs(15 * 86_400), Some(1 << 30))
    );
    assert_eq!(metrics.out_of_order_window, TimeDelta::from_secs(600));
    let both = config(&format!("{theirs}metrics: {{retention: 2d}}\n")).metrics;
    assert_eq!((both.retention, both.size_max_bytes), (TimeDelta::from_secs(2 * 86_400), Some(1 << 30)));
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(findings(text).first().map(String::as_str), Some(expected));
}

#[test]
fn mistakes_name_file_line_column_and_remedy() {
    check(
        "metrcs: {}\n",
        "lingshao.yml:1:1: error unknown key `metrcs` in the config\n    did you mean `metrics`?",
    );
    check(
        "metrics: {retention: 5m}\n",
        "lingshao.yml:1:22: error `retention` of 5m is too short\n    write 1h or more",
    );
    check(
        "web: {users: [{name: a}]}\n",
        "lingshao.yml:1:15: error a user needs either `password_hash` or `password_hash_file`\n    `lingshao passwd` makes a hash",
    );
    check(
        "web: {users: [{name: a, password_hash: secret}]}\n",
        "lingshao.yml:1:40: error `password_hash`: not an argon2 hash in PHC form (`$argon2id$…`)\n    `lingshao passwd` makes a hash",
    );
    check(
        "web: {tls: {cert_file: a}}\n",
        "lingshao.yml:1:12: error `web.tls` lacks `key_file`\n    name both `cert_file` and `key_file`",
    );
    check(
        "scrape_configs: [{job_name: node}]\ncollect: {host: {}}\n",
        "lingshao.yml:2:10: error the host collector and a scrape config are both called `node`\n    set `collect.host.job_name`, or delete one of them",
    );
    check(
        "shop: {monitors: {}}\n",
        "lingshao.yml:1:1: warning `shop` has no effect yet\n    it comes with a later release",
    );
    check(
        "collect: {redis: []}\n",
        "lingshao.yml:1:11: warning `redis` has no effect yet\n    it comes with a later release",
    );
    check(
        "scrape_configs:\n- job_name: a\n  basic_auth: {username: u, password_file: no/where}\n",
        "lingshao.yml:3:44: error job a: `password_file`: cannot read `no/where`: No such file or directory (os error 2)\n    create the file, or correct the path (it starts at the config's folder)",
    );
}

#[test]
fn a_file_that_cannot_be_read_is_one_finding() {
    let invalid = load(Path::new("/nowhere/lingshao.yml")).unwrap_err();
    let shown = invalid.to_string();
    assert!(
        shown.starts_with("/nowhere/lingshao.yml:1:1: error cannot read the config: No such file"),
        "{shown}"
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.yml");
    fs::write(&path, b"a: 1\n\xff").unwrap();
    assert!(load(&path).unwrap_err().to_string().contains("not UTF-8 in line 2"));
}

#[test]
fn further_jobs_come_from_files_with_findings_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let main = folder.path().join("lingshao.yml");
    fs::write(&main, "scrape_config_files: ['jobs/*.yml']\nscrape_configs: [{job_name: a}]\n").unwrap();
    fs::create_dir(folder.path().join("jobs")).unwrap();
    let job = folder.path().join("jobs/b.yml");
    fs::write(&job, "scrape_configs: [{job_name: b}]\n").unwrap();
    let names = |loaded: &Loaded| {
        loaded.config.scrape_configs.iter().map(|job| job.job_name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&load(&main).unwrap()), ["a", "b"]);
    fs::write(&job, "scrape_configs: [{job_name: a}]\n").unwrap();
    let shown = load(&main).unwrap_err().to_string();
    assert!(
        shown.starts_with(&format!("{}:1:29: error job name `a` stands twice", job.display())),
        "{shown}"
    );
}
