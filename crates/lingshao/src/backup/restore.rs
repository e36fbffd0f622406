//! A data folder made of a backup.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use lingshao_disk::{DataDirError, Disk, Lock, RealDisk};

use super::archive::{self, Sink};
use super::progress::Progress;
use super::{FORMAT, Verified, verify};
use crate::failure::Failure;
use crate::run::owner;

/// What to do about files that were rotten before they were backed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rotten {
    /// Nothing is restored.
    Refuse,
    /// All else is. A log is taken as it is: recovery keeps what is right in it.
    LeaveOut,
}

/// Makes a data folder of a backup, in a folder that is empty or not there; answers what was left out.
pub(crate) async fn restore(path: &Path, data: &Path, rotten: Rotten) -> Result<Verified, Failure> {
    check_empty(data)?;
    let verified = verify(path).await?;
    let (manifest, damage) = match rotten {
        Rotten::Refuse => (verified.whole(path)?, Vec::new()),
        Rotten::LeaveOut => (verified.manifest, verified.damage),
    };
    let disk = RealDisk::new();
    let failed = |error: io::Error| {
        let error =
            anyhow::Error::new(error).context(format!("cannot write the folder `{}`", data.display()));
        Failure::environment(error).remedy("is it writable for this user, and is there room?")
    };
    disk.create_dir_all(data).map_err(failed)?;
    check_room(&disk, data, manifest.bytes())?;
    let lock = disk.lock(&data.join("LOCK"), &format!("{}\n", owner())).map_err(failed)?;
    let Lock::Held(_held) = lock else { return Err(held(data)) };
    let owner = Ownership::of(data).map_err(failed)?;
    owner.give(&data.join("LOCK")).map_err(failed)?;
    let left_out = damage.iter().filter(|damage| damage.is_whole_file).map(|damage| damage.name.clone());
    let mut writing = Writing::new(&disk, data, owner, left_out.collect());
    let written = archive::read(path, &mut writing).map_err(Failure::from);
    let finished = written.and_then(|manifest| writing.finish().map(|()| manifest).map_err(failed));
    finished.map(|manifest| Verified { manifest, damage }).map_err(|failure| match writing.take_back() {
        Ok(()) => failure,
        Err(_) => {
            failure.remedy(format!("`{}` is not complete; empty it before you try again", data.display()))
        }
    })
}

fn held(data: &Path) -> Failure {
    let line = fs::read_to_string(data.join("LOCK")).unwrap_or_default();
    let owner = if line.trim().is_empty() { "another process".to_owned() } else { line.trim().to_owned() };
    Failure::environment(DataDirError::Held { path: data.to_owned(), owner })
}

/// Nothing of anybody's may be lost by it.
fn check_empty(data: &Path) -> Result<(), Failure> {
    let names = match RealDisk::new().list(data) {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            let context = format!("cannot look into `{}`", data.display());
            return Err(Failure::environment(anyhow::Error::new(error).context(context)));
        }
    };
    let lock = File::open(data.join("LOCK"));
    if lock.is_ok_and(|file| matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock))) {
        return Err(held(data));
    }
    let Some(first) = names.iter().find(|entry| !["lost+found", "LOCK"].contains(&&*entry.name)) else {
        return Ok(());
    };
    let shown = data.display();
    Err(if names.iter().any(|entry| entry.name == FORMAT) {
        Failure::input(anyhow!("`{shown}` is a data folder in use; nothing was changed"))
            .remedy(format!("restore into a new folder, or keep the old one aside: mv {shown} {shown}.old"))
    } else {
        Failure::input(anyhow!("`{shown}` is not empty: it holds `{}`; nothing was changed", first.name))
            .remedy("restore into a new folder, or empty this one")
    })
}

fn check_room(disk: &RealDisk, data: &Path, bytes: u64) -> Result<(), Failure> {
    let free = disk.free_bytes(data).unwrap_or(u64::MAX);
    if bytes <= free {
        return Ok(());
    }
    let [bytes, free] = [bytes, free].map(|bytes| bytes >> 20);
    let error = anyhow!("`{}` needs {bytes} MiB, and {free} MiB are free", data.display());
    Err(Failure::environment(error).remedy("make room, or choose another folder"))
}

