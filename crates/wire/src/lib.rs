//! Every format that Lingshao speaks: bytes to nouns and back, one codec each.
//!
//! Contract: pure functions over bytes that are already in memory; no I/O, no clock. Whatever comes from outside
//! is data: it never panics, it costs at most a stated multiple of its own size, and what is wrong with it is said
//! with its position. Limits are arguments or named constants beside the codec that enforces them.
//!
//! - [`snappy`]: the compression of remote write, declared length and ratio checked before anything is allocated.
//! - [`exposition`]: pages of metrics, Prometheus text and OpenMetrics.
//! - [`alertmanager_config`]: Alertmanager's configuration and our receivers.
//! - [`es_bulk`]: Elasticsearch's `_bulk` requests and their answers.
//! - [`board`]: Grafana's boards as documents: what is wrapped around them, and the few members that we look at.
//! - [`date_math`]: dates in questions, and the formats of dates.
//! - [`grafana`]: boards, and the variables in their expressions; [`json`]: a tree with positions.
//! - [`log_lines`]: where lines and records of several lines end; [`syslog`]: its messages.
//! - [`loki`]: Loki's push; [`otlp_logs`]: OpenTelemetry's logs.
//! - [`mask`]: personal data in log records.
//! - [`es`]: requests and answers of the Elasticsearch API.
//! - [`log_json`]: JSON objects and lines of text into log records, and back.
//! - [`label_matchers`]: conditions on labels in both of Alertmanager's grammars.
//! - [`lucene`]: the language in which people ask for log records.
//! - [`prometheus_api`]: replies and parameters of the HTTP API; [`rfc3339`]: its texts for instants.
//! - [`provider`]: what payment providers' answers mean; [`wechatpay`]: WeChat Pay's signed messages.
//! - [`resp`]: Redis' commands and replies.
//! - [`prometheus_rules`]: files of recording and alerting rules.
//! - [`remote_write`]: Prometheus remote write 1.0 and 2.0.
//! - [`alertmanager_api`]: bodies and replies of the Alertmanager API v2.
//! - [`yaml`]: a tree with positions, and a reader that collects mistakes; [`prometheus_config`]: `scrape_configs`
//!   and their neighbours, read with it; [`relabel`]: relabelling rules.

pub mod alertmanager_api;
pub mod alertmanager_config;
pub mod board;
pub mod date_math;
pub mod es;
pub mod es_bulk;
pub mod exposition;
pub mod grafana;
pub mod json;
pub mod label_matchers;
pub mod log_json;
pub mod log_lines;
pub mod loki;
pub mod lucene;
pub mod mask;
pub mod notify;
mod number;
pub mod otlp_logs;
pub mod prometheus_api;
pub mod prometheus_config;
pub mod prometheus_rules;
mod protobuf;
pub mod provider;
pub mod relabel;
pub mod remote_write;
pub mod resp;
pub mod rfc3339;
pub mod series_notation;
pub mod snappy;
pub mod syslog;
pub mod wechatpay;
pub mod yaml;
