//! Tests of the real binary: it is started on a free port with a folder of its own, asked over HTTP, and killed.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::type_complexity,
    reason = "all of this is test code; only functions marked as tests are known as such"
)]

mod alertmanager;
mod api;
mod backup;
mod bad_input;
mod board;
mod boards;
mod check;
mod cli;
mod collect;
mod commands;
mod damage;
mod deploy;
mod durability;
mod elasticsearch;
mod example;
mod guide;
#[allow(dead_code, reason = "each test program uses its own part of this")]
mod harness;
mod kill_loop;
mod lifecycle;
mod log_alert;
mod log_files;
mod log_inputs;
mod log_pressure;
mod logs;
mod overload;
mod package;
mod pages;
mod routes;
#[allow(dead_code, reason = "each test program uses its own part of this")]
#[path = "../../../shop/tests/shop/servers.rs"]
mod servers;
mod service;
mod sessions;
mod shop;
#[path = "../../../shop/tests/shop/tables.rs"]
mod tables;
mod tls;
mod upgrade;
mod users;
