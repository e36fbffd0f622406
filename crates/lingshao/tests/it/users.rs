//! A server with users.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lingshao::config::Role;

use crate::harness::{Server, command, folder, text};

pub(crate) const ROLES: [(Role, &str); 4] = [
    (Role::Viewer, "viewer"),
    (Role::Editor, "editor"),
    (Role::Admin, "admin"),
    (Role::Operator, "operator"),
];

/// What `lingshao passwd` prints for a password.
pub(crate) fn hash(password: &str) -> String {
    use std::io::Write;
    use std::process::Stdio;
    let mut child = command().arg("passwd").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{password}").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A server with one user per role, whose password is `ROLE-password`.
pub(crate) fn guarded() -> (tempfile::TempDir, Server) {
    let folder = folder();
    let users: String = ROLES
        .iter()
        .map(|(_, name)| {
            let hash = hash(&format!("{name}-password"));
            format!("    - {{name: {name}, password_hash: '{hash}', role: {name}}}\n")
        })
        .collect();
    let config = folder.path().join("guarded.yml");
    let listeners = "listeners: {elasticsearch: '127.0.0.1:0'}\n";
    std::fs::write(&config, format!("{listeners}web:\n  hosts: [monitor.example]\n  users:\n{users}"))
        .unwrap();
    let server = Server::start_with(&folder, &["--config", &text(&config)]);
    (folder, server)
}

pub(crate) fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}
