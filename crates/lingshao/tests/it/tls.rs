//! HTTPS on the web listener. The certificates beside this file are for `localhost`, valid until 2126, and worthless.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::harness::{PATIENCE, Server, folder, run, text};

/// What the server answers on a TLS connection that trusts only our test authority.
fn ask(address: &str, request: &str) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(include_bytes!("tls/ca.pem")).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connection = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut stream = StreamOwned::new(connection, socket);
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn with_a_certificate_only_tls_is_spoken() {
    let folder = folder();
    for (name, content) in [
        ("leaf.pem", &include_bytes!("tls/leaf.pem")[..]),
        ("leaf.key", include_bytes!("tls/leaf.key")),
        ("tls.yml", b"web: {tls: {cert_file: leaf.pem, key_file: leaf.key}}\n"),
    ] {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    let server = Server::start_with(&folder, &["--config", &text(folder.path().join("tls.yml"))]);
    let request =
        "GET /api/v1/query?query=1%2B1&time=4 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let answer = ask(&server.address, request).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.ends_with(r#"{"resultType":"scalar","result":[4,"2"]}}"#), "{answer}");

    assert!(server.try_request("GET", "/-/healthy", &[], b"").is_err(), "plain HTTP is not answered");
    let output = run(&["health", "--url", &format!("https://{}", server.address)]);
    assert_eq!(output.status.code(), Some(3), "an unknown authority is not trusted: {output:?}");

    std::fs::write(folder.path().join("leaf.key"), "no key").unwrap();
    server.signal("-HUP");
    crate::harness::eventually("the refusal is logged", || {
        server.log().contains("cannot read a private key")
    });
    assert!(ask(&server.address, request).is_ok(), "the old certificate stays");
}
