//! Rule files, right and wrong.

use super::Verdict::{self, Bad, Good, GoodSince};

/// The plan's own rules.
const PLAN: &str = include_str!("plan_alerts.yml");

/// The same, put right.
const CORRECTED: &str = include_str!("../../../../examples/lingxian/alerts.yml");
const POSTGRES: &str = include_str!("../../../../examples/lingxian/postgres.yml");
const SHOP: &str = include_str!("../../../../examples/lingxian/shop-alerts.yml");
const WATCH: &str = include_str!("../../../../examples/lingxian/watch.yml");

pub(super) fn cases() -> Vec<(Verdict, &'static str)> {
    let mut cases = vec![(Good, PLAN), (Good, CORRECTED), (Good, POSTGRES), (Good, SHOP), (Good, WATCH)];
    cases.extend_from_slice(FILES);
    cases.extend_from_slice(GROUPS);
    cases.extend_from_slice(RULES);
    cases.extend_from_slice(TEMPLATES);
    cases
}

/// The file as a whole. The comment keeps an empty file known as a rule file.
const FILES: &[(Verdict, &str)] = &[
    (Good, "groups:\n"),
    (Good, "groups: []\n"),
    (Good, "# nothing\ngroups: ~\n"),
    (Good, "---\ngroups: []\n"),
    (Good, "groups: []\n---\nfoo: [\n"),
    (Bad, "groups: {}\n"),
    (Bad, "groups: x\n"),
    (Bad, "groups: []\nfoo: 1\n"),
    (Bad, "groups: []\ngroups: []\n"),
    (Bad, "groups: [\n"),
    (Bad, "groups:\n- name: a\n\trules: []\n"),
    (Bad, "groups:\n- [a]\n"),
];

const GROUPS: &[(Verdict, &str)] = &[
    (Good, "groups:\n- name: a\n"),
    (Good, "groups:\n- name: a\n  rules:\n"),
    (Good, "groups:\n- name: a\n  interval: 30s\n  limit: 10\n  rules: []\n"),
    (Good, "groups:\n- name: a\n  interval: 0s\n"),
    (Good, "groups:\n- name: a\n  interval: 0\n"),
    (Good, "groups:\n- name: a\n  interval:\n"),
    (Good, "groups:\n- name: a\n  limit: -1\n"),
    (Good, "groups:\n- name: a\n- name: b\n"),
    (Good, "groups:\n- name: 业务\n"),
    (Good, "groups:\n- name: 12\n"),
    (Bad, "groups:\n- rules: []\n"),
    (Bad, "groups:\n- name: ''\n"),
    (Bad, "groups:\n- name: a\n- name: a\n"),
    (Bad, "groups:\n- name: a\n  rule: []\n"),
    (Bad, "groups:\n- name: a\n  interval: 5\n"),
    (Bad, "groups:\n- name: a\n  interval: fast\n"),
    (Bad, "groups:\n- name: a\n  interval: ''\n"),
    (Bad, "groups:\n- name: a\n  interval: 300y\n"),
    (Bad, "groups:\n- name: a\n  limit: many\n"),
    (Bad, "groups:\n- name: a\n  limit: '5'\n"),
    (Bad, "groups:\n- name: a\n  rules: {}\n"),
    (GoodSince, "groups:\n- name: a\n  query_offset: 1m\n"), // 2.53
    (GoodSince, "groups:\n- name: a\n  labels: {team: shop}\n  rules: [{record: a, expr: up}]\n"), // 3.0
    (Bad, "groups:\n- name: a\n  query_offset: soon\n"),
    (Bad, "groups:\n- name: a\n  labels: {__name__: shop}\n"),
];

