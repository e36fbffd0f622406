//! Users, their passwords and what their roles may do.
//!
//! HTTP Basic, because every agent that pushes to us knows it; people sign in on the page (`sessions`). Passwords are
//! kept as argon2id hashes; what was verified once is remembered under a keyed hash, so that a request pays
//! microseconds and not argon2's 20 ms.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use tokio::sync::Semaphore;

use super::throttle::Throttle;
use crate::config::{Role, WebUser};

/// What a route lets its caller do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Nothing worth protecting; everybody.
    Public,
    /// Look at data, configuration (secrets masked) and figures.
    Read,
    /// Add samples and alerts.
    Ingest,
    /// Set and end silences.
    Silence,
    /// Change boards.
    Edit,
    /// Act on the shop's data.
    Act,
    /// Change how this process runs.
    Administer,
}

impl Right {
    /// What a role may have; [`Right::Public`] is everybody's.
    pub const ALL: [Right; 6] =
        [Right::Read, Right::Ingest, Right::Silence, Right::Edit, Right::Act, Right::Administer];

    /// As our API names it.
    pub fn name(self) -> &'static str {
        match self {
            Right::Public => "public",
            Right::Read => "read",
            Right::Ingest => "ingest",
            Right::Silence => "silence",
            Right::Edit => "edit",
            Right::Act => "act",
            Right::Administer => "administer",
        }
    }

    /// Whether a role has this right. `operator` is the right to act on the shop's data, and to silence what that stirs
    /// up; otherwise it reads.
    pub fn is_given_to(self, role: Role) -> bool {
        match self {
            Right::Public | Right::Read => true,
            Right::Ingest | Right::Edit => matches!(role, Role::Editor | Role::Admin),
            Right::Silence => matches!(role, Role::Editor | Role::Admin | Role::Operator),
            Right::Act => matches!(role, Role::Operator | Role::Admin),
            Right::Administer => role == Role::Admin,
        }
    }
}

/// Credentials remembered as verified; more than agents and people of one shop have.
const VERIFIED_MAX: usize = 256;
/// Passwords hashed at once: each takes 19 MiB and 20 ms of a core.
const HASHING_MAX: usize = 2;
/// A Basic header longer than this is not looked at.
const CREDENTIALS_BYTES_MAX: usize = 1024;

/// The users of one configuration.
#[derive(Debug)]
pub(crate) struct Users {
    users: Vec<WebUser>,
    key: hmac::Key,
    /// Keyed hash of `name:password` → index of the user.
    verified: Mutex<HashMap<Vec<u8>, usize>>,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The user's name; nobody has one when there are no users.
    pub(crate) user: Option<String>,
    /// What they may do.
    pub(crate) role: Role,
}

impl Caller {
    /// Everybody, when there are no users.
    pub(crate) const ANYBODY: Caller = Caller { user: None, role: Role::Admin };

    /// One of the users.
    pub(crate) fn of(user: &WebUser) -> Caller {
        Caller { user: Some(user.name.clone()), role: user.role }
    }
}

/// What came out of looking at a request's credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// They are a user's; or there are no users and everybody may do everything.
    Granted(Caller),
    /// There are none, or they are wrong.
    Refused,
    /// Too many were wrong; ask again after this.
    Throttled(Duration),
}

/// Checks credentials, and slows down whoever guesses. Lives as long as the process.
#[derive(Debug)]
pub(crate) struct Doorkeeper {
    throttle: Throttle,
    hashing: Semaphore,
}

impl Default for Doorkeeper {
    fn default() -> Doorkeeper {
        Doorkeeper { throttle: Throttle::default(), hashing: Semaphore::new(HASHING_MAX) }
    }
}

impl Users {
    /// From checked configuration; draws a fresh key.
    pub(crate) fn new(users: Vec<WebUser>) -> anyhow::Result<Users> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &ring::rand::SystemRandom::new())
            .ok()
            .context("cannot draw random bytes for the credential cache")?;
        Ok(Users { users, key, verified: Mutex::default() })
    }

    /// Whether nobody has to log in.
    pub(crate) fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    fn tag(&self, credentials: &[u8]) -> Vec<u8> {
        hmac::sign(&self.key, credentials).as_ref().to_vec()
    }

    /// A user by name.
    pub(crate) fn named(&self, name: &str) -> Option<&WebUser> {
        self.users.iter().find(|user| user.name == name)
    }

    fn remembered(&self, tag: &[u8]) -> Option<Caller> {
        let verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        verified.get(tag).map(|index| Caller::of(&self.users[*index]))
    }

    /// Takes argon2's time, for names that do not exist too.
    fn verify(&self, tag: Vec<u8>, credentials: &[u8]) -> Option<Caller> {
        let text = std::str::from_utf8(credentials).unwrap_or("");
        let (name, password) = text.split_once(':').unwrap_or((text, ""));
        let index = self.users.iter().position(|user| user.name == name);
        let known = self.users.get(index.unwrap_or(0))?;
        let hash = PasswordHash::new(known.password_hash.as_str()).ok()?;
        let right = Argon2::default().verify_password(password.as_bytes(), &hash).is_ok();
        let index = index.filter(|_| right)?;
        let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        if VERIFIED_MAX <= verified.len() {
            verified.clear();
        }
        verified.insert(tag, index);
        Some(Caller::of(&self.users[index]))
    }
}

