//! The owner task: a tick every so often, one out of turn when somebody asks, another shop when the configuration changes.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use anyhow::{Context, anyhow};
use lingshao_shop::sql::{Database, Shop};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::desk::Desk;
use super::handle::ShopHandle;
use super::hands::{Hands, HttpHand};
use super::keeper::Keeper;
use super::keeper::by_hand::not_done;
use super::provider::Provider;
use super::telemetry::Facts;
use super::view::View;
use crate::clock::now;
use crate::config::shop::Shop as Config;
use crate::failure::with_causes;
use crate::logs::Logs;
use crate::scrape::Render;
use crate::state::{Location, ShopStore};

/// What the act under way has to come to its end; whatever is left is found by the next life.
const END_TIMEOUT: Duration = Duration::from_secs(8);
/// Without `state.db` nothing can be done; it is tried again after that.
const PAUSE_WITHOUT_STATE: Duration = Duration::from_secs(5);

/// A configuration, checked.
#[derive(Debug)]
pub(crate) struct Settings {
    config: Config,
    provider: Provider,
    http: Option<HttpHand>,
}

impl Settings {
    /// Reads keys and certificates; `None` without a shop.
    pub(crate) fn new(config: Option<&Config>) -> anyhow::Result<Option<Settings>> {
        let Some(config) = config else { return Ok(None) };
        let failed = |why: String| anyhow!("`shop`: {why}");
        Ok(Some(Settings {
            config: config.clone(),
            provider: Provider::new(&config.provider).map_err(failed)?,
            http: config.order_timeout.http.as_ref().map(HttpHand::new).transpose().map_err(failed)?,
        }))
    }
}

/// What does not change while the process runs.
#[derive(Clone, Debug)]
struct House {
    location: Location,
    data: PathBuf,
    logs: Arc<Logs>,
    facts: Arc<Facts>,
}

/// How often brakes of others are looked at: a small read of a local file.
const HEED_EVERY: Duration = Duration::from_secs(1);

enum Order {
    Replace { settings: Option<Box<Settings>>, done: oneshot::Sender<()> },
    Stop,
}

/// The owner at work.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) handle: ShopHandle,
    orders: mpsc::Sender<Order>,
    task: JoinHandle<()>,
}

/// Puts another configuration in force.
#[derive(Clone, Debug)]
pub(crate) struct Replacer(mpsc::Sender<Order>);

impl Replacer {
    /// At once; an act under way comes to its end as it was begun.
    pub(crate) async fn replace(&self, settings: Option<Settings>) {
        let (done, waiting) = oneshot::channel();
        let order = Order::Replace { settings: settings.map(Box::new), done };
        // An error means that the process is ending.
        if self.0.send(order).await.is_ok() {
            drop(waiting.await);
        }
    }
}

impl Running {
    /// `state.db` has been opened before; the shop's database is connected to when it is first asked.
    pub(crate) fn start(
        settings: Option<Settings>,
        location: Location,
        data: &Path,
        logs: Arc<Logs>,
    ) -> Result<Running, anyhow::Error> {
        let facts = Arc::<Facts>::default();
        let house = House { location, data: data.to_owned(), logs, facts: facts.clone() };
        let desk = settings.map(|settings| house.desk(settings)).transpose()?;
        let (desks, desk) = watch::channel(desk);
        let (views, view) = watch::channel(None);
        let (orders, ends) = mpsc::channel(1); // The reloader, and the end.
        let handle = ShopHandle::new(desk, view, facts)?;
        let task = tokio::spawn(Owner { house, desks, views }.run(ends));
        Ok(Running { handle, orders, task })
    }

    /// For the reloader.
    pub(crate) fn replacer(&self) -> Replacer {
        Replacer(self.orders.clone())
    }

