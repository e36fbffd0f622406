//! `lingshao restore`: a data folder made of a backup.

use std::io::{self, Write};
use std::path::PathBuf;

use super::print;
use crate::backup::{self, Rotten};
use crate::failure::Failure;

/// Which backup, and where its data go.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The file that `lingshao backup` made
    backup: PathBuf,
    /// Folder for the data: empty, or not there yet
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Leaves out files that were damaged before they were backed up, instead of restoring nothing
    #[arg(long)]
    without_damaged: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let runtime = crate::run::runtime()?;
    let rotten = if arguments.without_damaged { Rotten::LeaveOut } else { Rotten::Refuse };
    let restored = runtime.block_on(backup::restore(&arguments.backup, &arguments.data, rotten))?;
    for damage in &restored.damage {
        // What was restored counts, and is said below.
        let kept = if damage.is_whole_file { "left out" } else { "what is right in it is read at the start" };
        drop(writeln!(io::stderr(), "warning: {}; {kept}", damage.what));
    }
    let (described, data) = (super::backup::described(&restored.manifest), arguments.data.display());
    print(&format!("restored {described}\nstart it with: lingshao run --data {data}\n"))
}
