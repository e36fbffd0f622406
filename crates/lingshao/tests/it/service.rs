//! What an init system starts and hears: `deploy/lingshao.service`, and systemd's protocol on a socket of ours.

use std::os::unix::net::UnixDatagram;

use crate::harness::{PATIENCE, Server, command, folder, text};

/// What was told next, a line each; words that are repeated by a clock are left out.
#[track_caller]
fn heard(socket: &UnixDatagram, but: &str) -> Vec<String> {
    loop {
        let mut bytes = [0; 512];
        let length = socket.recv(&mut bytes).expect("something is told in time");
        let told = String::from_utf8_lossy(&bytes[..length]).into_owned();
        let lines: Vec<String> = told.lines().map(str::to_owned).collect();
        if !lines.iter().any(|line| line == but) {
            return lines;
        }
    }
}

#[test]
fn an_init_system_hears_what_we_do() {
    let folder = folder();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let config = text(folder.path().join("quiet.yml"));
    let environment = [("NOTIFY_SOCKET", &*text(&path)), ("WATCHDOG_USEC", "100000")];
    let server =
        Server::try_start_in(&environment, &folder.path().join("data"), &["--config", &config]).unwrap();
    assert_eq!(heard(&socket, "WATCHDOG=1"), ["READY=1"]);
    for _ in 0..3 {
        assert_eq!(heard(&socket, ""), ["WATCHDOG=1"], "a pulse, while nothing happens");
    }
    server.signal("-HUP");
    let told = heard(&socket, "WATCHDOG=1");
    assert_eq!(told[0], "RELOADING=1");
    assert!(told[1].starts_with("MONOTONIC_USEC="), "{told:?}");
    assert_eq!(heard(&socket, "WATCHDOG=1"), ["READY=1"]);
    server.signal("-TERM");
    assert_eq!(heard(&socket, "WATCHDOG=1"), ["STOPPING=1"]);
    assert!(server.wait().0.success());
}

/// Whoever runs us in a shell is told nothing, and a socket that is not there stops nobody.
#[test]
fn a_socket_that_is_not_there_stops_nobody() {
    let folder = folder();
    let config = text(folder.path().join("quiet.yml"));
    let environment = [("NOTIFY_SOCKET", "/nowhere/notify")];
    let server =
        Server::try_start_in(&environment, &folder.path().join("data"), &["--config", &config]).unwrap();
    assert_eq!(server.get("/-/healthy").status, 200);
    server.signal("-TERM");
    assert!(server.wait().0.success());
}

/// A container's image often has no certificates at all; asking a server without TLS needs none.
#[test]
fn health_needs_no_certificates() {
    let folder = folder();
    let server = Server::start(&folder);
    let none = text(folder.path().join("none"));
    let health = |url: &str| {
        command()
            .args(["health", "--url", url])
            .env("SSL_CERT_FILE", &none)
            .env("SSL_CERT_DIR", &none)
            .output()
            .unwrap()
    };
    let output = health(&server.url());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "healthy\n", "{output:?}");
    let output = health(&server.url().replace("http:", "https:"));
    assert_eq!(output.status.code(), Some(3), "and nobody is trusted without: {output:?}");
}
