//! Tests of the real binary: it is started on a free port with a folder of its own, asked over HTTP, and killed.

mod api;
mod bad_input;
mod cli;
mod durability;
mod harness;
mod kill_loop;
mod lifecycle;
mod routes;
mod tls;
