//! Boards, in the words of Grafana's HTTP API: what its provisioning tools and exporters speak.
//!
//! Refusals are Grafana's `{"message"}`, with its `status` where it has one; `messages` has the words in Chinese and
//! English.

use http::StatusCode;
use lingshao_wire::alertmanager_api::time;
use lingshao_wire::board::{self, BYTES_MAX, BoardError};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::boards::{FileBoard, Found, Refusal, Saved, Upload, slug, url};
use crate::security::access::Right;
use crate::server::reply::{self, Reply};
use crate::server::request::{Call, Document, Parameters};
use crate::state::{SavedBoard, SavedVersion};

/// Beside a board in a request: a message, and what tools add.
const ENVELOPE_BYTES_MAX: usize = 64 << 10;
/// Boards in one answer, as in Grafana.
const SEARCH_DEFAULT: usize = 1_000;
const SEARCH_MAX: usize = 5_000;
/// A request to restore a version is a number.
const RESTORE_BYTES_MAX: usize = 4 << 10;

/// `GET /api/search`: `query`, `tag`, `dashboardUIDs`, `type`, `limit`.
pub(super) async fn search(app: &App, parameters: &Parameters) -> Reply {
    let listed = match app.boards.list().await {
        Ok(listed) => listed,
        Err(refusal) => return refuse(&refusal),
    };
    let prefix = &app.live().web.route_prefix;
    let saved = listed.saved.iter().map(|board| Entry {
        uid: &board.uid,
        title: &board.title,
        tags: &board.tags,
        folder: None,
    });
    let files = listed.files.iter().map(|file| Entry {
        uid: &file.uid,
        title: &file.board.title,
        tags: &file.board.tags,
        folder: file.folder.as_deref(),
    });
    let limit = parameters.get("limit").and_then(|text| text.parse().ok()).unwrap_or(SEARCH_DEFAULT);
    let mut found: Vec<_> = saved.chain(files).filter(|entry| entry.is_wanted(parameters)).collect();
    found.sort_by(|a, b| (a.title, a.uid).cmp(&(b.title, b.uid)));
    let found = found.iter().take(limit.min(SEARCH_MAX)).map(|entry| entry.render(prefix));
    reply::value(StatusCode::OK, &Value::Array(found.collect()))
}

/// A board in a list.
struct Entry<'a> {
    uid: &'a str,
    title: &'a str,
    tags: &'a [String],
    folder: Option<&'a str>,
}

impl Entry<'_> {
    fn is_wanted(&self, parameters: &Parameters) -> bool {
        let query = parameters.get("query").unwrap_or("").to_lowercase();
        let mut uids = parameters.all("dashboardUIDs").chain(parameters.all("dashboardUID")).peekable();
        parameters.get("type").is_none_or(|kind| kind == "dash-db")
            && self.title.to_lowercase().contains(&query)
            && parameters.all("tag").all(|tag| self.tags.iter().any(|own| own == tag))
            && (uids.peek().is_none() || uids.any(|uid| uid == self.uid))
    }

    fn render(&self, prefix: &str) -> Value {
        let mut entry = json!({
            "uid": self.uid,
            "title": self.title,
            "uri": format!("db/{}", slug(self.uid, self.title)),
            "url": url(prefix, self.uid, self.title),
            "type": "dash-db",
            "tags": self.tags,
        });
        if let Some(folder) = self.folder {
            entry["folderTitle"] = folder.into();
        }
        entry
    }
}

