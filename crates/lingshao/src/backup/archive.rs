//! The file of a backup: a tar in zstd frames, one frame a member, with a list of names, lengths and checksums at its
//! end: docs/format/backup.md. `tar --zstd -xf` reads it too.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Component, Path, PathBuf};

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use tar::{Builder, EntryType, Header};
use zstd::stream::{read::Decoder, write::Encoder};

use crate::security::hex;

/// Version of the file's layout.
const VERSION: u32 = 1;
/// The first member, so that a stranger's file is known at once.
const HEAD: &str = "BACKUP";
const TITLE: &str = "lingshao backup";
/// The last member: without it the file is not whole.
const LIST: &str = "MANIFEST.json";
/// Largest list that is read: 200 bytes for each of a hundred times as many files as a full folder has.
const LIST_BYTES_MAX: u64 = 64 << 20;
const HEAD_BYTES_MAX: u64 = 4096;
/// Zeros at the end of a tar: the rest of a block, two blocks, and with other tools a record of twenty.
const END_BYTES_MAX: u64 = 16 << 10;
/// Blocks and parts are compact already, and a shop's two cores have other work: fast rather than small.
const LEVEL: i32 = 3;
const COPY_BYTES: usize = 128 << 10;

/// What is in a backup, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// When it was begun: everything acknowledged before that is in it. RFC 3339.
    pub(crate) begun_at: String,
    /// Which version of Lingshao wrote it.
    pub(crate) lingshao: String,
    /// The machine.
    pub(crate) host: String,
    /// The data folder.
    pub(crate) data: PathBuf,
    /// All members but the first and the last, in their order.
    pub(crate) members: Vec<Member>,
}

/// A file in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    /// Its path below the data folder.
    pub(crate) name: String,
    pub(crate) bytes: u64,
    /// In hex.
    pub(crate) sha256: String,
}

impl Manifest {
    /// Bytes of all members.
    pub(crate) fn bytes(&self) -> u64 {
        self.members.iter().map(|member| member.bytes).sum()
    }
}

/// What is wrong with a backup.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    #[error("cannot read `{path}`")]
    Read { path: PathBuf, source: io::Error },
    #[error("`{path}` is no backup of Lingshao")]
    Foreign { path: PathBuf },
    #[error("backup `{path}` has format {found}, this release knows {VERSION}; use the newer release")]
    Newer { path: PathBuf, found: u32 },
    #[error("backup `{path}` is cut off {place}; copy it again, or use another one")]
    Cut { path: PathBuf, place: Place },
    #[error("backup `{path}` is damaged {place}: {what}; use another one")]
    Damaged { path: PathBuf, place: Place, what: String },
    /// The fault is not the backup's.
    #[error("cannot write `{member}`")]
    Write { member: String, source: io::Error },
}

/// Where in a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Within(String),
    Behind(String),
    Begin,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Within(name) => write!(f, "within `{name}`"),
            Place::Behind(name) => write!(f, "in the file behind `{name}`"),
            Place::Begin => f.write_str("at its beginning"),
        }
    }
}

/// Writes a backup.
pub(crate) struct Writer<W: Write> {
    tar: Builder<Frames<W>>,
    members: Vec<Member>,
    modified: u64,
}

/// A frame a member, so that damage stays where it is.
struct Frames<W: Write>(Option<Encoder<'static, W>>);

impl<W: Write> Frames<W> {
    fn begin(out: W) -> io::Result<Frames<W>> {
        let mut encoder = Encoder::new(out, LEVEL)?;
        encoder.include_checksum(true)?;
        Ok(Frames(Some(encoder)))
    }

    fn end(&mut self) -> io::Result<W> {
        self.0.take().ok_or_else(|| io::Error::other("writing has failed before"))?.finish()
    }

    fn cut(&mut self) -> io::Result<()> {
        let out = self.end()?;
        *self = Frames::begin(out)?;
        Ok(())
    }
}

impl<W: Write> Write for Frames<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.as_mut().ok_or_else(|| io::Error::other("writing has failed before"))?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl<W: Write> Writer<W> {
    /// `modified`: the instant that all members get, in seconds.
    pub(crate) fn begin(out: W, modified: u64) -> io::Result<Writer<W>> {
        let mut writer = Writer { tar: Builder::new(Frames::begin(out)?), members: Vec::new(), modified };
        let head = format!("{TITLE}\nformat {VERSION}\n");
        writer.append(HEAD, head.len() as u64, head.as_bytes())?;
        Ok(writer)
    }

    /// Adds a file of exactly so many bytes.
    pub(crate) fn member(&mut self, name: &str, bytes: u64, content: impl Read) -> io::Result<()> {
        let mut hashed = Hashed { content, context: Context::new(&SHA256) };
        self.append(name, bytes, &mut hashed)?;
        self.members.push(Member {
            name: name.to_owned(),
            bytes,
            sha256: hex(hashed.context.finish().as_ref()),
        });
        Ok(())
    }

    /// Writes the list. `describe` puts the rest of it around the members.
    pub(crate) fn finish(
        mut self,
        describe: impl FnOnce(Vec<Member>) -> Manifest,
    ) -> io::Result<(W, Manifest)> {
        let manifest = describe(std::mem::take(&mut self.members));
        let list = serde_json::to_vec_pretty(&manifest)?;
        self.append(LIST, list.len() as u64, list.as_slice())?;
        let out = self.tar.into_inner()?.end()?;
        Ok((out, manifest))
    }

    fn append(&mut self, name: &str, bytes: u64, content: impl Read) -> io::Result<()> {
        if name != HEAD {
            self.tar.get_mut().cut()?;
        }
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_size(bytes);
        header.set_mode(0o600);
        header.set_mtime(self.modified);
        self.tar.append_data(&mut header, name, content)
    }
}

/// Content with the checksum of what was read of it.
struct Hashed<R> {
    content: R,
    context: Context,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.content.read(into)?;
        self.context.update(&into[..read]);
        Ok(read)
    }
}

