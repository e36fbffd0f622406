//! The business monitors at work: an owner task over `lingshao_shop`'s engine, what people may ask and tell it, and its page
//! of figures.
//!
//! Contract: nothing is done to the shop before its intent is on disk in `state.db`, and nothing without a mode that a
//! person wrote into the configuration or an order that a person confirmed. Whatever the owner does is in the audit trail,
//! in the counters and among the log records; telling people is a rule over these.

mod desk;
mod figures;
mod handle;
mod hands;
mod keeper;
mod monitor;
mod owner;
mod preview;
pub(crate) mod provider;
mod telemetry;
pub(crate) mod view;

pub(crate) use figures::NAMES as FIGURES;
pub(crate) use handle::{Command, CommandError, NoticeRefused, ShopHandle};
pub(crate) use monitor::Monitor;
pub(crate) use owner::{Replacer, Running, Settings, page};
pub(crate) use preview::{Preview, preview};
