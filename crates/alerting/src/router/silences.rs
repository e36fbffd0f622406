//! Silences: by whom, for how long and for which alerts nothing is told, by Alertmanager's rules.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use lingshao_model::{Labels, MatchOp, Matcher, TimeDelta, Timestamp};

use super::routes::all_match;
use super::rows::Change;

/// How long an ended silence is kept for those who ask (Alertmanager's `--data.retention`).
pub const SILENCE_RETENTION: TimeDelta = TimeDelta::from_secs(120 * 3600);

/// Most silences, ended ones included: a person cannot oversee more, and every alert is held against them.
pub const SILENCES_MAX: usize = 10_000;

/// Most bytes of one silence's matchers, author and comment: what people write fits a hundred times.
pub const SILENCE_BYTES_MAX: usize = 64 * 1024;

/// Most matchers of one silence: an alert rarely has more than twenty labels.
pub const SILENCE_MATCHERS_MAX: usize = 100;

/// Most bytes of the compiled patterns of all silences: a short text like `\pL{100}` is a megabyte of them.
pub const SILENCE_PATTERN_BYTES_MAX: usize = 512 << 20;

/// The identity of a silence: a UUID in text, given by the caller.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SilenceId(pub String);

impl fmt::Display for SilenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Alerts that match are not told about from its start to its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Silence {
    /// Its identity.
    pub id: SilenceId,
    /// All must hold; never empty, and one of them wants a label to be there.
    pub matchers: Vec<Matcher>,
    /// First instant.
    pub starts_at: Timestamp,
    /// First instant after it.
    pub ends_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// Why.
    pub comment: String,
}

/// Where a silence is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SilenceState {
    /// It mutes.
    Active,
    /// It will.
    Pending,
    /// It did.
    Expired,
}

impl SilenceState {
    /// As the API calls it.
    pub fn name(self) -> &'static str {
        match self {
            SilenceState::Active => "active",
            SilenceState::Pending => "pending",
            SilenceState::Expired => "expired",
        }
    }
}

impl Silence {
    /// Where it is in its life.
    pub fn state(&self, now: Timestamp) -> SilenceState {
        if now < self.starts_at {
            SilenceState::Pending
        } else if now < self.ends_at {
            SilenceState::Active
        } else {
            SilenceState::Expired
        }
    }
}

/// What somebody asks for.
#[derive(Clone, Debug)]
pub struct NewSilence {
    /// The silence to change; `None` makes a new one.
    pub id: Option<SilenceId>,
    /// Which alerts.
    pub matchers: Vec<Matcher>,
    /// From when; a time in the past is now.
    pub starts_at: Timestamp,
    /// Until when.
    pub ends_at: Timestamp,
    /// Who asks.
    pub created_by: String,
    /// Why.
    pub comment: String,
}

/// Why a silence is not set, in Alertmanager's words where it has some.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SilenceError {
    /// There is none of this identity.
    #[error("silence not found")]
    NotFound,
    /// It matches everything.
    #[error("silence invalid: at least one matcher required")]
    NoMatcher,
    /// A label has no name.
    #[error("silence invalid: invalid label matcher {0}: invalid label name \"\"")]
    LabelName(usize),
    /// It matches alerts that have none of its labels.
    #[error("silence invalid: at least one matcher must not match the empty string")]
    MatchesEmpty,
    /// It would end before it starts.
    #[error("Failed to create silence: start time must be before end time")]
    EndBeforeStart,
    /// It would be over already.
    #[error("Failed to create silence: end time can't be in the past")]
    EndInThePast,
    /// There are too many.
    #[error("exceeded maximum number of silences: {count} (limit: {limit})")]
    TooMany {
        /// How many there would be.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// It has too many conditions.
    #[error("silence invalid: {count} matchers, more than {limit}")]
    TooManyMatchers {
        /// How many it has.
        count: usize,
        /// How many it may have.
        limit: usize,
    },
    /// Its patterns, with those of the others, would take too much memory.
    #[error("silence invalid: the regular expressions of all silences would take more than {limit} bytes")]
    PatternsTooLarge {
        /// How many they may take.
        limit: usize,
    },
    /// It is too large.
    #[error("silence exceeded maximum size: {bytes} bytes (limit: {limit} bytes)")]
    TooLarge {
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        limit: usize,
    },
}

/// All silences, filed so that an alert meets only those that name one of its labels.
#[derive(Debug, Default)]
pub(super) struct Silences {
    by_id: BTreeMap<SilenceId, Arc<Silence>>,
    /// Those that want a label to have a value, under label and value.
    by_pair: HashMap<Pair, Vec<Arc<Silence>>>,
    /// The others.
    loose: Vec<Arc<Silence>>,
    /// Changes whenever something that alerts remember about silences may be wrong.
    version: u64,
    /// At most so many bytes are taken by their patterns.
    pattern_bytes: usize,
    dirty: BTreeSet<SilenceId>,
}

/// The bytes of a label as a set of one.
type Pair = Labels;

/// What an alert remembers: the silences that match it.
#[derive(Clone, Debug, Default)]
pub(super) struct Matching {
    version: u64,
    silences: Vec<Arc<Silence>>,
}