/// Takes what is read from a backup.
pub(crate) trait Sink {
    /// A member of so many bytes begins.
    fn begin(&mut self, name: &str, bytes: u64) -> io::Result<()>;
    /// More of it.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// It is complete.
    fn end(&mut self) -> io::Result<()>;
}

/// Reads all of a backup into a sink. What the sink was given is right only if this returns a list.
pub(crate) fn read(path: &Path, sink: &mut dyn Sink) -> Result<Manifest, ArchiveError> {
    let fail = |source| ArchiveError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(fail)?;
    if file.metadata().map_err(fail)?.is_dir() {
        return Err(ArchiveError::Foreign { path: path.to_owned() });
    }
    let decoder = Decoder::with_buffer(BufReader::with_capacity(COPY_BYTES, file)).map_err(fail)?;
    let mut tar = tar::Archive::new(decoder);
    let mut reading = Reading { path, place: Place::Begin, found: Vec::new() };
    let entries = tar.entries().map_err(|error| reading.failed(&error))?;
    let (mut buffer, mut list) = (vec![0; COPY_BYTES], None);
    for entry in entries {
        let mut entry = entry.map_err(|error| reading.failed(&error))?;
        let bytes = entry.size();
        let name = reading.name(&entry)?;
        if reading.place == Place::Begin {
            reading.head(&name, &mut entry)?;
            reading.place = Place::Behind(name);
            continue;
        }
        reading.place = Place::Within(name.clone());
        if name == LIST {
            list = Some(reading.list(&mut entry)?);
            break;
        }
        let refused = |source| ArchiveError::Write { member: name.clone(), source };
        sink.begin(&name, bytes).map_err(refused)?;
        let mut context = Context::new(&SHA256);
        loop {
            let read = entry.read(&mut buffer).map_err(|error| reading.failed(&error))?;
            if read == 0 {
                break;
            }
            context.update(&buffer[..read]);
            sink.write(&buffer[..read]).map_err(refused)?;
        }
        sink.end().map_err(refused)?;
        reading.found.push(Member { name: name.clone(), bytes, sha256: hex(context.finish().as_ref()) });
        reading.place = Place::Behind(name);
    }
    let list = list.ok_or_else(|| reading.cut())?;
    reading.end(tar.into_inner())?;
    reading.compare(&list)
}

/// What has been read so far.
struct Reading<'a> {
    path: &'a Path,
    place: Place,
    found: Vec<Member>,
}

