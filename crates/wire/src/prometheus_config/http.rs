//! How a target is spoken to: credentials, TLS, proxy, headers (prometheus/common `config.HTTPClientConfig`).

use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use super::secret::{Secret, SecretUrl};
use super::{FileReference, Reader, join};
use crate::yaml::{Key, Keys, Node, Position, Value};

/// Client settings of one job.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct HttpClientConfig {
    /// User and password; excludes `authorization`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basic_auth: Option<BasicAuth>,
    /// `Authorization: TYPE CREDENTIALS`; `bearer_token` and `bearer_token_file` are read into it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization: Option<Authorization>,
    /// Certificates.
    #[serde(skip_serializing_if = "TlsConfig::is_default")]
    pub tls_config: TlsConfig,
    /// HTTP proxy for all requests. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_url: Option<SecretUrl>,
    /// Hosts that bypass the proxy, divided by commas.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub no_proxy: String,
    /// Take the proxy from `HTTP_PROXY` and its like. Default: false.
    pub proxy_from_environment: bool,
    /// Follow redirects; credentials stay with the first host. Default: true.
    pub follow_redirects: bool,
    /// Further headers.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "by_name")]
    pub http_headers: Vec<HttpHeader>,
}

/// `basic_auth`. A file is read again at each request, so that a password can be changed without a reload.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct BasicAuth {
    /// The user's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub username: String,
    /// A file that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username_file: Option<PathBuf>,
    /// The password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// A file that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
}

/// `authorization`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Authorization {
    /// The scheme. Default: `Bearer`.
    #[serde(rename = "type")]
    pub scheme: String,
    /// The token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Secret>,
    /// A file that holds it, read again at each request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_file: Option<PathBuf>,
}

/// `tls_config`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TlsConfig {
    /// Certificates to trust, in PEM. Default: those of the web.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// A file that holds them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Our certificate, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert: Option<String>,
    /// A file that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert_file: Option<PathBuf>,
    /// Its private key, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Secret>,
    /// A file that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// The name that the target's certificate must bear. Default: the target's host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// Trust any certificate. Default: false.
    pub insecure_skip_verify: bool,
    /// Oldest version to speak; below 1.2 nothing is spoken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_version: Option<TlsVersion>,
    /// Newest version to speak.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_version: Option<TlsVersion>,
}

/// A TLS version, as Prometheus names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum TlsVersion {
    /// 1.0
    #[serde(rename = "TLS10")]
    Tls10,
    /// 1.1
    #[serde(rename = "TLS11")]
    Tls11,
    /// 1.2
    #[serde(rename = "TLS12")]
    Tls12,
    /// 1.3
    #[serde(rename = "TLS13")]
    Tls13,
}

const TLS_VERSIONS: [(&str, TlsVersion); 4] = [
    ("TLS10", TlsVersion::Tls10),
    ("TLS11", TlsVersion::Tls11),
    ("TLS12", TlsVersion::Tls12),
    ("TLS13", TlsVersion::Tls13),
];

/// One entry of `http_headers`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HttpHeader {
    /// The header's name.
    #[serde(skip)]
    pub name: String,
    /// Values as written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// Values that are not shown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<Secret>,
    /// Files that hold a value each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<PathBuf>,
}

impl TlsConfig {
    fn is_default(&self) -> bool {
        *self == TlsConfig::default()
    }
}

/// Headers that the client itself sets.
const RESERVED_HEADERS: [&str; 11] = [
    "authorization",
    "host",
    "content-encoding",
    "content-length",
    "content-type",
    "user-agent",
    "connection",
    "keep-alive",
    "proxy-authorization",
    "accept-encoding",
    "x-prometheus-scrape-timeout-seconds",
];

