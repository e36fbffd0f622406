//! `lingshao health`: for container health checks and people.

use std::time::Duration;

use anyhow::anyhow;

use super::{Server, client, print};
use crate::failure::Failure;

/// A server that is well answers in milliseconds. Less than the 5 s that `deploy/Dockerfile` allows: not everybody who asks by it
/// ends a question that lasts longer.
const PATIENCE: Duration = Duration::from_secs(4);

/// Whom to ask.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    server: Server,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let url = &arguments.server.url;
    let answer = client::ask_within(url, "/-/healthy", PATIENCE)?;
    if answer.status == 200 {
        return print("healthy\n");
    }
    let said = String::from_utf8_lossy(&answer.body);
    Err(Failure::environment(anyhow!(
        "{} answered {}: {}",
        client::without_password(url),
        answer.status,
        said.trim()
    )))
}
