//! Scrolls and points in time: pictures of the storage that somebody looks at page by page.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use lingshao_logs::Snapshot;
use lingshao_model::log::SortValue;
use lingshao_wire::es::EsError;
use lingshao_wire::es::search::SearchRequest;
use ring::rand::{SecureRandom, SystemRandom};

/// Most at once (Elasticsearch: 500): each keeps files and memory alive that would be gone otherwise.
const CONTEXTS_MAX: usize = 100;
/// Longest time between two looks (Elasticsearch: 24 h).
const KEEP_ALIVE_MAX: Duration = Duration::from_secs(24 * 3600);
const KEEP_ALIVE_DEFAULT: Duration = Duration::from_secs(60);

/// Pictures that are held, by their ids.
#[derive(Debug, Default)]
pub(crate) struct Contexts(Mutex<HashMap<String, Context>>);

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Context {
    pub(super) snapshot: Snapshot,
    pub(super) indices: Vec<String>,
    /// Of a scroll; a point in time is asked anew each time.
    pub(super) scroll: Option<Scroll>,
    keep_alive: Duration,
    until: Instant,
}

/// How far a scroll has come.
#[derive(Clone, Debug)]
pub(super) struct Scroll {
    pub(super) request: SearchRequest,
    /// The last hit of the page before.
    pub(super) after: Option<Vec<SortValue>>,
}

impl Contexts {
    /// Holds a picture; answers its id.
    pub(super) fn open(
        &self,
        snapshot: Snapshot,
        indices: Vec<String>,
        scroll: Option<Scroll>,
        keep_alive_millis: Option<u64>,
    ) -> Result<String, EsError> {
        let keep_alive = keep_alive(keep_alive_millis)?;
        let mut contexts = self.lock();
        contexts.retain(|_, context| Instant::now() < context.until);
        if CONTEXTS_MAX <= contexts.len() {
            let reason = format!("more than {CONTEXTS_MAX} scrolls and points in time are open; close some");
            return Err(EsError::rejected(reason));
        }
        let mut bytes = [0; 24];
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| EsError::new(500, "exception", "the system gives no random numbers"))?;
        let id = BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let until = Instant::now() + keep_alive;
        contexts.insert(id.clone(), Context { snapshot, indices, scroll, keep_alive, until });
        Ok(id)
    }

    /// One of them, which stays for its time from now on.
    pub(super) fn get(&self, id: &str, keep_alive_millis: Option<u64>) -> Result<Context, EsError> {
        let mut contexts = self.lock();
        contexts.retain(|_, context| Instant::now() < context.until);
        let context = contexts.get_mut(id).ok_or_else(|| EsError::no_context(id))?;
        if keep_alive_millis.is_some() {
            context.keep_alive = keep_alive(keep_alive_millis)?;
        }
        context.until = Instant::now() + context.keep_alive;
        Ok(context.clone())
    }

    /// Notes how far a scroll has come.
    pub(super) fn advance(&self, id: &str, after: Option<Vec<SortValue>>) {
        if let Some(scroll) = self.lock().get_mut(id).and_then(|context| context.scroll.as_mut()) {
            scroll.after = after;
        }
    }

    /// Lets some go; answers how many there were.
    pub(super) fn close(&self, ids: &[String]) -> usize {
        let mut contexts = self.lock();
        ids.iter().filter(|id| contexts.remove(*id).is_some()).count()
    }

    /// Lets all scrolls go.
    pub(super) fn close_scrolls(&self) -> usize {
        let mut contexts = self.lock();
        let before = contexts.len();
        contexts.retain(|_, context| context.scroll.is_none());
        before - contexts.len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Context>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner) // Whole at any time.
    }
}

fn keep_alive(millis: Option<u64>) -> Result<Duration, EsError> {
    let keep_alive = millis.map_or(KEEP_ALIVE_DEFAULT, Duration::from_millis);
    if KEEP_ALIVE_MAX < keep_alive {
        let reason = format!(
            "Keep alive for request ({}s) is too large. It must be less than ({}s)",
            keep_alive.as_secs(),
            KEEP_ALIVE_MAX.as_secs()
        );
        return Err(EsError::argument(reason));
    }
    Ok(keep_alive)
}
