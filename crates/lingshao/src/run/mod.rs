//! `lingshao run`: starts every part in order, waits for a signal, stops them in reverse.

mod alerting;
mod log_store;
mod maintain;
mod memory;
mod reload;
mod start;

pub(crate) use maintain::Waker;
pub(crate) use reload::request as request_reload;
pub(crate) use start::{Extras, Running, Site, data_folder, owner, start};

use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tracing_subscriber::EnvFilter;

use crate::app::ReloadRequest;
use crate::config::{self, Config};
use crate::failure::Failure;
use crate::supervisor::Supervisor;

/// Everything may be left out; then this host is watched.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Config file: lingshao.yml, or a plain prometheus.yml
    #[arg(long, env = "LINGSHAO_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Address of the web listener [default: 127.0.0.1:9090; port 0 takes a free one]
    #[arg(long, env = "LINGSHAO_LISTEN", value_name = "ADDR")]
    pub(crate) listen: Option<String>,
    /// Folder that keeps the data [default: lingshao-data]
    #[arg(long, env = "LINGSHAO_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Lets everybody who can reach the address do everything, without users
    #[arg(long, env = "LINGSHAO_INSECURE")]
    pub(crate) insecure: bool,
    /// Serves the page from this folder (web/dist), for whoever works on it
    #[arg(long, env = "LINGSHAO_UI_DIR", value_name = "DIR")]
    pub(crate) ui_dir: Option<PathBuf>,
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
    let config = configuration(arguments.config.as_deref())?;
    let runtime = runtime()?;
    let outcome = runtime.block_on(until_signal(arguments, config));
    end(runtime, outcome.map(Some))
}

/// What all parts run on.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .enable_all()
        .build()
        .context("cannot start the runtime")
        .map_err(Failure::environment)
}

async fn until_signal(arguments: Arguments, config: Config) -> Result<Running, Failure> {
    let mut signals = Signals::new()?;
    let site = Site::of(&arguments, &config).await?;
    let addresses = site.addresses();
    let running = start(site, arguments, config, Extras::default()).await?;
    // Only now, so that whoever waits for this line may send signals.
    crate::cli::print(&listening(&addresses))?;
    let supervisor = Arc::new(Supervisor::of_environment());
    supervisor.ready();
    signals.wait(running.reloads(), &supervisor).await;
    supervisor.stopping();
    tracing::info!("stopping");
    Ok(running.drain().await)
}

/// A line for each address.
pub(crate) fn listening(addresses: &[(&str, SocketAddr)]) -> String {
    addresses.iter().map(|(name, address)| format!("listening {name}={address}\n")).collect()
}

/// What a person or an init system says to a process.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    /// From now on they do not end the process by themselves.
    pub(crate) fn new() -> Result<Signals, Failure> {
        let of = |kind| {
            let context =
                |error| Failure::environment(anyhow::Error::new(error).context("cannot wait for signals"));
            signal(kind).map_err(context)
        };
        Ok(Signals {
            terminate: of(SignalKind::terminate())?,
            interrupt: of(SignalKind::interrupt())?,
            hang_up: of(SignalKind::hangup())?,
        })
    }

    /// Waits for SIGTERM or SIGINT.
    pub(crate) async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// The same; meanwhile, SIGHUP reads the config again, and whoever supervises us hears that we live.
    pub(crate) async fn wait(&mut self, reloads: &mpsc::Sender<ReloadRequest>, supervisor: &Arc<Supervisor>) {
        let mut pulse = supervisor.watchdog.map(tokio::time::interval);
        let mut beat = async || match &mut pulse {
            Some(pulse) => drop(pulse.tick().await),
            None => std::future::pending().await,
        };
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                () = beat() => {
                    // From a worker of the runtime: what answers requests has to be alive, not only this thread.
                    let supervisor = supervisor.clone();
                    tokio::spawn(async move { supervisor.alive() });
                }
                _ = self.hang_up.recv() => {
                    // The outcome is logged by the reloader; nobody waits for it here, or a slow disk would delay the
                    // end.
                    let (reloads, supervisor) = (reloads.clone(), supervisor.clone());
                    tokio::spawn(async move {
                        supervisor.reloading();
                        drop(reload::request(&reloads).await);
                        supervisor.ready();
                    });
                }
            }
        }
    }
}

/// Abandons what is still under way, then syncs; nothing if it ended before it began.
pub(crate) fn end(runtime: Runtime, outcome: Result<Option<Running>, Failure>) -> Result<(), Failure> {
    runtime.shutdown_timeout(ABANDON_TIMEOUT);
    outcome?.map_or(Ok(()), Running::finish)
}

/// The file's, or the one that watches this host.
fn configuration(file: Option<&Path>) -> Result<Config, Failure> {
    file.map_or_else(|| Ok(Config::without_file()), load)
}

/// Reads a file; its warnings go to stderr.
pub(crate) fn load(file: &Path) -> Result<Config, Failure> {
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

/// Sets the log up as the environment wants it.
pub(crate) fn log_to_stderr() -> Result<(), Failure> {
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