const RULES: &[(Verdict, &str)] = &[
    (Good, "groups:\n- name: a\n  rules:\n  - record: a:b\n    expr: sum(up)\n"),
    (Good, "groups:\n- name: a\n  rules:\n  - record: a\n    expr: 1\n    labels: {x: 1, y: true, z: ''}\n"),
    (Good, "groups:\n- name: a\n  rules:\n  - alert: A B 告警\n    expr: up == 0\n"),
    (Good, "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: |\n      up\n        == 0\n    for: 1m\n"),
    (
        Good,
        "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: up\n    for: 1h30m\n    keep_firing_for: 5m\n",
    ),
    (Good, "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: up\n    for: 0\n"),
    (Good, "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: up\n    labels:\n    annotations:\n"),
    (Good, "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: up\n    labels: {a: null}\n"),
    (Good, "groups:\n- name: a\n  rules:\n  - record: a\n    expr: up\n    for: 0s\n    annotations: {}\n"),
    (Good, "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: up\n  - alert: A\n    expr: down\n"),
    (Good, "groups:\n- name: a\n  rules:\n  - &r\n    alert: A\n    expr: up\n  - <<: *r\n    alert: B\n"),
    (Good, "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: absent(up) or vector(1) > bool 2\n"),
    (Good, "groups:\n- name: a\n  rules:\n  -\n"),
    (Good, "groups:\n-\n"),
    (Bad, "groups:\n- name: a\n  rules:\n  - {}\n"),
    (Bad, "groups:\n- name: a\n  rules:\n  - expr: up\n"),
    (Bad, "groups:\n- name: a\n  rules:\n  - alert: A\n"),
    (Bad, "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: ''\n"),
    (Bad, "groups:\n- name: a\n  rules:\n  - alert: A\n    record: a\n    expr: up\n"),
    (Bad, "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: up ==\n"),
    (Bad, "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: [up]\n"),
    (Bad, "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: rate(up)\n"),
    (Bad, "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: up\n    for: 1\n"),
    (Bad, "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: up\n    for: -1m\n"),
    (Bad, "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: up\n    for: ''\n"),
    (Bad, "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: up\n    hold: 1m\n"),
    (Bad, "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: up\n    alert: A\n"),
    (Bad, "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: up\n    labels: [a]\n"),
    (Bad, "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: up\n    labels: {a: [b]}\n"),
    (Bad, "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: up\n    labels: {__name__: b}\n"),
    (Bad, "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: up\n    labels: {'': b}\n"),
    (Bad, "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: up\n    annotations: {'': b}\n"),
    (Bad, "groups:\n- name: a\n  rules:\n  - record: a\n    expr: up\n    for: 1m\n"),
    (Bad, "groups:\n- name: a\n  rules:\n  - record: a\n    expr: up\n    keep_firing_for: 1m\n"),
    (Bad, "groups:\n- name: a\n  rules:\n  - record: a\n    expr: up\n    annotations: {a: b}\n"),
    (Bad, "groups:\n- name: a\n  rules:\n  - record: 'a{b=\"c\"}'\n    expr: up\n"),
    (Bad, "groups:\n- name: a\n  rules:\n  - record: ''\n    expr: up\n"),
    (Bad, "groups:\n- name: a\n  rules:\n  - record: a\n    expr: up\n    labels: {__name__: b}\n"),
    // Names in UTF-8, since 3.0.
    (GoodSince, "groups:\n- name: a\n  rules:\n  - record: 错误率\n    expr: up\n"),
    (GoodSince, "groups:\n- name: a\n  rules:\n  - record: a b\n    expr: up\n"),
    (GoodSince, "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: up\n    labels: {级别: 严重}\n"),
    (GoodSince, "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: up\n    annotations: {说明: b}\n"),
    (GoodSince, "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: '{\"支付 失败\"}'\n"),
];

macro_rules! annotation {
    ($text:literal) => {
        concat!(
            "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: up\n    annotations:\n      t: >-\n        ",
            $text,
            "\n"
        )
    };
}

const TEMPLATES: &[(Verdict, &str)] = &[
    (Good, annotation!("{{ $value }} {{ $labels.a }} {{ $externalLabels.b }} {{ $externalURL }}")),
    (Good, annotation!("{{ .Value | humanize }} {{ .Labels.instance }}")),
    (Good, annotation!("{{ with query \"up\" }}{{ . | first | value }}{{ end }}")),
    (Good, annotation!("{{ range query \"up\" }}{{ .Labels.a }}{{ else }}none{{ end }}")),
    (Good, annotation!("{{ if gt $value 1.0 }}a{{ else if eq 1 1 }}b{{ end }}")),
    (Good, annotation!("{{ define \"x\" }}y{{ end }}{{ template \"x\" . }}")),
    (Good, annotation!("{{ template \"missing\" }}")),
    (Good, annotation!("{{- /* comment */ -}} x")),
    (Good, annotation!("{{ $x := 1 }}{{ $x = 2 }}{{ $x }}")),
    (Good, annotation!("{{ printf \"%.2f\" $value }} {{ humanizePercentage 0.5 }}")),
    (Good, annotation!("{{ reReplaceAll \"(\" \"b\" \"c\" }}")),
    (Good, annotation!("} }} {")),
    (GoodSince, annotation!("{{ (now | toTime).Year }}")), // 2.53
    (Good, annotation!("{{ index $labels \"a-b\" }}")),
    (Good, annotation!("{{ block \"b\" . }}x{{ end }}")),
    (Good, annotation!("{{ range $i, $e := query \"up\" }}{{ break }}{{ continue }}{{ end }}")),
    (Bad, annotation!("{{ $value ")),
    (Bad, annotation!("{{ $vaule }}")),
    (Bad, annotation!("{{ humanise $value }}")),
    (Bad, annotation!("{{ if }}x{{ end }}")),
    (Bad, annotation!("{{ if true }}x")),
    (Bad, annotation!("{{ end }}")),
    (Bad, annotation!("{{ else }}")),
    (Good, annotation!("{{ .a | }}")),
    (Bad, annotation!("{{ | .a }}")),
    (Bad, annotation!("{{ 1 | 2 }}")),
    (Bad, annotation!("{{ break }}")),
    (Bad, annotation!("{{ \"a }}")),
    (Bad, annotation!("{{ template x }}")),
    (Bad, annotation!("{{ (1 }}")),
    (Bad, "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: up\n    labels: {s: '{{ $x }}'}\n"),
];
