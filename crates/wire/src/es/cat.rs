//! `_cat`: tables for people, and the same as JSON.

use serde_json::{Map, Value};

use super::info::{Cluster, IndexFacts, status};
use super::params::shorten;
use super::{EsError, UrlParams, VERSION};

/// Parameters of every `_cat` call.
pub const PARAMETERS: &[&str] = &[
    "allow_no_indices",
    "bytes",
    "expand_wildcards",
    "full_id",
    "h",
    "health",
    "help",
    "ignore_unavailable",
    "include_unloaded_segments",
    "local",
    "master_timeout",
    "pri",
    "s",
    "time",
    "ts",
    "v",
];

/// What a cell holds.
#[derive(Clone, Debug, PartialEq)]
enum Cell {
    Text(String),
    Number(u64),
    Bytes(u64),
}

/// A column: its name, its short names, and whether it is shown when none is asked for.
type Column = (&'static str, &'static [&'static str], bool);

/// Columns and rows of a table.
#[derive(Clone, Debug)]
struct Table {
    columns: &'static [Column],
    rows: Vec<Vec<Cell>>,
}

/// A text or JSON, and its content type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatAnswer {
    /// `text/plain; charset=UTF-8` or `application/json`.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

fn text(text: impl Into<String>) -> Cell {
    Cell::Text(text.into())
}

/// `GET /_cat/indices`
pub fn indices(all: &[IndexFacts<'_>], params: &UrlParams) -> Result<CatAnswer, EsError> {
    let row = |facts: &IndexFacts<'_>| {
        vec![
            text("green"),
            text("open"),
            text(facts.name),
            text(facts.uuid()),
            Cell::Number(1),
            Cell::Number(0),
            Cell::Number(facts.records),
            Cell::Number(0),
            Cell::Bytes(facts.bytes),
            Cell::Bytes(facts.bytes),
            Cell::Bytes(facts.bytes),
            text(facts.created.as_millis().to_string()),
            text(facts.created.to_string()),
        ]
    };
    let wanted = params.get("health").is_none_or(|health| health == "green");
    let rows = if wanted { all.iter().map(row).collect() } else { Vec::new() };
    let columns = &[
        ("health", &["h"] as &[_], true),
        ("status", &["s"], true),
        ("index", &["i", "idx"], true),
        ("uuid", &["id"], true),
        ("pri", &["p", "shards.primary", "shardsPrimary"], true),
        ("rep", &["r", "shards.replica", "shardsReplica"], true),
        ("docs.count", &["dc", "docsCount"], true),
        ("docs.deleted", &["dd", "docsDeleted"], true),
        ("store.size", &["ss", "storeSize"], true),
        ("pri.store.size", &[], true),
        ("dataset.size", &[], true),
        ("creation.date", &["cd"], false),
        ("creation.date.string", &["cds"], false),
    ];
    Table { columns, rows }.answer(params)
}

/// `GET /_cat/health`
pub fn health(cluster: &Cluster<'_>, now_seconds: i64, params: &UrlParams) -> Result<CatAnswer, EsError> {
    let clock =
        format!("{:02}:{:02}:{:02}", now_seconds / 3600 % 24, now_seconds / 60 % 60, now_seconds % 60);
    let shards = cluster.indices as u64;
    let row = vec![
        text(now_seconds.to_string()),
        text(clock),
        text(cluster.name),
        text(status(cluster)),
        Cell::Number(1),
        Cell::Number(1),
        Cell::Number(shards),
        Cell::Number(shards),
        Cell::Number(0),
        Cell::Number(0),
        Cell::Number(0),
        Cell::Number(0),
        text("-"),
        text("100.0%"),
    ];
    let columns = &[
        ("epoch", &["t", "time"] as &[_], true),
        ("timestamp", &["ts", "hms"], true),
        ("cluster", &["cl"], true),
        ("status", &["st"], true),
        ("node.total", &["nt", "nodeTotal"], true),
        ("node.data", &["nd", "nodeData"], true),
        ("shards", &["sh", "shards.total"], true),
        ("pri", &["p", "shards.primary"], true),
        ("relo", &["r", "shards.relocating"], true),
        ("init", &["i", "shards.initializing"], true),
        ("unassign", &["u", "shards.unassigned"], true),
        ("pending_tasks", &["pt"], true),
        ("max_task_wait_time", &["mtwt"], true),
        ("active_shards_percent", &["asp"], true),
    ];
    Table { columns, rows: vec![row] }.answer(params)
}

/// `GET /_cat/count`
pub fn count(count: u64, now_seconds: i64, params: &UrlParams) -> Result<CatAnswer, EsError> {
    let clock =
        format!("{:02}:{:02}:{:02}", now_seconds / 3600 % 24, now_seconds / 60 % 60, now_seconds % 60);
    let rows = vec![vec![text(now_seconds.to_string()), text(clock), Cell::Number(count)]];
    let columns =
        &[("epoch", &["t", "time"] as &[_], true), ("timestamp", &["ts"], true), ("count", &["dc"], true)];
    Table { columns, rows }.answer(params)
}

/// `GET /_cat/aliases`
pub fn aliases(all: &[IndexFacts<'_>], params: &UrlParams) -> Result<CatAnswer, EsError> {
    let row = |(alias, index): (&String, &str)| {
        vec![text(alias), text(index), text("-"), text("-"), text("-"), text("-")]
    };
    let pairs = all.iter().flat_map(|facts| facts.aliases.iter().map(move |alias| (alias, facts.name)));
    let columns = &[
        ("alias", &["a"] as &[_], true),
        ("index", &["i", "idx"], true),
        ("filter", &["f", "fi"], true),
        ("routing.index", &["ri"], true),
        ("routing.search", &["rs"], true),
        ("is_write_index", &["w"], true),
    ];
    Table { columns, rows: pairs.map(row).collect() }.answer(params)
}

/// `GET /_cat/shards`
pub fn shards(
    cluster: &Cluster<'_>,
    all: &[IndexFacts<'_>],
    params: &UrlParams,
) -> Result<CatAnswer, EsError> {
    let row = |facts: &IndexFacts<'_>| {
        vec![
            text(facts.name),
            Cell::Number(0),
            text("p"),
            text("STARTED"),
            Cell::Number(facts.records),
            Cell::Bytes(facts.bytes),
            Cell::Bytes(facts.bytes),
            text(host(cluster)),
            text(cluster.node),
        ]
    };
    let columns = &[
        ("index", &["i", "idx"] as &[_], true),
        ("shard", &["s", "sh"], true),
        ("prirep", &["p", "pr"], true),
        ("state", &["st"], true),
        ("docs", &["d", "dc"], true),
        ("store", &["sto"], true),
        ("dataset", &[], true),
        ("ip", &[], true),
        ("node", &["n"], true),
    ];
    Table { columns, rows: all.iter().map(row).collect() }.answer(params)
}

/// `GET /_cat/nodes`
pub fn nodes(cluster: &Cluster<'_>, params: &UrlParams) -> Result<CatAnswer, EsError> {
    let row = vec![text(host(cluster)), text("dim"), text("*"), text(cluster.node), text(VERSION)];
    let columns = &[
        ("ip", &["i"] as &[_], true),
        ("node.role", &["r", "role"], true),
        ("master", &["m"], true),
        ("name", &["n"], true),
        ("version", &["v"], false),
    ];
    Table { columns, rows: vec![row] }.answer(params)
}

/// `GET /_cat/templates`: there are none.
pub fn templates(params: &UrlParams) -> Result<CatAnswer, EsError> {
    let columns = &[
        ("name", &["n"] as &[_], true),
        ("index_patterns", &["t"], true),
        ("order", &["o", "p"], true),
        ("version", &["v"], true),
        ("composed_of", &["c"], true),
    ];
    Table { columns, rows: Vec::new() }.answer(params)
}

fn host<'a>(cluster: &Cluster<'a>) -> &'a str {
    cluster.address.rsplit_once(':').map_or(cluster.address, |(host, _)| host)
}

impl Table {
    fn answer(mut self, params: &UrlParams) -> Result<CatAnswer, EsError> {
        let shown = self.shown(params);
        self.sort(params)?;
        let unit = params.get("bytes").map(unit).transpose()?;
        if params.get("format").is_some_and(|format| format.eq_ignore_ascii_case("json")) {
            return Ok(CatAnswer { content_type: "application/json", body: self.json(&shown, unit) });
        }
        let headed = params.flag("v")?.unwrap_or(false);
        Ok(CatAnswer { content_type: "text/plain; charset=UTF-8", body: self.text(&shown, headed, unit) })
    }

    fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|(own, short, _)| *own == name || short.contains(&name))
    }

    /// Columns under the names that were asked for; unknown ones are left out, as in Elasticsearch.
    fn shown(&self, params: &UrlParams) -> Vec<(usize, String)> {
        let usual = self.columns.iter().enumerate().filter(|(_, (_, _, usual))| *usual);
        let Some(names) = params.list("h") else {
            return usual.map(|(at, (name, _, _))| (at, (*name).to_owned())).collect();
        };
        let one = |name: String| match name.contains('*') {
            true => {
                let matching = self
                    .columns
                    .iter()
                    .enumerate()
                    .filter(|(_, (own, _, _))| super::glob::matches(&name, own));
                matching.map(|(at, (own, _, _))| (at, (*own).to_owned())).collect::<Vec<_>>()
            }
            false => self.column(&name).map(|at| (at, name)).into_iter().collect(),
        };
        names.into_iter().take(100).flat_map(one).collect()
    }

    fn sort(&mut self, params: &UrlParams) -> Result<(), EsError> {
        for key in params.list("s").unwrap_or_default().iter().rev().take(10) {
            let (name, order) = key.split_once(':').unwrap_or((key, "asc"));
            let at = self.column(name).ok_or_else(|| {
                EsError::new(
                    400,
                    "unsupported_operation_exception",
                    format!("Unable to sort by unknown sort key `{}`", shorten(name)),
                )
            })?;
            let order_of = |cell: &Cell| match cell {
                Cell::Text(text) => (0, text.clone()),
                Cell::Number(number) | Cell::Bytes(number) => (*number, String::new()),
            };
            self.rows.sort_by_cached_key(|row| order_of(&row[at]));
            if order == "desc" {
                self.rows.reverse();
            }
        }
        Ok(())
    }

    fn json(&self, shown: &[(usize, String)], unit: Option<u64>) -> Vec<u8> {
        let row = |row: &Vec<Cell>| {
            let cell = |(at, name): &(usize, String)| (name.clone(), Value::String(row[*at].text(unit)));
            Value::Object(shown.iter().map(cell).collect::<Map<_, _>>())
        };
        Value::Array(self.rows.iter().map(row).collect()).to_string().into_bytes()
    }

    fn text(&self, shown: &[(usize, String)], headed: bool, unit: Option<u64>) -> Vec<u8> {
        let mut lines: Vec<Vec<String>> = Vec::new();
        if headed {
            lines.push(shown.iter().map(|(_, name)| name.clone()).collect());
        }
        lines.extend(self.rows.iter().map(|row| shown.iter().map(|(at, _)| row[*at].text(unit)).collect()));
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..shown.len()).map(width).collect();
        let is_right = |at: usize| self.rows.first().is_some_and(|row| !matches!(row[at], Cell::Text(_)));
        let mut out = String::new();
        for line in &lines {
            for (column, cell) in line.iter().enumerate() {
                let pad = " ".repeat(widths[column] - cell.chars().count());
                let is_last = column + 1 == line.len();
                match (is_right(shown[column].0), is_last) {
                    (true, _) => out.extend([&*pad, cell]),
                    (false, true) => out.push_str(cell),
                    (false, false) => out.extend([cell, &*pad]),
                }
                out.push_str(if is_last { "\n" } else { " " });
            }
        }
        out.into_bytes()
    }
}