/// `GET /api/dashboards/uid/{uid}`
pub(super) async fn get(app: &App, call: &Call) -> Reply {
    let prefix = app.live().web.route_prefix.clone();
    let may_edit = call.caller.as_ref().is_some_and(|caller| Right::Edit.is_given_to(caller.role));
    let (document, meta) = match app.boards.get(uid(call)).await {
        Ok(Found::Saved(board, document)) => (document, saved_meta(&board, &prefix, may_edit)),
        Ok(Found::File(file)) => {
            let version = file.board.version.unwrap_or(1);
            (file.board.render(&file.uid, version), file_meta(&file, version, &prefix))
        }
        Err(refusal) => return refuse(&refusal),
    };
    reply::json(StatusCode::OK, format!(r#"{{"dashboard":{document},"meta":{meta}}}"#).into_bytes())
}

fn saved_meta(board: &SavedBoard, prefix: &str, may_edit: bool) -> Value {
    json!({
        "type": "db",
        "version": board.version,
        "created": time(board.created_at),
        "updated": time(board.updated_at),
        "createdBy": board.created_by,
        "updatedBy": board.updated_by,
        "provisioned": false,
        "provisionedExternalId": "",
        "canSave": may_edit,
        "canEdit": may_edit,
        "canDelete": may_edit,
        "slug": slug(&board.uid, &board.title),
        "url": url(prefix, &board.uid, &board.title),
    })
}

fn file_meta(file: &FileBoard, version: i64, prefix: &str) -> Value {
    let (created_by, modified_at) = ("", time(file.modified_at));
    json!({
        "type": "db",
        "version": version,
        "created": modified_at,
        "updated": modified_at,
        "createdBy": created_by,
        "updatedBy": created_by,
        "provisioned": true,
        "provisionedExternalId": file.file,
        "canSave": false,
        "canEdit": false,
        "canDelete": false,
        "slug": slug(&file.uid, &file.board.title),
        "url": url(prefix, &file.uid, &file.board.title),
    })
}

/// `POST /api/dashboards/db`
pub(super) async fn save(app: &App, call: Call) -> Reply {
    let by = caller(&call);
    let document = match Document::read(call, BYTES_MAX + ENVELOPE_BYTES_MAX, &app.forms).await {
        Ok(document) => document,
        Err(error) => return reply::value(error.status(), &json!({"message": error.to_string()})),
    };
    let upload = std::str::from_utf8(&document.bytes)
        .map_err(|error| BoardError::NotJson(error.to_string()))
        .and_then(board::Upload::read);
    let board::Upload { board, message, overwrite } = match upload {
        Ok(upload) => upload,
        Err(error) => return refuse(&Refusal::Document(error)),
    };
    saved(app, app.boards.save(Upload { board, message, overwrite, by }).await)
}

fn saved(app: &App, outcome: Result<Saved, Refusal>) -> Reply {
    match outcome {
        Ok(Saved { uid, version, title }) => {
            let url = url(&app.live().web.route_prefix, &uid, &title);
            let slug = slug(&uid, &title);
            let body = json!({"uid": uid, "url": url, "status": "success", "version": version, "slug": slug});
            reply::value(StatusCode::OK, &body)
        }
        Err(refusal) => refuse(&refusal),
    }
}

/// `DELETE /api/dashboards/uid/{uid}`
pub(super) async fn delete(app: &App, call: &Call) -> Reply {
    match app.boards.delete(uid(call)).await {
        Ok(title) => {
            let message = format!("Dashboard {title} deleted");
            reply::value(StatusCode::OK, &json!({"title": title, "message": message, "uid": uid(call)}))
        }
        Err(refusal) => refuse(&refusal),
    }
}

/// `GET /api/dashboards/uid/{uid}/versions`
pub(super) async fn versions(app: &App, call: &Call) -> Reply {
    match app.boards.versions(uid(call)).await {
        Ok(versions) => {
            let versions: Vec<Value> = versions.iter().map(render_version).collect();
            reply::value(StatusCode::OK, &json!({"versions": versions}))
        }
        Err(refusal) => refuse(&refusal),
    }
}

fn render_version(version: &SavedVersion) -> Value {
    json!({
        "version": version.version,
        "created": time(version.created_at),
        "createdBy": version.created_by,
        "message": version.message,
    })
}

/// `GET /api/dashboards/uid/{uid}/versions/{version}`
pub(super) async fn version(app: &App, call: &Call) -> Reply {
    let Ok(number) = call.version.as_deref().unwrap_or_default().parse() else {
        return refuse(&Refusal::NoSuchVersion);
    };
    match app.boards.version(uid(call), number).await {
        Ok((version, document)) => {
            let mut body = render_version(&version).to_string();
            body.pop();
            body += &format!(r#","uid":"{}","data":{document}}}"#, uid(call));
            reply::json(StatusCode::OK, body.into_bytes())
        }
        Err(refusal) => refuse(&refusal),
    }
}

/// The body of a request to restore a version.
#[derive(Deserialize)]
struct Restore {
    version: i64,
}

/// `POST /api/dashboards/uid/{uid}/restore`
pub(super) async fn restore(app: &App, call: Call) -> Reply {
    let (uid, by) = (uid(&call).to_owned(), caller(&call));
    let document = match Document::read(call, RESTORE_BYTES_MAX, &app.forms).await {
        Ok(document) => document,
        Err(error) => return reply::value(error.status(), &json!({"message": error.to_string()})),
    };
    let Ok(Restore { version }) = serde_json::from_slice(&document.bytes) else {
        let expected = "a number";
        return refuse(&Refusal::Document(BoardError::Member { member: "version", expected }));
    };
    saved(app, app.boards.restore(&uid, version, by).await)
}

/// `GET /api/lingshao/v1/boards/problems`: files that are not shown as boards, and why.
pub(super) async fn problems(app: &App) -> Reply {
    match app.boards.list().await {
        Ok(listed) => reply::value(StatusCode::OK, &json!({"problems": listed.problems})),
        Err(refusal) => refuse(&refusal),
    }
}

/// Who asks; empty when nobody has to log in.
fn caller(call: &Call) -> String {
    call.caller.as_ref().and_then(|caller| caller.user.clone()).unwrap_or_default()
}

/// As it stands in the path: a `uid` needs no escapes, so one that has some is no board's.
fn uid(call: &Call) -> &str {
    call.name.as_deref().filter(|name| board::is_uid(name)).unwrap_or_default()
}

fn refuse(refusal: &Refusal) -> Reply {
    let (status, word) = match refusal {
        Refusal::Document(BoardError::TooLarge { .. }) => (StatusCode::PAYLOAD_TOO_LARGE, None),
        Refusal::Document(BoardError::NoTitle) => (StatusCode::BAD_REQUEST, Some("empty-name")),
        Refusal::Document(_) | Refusal::Provisioned(_) => (StatusCode::BAD_REQUEST, None),
        Refusal::NotFound | Refusal::NoSuchVersion => (StatusCode::NOT_FOUND, Some("not-found")),
        Refusal::VersionMismatch => (StatusCode::PRECONDITION_FAILED, Some("version-mismatch")),
        Refusal::NameExists => (StatusCode::PRECONDITION_FAILED, Some("name-exists")),
        Refusal::TooMany { .. } | Refusal::NoRoom { .. } => (StatusCode::FORBIDDEN, Some("quota-reached")),
        Refusal::State | Refusal::NoAnswer | Refusal::Stopping => (StatusCode::SERVICE_UNAVAILABLE, None),
    };
    let words = refusal.words();
    let mut body = json!({"message": words.en, "messages": words});
    if let Some(word) = word {
        body["status"] = word.into();
    }
    reply::value(status, &body)
}
