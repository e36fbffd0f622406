//! Which files are to be followed.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::positions::Position;
use crate::config::glob;

/// A file that matches the pattern of this place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) place: usize,
    pub(super) path: PathBuf,
    pub(super) device: u64,
    pub(super) inode: u64,
}

/// Files that match, and those that have been read under a name that matches and have another name now. Those come first:
/// their lines are older.
pub(super) fn files(patterns: &[PathBuf], moved: &[Position]) -> Vec<Found> {
    let found = matching(patterns);
    let mut files = Vec::new();
    let mut folders = HashMap::new();
    for position in moved {
        let is_found = found.iter().any(|found| position.is_of(found.device, found.inode));
        let place = patterns.iter().position(|pattern| glob::matches_path(pattern, &position.path));
        if let Some(place) = place.filter(|_| !is_found)
            && let Some(folder) = position.path.parent()
        {
            let entries = folders.entry(folder).or_insert_with(|| entries(folder));
            let own = entries.iter().find(|(_, metadata)| position.is_of(metadata.dev(), metadata.ino()));
            files.extend(own.and_then(|(path, metadata)| Found::new(place, path.clone(), metadata)));
        }
    }
    files.extend(found);
    files
}

fn matching(patterns: &[PathBuf]) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for (place, pattern) in patterns.iter().enumerate() {
        let paths = glob::paths(pattern).unwrap_or_else(|error| {
            tracing::warn!(pattern = %pattern.display(), %error, "cannot look for files");
            Vec::new()
        });
        let files = paths.into_iter().filter_map(|path| {
            let metadata = path.metadata().ok()?;
            Found::new(place, path, &metadata)
        });
        found.extend(files);
    }
    found
}

impl Found {
    /// Compressed files are old logs that have been read.
    fn new(place: usize, path: PathBuf, metadata: &Metadata) -> Option<Found> {
        const COMPRESSED: [&str; 6] = ["gz", "bz2", "xz", "zst", "zip", "lz4"];
        let extension = path.extension().and_then(|extension| extension.to_str());
        let is_compressed = extension.is_some_and(|extension| COMPRESSED.contains(&extension));
        let (device, inode) = (metadata.dev(), metadata.ino());
        (metadata.is_file() && !is_compressed).then_some(Found { place, path, device, inode })
    }
}

/// What cannot be read holds nothing for us.
fn entries(folder: &Path) -> Vec<(PathBuf, Metadata)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let entry = |entry: fs::DirEntry| Some((entry.path(), entry.metadata().ok()?));
    entries.take(glob::PATHS_MAX).filter_map(Result::ok).filter_map(entry).collect()
}