impl Silences {
    pub(super) fn get(&self, id: &SilenceId) -> Option<&Arc<Silence>> {
        self.by_id.get(id)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Silence>> {
        self.by_id.values()
    }

    /// Makes or changes one (`silence.Silences.Set`).
    pub(super) fn set(
        &mut self,
        new: NewSilence,
        fresh_id: SilenceId,
        now: Timestamp,
    ) -> Result<SilenceId, SilenceError> {
        check(&new, now)?;
        let previous = match &new.id {
            Some(id) => Some(Arc::clone(self.by_id.get(id).ok_or(SilenceError::NotFound)?)),
            None => None,
        };
        if let Some(previous) = &previous
            && let Some(starts_at) = can_update(previous, &new, now)
        {
            let id = previous.id.clone();
            self.insert(silence(new, id.clone(), starts_at, now));
            return Ok(id);
        }
        if self.by_id.len() >= SILENCES_MAX {
            return Err(SilenceError::TooMany { count: self.by_id.len() + 1, limit: SILENCES_MAX });
        }
        if SILENCE_PATTERN_BYTES_MAX < self.pattern_bytes + pattern_bytes(&new.matchers) {
            return Err(SilenceError::PatternsTooLarge { limit: SILENCE_PATTERN_BYTES_MAX });
        }
        if let Some(previous) = previous {
            self.end(&previous, now); // What was muted stays true; the change begins now.
        }
        let starts_at = new.starts_at.max(now);
        self.insert(silence(new, fresh_id.clone(), starts_at, now));
        Ok(fresh_id)
    }

    /// Ends one now.
    pub(super) fn expire(&mut self, id: &SilenceId, now: Timestamp) -> Result<(), SilenceError> {
        let silence = Arc::clone(self.by_id.get(id).ok_or(SilenceError::NotFound)?);
        self.end(&silence, now);
        Ok(())
    }

    fn end(&mut self, silence: &Silence, now: Timestamp) {
        if silence.state(now) != SilenceState::Expired {
            let starts_at = silence.starts_at.min(now);
            self.insert(Silence { starts_at, ends_at: now, updated_at: now, ..silence.clone() });
        }
    }

    fn insert(&mut self, silence: Silence) {
        self.dirty.insert(silence.id.clone());
        self.place(silence);
    }

    /// Files one that is saved already.
    pub(super) fn place(&mut self, silence: Silence) {
        self.version += 1;
        self.pattern_bytes += pattern_bytes(&silence.matchers);
        let silence = Arc::new(silence);
        if let Some(old) = self.by_id.insert(silence.id.clone(), Arc::clone(&silence)) {
            self.unfile(&old);
        }
        match pair(&silence) {
            Some(pair) => self.by_pair.entry(pair).or_default().push(silence),
            None => self.loose.push(silence),
        }
    }

    fn unfile(&mut self, silence: &Silence) {
        self.pattern_bytes -= pattern_bytes(&silence.matchers);
        let others = |own: &Arc<Silence>| own.id != silence.id;
        match pair(silence) {
            Some(pair) => {
                if let Some(filed) = self.by_pair.get_mut(&pair) {
                    filed.retain(others);
                    if filed.is_empty() {
                        self.by_pair.remove(&pair);
                    }
                }
            }
            None => self.loose.retain(others),
        }
    }

    fn remove(&mut self, id: &SilenceId) {
        if let Some(silence) = self.by_id.remove(id) {
            self.version += 1;
            self.unfile(&silence);
        }
    }

    /// Takes what another process wrote, unless ours is younger.
    pub(super) fn adopt(&mut self, change: Change<SilenceId, Silence>) {
        match change {
            Change::Put(silence) => {
                let younger =
                    self.by_id.get(&silence.id).is_none_or(|own| own.updated_at <= silence.updated_at);
                if younger {
                    self.dirty.remove(&silence.id);
                    self.place(silence);
                }
            }
            Change::Gone(id) => {
                self.dirty.remove(&id);
                self.remove(&id);
            }
        }
    }

    /// Drops those that ended long ago.
    pub(super) fn sweep(&mut self, now: Timestamp) {
        let old: Vec<SilenceId> = self
            .by_id
            .values()
            .filter(|silence| silence.ends_at + SILENCE_RETENTION <= now)
            .map(|silence| silence.id.clone())
            .collect();
        for id in old {
            self.remove(&id);
            self.dirty.insert(id);
        }
    }

    /// The clock jumped: what mutes goes on doing so for as long as before, what has ended stays so. What is planned
    /// is planned by the clock on the wall.
    pub(super) fn shift(&mut self, by: TimeDelta, before: Timestamp) {
        let began: Vec<Arc<Silence>> =
            self.by_id.values().filter(|own| own.state(before) != SilenceState::Pending).cloned().collect();
        for own in began {
            let (starts_at, ends_at) = (own.starts_at + by, own.ends_at + by);
            self.insert(Silence { starts_at, ends_at, updated_at: own.updated_at + by, ..(*own).clone() });
        }
    }

    /// The silences that match an alert, whether they mute now or not.
    pub(super) fn matching<'a>(&self, labels: &Labels, memory: &'a mut Matching) -> &'a [Arc<Silence>] {
        if memory.version != self.version {
            memory.version = self.version;
            memory.silences.clear();
            memory.silences.extend(self.loose.iter().filter(|own| all_match(&own.matchers, labels)).cloned());
            if !self.by_pair.is_empty() {
                let filed = labels.iter().filter_map(|(name, value)| {
                    let pair = Labels::from_pairs([(name, value)]).ok()?;
                    self.by_pair.get(&pair)
                });
                let filed = filed.flatten().filter(|own| all_match(&own.matchers, labels));
                memory.silences.extend(filed.cloned());
            }
            memory.silences.sort_by(|a, b| a.id.cmp(&b.id));
        }
        &memory.silences
    }

    /// Whether an alert is silenced.
    pub(super) fn mutes(&self, labels: &Labels, memory: &mut Matching, now: Timestamp) -> bool {
        if self.by_id.is_empty() {
            return false;
        }
        self.matching(labels, memory).iter().any(|own| own.state(now) == SilenceState::Active)
    }

    /// In the order of the API (`api/v2.SortSilences`).
    pub(super) fn sorted(&self, now: Timestamp) -> Vec<Arc<Silence>> {
        let mut all: Vec<Arc<Silence>> = self.by_id.values().cloned().collect();
        all.sort_by_key(|own| {
            let state = own.state(now);
            let first = match state {
                SilenceState::Active => own.ends_at,
                SilenceState::Pending => own.starts_at,
                SilenceState::Expired => Timestamp::MIN,
            };
            (state, first, Reverse(own.ends_at))
        });
        all
    }

    pub(super) fn take_changes(&mut self) -> Vec<Change<SilenceId, Silence>> {
        let change = |id: SilenceId| match self.by_id.get(&id) {
            Some(silence) => Change::Put((**silence).clone()),
            None => Change::Gone(id),
        };
        std::mem::take(&mut self.dirty).into_iter().map(change).collect()
    }
}