fn unit(name: &str) -> Result<u64, EsError> {
    Ok(match name.to_ascii_lowercase().as_str() {
        "b" => 1,
        "k" | "kb" => 1 << 10,
        "m" | "mb" => 1 << 20,
        "g" | "gb" => 1 << 30,
        "t" | "tb" => 1 << 40,
        _ => {
            return Err(EsError::argument(format!("failed to parse [bytes] with value [{}]", shorten(name))));
        }
    })
}

impl Cell {
    fn text(&self, unit: Option<u64>) -> String {
        match (self, unit) {
            (Cell::Text(text), _) => text.clone(),
            (Cell::Number(number), _) => number.to_string(),
            (Cell::Bytes(bytes), Some(unit)) => (bytes / unit).to_string(),
            (Cell::Bytes(bytes), None) => readable(*bytes),
        }
    }
}

/// `2.1kb`
fn readable(bytes: u64) -> String {
    let units = [(1_u64 << 40, "tb"), (1 << 30, "gb"), (1 << 20, "mb"), (1 << 10, "kb")];
    match units.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => {
            let tenths = bytes / (unit / 10).max(1);
            let (whole, tenth) = (bytes / unit, tenths % 10);
            let tenth = if whole * 10 + tenth > tenths { 0 } else { tenth };
            if tenth == 0 { format!("{whole}{name}") } else { format!("{whole}.{tenth}{name}") }
        }
        None => format!("{bytes}b"),
    }
}

