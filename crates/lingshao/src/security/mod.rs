//! Who may do what: users and their rights, host names, origins, TLS.

pub mod access;
pub(crate) mod hosts;
mod throttle;
pub(crate) mod tls;
