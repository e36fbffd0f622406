//! Prometheus' own kind of file, whole and broken.

use proptest::prelude::*;

use super::*;

fn read(text: &str) -> (PrometheusConfig, Vec<String>) {
    let mut findings = Diagnostics::new(Path::new("prometheus.yml"));
    let mut config = PrometheusConfig::default();
    match Node::parse(text) {
        Ok(node) => {
            let mut keys = Keys::new(&node, "the file", &mut findings);
            config = PrometheusConfig::read(&mut keys, Path::new("/etc/p"), &mut findings);
            keys.without_effect(&["rule_files", "alerting"], "later", &mut findings);
            keys.finish(&mut findings);
        }
        Err(error) => findings.error(error.at, error.message, ""),
    }
    (config, findings.finish().iter().map(ToString::to_string).collect())
}

const WHOLE: &str = include_str!("testdata/whole.yml");
const FIRST: &str = include_str!("testdata/first.yml");
const KUBERNETES: &str = include_str!("testdata/kubernetes.yml");

#[test]
fn the_file_that_prometheus_ships_is_read_with_warnings_only_for_alerting() {
    let (config, found) = read(FIRST);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|line| line.contains(": warning ")), "{found:?}");
    let job = &config.scrape_configs[0];
    assert_eq!(job.job_name, "prometheus");
    assert_eq!(job.scrape_interval, TimeDelta::from_secs(15));
    assert_eq!(job.scrape_timeout, TimeDelta::from_secs(10));
    assert_eq!(job.static_configs[0].targets, ["localhost:9090"]);
    assert_eq!(job.static_configs[0].labels, [("app".to_owned(), "prometheus".to_owned())]);
    assert!(job.honor_timestamps && !job.honor_labels && job.http.follow_redirects);
}

#[test]
fn every_key_is_read() {
    let (config, found) = read(WHOLE);
    let (errors, warnings): (Vec<_>, Vec<_>) = found.iter().partition(|line| line.contains(": error "));
    assert_eq!(errors, [""; 0]);
    let warned: Vec<&str> = warnings.iter().filter_map(|line| line.split('`').nth(1)).collect();
    assert_eq!(
        warned,
        [
            "query_log_file",
            "scrape_native_histograms",
            "scrape_failure_log_file",
            "http_sd_configs",
            "oauth2",
            "remote_write",
            "exemplars",
            "otlp"
        ]
    );
    assert!(!config.global.external_labels.is_empty());
    let job = &config.scrape_configs[0];
    assert_eq!(job.params, [("module".to_owned(), vec!["a".to_owned(), "b".to_owned()])]);
    assert_eq!(job.limits.body_size_limit, 10 << 20);
    assert_eq!((job.limits.sample_limit, job.limits.label_limit), (1000, 30));
    assert_eq!(job.scrape_protocols, [ScrapeProtocol::PrometheusText004]);
    let basic = job.http.basic_auth.as_ref().unwrap();
    assert_eq!(basic.password_file.as_deref(), Some(Path::new("/etc/p/secrets/pw")));
    assert_eq!(job.file_sd_configs[0].files, [Path::new("/etc/p/targets/*.yml")]);
    assert_eq!(job.file_sd_configs[0].refresh_interval, TimeDelta::from_secs(30));
    assert_eq!(job.http.tls_config.server_name.as_deref(), Some("db.internal"));
    let bearer = config.scrape_configs[1].http.authorization.as_ref().unwrap();
    assert_eq!(bearer.credentials.as_ref().unwrap().reveal(), "t0k3n");
    assert_eq!(config.storage.retention, Some(TimeDelta::from_secs(30 * 86_400)));
    assert_eq!(config.storage.size_max_bytes, Some(10 << 30));
    let keys: Vec<&str> = config.files.iter().map(|file| file.key).collect();
    assert_eq!(keys, ["password_file", "ca_file", "cert_file", "key_file", "files"]);
}

#[test]
fn a_kubernetes_file_is_read_with_a_warning_per_job() {
    let (config, found) = read(KUBERNETES);
    assert!(
        found.iter().all(|line| line.contains("warning job ") && line.contains("kubernetes_sd_configs")),
        "{found:?}"
    );
    assert_eq!(found.len(), config.scrape_configs.len());
    assert_eq!(config.scrape_configs[1].relabel_configs.len(), 3);
}

#[test]
fn what_is_shown_holds_no_secret() {
    let (config, _) = read(WHOLE);
    let shown = serde_saphyr::to_string(&config.scrape_configs).unwrap();
    let debug = format!("{config:?}");
    for secret in ["t0k3n", "proxypass", "headersecret"] {
        assert!(WHOLE.contains(secret), "{secret}");
        assert!(!shown.contains(secret) && !debug.contains(secret), "{secret} in {shown}");
    }
    assert!(shown.contains("credentials: <secret>"), "{shown}");
    let (again, found) = read(&format!("scrape_configs:\n{shown}"));
    let errors: Vec<_> = found.iter().filter(|line| line.contains(": error ")).collect();
    assert!(errors.is_empty(), "what is shown can be read again: {errors:?}\n{shown}");
    assert_eq!(again.scrape_configs[0].relabel_configs, config.scrape_configs[0].relabel_configs);
}

/// One job with `line` in it.
#[track_caller]
fn check_job(line: &str, expected: &str) {
    let (_, found) = read(&format!("scrape_configs:\n- job_name: a\n  {line}\n"));
    assert_eq!(found.first().map(String::as_str), Some(format!("prometheus.yml:3:{expected}").as_str()));
}

