//! What all requests of a job share: the connection pool with its certificates, and the credentials.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lingshao_wire::prometheus_config::{HttpClientConfig, ScrapeConfig, TlsConfig, TlsVersion};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, NoProxy, Proxy};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, version};

use super::fetch;

/// A job with its client.
#[derive(Clone, Debug)]
pub struct Job {
    /// As configured.
    pub config: ScrapeConfig,
    /// Connections of this job.
    pub client: Client,
}

/// Why a job has no client.
#[derive(Debug, thiserror::Error)]
#[error("job `{job}`: {reason}")]
pub struct SettingsError {
    job: String,
    reason: String,
}

/// A secret that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// Its file cannot be read.
    #[error("cannot read `{path}`: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It holds what no header can.
    #[error("the credentials hold a character that no HTTP header can")]
    Header,
}

/// Largest file with a secret.
const SECRET_BYTES_MAX: u64 = 64 << 10;
/// A connection that no scrape has used for this long is closed; intervals are mostly shorter.
const IDLE_TIMEOUT: Duration = Duration::from_secs(120);

impl Job {
    /// Builds the client; reads the certificates that the job names.
    pub fn new(config: &ScrapeConfig) -> Result<Job, SettingsError> {
        match http_client(&config.http) {
            Ok(client) => Ok(Job { config: config.clone(), client }),
            Err(reason) => Err(SettingsError { job: config.job_name.clone(), reason }),
        }
    }

    /// Headers with secrets, files read now.
    pub(super) async fn credentials(&self) -> Result<HeaderMap, CredentialsError> {
        credentials(&self.config.http).await
    }
}

/// Headers with secrets, files read now.
pub(crate) async fn credentials(http: &HttpClientConfig) -> Result<HeaderMap, CredentialsError> {
    if !reads_files(http) {
        return headers(http);
    }
    let http = http.clone();
    let read = tokio::task::spawn_blocking(move || headers(&http)).await;
    read.unwrap_or_else(|error| {
        Err(CredentialsError::File { path: PathBuf::new(), source: io::Error::other(error) })
    })
}

fn reads_files(http: &HttpClientConfig) -> bool {
    http.basic_auth.as_ref().is_some_and(|auth| auth.username_file.is_some() || auth.password_file.is_some())
        || http.authorization.as_ref().is_some_and(|auth| auth.credentials_file.is_some())
        || http.http_headers.iter().any(|header| !header.files.is_empty())
}

fn headers(http: &HttpClientConfig) -> Result<HeaderMap, CredentialsError> {
    let mut headers = HeaderMap::new();
    if let Some(auth) = &http.basic_auth {
        let user = match &auth.username_file {
            Some(path) => secret(path)?,
            None => auth.username.clone(),
        };
        let password = match (&auth.password_file, &auth.password) {
            (Some(path), _) => secret(path)?,
            (None, Some(password)) => password.reveal().to_owned(),
            (None, None) => String::new(),
        };
        put_authorization(&mut headers, &format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))?;
    }
    if let Some(auth) = &http.authorization {
        let token = match (&auth.credentials_file, &auth.credentials) {
            (Some(path), _) => secret(path)?,
            (None, Some(token)) => token.reveal().to_owned(),
            (None, None) => String::new(),
        };
        put_authorization(&mut headers, &format!("{} {token}", auth.scheme))?;
    }
    for header in &http.http_headers {
        let name = HeaderName::try_from(&header.name).map_err(|_| CredentialsError::Header)?;
        let files = header.files.iter().map(|path| secret(path)).collect::<Result<Vec<_>, _>>()?;
        let secrets = header.secrets.iter().map(|secret| secret.reveal().to_owned());
        for value in header.values.iter().cloned().chain(secrets).chain(files) {
            let mut value = HeaderValue::from_str(&value).map_err(|_| CredentialsError::Header)?;
            value.set_sensitive(true);
            headers.append(&name, value);
        }
    }
    Ok(headers)
}

fn put_authorization(headers: &mut HeaderMap, value: &str) -> Result<(), CredentialsError> {
    let (name, value) = fetch::authorization(value).ok_or(CredentialsError::Header)?;
    headers.insert(name, value);
    Ok(())
}

/// A secret's file without the white space around it.
pub(crate) fn secret(path: &Path) -> Result<String, CredentialsError> {
    let fail = |source| CredentialsError::File { path: path.to_owned(), source };
    let mut text = String::new();
    File::open(path).and_then(|file| file.take(SECRET_BYTES_MAX).read_to_string(&mut text)).map_err(fail)?;
    Ok(text.trim().to_owned())
}

/// A client that follows no redirect by itself; reads the certificates that the config names.
pub(crate) fn http_client(http: &HttpClientConfig) -> Result<Client, String> {
    let mut builder = Client::builder()
        .redirect(reqwest::redirect::Policy::none()) // Followed by hand: see `fetch`.
        .http1_only()
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(1)
        .tls_backend_preconfigured(tls(&http.tls_config)?);
    if let Some(url) = &http.proxy_url {
        let proxy = Proxy::all(url.reveal()).map_err(|_| format!("`proxy_url` {url} is no proxy's URL"))?;
        builder = builder.proxy(proxy.no_proxy(NoProxy::from_string(&http.no_proxy)));
    } else if !http.proxy_from_environment {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| format!("cannot build its HTTP client: {error}"))
}

