//! Over real sockets: what a client sees of each fault, and what the fake remembers.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::fakes::{FakeWebhook, FakeWecom, Fault};

const PATIENCE: Duration = Duration::from_secs(10);

/// One message on a connection of its own; all bytes of the answer.
fn send(fake: &FakeWecom, patience: Duration) -> std::io::Result<String> {
    let body = json!({"msgtype": "text", "text": {"content": "灵", "mentioned_list": ["a"]}}).to_string();
    let target =
        fake.url().split_once(":/").and_then(|(_, rest)| rest[1..].split_once('/')).unwrap().1.to_owned();
    post(fake.address(), &target, &body, patience)
}

fn post(
    address: std::net::SocketAddr,
    target: &str,
    body: &str,
    patience: Duration,
) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(patience))?;
    let length = body.len();
    let head = format!(
        "POST /{target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(format!("{head}{body}").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn messages_are_remembered_with_their_time() {
    let fake = FakeWecom::start().unwrap();
    let before = std::time::SystemTime::now();
    assert!(send(&fake, PATIENCE).unwrap().ends_with(r#"{"errcode":0,"errmsg":"ok"}"#));
    let messages = fake.messages();
    assert_eq!(messages.len(), 1);
    let message = &messages[0];
    assert_eq!((message.kind.as_str(), message.text.as_str()), ("text", "灵"));
    assert_eq!(message.mentioned, ["a"]);
    assert!(before <= message.at && message.at <= std::time::SystemTime::now());
    assert!(fake.wait_taken(1, PATIENCE).is_ok());
    assert!(fake.wait_taken(2, Duration::from_millis(20)).is_err());
}

#[test]
fn a_script_is_met_in_order_and_then_all_is_well() {
    let fake = FakeWecom::start().unwrap();
    let faults = [Fault::Status(500, None), Fault::Status(429, Some(7)), Fault::Code("45009"), Fault::Html];
    fake.script(faults);
    let answer = || send(&fake, PATIENCE).unwrap();
    assert!(answer().starts_with("HTTP/1.1 500 "));
    let limited = answer();
    assert!(limited.starts_with("HTTP/1.1 429 ") && limited.contains("Retry-After: 7\r\n"), "{limited}");
    assert!(answer().contains(r#""errcode":45009"#));
    let page = answer();
    assert!(page.starts_with("HTTP/1.1 200 ") && page.contains("<html>"), "{page}");
    assert!(answer().contains(r#""errcode":0"#));
    assert_eq!((fake.received().len(), fake.taken().len()), (5, 1));
}

#[test]
fn hanging_never_answers_and_takes_nothing() {
    let fake = FakeWecom::start().unwrap();
    fake.always(Some(Fault::Hang));
    let error = send(&fake, Duration::from_millis(200)).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    fake.always(None);
    assert!(send(&fake, PATIENCE).is_ok()); // It holds up nobody else.
    assert_eq!((fake.received().len(), fake.taken().len()), (2, 1));
}

#[test]
fn reset_and_slow_drip_take_the_message() {
    let fake = FakeWecom::start().unwrap();
    fake.script([Fault::Reset, Fault::SlowDrip(Duration::from_millis(2))]);
    assert_eq!(send(&fake, PATIENCE).unwrap_err().kind(), ErrorKind::ConnectionReset);
    let started = Instant::now();
    assert!(send(&fake, PATIENCE).unwrap().contains("\"ok\""));
    assert!(Duration::from_millis(100) < started.elapsed());
    assert_eq!(fake.taken().len(), 2);
}

#[test]
fn closed_refuses_and_opens_on_the_same_port() {
    let fake = FakeWecom::start().unwrap();
    fake.close().unwrap();
    assert_eq!(send(&fake, PATIENCE).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    fake.open().unwrap();
    assert!(send(&fake, PATIENCE).is_ok());
}

#[track_caller]
fn webhook(change: impl FnOnce(&mut Value), status: &str) {
    let fake = FakeWebhook::start().unwrap();
    let alert = json!({"status": "firing", "labels": {"a": "b"}, "annotations": {}, "generatorURL": "",
        "startsAt": "2026-01-01T00:00:00.000Z", "endsAt": "0001-01-01T00:00:00Z", "fingerprint": "0123456789abcdef"});
    let mut body = json!({"version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, "receiver": "r",
        "status": "firing", "groupLabels": {}, "commonLabels": {"a": "b"}, "commonAnnotations": {},
        "externalURL": "http://x", "alerts": [alert]});
    change(&mut body);
    let answer = post(fake.address(), "hook", &body.to_string(), PATIENCE).unwrap();
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
}

#[test]
fn a_webhook_demands_alertmanagers_form() {
    webhook(|_| {}, "200");
    webhook(|body| body["version"] = json!(4), "400");
    webhook(|body| body["status"] = json!("ended"), "400");
    webhook(|body| body["alerts"] = json!([]), "400");
    webhook(|body| body["groupLabels"] = json!(null), "400");
    webhook(|body| body["alerts"][0]["startsAt"] = json!("today"), "400");
    webhook(|body| body["alerts"][0]["fingerprint"] = json!(1), "400");
}
