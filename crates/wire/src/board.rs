//! Grafana's boards as documents: unwrapped, with title, tags, `uid` and `version` looked at, everything else kept as
//! it was written, in its order.
//!
//! A board comes bare, as `{"dashboard": {…}}` (Grafana's HTTP API, most examples), as `{"spec": {…}}` (Grafana's
//! resources), or as `{"NAME.json": {…}}` (Jsonnet). Costs twice the text's size in memory.

use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Largest board. The largest public ones have 1 MB.
pub const BYTES_MAX: usize = 4 << 20;
/// Members of one object that is looked at: boards have some thirty.
const MEMBERS_MAX: usize = 1_000;
/// Wrappers around each other.
pub(crate) const WRAPPERS_MAX: usize = 3;
/// Bytes of a title, a tag, and how many tags: what a list of boards can show.
const TITLE_BYTES_MAX: usize = 1_000;
const TAG_BYTES_MAX: usize = 200;
const TAGS_MAX: usize = 100;
/// Characters of a `uid`, as in Grafana.
const UID_BYTES_MAX: usize = 40;

/// Why a text is no board.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BoardError {
    /// It is no JSON, or it ends early.
    #[error("it is no JSON: {0}")]
    NotJson(String),
    /// It is JSON, but nothing that could be a board.
    #[error(
        "it is JSON, but no board: an object with `title` and `panels` is expected, bare or under `dashboard` or `spec`"
    )]
    NotABoard,
    /// More than a board may have.
    #[error("it has {bytes} bytes, a board may have {BYTES_MAX}")]
    TooLarge {
        /// How many it has.
        bytes: usize,
    },
    /// Nobody could find it in a list.
    #[error("it has no title; add `\"title\": \"…\"`")]
    NoTitle,
    /// A member is not what it must be.
    #[error("`{member}` must be {expected}")]
    Member {
        /// Which one.
        member: &'static str,
        /// What it must be.
        expected: &'static str,
    },
}

/// A board. Its promise: a title that is not empty, and a `uid`, if there is one, that can stand in a path.
#[derive(Clone, Debug)]
pub struct Board {
    members: Members,
    /// What people see.
    pub title: String,
    /// For lists.
    pub tags: Vec<String>,
    /// Its name in addresses.
    pub uid: Option<String>,
    /// The version that its author began with.
    pub version: Option<i64>,
}

/// A request to save a board.
#[derive(Clone, Debug)]
pub struct Upload {
    /// The board, unwrapped.
    pub board: Board,
    /// Why it was changed; may be empty.
    pub message: String,
    /// Whether a newer version, or another board of that title, may be overwritten.
    pub overwrite: bool,
}

impl Board {
    /// Reads a board, wrapped or bare.
    pub fn read(text: &str) -> Result<Board, BoardError> {
        Upload::read(text).map(|upload| upload.board)
    }

    /// Its text with this `uid` and `version`; all other members as they came.
    pub fn render(&self, uid: &str, version: i64) -> String {
        let own = |name: &str| match name {
            "uid" => Some(format!("\"{uid}\"")),
            "version" => Some(version.to_string()),
            _ => None,
        };
        let mut text = String::from("{");
        let absent = ["uid", "version"].into_iter().filter(|name| self.members.get(name).is_none());
        let present = self.members.0.iter().map(|(name, value)| (name.as_str(), value.get()));
        for (name, value) in present.chain(absent.map(|name| (name, ""))) {
            if text.len() > 1 {
                text.push(',');
            }
            text += &serde_json::Value::from(name).to_string();
            text.push(':');
            text += own(name).as_deref().unwrap_or(value);
        }
        text.push('}');
        text
    }

    fn new(members: Members, resource_name: Option<String>) -> Result<Board, BoardError> {
        let title: Option<String> = members.typed("title", "a text")?;
        let title = title.map(|title| title.trim().to_owned()).filter(|title| !title.is_empty());
        let title = title.ok_or(BoardError::NoTitle)?;
        if title.len() > TITLE_BYTES_MAX {
            return Err(BoardError::Member { member: "title", expected: "a text of at most 1000 bytes" });
        }
        let uid: Option<String> = members.typed("uid", "a text")?;
        let uid = uid.filter(|uid| !uid.is_empty()).or(resource_name);
        if uid.as_deref().is_some_and(|uid| !is_uid(uid)) {
            let expected = "at most 40 letters, digits, `-` and `_`";
            return Err(BoardError::Member { member: "uid", expected });
        }
        let tags: Vec<String> = members.typed("tags", "a list of texts")?.unwrap_or_default();
        if tags.len() > TAGS_MAX || tags.iter().any(|tag| tag.len() > TAG_BYTES_MAX) {
            let expected = "a list of at most 100 texts of at most 200 bytes";
            return Err(BoardError::Member { member: "tags", expected });
        }
        let version = members.typed("version", "a number")?;
        Ok(Board { members, title, tags, uid, version })
    }
}

