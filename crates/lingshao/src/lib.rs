//! The process: config, wiring, loops, HTTP, collectors, own metrics, command line.
//!
//! Contract: tokio, sockets, the environment and the wall clock live here and nowhere else; the engines below are
//! synchronous and are called on blocking threads with a limit.

mod alertmanager;
mod api;
mod app;
mod backup;
mod boards;
mod check;
pub mod cli;
mod clock;
pub mod collect;
pub mod config;
mod demo;
mod durable;
mod elasticsearch;
mod failure;
mod health;
mod logs;
pub mod notify;
mod outage;
mod pages;
mod rules;
mod run;
pub mod scrape;
pub mod security;
pub mod server;
mod shop;
mod state;
mod supervisor;
mod telemetry;
mod upgrade;
