//! From JSON to a board's nouns.

use crate::board::{WRAPPERS_MAX, wrapper};
use crate::json::{JsonError, Node, Value};
use crate::yaml::Position;

/// A board.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Board {
    /// Its title.
    pub title: String,
    /// Its name in URLs.
    pub uid: Option<String>,
    /// Names of its variables.
    pub variables: Vec<String>,
    /// In the order of the file; those of a row stand inside of it.
    pub panels: Vec<Panel>,
}

/// A panel, or a row of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// Its number on the board.
    pub id: Option<i64>,
    /// Its title.
    pub title: String,
    /// `timeseries`, `graph`, `stat`, `row`, …: as written.
    pub kind: String,
    /// Where its data come from, unless its targets say otherwise.
    pub datasource: Option<Datasource>,
    /// `s`, `percentunit`, …: as written.
    pub unit: Option<String>,
    /// In the order written.
    pub thresholds: Vec<Threshold>,
    /// A value for each series is shown on purpose (`reduceOptions.values`).
    pub shows_all_values: bool,
    /// What it asks.
    pub targets: Vec<Target>,
    /// The panels of a row.
    pub panels: Vec<Panel>,
    /// Where it begins in the file.
    pub at: Position,
}

/// Where data come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Datasource {
    /// `prometheus`, `loki`, …
    pub kind: Option<String>,
    /// Its name or uid; may be a variable.
    pub name: Option<String>,
}

/// From which value on a panel has a colour.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    /// None is "from the lowest".
    pub value: Option<f64>,
    /// As written.
    pub color: String,
}

/// A query of a panel.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// `A`, `B`, …
    pub ref_id: Option<String>,
    /// The expression as written, variables included.
    pub expr: String,
    /// `legendFormat`
    pub legend: Option<String>,
    /// Asked for one instant only.
    pub instant: bool,
    /// Not drawn.
    pub hidden: bool,
    /// Its own, if it differs from the panel's.
    pub datasource: Option<Datasource>,
    /// The expression's string in the file.
    node: Node,
}

/// Why a text is no board.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct BoardError {
    /// Where.
    pub at: Position,
    /// What is wrong there.
    pub problem: BoardProblem,
}

/// What is wrong with a text that should be a board.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BoardProblem {
    /// It cannot be read.
    #[error("{0}")]
    Json(String),
    /// There are neither panels nor rows in it.
    #[error("this JSON has no `panels`, so it is no dashboard")]
    NoPanels,
    /// Grafana's schema of `elements` and `layout`.
    #[error("this is a dashboard of schema v2 (`elements`), which is not read here")]
    Elements,
}

impl From<JsonError> for BoardError {
    fn from(error: JsonError) -> BoardError {
        BoardError { at: error.at, problem: BoardProblem::Json(error.message) }
    }
}

impl Board {
    /// Reads a file's text.
    pub fn read(text: &str) -> Result<Board, BoardError> {
        let root = Node::parse(text)?;
        let board = unwrapped(&root);
        let fail = |problem| Err(BoardError { at: board.position(text), problem });
        if board.get("elements").is_some() {
            return fail(BoardProblem::Elements);
        }
        if board.get("panels").is_none() && board.get("rows").is_none() {
            return fail(BoardProblem::NoPanels);
        }
        let lines = Lines::new(text);
        let list = |key: &str| board.get(key).map_or(&[][..], Node::items);
        let mut panels: Vec<Panel> = list("panels").iter().filter_map(|node| panel(node, &lines)).collect();
        // Boards older than schema 16 keep all panels in rows.
        panels.extend(
            list("rows")
                .iter()
                .filter_map(|node| panel(node, &lines))
                .map(|row| Panel { kind: "row".to_owned(), ..row }),
        );
        let variables = board.at_path(&["templating", "list"]).map_or(&[][..], Node::items);
        Ok(Board {
            title: text_of(board, "title").unwrap_or_default(),
            uid: text_of(board, "uid").filter(|uid| !uid.is_empty()),
            variables: variables.iter().filter_map(|one| text_of(one, "name")).collect(),
            panels,
        })
    }

    /// Whether a text is meant to be a board: JSON that has panels, rows or a schema version where a board has them.
    pub fn is_meant_by(text: &str) -> bool {
        if !text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']).starts_with('{') {
            return false;
        }
        match Node::parse(text) {
            Ok(root) => {
                let board = unwrapped(&root);
                ["panels", "rows", "schemaVersion", "elements"].iter().any(|key| board.get(key).is_some())
            }
            Err(_) => text.contains("\"panels\""),
        }
    }

