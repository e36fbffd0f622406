//! The folder that backups are kept in: a room to work in, names, and which of them stay.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use jiff::tz::TimeZone;
use lingshao_disk::{Disk, RealDisk};
use lingshao_model::Timestamp;
use tempfile::TempDir;

use crate::failure::Failure;

/// Folders for work under way begin so; those whose owner has gone are cleared away.
const ROOM: &str = ".lingshao-backup-";
/// In such a folder: locked while somebody works in it.
const BUSY: &str = "BUSY";
const NAME_BEGIN: &str = "lingshao-";
const NAME_END: &str = ".tar.zst";
/// What stays free for a server that writes to the same disk.
const RESERVE_BYTES: u64 = 256 << 20;

/// Where a backup is made, before it has its name. Nothing of it stays when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    target: PathBuf,
    name: String,
    room: TempDir,
    _busy: File,
}

impl Place {
    /// In a folder that is there and that is not the data folder.
    pub(super) fn claim(target: &Path, data: &Path, begun: Timestamp) -> Result<Place, Failure> {
        let real = fs::canonicalize(target)
            .with_context(|| format!("cannot use the folder `{}`", target.display()))
            .map_err(|error| Failure::environment(error).remedy("make it first: mkdir -m 700"))?;
        let real_data = fs::canonicalize(data).unwrap_or_else(|_| data.to_owned());
        if real.starts_with(&real_data) {
            let error = anyhow!("`{}` lies in the data folder `{}`", target.display(), data.display());
            return Err(Failure::input(error).remedy("keep backups elsewhere, best on another machine"));
        }
        let failed = |error: io::Error| {
            let error =
                anyhow::Error::new(error).context(format!("cannot write into `{}`", target.display()));
            Failure::environment(error).remedy("is it writable for this user, and is there room?")
        };
        clear_away(target).map_err(failed)?;
        let place = Place::within(target, name(begun)).map_err(failed)?;
        place.check_room(data)?;
        if target.join(&place.name).exists() {
            let error =
                anyhow!("there is a backup `{}` of this second already", target.join(&place.name).display());
            return Err(Failure::environment(error).remedy("another one is running; try again"));
        }
        Ok(place)
    }

    /// Beside a file, or where temporary files go.
    pub(super) fn beside(path: &Path) -> anyhow::Result<Place> {
        let parent = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
        let place = Place::within(parent, String::new())
            .or_else(|_| Place::within(&std::env::temp_dir(), String::new()));
        place.context("there is no room for temporary files")
    }

    fn within(folder: &Path, name: String) -> io::Result<Place> {
        let room = tempfile::Builder::new().prefix(ROOM).tempdir_in(folder)?;
        let busy = File::create_new(room.path().join(BUSY))?;
        busy.lock()?;
        Ok(Place { target: folder.to_owned(), name, room, _busy: busy })
    }

    /// A file to work with.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.room.path().join(name)
    }

    /// A server that finds its disk full takes nothing any more: rather no backup.
    fn check_room(&self, data: &Path) -> Result<(), Failure> {
        if !self.is_on_disk_of(data) {
            return Ok(());
        }
        let disk = RealDisk::new();
        let free = disk.free_bytes(&self.target).unwrap_or(u64::MAX);
        let needed = size(&disk, data).unwrap_or(0).saturating_add(RESERVE_BYTES);
        if needed <= free {
            return Ok(());
        }
        let [needed, free] = [needed, free].map(|bytes| bytes >> 20);
        let target = self.target.display();
        let error = anyhow!(
            "`{target}` is on the disk of the data folder and might fill it: {free} MiB are free, up to {needed} MiB may be needed"
        );
        Err(Failure::environment(error).remedy("name a folder on another disk"))
    }

    /// What a person should know about the folder.
    pub(super) fn warnings(&self, data: &Path) -> Vec<String> {
        let warning = || {
            let target = self.target.display();
            format!(
                "`{target}` is on the same disk as the data: what takes the disk takes both; copy it to another machine"
            )
        };
        self.is_on_disk_of(data).then(warning).into_iter().collect()
    }

    fn is_on_disk_of(&self, data: &Path) -> bool {
        let device = |path: &Path| fs::metadata(path).map(|meta| meta.dev()).ok();
        device(&self.target) == device(data)
    }

    /// Gives the file its name; answers where it is and how long.
    pub(super) fn publish(self, written: &Path) -> Result<(PathBuf, u64), Failure> {
        let path = self.target.join(&self.name);
        let publish = || {
            let bytes = fs::metadata(written)?.len();
            fs::rename(written, &path)?;
            RealDisk::new().sync_dir(&self.target)?;
            Ok(bytes)
        };
        let published: io::Result<u64> = publish();
        let context = || format!("cannot name the backup `{}`", path.display());
        published.with_context(context).map_err(Failure::environment).map(|bytes| (path.clone(), bytes))
    }
}

