//! The three secrets and the public keys of a merchant, read once. None of them shows itself in `Debug`.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey};

use super::{der, pem};
use crate::notify::sign::hex;

/// What public keys of WeChat Pay are called; certificates are called by their serial number in hex.
const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_";
/// A public key, and the certificates of two rotations that overlap; more is a mistake in the configuration.
const KEYS_MAX: usize = 8;

/// Why a key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not PEM, more than one has bytes for, or encrypted.
    #[error(
        "this is no PEM block of at most 64 KiB; paste the file from `-----BEGIN` to `-----END`, not encrypted"
    )]
    NotPem,
    /// PEM of something else.
    #[error("this PEM holds a `{0}`; wanted is a {1}")]
    OtherPem(String, &'static str),
    /// Bytes that are not a key or certificate.
    #[error("the key is damaged; download it again")]
    Malformed,
    /// A key of another kind, as SM2.
    #[error("this is no RSA key of at least 2048 bits, with which WeChat Pay signs")]
    NotRsa,
    /// A private key that `ring` refuses.
    #[error("the private key is no RSA key of 2048 to 4096 bits")]
    PrivateKey,
    /// A key for callbacks that has another length.
    #[error(
        "the APIv3 key has {0} bytes and must have 32; it is set on the merchant platform under API security"
    )]
    ApiV3Key(usize),
    /// A name that no public key of WeChat Pay has.
    #[error("`{0}` is not the id of a public key; it begins with PUB_KEY_ID_ and stands beside the download")]
    PublicKeyId(String),
    /// Too many.
    #[error("more than 8 platform keys; keep those that are in force")]
    TooMany,
    /// Twice.
    #[error("the platform key `{0}` is given twice")]
    Twice(String),
    /// A merchant number or serial that cannot stand in a header.
    #[error("`{0}` is not {1}")]
    Name(String, &'static str),
}

/// The merchant's private key, `apiclient_key.pem`.
pub struct MerchantKey(RsaKeyPair);

impl MerchantKey {
    /// PKCS#8 as WeChat Pay gives it out, or PKCS#1.
    pub fn from_pem(text: &str) -> Result<MerchantKey, KeyError> {
        let (label, bytes) = pem::first(text)?;
        let pair = match label {
            "PRIVATE KEY" => RsaKeyPair::from_pkcs8(&bytes),
            "RSA PRIVATE KEY" => RsaKeyPair::from_der(&bytes),
            other => return Err(KeyError::OtherPem(other.to_owned(), "private key that is not encrypted")),
        };
        pair.map(MerchantKey).map_err(|_| KeyError::PrivateKey)
    }

    /// RSA PKCS#1 v1.5 with SHA-256, in base64. The same message has always the same signature.
    pub fn sign(&self, message: &[u8]) -> String {
        let mut signature = vec![0; self.0.public().modulus_len()];
        let signed = self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature);
        signed.expect("a signature is as long as the modulus, and PKCS#1 v1.5 needs no randomness");
        STANDARD.encode(signature)
    }
}

impl fmt::Debug for MerchantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MerchantKey")
    }
}

/// The APIv3 key, with which callbacks are encrypted.
pub struct ApiV3Key(LessSafeKey);

impl ApiV3Key {
    /// 32 bytes, as they were typed on the merchant platform.
    pub fn new(text: &str) -> Result<ApiV3Key, KeyError> {
        let text = text.trim();
        let key = UnboundKey::new(&AES_256_GCM, text.as_bytes());
        key.map(|key| ApiV3Key(LessSafeKey::new(key))).map_err(|_| KeyError::ApiV3Key(text.len()))
    }

    /// AEAD_AES_256_GCM: `ciphertext` in base64, the tag at its end. `None` if anything of it was changed.
    pub fn open(&self, nonce: &str, associated_data: &str, ciphertext: &str) -> Option<Vec<u8>> {
        let nonce: [u8; NONCE_LEN] = nonce.as_bytes().try_into().ok()?;
        let mut bytes = STANDARD.decode(ciphertext).ok()?;
        let aad = Aad::from(associated_data.as_bytes());
        let length = self.0.open_in_place(Nonce::assume_unique_for_key(nonce), aad, &mut bytes).ok()?.len();
        bytes.truncate(length);
        Some(bytes)
    }
}

impl fmt::Debug for ApiV3Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiV3Key")
    }
}

/// The keys by which WeChat Pay's own signature is known. While a merchant moves from certificates to the public key
/// (a week, in growing shares), or from one certificate to the next, messages come signed by the one or the other.
#[derive(Clone, Debug, Default)]
pub struct PlatformKeys(Vec<PlatformKey>);

#[derive(Clone)]
struct PlatformKey {
    serial: String,
    key: UnparsedPublicKey<Vec<u8>>,
}

impl PlatformKeys {
    /// None yet: nothing is believed.
    pub fn new() -> PlatformKeys {
        PlatformKeys::default()
    }

    /// Adds a platform certificate; its serial number is read from it.
    pub fn add_certificate(&mut self, text: &str) -> Result<(), KeyError> {
        let (label, bytes) = pem::first(text)?;
        if label != "CERTIFICATE" {
            return Err(KeyError::OtherPem(label.to_owned(), "platform certificate"));
        }
        let certificate = der::certificate(&bytes)?;
        self.add(&hex(certificate.serial), certificate.key)
    }

    /// Adds the public key `pub_key.pem` with the id that the merchant platform shows beside it.
    pub fn add_public_key(&mut self, id: &str, text: &str) -> Result<(), KeyError> {
        let digits = id.strip_prefix(PUBLIC_KEY_ID).unwrap_or_default();
        if digits.is_empty() || 64 < digits.len() || !digits.bytes().all(|byte| byte.is_ascii_alphanumeric())
        {
            return Err(KeyError::PublicKeyId(id.to_owned()));
        }
        let (label, bytes) = pem::first(text)?;
        if label != "PUBLIC KEY" {
            return Err(KeyError::OtherPem(label.to_owned(), "public key"));
        }
        self.add(id, der::rsa_key(&bytes)?)
    }

    /// What they are called.
    pub fn serials(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|own| own.serial.as_str())
    }

    /// The public key's id, by which answers shall be signed; without one they are signed by the certificate in force.
    pub(super) fn wanted(&self) -> Option<&str> {
        self.serials().find(|serial| serial.starts_with(PUBLIC_KEY_ID))
    }

    /// Whether it has a key of this name, and the signature is by it.
    pub(super) fn verify(&self, serial: &str, message: &[u8], signature: &[u8]) -> Option<bool> {
        let serial = canonical(serial);
        let own = self.0.iter().find(|own| own.serial == serial)?;
        Some(own.key.verify(message, signature).is_ok())
    }

    fn add(&mut self, serial: &str, key: &[u8]) -> Result<(), KeyError> {
        let serial = canonical(serial);
        if self.0.iter().any(|own| own.serial == serial) {
            return Err(KeyError::Twice(serial));
        }
        if KEYS_MAX <= self.0.len() {
            return Err(KeyError::TooMany);
        }
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.to_vec());
        self.0.push(PlatformKey { serial, key });
        Ok(())
    }
}

impl fmt::Debug for PlatformKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.serial)
    }
}

/// A serial number is a number: neither case nor zeros in front make another one.
fn canonical(serial: &str) -> String {
    if serial.starts_with(PUBLIC_KEY_ID) {
        return serial.to_owned();
    }
    serial.trim_start_matches('0').to_ascii_uppercase()
}
