//! What the owner of a shop's monitors shares with whoever asks and commands: all of it may be looked at and told while a
//! tick is under way, and counts before the next act.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lingshao_model::Timestamp;
use lingshao_shop::{GroupKey, OrderKey, RefundNumber};
use tokio::sync::Notify;

use super::hands::Hands;
use super::monitor::Monitor;
use crate::config::shop::Shop as Config;
use crate::state::ShopStore;

/// Orders that a person may have acted on at once: what a page shows.
pub(super) const WANTED_MAX: usize = 200;

/// Callbacks remembered: more than are signed within the five minutes in which one can be sent again.
const NOTICES_MAX: usize = 1_000;

/// One shop.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) config: Config,
    pub(super) hands: Hands,
    pub(super) store: Arc<ShopStore>,
    pub(super) kill_switch: PathBuf,
    /// Our name among those that share `state.db`; nobody shares it without one.
    pub(super) member: Option<String>,
    said: Mutex<Said>,
    ending: AtomicBool,
    /// Wakes the owner for a tick out of turn.
    pub(super) wake: Notify,
}

/// What people said.
#[derive(Debug, Default)]
struct Said {
    paused: BTreeMap<Monitor, String>,
    /// All processes that share `state.db` are told to stop.
    stopped: bool,
    /// How often somebody braked or released here.
    words: u64,
    resumed: BTreeSet<Monitor>,
    wanted: Vec<Wanted>,
    nudged: BTreeSet<String>,
    /// Callbacks of the provider, oldest first.
    noticed: VecDeque<String>,
    agreed: bool,
}

/// Acts that a person orders: these keys, at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) monitor: Monitor,
    pub(super) keys: Vec<String>,
    pub(super) by: String,
    pub(super) at: Timestamp,
}

impl Desk {
    pub(super) fn new(
        config: Config,
        hands: Hands,
        store: Arc<ShopStore>,
        kill_switch: PathBuf,
        member: Option<String>,
    ) -> Desk {
        let (said, ending, wake) = (Mutex::default(), AtomicBool::new(false), Notify::new());
        Desk { config, hands, store, kill_switch, member, said, ending, wake }
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tick under way ends with its act.
    pub(super) fn end(&self) {
        self.ending.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }

    /// Whether the file is there, or all who share `state.db` are told to stop. A file that cannot be looked at stops, too.
    pub(super) fn is_stopped(&self) -> bool {
        self.kill_switch.try_exists().unwrap_or(true) || self.said().stopped
    }

    /// The brakes that hold for all who share `state.db`, by what is remembered there; `words`: as they stood before it was
    /// read. What was said here meanwhile is newer.
    pub(super) fn heed(&self, remembered: &[(String, String)], words: u64) {
        let mut said = self.said();
        if said.words != words {
            return;
        }
        said.stopped = remembered.iter().any(|(name, _)| name == STOPPED);
        let monitor = |name: &str| Monitor::from_name(name.strip_prefix(PAUSED)?);
        said.paused = remembered.iter().filter_map(|(name, by)| Some((monitor(name)?, by.clone()))).collect();
    }

    pub(super) fn words(&self) -> u64 {
        self.said().words
    }

    /// All who share `state.db` stop, or may go on.
    pub(super) fn stop(&self, is_stopped: bool) {
        let mut said = self.said();
        said.words += 1;
        said.stopped = is_stopped;
    }

    pub(super) fn paused_by(&self, monitor: Monitor) -> Option<String> {
        self.said().paused.get(&monitor).cloned()
    }

    pub(super) fn pause(&self, monitor: Monitor, by: &str) {
        let mut said = self.said();
        said.words += 1;
        said.paused.insert(monitor, by.to_owned());
    }

    /// Ends a pause, and says that a person has looked at what halted it.
    pub(super) fn resume(&self, monitor: Monitor) {
        let mut said = self.said();
        said.words += 1;
        said.paused.remove(&monitor);
        said.resumed.insert(monitor);
    }

    pub(super) fn take_resumed(&self) -> BTreeSet<Monitor> {
        std::mem::take(&mut self.said().resumed)
    }

    pub(super) fn want(&self, wanted: Wanted) {
        let mut said = self.said();
        said.wanted.retain(|other| other.monitor != wanted.monitor);
        said.wanted.push(wanted);
    }

    pub(super) fn take_wanted(&self) -> Vec<Wanted> {
        std::mem::take(&mut self.said().wanted)
    }

    /// A refund whose pause is over; forgotten by a crash, after which it is asked for in its time.
    pub(super) fn nudge(&self, number: &str) {
        self.said().nudged.insert(number.to_owned());
    }

    /// Those whose pause is over.
    pub(super) fn nudged(&self) -> BTreeSet<String> {
        self.said().nudged.clone()
    }

    /// It was asked for.
    pub(super) fn was_nudged(&self, number: &str) {
        self.said().nudged.remove(number);
    }

    /// Whether a callback of the provider came before, as all come more than once.
    pub(super) fn has_noticed(&self, id: &str) -> bool {
        self.said().noticed.iter().any(|noticed| noticed == id)
    }

    /// A callback that is taken.
    pub(super) fn notice(&self, id: &str) {
        let mut said = self.said();
        if said.noticed.len() == NOTICES_MAX {
            said.noticed.pop_front();
        }
        said.noticed.push_back(id.to_owned());
    }

    /// The tables are right as they are.
    pub(super) fn agree(&self) {
        self.said().agreed = true;
    }

    pub(super) fn take_agreed(&self) -> bool {
        std::mem::take(&mut self.said().agreed)
    }
}

/// What gates and people call a group. Its key is one of an order to them, who only count; both may hold the same.
pub(super) fn group_name(group: &GroupKey) -> OrderKey {
    OrderKey::from(group)
}

/// What they call a member who paid after the group had failed: by its order, which is no group's key.
pub(super) fn late_member_name(order: &OrderKey) -> OrderKey {
    OrderKey::new(&format!("order-{order}")).unwrap_or_else(|_| order.clone())
}

/// Under which it is remembered that everything is to stop, in whichever process.
pub(super) const STOPPED: &str = "stopped";
const PAUSED: &str = "paused:";

/// Under which it is remembered who paused a monitor.
pub(super) fn paused_name(monitor: Monitor) -> String {
    format!("{PAUSED}{}", monitor.name())
}

/// Under which it is remembered why a monitor has halted.
pub(super) fn halt_name(monitor: Monitor) -> String {
    format!("halt:{}", monitor.name())
}

const TOLD: &str = "told:";
/// How often it was asked for without a clear answer, and when it may be asked for again.
pub(super) const TOLD_NOW: &str = "0 0";

/// Under which it is remembered that the provider sent word of a refund that had ended.
pub(super) fn told_name(number: &RefundNumber) -> String {
    format!("{TOLD}{number}")
}

/// Back from it.
pub(super) fn told_number(name: &str) -> Option<RefundNumber> {
    RefundNumber::new(name.strip_prefix(TOLD)?).ok()
}
