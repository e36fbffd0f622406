//! Immutable files of checksummed sections, published whole or not at all: `docs/format/sealed.md`.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::bytes::{u32_at, u64_at};
use crate::disk::{Disk, ReadFile, WriteFile, is_full, read_full, write_all_at};

const MAGIC: &[u8; 8] = b"LSHAOSEA";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 16;
const TRAILER_BYTES: usize = 32;
const CRC_BYTES: usize = 4;
/// How much is gathered before it is written.
const WRITE_BYTES: usize = 256 << 10;

/// Where a section is; the user keeps it, in the footer or in another section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Section {
    /// Of its first byte in the file.
    pub offset: u64,
    /// Its length.
    pub bytes: u32,
}

/// What can go wrong with a sealed file.
#[derive(Debug, thiserror::Error)]
pub enum SealedError {
    /// Temporary: nothing was published.
    #[error("no room on the disk for `{path}`")]
    Full {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The bytes are not what was written.
    #[error("`{path}` is damaged at byte {offset}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Of the part that does not check.
        offset: u64,
    },
    /// Written by a newer release.
    #[error("`{path}` has format {found}, this release knows {known}; use the newer release again")]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// More than a section or footer can hold.
    #[error("a section of {bytes} bytes is too large for `{path}`")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: usize,
    },
    /// A file operation.
    #[error("cannot {action} `{path}`")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl SealedError {
    /// Whether the file is there but cannot be trusted.
    pub fn is_damage(&self) -> bool {
        matches!(self, SealedError::Damaged { .. })
    }
}

/// Writes a sealed file under a temporary name. Dropped unfinished, it leaves nothing.
#[derive(Debug)]
pub struct SealedWriter {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    unfinished: PathBuf,
    file: Arc<dyn WriteFile>,
    /// Written to the file.
    written: u64,
    /// Not written yet.
    buffer: Vec<u8>,
    /// The temporary name is in use.
    pending: bool,
}

impl SealedWriter {
    /// Begins a file that gets its name when it is finished.
    pub fn create(disk: Arc<dyn Disk>, path: &Path) -> Result<SealedWriter, SealedError> {
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(".tmp");
        let unfinished = PathBuf::from(unfinished);
        let file = disk.create(&unfinished).map_err(|error| failed(error, "create", &unfinished))?;
        let mut buffer = Vec::with_capacity(WRITE_BYTES);
        buffer.extend_from_slice(&header());
        Ok(SealedWriter { disk, path: path.to_owned(), unfinished, file, written: 0, buffer, pending: true })
    }

