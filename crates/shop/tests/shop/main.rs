#![allow(clippy::unwrap_used, clippy::print_stdout)]
//! The crate on real databases: PostgreSQL, MariaDB and SQLite, each started for this run alone.

mod check;
mod find;
mod litemall;
mod patience;
mod payments;
mod race;
mod ruoyi;
mod servers;
mod tables;