impl Upload {
    /// Reads the body of a request to save a board: Grafana's, or a board by itself.
    pub fn read(text: &str) -> Result<Upload, BoardError> {
        let mut bytes = text.len();
        let mut members = Members::read(text.trim_start_matches('\u{feff}'))?;
        let (mut message, mut overwrite, mut resource_name) = (String::new(), false, None);
        for _ in 0..WRAPPERS_MAX {
            let names: Vec<&str> = members.0.iter().map(|(name, _)| name.as_str()).collect();
            let Some(inner) = wrapper(&names).and_then(|name| members.get(name)) else { break };
            message = members.typed("message", "a text")?.unwrap_or(message);
            overwrite |= members.typed("overwrite", "true or false")?.unwrap_or(false);
            if let Some(metadata) = members.get("metadata") {
                resource_name = Members::read(metadata.get())?.typed("name", "a text")?;
            }
            bytes = inner.get().len();
            members = Members::read(inner.get())?;
        }
        if bytes > BYTES_MAX {
            return Err(BoardError::TooLarge { bytes });
        }
        if BOARD_MEMBERS.iter().chain(&["uid"]).all(|name| members.get(name).is_none()) {
            return Err(BoardError::NotABoard);
        }
        message.truncate(message.floor_char_boundary(TITLE_BYTES_MAX));
        Ok(Upload { board: Board::new(members, resource_name)?, message, overwrite })
    }
}

/// What only a board has; `elements` is what newer ones have in place of panels.
const BOARD_MEMBERS: [&str; 4] = ["title", "panels", "rows", "elements"];

/// Under which member of an object the board is, if the object is none itself: `dashboard`, `spec`, or the only one where
/// that is named like a file, as Jsonnet writes it (`{"etcd.json": {…}}`). Asked again of what it names, at most
/// [`WRAPPERS_MAX`] times.
pub(crate) fn wrapper<'n>(members: &[&'n str]) -> Option<&'n str> {
    let named = |name: &str| members.iter().copied().find(|own| *own == name);
    if BOARD_MEMBERS.into_iter().any(|name| named(name).is_some()) {
        return None;
    }
    let file = match members {
        [only] if only.ends_with(".json") => Some(*only),
        _ => None,
    };
    named("dashboard").or_else(|| named("spec")).or(file)
}

/// Whether a text can be a board's `uid`.
pub fn is_uid(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=UID_BYTES_MAX).contains(&text.len()) && text.bytes().all(plain)
}

/// What stands behind the `uid` in the address of a board: its title in letters, digits and dashes; nothing of a title
/// without any.
pub fn slug(title: &str) -> String {
    let words = title.split(|character: char| !character.is_ascii_alphanumeric());
    let words: Vec<String> = words.filter(|word| !word.is_empty()).map(str::to_ascii_lowercase).collect();
    let mut slug = words.join("-");
    slug.truncate(50);
    slug
}

/// The members of an object in their order, each value as it was written. Of two with one name the later counts.
#[derive(Clone, Debug)]
struct Members(Vec<(String, Box<RawValue>)>);

impl Members {
    fn read(text: &str) -> Result<Members, BoardError> {
        serde_json::from_str(text).map_err(|error| match error.classify() {
            serde_json::error::Category::Data if text.trim_start().starts_with('{') => {
                BoardError::NotJson(error.to_string())
            }
            serde_json::error::Category::Data => BoardError::NotABoard,
            _ => BoardError::NotJson(error.to_string()),
        })
    }

    fn get(&self, name: &str) -> Option<&RawValue> {
        self.0.iter().find_map(|(own, value)| (own == name).then_some(&**value))
    }

