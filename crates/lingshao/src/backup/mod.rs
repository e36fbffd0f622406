//! Backups: one file that holds a data folder as it was at one moment, and a data folder made of such a file.
//!
//! Contract: [`take`] needs no server and disturbs none. Everything that was acknowledged before it began is in the file,
//! which has its name only once it is whole, read back, and on disk. [`verify`] reads all of a file, and the storages' files
//! within it, and says what is wrong with them. [`restore`] makes a folder of a file that it has verified; a folder that is half restored is never taken for
//! a whole one.
//!
//! Why from outside and not through the server's API: it works the same on a server that runs, hangs, or was killed; it
//! needs no password and no server that may write files anywhere; and the storages need nothing for it that recovery
//! after a crash does not need ([`lingshao_disk::Picture`]). `state.db` is copied by SQLite.

mod archive;
mod content;
mod examine;
mod place;
mod progress;
mod restore;

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use lingshao_disk::{DataDir, Picture, Pictured, RealDisk};

use crate::clock::now;
use crate::failure::Failure;
use crate::state;
pub(crate) use archive::Manifest;
use archive::{ArchiveError, Sink, Writer};
pub(crate) use examine::Damage;
use examine::Examiner;
use place::Place;
use progress::Progress;
pub(crate) use progress::megabytes;
pub(crate) use restore::{Rotten, restore};

/// The member, and the file in a restored folder, wherever the original lies.
const STATE: &str = "state.db";
/// In every data folder: which layout it has.
const FORMAT: &str = "FORMAT";

/// Who may read a data folder.
const WHO: &str = "run it as the user who runs Lingshao, or as root";

/// Metrics and logs are worth a backup, too.
const STATE_REMEDY: &str = "if it is damaged, back up all else with --without-state";

/// What is to be backed up, and where to.
#[derive(Debug)]
pub(crate) struct Request {
    /// The data folder.
    pub(crate) data: PathBuf,
    /// `state.db`, if it does not lie in the folder.
    pub(crate) state: Option<PathBuf>,
    /// The folder that gets the file.
    pub(crate) target: PathBuf,
    /// It is left out.
    pub(crate) without_state: bool,
    /// How many backups stay there, this one included; `None`: all.
    pub(crate) keep: Option<usize>,
}

/// A backup that was made.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    pub(crate) manifest: Manifest,
    /// Older ones that were deleted.
    pub(crate) deleted: Vec<PathBuf>,
    /// For a person: what may not be as wished.
    pub(crate) warnings: Vec<String>,
}

/// Makes a backup.
pub(crate) async fn take(request: &Request) -> Result<Taken, Failure> {
    content::check(&request.data)?;
    let begun = now();
    let place = Place::claim(&request.target, &request.data, begun)?;
    let mut warnings = place.warnings(&request.data);
    let state_file = request.state.clone().unwrap_or_else(|| request.data.join(STATE));
    let state_copy = match request.without_state {
        true => None,
        false => copy_state(&state_file, &place.path(STATE)).await?,
    };
    if state_copy.is_none() {
        let why = if request.without_state { "is left out" } else { "is not there" };
        warnings.push(format!(
            "`{}` {why}: silences, boards, sessions, and the ledger and audit trail of the business monitors are not in it",
            state_file.display()
        ));
    }
    raise_open_files();
    let picture = Picture::take(&RealDisk::new(), &request.data, &content::turn)
        .with_context(|| format!("cannot read all of `{}`", request.data.display()))
        .map_err(|error| Failure::environment(error).remedy(WHO))?;
    warnings.extend(content::strangers(&picture.left_out));
    let written = place.path("archive");
    let manifest = write(&written, request, &picture, state_copy.as_deref(), begun).map_err(|error| {
        Failure::environment(error.context("cannot write the backup")).remedy("is the disk full?")
    })?;
    drop(picture);
    // What the disk gives back, not what was meant: a backup is looked at again when it is too late.
    let verified = verify_in(&written, &place).await?;
    warnings.extend(verified.damage.iter().map(|damage| {
        format!("{}; it was so in the data folder already, and the backup holds it as it is", damage.what)
    }));
    let (path, bytes) = place.publish(&written)?;
    let deleted =
        request.keep.map_or(Ok(Vec::new()), |keep| place::delete_old(&request.target, &path, keep))?;
    Ok(Taken { path, bytes, manifest, deleted, warnings })
}

/// A backup that is as it was written.
#[derive(Debug)]
pub(crate) struct Verified {
    pub(crate) manifest: Manifest,
    /// What was rotten before it was written.
    pub(crate) damage: Vec<Damage>,
}

