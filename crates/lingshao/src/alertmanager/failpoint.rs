//! Points at which a test ends the process as a power cut would: `LINGSHAO_KILL_AT=NAME[:N]` kills it when it passes
//! the point of that name for the N-th time. Compiled only together with debug assertions.
//!
//! In the owner: `before-commit`, `in-commit`, `after-commit`, `after-enqueue`, `before-result-commit`,
//! `after-result-commit`, `before-post-answer`. In the senders: `before-send`, `after-send`. Of boards:
//! `in-board-commit`, `after-board-commit`.

/// Ends the process here if that is what the environment asks for.
#[cfg(debug_assertions)]
pub(crate) fn pass(name: &str) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static WANTED: LazyLock<Option<(String, u64)>> = LazyLock::new(|| {
        let text = std::env::var("LINGSHAO_KILL_AT").ok()?;
        let (name, nth) = text.split_once(':').unwrap_or((&text, "1"));
        Some((name.to_owned(), nth.parse().ok()?))
    });
    static PASSED: AtomicU64 = AtomicU64::new(0);

    if let Some((wanted, nth)) = &*WANTED
        && wanted == name
        && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == *nth
    {
        let own = rustix::process::getpid();
        if rustix::process::kill_process(own, rustix::process::Signal::KILL).is_err() {
            std::process::abort();
        }
    }
}

/// Stops a transaction as a disk would that does not answer, while the file is there that `LINGSHAO_HANG_FILE` names.
#[cfg(debug_assertions)]
pub(crate) async fn hang() {
    use std::path::PathBuf;
    use std::sync::LazyLock;
    use std::time::Duration;

    static FILE: LazyLock<Option<PathBuf>> =
        LazyLock::new(|| std::env::var_os("LINGSHAO_HANG_FILE").map(PathBuf::from));
    while FILE.as_ref().is_some_and(|file| file.exists()) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Nothing: this build is for use.
#[cfg(not(debug_assertions))]
#[inline]
pub(crate) async fn hang() {}

/// Nothing: this build is for use.
#[cfg(not(debug_assertions))]
#[inline]
pub(crate) fn pass(_name: &str) {}