/// Deletes what killed backups have left.
fn clear_away(target: &Path) -> io::Result<()> {
    for entry in fs::read_dir(target)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(ROOM) {
            continue;
        }
        // Without the file, it has only just been made, or is being deleted.
        let is_left = File::open(entry.path().join(BUSY)).is_ok_and(|busy| busy.try_lock().is_ok());
        if is_left {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// Bytes of all files below a folder.
fn size(disk: &RealDisk, folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in disk.list(folder)? {
        bytes += if entry.is_dir { size(disk, &folder.join(entry.name))? } else { entry.bytes };
    }
    Ok(bytes)
}

/// In UTC, so that names sort by age also when clocks are set back for the winter.
fn name(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default().to_zoned(TimeZone::UTC);
    format!("{NAME_BEGIN}{}{NAME_END}", at.strftime("%Y-%m-%dT%H%M%SZ"))
}

pub(super) fn rfc3339(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.0).unwrap_or_default().to_string()
}

/// Whether a file's name is one that we give.
fn is_backup(name: &str) -> bool {
    let Some(at) = name.strip_prefix(NAME_BEGIN).and_then(|rest| rest.strip_suffix(NAME_END)) else {
        return false;
    };
    jiff::fmt::strtime::parse("%Y-%m-%dT%H%M%SZ", at).is_ok()
}

/// Deletes the oldest until so many are left. `new` stays in any case.
pub(super) fn delete_old(target: &Path, new: &Path, keep: usize) -> Result<Vec<PathBuf>, Failure> {
    let delete = || -> io::Result<Vec<PathBuf>> {
        let mut names: Vec<String> = RealDisk::new()
            .list(target)?
            .into_iter()
            .filter(|entry| !entry.is_dir && is_backup(&entry.name))
            .map(|entry| entry.name)
            .collect();
        names.sort_unstable_by(|a, b| b.cmp(a));
        let old: Vec<PathBuf> = names
            .iter()
            .map(|name| target.join(name))
            .filter(|path| path != new)
            .skip(keep.saturating_sub(1))
            .collect();
        old.iter().try_for_each(fs::remove_file)?;
        Ok(old)
    };
    delete().context("the backup is made, but older ones cannot be deleted").map_err(Failure::environment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_age_and_are_known_again() {
        assert_eq!(name(Timestamp(1_764_198_605_000)), "lingshao-2025-11-26T231005Z.tar.zst");
        assert!(is_backup("lingshao-2025-11-26T231005Z.tar.zst"));
        for other in [
            "lingshao-before-upgrade.tar.zst",
            "lingshao-2025-11-26.tar.zst",
            "shop-2025-11-26T231005Z.tar.zst",
        ] {
            assert!(!is_backup(other), "{other}");
        }
    }

    #[test]
    fn the_newest_stay_and_strangers_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = |day: u32| folder.path().join(format!("lingshao-2025-11-{day:02}T000000Z.tar.zst"));
        (1..=5).for_each(|day| fs::write(path(day), "").unwrap());
        fs::write(folder.path().join("lingshao-mine.tar.zst"), "").unwrap();
        assert_eq!(delete_old(folder.path(), &path(5), 2).unwrap(), [path(3), path(2), path(1)]);
        // The clock was set back: the new one is not the newest by name.
        assert_eq!(delete_old(folder.path(), &path(4), 1).unwrap(), [path(5)]);
        assert!(path(4).exists() && folder.path().join("lingshao-mine.tar.zst").exists());
    }

    #[test]
    fn what_a_killed_backup_left_is_cleared_away_and_a_running_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join(".lingshao-backup-left");
        fs::create_dir(&left).unwrap();
        fs::write(left.join(BUSY), "").unwrap();
        fs::write(left.join("archive"), "half").unwrap();
        let running = Place::within(folder.path(), String::new()).unwrap();
        clear_away(folder.path()).unwrap();
        assert!(!left.exists() && running.room.path().exists());
    }
}
