//! Who has signed in on the page: a random token in a cookie, and what it hashes to here and in `state.db`.
//!
//! A session ends when its user signs out, was away for a week, or signed in a month ago; when the user is taken out
//! of `web.users` or the password changes; and when the same user has signed in on twenty other devices since. It
//! survives a restart. When `state.db` cannot be written people can sign in all the same, until the process ends.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lingshao_model::{TimeDelta, Timestamp};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::OnceCell;

use super::access::{Caller, Users};
use crate::config::WebUser;
use crate::security::hex;
use crate::state::{Leaving, Session, SessionKey, SessionStore, StateError};

/// After so long a session ends, whatever happens: a telephone that was lost is not signed in for ever.
pub(crate) const AGE_MAX: TimeDelta = TimeDelta::from_secs(30 * 86_400);
/// Without any request for so long it ends too; whoever is on call looks once a week.
const IDLE_MAX: TimeDelta = TimeDelta::from_secs(7 * 86_400);
/// A session's last use is written down this often: one small write an hour, and a week is still a week.
const SEEN_STEP: TimeDelta = TimeDelta::from_secs(3600);
/// Sessions of one user: telephones, desks and the screen on the wall, of several people who share a name.
const PER_USER_MAX: usize = 20;
/// In a shared file another process may have ended a session; it is looked up anew after this.
const TRUST: Duration = Duration::from_secs(5);
const TOKEN_BYTES: usize = 32;

/// All sessions. Lives as long as the process.
#[derive(Debug)]
pub(crate) struct Sessions {
    cookie_name: String,
    known: Mutex<HashMap<SessionKey, Known>>,
    store: SessionStore,
    /// Whether what the store has is known.
    loaded: OnceCell<()>,
}

#[derive(Clone, Debug)]
struct Known {
    session: Session,
    looked_up: Instant,
}

impl Sessions {
    /// Reads nothing yet.
    pub(crate) fn new(store: SessionStore) -> Sessions {
        // Browsers share cookies between the ports of a host: each installation needs a name of its own, but members
        // that share a file are one.
        let path = store.location().path.as_path();
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let hash = digest(&SHA256, path.as_os_str().as_encoded_bytes());
        let suffix = hex(&hash.as_ref()[..4]);
        let cookie_name = format!("lingshao_session_{suffix}");
        Sessions { cookie_name, known: Mutex::default(), store, loaded: OnceCell::new() }
    }

    /// The cookie that carries the token.
    pub(crate) fn cookie_name(&self) -> &str {
        &self.cookie_name
    }

    /// Begins one and gives its token, which is kept nowhere.
    pub(crate) async fn open(&self, user: &WebUser, users: &Users, now: Timestamp) -> anyhow::Result<String> {
        let mut token = [0; TOKEN_BYTES];
        SystemRandom::new().fill(&mut token).ok().context("cannot draw random bytes for a session")?;
        let token = URL_SAFE_NO_PAD.encode(token);
        let key = key_of(&token);
        let session =
            Session { user: user.name.clone(), credential: credential(user), created_at: now, seen_at: now };
        self.load().await;
        let gone = self.admit(key, &session, users, now);
        let leaving = Leaving {
            keys: &gone,
            created_before: now - AGE_MAX,
            seen_before: now - IDLE_MAX,
            per_user_max: PER_USER_MAX,
        };
        if let Err(error) = self.store.add(&key, &session, &leaving).await {
            tracing::warn!(%error, "a session was not written to state.db; it ends with this process");
        }
        Ok(token)
    }

    /// Whose token it is, if its session lives.
    pub(crate) async fn find(&self, token: &str, users: &Users, now: Timestamp) -> Option<Caller> {
        self.load().await;
        let key = key_of(token);
        let session = self.recall(&key).await?;
        let Some(user) = owner(&session, users).filter(|_| lives(&session, now)) else {
            self.forget(&key).await;
            return None;
        };
        if session.seen_at + SEEN_STEP < now {
            if let Some(known) = self.known().get_mut(&key) {
                known.session.seen_at = now;
            }
            if let Err(error) = self.store.seen(&key, now).await {
                tracing::debug!(%error, "the last use of a session was not written to state.db");
            }
        }
        Some(Caller::of(user))
    }

