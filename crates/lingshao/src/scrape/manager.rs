//! The one task that owns the set of targets.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;

use lingshao_model::Labels;
use lingshao_wire::prometheus_config::{FileSd, ScrapeConfig, TargetGroup};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinSet, spawn_blocking};

use super::client::Job;
use super::discovery::{FileWatch, LOOK_INTERVAL};
use super::target::{Target, Targets};
use super::worker::{Context, Handle, Plan, Source, Worker, set_targets};
use super::{
    DatabaseJob, DatabaseTarget, HostSettings, OwnJob, OwnPage, PoolView, ScrapeTelemetry, Settings, Sinks,
    add, host_page,
};
use crate::clock::now;
use crate::collect::database::Database;
use crate::config::CollectHost;

/// Files of a job name other targets now.
#[derive(Debug)]
struct Found {
    job: String,
    generation: u64,
    groups: Groups,
}

/// News from files that wait for the manager; a discovery task waits when there are more.
const FOUND_MAX: usize = 16;

/// Target groups with the labels of where each was found.
type Groups = Vec<(TargetGroup, Vec<(String, String)>)>;

/// Owns the targets.
#[derive(Debug)]
pub(super) struct Manager {
    context: Arc<Context>,
    own_jobs: Vec<OwnJob>,
    pools: BTreeMap<String, Pool>,
    published: watch::Sender<Arc<Vec<PoolView>>>,
    found: mpsc::Sender<Found>,
    inbox: mpsc::Receiver<Found>,
    workers: JoinSet<()>,
    generation: u64,
    host_name: String,
}

/// One job.
#[derive(Debug)]
struct Pool {
    origin: Origin,
    groups: Groups,
    discovery: Option<Discovery>,
    running: HashMap<(Labels, String), Running>,
    view: PoolView,
}

/// Where a job's targets and pages come from.
#[derive(Clone, Debug)]
enum Origin {
    Job(Arc<Job>),
    Own(OwnPage, Arc<ScrapeConfig>),
    Host(OwnPage, Arc<ScrapeConfig>, CollectHost),
    Databases(Vec<(Arc<Database>, Target)>, Arc<ScrapeConfig>),
}

#[derive(Debug)]
struct Running {
    plan: watch::Sender<Arc<Plan>>,
    handle: Arc<Handle>,
}

/// A task that looks at files; ends with this.
#[derive(Debug)]
struct Discovery {
    files: Vec<FileSd>,
    generation: u64,
    task: AbortHandle,
}

impl Drop for Discovery {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Manager {
    pub(super) fn new(
        sinks: Sinks,
        telemetry: Arc<ScrapeTelemetry>,
        published: watch::Sender<Arc<Vec<PoolView>>>,
    ) -> Manager {
        let (found, inbox) = mpsc::channel(FOUND_MAX);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let context = Context {
            db: sinks.db,
            telemetry,
            budget: super::fetch::Budget::default(),
            cores: Arc::new(Semaphore::new(cores)),
        };
        Manager {
            context: Arc::new(context),
            own_jobs: sinks.own_jobs,
            pools: BTreeMap::new(),
            published,
            found,
            inbox,
            workers: JoinSet::new(),
            generation: 0,
            host_name: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        }
    }

    pub(super) async fn run(
        mut self,
        mut settings: watch::Receiver<Settings>,
        mut stop: oneshot::Receiver<()>,
    ) {
        let first = settings.borrow_and_update().clone();
        self.replace(first);
        loop {
            tokio::select! {
                Ok(()) = settings.changed() => {
                    let next = settings.borrow_and_update().clone();
                    self.replace(next);
                }
                Some(found) = self.inbox.recv() => self.adopt(found),
                Some(ended) = self.workers.join_next(), if !self.workers.is_empty() => {
                    if let Err(error) = ended {
                        tracing::error!(%error, "a scrape loop has ended");
                    }
                }
                _ = &mut stop => return self.stop().await,
            }
        }
    }

    /// Loops end where they wait; a page that is being stored on a blocking thread is stored. Series do not end:
    /// they go on after a restart.
    async fn stop(&mut self) {
        self.workers.abort_all();
        while self.workers.join_next().await.is_some() {}
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let all = u32::try_from(cores).unwrap_or(u32::MAX);
        if self.context.cores.acquire_many(all).await.is_err() {
            tracing::debug!("scrape loops have ended already");
        }
    }

