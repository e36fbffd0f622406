//! `lingshao.yml` and `prometheus.yml`, right and wrong.

use std::fs;
use std::path::Path;

use lingshao_wire::prometheus_config::Secret;

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
        "remote: {metrics: {}}\n",
        "lingshao.yml:1:1: warning `remote` has no effect yet\n    it comes with a later release",
    );
    check(
        "scrape_configs:\n- job_name: a\n  basic_auth: {username: u, password_file: no/where}\n",
        "lingshao.yml:3:44: error job a: `password_file`: cannot read `no/where`: No such file or directory (os error 2)\n    create the file, or correct the path (it starts at the config's folder)",
    );
}

#[test]
fn databases_are_watched_and_their_passwords_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pg.dsn");
    fs::write(&file, "postgres://mon:sesame@10.0.0.4/mall\n").unwrap();
    let text = format!(
        "global: {{scrape_interval: 15s}}\n\
         collect:\n\
         \x20 postgres: [{{dsn_file: {}}}, {{dsn: 'postgres://mon:sesame@10.0.0.5/mall', scrape_timeout: 5s}}]\n\
         \x20 mysql: [{{dsn: 'mysql://mon:sesame@10.0.0.6/', job_name: mariadb, instance: orders}}]\n\
         \x20 redis: [{{dsn: 'redis://:sesame@cache', scrape_interval: 1m}}]\n",
        file.display()
    );
    let config = config(&text);
    let seconds = |one: &CollectDatabase| {
        let (interval, timeout) = one.times(&config.global);
        (interval.0 / 1000, timeout.0 / 1000)
    };
    let read: Vec<_> = config
        .collect
        .databases()
        .map(|one| (one.job_name.as_str(), one.instance.as_str(), one.address.as_str(), seconds(one)))
        .collect();
    let expected = [
        ("postgres", "10.0.0.4:5432", "10.0.0.4:5432", (15, 10)),
        ("postgres", "10.0.0.5:5432", "10.0.0.5:5432", (15, 5)),
        ("mariadb", "orders", "10.0.0.6:3306", (15, 10)),
        ("redis", "cache:6379", "cache:6379", (60, 10)),
    ];
    assert_eq!(read, expected);
    let shown = config.to_masked_yaml();
    assert!(!shown.contains("sesame") && !format!("{config:?}").contains("sesame"), "{shown}");
    assert!(shown.contains("dsn: <secret>") && shown.contains("pg.dsn"), "{shown}");
}

