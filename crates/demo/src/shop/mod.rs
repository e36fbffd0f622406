//! The shop: a real back end on loopback over SQLite, with customers and a payment provider.

mod books;
mod error;
mod groups;
mod jobs;
mod orders;
mod payments;
mod routes;
mod schema;
mod seed;
mod status;

#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tower_lingshao::{LogTo, Options, Telemetry};

pub(crate) use books::Books;
pub(crate) use groups::insert_rule;
pub(crate) use orders::oldest_unpaid;
pub(crate) use seed::remark;

use crate::customers::Customers;
use crate::desk::{Desk, Stage, Switches};
use crate::dice::{Dice, Purpose};
use crate::incident::{Incident, IncidentError, IncidentState};
use crate::plan;
use crate::provider::{Key, Merchant, NoRandomness, Provider};
use crate::rhythm::{Address, rhythm, slowdown};
use crate::time::{Clock, Day, Moment};
use error::ShopError;
use jobs::Job;
use schema::Database;

/// Connections of the shop's database pool.
pub(crate) const POOL_SIZE: u32 = 8;
/// The slowest and the fastest shop: beyond, a shop's timers are shorter than the rounds of its jobs.
const SPEED: std::ops::RangeInclusive<f64> = 0.1..=100.0;
/// The longest that rendering an answer takes.
const WORK_MAX: f64 = 1.5;
/// How long open connections may take to end.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// How the shop is to run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Folder of its databases; created if it is not there.
    pub data: PathBuf,
    /// The same seed means the same orders at the same times.
    pub seed: u64,
    /// How many times as many customers come, and as fast the shop's own timers run; 1 is a small shop. From 0.1 to 100.
    pub speed: f64,
    /// Where JSON log records go, one a line over TCP; nothing: nowhere.
    pub logs_to: Option<SocketAddr>,
    /// Where the back end listens; nothing: a free port of 127.0.0.1.
    pub listen: Option<SocketAddr>,
    /// Whether whoever watches the database closes unpaid orders, ends group buys that are out of time and gives money
    /// back, as litemall's mapping of the business monitors says; otherwise the shop does all of it itself.
    pub is_looked_after: bool,
}

/// Why the shop cannot run.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A socket cannot be opened.
    #[error("the demo shop cannot listen on {address}; choose another address, or end what uses it")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The folder cannot be made.
    #[error("the demo shop cannot make its folder `{path}`")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The database cannot be used.
    #[error(
        "the demo shop cannot use its database `{path}`; if it is damaged, delete it: the shop makes a new one"
    )]
    Database {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: sqlx::Error,
    },
    /// The speed makes no sense.
    #[error("a speed of {0} is not possible; choose one from 0.1 to 100")]
    Speed(f64),
    /// There are no keys for shop and provider.
    #[error("the demo shop cannot make keys: the system gives no random numbers")]
    Keys,
    /// There is no tokio runtime.
    #[error("the demo shop needs a tokio runtime")]
    Runtime,
}

/// A shop that is running; it ends when this is dropped.
#[derive(Debug)]
pub struct DemoShop {
    shop: Arc<Shop>,
    provider: Arc<Provider>,
    desk: Arc<Desk>,
    telemetry: Telemetry,
    address: SocketAddr,
    provider_address: SocketAddr,
    /// Of the shop's database.
    path: PathBuf,
    /// Jobs, customers and incidents.
    tasks: JoinSet<()>,
    servers: Vec<JoinHandle<()>>,
    /// Dropped when the servers are to end.
    open: watch::Sender<()>,
}

/// What the shop would say of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Orders placed since midnight in Shanghai.
    pub orders_today: u64,
    /// Money paid since midnight in Shanghai, in fen; refunds are not deducted.
    pub sales_today_fen: i64,
    /// Orders placed in the shop's life.
    pub orders_total: u64,
    /// Customers seen in the last five minutes.
    pub active_users: u64,
}

