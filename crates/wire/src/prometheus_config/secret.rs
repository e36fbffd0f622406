//! Texts that must never be shown.

use std::fmt;

use serde::{Serialize, Serializer};

const MASK: &str = "<secret>";

/// A password, token or key. Debug, Display and serialisation show `<secret>`; only [`Secret::reveal`] gives it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Takes the text.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text itself, for the one who sends it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

/// A URL that may carry a password; shown with everything between `//` and `@` masked.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl(String);

impl SecretUrl {
    /// Takes the text.
    pub fn new(text: impl Into<String>) -> SecretUrl {
        SecretUrl(text.into())
    }

    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.0.find("//").map_or(0, |at| at + 2);
        match self.0.rfind('@') {
            Some(at) if at >= authority => {
                write!(f, "{}{MASK}{}", &self.0[..authority], &self.0[at..])
            }
            _ => f.write_str(&self.0),
        }
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for SecretUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_reveal_shows_a_secret() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret} {secret:?}"), "<secret> <secret>");
        assert_eq!(serde_saphyr::to_string(&secret).unwrap().trim(), "<secret>");
        assert_eq!(secret.reveal(), "hunter2");
        assert_eq!(SecretUrl::new("http://u:p@w@h:1/x").to_string(), "http://<secret>@h:1/x");
        assert_eq!(SecretUrl::new("http://h:1/x").to_string(), "http://h:1/x");
    }
}
