//! `lingshao run`: starts every part in order, waits for a signal, stops them in reverse.

mod alerting;
mod maintain;
mod memory;
mod reload;
mod start;

pub(crate) use reload::request as request_reload;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::config::{self, Config};
use crate::failure::Failure;

/// Everything may be left out; then this host is watched.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Config file: lingshao.yml, or a plain prometheus.yml
    #[arg(long, env = "LINGSHAO_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address of the web listener [default: 127.0.0.1:9090; port 0 takes a free one]
    #[arg(long, env = "LINGSHAO_LISTEN", value_name = "ADDR")]
    listen: Option<String>,
    /// Folder that keeps the data [default: lingshao-data]
    #[arg(long, env = "LINGSHAO_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// Lets everybody who can reach the address do everything, without users
    #[arg(long, env = "LINGSHAO_INSECURE")]
    insecure: bool,
    /// Serves the page from this folder (web/dist), for whoever works on it
    #[arg(long, env = "LINGSHAO_UI_DIR", value_name = "DIR")]
    ui_dir: Option<PathBuf>,
}

/// What requests under way have to finish after SIGTERM.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(8);
/// What abandoned queries have to notice that they are.
const ABANDON_TIMEOUT: Duration = Duration::from_secs(1);
/// Blocking work at once: 20 queries, 8 decoders, the rules' evaluations, passwords, and room.
const BLOCKING_THREADS_MAX: usize = 48 + crate::rules::EVALUATIONS_MAX;

/// Runs until a signal ends it.
pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    log_to_stderr()?;
    crate::security::tls::install_provider();
    let config = configuration(&arguments)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .enable_all()
        .build()
        .context("cannot start the runtime")
        .map_err(Failure::environment)?;
    let outcome = runtime.block_on(until_signal(arguments, config));
    end(runtime, outcome)
}

async fn until_signal(arguments: Arguments, config: Config) -> Result<start::Running, Failure> {
    let environment =
        |error: io::Error| Failure::environment(anyhow::Error::new(error).context("cannot wait for signals"));
    let mut terminate = signal(SignalKind::terminate()).map_err(environment)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(environment)?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(environment)?;
    let running = start::start(arguments, config).await?;
    // Only now, so that whoever waits for this line may send signals.
    crate::cli::print(&format!("listening web={}\n", running.address))?;
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => {
                // The outcome is logged by the reloader; nobody waits for it here, or a slow disk would delay the end.
                let reloads = running.reloads.clone();
                tokio::spawn(async move { reload::request(&reloads).await });
            }
        }
    }
    tracing::info!("stopping");
    Ok(running.drain(DRAIN_TIMEOUT).await)
}

/// Abandons what is still under way, then syncs.
fn end(runtime: Runtime, outcome: Result<start::Running, Failure>) -> Result<(), Failure> {
    runtime.shutdown_timeout(ABANDON_TIMEOUT);
    outcome?.finish()
}

/// The file's, or the one that watches this host.
fn configuration(arguments: &Arguments) -> Result<Config, Failure> {
    let Some(file) = &arguments.config else { return Ok(Config::without_file()) };
    match config::load(file) {
        Ok(loaded) => {
            let mut stderr = io::stderr();
            for warning in &loaded.warnings {
                // Warnings are repeated by `lingshao check`; losing them is no reason not to start.
                drop(writeln!(stderr, "{warning}"));
            }
            Ok(loaded.config)
        }
        Err(invalid) => {
            let error = anyhow!("the config `{}` is not usable\n{invalid}", file.display());
            Err(Failure::input(error))
        }
    }
}

fn log_to_stderr() -> Result<(), Failure> {
    let wanted = std::env::var("LINGSHAO_LOG").unwrap_or_else(|_| "info".to_owned());
    let filter = EnvFilter::try_new(&wanted)
        .with_context(|| format!("LINGSHAO_LOG=`{wanted}` is no log filter"))
        .map_err(|error| Failure::input(error).remedy("write error, warn, info, debug or trace"))?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false);
    // Only a test that runs us twice in one process can have set it before.
    drop(subscriber.try_init());
    Ok(())
}
