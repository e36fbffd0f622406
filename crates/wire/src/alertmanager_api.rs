//! The Alertmanager HTTP API v2 (`api/v2/openapi.yaml`): bodies in, replies out.
//!
//! What is wrong with a body is said as Alertmanager's generated server says it: 400 for what is no JSON of the right
//! shape, 422 for a field that is missing. Labels and times are checked like its own validation does, with its words.
//! A body costs some five times its size in memory; whoever reads it bounds it.

mod read;
mod render;
#[cfg(test)]
mod tests;

pub use read::{BodyError, PostedAlert, PostedSilence, read_alerts, read_silence};
pub use render::{
    AlertEntry, ClusterPeer, GroupEntry, SilenceEntry, StatusEntry, alerts, error_object, groups, posted,
    receivers, silence, silence_id, silences, status, text, time,
};
