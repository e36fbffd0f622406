//! The outside world as servers on sockets: fake WeCom, SMTP and SMS services that are as strict as the real ones.
//!
//! Contract: talks HTTP and sockets to us like a stranger, and names no other crate of ours.

pub mod fakes;