#[test]
fn mistakes_in_collect_name_place_and_remedy_and_no_password() {
    check(
        "collect: {redis: [{}]}\n",
        "lingshao.yml:1:19: error an entry of `collect.redis` needs either `dsn` or `dsn_file`\n    write `redis://USER:PASSWORD@HOST:6379`",
    );
    check(
        "collect: {mysql: [{dsn: 'mon:sesame@(db:3306)/'}]}\n",
        "lingshao.yml:1:25: error `dsn` holds no address of mysql: it does not begin with `mysql://`\n    write `mysql://USER:PASSWORD@HOST:3306/`",
    );
    check(
        "collect: {redis: [{dsn: 'rediss://:sesame@cache'}]}\n",
        "lingshao.yml:1:25: error `dsn` holds no address of redis: `rediss://` (TLS) is not supported\n    write `redis://`, over a private network or a tunnel (stunnel)",
    );
    check(
        "collect: {postgres: [{dsn_file: no/where}]}\n",
        "lingshao.yml:1:33: error `dsn_file`: cannot read `no/where`: No such file or directory (os error 2)\n    check the path and its rights",
    );
    check(
        "collect: {redis: [{dsn: 'redis://a'}, {dsn: 'redis://a:6379'}]}\n",
        "lingshao.yml:1:10: error two entries of job `redis` are both called `a:6379`\n    set `instance` in `collect.redis`, or delete one of them",
    );
    check(
        "scrape_configs: [{job_name: redis}]\ncollect: {redis: [{dsn: 'redis://a'}]}\n",
        "lingshao.yml:2:10: error the collector of redis and another job are both called `redis`\n    set `job_name` in `collect.redis`, or delete one of them",
    );
    check(
        "collect: {redis: [{dsn: 'redis://a', scrape_interval: 5s, scrape_timeout: 10s}]}\n",
        "lingshao.yml:1:59: error `scrape_timeout` of 10s is longer than the interval of 5s\n    shorten it, or lengthen `scrape_interval`",
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

/// A folder with a config and what it names.
fn written(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn loaded(folder: &tempfile::TempDir) -> Loaded {
    let path = folder.path().join("lingshao.yml");
    let text = fs::read_to_string(&path).unwrap();
    parse(&text, &path).unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn refused(folder: &tempfile::TempDir) -> String {
    let path = folder.path().join("lingshao.yml");
    let shown = parse(&fs::read_to_string(&path).unwrap(), &path).unwrap_err().to_string();
    shown.replace(&format!("{}/", folder.path().display()), "")
}

const PLAN: &str = include_str!("../../tests/verdicts/plan_alerts.yml");

#[test]
fn the_plans_rules_are_read_unchanged() {
    let folder =
        written(&[("lingshao.yml", "rule_files: ['*erts.yml', alerts.yml]\n"), ("alerts.yml", PLAN)]);
    let loaded = loaded(&folder);
    let said: Vec<_> = loaded.warnings.iter().map(|one| one.message.as_str()).collect();
    assert_eq!(said, ["alerts only show: nobody is told"]);
    let groups: Vec<_> =
        loaded.config.rule_groups.iter().map(|group| (group.name.as_str(), group.rules.len())).collect();
    assert_eq!(groups, [("system", 3), ("business", 3)]);
    assert_eq!(loaded.config.rule_groups[0].file, folder.path().join("alerts.yml"));
}

#[test]
fn a_mistake_in_a_rule_file_has_its_place_there() {
    let rules = "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: rate(up) > 1\n    annotations: {s: '{{ $x }}'}\n";
    let folder = written(&[("lingshao.yml", "rule_files: [r.yml, none.yml]\n"), ("r.yml", rules)]);
    let shown = refused(&folder);
    for line in [
        "lingshao.yml:1:21: error `rule_files`: `none.yml` does not exist",
        "r.yml:5:16: error alert A: cannot parse the expression: 1:6: parse error: expected type range vector in call to function \"rate\", got instant vector",
        "r.yml:6:23: error alert A: annotation `s`: template: __alert_A:1: undefined variable \"$x\"",
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
}

#[test]
fn alerting_is_read_in_place_or_from_alertmanagers_own_file() {
    let alertmanager = "route: {receiver: team}\nreceivers: [{name: team, webhook_configs: [{url: 'http://h/?k=hunter2'}]}]\n\
        templates: ['*.tmpl']\n";
    let ours = "alerting:\n  config_file: am.yml\n  language: en\n  time_zone: asia/shanghai\n  alertmanagers:\n  \
        - {static_configs: [{targets: ['am:9093']}], path_prefix: /x}\n";
    let template = "{{ define \"x\" }}y{{ end }}";
    let folder = written(&[("lingshao.yml", ours), ("am.yml", alertmanager), ("a.tmpl", template)]);
    let config = loaded(&folder).config;
    assert_eq!(config.alerting.routing.root.receiver, "team");
    assert_eq!(config.messages, Messages { language: Language::En, time_zone: "Asia/Shanghai".to_owned() });
    assert_eq!(config.template_files[0].text, template);
    assert_eq!(config.alertmanagers[0].static_configs[0].targets, ["am:9093"]);
    assert_eq!(config.alertmanagers[0].timeout, TimeDelta::from_secs(10));
    for shown in [config.to_masked_yaml(), config.alertmanager_yaml(), format!("{config:?}")] {
        assert!(shown.contains("team") && !shown.contains("hunter2"), "{shown}");
    }
    let path = folder.path().join("lingshao.yml");
    let again = parse(&config.to_masked_yaml(), &path).unwrap_or_else(|error| panic!("{error}")).config;
    assert_eq!(again.to_masked_yaml(), config.to_masked_yaml());

    fs::write(&path, format!("{ours}  receivers: []\n")).unwrap();
    assert!(refused(&folder).contains("lingshao.yml:7:3: error"), "{}", refused(&folder));
    assert!(!refused(&folder).contains("unknown key"), "{}", refused(&folder));
    fs::write(&path, ours).unwrap();
    fs::write(folder.path().join("a.tmpl"), "{{ define \"x\" }}").unwrap();
    assert!(refused(&folder).starts_with("a.tmpl:1:1: error template: a.tmpl:1: "), "{}", refused(&folder));
    fs::write(folder.path().join("am.yml"), "route: {receiver: x}\n").unwrap();
    assert!(refused(&folder).starts_with("am.yml:1:19: error the route uses"), "{}", refused(&folder));
}

#[test]
fn the_plans_robot_is_told_when_no_receiver_is_configured() {
    let environment = Environment { wecom_url: Some(Secret::new("https://q/?key=hunter2")) };
    let told = |text: &str| {
        let config = parse_with(text, Path::new("lingshao.yml"), &environment).unwrap().config;
        assert!(!config.to_masked_yaml().contains("hunter2"));
        let receivers = config.alerting.routing.receivers.iter();
        let told = receivers.filter(|receiver| !receiver.integrations.is_empty());
        told.map(|receiver| receiver.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(told(""), ["wecom"]);
    assert_eq!(told("alerting: {language: zh}"), ["wecom"]);
    assert_eq!(told("alerting: {receivers: [{name: a}]}"), ["wecom"]);
    let other = "alerting: {receivers: [{name: a, webhook_configs: [{url: 'http://h'}]}]}";
    assert_eq!(told(other), ["a"]);
    assert_eq!(config("").alerting.routing.root.receiver, "nobody");
}

#[test]
fn the_outer_address_and_the_shared_state_are_read() {
    let text = "web: {external_url: 'https://mon.shop.cn/m/', route_prefix: m/}\n\
        state: {url: 'sqlite:///srv/state.db', member: web-1}\nglobal: {external_labels: {shop: a}, rule_query_offset: 5s}\n";
    let config = config(text);
    assert_eq!(config.web.external_url.as_deref(), Some("https://mon.shop.cn/m"));
    assert_eq!(config.web.route_prefix, "/m");
    assert_eq!(config.state.path().as_deref(), Some(Path::new("/srv/state.db")));
    assert_eq!(config.state.member.as_deref(), Some("web-1"));
    assert_eq!(config.global.external_labels.get("shop"), Some("a"));
    assert_eq!(config.global.rule_query_offset, TimeDelta::from_secs(5));
    check(
        "web: {external_url: mon.shop.cn}\n",
        "lingshao.yml:1:21: error `external_url`: `mon.shop.cn` is no such address\n    write `https://HOST` or `https://HOST/PATH`, as people reach it",
    );
    check(
        "web: {route_prefix: 'a b'}\n",
        "lingshao.yml:1:21: error `route_prefix`: `a b` is no path\n    write a path such as `/monitor`",
    );
    check(
        "state: {url: 'postgres://u:hunter2@h/db'}\n",
        "lingshao.yml:1:14: error `url` names no state that is known here\n    write `sqlite:///PATH/state.db`: the file that all members share",
    );
    check(
        "alerting: {receivers: [{name: a, wecom_configs: [{url: 'http://h', message: '{{ .x'}]}]}\n",
        "lingshao.yml:1:77: error receiver a: `message`: template: message:1: unclosed action",
    );
    check(
        "alerting: {receivers: [{name: a, wecom_configs: [{url: 'http://h', message: '{{ template \"gone\" . }}'}]}]}\n",
        "lingshao.yml:1:77: error receiver a: `message`: template \"gone\" not defined\n    correct the name, or list the file that defines it under `templates`",
    );
    check(
        "alerting: {time_zone: Mars}\n",
        "lingshao.yml:1:23: error unknown time zone `Mars`\n    write a name of the IANA database: Asia/Shanghai, UTC",
    );
}

#[test]
fn alerts_of_which_nobody_is_told_are_a_warning() {
    let folder = written(&[
        ("r.yml", "groups: [{name: g, rules: [{alert: A, expr: up == 0}]}]\n"),
        ("a.yml", "rule_files: [r.yml]\n"),
    ]);
    let path = folder.path().join("a.yml");
    let warnings = |more: &str| {
        let loaded = parse(&format!("rule_files: [r.yml]\n{more}"), &path).unwrap();
        loaded.warnings.iter().map(|one| one.message.clone()).collect::<Vec<_>>()
    };
    assert_eq!(warnings(""), ["alerts only show: nobody is told"]);
    let told = "alerting: {receivers: [{name: a, webhook_configs: [{url: 'http://h'}]}]}";
    assert_eq!(warnings(told), [""; 0]);
    assert_eq!(warnings("alerting: {alertmanagers: [{static_configs: [{targets: ['h:9093']}]}]}"), [""; 0]);
}

#[test]
fn logs_and_their_listeners_are_read_under_both_names() {
    let text = "listeners: {elasticsearch: ':9200', syslog: off}\n\
                logs:\n  retention: 30d\n  size_max: 5GB\n  index: shop\n  mask: {keep: [order_no]}\n  request_metrics: off\n  \
                logstash: {listen: '127.0.0.1:5000'}\n  files:\n    - /var/log/nginx/*.log\n    - {path: app.log, index: app, multiline: false, fields: {service: app}}\n  \
                log_rules: [{name: paid, query: '支付成功', labels: {team: pay}}]\n";
    let config = parse(text, Path::new("/etc/lingshao.yml")).unwrap().config;
    assert_eq!(config.listeners.elasticsearch.as_deref(), Some(":9200"));
    assert_eq!(
        (config.listeners.logstash.as_deref(), config.listeners.syslog),
        (Some("127.0.0.1:5000"), None)
    );
    let logs = config.logs;
    assert_eq!((logs.retention, logs.size_bytes_max), (TimeDelta::from_secs(30 * 86_400), Some(5 << 30)));
    assert_eq!(
        (logs.index.as_str(), logs.mask.enabled, &logs.mask.keep[..]),
        ("shop", true, &["order_no".to_owned()][..])
    );
    assert_eq!(logs.request_metrics, RequestMetrics::Off);
    assert_eq!(logs.files[0].path, Path::new("/var/log/nginx/*.log"));
    assert_eq!((logs.files[1].path.as_path(), logs.files[1].multiline), (Path::new("/etc/app.log"), false));
    assert_eq!(logs.files[1].fields, [("service".to_owned(), "app".to_owned())]);
    assert_eq!((logs.log_rules[0].name.as_str(), logs.log_rules[0].query.as_str()), ("paid", "支付成功"));
    let defaults = parse("global: {}\n", Path::new("lingshao.yml")).unwrap().config.logs;
    assert_eq!((defaults.retention, defaults.mask.enabled), (TimeDelta::from_secs(180 * 86_400), true));
}

#[test]
fn what_is_masked_is_chosen() {
    let mask = |text: &str| {
        let text = format!("logs: {{mask: {text}}}\n");
        parse(&text, Path::new("lingshao.yml")).unwrap_or_else(|invalid| panic!("{invalid}")).config.logs.mask
    };
    let defaults = mask("on");
    assert_eq!((defaults.secrets, defaults.mails, defaults.enabled), (true, false, true));
    assert!(!mask("off").enabled);
    let chosen = mask("{fields: [real_name, ship.to], mails: true, bank_cards: false, secrets: off}");
    assert_eq!(chosen.fields, ["real_name", "ship.to"]);
    assert_eq!((chosen.mails, chosen.bank_cards, chosen.secrets), (true, false, false));
    assert_eq!((chosen.phones, chosen.id_cards), (true, true));
}

#[test]
fn what_is_wrong_with_logs_is_said_with_its_place() {
    check_logs("logs: {retention: 1h}\n", "error `retention` of 1h is too short");
    check_logs("logs: {index: Shop}\n", "error `index`: `Shop` is no name of an index");
    check_logs("logs: {log_rules: [{name: a}]}\n", "error a log rule needs a `query`");
    let twice = "logs: {log_rules: [{name: a, query: x}, {name: a, query: y}]}\n";
    check_logs(twice, "error log rule `a` stands twice");
    check_logs("logs: {files: [{index: a}]}\n", "error a followed file needs a `path`");
    check_logs(
        "listeners: {elasticsearch: nine}\n",
        "error `elasticsearch`: `nine` is no address to listen on",
    );
    check_logs("listeners: {elastic: off}\n", "error unknown key `elastic` in listeners");
    check_logs(
        "logs: {mask: {fields: ['*_name']}}\n",
        "1:24: error `fields`: `*_name` is no name of a field",
    );
    check_logs("logs: {mask: {keep: [a], fields: [b, a]}}\n", "1:38: error `a` is in `keep` and in `fields`");
    check_logs("logs: {mask: {fone: off}}\n", "error unknown key `fone` in logs.mask");
}

#[test]
fn queries_of_log_rules_are_read_and_pointed_into() {
    let rules = "alerting: {time_zone: UTC}\nlogs:\n  log_rules:\n    - name: paid\n      query: 'level:ERROR AND (支付'\n      \
                 labels: {team: pay, 1x: a, rule: b, __x: c}\n    - {name: old, query: 'timestamp:[now-1h TO'}\n    \
                 - name: long\n      query: >-\n        path:/a/*\n        AND (took:1\n";
    for expected in [
        "lingshao.yml:5:31: error the query of log rule `paid`: ",
        "lingshao.yml:6:27: error `1x` is no name of a label",
        "lingshao.yml:6:34: error `rule` is the label that names the log rule",
        "lingshao.yml:6:43: error `__x` is no name of a label",
        "lingshao.yml:7:37: error the query of log rule `old`: ",
        "error the query of log rule `long`: ",
    ] {
        check_logs(rules, expected);
    }
}

#[track_caller]
fn check_logs(text: &str, expected: &str) {
    let found = parse(text, Path::new("lingshao.yml")).unwrap_err().to_string();
    assert!(found.contains(expected), "{found}");
}
