//! A small online shop with its customers and its payment provider, and the outside services by which people are told.
//!
//! Contract: talks HTTP and sockets to us like a stranger. [`DemoShop`] is a real back end on real sockets over a real
//! database, with customers who use it as people do; [`history`] says what would have been measured in it before it
//! was started; [`fakes`] are WeCom, SMTP, SMS and other services, as strict as the real ones.

mod catalogue;
mod customers;
mod desk;
mod dice;
pub mod fakes;
pub mod history;
mod http;
mod incident;
mod money;
mod plan;
mod provider;
mod rhythm;
mod shop;
mod time;

pub use incident::{Incident, IncidentError, IncidentState, Phase, UnknownIncident};
pub use shop::{DemoError, DemoShop, Figures, Settings};