    /// All panels, rows and what is in them.
    pub fn all_panels(&self) -> Vec<&Panel> {
        fn add<'b>(panels: &'b [Panel], all: &mut Vec<&'b Panel>) {
            for panel in panels {
                all.push(panel);
                add(&panel.panels, all);
            }
        }
        let mut all = Vec::new();
        add(&self.panels, &mut all);
        all
    }
}

impl Target {
    /// Where a byte of the expression stands in the `source` that it was read from.
    pub fn position_within(&self, source: &str, offset: usize) -> Position {
        self.node.position_within(source, offset)
    }
}

/// The object that is the board, as [`crate::board`] finds it.
fn unwrapped(root: &Node) -> &Node {
    let mut board = root;
    for _ in 0..WRAPPERS_MAX {
        let Value::Object(members) = &board.value else { break };
        let names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
        let Some(inner) = wrapper(&names).and_then(|name| board.get(name)) else { break };
        board = inner;
    }
    board
}

/// Beginnings of lines, so that the places of thousands of panels do not cost a pass each.
struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn new(text: &'t str) -> Lines<'t> {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Lines { text, starts: std::iter::once(0).chain(breaks).collect() }
    }

    fn position(&self, offset: usize) -> Position {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts[line - 1];
        Position { line, column: self.text[start..offset].chars().count() + 1 }
    }
}

fn panel(node: &Node, lines: &Lines<'_>) -> Option<Panel> {
    let Value::Object(_) = &node.value else { return None };
    let targets = node.get("targets").map_or(&[][..], Node::items);
    let panels = node.get("panels").map_or(&[][..], Node::items);
    let reduce = node.at_path(&["options", "reduceOptions", "values"]);
    Some(Panel {
        id: node.get("id").and_then(Node::number).map(|id| id as i64),
        title: text_of(node, "title").unwrap_or_default(),
        kind: text_of(node, "type").unwrap_or_default(),
        datasource: node.get("datasource").and_then(datasource),
        unit: unit(node),
        thresholds: thresholds(node),
        shows_all_values: reduce.is_some_and(Node::is_true),
        targets: targets.iter().filter_map(target).collect(),
        panels: panels.iter().filter_map(|node| panel(node, lines)).collect(),
        at: lines.position(node.start),
    })
}

fn target(node: &Node) -> Option<Target> {
    let expr = node.get("expr")?;
    Some(Target {
        ref_id: text_of(node, "refId"),
        expr: expr.text()?.to_owned(),
        legend: text_of(node, "legendFormat").filter(|legend| !legend.is_empty()),
        instant: node.get("instant").is_some_and(Node::is_true),
        hidden: node.get("hide").is_some_and(Node::is_true),
        datasource: node.get("datasource").and_then(datasource),
        node: expr.clone(),
    })
}

/// An object, or in older boards a name.
fn datasource(node: &Node) -> Option<Datasource> {
    if let Some(name) = node.text() {
        return Some(Datasource { kind: None, name: Some(name.to_owned()) });
    }
    let own = Datasource { kind: text_of(node, "type"), name: text_of(node, "uid") };
    (own != Datasource::default()).then_some(own)
}

/// Of fields, of a singlestat, or of a graph's left axis.
fn unit(node: &Node) -> Option<String> {
    let axis = node.get("yaxes").and_then(|axes| axes.items().first());
    let places = [
        node.at_path(&["fieldConfig", "defaults", "unit"]),
        node.get("format"),
        axis.and_then(|axis| axis.get("format")),
    ];
    places.into_iter().flatten().find_map(Node::text).map(str::to_owned)
}

fn thresholds(node: &Node) -> Vec<Threshold> {
    let steps = node.at_path(&["fieldConfig", "defaults", "thresholds", "steps"]);
    if let Some(steps) = steps {
        let step = |one: &Node| Threshold {
            value: one.get("value").and_then(Node::number),
            color: text_of(one, "color").unwrap_or_default(),
        };
        return steps.items().iter().map(step).collect();
    }
    // A singlestat's "50,80" with its three colours.
    let values = node.get("thresholds").and_then(Node::text).unwrap_or_default().split(',');
    let colors = node.get("colors").map_or(&[][..], Node::items);
    let values = values.filter_map(|value| value.trim().parse().ok()).enumerate();
    let color = |index: usize| colors.get(index + 1).and_then(Node::text).unwrap_or_default().to_owned();
    values.map(|(index, value)| Threshold { value: Some(value), color: color(index) }).collect()
}

