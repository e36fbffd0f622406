//! What the owner of a shop's monitors shares with whoever asks and commands: all of it may be looked at and told while a
//! tick is under way, and counts before the next act.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lingshao_model::Timestamp;
use lingshao_shop::act::next_generation;
use lingshao_shop::ledger::{LedgerRow, RefundRow};
use lingshao_shop::{GroupKey, OrderKey, RefundNumber};
use tokio::sync::Notify;

use super::hands::Hands;
use super::monitor::Monitor;
use crate::config::shop::Shop as Config;
use crate::state::{ShopStore, StateError};

/// Orders that a person may have acted on at once: what a page shows.
pub(super) const WANTED_MAX: usize = 200;

/// Orders by hand that wait for the next tick: nobody confirms more in the half of a minute until it.
const ORDERS_MAX: usize = 200;

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
    /// Who told all processes that share `state.db` to stop.
    stopped: Option<String>,
    /// Brakes of which `state.db` does not know yet.
    unsaved: BTreeSet<Brake>,
    /// How often somebody braked or released here.
    words: u64,
    resumed: BTreeSet<Monitor>,
    wanted: Vec<Wanted>,
    nudged: BTreeSet<String>,
    /// Callbacks of the provider, oldest first.
    noticed: VecDeque<String>,
    agreed: bool,
}

/// What keeps monitors from acting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Brake {
    /// All of them.
    Stop,
    /// One.
    Pause(Monitor),
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

    /// What holds in a configuration holds in the next one of the same shop.
    pub(super) fn inherit(&self, before: &Desk) {
        let before = before.said();
        let mut said = self.said();
        (said.paused, said.stopped) = (before.paused.clone(), before.stopped.clone());
        said.unsaved = before.unsaved.clone();
    }

    /// Whether it is another configuration of the same shop.
    pub(super) fn is_same_shop(&self, other: &Desk) -> bool {
        let (one, other) = (&self.config, &other.config);
        one.name == other.name && one.database.reveal() == other.database.reveal()
    }

    /// The number under which a refund is tried anew, if it is.
    pub(super) async fn newer(&self, row: &RefundRow) -> Result<Option<RefundNumber>, StateError> {
        let Ok([_, new]) = next_generation(row, &self.config.name, row.planned_at) else {
            return Ok(row.replaced_by.clone());
        };
        Ok(self.store.refund(&new.number).await?.map(|new| new.number))
    }

    /// A question that was under way may have written over a person's word, that a refund is tried anew.
    pub(super) async fn keep_replaced(&self, number: &RefundNumber) -> Result<(), StateError> {
        if let Some(row) = self.store.refund(number).await?
            && row.replaced_by.is_none()
            && let Some(new) = self.newer(&row).await?
        {
            let row = RefundRow { replaced_by: Some(new), ..row };
            self.store.write(&[LedgerRow::Refund(row)], &[]).await?;
        }
        Ok(())
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
        self.is_switched() || self.said().stopped.is_some()
    }

    fn is_switched(&self) -> bool {
        self.kill_switch.try_exists().unwrap_or(true)
    }

    /// What stops everything: the file, or a person.
    pub(super) fn stopped_by(&self) -> String {
        let by = self.said().stopped.clone();
        by.filter(|_| !self.is_switched()).unwrap_or_else(|| self.kill_switch.display().to_string())
    }

    /// The brakes that hold for all who share `state.db`, by what is remembered there, and those of which it does not know
    /// yet. `words`: as they stood before it was read; what was said here meanwhile is newer, and `false` says so.
    pub(super) fn heed(&self, remembered: &[(String, String)], words: u64) -> bool {
        let mut said = self.said();
        if said.words != words {
            return false;
        }
        let find = |name: &str| remembered.iter().find(|(own, _)| own == name).map(|(_, by)| by.clone());
        if !said.unsaved.contains(&Brake::Stop) {
            said.stopped = find(STOPPED);
        }
        for monitor in Monitor::ALL {
            if !said.unsaved.contains(&Brake::Pause(monitor)) {
                match find(&paused_name(monitor)) {
                    Some(by) => drop(said.paused.insert(monitor, by)),
                    None => drop(said.paused.remove(&monitor)),
                }
            }
        }
        true
    }

    pub(super) fn words(&self) -> u64 {
        self.said().words
    }

    /// A brake is on disk, and holds over restarts and for others.
    pub(super) fn saved(&self, brake: Brake) {
        let mut said = self.said();
        said.words += 1;
        said.unsaved.remove(&brake);
    }

    /// All who share `state.db` stop.
    pub(super) fn stop(&self, by: &str) {
        let mut said = self.said();
        said.words += 1;
        said.stopped = Some(by.to_owned());
        said.unsaved.insert(Brake::Stop);
    }

    /// All may go on.
    pub(super) fn go(&self) {
        let mut said = self.said();
        said.words += 1;
        said.stopped = None;
        said.unsaved.remove(&Brake::Stop);
    }

    pub(super) fn paused_by(&self, monitor: Monitor) -> Option<String> {
        self.said().paused.get(&monitor).cloned()
    }

    pub(super) fn pause(&self, monitor: Monitor, by: &str) {
        let mut said = self.said();
        said.words += 1;
        said.paused.insert(monitor, by.to_owned());
        said.unsaved.insert(Brake::Pause(monitor));
    }

    /// Ends a pause, and says that a person has looked at what halted it.
    pub(super) fn resume(&self, monitor: Monitor) {
        let mut said = self.said();
        said.words += 1;
        said.paused.remove(&monitor);
        said.unsaved.remove(&Brake::Pause(monitor));
        said.resumed.insert(monitor);
    }

    pub(super) fn take_resumed(&self) -> BTreeSet<Monitor> {
        std::mem::take(&mut self.said().resumed)
    }

    /// Behind what was ordered before. `false`: too much waits already.
    pub(super) fn want(&self, wanted: Wanted) -> bool {
        let mut said = self.said();
        let has_room = said.wanted.len() < ORDERS_MAX;
        if has_room {
            said.wanted.push(wanted);
        }
        has_room
    }

    /// What could not be looked at waits in front of what was ordered since.
    pub(super) fn want_again(&self, wanted: Wanted) {
        self.said().wanted.insert(0, wanted);
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
