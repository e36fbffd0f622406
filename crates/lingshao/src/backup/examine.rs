//! Whether the files of the storages are what was written into them: each format has checksums of its own, and the engines
//! that wrote them read them here. A backup says only that a file is as it was when it was copied; it may have been rotten.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lingshao_disk::{Disk, RealDisk, SealedError, SealedFile, Wal, WalError};

use super::content::{Content, content};
use crate::failure::with_causes;

/// What is wrong with one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    /// Its path below the data folder.
    pub(crate) name: String,
    /// Name and place, for a person.
    pub(crate) what: String,
    /// Opening the folder would set the file aside, with all that is right in it; of a log only what is bad is lost, and of a file
    /// whose header alone is bad nothing.
    pub(crate) is_whole_file: bool,
}

/// Looks into files that are written into a room one after the other. Only logs, which hang together, stay there; so a
/// room holds no more than the logs and one file.
#[derive(Debug)]
pub(super) struct Examiner {
    room: PathBuf,
    disk: Arc<dyn Disk>,
    /// The one that is being written.
    current: Option<(String, File)>,
    /// Folders of logs.
    logs: BTreeSet<PathBuf>,
    damage: Vec<Damage>,
}

impl Examiner {
    pub(super) fn new(room: &Path) -> Examiner {
        let (room, disk) = (room.to_owned(), Arc::new(RealDisk::new()));
        Examiner { room, disk, current: None, logs: BTreeSet::new(), damage: Vec::new() }
    }

    pub(super) fn begin(&mut self, name: &str) -> io::Result<()> {
        let path = self.room.join(name);
        fs::create_dir_all(path.parent().unwrap_or(&self.room))?;
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        self.current = Some((name.to_owned(), file));
        Ok(())
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.current.as_mut().map_or(Ok(()), |(_, file)| file.write_all(bytes))
    }

    pub(super) fn end(&mut self) -> io::Result<()> {
        let Some((name, _)) = self.current.take() else { return Ok(()) };
        let path = self.room.join(&name);
        let found = match content(Path::new(&name)) {
            Content::Log => {
                self.logs.extend(path.parent().map(Path::to_owned));
                return Ok(());
            }
            Content::Kept => return Ok(()),
            Content::Block => {
                lingshao_tsdb::examine_block(&self.disk, &path).map_err(|error| with_causes(&error))
            }
            Content::Part => {
                lingshao_logs::examine_part(&self.disk, &path).map_err(|error| with_causes(&error))
            }
            Content::Sealed => self.examine_sealed(&path),
            Content::Plain => return fs::remove_file(path),
        };
        // What this release cannot read, it could not use either.
        let found = found.unwrap_or_else(|error| vec![error]);
        if found.is_empty() {
            self.examine_header(&name, &path);
        }
        for what in found {
            let what = self.below_room(&what);
            self.damage.push(Damage { name: name.clone(), what, is_whole_file: true });
        }
        fs::remove_file(path)
    }

    /// Of a sealed file in which all else is right.
    fn examine_header(&mut self, name: &str, path: &Path) {
        if let Err(error) = SealedFile::examine_header(&*self.disk, path) {
            let told = self.below_room(&with_causes(&error));
            let what = format!("{told}: only the name of its format, nothing is lost");
            self.damage.push(Damage { name: name.to_owned(), what, is_whole_file: false });
        }
    }

    fn examine_sealed(&self, path: &Path) -> Result<Vec<String>, String> {
        match SealedFile::open(Arc::clone(&self.disk), path) {
            Ok(_) => Ok(Vec::new()),
            Err(error @ SealedError::Damaged { .. }) => Ok(vec![error.to_string()]),
            Err(error) => Err(with_causes(&error)),
        }
    }

    /// What was found, once all files were there.
    pub(super) fn finish(mut self) -> Vec<Damage> {
        for folder in std::mem::take(&mut self.logs) {
            self.examine_log(&folder);
        }
        self.damage
    }

    fn examine_log(&mut self, folder: &Path) {
        let shown = self.below_room(&folder.display().to_string());
        let recovery = match Wal::examine(&*self.disk, folder) {
            Ok(recovery) => recovery,
            Err(error) => {
                let newer = match &error {
                    WalError::NewerFormat { path, .. } => path.clone(),
                    _ => folder.to_owned(),
                };
                let name = self.below_room(&newer.display().to_string());
                let what = self.below_room(&with_causes(&error));
                return self.damage.push(Damage { name, what, is_whole_file: true });
            }
        };
        for loss in recovery.losses {
            let name = format!("{shown}/{}", Wal::segment_name(loss.segment));
            let records = match loss.records {
                Some(0) => "no record is lost".to_owned(),
                Some(records) => format!("{records} records are lost"),
                None => "an unknown number of records are lost".to_owned(),
            };
            let what = format!("`{name}` is damaged at byte {}: {records}", loss.offset);
            self.damage.push(Damage { name, what, is_whole_file: false });
        }
    }

    /// Files have other names in the data folder than where they are looked at.
    fn below_room(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.room.display()), "")
    }
}