/// What requests and jobs share.
#[derive(Debug)]
pub(crate) struct Shop {
    pub(crate) database: Database,
    pub(crate) books: Arc<Books>,
    pub(crate) switches: Switches,
    pub(crate) seed: u64,
    pub(crate) speed: f64,
    pub(crate) is_looked_after: bool,
    pub(crate) clock: Clock,
    merchant: Merchant,
    /// What the provider signs with.
    provider_key: Key,
    address: SocketAddr,
    provider_address: SocketAddr,
    answers: AtomicU64,
}

impl Shop {
    /// Takes as long as the work of a real shop would. The database comes on top.
    async fn work(&self, address: Address) {
        let number = self.answers.fetch_add(1, Ordering::Relaxed);
        let route = address.route();
        let median = route.work_median * slowdown(rhythm(self.clock.now()));
        let seconds = Dice::new(self.seed, Purpose::Work, number).log_normal(median, route.work_sigma);
        tokio::time::sleep(Duration::from_secs_f64(seconds.min(WORK_MAX))).await;
    }

    /// Where the provider says what became of a payment.
    fn notify_url(&self, provider: plan::Provider) -> String {
        format!("http://{}/api/v1/payments/notify/{}", self.address, provider.as_str())
    }

    /// Where the customer confirms a payment.
    fn cashier(&self, out_trade_no: &str) -> String {
        format!("http://{}/cashier/{out_trade_no}", self.provider_address)
    }

    fn pool_available(&self) -> u32 {
        let pool = &self.database.pool;
        let in_use = pool.size().saturating_sub(pool.num_idle() as u32);
        POOL_SIZE.saturating_sub(in_use)
    }
}

impl DemoShop {
    /// Opens the database, fills it if it is new, and opens for business.
    pub async fn start(settings: Settings) -> Result<DemoShop, DemoError> {
        DemoShop::start_at(settings, Clock::default(), true).await
    }

    /// As [`start`](DemoShop::start), by another clock, and perhaps without customers.
    async fn start_at(settings: Settings, clock: Clock, with_customers: bool) -> Result<DemoShop, DemoError> {
        if !SPEED.contains(&settings.speed) {
            return Err(DemoError::Speed(settings.speed));
        }
        let folder = |source| DemoError::Folder { path: settings.data.clone(), source };
        std::fs::create_dir_all(&settings.data).map_err(folder)?;
        let (listener, address) = listen(settings.listen).await?;
        let (provider_listener, provider_address) = listen(None).await?;
        let keys = || Ok::<_, NoRandomness>((Key::generate()?, Key::generate()?));
        let (shop_key, provider_key) = keys().map_err(|_| DemoError::Keys)?;

        let path = settings.data.join("shop.db");
        let failed = |error| DemoError::Database { path: path.clone(), source: cause(error) };
        let database = Database::open(&path).await.map_err(|error| failed(error.into()))?;
        let seeded = seed::seed(&database, settings.seed, clock.now()).await.map_err(failed)?;
        jobs::renew_rules(&database, settings.speed, clock.now()).await.map_err(failed)?;
        let books = settings.data.join("provider.db");
        let provider = Provider::open(&books, (shop_key.clone(), provider_key.clone()), clock).await;
        let provider = provider.map_err(|source| DemoError::Database { path: books, source })?;

        let log_to = settings.logs_to.map_or(LogTo::Nowhere, |address| LogTo::Tcp(address.to_string()));
        let telemetry =
            Telemetry::start(Options { service: "lingxian".into(), log_to, ..Options::default() });
        let telemetry = telemetry.map_err(|_| DemoError::Runtime)?;
        let shop = Arc::new(Shop {
            database,
            books: Arc::new(Books::new(clock.now(), seeded.figures, settings.is_looked_after)),
            switches: Switches::default(),
            seed: settings.seed,
            speed: settings.speed,
            is_looked_after: settings.is_looked_after,
            clock,
            merchant: Merchant::new(provider_address, shop_key, clock),
            provider_key,
            address,
            provider_address,
            answers: AtomicU64::new(0),
        });
        let measured = Arc::clone(&shop);
        telemetry
            .collect(move |page| measured.books.write(page, measured.clock.now(), measured.pool_available()));

        let (open, closed) = watch::channel(());
        let router = routes::router(Arc::clone(&shop), &telemetry);
        let servers = vec![
            serve(listener, router, closed.clone()),
            serve(provider_listener, provider.router(), closed),
        ];
        if settings.is_looked_after {
            jobs::before_opening(&shop).await.map_err(failed)?;
        }
        let desk = Arc::new(Desk::new());
        let tasks = JoinSet::new();
        let mut running = DemoShop {
            shop,
            provider,
            desk,
            telemetry,
            address,
            provider_address,
            path,
            tasks,
            servers,
            open,
        };
        running.open_for_business(with_customers, seeded.until, seeded.pending);
        Ok(running)
    }