impl HttpClientConfig {
    /// Reads the keys that stand inline in a job or below `http_config`.
    pub(crate) fn read(keys: &mut Keys<'_>, reader: &mut Reader<'_>) -> HttpClientConfig {
        let config = HttpClientConfig {
            basic_auth: keys.node("basic_auth").map(|node| read_basic_auth(node, reader)),
            authorization: read_authorization(keys, reader),
            tls_config: keys.node("tls_config").map(|node| read_tls(node, reader)).unwrap_or_default(),
            proxy_url: keys.text("proxy_url", reader.findings).map(SecretUrl::new),
            no_proxy: keys.text("no_proxy", reader.findings).unwrap_or_default(),
            proxy_from_environment: keys.boolean("proxy_from_environment", reader.findings).unwrap_or(false),
            follow_redirects: keys.boolean("follow_redirects", reader.findings).unwrap_or(true),
            http_headers: read_headers(keys, reader),
        };
        if keys.has("oauth2") && (config.basic_auth.is_some() || config.authorization.is_some()) {
            let message = "at most one of `basic_auth`, `oauth2` and `authorization`";
            reader.findings.error(keys.key_at("oauth2"), message, "delete all but one");
        }
        let reason = "requests authenticate with basic_auth or authorization only";
        keys.without_effect(&["oauth2"], reason, reader.findings);
        keys.without_effect(
            &["proxy_connect_header"],
            "no extra headers are sent to a proxy",
            reader.findings,
        );
        if keys.node("enable_http2").is_some() {
            keys.boolean("enable_http2", reader.findings);
        }
        if config.basic_auth.is_some() && config.authorization.is_some() {
            let at = keys.key_at("basic_auth");
            let message =
                "at most one of `basic_auth`, `authorization`, `bearer_token` and `bearer_token_file`";
            reader.findings.error(at, message, "delete all but one");
        }
        if config.proxy_url.is_some() && config.proxy_from_environment {
            let message = "`proxy_url` and `proxy_from_environment` exclude each other";
            reader.findings.error(keys.key_at("proxy_url"), message, "delete one of them");
        }
        config
    }
}

fn read_basic_auth(node: &Node, reader: &mut Reader<'_>) -> BasicAuth {
    let mut keys = Keys::new(node, "basic_auth", reader.findings);
    let auth = BasicAuth {
        username: keys.text("username", reader.findings).unwrap_or_default(),
        username_file: reader.file(&mut keys, "username_file"),
        password: keys.text("password", reader.findings).map(Secret::new),
        password_file: reader.file(&mut keys, "password_file"),
    };
    let reason = "secrets come from the text or a `*_file`";
    keys.without_effect(&["username_ref", "password_ref"], reason, reader.findings);
    exclude(&keys, "username", "username_file", reader);
    exclude(&keys, "password", "password_file", reader);
    keys.finish(reader.findings);
    auth
}

fn read_authorization(keys: &mut Keys<'_>, reader: &mut Reader<'_>) -> Option<Authorization> {
    let token = keys.text("bearer_token", reader.findings).map(Secret::new);
    let token_file = reader.file(keys, "bearer_token_file");
    exclude(keys, "bearer_token", "bearer_token_file", reader);
    let old = (token.is_some() || token_file.is_some()).then(|| Authorization {
        scheme: "Bearer".to_owned(),
        credentials: token,
        credentials_file: token_file,
    });
    let at = keys.key_at("authorization");
    let Some(node) = keys.node("authorization") else { return old };
    if old.is_some() {
        let message = "`authorization` and `bearer_token` exclude each other";
        reader.findings.error(at, message, "delete `bearer_token` and `bearer_token_file`");
    }
    let mut inner = Keys::new(node, "authorization", reader.findings);
    let scheme = inner.text("type", reader.findings).unwrap_or_else(|| "Bearer".to_owned());
    if scheme.eq_ignore_ascii_case("basic") {
        reader.findings.error(inner.key_at("type"), "`type` cannot be `Basic`", "use `basic_auth` instead");
    }
    let authorization = Authorization {
        scheme: scheme.trim().to_owned(),
        credentials: inner.text("credentials", reader.findings).map(Secret::new),
        credentials_file: reader.file(&mut inner, "credentials_file"),
    };
    let reason = "secrets come from the text or a `*_file`";
    inner.without_effect(&["credentials_ref"], reason, reader.findings);
    exclude(&inner, "credentials", "credentials_file", reader);
    inner.finish(reader.findings);
    Some(authorization)
}

