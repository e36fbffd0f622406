//! Bodies as clients send them, replies as they are read.

use lingshao_model::{Alert, Annotations, Fingerprint, Labels, TimeDelta, Timestamp};

use super::*;

const NOW: Timestamp = Timestamp(1_700_000_000_000);

#[track_caller]
fn alert(body: &str) -> Result<Alert, String> {
    let mut alerts = read_alerts(body.as_bytes()).unwrap();
    alerts.remove(0).alert(NOW, TimeDelta::from_secs(300))
}

#[test]
fn an_alert_of_prometheus_is_read() {
    let body = r#"[{"annotations":{"summary":"坏了","empty":""},"endsAt":"2023-11-14T22:17:20.000Z",
        "startsAt":"2023-11-14T22:13:20.5+08:00","generatorURL":"http://prom/graph?x=1",
        "labels":{"alertname":"Down","gone":"","instance":"a"},"unknown":1}]"#;
    let read = alert(body).unwrap();
    assert_eq!(read.labels.to_string(), r#"{alertname="Down", instance="a"}"#);
    assert_eq!(read.annotations.iter().collect::<Vec<_>>(), [("empty", ""), ("summary", "坏了")]);
    assert_eq!(read.starts_at, Timestamp(NOW.0 - 8 * 3_600_000 + 500));
    assert_eq!((read.ends_at, read.timeout), (Some(Timestamp(NOW.0 + 240_000)), false));
    assert_eq!((read.updated_at, read.generator_url.as_str()), (NOW, "http://prom/graph?x=1"));
}

