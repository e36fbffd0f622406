//! `lingshao check`: what is wrong in files, before they are used.

use std::path::PathBuf;

use lingshao_promql::lint::Live;

use super::{Outcome, config_default, print};
use crate::check::live::Remote;
use crate::check::{self, Finding, Language};
use crate::config::Severity;
use crate::failure::Failure;

/// Which files, how strict, and in which words.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Files to check; known by their content [default: lingshao.yml]
    files: Vec<PathBuf>,
    /// Warnings count as errors
    #[arg(long)]
    strict: bool,
    /// Language of the findings [default: Chinese if LC_ALL or LANG begin with zh, else English]
    #[arg(long, value_enum)]
    lang: Option<Lang>,
    /// Also asks a running server: unknown metrics, unsafe bucket bounds, floods
    ///
    /// Name and password may stand in the URL (http://NAME:PASSWORD@HOST:PORT).
    #[arg(long, value_name = "URL")]
    live: Option<String>,
    /// How to print what was found; JSON holds both languages
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Lang {
    Zh,
    En,
}

/// Prints nothing when nothing is wrong.
pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let fallback = [config_default()];
    let files = if arguments.files.is_empty() { &fallback[..] } else { &arguments.files };
    let remote = arguments.live.as_deref().map(Remote::ask).transpose()?;
    let live = remote.as_ref().map(|remote| remote as &dyn Live);
    let findings = check::files::check(files, live);
    let language = match arguments.lang {
        Some(Lang::Zh) => Language::Zh,
        Some(Lang::En) => Language::En,
        None => Language::of_environment(),
    };
    print(&match arguments.format {
        Format::Text => check::text(&findings, language),
        Format::Json => format!("{}\n", check::json(&findings)),
    })?;
    let is_wrong = |finding: &Finding| arguments.strict || finding.severity == Severity::Error;
    Ok(if findings.iter().any(is_wrong) { Outcome::Wrong } else { Outcome::Done })
}
