//! The demo's page: the incidents that can be begun, and what the fake services were sent. 404 outside of demo mode.

use http::StatusCode;
use serde_json::json;

use crate::app::App;
use crate::demo::{BeginError, DemoHandle};
use crate::server::reply::{self, Reply};
use crate::server::request::Call;

/// `GET /api/lingshao/v1/demo`
pub(super) fn state(app: &App) -> Reply {
    in_demo(app, |demo| reply::value(StatusCode::OK, &demo.state()))
}

/// `GET /api/lingshao/v1/demo/inbox`
pub(super) fn inbox(app: &App) -> Reply {
    in_demo(app, |demo| reply::value(StatusCode::OK, &json!({"messages": demo.inbox()})))
}

/// `POST /demo/incidents/{name}`
pub(super) fn begin(app: &App, call: &Call) -> Reply {
    let name = call.name.as_deref().unwrap_or_default();
    in_demo(app, |demo| match demo.begin(name) {
        Ok(state) => reply::value(StatusCode::ACCEPTED, &state),
        Err(error) => {
            let status = match error {
                BeginError::Unknown(_) => StatusCode::NOT_FOUND,
                BeginError::UnderWay(_) => StatusCode::CONFLICT,
            };
            reply::value(status, &json!({"error": error.to_string()}))
        }
    })
}

fn in_demo(app: &App, answer: impl FnOnce(&DemoHandle) -> Reply) -> Reply {
    match &app.demo {
        Some(demo) => answer(demo),
        None => {
            let error = "this is no demo; start one with `lingshao demo`";
            reply::value(StatusCode::NOT_FOUND, &json!({"error": error}))
        }
    }
}