#[test]
fn times_that_are_not_said_are_chosen() {
    for (times, starts_at, ends_at, timeout) in [
        ("", 0, 300_000, true),
        (r#","startsAt":"0001-01-01T00:00:00.000Z","endsAt":"0001-01-01T00:00:00.000Z""#, 0, 300_000, true),
        (r#","startsAt":"2023-11-14T22:13:10Z""#, -10_000, 300_000, true),
        (r#","endsAt":"2023-11-14T22:13:10Z""#, -10_000, -10_000, false),
    ] {
        let read = alert(&format!(r#"[{{"labels":{{"a":"b"}}{times}}}]"#)).unwrap();
        let (starts_at, ends_at) = (Timestamp(NOW.0 + starts_at), Some(Timestamp(NOW.0 + ends_at)));
        assert_eq!((read.starts_at, read.ends_at, read.timeout), (starts_at, ends_at, timeout), "{times}");
    }
}

#[test]
fn an_alert_that_makes_no_sense_is_refused_in_alertmanagers_words() {
    for (body, expected) in [
        (r#"[{"labels":{}}]"#, "at least one label pair required"),
        (r#"[{"labels":{"a":""}}]"#, "at least one label pair required"),
        (r#"[{"labels":{"":"x"}}]"#, "invalid label set: invalid name \"\""),
        (r#"[{"labels":{"a":"b"},"annotations":{"":"x"}}]"#, "invalid annotations: invalid name \"\""),
        (
            r#"[{"labels":{"a":"b"},"startsAt":"2023-11-14T22:13:10Z","endsAt":"2023-11-14T22:13:09Z"}]"#,
            "start time must be before end time",
        ),
    ] {
        assert_eq!(alert(body).unwrap_err(), expected, "{body}");
    }
}

#[test]
fn a_body_of_another_shape_is_refused() {
    let refused = |body: &str| {
        let error = read_alerts(body.as_bytes()).unwrap_err();
        (error.status(), error.to_string())
    };
    assert_eq!(refused(r#"[{"labels":{"a":"b"}},{}]"#), (422, "1.labels in body is required".to_owned()));
    for body in
        ["", "{", "null", "{}", "[1]", r#"[{"labels":{"a":1}}]"#, r#"[{"labels":{},"startsAt":"soon"}]"#]
    {
        let (status, said) = refused(body);
        assert_eq!(status, 400, "{body}");
        assert!(said.starts_with("parsing alerts body from \"\" failed, because "), "{said}");
    }
}

fn posted(fields: &str) -> Result<PostedSilence, BodyError> {
    let all = [
        ("matchers", r#"[{"name":"a","value":"b","isRegex":false}]"#),
        ("startsAt", r#""2023-11-14T22:13:20Z""#),
        ("endsAt", r#""2023-11-14T22:13:21Z""#),
        ("createdBy", r#""ming""#),
        ("comment", r#""""#),
    ];
    let named = |name: &str| fields.contains(&format!("\"{name}\""));
    let rest = all.iter().filter(|(name, _)| !named(name)).map(|(name, text)| format!("\"{name}\":{text}"));
    let fields = rest.chain((!fields.is_empty()).then(|| fields.to_owned()));
    read_silence(format!("{{{}}}", fields.collect::<Vec<_>>().join(",")).as_bytes())
}

#[test]
fn a_silence_is_read_with_all_kinds_of_matchers() {
    let matchers = r#""id":"","matchers":[{"name":"a","value":"","isRegex":false},
        {"name":"b","value":"x.*","isRegex":true,"isEqual":true},{"name":"c","value":"y","isRegex":false,"isEqual":false},
        {"name":"d","value":"z|","isRegex":true,"isEqual":false}]"#;
    let silence = posted(matchers).unwrap();
    let texts: Vec<_> =
        silence.matchers.iter().map(|m| format!("{}{}{}", m.name(), m.op().as_str(), m.value())).collect();
    assert_eq!(texts, ["a=", "b=~x.*", "c!=y", "d!~z|"]);
    assert_eq!((silence.id, silence.created_by.as_str(), silence.comment.as_str()), (None, "ming", ""));
    assert_eq!((silence.starts_at, silence.ends_at), (NOW, Timestamp(NOW.0 + 1000)));
}

#[test]
fn what_a_silence_lacks_is_named() {
    for (fields, status, said) in [
        (r#""comment":null"#, 422, "comment in body is required"),
        (r#""createdBy":null"#, 422, "createdBy in body is required"),
        (r#""startsAt":null"#, 422, "startsAt in body is required"),
        (r#""endsAt":null"#, 422, "endsAt in body is required"),
        (r#""matchers":null"#, 422, "matchers in body is required"),
        (r#""matchers":[{"name":"a","value":"b"}]"#, 422, "matchers.0.isRegex in body is required"),
        (r#""matchers":[{"value":"b","isRegex":true}]"#, 422, "matchers.0.name in body is required"),
        (
            r#""matchers":[{"name":"a","value":"(","isRegex":true}]"#,
            400,
            "silence invalid: invalid label matcher 0: cannot use regular expression `(`: ",
        ),
    ] {
        let error = posted(fields).unwrap_err();
        assert_eq!(error.status(), status, "{fields}");
        assert!(error.to_string().starts_with(said), "{fields}: {error}");
    }
}

#[test]
fn alerts_are_shown_as_alertmanager_shows_them() {
    let alert = Alert {
        labels: Labels::from_pairs([("alertname", "test1"), ("severity", "warning")]).unwrap(),
        annotations: Annotations::from_pairs([("a".to_owned(), "\"b\"\n".to_owned())]),
        starts_at: NOW,
        ends_at: None,
        updated_at: Timestamp(NOW.0 + 1),
        generator_url: String::new(),
        timeout: false,
        value: String::new(),
    };
    let (receivers, silences) = (["team".to_owned()], ["id".to_owned()]);
    let entry = AlertEntry {
        alert: &alert,
        ends_at: Timestamp(NOW.0 + 240_000),
        receivers: &receivers,
        suppressed: true,
        silenced_by: &silences,
        inhibited_by: &[Fingerprint(255)],
        muted_by: &[],
    };
    let expected = r#"{"annotations":{"a":"\"b\"\n"},"endsAt":"2023-11-14T22:17:20.000Z","fingerprint":"8f14a41207c8456c","receivers":[{"name":"team"}],"startsAt":"2023-11-14T22:13:20.000Z","status":{"inhibitedBy":["00000000000000ff"],"mutedBy":[],"silencedBy":["id"],"state":"suppressed"},"updatedAt":"2023-11-14T22:13:20.001Z","labels":{"alertname":"test1","severity":"warning"}}"#;
    let mut out = Vec::new();
    alerts(&mut out, &[entry, entry]);
    assert_eq!(String::from_utf8(out).unwrap(), format!("[{expected},{expected}]"));

    let labels = Labels::from_pairs([("alertname", "test1")]).unwrap();
    let group = GroupEntry { labels: &labels, receiver: "team", alerts: vec![entry] };
    let mut out = Vec::new();
    groups(&mut out, &[group]);
    let text = String::from_utf8(out).unwrap();
    let group = r#""labels":{"alertname":"test1"},"receiver":{"name":"team"}}]"#;
    assert_eq!(text, format!(r#"[{{"alerts":[{expected}],{group}"#));
}

#[test]
fn what_is_posted_is_read_as_it_was() {
    let body = r#"[{"annotations":{"a":"b"},"endsAt":"2023-11-14T22:17:20.000Z","startsAt":"2023-11-14T22:13:20.000Z",
        "generatorURL":"http://x","labels":{"alertname":"Down"}},{"labels":{"a":"b"}}]"#;
    let alerts: Vec<Alert> = read_alerts(body.as_bytes())
        .unwrap()
        .into_iter()
        .map(|posted| posted.alert(NOW, TimeDelta::from_secs(300)).unwrap())
        .collect();
    let mut out = Vec::new();
    super::posted(&mut out, alerts.iter());
    let again = read_alerts(&out).unwrap().into_iter();
    let again: Vec<Alert> = again.map(|posted| posted.alert(NOW, TimeDelta(1)).unwrap()).collect();
    let timeless =
        |alerts: &[Alert]| alerts.iter().map(|a| Alert { timeout: false, ..a.clone() }).collect::<Vec<_>>();
    assert_eq!(again, timeless(&alerts));
}

#[test]
fn a_body_does_not_grow_in_memory() {
    let refused = |body: &str| read_alerts(body.as_bytes()).unwrap_err();
    // Eight megabytes of alerts without anything: the first is told, none is kept.
    let empty = format!("[{}{{}}]", "{},".repeat(2_700_000));
    assert_eq!(refused(&empty), BodyError::Missing("0.labels".to_owned()));
    let many = format!("[{}{{\"labels\":{{\"a\":\"b\"}}}}]", r#"{"labels":{"a":"b"}},"#.repeat(100_000));
    assert_eq!(refused(&many), BodyError::Invalid("more than 100000 alerts in one request".to_owned()));
    // What is no JSON is told before what is wrong with an alert.
    assert!(matches!(refused("[{},{}"), BodyError::Malformed(_)));
    assert!(matches!(refused("[{}]]"), BodyError::Malformed(_)));
    assert!(matches!(refused(&"[".repeat(1_000_000)), BodyError::Malformed(_)));
    assert!(matches!(refused("null"), BodyError::Malformed(_)));

    let matcher = r#"{"name":"a","value":"\\pL{99}","isRegex":true},"#;
    let silence = format!(
        r#"{{"comment":"","createdBy":"","startsAt":"2023-11-14T22:13:10Z","endsAt":"2023-11-14T22:13:10Z","matchers":[{}{}]}}"#,
        matcher.repeat(100_000),
        matcher.trim_end_matches(',')
    );
    let error = read_silence(silence.as_bytes()).unwrap_err();
    assert_eq!(error, BodyError::Invalid("silence invalid: 100001 matchers, more than 100".to_owned()));
}