impl Reading<'_> {
    fn failed(&self, error: &io::Error) -> ArchiveError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof if self.place != Place::Begin => self.cut(),
            _ if self.place == Place::Begin => ArchiveError::Foreign { path: self.path.to_owned() },
            _ => self.damaged_at(self.place_of(error), error.to_string()),
        }
    }

    /// A frame's checksum stands at its end, behind the content of its member.
    fn place_of(&self, error: &io::Error) -> Place {
        match &self.place {
            Place::Behind(name) if error.to_string().contains("checksum") => Place::Within(name.clone()),
            place => place.clone(),
        }
    }

    fn cut(&self) -> ArchiveError {
        ArchiveError::Cut { path: self.path.to_owned(), place: self.place.clone() }
    }

    fn damaged(&self, what: impl Into<String>) -> ArchiveError {
        self.damaged_at(self.place.clone(), what)
    }

    fn damaged_at(&self, place: Place, what: impl Into<String>) -> ArchiveError {
        ArchiveError::Damaged { path: self.path.to_owned(), place, what: what.into() }
    }

    /// A plain file below the folder, or nothing that we wrote.
    fn name<R: Read>(&self, entry: &tar::Entry<'_, R>) -> Result<String, ArchiveError> {
        let name = std::str::from_utf8(&entry.path_bytes()).map(str::to_owned).unwrap_or_default();
        let plain = Path::new(&name).components().all(|part| matches!(part, Component::Normal(_)));
        if name.is_empty() || !plain || entry.header().entry_type() != EntryType::Regular {
            return Err(match self.place {
                Place::Begin => ArchiveError::Foreign { path: self.path.to_owned() },
                _ => self.damaged(format!("`{}` is not what Lingshao writes", name.escape_debug())),
            });
        }
        Ok(name)
    }

    fn head(&self, name: &str, entry: &mut impl Read) -> Result<(), ArchiveError> {
        let mut text = String::new();
        let read = entry.take(HEAD_BYTES_MAX).read_to_string(&mut text);
        let mut lines = text.lines();
        let version =
            (lines.next() == Some(TITLE)).then(|| lines.next()?.strip_prefix("format ")?.parse().ok());
        match version.flatten() {
            Some(VERSION) if name == HEAD && read.is_ok() => Ok(()),
            Some(found) if found > VERSION => Err(ArchiveError::Newer { path: self.path.to_owned(), found }),
            _ => Err(ArchiveError::Foreign { path: self.path.to_owned() }),
        }
    }

    fn list(&self, entry: &mut impl Read) -> Result<Vec<u8>, ArchiveError> {
        let mut text = Vec::new();
        entry.take(LIST_BYTES_MAX).read_to_end(&mut text).map_err(|error| self.failed(&error))?;
        Ok(text)
    }

    /// What is behind the list: the checksum of its frame, without which nobody is accused by it, and tar's end.
    fn end(&self, rest: impl Read) -> Result<(), ArchiveError> {
        let copied = io::copy(&mut rest.take(END_BYTES_MAX + 1), &mut io::sink());
        if END_BYTES_MAX < copied.map_err(|error| self.failed(&error))? {
            return Err(self.damaged("something follows it"));
        }
        Ok(())
    }

    /// The list must name exactly what was there.
    fn compare(&self, list: &[u8]) -> Result<Manifest, ArchiveError> {
        let manifest: Manifest =
            serde_json::from_slice(list).map_err(|error| self.damaged(error.to_string()))?;
        let found: HashMap<&str, &Member> =
            self.found.iter().map(|member| (member.name.as_str(), member)).collect();
        for member in &manifest.members {
            let within = |what: &str| self.damaged_at(Place::Within(member.name.clone()), what);
            match found.get(member.name.as_str()) {
                None => return Err(within("it is missing")),
                Some(own) if **own != *member => return Err(within("its checksum is another one")),
                Some(_) => {}
            }
        }
        if manifest.members.len() != self.found.len() || found.len() != self.found.len() {
            return Err(self.damaged("it does not name all files"));
        }
        Ok(manifest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a sink was given.
    #[derive(Default)]
    struct Kept(Vec<(String, Vec<u8>)>);

    impl Sink for Kept {
        fn begin(&mut self, name: &str, _bytes: u64) -> io::Result<()> {
            self.0.push((name.to_owned(), Vec::new()));
            Ok(())
        }

        fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
            self.0.last_mut().expect("one has begun").1.extend_from_slice(bytes);
            Ok(())
        }

        fn end(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn noise(seed: u64, bytes: usize) -> Vec<u8> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u8
        };
        (0..bytes).map(|_| next()).collect()
    }

    fn files() -> Vec<(String, Vec<u8>)> {
        let text = b"level=ERROR path=/api/v1/payments\n".repeat(3_000);
        let long = format!("logs/days/2026-11-26/{}.part", "0".repeat(120));
        [
            ("FORMAT", b"format 1\n".to_vec()),
            ("a/noise", noise(7, 300_000)),
            ("a/text", text),
            ("empty", vec![]),
        ]
        .map(|(name, content)| (name.to_owned(), content))
        .into_iter()
        .chain([(long, noise(9, 700))])
        .collect()
    }

    fn archive() -> Vec<u8> {
        let mut writer = Writer::begin(Vec::new(), 1_700_000_000).unwrap();
        for (name, content) in files() {
            writer.member(&name, content.len() as u64, content.as_slice()).unwrap();
        }
        let describe = |members| Manifest {
            begun_at: "2026-11-26T23:10:00Z".to_owned(),
            lingshao: "0.1.0".to_owned(),
            host: "shop".to_owned(),
            data: "/var/lib/lingshao".into(),
            members,
        };
        writer.finish(describe).unwrap().0
    }

    fn read_bytes(bytes: &[u8]) -> (Result<Manifest, ArchiveError>, Kept) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.tar.zst");
        std::fs::write(&path, bytes).unwrap();
        let mut kept = Kept::default();
        (read(&path, &mut kept), kept)
    }

    #[test]
    fn what_was_written_is_read() {
        let (manifest, kept) = read_bytes(&archive());
        assert_eq!(kept.0, files());
        let bytes: usize = files().iter().map(|(_, content)| content.len()).sum();
        assert_eq!(manifest.unwrap().bytes(), bytes as u64);
    }

    #[test]
    fn no_byte_can_change_and_no_end_be_missing_unnoticed() {
        let whole = archive();
        for at in (0..whole.len()).step_by(whole.len() / 400) {
            let mut changed = whole.clone();
            changed[at] ^= 0x10;
            assert!(read_bytes(&changed).0.is_err(), "byte {at} of {}", whole.len());
            assert!(read_bytes(&whole[..at]).0.is_err(), "cut at {at}");
        }
    }

    #[test]
    fn damage_is_named_with_its_member() {
        let mut changed = archive();
        let at = changed.len() / 2; // The noise takes most of the room, and is kept as it is.
        changed[at] ^= 1;
        let said = read_bytes(&changed).0.unwrap_err().to_string();
        assert!(said.contains("damaged within `a/noise`"), "{said}");
        let said = read_bytes(&archive()[..at]).0.unwrap_err().to_string();
        assert!(said.contains("cut off within `a/noise`"), "{said}");
    }

    /// A small one, so that every byte of every frame can be turned: header, tar's own header, content, checksum.
    #[test]
    fn any_changed_byte_is_told_with_the_member_that_it_is_in_or_behind() {
        let members = [("FORMAT", "format 1\n"), ("metrics/wal/0000000001.wal", "abc"), ("state.db", "")];
        let mut writer = Writer::begin(Vec::new(), 0).unwrap();
        for (name, content) in members {
            writer.member(name, content.len() as u64, content.as_bytes()).unwrap();
        }
        let content = members.map(|(name, content)| (name.to_owned(), content.as_bytes().to_vec()));
        let describe = |members| Manifest {
            begun_at: String::new(),
            lingshao: String::new(),
            host: String::new(),
            data: PathBuf::new(),
            members,
        };
        let whole = writer.finish(describe).unwrap().0;
        let begins = |at: &usize| whole[*at..].starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
        let frames: Vec<usize> = (0..whole.len()).filter(begins).collect();
        let names = [HEAD, members[0].0, members[1].0, members[2].0, LIST];
        assert!(names.len() <= frames.len(), "a frame a member, and one for the end: {frames:?}");
        for at in 0..whole.len() {
            let frame = frames.iter().rposition(|begin| *begin <= at).unwrap();
            let around: Vec<&str> = names.iter().skip(frame.saturating_sub(1)).take(2).copied().collect();
            for mask in [1, 0x10, 0xff] {
                let mut changed = whole.clone();
                changed[at] ^= mask;
                let (read, kept) = read_bytes(&changed);
                let Err(error) = read else {
                    // A frame has some bits that nobody needs.
                    assert_eq!(kept.0, content, "byte {at}, {mask}");
                    continue;
                };
                let said = error.to_string();
                let is_told = around.iter().any(|name| said.contains(&format!("`{name}`")));
                assert!(is_told || frame == 0, "byte {at}, {mask}, near {around:?}: {said}");
            }
        }
    }

    #[test]
    fn strangers_and_newer_ones_are_told_apart() {
        let said = |bytes: &[u8]| read_bytes(bytes).0.unwrap_err().to_string();
        assert!(said(b"hello").ends_with("is no backup of Lingshao"), "{}", said(b"hello"));
        assert!(said(b"").ends_with("is no backup of Lingshao"), "{}", said(b""));
        let mut out = Vec::new();
        let mut encoder = Encoder::new(&mut out, 1).unwrap();
        let mut newer = Builder::new(&mut encoder);
        let mut header = Header::new_gnu();
        header.set_size(25);
        newer.append_data(&mut header, "BACKUP", &b"lingshao backup\nformat 2\n"[..]).unwrap();
        newer.finish().unwrap();
        drop(newer);
        encoder.finish().unwrap();
        assert!(said(&out).contains("has format 2, this release knows 1"), "{}", said(&out));
    }

    /// A backup is not trusted with paths: it may come from somebody who means us ill.
    #[test]
    fn names_that_leave_the_folder_are_refused() {
        let mut writer = Writer::begin(Vec::new(), 0).unwrap();
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_size(1);
        header.as_gnu_mut().unwrap().name[..9].copy_from_slice(b"../escape");
        header.set_cksum();
        writer.tar.append(&header, &b"x"[..]).unwrap();
        let bytes = writer.tar.into_inner().unwrap().end().unwrap();
        let (read, kept) = read_bytes(&bytes);
        assert!(read.unwrap_err().to_string().contains("`../escape` is not what Lingshao writes"));
        assert_eq!(kept.0, []);
    }
}