    fn open_for_business(
        &mut self,
        with_customers: bool,
        from: Moment,
        pending: Vec<(i64, plan::OrderPlan)>,
    ) {
        for job in Job::ALL.into_iter().filter(|job| !self.shop.is_looked_after || !job.is_left_to_others()) {
            self.tasks.spawn(job.run(Arc::clone(&self.shop), Arc::clone(&self.provider)));
        }
        let (shop, provider) = (Arc::clone(&self.shop), Arc::clone(&self.provider));
        let books = Arc::clone(&shop.books);
        let customers = Customers::new(self.address, shop.seed, shop.speed, shop.clock, books);
        if with_customers {
            self.tasks.spawn(customers.clone().come(from, pending));
        }
        self.tasks.spawn(Arc::clone(&self.desk).run(Stage { shop, provider, customers }));
    }

    /// Where the back end listens; its metrics are under `/metrics`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the payment provider listens.
    pub fn provider_address(&self) -> SocketAddr {
        self.provider_address
    }

    /// The file of its database.
    pub fn database(&self) -> &Path {
        &self.path
    }

    /// Whose `/api/v1/alerts` is asked while an incident is under way: the base address with its path prefix.
    pub fn watch(&self, lingshao_url: String) {
        self.desk.watch(lingshao_url);
    }

    /// All incidents, in the order in which they are shown.
    pub fn incidents(&self) -> Vec<IncidentState> {
        self.desk.states()
    }

    /// Lets an incident begin.
    pub fn begin(&self, incident: Incident) -> Result<IncidentState, IncidentError> {
        self.desk.begin(incident)
    }

    /// Lets an incident end now. One that is not running is left as it is.
    pub fn end(&self, incident: Incident) {
        self.desk.end(incident);
    }

    /// What the shop would say of itself.
    pub fn figures(&self) -> Figures {
        self.shop.books.figures(self.shop.clock.now())
    }

    /// Closes the shop in good order: what is being answered is answered, log records are sent, the time is noted.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
        drop(self.open);
        for server in self.servers {
            // A connection that somebody holds open does not keep the shop.
            let _ = tokio::time::timeout(CLOSE_PATIENCE, server).await;
        }
        if Job::RememberTime.round(&self.shop, &self.provider).await.is_err() {
            self.shop.books.job_failed(); // The next start fills a gap of some seconds more.
        }
        self.telemetry.close().await;
        self.shop.database.close().await;
        self.provider.close().await;
    }
}

/// What a failure of the database was caused by. Filling it meets no other failure.
fn cause(error: ShopError) -> sqlx::Error {
    match error {
        ShopError::Database(source) => source,
        other => sqlx::Error::Protocol(other.to_string()),
    }
}

async fn listen(wanted: Option<SocketAddr>) -> Result<(TcpListener, SocketAddr), DemoError> {
    let address = wanted.unwrap_or((Ipv4Addr::LOCALHOST, 0).into());
    let failed = |source| DemoError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

fn serve(listener: TcpListener, router: Router, mut closed: watch::Receiver<()>) -> JoinHandle<()> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let closing = async move {
        let _ = closed.changed().await; // Nothing is ever sent: this waits until the sender is gone.
    };
    tokio::spawn(async move {
        // Serving ends only when it is told to: axum tries again when accepting fails.
        let _ = axum::serve(listener, service).with_graceful_shutdown(closing).await;
    })
}

/// Orders that the shop had seen before a day began: it opened in March 2025 and has had 33,000 a day.
pub(crate) fn orders_before(day: Day) -> u64 {
    const OPENED: Day = Day(20_148);
    day.0.saturating_sub(OPENED.0).max(0) as u64 * 33_000
}