/// Whose files they are to be: root restores for the user whose folder it is.
#[derive(Clone, Copy, Debug)]
struct Ownership(Option<(u32, u32)>);

impl Ownership {
    fn of(folder: &Path) -> io::Result<Ownership> {
        let meta = fs::metadata(folder)?;
        let is_ours = !rustix::process::geteuid().is_root() || meta.uid() == 0;
        Ok(Ownership((!is_ours).then(|| (meta.uid(), meta.gid()))))
    }

    fn give(self, path: &Path) -> io::Result<()> {
        self.0.map_or(Ok(()), |(user, group)| std::os::unix::fs::chown(path, Some(user), Some(group)))
    }
}

/// Writes members into a folder.
struct Writing<'a> {
    disk: &'a RealDisk,
    data: &'a Path,
    owner: Ownership,
    file: Option<File>,
    /// What `FORMAT` is to hold, once all else is on disk.
    format: Option<Vec<u8>>,
    in_format: bool,
    /// Names of members that are not written.
    left_out: Vec<String>,
    /// Folders that were made, each after those that it lies in.
    folders: Vec<PathBuf>,
    files: Vec<PathBuf>,
    progress: Progress,
}

impl<'a> Writing<'a> {
    fn new(disk: &'a RealDisk, data: &'a Path, owner: Ownership, left_out: Vec<String>) -> Writing<'a> {
        Writing {
            disk,
            data,
            owner,
            file: None,
            format: None,
            in_format: false,
            left_out,
            folders: Vec::new(),
            files: Vec::new(),
            progress: Progress::new("restored"),
        }
    }

    fn create(&mut self, path: PathBuf) -> io::Result<File> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        self.owner.give(&path)?;
        self.files.push(path);
        Ok(file)
    }

    fn folder(&mut self, folder: &Path) -> io::Result<()> {
        if folder == self.data || self.folders.iter().any(|known| known == folder) {
            return Ok(());
        }
        self.folder(folder.parent().unwrap_or(self.data))?;
        self.disk.create_dir_all(folder)?;
        self.owner.give(folder)?;
        self.folders.push(folder.to_owned());
        Ok(())
    }

    /// Makes everything durable, and then a data folder of it.
    fn finish(&mut self) -> io::Result<()> {
        for folder in self.folders.iter().rev() {
            self.disk.sync_dir(folder)?;
        }
        self.disk.sync_dir(self.data)?;
        let format = self.format.take().ok_or(io::ErrorKind::InvalidData)?;
        let mut file = self.create(self.data.join("FORMAT.tmp"))?;
        file.write_all(&format)?;
        file.sync_all()?;
        fs::rename(self.data.join("FORMAT.tmp"), self.data.join(FORMAT))?;
        self.disk.sync_dir(self.data)
    }

    /// Deletes what was written.
    fn take_back(&self) -> io::Result<()> {
        for path in &self.files {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.folders.iter().rev().try_for_each(fs::remove_dir)
    }
}

impl Sink for Writing<'_> {
    fn begin(&mut self, name: &str, _bytes: u64) -> io::Result<()> {
        self.in_format = name == FORMAT;
        if self.in_format {
            self.format = Some(Vec::new());
            return Ok(());
        }
        if self.left_out.iter().any(|left_out| left_out == name) {
            return Ok(());
        }
        let path = self.data.join(name);
        self.folder(path.parent().unwrap_or(self.data))?;
        self.file = Some(self.create(path)?);
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.progress.add(bytes.len());
        match (&mut self.file, &mut self.format) {
            (_, Some(format)) if self.in_format => format.extend_from_slice(bytes),
            (Some(file), _) => file.write_all(bytes)?,
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        if self.in_format {
            return Ok(());
        }
        self.file.take().map_or(Ok(()), |file| file.sync_all())
    }
}
