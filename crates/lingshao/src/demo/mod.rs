//! `lingshao demo`: a shop with customers and everything that watches it, on this machine alone.
//!
//! Contract: the folder holds what a shop would write itself (`lingshao.yml`, rules, boards), written at each start and
//! read by the ordinary loader; the watching is that of `lingshao run`, which knows nothing of the demo but a handle.
//! The first start writes fourteen days of history, a later one what is missing since the last. Ctrl-C ends all of it.

mod folder;
mod handle;
mod history;
mod inbox;
mod services;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lingshao_demo::{DemoShop, Settings};
use tokio::net::TcpListener;

use crate::config::Listeners;
use crate::failure::Failure;
use crate::logs::doors::{Busy, Doors};
use crate::run::{self, Extras, Running, Signals, Site};
use crate::server::listen;
use crate::supervisor::Supervisor;

pub(crate) use handle::{BeginError, DemoHandle};
pub(crate) use history::History;

/// Where everything lies when nobody says otherwise.
const FOLDER_DEFAULT: &str = "lingshao-demo";
/// Where log records come in, besides the web listener, when these ports are free.
const ELASTICSEARCH: &str = "127.0.0.1:9200";
/// The shop ships its request log there, as every shop of the plan does.
const LOGSTASH: &str = "127.0.0.1:5000";
const OTLP: &str = "127.0.0.1:4317";
/// How much faster than life a demo may run, and slower.
const SPEEDS: std::ops::RangeInclusive<f64> = 0.1..=100.0;

/// Everything may be left out.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Address of the web listener [default: 127.0.0.1:9090, or a free port if that is taken]
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Folder for configuration, data and the shop's database
    #[arg(long, value_name = "DIR", default_value = FOLDER_DEFAULT)]
    data: PathBuf,
    /// The same seed gives the same orders
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How many times faster customers come and the shop's timers run, 0.1 to 100
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = speed)]
    speed: f64,
    /// Serves the page from this folder (web/dist), for whoever works on it
    #[arg(long, env = "LINGSHAO_UI_DIR", value_name = "DIR")]
    ui_dir: Option<PathBuf>,
}

fn speed(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| SPEEDS.contains(number));
    number.ok_or_else(|| format!("a number from {} to {} is needed", SPEEDS.start(), SPEEDS.end()))
}

/// Runs until a signal ends it.
pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    run::log_to_stderr()?;
    crate::security::tls::install_provider();
    let runtime = run::runtime()?;
    let outcome = runtime.block_on(until_signal(arguments));
    run::end(runtime, outcome)
}

async fn until_signal(arguments: Arguments) -> Result<Option<Running>, Failure> {
    let mut signals = Signals::new()?;
    let cancel = Arc::new(AtomicBool::new(false));
    let (running, demo, addresses) = tokio::select! {
        started = start(&arguments, &cancel) => started?,
        () = signals.end() => {
            cancel.store(true, Ordering::Relaxed);
            tracing::info!("stopped before the demo was ready");
            return Ok(None);
        }
    };
    crate::cli::print(&announcement(&addresses, running.address()))?;
    signals.wait(running.reloads(), &Arc::new(Supervisor::of_environment())).await;
    tracing::info!("stopping");
    demo.close_shop().await;
    // The fakes go last: what is told at the end is still received.
    let drained = running.drain().await;
    drop(demo);
    Ok(Some(drained))
}

type Started = (Running, DemoHandle, Vec<(&'static str, SocketAddr)>);

async fn start(arguments: &Arguments, cancel: &Arc<AtomicBool>) -> Result<Started, Failure> {
    let (wanted, listener) = open(arguments.listen.as_deref()).await?;
    // Before anything is written: another demo may be running on the same folder.
    let listeners = Listeners {
        elasticsearch: Some(ELASTICSEARCH.to_owned()),
        logstash: Some(LOGSTASH.to_owned()),
        otlp: Some(OTLP.to_owned()),
        ..Listeners::default()
    };
    let doors = Doors::open(&listeners, false, false, Busy::TakeAnother).await?;
    let logs_to =
        doors.addresses().into_iter().find(|(name, _)| *name == "logstash").map(|(_, address)| address);
    let site = Site::claim(arguments.data.join("data"), listener, doors)?;
    let addresses = site.addresses();
    let services = services::Services::start().map_err(Failure::environment)?;
    let settings = Settings {
        data: arguments.data.join("shop"),
        seed: arguments.seed,
        speed: arguments.speed,
        logs_to,
        listen: None,
        is_looked_after: true,
    };
    let shop = DemoShop::start(settings).await.map_err(Failure::environment)?;
    let shown = folder::Shop {
        address: shop.address(),
        provider: shop.provider_address(),
        database: shop.database().to_owned(),
        speed: arguments.speed,
    };
    let file = folder::write(&arguments.data, &shown, &services)?;
    let config = run::load(&file)?;
    let history =
        History { seed: arguments.seed, orders_total: shop.figures().orders_total, cancel: cancel.clone() };
    let address = site.address();
    shop.watch(format!("http://{}", if address.ip().is_unspecified() { loopback(address) } else { address }));
    let demo = DemoHandle::new(shop, services, arguments.speed);
    let run_arguments = run::Arguments {
        config: Some(file),
        listen: Some(wanted),
        data: None,
        insecure: false,
        ui_dir: arguments.ui_dir.clone(),
    };
    let extras = Extras { demo: Some(demo.clone()), history: Some(history) };
    let running = run::start(site, run_arguments, config, extras).await?;
    Ok((running, demo, addresses))
}

fn loopback(address: SocketAddr) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], address.port()))
}

/// The address that was asked for, or the usual one, or a free port if that is taken; and how it would be written.
async fn open(listen: Option<&str>) -> Result<(String, TcpListener), Failure> {
    if let Some(wanted) = listen {
        let address = listen::parse(wanted)?;
        // There are no users in a demo; whoever reaches it may do everything.
        listen::check_reach(address, false, false).map_err(|failure| {
            failure.remedy("a demo has no users: listen on 127.0.0.1, or run `lingshao run` with `web.users`")
        })?;
        return Ok((wanted.to_owned(), listen::bind(address).await?));
    }
    match TcpListener::bind(listen::LISTEN_DEFAULT).await {
        Ok(listener) => Ok((listen::LISTEN_DEFAULT.to_owned(), listener)),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let free = SocketAddr::from(([127, 0, 0, 1], 0));
            Ok((free.to_string(), listen::bind(free).await?))
        }
        Err(_) => Ok((
            listen::LISTEN_DEFAULT.to_owned(),
            listen::bind(listen::parse(listen::LISTEN_DEFAULT)?).await?,
        )),
    }
}

/// What whoever typed the command reads first.
fn announcement(addresses: &[(&str, SocketAddr)], address: SocketAddr) -> String {
    let listening = run::listening(addresses);
    format!(
        "{listening}\n\
         实时监控面板  http://{address}/\n\
         Live board    http://{address}/\n\n\
         按 Ctrl-C 结束 · Ctrl-C ends it\n"
    )
}

/// Where the configuration of a demo in this folder lies.
fn config_file(folder: &Path) -> PathBuf {
    folder.join("lingshao.yml")
}
