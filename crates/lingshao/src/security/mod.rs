//! Who may do what: users and their rights, host names, origins, TLS.

pub mod access;
pub(crate) mod hosts;
pub(crate) mod sessions;
mod throttle;
pub(crate) mod tls;
