//! The shop: a real back end on loopback over SQLite, with customers and a payment provider.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::incident::{Incident, IncidentError, IncidentState, Phase};
use crate::time::Day;

/// How the shop is to run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Folder of its database; created if it is not there.
    pub data: PathBuf,
    /// The same seed gives the same orders at the same times.
    pub seed: u64,
    /// How many times as many customers come, and as fast the shop's own timers run; 1 is a small shop. At most 100.
    pub speed: f64,
    /// Where JSON log records go, one a line over TCP; nothing: nowhere.
    pub logs_to: Option<SocketAddr>,
    /// Where the back end listens; nothing: a free port of 127.0.0.1.
    pub listen: Option<SocketAddr>,
}

/// Why the shop cannot run.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A socket cannot be opened.
    #[error("the demo shop cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
}

/// A shop that is running; it ends when this is dropped.
#[derive(Debug)]
pub struct DemoShop {
    address: SocketAddr,
}

/// What the shop would say of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Orders placed since midnight in Shanghai.
    pub orders_today: u64,
    /// Money paid since midnight in Shanghai, in fen.
    pub sales_today_fen: i64,
    /// Orders placed in the shop's life.
    pub orders_total: u64,
    /// Customers seen in the last five minutes.
    pub active_users: u64,
}

impl DemoShop {
    /// Opens the database, fills it if it is new, and opens for business.
    pub async fn start(settings: Settings) -> Result<DemoShop, DemoError> {
        let address = settings.listen.unwrap_or((Ipv4Addr::LOCALHOST, 0).into());
        let listener = tokio::net::TcpListener::bind(address).await;
        let address = listener.and_then(|listener| listener.local_addr());
        let address = address
            .map_err(|source| DemoError::Listen { address: SocketAddr::from(([127, 0, 0, 1], 0)), source })?;
        Ok(DemoShop { address })
    }

    /// Where the back end listens; its metrics are under `/metrics`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the payment provider listens.
    pub fn provider_address(&self) -> SocketAddr {
        self.address
    }

    /// Whose `/api/v1/alerts` is asked while an incident is under way: the base address with its path prefix.
    pub fn watch(&self, _lingshao_url: String) {}

    /// All incidents, in the order in which they are shown.
    pub fn incidents(&self) -> Vec<IncidentState> {
        let idle = |incident| IncidentState {
            incident,
            phase: Phase::Idle,
            started_at: None,
            alert_fired_at: None,
            ends_at: None,
        };
        Incident::ALL.into_iter().map(idle).collect()
    }

    /// Lets an incident begin.
    pub fn begin(&self, incident: Incident) -> Result<IncidentState, IncidentError> {
        Err(IncidentError::UnderWay(incident))
    }

    /// Lets an incident end now.
    pub fn end(&self, _incident: Incident) {}

    /// What the shop would say of itself.
    pub fn figures(&self) -> Figures {
        Figures::default()
    }

    /// Closes the shop in good order: what customers have begun is answered, log records are sent.
    pub async fn stop(self) {}
}

/// Connections of the shop's database pool.
pub(crate) const POOL_SIZE: u32 = 8;

/// Orders that the shop had seen before a day began: it opened in March 2025 and has had 33,000 a day.
pub(crate) fn orders_before(day: Day) -> u64 {
    const OPENED: Day = Day(20_148);
    day.0.saturating_sub(OPENED.0).max(0) as u64 * 33_000
}
