//! `lingshao restore`: a data folder made of a backup.

use std::path::PathBuf;

use super::print;
use crate::backup;
use crate::failure::Failure;

/// Which backup, and where its data go.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The file that `lingshao backup` made
    backup: PathBuf,
    /// Folder for the data: empty, or not there yet
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let runtime = crate::run::runtime()?;
    let manifest = runtime.block_on(backup::restore(&arguments.backup, &arguments.data))?;
    let (described, data) = (super::backup::described(&manifest), arguments.data.display());
    print(&format!("restored {described}\nstart it with: lingshao run --data {data}\n"))
}
