//! Silences: by whom, for how long and for which alerts nothing is told, by Alertmanager's rules.

use std::fmt;

use lingshao_model::{Matcher, TimeDelta, Timestamp};

/// How long an ended silence is kept for those who ask (Alertmanager's `--data.retention`).
pub const SILENCE_RETENTION: TimeDelta = TimeDelta::from_secs(120 * 3600);

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
    /// It is too large.
    #[error("silence exceeded maximum size: {bytes} bytes (limit: {limit} bytes)")]
    TooLarge {
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        limit: usize,
    },
}
