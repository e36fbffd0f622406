//! The one owner of alerts, groups, silences and the outbox, and of their rows in `state.db`.
//!
//! Contract: whoever raises alerts, sets silences or has told a receiver says so through an [`AlertsHandle`]; whoever
//! waits for its answer knows that the rows are on disk. What is to be told is committed before it is handed to the
//! senders. When the disk refuses, people are told all the same, and the rows are written as soon as it takes them.

mod clock;
mod desk;
pub(crate) mod external;
pub(crate) mod failpoint;
mod handle;
mod journal;
mod owner;
#[cfg(test)]
mod tests;

pub(crate) use external::QUEUE_MAX;
pub(crate) use handle::{AlertsHandle, NotDurable, RuleReport, SilenceRefusal, Stopped};
pub(crate) use owner::{Hooks, Owner, Running};