impl Doorkeeper {
    /// Looks at the `Authorization` header of a request.
    pub(crate) async fn check(
        &self,
        users: &Arc<Users>,
        from: IpAddr,
        authorization: Option<&[u8]>,
    ) -> Access {
        if users.is_empty() {
            return Access::Granted(Caller::ANYBODY);
        }
        match authorization.and_then(basic) {
            Some(credentials) => self.attempt(users, from, credentials).await,
            None => Access::Refused,
        }
    }

    /// Looks at what somebody typed; there are users.
    pub(crate) async fn sign_in(
        &self,
        users: &Arc<Users>,
        from: IpAddr,
        name: &str,
        password: &str,
    ) -> Access {
        self.attempt(users, from, format!("{name}:{password}").into_bytes()).await
    }

    async fn attempt(&self, users: &Arc<Users>, from: IpAddr, credentials: Vec<u8>) -> Access {
        let tag = users.tag(&credentials);
        if let Some(caller) = users.remembered(&tag) {
            return Access::Granted(caller);
        }
        let Ok(_slot) = self.hashing.acquire().await else { return Access::Refused };
        // Looked at only now: those who queued for the slot are slowed down by the failures before them.
        if let Some(wait) = self.throttle.wait(from, Instant::now()) {
            return Access::Throttled(wait);
        }
        let hashed_users = users.clone();
        let caller = tokio::task::spawn_blocking(move || hashed_users.verify(tag, &credentials)).await;
        match caller.ok().flatten() {
            Some(caller) => {
                self.throttle.succeeded(from);
                Access::Granted(caller)
            }
            None => {
                self.throttle.failed(from, Instant::now());
                tracing::warn!(%from, "login refused");
                Access::Refused
            }
        }
    }
}

/// `name:password` of a Basic header.
fn basic(authorization: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(authorization).ok().filter(|text| text.len() <= CREDENTIALS_BYTES_MAX)?;
    let (scheme, encoded) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(encoded.trim()).ok()).flatten()
}

/// An argon2id hash with a fresh salt, in the form that `web.users` takes.
pub(crate) fn hash_password(password: &str) -> anyhow::Result<String> {
    let hash: PasswordHash = Argon2::default()
        .hash_password(password.as_bytes())
        .map_err(|error| anyhow::anyhow!("cannot hash the password: {error}"))?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PasswordHash as ConfiguredHash;

    fn users() -> Arc<Users> {
        let user = |name: &str, role| WebUser {
            name: name.to_owned(),
            password_hash: ConfiguredHash::new(&hash_password(&format!("{name} secret")).unwrap()).unwrap(),
            role,
        };
        Arc::new(Users::new(vec![user("ming", Role::Viewer), user("li", Role::Admin)]).unwrap())
    }

    fn header(credentials: &str) -> Vec<u8> {
        format!("Basic {}", STANDARD.encode(credentials)).into_bytes()
    }

    fn granted(name: &str, role: Role) -> Access {
        Access::Granted(Caller { user: Some(name.to_owned()), role })
    }

    const FROM: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[tokio::test]
    async fn only_the_right_password_opens_and_only_its_own_role() {
        let (users, door) = (users(), Doorkeeper::default());
        for (credentials, expected) in [
            ("ming:ming secret", granted("ming", Role::Viewer)),
            ("li:li secret", granted("li", Role::Admin)),
            ("li:li secret", granted("li", Role::Admin)),
            ("li:ming secret", Access::Refused),
            ("nobody:ming secret", Access::Refused),
            ("li", Access::Refused),
        ] {
            assert_eq!(door.check(&users, FROM, Some(&header(credentials))).await, expected, "{credentials}");
        }
        assert_eq!(door.check(&users, FROM, None).await, Access::Refused);
        assert_eq!(door.check(&users, FROM, Some(b"Bearer x")).await, Access::Refused);
        assert_eq!(door.check(&users, FROM, Some(b"Basic ???")).await, Access::Refused);
        assert_eq!(door.sign_in(&users, FROM, "ming", "ming secret").await, granted("ming", Role::Viewer));
        assert_eq!(door.sign_in(&users, FROM, "ming", "li secret").await, Access::Refused);
    }

    #[tokio::test]
    async fn guessing_is_slowed_down_but_a_known_client_is_not() {
        let (users, door) = (users(), Doorkeeper::default());
        assert_eq!(door.check(&users, FROM, Some(&header("li:li secret"))).await, granted("li", Role::Admin));
        for guess in 0..5 {
            assert_eq!(
                door.check(&users, FROM, Some(&header(&format!("li:{guess}")))).await,
                Access::Refused
            );
        }
        let next = door.check(&users, FROM, Some(&header("li:sixth"))).await;
        assert!(matches!(next, Access::Throttled(wait) if wait <= Duration::from_secs(1)), "{next:?}");
        assert_eq!(door.check(&users, FROM, Some(&header("li:li secret"))).await, granted("li", Role::Admin));
    }

    #[test]
    fn rights_follow_the_role() {
        let of = |role| {
            let rights = Right::ALL.into_iter().filter(|right| right.is_given_to(role));
            rights.map(Right::name).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(of(Role::Viewer), "read");
        assert_eq!(of(Role::Operator), "read silence act");
        assert_eq!(of(Role::Editor), "read ingest silence edit");
        assert_eq!(of(Role::Admin), "read ingest silence edit act administer");
    }
}