    fn replace(&mut self, settings: Settings) {
        let mut wanted: BTreeMap<String, Origin> = BTreeMap::new();
        for job in settings.jobs {
            wanted.insert(job.config.job_name.clone(), Origin::Job(job));
        }
        if let Some(host) = settings.host {
            wanted.entry(host.config.job_name.clone()).or_insert_with(|| self.host_origin(host));
        }
        for job in settings.databases {
            wanted.entry(job.config.job_name.clone()).or_insert_with(|| self.databases_origin(job));
        }
        for OwnJob { job, honor_labels, page } in self.own_jobs.clone() {
            let config = ScrapeConfig { job_name: job.to_owned(), honor_labels, ..settings.own.clone() };
            wanted.entry(job.to_owned()).or_insert(Origin::Own(page, Arc::new(config)));
        }
        self.pools.retain(|name, _| wanted.contains_key(name));
        for (name, origin) in wanted {
            let mut pool = self.pools.remove(&name).unwrap_or_else(|| Pool::new(&name, origin.clone()));
            pool.origin = origin;
            self.discover(&mut pool);
            self.synchronise(&mut pool);
            self.pools.insert(name, pool);
        }
        self.publish();
    }

    /// The host collector remembers things; an unchanged one stays.
    fn host_origin(&self, host: HostSettings) -> Origin {
        let known = self.pools.get(&host.config.job_name).map(|pool| &pool.origin);
        let page = match known {
            Some(Origin::Host(page, _, collect)) if *collect == host.collect => page.clone(),
            _ => host_page(&host),
        };
        Origin::Host(page, Arc::new(host.config), host.collect)
    }

    /// Collectors of databases keep a connection; unchanged ones stay.
    fn databases_origin(&self, job: DatabaseJob) -> Origin {
        let known = match self.pools.get(&job.config.job_name).map(|pool| &pool.origin) {
            Some(Origin::Databases(known, _)) => known.as_slice(),
            _ => &[],
        };
        let collector = |target: &DatabaseTarget| {
            let same = known.iter().find(|(database, _)| *database.settings() == target.collect);
            same.map_or_else(|| Arc::new(Database::new(target.collect.clone())), |(known, _)| known.clone())
        };
        let list = job.targets.iter().map(|target| (collector(target), database_target(target))).collect();
        Origin::Databases(list, Arc::new(job.config))
    }

    fn adopt(&mut self, found: Found) {
        let Some(mut pool) = self.pools.remove(&found.job) else { return };
        if pool.discovery.as_ref().is_some_and(|discovery| discovery.generation == found.generation) {
            pool.groups = found.groups;
            self.synchronise(&mut pool);
        }
        self.pools.insert(found.job, pool);
        self.publish();
    }

    /// Starts or ends looking at files. What other files said before holds until the new ones have been read.
    fn discover(&mut self, pool: &mut Pool) {
        let files: Vec<FileSd> = match &pool.origin {
            Origin::Job(job) => job.config.file_sd_configs.clone(),
            Origin::Own(..) | Origin::Host(..) | Origin::Databases(..) => Vec::new(),
        };
        if files.is_empty() {
            pool.discovery = None;
            pool.groups.clear();
            return;
        }
        if pool.discovery.as_ref().is_some_and(|discovery| discovery.files == files) {
            return;
        }
        self.generation += 1;
        let watches = files.iter().cloned().map(FileWatch::new).collect();
        let look = Look {
            job: pool.view.name.clone(),
            generation: self.generation,
            found: self.found.clone(),
            telemetry: self.context.telemetry.clone(),
        };
        let task = tokio::spawn(look.run(watches)).abort_handle();
        pool.discovery = Some(Discovery { files, generation: self.generation, task });
    }

    /// Makes the running loops those of the pool's targets.
    fn synchronise(&mut self, pool: &mut Pool) {
        let (targets, forbidden) = pool.targets();
        let mut handles = Vec::with_capacity(targets.kept.len());
        let mut present = HashSet::new();
        for (index, target) in targets.kept.into_iter().enumerate() {
            let key = (target.labels.clone(), target.url.clone());
            let plan = Arc::new(Plan { source: pool.source(index), target, forbidden: forbidden.clone() });
            let handle = match pool.running.get(&key) {
                Some(running) => {
                    running.plan.send_replace(plan);
                    running.handle.clone()
                }
                None => {
                    let running = self.spawn(plan, &key);
                    let handle = running.handle.clone();
                    pool.running.insert(key.clone(), running);
                    handle
                }
            };
            handles.push(handle);
            present.insert(key);
        }
        pool.running.retain(|key, _| present.contains(key));
        pool.view.targets = handles;
        pool.view.dropped = targets.dropped;
        pool.view.dropped_count = targets.dropped_count;
        pool.report(&targets.broken);
        pool.view.broken = targets.broken;
    }

    fn spawn(&mut self, plan: Arc<Plan>, key: &(Labels, String)) -> Running {
        let (sender, receiver) = watch::channel(plan);
        let hash = slot_hash(&self.host_name, key);
        let (worker, handle) = Worker::new(self.context.clone(), receiver, hash);
        self.workers.spawn(worker.run());
        Running { plan: sender, handle }
    }

    fn publish(&self) {
        let pools: Vec<PoolView> = self.pools.values().map(|pool| pool.view.clone()).collect();
        set_targets(&self.context.telemetry, pools.iter().map(|pool| pool.targets.len()).sum());
        self.published.send_replace(Arc::new(pools));
    }
}

impl Pool {
    fn new(name: &str, origin: Origin) -> Pool {
        let view = PoolView { name: name.to_owned(), ..PoolView::default() };
        Pool { origin, groups: Vec::new(), discovery: None, running: HashMap::new(), view }
    }

