//! Silences: shown, set, changed, ended.

use http::StatusCode;
use lingshao_alerting::router::{NewSilence, Silence, SilenceError, SilenceId};
use lingshao_model::{Matcher, Timestamp};
use lingshao_wire::alertmanager_api::{self as wire, SilenceEntry};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::task::spawn_blocking;

use super::{
    Answer, CODE_TYPE, Refusal, bad, body_error, document, invalid, json, matchers, not_durable, panicked,
    refuse, stopped,
};
use crate::alertmanager::SilenceRefusal;
use crate::app::App;
use crate::clock::now;
use crate::server::reply;
use crate::server::request::{Call, Parameters};

/// `GET /api/v2/silences`
pub(in crate::api) async fn list(app: &App, parameters: &Parameters) -> Answer {
    let wanted = matchers(parameters).await?;
    let silences = app.alerts.look(|router, now| router.silences(now)).await.map_err(stopped)?;
    let now = now();
    let entries: Vec<SilenceEntry<'_>> = silences
        .iter()
        .filter(|silence| has_all(silence, &wanted))
        .map(|silence| entry(silence, now))
        .collect();
    Ok(json(|out| wire::silences(out, &entries)))
}

/// Whether each wanted matcher stands in the silence, exactly so.
fn has_all(silence: &Silence, wanted: &[Matcher]) -> bool {
    let same = |a: &Matcher, b: &Matcher| (a.name(), a.op(), a.value()) == (b.name(), b.op(), b.value());
    wanted.iter().all(|wanted| silence.matchers.iter().any(|own| same(own, wanted)))
}

fn entry(silence: &Silence, now: Timestamp) -> SilenceEntry<'_> {
    SilenceEntry {
        id: &silence.id.0,
        state: silence.state(now).name(),
        matchers: &silence.matchers,
        starts_at: silence.starts_at,
        ends_at: silence.ends_at,
        updated_at: silence.updated_at,
        created_by: &silence.created_by,
        comment: &silence.comment,
    }
}

/// `GET /api/v2/silence/{id}`
pub(in crate::api) async fn get(app: &App, id: &str) -> Answer {
    let id = checked(id)?;
    let found = app.alerts.look(move |router, _| router.silence(&id)).await.map_err(stopped)?;
    match found {
        Some(silence) => Ok(json(|out| wire::silence(out, &entry(&silence, now())))),
        None => Ok(reply::empty(StatusCode::NOT_FOUND)),
    }
}

/// `DELETE /api/v2/silence/{id}`: it ends now.
pub(in crate::api) async fn expire(app: &App, id: &str) -> Answer {
    app.alerts.expire_silence(checked(id)?).await.map_err(refusal)?;
    Ok(json(|_| {}))
}

/// `POST /api/v2/silences`
pub(in crate::api) async fn set(app: &App, call: Call) -> Answer {
    let document = document(app, call).await?;
    // Patterns take their time to be compiled.
    let read = spawn_blocking(move || wire::read_silence(&document.bytes)).await.map_err(|_| panicked())?;
    let posted = read.map_err(|error| body_error(&error))?;
    let silence = NewSilence {
        id: posted.id.map(SilenceId),
        matchers: posted.matchers,
        starts_at: posted.starts_at,
        ends_at: posted.ends_at,
        created_by: posted.created_by,
        comment: posted.comment,
    };
    let id = app.alerts.set_silence(silence, fresh_id()?).await.map_err(refusal)?;
    Ok(json(|out| wire::silence_id(out, &id.0)))
}

fn refusal(error: SilenceRefusal) -> Refusal {
    match error {
        SilenceRefusal::Refused(error @ SilenceError::NotFound) => {
            refuse(StatusCode::NOT_FOUND, &error.to_string())
        }
        SilenceRefusal::Refused(error) => bad(&error.to_string()),
        SilenceRefusal::NotDurable(error) => not_durable(error),
    }
}

fn checked(id: &str) -> Result<SilenceId, Refusal> {
    if is_uuid(id) {
        return Ok(SilenceId(id.to_ascii_lowercase()));
    }
    let why = format!("silenceID in path must be of type uuid: {id:?}");
    Err(invalid(StatusCode::UNPROCESSABLE_ENTITY, CODE_TYPE, &why))
}

fn is_uuid(text: &str) -> bool {
    let lengths = [8, 4, 4, 4, 12];
    let hex = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split('-').count() == lengths.len()
        && text.split('-').zip(lengths).all(|(part, length)| part.len() == length && hex(part))
}

/// A random UUID (RFC 9562, version 4).
fn fresh_id() -> Result<SilenceId, Refusal> {
    let mut bytes = [0; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| refuse(StatusCode::INTERNAL_SERVER_ERROR, "no random bytes to be had"))?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    Ok(SilenceId(parts.join("-")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_uuids() {
        let (first, second) = (fresh_id().unwrap().0, fresh_id().unwrap().0);
        assert!(is_uuid(&first), "{first}");
        assert_eq!((&first[14..15], first == second), ("4", false));
        for wrong in
            ["", "unknown", "aa0e2d7c1f6b4a469d5a8f1f0e8b6b1a", "aa0e2d7c-1f6b-4a46-9d5a-8f1f0e8b6b1g"]
        {
            assert!(!is_uuid(wrong), "{wrong}");
        }
    }
}