pub(crate) fn read_tls(node: &Node, reader: &mut Reader<'_>) -> TlsConfig {
    let mut keys = Keys::new(node, "tls_config", reader.findings);
    let tls = TlsConfig {
        ca: keys.text("ca", reader.findings),
        ca_file: reader.file(&mut keys, "ca_file"),
        cert: keys.text("cert", reader.findings),
        cert_file: reader.file(&mut keys, "cert_file"),
        key: keys.text("key", reader.findings).map(Secret::new),
        key_file: reader.file(&mut keys, "key_file"),
        server_name: keys.text("server_name", reader.findings).filter(|name| !name.is_empty()),
        insecure_skip_verify: keys.boolean("insecure_skip_verify", reader.findings).unwrap_or(false),
        min_version: keys.word("min_version", &TLS_VERSIONS, reader.findings),
        max_version: keys.word("max_version", &TLS_VERSIONS, reader.findings),
    };
    let reason = "secrets come from the text or a `*_file`";
    keys.without_effect(&["ca_ref", "cert_ref", "key_ref"], reason, reader.findings);
    for (one, other) in [("ca", "ca_file"), ("cert", "cert_file"), ("key", "key_file")] {
        exclude(&keys, one, other, reader);
    }
    let has_certificate = tls.cert.is_some() || tls.cert_file.is_some();
    let has_key = tls.key.is_some() || tls.key_file.is_some();
    if has_certificate != has_key {
        let message = "a client certificate needs both `cert` (or `cert_file`) and `key` (or `key_file`)";
        reader.findings.error(keys.at(), message, "add the missing one");
    }
    if tls.max_version.is_some_and(|max| max < TlsVersion::Tls12 || Some(max) < tls.min_version) {
        let message = "`max_version` leaves no version to speak";
        reader.findings.error(keys.key_at("max_version"), message, "TLS12 and TLS13 are spoken");
    }
    keys.finish(reader.findings);
    tls
}

fn read_headers(keys: &mut Keys<'_>, reader: &mut Reader<'_>) -> Vec<HttpHeader> {
    let entries: &[(Key, Node)] = keys.map("http_headers", reader.findings);
    entries.iter().filter_map(|(name, node)| read_header(name, node, reader)).collect()
}

fn read_header(name: &Key, node: &Node, reader: &mut Reader<'_>) -> Option<HttpHeader> {
    if RESERVED_HEADERS.contains(&name.text.to_ascii_lowercase().as_str()) {
        let message = format!("`{}` is set by the client itself", name.text);
        reader.findings.error(name.at, message, "delete it from `http_headers`");
        return None;
    }
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.text.is_empty() || !name.text.bytes().all(is_token) {
        reader.findings.error(name.at, format!("`{}` is no header name", name.text), "");
        return None;
    }
    let mut keys = Keys::new(node, "http_headers", reader.findings);
    let header = HttpHeader {
        name: name.text.clone(),
        values: keys.texts("values", reader.findings).into_iter().map(|(text, _)| text).collect(),
        secrets: keys
            .texts("secrets", reader.findings)
            .into_iter()
            .map(|(text, _)| Secret::new(text))
            .collect(),
        files: keys
            .texts("files", reader.findings)
            .into_iter()
            .map(|(text, at)| reader.refer(&text, "files", at))
            .collect(),
    };
    keys.finish(reader.findings);
    Some(header)
}

fn by_name<S: Serializer>(headers: &[HttpHeader], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(headers.iter().map(|header| (&header.name, header)))
}

pub(crate) fn exclude(keys: &Keys<'_>, one: &str, other: &str, reader: &mut Reader<'_>) {
    if keys.has(one) && keys.has(other) {
        let message = format!("`{one}` and `{other}` exclude each other");
        reader.findings.error(keys.key_at(other), message, "delete one of them");
    }
}

impl Reader<'_> {
    /// A file that must exist, relative to the configuration's folder.
    pub(crate) fn file(&mut self, keys: &mut Keys<'_>, key: &'static str) -> Option<PathBuf> {
        let at = match keys.node(key) {
            Some(Node { at, value: Value::Scalar { .. } }) => *at,
            _ => keys.key_at(key),
        };
        let text = keys.text(key, self.findings).filter(|text| !text.is_empty())?;
        Some(self.refer(&text, key, at))
    }

    pub(crate) fn refer(&mut self, text: &str, key: &'static str, at: Position) -> PathBuf {
        let path = join(self.folder, Path::new(text));
        let subject = self.subject.clone();
        self.files.push(FileReference { path: path.clone(), key, at, subject });
        path
    }
}
