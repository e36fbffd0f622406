//! The files of `web/` that the pages are made of.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Folders of it, with everything in them.
const FOLDERS: [&str; 2] = ["src", "public"];
/// Without these there is nothing to build.
const NEEDED: [&str; 3] = ["index.html", "package.json", "package-lock.json"];
/// Configs stand beside them, whatever their ending.
const CONFIGS: [&str; 3] = ["vite.config.", "svelte.config.", "tsconfig."];

/// What is built.
#[derive(Debug)]
pub(crate) struct Sources {
    root: PathBuf,
    /// Below the root, sorted. Tests are none of them: they change no page.
    files: Vec<PathBuf>,
}

impl Sources {
    /// Looks them up, wherever they lie.
    pub(crate) fn find(root: &Path) -> io::Result<Sources> {
        let root = root.canonicalize()?;
        let mut files = Vec::new();
        for name in NEEDED {
            fs::metadata(root.join(name))
                .map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))?;
            files.push(PathBuf::from(name));
        }
        for entry in fs::read_dir(&root)? {
            let name = entry?.file_name();
            if CONFIGS.iter().any(|start| name.to_string_lossy().starts_with(start)) {
                files.push(PathBuf::from(name));
            }
        }
        for folder in FOLDERS.into_iter().filter(|folder| root.join(folder).is_dir()) {
            collect(&root, Path::new(folder), &mut files)?;
        }
        files.retain(|file| !is_test(file));
        files.sort();
        Ok(Sources { root, files })
    }

    /// What cargo has to look at; folders stand for all that is in them.
    pub(crate) fn watched(&self) -> impl Iterator<Item = PathBuf> {
        let folders = FOLDERS.iter().map(|folder| self.root.join(folder)).filter(|folder| folder.is_dir());
        let beside = self.files.iter().filter(|file| file.components().count() == 1);
        folders.chain(beside.map(|file| self.root.join(file)))
    }

    /// One of them.
    pub(crate) fn read(&self, file: &str) -> io::Result<Vec<u8>> {
        fs::read(self.root.join(file))
    }

    /// Changes with any of them.
    pub(crate) fn fingerprint(&self) -> io::Result<Fingerprint> {
        let mut fingerprint = Fingerprint::default();
        for file in &self.files {
            fingerprint.add(file.to_string_lossy().as_bytes());
            fingerprint.add(&fs::read(self.root.join(file))?);
        }
        Ok(fingerprint)
    }

    /// Copies them all; what else is in the folder goes.
    pub(crate) fn copy_to(&self, folder: &Path) -> io::Result<()> {
        remove_if_there(folder)?;
        for file in &self.files {
            let to = folder.join(file);
            fs::create_dir_all(to.parent().unwrap_or(folder))?;
            fs::copy(self.root.join(file), to)?;
        }
        Ok(())
    }
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            collect(root, &path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn is_test(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name.to_string_lossy().contains(".test."))
}

/// Deletes a folder; one that is not there is deleted already.
pub(crate) fn remove_if_there(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// FNV-1a of 128 bits: tells changes apart, and is no protection against somebody who makes two files alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint(u128);

impl Default for Fingerprint {
    fn default() -> Fingerprint {
        Fingerprint(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }
}

impl Fingerprint {
    /// Of one text alone.
    pub(crate) fn of(bytes: &[u8]) -> Fingerprint {
        let mut fingerprint = Fingerprint::default();
        fingerprint.add(bytes);
        fingerprint
    }

    /// Adds a text and where it ends.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        let length = (bytes.len() as u64).to_le_bytes();
        for byte in bytes.iter().chain(&length) {
            self.0 = (self.0 ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }

    /// 16 hex digits: for names and tags.
    pub(crate) fn short(self) -> String {
        format!("{:016x}", (self.0 >> 64) as u64 ^ self.0 as u64)
    }
}