    /// Lets the act under way come to its end.
    pub(crate) async fn stop(mut self) {
        self.handle.end();
        // An error means that it has ended already.
        drop(self.orders.send(Order::Stop).await);
        if timeout(END_TIMEOUT, &mut self.task).await.is_err() {
            tracing::warn!(
                "an act on the shop did not come to its end in time; the next start goes on with it"
            );
            self.task.abort();
        }
    }
}

/// The page of business metrics.
pub(crate) fn page(handle: &ShopHandle) -> Render {
    let handle = handle.clone();
    Arc::new(move |out: &mut Vec<u8>| handle.render(out))
}

impl House {
    fn desk(&self, settings: Settings) -> anyhow::Result<Arc<Desk>> {
        let Settings { config, provider, http } = settings;
        let database = Database::new(config.database.reveal()).context("the shop's database")?;
        let shop = Shop::new(database, config.mapping.clone()).map_err(|findings| {
            let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
            anyhow!("the shop's mapping: {}", findings.join("; "))
        })?;
        let store = Arc::new(ShopStore::new(self.location.clone(), config.name.as_str()));
        let (logs, facts) = (self.logs.clone(), self.facts.clone());
        let hands = Hands { shop, provider, store: store.clone(), http, logs, facts };
        let kill_switch = config.kill_switch.clone().unwrap_or_else(|| self.data.join("shop.stop"));
        let desk = Arc::new(Desk::new(config, hands, store, kill_switch, self.location.member.clone()));
        if desk.member.is_some() {
            tokio::spawn(heed_others(Arc::downgrade(&desk)));
        }
        Ok(desk)
    }
}

/// A brake that is pulled in another process of those that share `state.db` holds here, too, within a second.
async fn heed_others(desk: Weak<Desk>) {
    while let Some(desk) = desk.upgrade() {
        let words = desk.words();
        match desk.store.remembered().await {
            Ok(remembered) => drop(desk.heed(&remembered, words)),
            Err(error) => tracing::debug!(error = %with_causes(&error), "brakes of others are not known"),
        }
        drop(desk);
        tokio::time::sleep(HEED_EVERY).await;
    }
}

struct Owner {
    house: House,
    desks: watch::Sender<Option<Arc<Desk>>>,
    views: watch::Sender<Option<Arc<View>>>,
}

/// What orders have changed, while a tick may have been under way.
#[derive(Default)]
struct Meanwhile {
    ends: bool,
    /// Another shop is in force, or none.
    is_replaced: bool,
    /// Whose connections the tick may still have needed.
    retired: Vec<Arc<Desk>>,
}

impl Owner {
    async fn run(self, mut orders: mpsc::Receiver<Order>) {
        let mut keeper = None;
        let mut due = Instant::now();
        loop {
            let desk = self.desks.borrow().clone();
            let woken = async {
                match &desk {
                    Some(desk) => tokio::select! {
                        () = sleep_until(due) => desk.clone(),
                        () = desk.wake.notified() => desk.clone(),
                    },
                    None => std::future::pending().await,
                }
            };
            let mut meanwhile = Meanwhile::default();
            tokio::select! {
                order = orders.recv() => self.heed(order, &mut meanwhile),
                desk = woken => {
                    let begun = Instant::now();
                    meanwhile = self.tick(&desk, &mut keeper, &mut orders).await;
                    due = begun + pause(&desk, keeper.is_some());
                }
            }
            if meanwhile.is_replaced {
                (keeper, due) = (None, Instant::now());
            }
            for desk in meanwhile.retired {
                self.pass_on(&desk).await;
                tokio::spawn(async move { desk.hands.shop.close().await });
            }
            if meanwhile.ends {
                let desk = self.desks.borrow().clone();
                return leave(desk).await;
            }
        }
    }

