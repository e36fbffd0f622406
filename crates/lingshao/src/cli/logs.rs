//! `lingshao logs`: records from a running server, a line each for people or as their JSON, once or as they arrive.

use std::io::{self, IsTerminal, Write};

use anyhow::{Context, anyhow};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Server, client, print};
use crate::failure::Failure;

/// Most records that one question brings.
const PAGE_MAX: usize = 1_000;
/// How long one question of `--follow` waits for something new.
const WAIT_MILLIS: u64 = 15_000;

/// What to find, when, and on which server.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The query; without one: everything
    #[arg(default_value = "*", hide_default_value = true)]
    query: String,
    /// How far back: 15m, 1h, 7d, or an instant
    #[arg(long, default_value = "1h")]
    since: String,
    /// Up to which instant [default: now]
    #[arg(long, conflicts_with = "follow")]
    until: Option<String>,
    /// Most records; the newest of the time
    #[arg(long, short = 'n', default_value_t = 100)]
    limit: usize,
    /// Names or patterns of indices, with commas between them [default: all]
    #[arg(long)]
    index: Option<String>,
    /// Goes on with what arrives, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
    /// How to print a record
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    server: Server,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Time, level, message, and the other fields
    Text,
    /// The record as it was sent, a line each
    Json,
}

#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(default)]
    total: u64,
    last_seq: u64,
    cursor: Option<String>,
    hits: Vec<Hit>,
    #[serde(default)]
    notices: Vec<Notice>,
}

#[derive(Debug, Deserialize)]
struct Notice {
    message: String,
}

