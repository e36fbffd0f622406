//! A script as commands.

use lingshao_model::{Labels, TimeDelta};
use lingshao_promql::{ast::Expr, parse};
use regex::Regex;

use crate::series::{self, Point};
use crate::storage::Sample;

pub(crate) enum Command {
    Clear,
    Load(Load),
    Eval(Box<Eval>),
    /// What could not be read, and whether it was an eval.
    Broken {
        line: usize,
        is_eval: bool,
        why: String,
    },
}

/// Series to add.
pub(crate) struct Load {
    pub(crate) series: Vec<(Labels, Vec<Sample>)>,
    /// Some points are native histograms, or classic ones are to become such; those are not loaded.
    pub(crate) histograms: bool,
}

/// A query with what must come of it.
pub(crate) struct Eval {
    pub(crate) line: usize,
    pub(crate) expr: String,
    pub(crate) when: When,
    pub(crate) ordered: bool,
    /// The query must fail, with this text.
    pub(crate) fail: Option<Text>,
    pub(crate) warn: Notes,
    pub(crate) info: Notes,
    pub(crate) result: Expected,
    /// An instant query that answers a matrix or a string: not rerun as a range query.
    pub(crate) not_as_range: bool,
}

#[derive(Clone, Copy)]
pub(crate) enum When {
    Instant(i64),
    /// Start, end and step.
    Range(i64, i64, i64),
}

/// What is expected of messages of one kind.
#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) none: bool,
    pub(crate) each: Vec<Text>,
}

pub(crate) enum Text {
    Any,
    Exactly(String),
    Matching(Regex),
}

impl Text {
    pub(crate) fn accepts(&self, text: &str) -> bool {
        match self {
            Text::Any => true,
            Text::Exactly(wanted) => wanted == text,
            Text::Matching(pattern) => pattern.is_match(text),
        }
    }
}

#[derive(Clone)]
pub(crate) enum Expected {
    Scalar(f64),
    String(String),
    /// In the order written. `steps` are those of the points: start, end, step.
    Series {
        series: Vec<(Labels, Vec<Point>)>,
        steps: (i64, i64, i64),
    },
}

/// Lines are trimmed, comments count as blank, a blank line ends a block.
pub(crate) fn commands(text: &str) -> Vec<Command> {
    let lines: Vec<&str> = text
        .lines()
        .map(|line| Some(line.trim()).filter(|line| !line.starts_with('#')).unwrap_or(""))
        .collect();
    let mut commands = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let head = lines[at];
        let line = at + 1;
        at += 1;
        if head.is_empty() {
            continue;
        }
        let command = head.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
        if command == "clear" {
            commands.push(Command::Clear);
            continue;
        }
        let body_end = lines[at..].iter().position(|line| line.is_empty()).map_or(lines.len(), |n| at + n);
        let is_eval = command.starts_with("eval");
        let read = if is_eval {
            // An eval without a blank line after it ends where the next command starts only by its own rules.
            eval(line, head, &lines[at..body_end]).map(|(eval, used)| {
                at += used;
                Command::Eval(Box::new(eval))
            })
        } else if command.starts_with("load") {
            let body = &lines[at..body_end];
            at = body_end;
            load(head, body).map(Command::Load)
        } else {
            Err(format!("unknown command `{head}`"))
        };
        commands.push(read.unwrap_or_else(|why| {
            at = at.max(body_end);
            Command::Broken { line, is_eval, why }
        }));
    }
    commands
}

fn load(head: &str, body: &[&str]) -> Result<Load, String> {
    let (command, step) = head.split_once(char::is_whitespace).ok_or("load without a step")?;
    let step = duration(step.trim())?;
    let mut histograms = command.eq_ignore_ascii_case("load_with_nhcb");
    let mut default_starts: Vec<Option<i64>> = Vec::new();
    let mut pending: Option<series::Starts> = None;
    let mut loaded: Vec<(Labels, Vec<Sample>)> = Vec::new();
    for line in body {
        if let Some(starts) = series::starts(line) {
            let starts = starts?;
            match &starts.0 {
                None => default_starts = starts.1,
                Some(_) => pending = Some(starts),
            }
            continue;
        }
        let (labels, points) = series::series(line)?;
        let own = pending.take();
        if let Some((metric, starts)) = &own
            && (metric.as_ref() != Some(&labels) || starts.len() != points.len())
        {
            return Err(format!("the @st line before `{line}` does not fit it"));
        }
        let start_of = |index: usize| match &own {
            Some((_, starts)) => starts[index],
            None if default_starts.is_empty() => None,
            None => default_starts[index % default_starts.len()],
        };
        let mut samples = Vec::new();
        for (index, point) in points.iter().enumerate() {
            let t = step * index as i64;
            match point {
                Point::Missing => {}
                Point::Histogram => histograms = true,
                Point::Value(value) => {
                    let start = start_of(index).map_or(0, |offset| t + offset);
                    samples.push(Sample { t, start, value: *value });
                }
            }
        }
        loaded.retain(|(other, _)| *other != labels);
        loaded.push((labels, samples));
    }
    Ok(Load { series: loaded, histograms })
}

