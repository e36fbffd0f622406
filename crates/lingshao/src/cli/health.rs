//! `lingshao health`: for container health checks and people.

use anyhow::anyhow;

use super::{Server, client, print};
use crate::failure::Failure;

/// Whom to ask.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    server: Server,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let url = &arguments.server.url;
    let answer = client::ask(url, "/-/healthy", &[])?;
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
