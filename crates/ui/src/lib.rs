//! Embeds the built `web/`: its pages and files as bytes, compressed when they were built.
//!
//! Contract: [`index`] and [`find`] give what was embedded and never fail. A build without pages (no Node, or a
//! development build that leaves them out; `build/main.rs` decides) has no index and no files, but a [`notice`] that
//! says why, in Chinese and English. Knows no HTTP.

mod content_type;

pub use content_type::content_type;

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// What stands in the index page wherever the nonce of its styles has to stand.
pub const NONCE_PLACE: &str = "__CSP_NONCE__";

/// One file of the pages.
#[derive(Clone, Copy, Debug)]
pub struct Asset {
    /// Below the root of the pages, `/` between its parts, none at its start.
    pub path: &'static str,
    /// For the header of that name.
    pub content_type: &'static str,
    /// Changes with the content; no quotes.
    pub etag: &'static str,
    /// Its name changes with its content, so whoever has it need never ask again.
    pub immutable: bool,
    /// The file.
    pub plain: &'static [u8],
    /// The same, where that is smaller.
    pub gzip: Option<&'static [u8]>,
    /// The same, where that is smaller.
    pub brotli: Option<&'static [u8]>,
}

/// A file by its path; the index page is none of them.
pub fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

/// The page that loads all others, if this build has pages. [`NONCE_PLACE`] stands in it, so it is not compressed.
pub fn index() -> Option<&'static Asset> {
    INDEX.as_ref()
}

/// Whether there are pages.
pub fn is_built() -> bool {
    INDEX.is_some()
}

/// Why there are no pages and how to get them: a piece of HTML in Chinese and English, without scripts and styles.
/// Empty when there are.
pub fn notice() -> &'static str {
    NOTICE
}
