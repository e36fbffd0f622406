//! Clients that take their time, and too many of them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::harness::{PATIENCE, Server, batch, eventually, folder, now_millis};

fn connect(server: &Server, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    stream
}

/// What comes until the server hangs up, and when it does.
fn until_closed(mut stream: TcpStream) -> (String, Duration) {
    let started = Instant::now();
    let mut answer = Vec::new();
    // A reset is a way of hanging up, too.
    drop(stream.read_to_end(&mut answer));
    (String::from_utf8_lossy(&answer).into_owned(), started.elapsed())
}

#[test]
fn who_sends_no_head_no_body_or_nothing_more_is_hung_up_on() {
    let folder = folder();
    let server = Server::start(&folder);
    let half_head = connect(&server, "GET /-/healthy HTTP/1.1\r\nHost: lo");
    let half_body = connect(
        &server,
        "POST /api/v1/query HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\nquery",
    );
    let idle = connect(&server, "GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let answers = [half_head, half_body, idle].map(|stream| std::thread::spawn(|| until_closed(stream)));
    let [half_head, half_body, idle] = answers.map(|thread| thread.join().unwrap());
    for (_, after) in [&half_head, &half_body, &idle] {
        assert!(*after < Duration::from_secs(25), "{after:?}");
    }
    assert!(half_body.0.starts_with("HTTP/1.1 408 "), "{}", half_body.0);
    assert!(idle.0.starts_with("HTTP/1.1 200 "), "{}", idle.0);
    eventually("all are gone", || server.figure("lingshao_http_connections") == 1.0);
}

#[test]
fn bodies_beyond_the_memory_for_them_are_told_to_come_again() {
    const BODY: usize = 16 << 20;
    let folder = folder();
    let server = Server::start(&folder);
    let head = format!("POST /api/v1/write HTTP/1.1\r\nHost: localhost\r\nContent-Length: {BODY}\r\n\r\n");
    let mut held: Vec<TcpStream> = (0..4).map(|_| connect(&server, &head)).collect();
    for stream in &mut held {
        stream.write_all(&vec![0; BODY - 1]).unwrap();
    }
    eventually("they are all in the server's memory", || server.memory("VmRSS") > 64 << 20);
    std::thread::sleep(Duration::from_millis(300));
    let before = Instant::now();
    let one = batch(&[(&[("__name__", "patient")], &[(now_millis(), 1.0)])]);
    let answer = server.write(&one);
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert_eq!(answer.header("Retry-After"), Some("1"));
    assert_eq!(answer.body, "too many bytes are being received; try again\n");
    assert!(before.elapsed() < Duration::from_secs(9));
    assert_eq!(server.figure("lingshao_remote_write_overloads_total"), 1.0);
    drop(held);
    eventually("there is room again", || server.write(&one).status == 204);
    assert!(server.memory("VmHWM") < 300 << 20);
}

#[test]
fn forms_beyond_the_memory_for_them_are_told_to_come_again() {
    const FORM: usize = 1 << 20;
    let folder = folder();
    let server = Server::start(&folder);
    let head = format!(
        "POST /api/v1/query HTTP/1.1\r\nHost: localhost\r\nContent-Length: {FORM}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    );
    let mut held: Vec<TcpStream> = (0..64).map(|_| connect(&server, &head)).collect();
    for stream in &mut held {
        stream.write_all(&vec![b'a'; FORM - 1]).unwrap();
    }
    eventually("they are all in the server's memory", || server.memory("VmRSS") > 64 << 20);
    std::thread::sleep(Duration::from_millis(300));
    let answer = server.post_form("/api/v1/query", "query=1");
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(answer.body.contains("too many forms are being received; try again"), "{}", answer.body);
    drop(held);
    eventually("there is room again", || server.post_form("/api/v1/query", "query=1").status == 200);
    assert!(server.memory("VmHWM") < 200 << 20, "{} MiB", server.memory("VmHWM") >> 20);
}
