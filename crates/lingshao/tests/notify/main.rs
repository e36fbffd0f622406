//! The senders against servers that are as strict as the real ones and fail as they do.

#![allow(clippy::unwrap_used)]

mod mail;
mod reload;
mod robots;
mod short_messages;
mod storm;
mod support;
mod webhook;