    /// One tick, beside which orders are heard: whoever reloads does not wait for it. What it has begun comes to its end
    /// under the old configuration, before the new one does anything.
    async fn tick(
        &self,
        desk: &Arc<Desk>,
        keeper: &mut Option<Keeper>,
        orders: &mut mpsc::Receiver<Order>,
    ) -> Meanwhile {
        let mut meanwhile = Meanwhile::default();
        let work = async {
            if keeper.is_none() {
                *keeper = begin(desk).await;
            }
            match keeper {
                Some(keeper) => Some(keeper.tick().await),
                None => None,
            }
        };
        tokio::pin!(work);
        let view = loop {
            tokio::select! {
                view = &mut work => break view,
                order = orders.recv(), if !meanwhile.ends => {
                    self.heed(order, &mut meanwhile);
                    if meanwhile.ends || meanwhile.is_replaced {
                        desk.end();
                    }
                }
            }
        };
        if let (Some(view), false) = (view, meanwhile.is_replaced) {
            self.views.send_replace(Some(Arc::new(view)));
        }
        meanwhile
    }

    /// What a person had ordered and a reload has cut off is for the next configuration of the same shop.
    async fn pass_on(&self, retired: &Desk) {
        let desk = self.desks.borrow().clone();
        for wanted in retired.take_wanted() {
            match desk.as_ref().filter(|desk| desk.is_same_shop(retired)) {
                Some(desk) => desk.want_again(wanted),
                None => not_done(retired, wanted, "another shop is configured").await,
            }
        }
    }

    fn heed(&self, order: Option<Order>, meanwhile: &mut Meanwhile) {
        match order {
            None | Some(Order::Stop) => meanwhile.ends = true,
            Some(Order::Replace { settings, done }) => {
                self.replace(settings, meanwhile);
                // Whoever reloads may have gone.
                done.send(()).ok();
            }
        }
    }

    fn replace(&self, settings: Option<Box<Settings>>, meanwhile: &mut Meanwhile) {
        let before = self.desks.borrow().clone();
        let same = match (&before, &settings) {
            (None, None) => true,
            // Files may have other keys in them under the same names.
            (Some(desk), Some(settings)) => {
                desk.config == settings.config && desk.hands.provider.keys() == settings.provider.keys()
            }
            _ => false,
        };
        if same {
            return;
        }
        let desk = match settings.map(|settings| self.house.desk(*settings)).transpose() {
            Ok(desk) => desk,
            Err(error) => {
                // It was checked before; only a bug leads here.
                tracing::error!(%error, "the shop's new configuration cannot be used; the old one stays");
                return;
            }
        };
        if let (Some(before), Some(desk)) = (&before, &desk)
            && desk.is_same_shop(before)
        {
            desk.inherit(before);
        }
        self.desks.send_replace(desk);
        self.views.send_replace(None);
        meanwhile.is_replaced = true;
        meanwhile.retired.extend(before);
    }
}

/// From the beginning of a tick to the next; `has_state`: it could begin at all.
fn pause(desk: &Desk, has_state: bool) -> Duration {
    if !has_state {
        return PAUSE_WITHOUT_STATE;
    }
    Duration::from_millis(u64::try_from(desk.config.every.0).unwrap_or(0))
}

/// Another process may go on at once.
async fn leave(desk: Option<Arc<Desk>>) {
    let Some(desk) = desk else { return };
    let Some(member) = &desk.member else { return };
    if let Err(error) = desk.store.leave(member).await {
        tracing::debug!(error = %with_causes(&error), "the lead over the shop was not given back");
    }
}

async fn begin(desk: &Arc<Desk>) -> Option<Keeper> {
    match Keeper::start(desk.clone(), now()).await {
        Ok(keeper) => {
            let modes: Vec<String> = super::Monitor::ALL
                .into_iter()
                .filter(|monitor| monitor.acts())
                .map(|monitor| format!("{}={}", monitor.name(), monitor.mode(&desk.config).name()))
                .collect();
            tracing::info!(shop = %desk.config.name, modes = %modes.join(" "), "business monitors started");
            Some(keeper)
        }
        Err(error) => {
            tracing::error!(error = %with_causes(&error), "the shop's monitors cannot start without state.db");
            None
        }
    }
}
