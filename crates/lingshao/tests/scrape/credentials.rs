//! Secrets and certificates on real sockets.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::support::{Site, Watch, answer, ok, wait_until};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

/// Authorities, certificates and keys made for this test, valid for a hundred years.
const CERTIFICATES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/testdata/tls");

fn config(address: &str, more: &str) -> String {
    format!(
        "global: {{scrape_interval: 300ms}}\nscrape_configs:\n- job_name: shop\n  static_configs: [{{targets: ['{address}']}}]\n{more}"
    )
}

/// Scrapes with the job's settings and gives the `Authorization` header that arrived.
fn sent(folder: tempfile::TempDir, more: &str) -> Option<String> {
    let seen = Arc::new(Mutex::new(None));
    let slot = seen.clone();
    let site = Site::page(move |request| {
        *slot.lock().unwrap() = Some(request.headers.get("authorization").cloned());
        "m 1\n".to_owned()
    });
    let watch = Watch::start(folder, &config(&site.address.to_string(), more));
    assert_eq!(watch.scraped("shop").last.error, "");
    seen.lock().unwrap().clone().unwrap()
}

#[test]
fn credentials_come_from_the_text_or_a_file() {
    let folder = || {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("secret"), "geheim\n").unwrap();
        folder
    };
    assert_eq!(sent(folder(), ""), None);
    // base64 of `ops:geheim`
    let basic = Some("Basic b3BzOmdlaGVpbQ==".to_owned());
    assert_eq!(sent(folder(), "  basic_auth: {username: ops, password: geheim}\n"), basic);
    assert_eq!(sent(folder(), "  basic_auth: {username: ops, password_file: secret}\n"), basic);
    assert_eq!(sent(folder(), "  authorization: {credentials: geheim}\n"), Some("Bearer geheim".to_owned()));
    assert_eq!(
        sent(folder(), "  authorization: {type: Token, credentials_file: secret}\n"),
        Some("Token geheim".to_owned())
    );
    assert_eq!(sent(folder(), "  bearer_token_file: secret\n"), Some("Bearer geheim".to_owned()));
}

#[test]
fn a_changed_secret_file_counts_without_a_reload() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    fs::write(&file, "old").unwrap();
    let site =
        Site::start(|request, stream| match request.headers.get("authorization").map(String::as_str) {
            Some("Bearer new") => ok(stream, b"m 1\n"),
            _ => answer(stream, "401 Unauthorized", "", b""),
        });
    let watch = Watch::start(
        folder,
        &config(&site.address.to_string(), "  authorization: {credentials_file: secret}\n"),
    );
    assert_eq!(watch.scraped("shop").last.error, "server returned HTTP status 401 Unauthorized");
    fs::write(&file, "new").unwrap();
    wait_until("the new secret", || !watch.series("m").is_empty());
}

#[test]
fn credentials_do_not_follow_a_redirect_to_another_host() {
    let seen = Arc::new(Mutex::new(None));
    let slot = seen.clone();
    let other = Site::page(move |request| {
        *slot.lock().unwrap() = Some(request.clone());
        "m 1\n".to_owned()
    });
    let location = format!("Location: http://{}/elsewhere\r\n", other.address);
    let site = Site::start(move |request, stream| {
        assert_eq!(request.headers["authorization"], "Bearer t");
        answer(stream, "307 Temporary Redirect", &location, b"");
    });
    let more = "  authorization: {credentials: t}\n  http_headers: {X-Key: {secrets: [k]}}\n";
    let watch = Watch::start(tempfile::tempdir().unwrap(), &config(&site.address.to_string(), more));
    wait_until("the page", || !watch.series("m").is_empty());
    let request = seen.lock().unwrap().clone().unwrap();
    assert_eq!(request.path, "/elsewhere");
    assert!(
        !request.headers.contains_key("authorization") && !request.headers.contains_key("x-key"),
        "{request:?}"
    );
}

fn read(name: &str) -> Vec<u8> {
    fs::read(Path::new(CERTIFICATES).join(name)).unwrap()
}

/// A target over TLS whose certificate is for `shop.test`; with `clients`, it wants theirs too.
fn tls_site(clients: bool) -> String {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let builder = if clients {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&read("ca.pem")).unwrap()).unwrap();
        let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        builder.with_client_cert_verifier(verifier.build().unwrap())
    } else {
        builder.with_no_client_auth()
    };
    let chain = vec![CertificateDer::from_pem_slice(&read("server.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(&read("server.key")).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(builder.with_single_cert(chain, key).unwrap()));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // A handshake that fails is the scraper's to report.
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut request = [0; 4096];
                if stream.read(&mut request).await.is_ok() {
                    let answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\nConnection: close\r\n\r\nm 1\n";
                    drop(stream.write_all(answer).await);
                    drop(stream.shutdown().await);
                }
            }
        });
    });
    address
}

/// The error of a scrape with these settings; empty when it succeeds.
fn tls_error(clients: bool, tls: &str) -> String {
    let more = format!("  scheme: https\n  tls_config: {}\n", tls.replace("DIR", CERTIFICATES));
    let watch = Watch::start(tempfile::tempdir().unwrap(), &config(&tls_site(clients), &more));
    watch.scraped("shop").last.error
}

#[test]
fn certificates_are_checked_as_the_job_says() {
    let error = tls_error(false, "{}");
    assert!(error.contains("certificate"), "unknown authority: {error}");
    let error = tls_error(false, "{ca_file: DIR/ca.pem}");
    assert!(error.contains("not valid for name"), "wrong name: {error}");
    assert_eq!(tls_error(false, "{ca_file: DIR/ca.pem, server_name: shop.test}"), "");
    assert_eq!(tls_error(false, "{insecure_skip_verify: true}"), "");
    let error = tls_error(false, "{ca_file: DIR/client.pem, server_name: shop.test}");
    assert!(error.contains("certificate"), "another authority: {error}");
}

#[test]
fn a_target_may_want_our_certificate() {
    let error = tls_error(true, "{ca_file: DIR/ca.pem, server_name: shop.test}");
    assert!(!error.is_empty(), "no certificate was sent");
    let ours =
        "{ca_file: DIR/ca.pem, server_name: shop.test, cert_file: DIR/client.pem, key_file: DIR/client.key}";
    assert_eq!(tls_error(true, ours), "");
    let old = "{ca_file: DIR/ca.pem, server_name: shop.test, cert_file: DIR/client.pem, key_file: DIR/client.key, max_version: TLS12}";
    assert_eq!(tls_error(true, old), "");
}

#[test]
fn certificates_that_cannot_be_used_fail_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("empty.pem"), "").unwrap();
    let text = config("127.0.0.1:1", "  scheme: https\n  tls_config: {ca_file: empty.pem}\n");
    let loaded = lingshao::config::parse(&text, &folder.path().join("lingshao.yml")).unwrap();
    let error = lingshao::scrape::Settings::new(&loaded.config).unwrap_err();
    assert_eq!(error.to_string(), "job `shop`: `ca_file` holds no certificate");
}