/// Reads an eval's head and its lines; answers how many lines it took.
fn eval(line: usize, head: &str, body: &[&str]) -> Result<(Eval, usize), String> {
    let (when, expr, mode) = eval_head(head)?;
    let steps = match when {
        When::Instant(t) => (t, t, 0),
        When::Range(start, end, step) => (start, end, step),
    };
    let mut eval = Eval {
        line,
        expr,
        when,
        ordered: mode == "ordered",
        fail: (mode == "fail").then_some(Text::Any),
        warn: Notes::default(),
        info: Notes::default(),
        result: Expected::Series { series: Vec::new(), steps },
        not_as_range: false,
    };
    match mode.as_str() {
        "warn" => eval.warn.each.push(Text::Any),
        "info" => eval.info.each.push(Text::Any),
        _ => {}
    }
    for (used, line) in body.iter().enumerate() {
        if let Some(value) = series::number(line) {
            eval.result = Expected::Scalar(value);
            return Ok((eval, used + 1));
        }
        expectation(&mut eval, line)?;
    }
    Ok((eval, body.len()))
}

/// When, the expression, and the `fail` of an old `eval_fail`.
fn eval_head(head: &str) -> Result<(When, String, String), String> {
    let pattern = |text: &str| Regex::new(text).expect("a pattern of our own");
    let instant = pattern(r"^(?i:eval)(?:_(fail|warn|ordered|info))?\s+instant\s+(?:at\s+(.+?)\s+)?(.+)$");
    let range =
        pattern(r"^(?i:eval)(?:_(fail|warn|info))?\s+range\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+?)\s+(.+)$");
    let text = |group: Option<regex::Match<'_>>| group.map_or("", |found| found.as_str()).to_owned();
    if let Some(found) = instant.captures(head) {
        let at = text(found.get(2));
        let t = if at.is_empty() { 0 } else { duration(&at)? };
        return Ok((When::Instant(t), text(found.get(3)), text(found.get(1))));
    }
    let found = range.captures(head).ok_or_else(|| format!("not an eval: `{head}`"))?;
    let time = |group| duration(&text(found.get(group)));
    let when = When::Range(time(2)?, time(3)?, time(4)?);
    Ok((when, text(found.get(5)), text(found.get(1))))
}

fn duration(text: &str) -> Result<i64, String> {
    TimeDelta::parse(text).map(|span| span.0).map_err(|error| format!("`{text}`: {error}"))
}

fn expectation(eval: &mut Eval, line: &str) -> Result<(), String> {
    if let Some(rest) = line.strip_prefix("expect range vector") {
        let words: Vec<&str> = rest.split_whitespace().collect();
        let ["from", from, "to", to, "step", step] = words[..] else {
            return Err(format!("not a range: `{line}`"));
        };
        let new_steps = (duration(from)?, duration(to)?, duration(step)?);
        if let Expected::Series { steps, .. } = &mut eval.result {
            *steps = new_steps;
        }
        eval.not_as_range = true;
    } else if let Some(literal) = line.strip_prefix("expect string") {
        let Ok(Expr::String(literal)) = parse(literal.trim_start()) else {
            return Err(format!("not a string: `{line}`"));
        };
        eval.result = Expected::String(literal.value);
        eval.not_as_range = true;
    } else if let Some(text) = line.strip_prefix("expected_fail_message") {
        eval.fail = Some(Text::Exactly(text.trim().to_owned()));
    } else if let Some(text) = line.strip_prefix("expected_fail_regexp") {
        eval.fail = Some(Text::Matching(Regex::new(text.trim()).map_err(|error| error.to_string())?));
    } else if line == "expect" || line.starts_with("expect ") {
        expect_line(eval, line)?;
    } else {
        let found = series::series(line)?;
        if let Expected::Series { series, .. } = &mut eval.result {
            series.retain(|(labels, _)| *labels != found.0);
            series.push(found);
        }
    }
    Ok(())
}

fn expect_line(eval: &mut Eval, line: &str) -> Result<(), String> {
    let rest = line.trim_start_matches("expect").trim_start();
    let (kind, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let text = match rest.trim_start().split_once(':') {
        _ if rest.trim().is_empty() => Text::Any,
        Some(("msg", text)) => Text::Exactly(text.trim().to_owned()),
        Some(("regex", text)) => Text::Matching(Regex::new(text.trim()).map_err(|error| error.to_string())?),
        _ => return Err(format!("not an expectation: `{line}`")),
    };
    match kind {
        "ordered" => eval.ordered = true,
        "fail" if eval.fail.is_some() => return Err("more than one `expect fail`".to_owned()),
        "fail" => eval.fail = Some(text),
        "warn" => eval.warn.each.push(text),
        "info" => eval.info.each.push(text),
        "no_warn" => eval.warn.none = true,
        "no_info" => eval.info.none = true,
        _ => return Err(format!("not an expectation: `{line}`")),
    }
    let both = |notes: &Notes| notes.none && !notes.each.is_empty();
    if both(&eval.warn) || both(&eval.info) {
        return Err("messages are both expected and ruled out".to_owned());
    }
    Ok(())
}