    /// Appends a section; answers where it is.
    pub fn section(&mut self, bytes: &[u8]) -> Result<Section, SealedError> {
        let section = Section { offset: self.bytes(), bytes: self.length(bytes)? };
        self.push(bytes)?;
        self.push(&section_crc(section, bytes).to_le_bytes())?;
        Ok(section)
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// Appends the footer, makes everything durable and gives the file its name; answers its length.
    ///
    /// After an error the file is not to be counted on, even if it should be there at the next start.
    pub fn finish(mut self, footer: &[u8]) -> Result<u64, SealedError> {
        let mut trailer = [0; TRAILER_BYTES];
        trailer[0..8].copy_from_slice(&self.bytes().to_le_bytes());
        trailer[8..12].copy_from_slice(&self.length(footer)?.to_le_bytes());
        trailer[12..16].copy_from_slice(&crc32c::crc32c(footer).to_le_bytes());
        trailer[16..20].copy_from_slice(&VERSION.to_le_bytes());
        trailer[24..32].copy_from_slice(MAGIC);
        let crc = trailer_crc(&trailer);
        trailer[20..24].copy_from_slice(&crc.to_le_bytes());
        self.push(footer)?;
        self.push(&trailer)?;
        self.flush(&[])?;
        self.file.sync().map_err(|error| failed(error, "sync", &self.unfinished))?;
        let (disk, path) = (&self.disk, &self.path);
        disk.rename(&self.unfinished, path).map_err(|error| failed(error, "rename", &self.unfinished))?;
        self.pending = false;
        let dir = path.parent().unwrap_or(Path::new(""));
        disk.sync_dir(dir).map_err(|error| failed(error, "sync folder", dir))?;
        Ok(self.written)
    }

    fn length(&self, bytes: &[u8]) -> Result<u32, SealedError> {
        let too_large = |_| SealedError::TooLarge { path: self.path.clone(), bytes: bytes.len() };
        u32::try_from(bytes.len()).map_err(too_large)
    }

    /// Short pieces are gathered, long ones go straight to the file.
    fn push(&mut self, bytes: &[u8]) -> Result<(), SealedError> {
        if self.buffer.len() + bytes.len() <= WRITE_BYTES {
            self.buffer.extend_from_slice(bytes);
            return Ok(());
        }
        self.flush(bytes)
    }

    fn flush(&mut self, more: &[u8]) -> Result<(), SealedError> {
        let written = write_all_at(&*self.file, self.written, &self.buffer, more);
        written.map_err(|error| failed(error, "write", &self.unfinished))?;
        self.written += (self.buffer.len() + more.len()) as u64;
        self.buffer.clear();
        Ok(())
    }
}

impl Drop for SealedWriter {
    fn drop(&mut self) {
        if self.pending {
            // If this fails too, the next start deletes it.
            drop(self.disk.remove(&self.unfinished));
        }
    }
}

/// A sealed file, open for reading; its footer is in memory. Shared between threads.
#[derive(Debug)]
pub struct SealedFile {
    path: PathBuf,
    file: Arc<dyn ReadFile>,
    footer: Box<[u8]>,
    bytes: u64,
    /// Where the footer begins.
    sections_end: u64,
}

impl SealedFile {
    /// Opens a file whose trailer and footer check.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "called like `SealedWriter::create` and `DataDir::open`"
    )]
    pub fn open(disk: Arc<dyn Disk>, path: &Path) -> Result<SealedFile, SealedError> {
        let file = disk.open_read(path).map_err(|error| failed(error, "open", path))?;
        let bytes = file.bytes().map_err(|error| failed(error, "open", path))?;
        let damaged = |offset| SealedError::Damaged { path: path.to_owned(), offset };
        let trailer_at = bytes.checked_sub(TRAILER_BYTES as u64).ok_or_else(|| damaged(0))?;
        let mut trailer = [0; TRAILER_BYTES];
        read(&*file, path, trailer_at, &mut trailer)?;
        if &trailer[24..32] != MAGIC || u32_at(&trailer, 20) != trailer_crc(&trailer) {
            return Err(damaged(trailer_at));
        }
        let found = u32_at(&trailer, 16);
        if found > VERSION {
            return Err(SealedError::NewerFormat { path: path.to_owned(), found, known: VERSION });
        }
        let (sections_end, footer_bytes) = (u64_at(&trailer, 0), u32_at(&trailer, 8));
        let fits = sections_end.checked_add(u64::from(footer_bytes)) == Some(trailer_at);
        if found != VERSION || !fits || sections_end < HEADER_BYTES as u64 {
            return Err(damaged(trailer_at));
        }
        let mut footer = vec![0; footer_bytes as usize].into_boxed_slice();
        read(&*file, path, sections_end, &mut footer)?;
        if crc32c::crc32c(&footer) != u32_at(&trailer, 12) {
            return Err(damaged(sections_end));
        }
        Ok(SealedFile { path: path.to_owned(), file, footer, bytes, sections_end })
    }

    /// Whether its first bytes are as they were written. No reader needs them, so opening does not look.
    pub fn examine_header(disk: &dyn Disk, path: &Path) -> Result<(), SealedError> {
        let file = disk.open_read(path).map_err(|error| failed(error, "open", path))?;
        let mut found = [0; HEADER_BYTES];
        read(&*file, path, 0, &mut found)?;
        if found != header() {
            return Err(SealedError::Damaged { path: path.to_owned(), offset: 0 });
        }
        Ok(())
    }

    /// What was given to `finish`.
    pub fn footer(&self) -> &[u8] {
        &self.footer
    }

    /// Reads a section into `out`, whose content is replaced.
    pub fn read(&self, section: Section, out: &mut Vec<u8>) -> Result<(), SealedError> {
        out.clear();
        let damaged = || SealedError::Damaged { path: self.path.clone(), offset: section.offset };
        let stored = u64::from(section.bytes) + CRC_BYTES as u64;
        let end = section.offset.checked_add(stored);
        if section.offset < HEADER_BYTES as u64 || end.is_none_or(|end| end > self.sections_end) {
            return Err(damaged());
        }
        let length = section.bytes as usize;
        out.resize(length + CRC_BYTES, 0);
        let outcome = read(&*self.file, &self.path, section.offset, out);
        let checks = outcome.is_ok() && u32_at(out, length) == section_crc(section, &out[..length]);
        out.truncate(if checks { length } else { 0 });
        outcome.and_then(|()| if checks { Ok(()) } else { Err(damaged()) })
    }

    /// Length of the file.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Its name.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// For people and `file(1)`.
fn header() -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[0..8].copy_from_slice(MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header
}

fn section_crc(section: Section, bytes: &[u8]) -> u32 {
    let crc = crc32c::crc32c(&section.offset.to_le_bytes());
    crc32c::crc32c_append(crc32c::crc32c_append(crc, &section.bytes.to_le_bytes()), bytes)
}

fn trailer_crc(trailer: &[u8; TRAILER_BYTES]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&trailer[0..20]), &trailer[24..32])
}

/// Reads exactly; what the device cannot read, or is not there, is damage.
fn read(file: &dyn ReadFile, path: &Path, offset: u64, into: &mut [u8]) -> Result<(), SealedError> {
    const EIO: i32 = 5;
    match read_full(file, offset, into) {
        Ok(done) if done == into.len() => Ok(()),
        Ok(_) => Err(SealedError::Damaged { path: path.to_owned(), offset }),
        Err(error) if error.raw_os_error() == Some(EIO) => {
            Err(SealedError::Damaged { path: path.to_owned(), offset })
        }
        Err(error) => Err(failed(error, "read", path)),
    }
}

fn failed(source: io::Error, action: &'static str, path: &Path) -> SealedError {
    let path = path.to_owned();
    if is_full(&source) {
        SealedError::Full { path, source }
    } else {
        SealedError::Io { action, path, source }
    }
}
