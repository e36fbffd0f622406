//! `lingshao upgrade --check`: whether this version can take over.

use std::path::PathBuf;

use super::{Outcome, print};
use crate::check::Language;
use crate::failure::Failure;
use crate::upgrade::{self, Site};

/// Where the version before has run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only looks, which is all that there is: an upgrade is a new binary and a restart
    #[arg(long, required = true)]
    check: bool,
    /// Config file that is used
    #[arg(long, env = "LINGSHAO_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data folder [default: what the config says, else lingshao-data]
    #[arg(long, env = "LINGSHAO_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let site = Site::new(arguments.config.as_deref(), arguments.data.as_deref());
    let report = crate::run::runtime()?.block_on(upgrade::check(&site, Language::of_environment()));
    let mut text: String = report.lines.iter().map(|line| format!("{line}\n")).collect();
    report.refusals.iter().for_each(|refusal| text += &format!("refused: {refusal}\n"));
    let is_possible = report.refusals.is_empty();
    text += if is_possible { "this version can take over\n" } else { "this version cannot take over\n" };
    print(&text)?;
    Ok(if is_possible { Outcome::Done } else { Outcome::Wrong })
}