/// TLS as the system trusts; without any certificates it trusts nobody, and is made all the same.
pub(crate) fn system_tls() -> Result<ClientConfig, String> {
    tls(&TlsConfig::default())
}

fn tls(tls: &TlsConfig) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let newest = tls.max_version.unwrap_or(TlsVersion::Tls13);
    let oldest = tls.min_version.unwrap_or(TlsVersion::Tls12);
    let spoken: Vec<_> = [(TlsVersion::Tls13, &version::TLS13), (TlsVersion::Tls12, &version::TLS12)]
        .into_iter()
        .filter(|(one, _)| (oldest..=newest).contains(one))
        .map(|(_, version)| version)
        .collect();
    let verifier = verifier(tls, &provider)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&spoken)
        .map_err(|error| format!("`tls_config`: {error}"))?
        .dangerous() // Not more than the verifier: see `verifier`.
        .with_custom_certificate_verifier(verifier);
    match certificate(tls)? {
        None => Ok(builder.with_no_client_auth()),
        Some((chain, key)) => builder
            .with_client_auth_cert(chain, key)
            .map_err(|error| format!("`cert_file` and `key_file` cannot be used: {error}")),
    }
}

fn verifier(tls: &TlsConfig, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, String> {
    if tls.insecure_skip_verify {
        return Ok(Arc::new(WithoutRoots { provider: provider.clone(), trusts: true }));
    }
    let inner: Arc<dyn ServerCertVerifier> = match pem(tls.ca.as_deref(), tls.ca_file.as_deref(), "ca_file")?
    {
        Some(pem) => {
            let roots = roots(&pem)?;
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .build()
                .map_err(|error| format!("`ca_file` cannot be used: {error}"))?
        }
        None => system_verifier(provider),
    };
    let Some(name) = &tls.server_name else { return Ok(inner) };
    let name =
        ServerName::try_from(name.clone()).map_err(|_| format!("`server_name` {name:?} is no name"))?;
    Ok(Arc::new(UnderName { name, inner }))
}

/// Trusts what the system trusts; where the system has no certificates at all, nothing, so that plain HTTP works.
fn system_verifier(provider: &Arc<CryptoProvider>) -> Arc<dyn ServerCertVerifier> {
    match rustls_platform_verifier::Verifier::new(provider.clone()) {
        Ok(verifier) => Arc::new(verifier),
        Err(error) => {
            tracing::warn!(%error, "no system certificates; https targets need `tls_config.ca_file`");
            Arc::new(WithoutRoots { provider: provider.clone(), trusts: false })
        }
    }
}

fn roots(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| format!("`ca_file` is no PEM file: {error}"))?;
        roots.add(certificate).map_err(|error| format!("`ca_file` holds a bad certificate: {error}"))?;
    }
    if roots.is_empty() {
        return Err("`ca_file` holds no certificate".to_owned());
    }
    Ok(roots)
}

type Certificate = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn certificate(tls: &TlsConfig) -> Result<Option<Certificate>, String> {
    let chain = pem(tls.cert.as_deref(), tls.cert_file.as_deref(), "cert_file")?;
    let key = pem(tls.key.as_ref().map(|key| key.reveal()), tls.key_file.as_deref(), "key_file")?;
    let (Some(chain), Some(key)) = (chain, key) else { return Ok(None) };
    let chain = CertificateDer::pem_slice_iter(&chain)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("`cert_file` is no PEM file: {error}"))?;
    let key =
        PrivateKeyDer::from_pem_slice(&key).map_err(|error| format!("`key_file` holds no key: {error}"))?;
    Ok(Some((chain, key)))
}

/// The bytes of a PEM text that stands in the config or in a file.
pub(crate) fn pem(inline: Option<&str>, file: Option<&Path>, key: &str) -> Result<Option<Vec<u8>>, String> {
    match (inline, file) {
        (Some(text), _) => Ok(Some(text.as_bytes().to_vec())),
        (None, Some(path)) => {
            let read = crate::config::read_text(path);
            let text = read.map_err(|error| format!("`{key}`: cannot read `{}`: {error}", path.display()))?;
            Ok(Some(text.into_bytes()))
        }
        (None, None) => Ok(None),
    }
}

/// `server_name`: the certificate must bear this name, whatever the target's address is. The name that is sent in
/// the handshake stays the address' own.
#[derive(Debug)]
struct UnderName {
    name: ServerName<'static>,
    inner: Arc<dyn ServerCertVerifier>,
}

impl ServerCertVerifier for UnderName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.inner.verify_server_cert(end_entity, intermediates, &self.name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Checks that the target holds the key of the certificate that it shows; whose that is, is not asked.
#[derive(Debug)]
struct WithoutRoots {
    provider: Arc<CryptoProvider>,
    /// `insecure_skip_verify`: any certificate will do; otherwise none.
    trusts: bool,
}

impl ServerCertVerifier for WithoutRoots {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.trusts {
            return Ok(ServerCertVerified::assertion());
        }
        Err(rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