#[test]
fn mistakes_in_a_job_name_place_key_and_remedy() {
    check_job(
        "scrape_timeout: 2m",
        "19: error job a: `scrape_timeout` (2m) is longer than `scrape_interval` (1m)\n    write 1m or less",
    );
    check_job(
        "static_config: []",
        "3: error job a: unknown key `static_config` in scrape_configs\n    did you mean `static_configs`?",
    );
    check_job(
        "static_configs: [{targets: ['http://a/']}]",
        "31: error job a: target `http://a/` is a URL, not an address\n    write `host:port`; the path goes to `metrics_path`, https to `scheme`",
    );
    check_job(
        "static_configs: [{targets: [a], labels: {'': b}}]",
        "44: error job a: an empty label name\n    give it a name",
    );
    check_job(
        "basic_auth: {username: a}\n  bearer_token: b",
        "3: error job a: at most one of `basic_auth`, `authorization`, `bearer_token` and `bearer_token_file`\n    delete all but one",
    );
    check_job(
        "tls_config: {cert_file: a}",
        "15: error job a: a client certificate needs both `cert` (or `cert_file`) and `key` (or `key_file`)\n    add the missing one",
    );
    check_job("scheme: htps", "11: error job a: `scheme` cannot be `htps`\n    write one of: http, https");
    check_job(
        "file_sd_configs: [{files: [a.txt]}]",
        "30: error job a: `a.txt` cannot be a target file\n    the name ends in .yml, .yaml or .json; one `*` may stand in its last part",
    );
    check_job(
        "scrape_protocols: [PrometheusProto]",
        "21: error job a: `scrape_protocols` names no format that is spoken here\n    write PrometheusText0.0.4, PrometheusText1.0.0, OpenMetricsText0.0.1 or OpenMetricsText1.0.0",
    );
    check_job(
        "http_headers: {Host: {values: [a]}}",
        "18: error job a: `Host` is set by the client itself\n    delete it from `http_headers`",
    );
}

#[test]
fn mistakes_in_the_file_name_place_key_and_remedy() {
    let first = |text: &str| read(text).1.first().cloned().unwrap_or_default();
    assert_eq!(
        first("scrape_configs:\n- job_name: a\n- job_name: a\n"),
        "prometheus.yml:3:13: error job name `a` stands twice; first in line 2\n    give each job its own name"
    );
    assert_eq!(
        first("scrape_configs:\n- metrics_path: /x\n"),
        "prometheus.yml:2:3: error a job without `job_name`\n    add `job_name: NAME`"
    );
    assert_eq!(
        first("globl:\n  scrape_interval: 5s\n"),
        "prometheus.yml:1:1: error unknown key `globl` in the file\n    did you mean `global`?"
    );
    assert_eq!(
        first("global:\n  scrape_interval: 5 s\n"),
        "prometheus.yml:2:20: error `scrape_interval`: not a valid duration string\n    \
         write a number and a unit: 15s, 5m, 1h30m"
    );
    assert!(
        first("global: [\n").starts_with("prometheus.yml:1:9: error not YAML: "),
        "{}",
        first("global: [\n")
    );
    assert_eq!(first(""), "");
}

#[test]
fn global_defaults_reach_the_jobs() {
    let text = "global: {scrape_interval: 5s, sample_limit: 7, body_size_limit: 1KB}\nscrape_configs:\n- job_name: a\n- {job_name: b, sample_limit: 9}\n";
    let (config, found) = read(text);
    assert_eq!(found, [""; 0]);
    let [a, b] = &config.scrape_configs[..] else { panic!() };
    assert_eq!((a.scrape_timeout, a.limits.sample_limit), (TimeDelta::from_secs(5), 7));
    assert_eq!((b.limits.body_size_limit, b.limits.sample_limit), (1024, 9));
}

#[test]
fn target_files_are_yaml_or_json() {
    let groups = |text: &str| {
        let mut findings = Diagnostics::new(Path::new("t.json"));
        let groups = TargetGroup::read_file(text, &mut findings);
        (groups, findings.finish().first().map(ToString::to_string))
    };
    let json = r#"[{"targets": ["a:1", "b:2"], "labels": {"env": "prod"}}]"#;
    let yaml = "- targets: ['a:1', b:2]\n  labels:\n    env: prod\n";
    assert_eq!(groups(json).0[0].targets, ["a:1", "b:2"]);
    assert_eq!(groups(json), groups(yaml));
    assert_eq!(
        groups("{}").1.unwrap(),
        "t.json:1:1: error a list of target groups is expected, not a mapping\n    write `- targets: [host:port]`"
    );
    assert_eq!(
        groups("[{\"target\": []}]").1.unwrap(),
        "t.json:1:3: error unknown key `target` in static_configs\n    did you mean `targets`?"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// 1,000 files with bytes replaced, removed, repeated: a message or a configuration, never a panic.
    #[test]
    fn mutated_files_never_panic(
        seed in 0..3_usize,
        edits in proptest::collection::vec((any::<proptest::sample::Index>(), 0..4_u8, any::<u8>(), 1..40_usize), 1..6),
    ) {
        let mut bytes = [WHOLE, FIRST, KUBERNETES][seed].as_bytes().to_vec();
        for (index, kind, byte, length) in edits {
            let at = index.index(bytes.len().max(1)).min(bytes.len());
            let end = (at + length).min(bytes.len());
            match kind {
                0 => bytes.insert(at, byte),
                1 => drop(bytes.drain(at..end)),
                2 => {
                    let copy = bytes[at..end].to_vec();
                    bytes.splice(at..at, copy);
                }
                _ => bytes.insert(at, b":-[]{}&*!|>'\"%@`#,?\n\t "[byte as usize % 22]),
            }
        }
        let (config, found) = read(&String::from_utf8_lossy(&bytes));
        prop_assert!(found.iter().all(|line| line.starts_with("prometheus.yml:")));
        prop_assert!(config.scrape_configs.len() < 100);
    }
}
