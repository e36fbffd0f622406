//! Which files of a data folder belong into a backup, and in which order they are opened.

use std::path::{Path, PathBuf};

use lingshao_disk::{DataDir, DataDirError, RealDisk};

use crate::failure::Failure;

/// Beside the storages: the format, the key of masked values, how far followed files have been read.
const FILES: [&str; 3] = ["FORMAT", "mask.key", "log-files.json"];
/// One for each engine.
const STORAGES: [&str; 2] = ["metrics", "logs"];
/// What is left out without a word: locks, damaged files that were set aside, and what is copied otherwise.
const SILENT: [&str; 6] = ["LOCK", "quarantine", "state.db", "state.db-wal", "state.db-shm", "lost+found"];

/// Whether it is a data folder that this release can read.
pub(super) fn check(data: &Path) -> Result<(), Failure> {
    DataDir::look(&RealDisk::new(), data).map_err(|error| match error {
        DataDirError::Permission { path, source, .. } | DataDirError::Io { path, source, .. } => {
            let error = anyhow::Error::new(source).context(format!("cannot read `{}`", path.display()));
            Failure::environment(error).remedy(super::WHO)
        }
        error => {
            Failure::input(error).remedy("name the data folder with --data, or its config with --config")
        }
    })
}

/// When a file is opened; `None`: it is left out.
///
/// How far followed files were read comes first: of what was read later there is no trace then, and it is read again. A
/// log comes before blocks and parts, which take over its content.
pub(super) fn turn(path: &Path, is_dir: bool) -> Option<u8> {
    let name = path.file_name()?.to_str()?;
    if name.ends_with(".tmp") || name == "quarantine" {
        return None;
    }
    let top = path.iter().next()?.to_str()?;
    match path.components().count() {
        1 if is_dir => STORAGES.contains(&name).then_some(0),
        1 => FILES.contains(&name).then_some(0),
        _ if !STORAGES.contains(&top) => None,
        _ if name.ends_with(".wal") => Some(1),
        _ => Some(2),
    }
}

/// What a member of a backup holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// A segment of a log.
    Log,
    Block,
    Part,
    /// A sealed file of one footer.
    Sealed,
    /// A format of somebody else, which is looked at as a whole.
    Kept,
    /// No checksums.
    Plain,
}

/// By its name.
pub(super) fn content(path: &Path) -> Content {
    let in_storage = STORAGES.iter().any(|storage| path.starts_with(storage));
    match path.extension().and_then(|ending| ending.to_str()) {
        _ if [super::FORMAT, super::STATE].iter().any(|name| path == Path::new(name)) => Content::Kept,
        Some("wal") if in_storage => Content::Log,
        Some("block") if in_storage => Content::Block,
        Some("part") if in_storage => Content::Part,
        None if in_storage => Content::Sealed,
        _ => Content::Plain,
    }
}

/// A word about what is not ours.
pub(super) fn strangers(left_out: &[PathBuf]) -> Option<String> {
    let is_strange = |path: &&PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        path.components().count() == 1
            && !SILENT.contains(&&*name)
            && !name.ends_with(".tmp")
            && !name.starts_with('.')
    };
    let names: Vec<String> =
        left_out.iter().filter(is_strange).map(|path| format!("`{}`", path.display())).collect();
    (!names.is_empty()).then(|| format!("left out, as Lingshao did not put it there: {}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, is_dir: bool, expected: Option<u8>) {
        assert_eq!(turn(Path::new(path), is_dir), expected, "{path}");
    }

    #[test]
    fn logs_come_before_what_they_become() {
        check("log-files.json", false, Some(0));
        check("metrics", true, Some(0));
        check("metrics/wal/0000000001.wal", false, Some(1));
        check("metrics/blocks/1-4.block", false, Some(2));
        check("metrics/blocks/importing", false, Some(2));
        check("logs/indices", false, Some(2));
        check("logs/days/2026-11-26", true, Some(2));
    }

    #[test]
    fn every_file_of_a_storage_is_known_by_its_name() {
        for (path, expected) in [
            ("FORMAT", Content::Kept),
            ("state.db", Content::Kept),
            ("mask.key", Content::Plain),
            ("log-files.json", Content::Plain),
            ("metrics/wal/0000000001.wal", Content::Log),
            ("metrics/blocks/0000000001-0000000004.block", Content::Block),
            ("metrics/blocks/importing", Content::Sealed),
            ("logs/indices", Content::Sealed),
            ("logs/days/2026-11-26/0000000001-0000000001.part", Content::Part),
        ] {
            assert_eq!(content(Path::new(path)), expected, "{path}");
        }
    }

    #[test]
    fn unfinished_damaged_and_foreign_files_stay_behind() {
        for path in ["LOCK", "FORMAT.tmp", "state.db", "lingshao.yml", "metrics/blocks/5.block.tmp"] {
            check(path, false, None);
        }
        for path in ["quarantine", "logs/quarantine", "boards"] {
            check(path, true, None);
        }
        let left_out = ["LOCK", "boards", "lingshao.yml", "state.db-wal"].map(PathBuf::from);
        let said = strangers(&left_out).unwrap();
        assert!(said.ends_with(": `boards`, `lingshao.yml`"), "{said}");
        assert_eq!(strangers(&left_out[..1]), None);
    }
}