    /// A member that is absent or null is none.
    fn typed<T: for<'de> Deserialize<'de>>(
        &self,
        member: &'static str,
        expected: &'static str,
    ) -> Result<Option<T>, BoardError> {
        let Some(value) = self.get(member) else { return Ok(None) };
        serde_json::from_str(value.get()).map_err(|_| BoardError::Member { member, expected })
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members: Vec<(String, Box<RawValue>)> = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    match members.iter_mut().find(|(own, _)| *own == name) {
                        Some(member) => member.1 = value,
                        None => members.push((name, value)),
                    }
                    if members.len() > MEMBERS_MAX {
                        return Err(A::Error::custom(format!(
                            "an object of more than {MEMBERS_MAX} members"
                        )));
                    }
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, uid: Option<&str>, rendered: &str) {
        let board = Board::read(text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((board.title.as_str(), board.uid.as_deref()), ("板 A", uid), "{text}");
        assert_eq!(board.render("u", 3), rendered);
    }

    #[test]
    fn a_board_is_unwrapped_and_everything_in_it_stays_as_it_was_written() {
        let bare = r#"{"z": [1.0, 1e2], "title":"板 A","panels": [ ],"a":{"b":null}}"#;
        let kept = r#"{"z":[1.0, 1e2],"title":"板 A","panels":[ ],"a":{"b":null},"uid":"u","version":3}"#;
        check(bare, None, kept);
        check(&format!("\u{feff} {{\"dashboard\": {bare}, \"overwrite\": true}}"), None, kept);
        check(&format!("{{\"dashboard\": {{\"dashboard\": {bare}}}}}"), None, kept);
        let resource =
            format!("{{\"kind\": \"Dashboard\", \"metadata\": {{\"name\": \"abc\"}}, \"spec\": {bare}}}");
        check(&resource, Some("abc"), kept);
        check(
            r#"{"uid":"x-1","version":9,"title":"板 A","title":"板 A"}"#,
            Some("x-1"),
            r#"{"uid":"u","version":3,"title":"板 A"}"#,
        );
    }

    #[test]
    fn what_is_asked_beside_the_board_is_read() {
        let upload = Upload::read(
            r#"{"dashboard":{"title":"t","version":4,"tags":["a"]},"message":"why","overwrite":true}"#,
        );
        let upload = upload.unwrap();
        assert_eq!((upload.message.as_str(), upload.overwrite), ("why", true));
        assert_eq!((upload.board.version, upload.board.tags), (Some(4), vec!["a".to_owned()]));
    }

    #[track_caller]
    fn check_refusal(text: &str, words: &str) {
        let error = Board::read(text).unwrap_err().to_string();
        assert!(error.contains(words), "{text}: {error}");
    }

    #[test]
    fn what_is_no_board_is_refused_with_the_reason() {
        check_refusal("", "it is no JSON: EOF");
        check_refusal("{\"title\": \"a\"", "it is no JSON: EOF while parsing an object at line 1 column 13");
        check_refusal("[1]", "it is JSON, but no board");
        check_refusal("{\"apiVersion\": 1}", "it is JSON, but no board");
        check_refusal("{\"dashboard\": 3}", "it is JSON, but no board");
        check_refusal("{\"panels\": []}", "it has no title");
        check_refusal("{\"title\": \" \"}", "it has no title");
        check_refusal("{\"title\": 3}", "`title` must be a text");
        check_refusal("{\"title\": \"a\", \"uid\": \"a/b\"}", "`uid` must be at most 40 letters");
        check_refusal("{\"title\": \"a\", \"tags\": \"b\"}", "`tags` must be a list of texts");
        let many: Vec<String> = (0..1_001).map(|n| format!("\"m{n}\":1")).collect();
        check_refusal(&format!("{{{}}}", many.join(",")), "an object of more than 1000 members");
        let large = format!("{{\"title\":\"a\",\"x\":\"{}\"}}", "x".repeat(BYTES_MAX));
        check_refusal(&large, "a board may have 4194304");
        check_refusal(&format!("{{\"dashboard\":{large}}}"), "a board may have 4194304");
    }

    #[test]
    fn a_slug_is_what_of_a_title_can_stand_in_an_address() {
        assert_eq!(slug("Node Exporter / Full (1)"), "node-exporter-full-1");
        assert_eq!(slug("灵鲜好物监控面板"), "");
    }
}
