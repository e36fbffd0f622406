//! `lingshao backup`: a file that holds a data folder, and whether such a file is right.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use super::print;
use crate::backup::{self, Manifest, Request, megabytes};
use crate::config::{self, Config};
use crate::failure::Failure;

/// What to back up, or what to verify.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Folder that gets the backup, lingshao-DATE.tar.zst; best on another disk
    #[arg(long, value_name = "FOLDER", required_unless_present = "verify")]
    to: Option<PathBuf>,
    /// Deletes older backups in the folder until so many are left, the new one included
    #[arg(long, value_name = "N", requires = "to")]
    keep: Option<NonZeroUsize>,
    /// Leaves out `state.db`, for one that cannot be read any more: no silences, boards, sign-ins, ledger, audit trail.
    /// Not with --keep, which might delete the last backup that has them
    #[arg(long, requires = "to", conflicts_with = "keep")]
    without_state: bool,
    /// The data folder [default: what the config says, else lingshao-data]
    #[arg(long, env = "LINGSHAO_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// Config file that says where the data are
    #[arg(long, env = "LINGSHAO_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Reads all of a backup instead, and all files within it, and says what is wrong with them
    #[arg(long, value_name = "BACKUP", conflicts_with = "to")]
    verify: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let runtime = crate::run::runtime()?;
    if let Some(path) = &arguments.verify {
        let manifest = runtime.block_on(backup::verify(path))?.whole(path)?;
        return print(&format!("{} is right: {}\n", path.display(), described(&manifest)));
    }
    // Without a word about its warnings: every night's backup would repeat them by mail.
    let config = match &arguments.config {
        Some(file) => config::load(file).map_err(Failure::input)?.config,
        None => Config::without_file(),
    };
    let request = Request {
        data: crate::run::data_folder(arguments.data.as_deref(), &config),
        state: config.state.path(),
        target: arguments.to.clone().unwrap_or_default(),
        without_state: arguments.without_state,
        keep: arguments.keep.map(NonZeroUsize::get),
    };
    let taken = runtime.block_on(backup::take(&request))?;
    for warning in &taken.warnings {
        // The backup is made, and its line on stdout is what counts.
        drop(writeln!(io::stderr(), "warning: {warning}"));
    }
    let mut text = format!(
        "{}: {}, {} on disk, verified\n",
        taken.path.display(),
        described(&taken.manifest),
        megabytes(taken.bytes)
    );
    for path in &taken.deleted {
        text += &format!("deleted {}\n", path.display());
    }
    print(&text)
}

/// What is in a backup, in a line.
pub(super) fn described(manifest: &Manifest) -> String {
    format!(
        "{} files, {}, of {} on {} as of {}",
        manifest.members.len(),
        megabytes(manifest.bytes()),
        manifest.data.display(),
        manifest.host,
        manifest.begun_at
    )
}