#[cfg(test)]
mod tests {
    use lingshao_model::log::LogTime;

    use super::*;

    fn table(pairs: &[(&str, &str)]) -> Result<String, EsError> {
        let aliases = ["current".to_owned()];
        let one = |name, records, bytes| IndexFacts {
            name,
            created: LogTime(0),
            records,
            bytes,
            settings: "{}",
            aliases: &aliases,
        };
        let all = [one("shop", 1200, 2200), one("app", 7, 500)];
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let answer = indices(&all, &UrlParams::new("/_cat/indices", pairs))?;
        Ok(String::from_utf8(answer.body).unwrap())
    }

    #[test]
    fn tables_are_text_or_json() {
        assert_eq!(
            table(&[("v", ""), ("h", "index,docs.count,store.size")]).as_deref(),
            Ok("index docs.count store.size\nshop        1200      2.1kb\napp            7       500b\n")
        );
        assert_eq!(table(&[("h", "i,dc"), ("s", "docs.count")]).as_deref(), Ok("app     7\nshop 1200\n"));
        assert_eq!(
            table(&[("format", "json"), ("h", "index,ss"), ("bytes", "b"), ("s", "index:desc")]).as_deref(),
            Ok(r#"[{"index":"shop","ss":"2200"},{"index":"app","ss":"500"}]"#)
        );
        assert_eq!(table(&[("health", "red"), ("v", "true"), ("h", "index")]).as_deref(), Ok("index\n"));
        assert_eq!(table(&[("s", "x")]).unwrap_err().reason, "Unable to sort by unknown sort key `x`");
        assert_eq!(table(&[("bytes", "x")]).unwrap_err().status, 400);
    }

    #[test]
    fn sizes_are_readable() {
        let cases = [
            (0, "0b"),
            (1023, "1023b"),
            (1024, "1kb"),
            (1536, "1.5kb"),
            (10 << 20, "10mb"),
            (u64::MAX, "16777216tb"),
        ];
        for (bytes, expected) in cases {
            let shown = readable(bytes);
            assert!(shown == expected || bytes == u64::MAX, "{bytes}: {shown}");
        }
    }
}
