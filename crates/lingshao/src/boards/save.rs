//! What becomes of a request to save: decided purely, from the boards that there are.

use lingshao_wire::board::{self, Board};

use super::words::Refusal;
use crate::state::SavedBoard;

/// Boards that may be saved: a shop has tens.
pub(super) const BOARDS_MAX: i64 = 1_000;
/// Bytes of all versions of all boards: a gigabyte is what `state.db` may grow to because of them.
pub(super) const BYTES_MAX: i64 = 1 << 30;

/// A board that somebody wants saved.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) board: Board,
    pub(crate) message: String,
    pub(crate) overwrite: bool,
    /// Who; empty when nobody has to log in.
    pub(crate) by: String,
}

/// A board that was saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Saved {
    pub(crate) uid: String,
    pub(crate) version: i64,
    pub(crate) title: String,
}

/// Under which `uid` a board is saved, and as which version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) uid: String,
    pub(super) version: i64,
}

/// Grafana's rules: a board that is known by its `uid` must come with the version that is there; a new one must not have
/// the title of another; with `overwrite` both are meant, and the title finds the board that is replaced.
pub(super) fn decide(
    saved: &[SavedBoard],
    upload: &Upload,
    file: Option<&str>,
    fresh_uid: &str,
) -> Result<Plan, Refusal> {
    let uid = upload.board.uid.as_deref();
    let own = uid.and_then(|uid| saved.iter().find(|board| board.uid == uid));
    let other = saved.iter().find(|board| board.title == upload.board.title && Some(&*board.uid) != uid);
    if other.is_some() && !upload.overwrite {
        return Err(Refusal::NameExists);
    }
    if let Some(own) = own {
        if upload.board.version != Some(own.version) && !upload.overwrite {
            return Err(Refusal::VersionMismatch);
        }
        return Ok(Plan { uid: own.uid.clone(), version: own.version + 1 });
    }
    if let Some(file) = file {
        return Err(Refusal::Provisioned(file.to_owned()));
    }
    if let Some(other) = other {
        return Ok(Plan { uid: other.uid.clone(), version: other.version + 1 });
    }
    if BOARDS_MAX <= saved.len() as i64 {
        return Err(Refusal::TooMany { boards_max: BOARDS_MAX });
    }
    Ok(Plan { uid: uid.unwrap_or(fresh_uid).to_owned(), version: 1 })
}

/// The path at which Grafana shows a board.
pub(crate) fn url(prefix: &str, uid: &str, title: &str) -> String {
    format!("{prefix}/d/{uid}/{}", slug(uid, title))
}

/// A board's slug; a title without Latin letters has none, so the `uid` takes its place.
pub(crate) fn slug(uid: &str, title: &str) -> String {
    let slug = board::slug(title);
    if slug.is_empty() { uid.to_owned() } else { slug }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lingshao_model::Timestamp;

    fn saved(uid: &str, title: &str, version: i64) -> SavedBoard {
        SavedBoard {
            uid: uid.to_owned(),
            title: title.to_owned(),
            tags: Vec::new(),
            version,
            created_at: Timestamp(0),
            created_by: String::new(),
            updated_at: Timestamp(0),
            updated_by: String::new(),
        }
    }

    #[track_caller]
    fn check(board: &str, overwrite: bool, expected: Result<(&str, i64), Refusal>) {
        let board = Board::read(board).unwrap();
        let upload = Upload { board, message: String::new(), overwrite, by: String::new() };
        let there = [saved("a", "A", 3), saved("b", "B", 1)];
        let file = (upload.board.uid.as_deref() == Some("f")).then_some("boards/f.json");
        let plan = decide(&there, &upload, file, "fresh");
        assert_eq!(plan, expected.map(|(uid, version)| Plan { uid: uid.to_owned(), version }));
    }

    #[test]
    fn a_known_board_comes_with_its_version_and_a_new_one_with_a_new_title() {
        check(r#"{"title":"N"}"#, false, Ok(("fresh", 1)));
        check(r#"{"title":"N","uid":"n","version":7}"#, false, Ok(("n", 1)));
        check(r#"{"title":"A2","uid":"a","version":3}"#, false, Ok(("a", 4)));
        check(r#"{"title":"A","uid":"a","version":2}"#, false, Err(Refusal::VersionMismatch));
        check(r#"{"title":"A","uid":"a"}"#, false, Err(Refusal::VersionMismatch));
        check(r#"{"title":"A","uid":"a","version":2}"#, true, Ok(("a", 4)));
        check(r#"{"title":"B"}"#, false, Err(Refusal::NameExists));
        check(r#"{"title":"B","uid":"a","version":3}"#, false, Err(Refusal::NameExists));
        check(r#"{"title":"B"}"#, true, Ok(("b", 2)));
        check(r#"{"title":"F","uid":"f"}"#, true, Err(Refusal::Provisioned("boards/f.json".to_owned())));
    }
}
