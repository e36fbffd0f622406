//! Is Node there, and new enough for the build tools?

/// What people are told to install.
pub(crate) const MINIMUM: &str = "20.19";

/// Whether the output of `node --version` is a version that Vite 8 runs on: 20.19 and later of 20, 22.12 and later.
pub(crate) fn is_new_enough(version: &str) -> bool {
    let mut parts = version.trim().trim_start_matches('v').split('.').map(|part| part.parse::<u32>().ok());
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(20), Some(minor)) => 19 <= minor,
        (Some(22), Some(minor)) => 12 <= minor,
        (Some(major), Some(_)) => 22 < major,
        _ => false,
    }
}