fn pattern_bytes(matchers: &[Matcher]) -> usize {
    matchers.iter().map(Matcher::pattern_bytes_max).sum()
}

/// The label and value under which a silence is filed.
fn pair(silence: &Silence) -> Option<Pair> {
    let wants = |own: &&Matcher| own.op() == MatchOp::Equal && !own.value().is_empty();
    let matcher = silence.matchers.iter().find(wants)?;
    Labels::from_pairs([(matcher.name(), matcher.value())]).ok()
}

fn silence(new: NewSilence, id: SilenceId, starts_at: Timestamp, now: Timestamp) -> Silence {
    Silence {
        id,
        matchers: new.matchers,
        starts_at,
        ends_at: new.ends_at,
        updated_at: now,
        created_by: new.created_by,
        comment: new.comment,
    }
}

/// `api/v2.postSilencesHandler`, `silence.validateSilence`
fn check(new: &NewSilence, now: Timestamp) -> Result<(), SilenceError> {
    if new.starts_at >= new.ends_at {
        return Err(SilenceError::EndBeforeStart);
    }
    if new.ends_at < now {
        return Err(SilenceError::EndInThePast);
    }
    let count = new.matchers.len();
    if count == 0 {
        return Err(SilenceError::NoMatcher);
    }
    if count > SILENCE_MATCHERS_MAX {
        return Err(SilenceError::TooManyMatchers { count, limit: SILENCE_MATCHERS_MAX });
    }
    if let Some(at) = new.matchers.iter().position(|matcher| matcher.name().is_empty()) {
        return Err(SilenceError::LabelName(at));
    }
    // What is missing is not equal to anything: Alertmanager lets negative matchers alone pass here.
    let positive = |own: &Matcher| matches!(own.op(), MatchOp::Equal | MatchOp::Regex);
    if new.matchers.iter().all(|own| positive(own) && own.matches_empty()) {
        return Err(SilenceError::MatchesEmpty);
    }
    let matchers: usize = new.matchers.iter().map(|own| own.name().len() + own.value().len()).sum();
    let bytes = matchers + new.created_by.len() + new.comment.len();
    if bytes > SILENCE_BYTES_MAX {
        return Err(SilenceError::TooLarge { bytes, limit: SILENCE_BYTES_MAX });
    }
    Ok(())
}

/// Whether a silence can become another one without rewriting what was muted before, and its start then
/// (`silence.canUpdate`).
fn can_update(own: &Silence, new: &NewSilence, now: Timestamp) -> Option<Timestamp> {
    if own.matchers != new.matchers {
        return None;
    }
    match own.state(now) {
        // By the second: what was shown in a form comes back rounded.
        SilenceState::Active => {
            let same_start = own.starts_at.0.div_euclid(1000) == new.starts_at.0.div_euclid(1000);
            same_start.then_some(own.starts_at)
        }
        SilenceState::Pending => (new.starts_at >= now).then_some(new.starts_at),
        SilenceState::Expired => None,
    }
}
