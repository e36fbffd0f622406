//! Who may do what: users and their rights, host names, origins, TLS.

pub mod access;
pub(crate) mod hosts;
pub(crate) mod sessions;
mod throttle;
pub(crate) mod tls;

use ring::rand::{SecureRandom, SystemRandom};

/// Bytes in lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// 32 hex digits that were never used before; `None` if the system gives no random numbers.
pub(crate) fn nonce() -> Option<String> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(hex(&bytes))
}