    /// Where the page of the target with this number comes from.
    fn source(&self, index: usize) -> Source {
        match &self.origin {
            Origin::Databases(list, config) => Source::Database(list[index].0.clone(), config.clone()),
            Origin::Job(job) => Source::Http(job.clone()),
            Origin::Own(page, config) | Origin::Host(page, config, _) => {
                Source::Own(page.clone(), config.clone())
            }
        }
    }

    fn targets(&self) -> (Targets, Option<String>) {
        match &self.origin {
            Origin::Job(job) => {
                let listed = job.config.static_configs.iter().map(|group| (group, [].as_slice()));
                let found = self.groups.iter().map(|(group, found)| (group, found.as_slice()));
                let targets = Targets::build(&job.config, listed.chain(found));
                let forbidden = targets.over_limit(&job.config);
                (targets, forbidden)
            }
            Origin::Own(page, config) | Origin::Host(page, config, _) => {
                let kept = vec![own_target(page, config)];
                (Targets { kept, ..Targets::default() }, None)
            }
            Origin::Databases(list, _) => {
                let kept = list.iter().map(|(_, target)| target.clone()).collect();
                (Targets { kept, ..Targets::default() }, None)
            }
        }
    }

    /// Says what cannot be scraped, once.
    fn report(&self, broken: &[(Labels, String)]) {
        for (labels, reason) in broken.iter().filter(|one| !self.view.broken.contains(one)) {
            let address = labels.get("__address__").unwrap_or("");
            tracing::warn!(job = %self.view.name, %address, %reason, "target cannot be scraped");
        }
    }
}

fn own_target(page: &OwnPage, config: &ScrapeConfig) -> Target {
    let pairs = [("instance", page.instance.as_str()), ("job", config.job_name.as_str())];
    let labels = Labels::from_pairs(pairs).unwrap_or_default();
    Target {
        discovered: labels.clone(),
        labels,
        url: format!("process:{}", config.job_name),
        interval: config.scrape_interval,
        timeout: config.scrape_timeout,
    }
}

/// Its address shows kind, host and port, and no user.
fn database_target(target: &DatabaseTarget) -> Target {
    let collect = &target.collect;
    let pairs = [("instance", collect.instance.as_str()), ("job", collect.job_name.as_str())];
    let labels = Labels::from_pairs(pairs).unwrap_or_default();
    Target {
        discovered: labels.clone(),
        labels,
        url: format!("process:{}://{}", collect.kind.name(), collect.address),
        interval: target.interval,
        timeout: target.timeout,
    }
}

/// Spreads targets over the interval, differently on each host.
fn slot_hash(host_name: &str, (labels, url): &(Labels, String)) -> u64 {
    // Fixed seeds: the same target keeps its slot across restarts.
    let mut hasher = rapidhash::quality::SeedableState::fixed().build_hasher();
    hasher.write(host_name.as_bytes());
    hasher.write(labels.encoded());
    hasher.write(url.as_bytes());
    hasher.finish()
}

/// A job's looking at its files.
struct Look {
    job: String,
    generation: u64,
    found: mpsc::Sender<Found>,
    telemetry: Arc<ScrapeTelemetry>,
}

impl Look {
    async fn run(self, mut watches: Vec<FileWatch>) {
        let shortest = watches.iter().map(|watch| watch.config().refresh_interval).min();
        let pause = shortest.map_or(LOOK_INTERVAL, |shortest| shortest.min(LOOK_INTERVAL));
        let pause = Duration::from_millis(pause.0.max(1).unsigned_abs());
        let mut first = true;
        loop {
            let looked = spawn_blocking(move || {
                let looks: Vec<_> = watches.iter_mut().map(|watch| watch.look(now())).collect();
                (watches, looks)
            });
            let Ok((back, looks)) = looked.await else {
                tracing::error!(job = %self.job, "looking at target files has failed for good");
                return;
            };
            watches = back;
            for failure in looks.iter().flat_map(|look| &look.failures) {
                add(&self.telemetry.discovery_failures, 1);
                tracing::warn!(job = %self.job, %failure, "target file not used; its last good content stays");
            }
            if (first || looks.iter().any(|look| look.changed)) && !self.send(&watches).await {
                return;
            }
            first = false;
            tokio::time::sleep(pause).await;
        }
    }

    /// Whether anybody still listens.
    async fn send(&self, watches: &[FileWatch]) -> bool {
        let groups = watches.iter().flat_map(FileWatch::groups);
        let groups = groups.map(|(group, found)| (group.clone(), found.to_vec())).collect();
        let found = Found { job: self.job.clone(), generation: self.generation, groups };
        self.found.send(found).await.is_ok()
    }
}
