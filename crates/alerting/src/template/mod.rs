//! Go templates: text to a parsed set, executed over typed values within bounds.
//!
//! Contract: what Go's `text/template` makes of a text with the functions of Prometheus or Alertmanager is what comes
//! out here, byte for byte, and what it refuses is refused in its words. Parsing happens once; executing reads no
//! clock ([`Context::now`]), asks at most [`QUERIES_MAX`] questions, takes at most [`STEPS_MAX`] steps and writes at
//! most [`OUTPUT_BYTES_MAX`]. Any text gives a result or a [`TemplateError`], never a panic.

mod data;
mod escape;
mod exec;
mod functions;
mod html;
mod json;
mod lex;
mod number;
mod parse;
mod print;
mod time;
mod tree;
mod value;

use std::fmt;
use std::sync::Arc;

use lingshao_model::{Delivery, DeliveryReason, Labels, Timestamp};

use data::{AlertView, NotificationView};
use exec::{Library, Output};
use functions::{Asker, Outside};
use html::HtmlWriter;
use parse::{Trees, is_empty};
use time::Zone;
use tree::{Node, Tree};
use value::{Pairs, TextMap, Value};

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

    fn outside<'o>(&'o mut self, external_url: &'o str) -> Outside<'o> {
        let query: Option<Asker<'o>> = match &mut self.query {
            Some(query) => Some(&mut **query),
            None => None,
        };
        Outside { now: self.now, local: Zone::local(self.time_zone), external_url, query, queries: 0 }
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

/// Names and values in the order of Go's struct.
fn rule_fields<'a>(data: &'a RuleData<'a>) -> [(&'static str, Value<'a>); 4] {
    let map = |labels| Value::TextMap(TextMap { pairs: Pairs::Labels(labels), is_kv: false });
    [
        ("Labels", map(data.labels)),
        ("ExternalLabels", map(data.external_labels)),
        ("ExternalURL", Value::text(data.external_url)),
        ("Value", Value::Float(data.value)),
    ]
}

/// What Prometheus puts in front of every rule's text; columns in errors count it.
const PREAMBLE: &str = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}\
                        {{$externalURL := .ExternalURL}}{{$value := .Value}}";

/// A label's or annotation's text of an alerting rule, parsed.
#[derive(Clone, Debug)]
pub struct RuleTemplate(Parsed);

#[derive(Clone, Debug)]
enum Parsed {
    /// Nothing to execute.
    Plain(String),
    Tree {
        name: String,
        trees: Arc<Trees>,
    },
}

impl RuleTemplate {
    /// Parses with Prometheus' functions. `name` is what its errors are told under; Prometheus takes
    /// `__alert_` and the rule's name.
    pub fn parse(name: &str, text: &str) -> Result<RuleTemplate, TemplateError> {
        if !text.contains("{{") {
            return Ok(RuleTemplate(Parsed::Plain(text.to_owned())));
        }
        let trees = parse::parse(FunctionSet::Prometheus, name, &format!("{PREAMBLE}{text}"))?;
        Ok(RuleTemplate(Parsed::Tree { name: name.to_owned(), trees: Arc::new(trees) }))
    }

    /// The text for one element. An error's message begins with `error executing template NAME: `; Prometheus then
    /// takes `<error expanding template: MESSAGE>` as the text.
    pub fn expand(&self, data: &RuleData<'_>, context: &mut Context<'_>) -> Result<String, TemplateError> {
        let (name, trees) = match &self.0 {
            Parsed::Plain(text) => return Ok(text.clone()),
            Parsed::Tree { name, trees } => (name, trees),
        };
        let library = Library { own: trees, shared: None };
        let Some(tree) = library.get(name) else { return Ok(String::new()) };
        let outside = context.outside(data.external_url);
        exec::execute(library, tree, &Value::Rule(data), outside, Output::Plain(String::new())).map_err(
            |error| {
                let message = format!("error executing template {name}: {}", error.message);
                TemplateError { message, line: error.line }
            },
        )
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

impl NotificationData<'_> {
    fn reason(&self) -> &'static str {
        match self.delivery.reason {
            DeliveryReason::First => "first",
            DeliveryReason::Changed => "changed",
            DeliveryReason::Repeat => "repeat",
        }
    }
}