fn text_of(node: &Node, key: &str) -> Option<String> {
    node.get(key).and_then(Node::text).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PANELS: &str = r#""title":"店","uid":"u","templating":{"list":[{"name":"job"}]},"panels":[
        {"type":"row","title":"行","panels":[{"id":2,"type":"stat","title":"a","targets":[
            {"refId":"A","expr":"up{job=\"$job\"}","legendFormat":"","instant":true}],
            "datasource":{"type":"prometheus","uid":"x"},
            "fieldConfig":{"defaults":{"unit":"s","thresholds":{"steps":[
                {"color":"green","value":null},{"color":"red","value":80}]}}},
            "options":{"reduceOptions":{"values":true}}}]},
        {"type":"singlestat","format":"percent","thresholds":"50,80","colors":["g","y","r"],"datasource":"Loki"}]"#;

    #[test]
    fn a_board_is_read_in_all_its_wrappings() {
        let bare = Board::read(&format!("{{{PANELS}}}")).unwrap();
        for (before, after) in [
            ("{\"dashboard\":{", "}}"),
            ("{\"apiVersion\":\"v1\",\"spec\":{", "}}"),
            ("{\"meta\":{},\"dashboard\":{\"dashboard\":{", "}}}"),
            ("{\"shop.json\":{", "}}"),
        ] {
            let text = format!("{before}{PANELS}{after}");
            let wrapped = Board::read(&text).unwrap();
            assert_eq!(wrapped.all_panels().len(), 3);
            assert_eq!(wrapped.title, "店");
            // What is checked is what is saved.
            assert_eq!(crate::board::Board::read(&text).unwrap().title, "店");
            assert!(Board::is_meant_by(&text));
        }
        assert_eq!((bare.uid.as_deref(), &bare.variables[..]), (Some("u"), &["job".to_owned()][..]));
        let [row, inner, single] = bare.all_panels()[..] else { panic!() };
        assert_eq!((row.kind.as_str(), row.title.as_str(), row.at.line), ("row", "行", 2));
        assert_eq!((inner.id, inner.unit.as_deref(), inner.shows_all_values), (Some(2), Some("s"), true));
        assert_eq!(inner.thresholds[1], Threshold { value: Some(80.0), color: "red".to_owned() });
        let target = &inner.targets[0];
        assert_eq!((target.expr.as_str(), &target.legend, target.instant), ("up{job=\"$job\"}", &None, true));
        assert_eq!(single.thresholds[0], Threshold { value: Some(50.0), color: "y".to_owned() });
        assert_eq!(single.datasource.as_ref().unwrap().name.as_deref(), Some("Loki"));
    }

    #[test]
    fn panels_of_old_rows_are_found() {
        let text =
            r#"{"rows":[{"title":"r","panels":[{"title":"p","type":"graph","targets":[{"expr":"up"}]}]}]}"#;
        let board = Board::read(text).unwrap();
        assert_eq!((board.panels[0].kind.as_str(), board.panels[0].panels[0].title.as_str()), ("row", "p"));
        let column = text.find("up").unwrap() + 2;
        assert_eq!(
            board.panels[0].panels[0].targets[0].position_within(text, 1),
            Position { line: 1, column }
        );
    }

    #[test]
    fn what_is_no_board_is_told_apart() {
        let problem = |text: &str| Board::read(text).unwrap_err().problem;
        assert_eq!(problem("{\"a\": 1}"), BoardProblem::NoPanels);
        assert_eq!(problem("{\"spec\": {\"elements\": {}}}"), BoardProblem::Elements);
        assert!(matches!(problem("{\"panels\": ["), BoardProblem::Json(_)));
        assert!(Board::is_meant_by("{\"panels\": ["));
        assert!(Board::is_meant_by("\u{feff}\n{\"dashboard\": {\"panels\": []}}"));
        assert!(!Board::is_meant_by("{route: {receiver: a}}"));
        assert!(!Board::is_meant_by("groups: []"));
        assert_eq!(Board::read("{\"panels\": [1, null, {}]}").unwrap().panels.len(), 1);
    }
}