impl Verified {
    /// Unless something in it was rotten.
    pub(crate) fn whole(self, path: &Path) -> Result<Manifest, Failure> {
        if self.damage.is_empty() {
            return Ok(self.manifest);
        }
        let lines: String = self.damage.iter().map(|damage| format!("\n  {}", damage.what)).collect();
        let error = anyhow::anyhow!(
            "backup `{}` holds files that were damaged before it was made:{lines}",
            path.display()
        );
        Err(Failure::input(error).remedy(
            "use an older backup, or leave out what is damaged: lingshao restore --without-damaged BACKUP --data DIR",
        ))
    }
}

/// Reads all of a backup, the storages' files and `state.db` in it; says what is wrong.
pub(crate) async fn verify(path: &Path) -> Result<Verified, Failure> {
    // Beside it, where there is room for it; a folder that cannot be written is no reason not to look.
    let place = Place::beside(path).map_err(Failure::environment)?;
    verify_in(path, &place).await
}

async fn verify_in(path: &Path, place: &Place) -> Result<Verified, Failure> {
    let room = place.path("read");
    DirBuilder::new().mode(0o700).create(&room).map_err(Failure::environment)?;
    let mut looking = Looking { examiner: Examiner::new(&room), progress: Progress::new("verified") };
    let manifest = archive::read(path, &mut looking)?;
    let damage = looking.examiner.finish();
    let within = |name: &str| format!("`{name}` within backup `{}`", path.display());
    DataDir::look(&RealDisk::new(), &room).with_context(|| within("FORMAT")).map_err(Failure::input)?;
    if room.join(STATE).exists() {
        let examined = state::copy::examine(&room.join(STATE)).await;
        examined.with_context(|| within(STATE)).map_err(Failure::input)?;
    }
    Ok(Verified { manifest, damage })
}

/// `None`: there is none.
async fn copy_state(from: &Path, to: &Path) -> Result<Option<PathBuf>, Failure> {
    if !from.try_exists().unwrap_or(true) {
        return Ok(None);
    }
    let copied = state::copy::copy(from, to).await;
    copied.map_err(|error| {
        Failure::environment(error).remedy(format!("{WHO}; is there room? {STATE_REMEDY}"))
    })?;
    // Before gigabytes are copied for nothing.
    let examined = state::copy::examine(to).await;
    examined
        .with_context(|| format!("`{}` cannot be backed up", from.display()))
        .map_err(|error| Failure::input(error).remedy(STATE_REMEDY))?;
    Ok(Some(to.to_owned()))
}

/// All files are open at once. Half a year of logs has some hundreds; a process may open 1,024 unless told otherwise.
fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Where it may not be raised, opening says so.
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).ok();
}

fn write(
    path: &Path,
    request: &Request,
    picture: &Picture,
    state_copy: Option<&Path>,
    begun: lingshao_model::Timestamp,
) -> anyhow::Result<Manifest> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let out = io::BufWriter::with_capacity(1 << 20, file);
    let mut writer = Writer::begin(out, u64::try_from(begun.0 / 1000).unwrap_or(0))?;
    let mut progress = Progress::new("copied");
    for file in &picture.files {
        let name = file.path.to_string_lossy();
        let content = Content { file, offset: 0, progress: &mut progress };
        writer.member(&name, file.bytes, content).with_context(|| format!("`{name}`"))?;
    }
    if let Some(state) = state_copy {
        let file = File::open(state)?;
        writer.member(STATE, file.metadata()?.len(), file)?;
    }
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let (out, manifest) = writer.finish(|members| Manifest {
        begun_at: place::rfc3339(begun),
        lingshao: env!("CARGO_PKG_VERSION").to_owned(),
        host,
        data: std::path::absolute(&request.data).unwrap_or_else(|_| request.data.clone()),
        members,
    })?;
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok(manifest)
}

/// A file at the length that it had.
struct Content<'a> {
    file: &'a Pictured,
    offset: u64,
    progress: &'a mut Progress,
}

impl Read for Content<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut read = self.file.read_at(self.offset, into)?;
        if read == 0 {
            // The end of a log was taken back on a full disk. Nobody was promised it; zeros are cut off by recovery.
            read = usize::try_from(self.file.bytes - self.offset).unwrap_or(usize::MAX).min(into.len());
            into[..read].fill(0);
        }
        self.offset += read as u64;
        self.progress.add(read);
        Ok(read)
    }
}

/// Looks into all files.
struct Looking {
    examiner: Examiner,
    progress: Progress,
}

impl Sink for Looking {
    fn begin(&mut self, name: &str, _bytes: u64) -> io::Result<()> {
        self.examiner.begin(name)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.progress.add(bytes.len());
        self.examiner.write(bytes)
    }

    fn end(&mut self) -> io::Result<()> {
        self.examiner.end()
    }
}

impl From<ArchiveError> for Failure {
    fn from(error: ArchiveError) -> Failure {
        match error {
            ArchiveError::Read { .. } | ArchiveError::Write { .. } => Failure::environment(error),
            _ => Failure::input(error),
        }
    }
}