/// Named templates (`{{ define }}`) that texts of notifications may use.
#[derive(Clone, Debug, Default)]
pub struct Templates {
    trees: Trees,
}

impl Templates {
    /// None yet.
    pub fn new() -> Templates {
        Templates::default()
    }

    /// Adds what a file defines; a name that was there before is replaced. `name` is the file's, without its folder.
    pub fn add(&mut self, name: &str, text: &str) -> Result<(), TemplateError> {
        for (name, tree) in parse::parse(FunctionSet::Alertmanager, name, text)? {
            if !is_empty(&tree.root) || !self.trees.contains_key(&name) {
                self.trees.insert(name, tree);
            }
        }
        Ok(())
    }

    /// Whether a text parses, and every template that it, or what it uses, names is there.
    pub fn check(&self, text: &str) -> Result<(), TemplateError> {
        let own = parse::parse(FunctionSet::Alertmanager, "", text)?;
        let library = Library { own: &own, shared: Some(&self.trees) };
        let mut seen = vec![""];
        let mut open: Vec<&Tree> = library.get("").into_iter().collect();
        while let Some(tree) = open.pop() {
            let mut named = Vec::new();
            collect_names(&tree.root, &mut named);
            for (name, node) in named {
                let Some(next) = library.get(name) else { return Err(undefined(tree, name, node)) };
                if !seen.contains(&name) {
                    seen.push(name);
                    open.push(next);
                }
            }
        }
        Ok(())
    }

    /// The text for a delivery.
    pub fn render(
        &self,
        text: &str,
        data: &NotificationData<'_>,
        context: &mut Context<'_>,
    ) -> Result<String, TemplateError> {
        if !text.contains("{{") {
            return Ok(text.to_owned());
        }
        self.run(text, data, context, Output::Plain(String::new()))
    }

    /// The HTML for a delivery: whatever actions print is escaped for the place where it stands.
    pub fn render_html(
        &self,
        text: &str,
        data: &NotificationData<'_>,
        context: &mut Context<'_>,
    ) -> Result<String, TemplateError> {
        self.run(text, data, context, Output::Html(HtmlWriter::new()))
    }

    fn run(
        &self,
        text: &str,
        data: &NotificationData<'_>,
        context: &mut Context<'_>,
        output: Output,
    ) -> Result<String, TemplateError> {
        let own = parse::parse(FunctionSet::Alertmanager, "", text)?;
        let library = Library { own: &own, shared: Some(&self.trees) };
        // A text that only defines something has an empty tree of its own.
        let Some(tree) = own.get("") else { return Ok(String::new()) };
        let alerts = AlertView::all(data);
        let view = Value::Notification(std::rc::Rc::new(NotificationView::new(data, &alerts)));
        exec::execute(library, tree, &view, context.outside(data.external_url), output)
    }
}

/// Every template that is named, and where.
fn collect_names<'t>(nodes: &'t [Node], names: &mut Vec<(&'t str, &'t Node)>) {
    for node in nodes {
        match node {
            Node::Template { name, .. } => names.push((name, node)),
            Node::If(branch) | Node::With(branch) | Node::Range(branch) => {
                collect_names(&branch.body, names);
                collect_names(branch.otherwise.as_deref().unwrap_or(&[]), names);
            }
            _ => {}
        }
    }
}

/// The error that running into it would be.
fn undefined(tree: &Tree, name: &str, node: &Node) -> TemplateError {
    let place = if let Node::Template { place, .. } = node { *place } else { 0 };
    let (location, line) = tree.source.location(place);
    let (own, name) = (number::quote(&tree.name), number::quote(name));
    let message = format!("template: {location}: executing {own} at <{node}>: template {name} not defined");
    TemplateError { message, line }
}