#[derive(Debug, Deserialize)]
struct Hit {
    time: String,
    level: Option<String>,
    message: Option<String>,
    source: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
struct Refusal {
    error: Fault,
}

#[derive(Debug, Deserialize)]
struct Fault {
    message: String,
    start: Option<usize>,
    end: Option<usize>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (mut hits, total, last_seq) = newest(arguments)?;
    if hits.is_empty() && !arguments.follow {
        // A note for a person: what was found, which is nothing, has been printed.
        drop(io::stderr().write_all(b"no record matches; another time is given with --since\n"));
    }
    if hits.len() < usize::try_from(total).unwrap_or(usize::MAX) && io::stderr().is_terminal() {
        let note = format!("the newest {} of {total} records; more with --limit\n", hits.len());
        drop(io::stderr().write_all(note.as_bytes()));
    }
    hits.reverse();
    show(arguments, &hits)?;
    if arguments.follow { follow(arguments, last_seq) } else { Ok(()) }
}

/// Page by page, newest first.
fn newest(arguments: &Arguments) -> Result<(Vec<Hit>, u64, u64), Failure> {
    let (mut hits, mut cursor) = (Vec::new(), None);
    let (mut total, mut last_seq) = (0, None);
    while hits.len() < arguments.limit {
        let size = (arguments.limit - hits.len()).min(PAGE_MAX);
        let from = if arguments.since.contains(['-', ':']) || arguments.since.starts_with("now") {
            arguments.since.clone()
        } else {
            format!("now-{}", arguments.since)
        };
        let until = arguments.until.as_deref().unwrap_or("now");
        let mut question = json!({
            "query": arguments.query, "from": from, "to": until, "size": size, "order": "desc", "after": cursor,
        });
        if let Some(index) = &arguments.index {
            question["index"] = json!(index);
        }
        let answer = ask(arguments, &question)?;
        if cursor.is_none() {
            total = answer.total;
            for notice in &answer.notices {
                drop(writeln!(io::stderr(), "note: {}", notice.message));
            }
        }
        last_seq.get_or_insert(answer.last_seq);
        let found = answer.hits.len();
        hits.extend(answer.hits);
        cursor = answer.cursor;
        if found < size || cursor.is_none() {
            break;
        }
    }
    Ok((hits, total, last_seq.unwrap_or(0)))
}

/// Waits for what arrives, for ever.
fn follow(arguments: &Arguments, mut last_seq: u64) -> Result<(), Failure> {
    loop {
        let mut question = json!({
            "query": arguments.query, "after_seq": last_seq, "wait_ms": WAIT_MILLIS, "size": PAGE_MAX,
        });
        if let Some(index) = &arguments.index {
            question["index"] = json!(index);
        }
        let answer = ask(arguments, &question)?;
        last_seq = answer.last_seq;
        show(arguments, &answer.hits)?;
    }
}

fn ask(arguments: &Arguments, question: &Value) -> Result<Answer, Failure> {
    let url = &arguments.server.url;
    let answer = client::ask_json(url, "/api/lingshao/v1/logs/search", question)?;
    if answer.status == 200 {
        let read = serde_json::from_slice(&answer.body);
        return read.context("the server's answer is not understood").map_err(Failure::environment);
    }
    let refusal: Option<Refusal> = serde_json::from_slice(&answer.body).ok();
    let Some(Refusal { error }) = refusal else {
        let said = String::from_utf8_lossy(&answer.body).chars().take(200).collect::<String>();
        let shown = client::without_password(url);
        let error = anyhow!("{shown} answered {}: {}", answer.status, said.trim());
        return Err(Failure::environment(error));
    };
    let pointed = match (error.start, error.end) {
        (Some(start), Some(end)) => format!("{}\n{}", error.message, pointer(&arguments.query, start, end)),
        _ => error.message,
    };
    let error = anyhow!("{pointed}");
    Err(if answer.status < 500 { Failure::input(error) } else { Failure::environment(error) })
}

/// The query with a mark below the place.
fn pointer(query: &str, start: usize, end: usize) -> String {
    let before = query.get(..start).unwrap_or(query);
    let marked = query.get(start..end).unwrap_or("");
    let width =
        |text: &str| text.chars().map(|character| if character.is_ascii() { 1 } else { 2 }).sum::<usize>();
    format!("  {query}\n  {}{}", " ".repeat(width(before)), "^".repeat(width(marked).max(1)))
}

fn show(arguments: &Arguments, hits: &[Hit]) -> Result<(), Failure> {
    let mut text = String::new();
    for hit in hits {
        match arguments.format {
            Format::Json => text += &format!("{}\n", Value::Object(hit.source.clone())),
            Format::Text => text += &line(hit),
        }
    }
    print(&text)
}

/// Fields that the line shows already.
const SHOWN: [&str; 8] =
    ["timestamp", "@timestamp", "time", "ts", "level", "levelname", "severity", "message"];

/// Text from outside is escaped, so that it cannot move the cursor.
fn line(hit: &Hit) -> String {
    let plain = |text: &str| -> String {
        text.chars()
            .map(|character| match character {
                character if character.is_control() => character.escape_default().to_string(),
                character => character.to_string(),
            })
            .collect()
    };
    let level = hit.level.as_deref().unwrap_or("-");
    let message = plain(hit.message.as_deref().unwrap_or(""));
    let mut line = format!("{}  {level:8}  {message}", hit.time);
    for (name, value) in hit.source.iter().filter(|(name, _)| !SHOWN.contains(&name.as_str())) {
        let value = match value {
            Value::String(text) => plain(text),
            other => plain(&other.to_string()),
        };
        line += &format!("  {}={value}", plain(name));
    }
    line + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_one_line_and_cannot_move_the_cursor() {
        let hit = r#"{"time":"2026-11-26T01:02:03.004Z","level":"ERROR","message":"支付失败\u001b[2J\nx",
            "source":{"timestamp":"…","level":"error","message":"…","path":"/a","status_code":500}}"#;
        let line = line(&serde_json::from_str(hit).unwrap());
        let expected =
            "2026-11-26T01:02:03.004Z  ERROR     支付失败\\u{1b}[2J\\nx  path=/a  status_code=500\n";
        assert_eq!(line, expected);
    }

    #[test]
    fn a_fault_is_pointed_at_below_wide_characters() {
        assert_eq!(pointer("支付 AND (x", 11, 12), "  支付 AND (x\n           ^");
    }
}
