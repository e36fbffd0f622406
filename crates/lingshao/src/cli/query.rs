//! `lingshao query`: an expression's value from a running server, as a table for people or as its JSON.

use std::io::{self, Write};

use anyhow::{Context, anyhow};
use lingshao_model::Timestamp;
use lingshao_wire::rfc3339;
use serde::Deserialize;
use serde_json::Value;

use super::{Server, client, print};
use crate::failure::Failure;

/// What to ask, when, and whom.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The PromQL expression
    expression: String,
    /// The instant, as seconds since the epoch or RFC 3339 [default: now]
    #[arg(long, conflicts_with_all = ["start", "end", "step"])]
    time: Option<String>,
    /// First instant of a range
    #[arg(long, requires = "end", requires = "step")]
    start: Option<String>,
    /// Last instant of a range
    #[arg(long, requires = "start")]
    end: Option<String>,
    /// Between the instants of a range, as seconds or like 15s
    #[arg(long, requires = "start")]
    step: Option<String>,
    /// How to print the value
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    server: Server,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Table,
    Json,
}

/// The envelope of every answer of the API.
#[derive(Debug, Deserialize)]
struct Envelope {
    status: String,
    #[serde(default)]
    data: Option<Data>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    infos: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data {
    Scalar((f64, String)),
    String((f64, String)),
    Vector(Vec<VectorRow>),
    Matrix(Vec<MatrixRow>),
}

#[derive(Debug, Deserialize)]
struct VectorRow {
    metric: serde_json::Map<String, Value>,
    value: (f64, String),
}

#[derive(Debug, Deserialize)]
struct MatrixRow {
    metric: serde_json::Map<String, Value>,
    values: Vec<(f64, String)>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut fields = vec![("query", arguments.expression.as_str())];
    let given = [
        ("time", &arguments.time),
        ("start", &arguments.start),
        ("end", &arguments.end),
        ("step", &arguments.step),
    ];
    fields.extend(given.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))));
    let path = if arguments.start.is_some() { "/api/v1/query_range" } else { "/api/v1/query" };
    let answer = client::ask(&arguments.server.url, path, &fields)?;
    let envelope: Envelope = serde_json::from_slice(&answer.body)
        .with_context(|| {
            format!("{} answered {}", client::without_password(&arguments.server.url), answer.status)
        })
        .map_err(|error| {
            let said = String::from_utf8_lossy(&answer.body).chars().take(200).collect::<String>();
            Failure::environment(error).remedy(said.trim().to_owned())
        })?;
    if envelope.status != "success" {
        return Err(refusal(&envelope, answer.status));
    }
    if arguments.format == Format::Json {
        return print(&format!("{}\n", String::from_utf8_lossy(&answer.body).trim_end()));
    }
    print(&table(&envelope))?;
    if envelope.data.as_ref().is_some_and(Data::is_empty) {
        let has_samples = has_samples(&arguments.server.url);
        // A note for a person: the value, which is nothing, has been printed.
        drop(io::stderr().write_all(nothing_found(has_samples).as_bytes()));
    }
    Ok(())
}

impl Data {
    fn is_empty(&self) -> bool {
        match self {
            Data::Vector(rows) => rows.is_empty(),
            Data::Matrix(rows) => rows.is_empty(),
            Data::Scalar(_) | Data::String(_) => false,
        }
    }
}

/// Whether the server keeps any series at all; one that does not say so is taken to.
fn has_samples(url: &str) -> bool {
    #[derive(Deserialize)]
    struct Names {
        data: Vec<String>,
    }
    let answer = client::ask(url, "/api/v1/labels", &[("limit", "1")]).ok();
    let names = answer.and_then(|answer| serde_json::from_slice::<Names>(&answer.body).ok());
    names.is_none_or(|names| !names.data.is_empty())
}

fn nothing_found(has_samples: bool) -> &'static str {
    if has_samples {
        "no series matches\n"
    } else {
        "no series matches: the server has no samples yet\n  \
         data arrives with the first scrape, within `scrape_interval` of the start, or by remote write\n"
    }
}

/// The server's own failure (5xx) is the environment's, the rest the expression's.
fn refusal(envelope: &Envelope, status: u16) -> Failure {
    let error = anyhow!("{}", envelope.error.as_deref().unwrap_or("the server gave no reason"));
    if status >= 500 { Failure::environment(error) } else { Failure::input(error) }
}

fn table(envelope: &Envelope) -> String {
    let mut text = String::new();
    for (level, notes) in [("warning", &envelope.warnings), ("info", &envelope.infos)] {
        notes.iter().for_each(|note| text += &format!("{level}: {note}\n"));
    }
    match &envelope.data {
        None => {}
        Some(Data::Scalar((_, value)) | Data::String((_, value))) => text += &format!("{value}\n"),
        Some(Data::Vector(rows)) => {
            let rows: Vec<_> = rows.iter().map(|row| (series(&row.metric), row.value.1.as_str())).collect();
            text += &columns(rows.iter().map(|(name, value)| (name.as_str(), *value)));
        }
        Some(Data::Matrix(rows)) => {
            for row in rows {
                text += &format!("{}\n", series(&row.metric));
                let points: Vec<_> = row.values.iter().map(|(t, v)| (instant(*t), v.as_str())).collect();
                text += &columns(points.iter().map(|(t, v)| (t.as_str(), *v)))
                    .lines()
                    .map(|line| format!("  {line}\n"))
                    .collect::<String>();
            }
        }
    }
    text
}

/// Left column padded to the widest, in characters.
fn columns<'a>(rows: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> String {
    let width = rows.clone().map(|(left, _)| left.chars().count()).max().unwrap_or(0);
    rows.map(|(left, right)| format!("{left:width$}  {right}\n")).collect()
}

/// As it would be written in PromQL; text from outside is escaped, so that it cannot move the cursor.
fn series(metric: &serde_json::Map<String, Value>) -> String {
    let pairs = metric.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)));
    let labels = lingshao_model::Labels::from_pairs(pairs).unwrap_or_default();
    labels.to_string()
}

fn instant(seconds: f64) -> String {
    rfc3339::format(Timestamp::from_seconds(seconds).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(answer: &str, expected: &str) {
        assert_eq!(table(&serde_json::from_str(answer).unwrap()), expected);
    }

    #[test]
    fn values_are_tables() {
        check(r#"{"status":"success","data":{"resultType":"scalar","result":[4,"2"]}}"#, "2\n");
        check(r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#, "");
        check(
            r#"{"status":"success","warnings":["old"],"data":{"resultType":"vector","result":[
                {"metric":{"__name__":"up","job":"a"},"value":[4,"1"]},
                {"metric":{"__name__":"up","job":"long\u001b"},"value":[4,"0"]}]}}"#,
            "warning: old\nup{job=\"a\"}           1\nup{job=\"long\\u{1b}\"}  0\n",
        );
        check(
            r#"{"status":"success","data":{"resultType":"matrix","result":[
                {"metric":{"__name__":"up"},"values":[[0,"1"],[1700000000.5,"NaN"]]}]}}"#,
            "up\n  1970-01-01T00:00:00Z      1\n  2023-11-14T22:13:20.500Z  NaN\n",
        );
    }
}