    /// Ends one; a token of none ends nothing.
    pub(crate) async fn close(&self, token: &str) -> Result<(), StateError> {
        let key = key_of(token);
        self.known().remove(&key);
        self.store.remove(&key).await
    }

    /// Puts a new one among the known; gives back those that had to go for it or because they are over.
    fn admit(&self, key: SessionKey, session: &Session, users: &Users, now: Timestamp) -> Vec<SessionKey> {
        let mut known = self.known();
        let over = |one: &Known| owner(&one.session, users).is_none() || !lives(&one.session, now);
        let mut gone: Vec<SessionKey> =
            known.iter().filter(|(_, one)| over(one)).map(|(key, _)| *key).collect();
        gone.iter().for_each(|key| drop(known.remove(key)));
        known.insert(key, Known { session: session.clone(), looked_up: Instant::now() });
        let own = known.iter().filter(|(_, one)| one.session.user == session.user);
        let mut own: Vec<(Timestamp, Timestamp, SessionKey)> =
            own.map(|(key, one)| (one.session.seen_at, one.session.created_at, *key)).collect();
        own.sort_by(|one, other| other.cmp(one));
        for (.., surplus) in own.into_iter().filter(|(.., own)| *own != key).skip(PER_USER_MAX - 1) {
            known.remove(&surplus);
            gone.push(surplus);
        }
        gone
    }

    /// From memory; from the file when others may have changed it.
    async fn recall(&self, key: &SessionKey) -> Option<Session> {
        let known = self.known().get(key).cloned();
        let fresh = |known: &Known| !self.store.is_shared() || known.looked_up.elapsed() < TRUST;
        if !self.store.is_shared() || known.as_ref().is_some_and(fresh) {
            return known.map(|known| known.session);
        }
        match self.store.find(key).await {
            Ok(Some(session)) => {
                let looked_up = Instant::now();
                self.known().insert(*key, Known { session: session.clone(), looked_up });
                Some(session)
            }
            Ok(None) => {
                self.known().remove(key);
                None
            }
            Err(error) => {
                tracing::warn!(%error, "cannot look a session up in state.db");
                known.map(|known| known.session)
            }
        }
    }

    async fn forget(&self, key: &SessionKey) {
        self.known().remove(key);
        if let Err(error) = self.store.remove(key).await {
            // It is over in any case, and is refused again after a restart.
            tracing::debug!(%error, "a session that is over was not deleted from state.db");
        }
    }

    /// What the last life of this process knew. Tried again with the next request when it fails.
    async fn load(&self) {
        let load = async || {
            let found = self.store.load().await?;
            let looked_up = Instant::now();
            self.known().extend(found.into_iter().map(|(key, session)| (key, Known { session, looked_up })));
            Ok::<(), StateError>(())
        };
        if let Err(error) = self.loaded.get_or_try_init(load).await {
            tracing::warn!(%error, "cannot read the sessions in state.db; whoever was signed in has to do so again");
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<SessionKey, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner) // The map is whole between any two calls.
    }
}

/// The user whose session it is, with the same password as then.
fn owner<'a>(session: &Session, users: &'a Users) -> Option<&'a WebUser> {
    users.named(&session.user).filter(|user| credential(user) == session.credential)
}

fn lives(session: &Session, now: Timestamp) -> bool {
    now <= session.created_at + AGE_MAX && now <= session.seen_at + IDLE_MAX
}

fn key_of(token: &str) -> SessionKey {
    sha256(token.as_bytes())
}

fn credential(user: &WebUser) -> [u8; 32] {
    sha256(user.password_hash.as_str().as_bytes())
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes).as_ref().try_into().expect("SHA-256 has 32 bytes")
}
