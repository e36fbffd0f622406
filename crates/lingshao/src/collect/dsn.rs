//! Addresses of databases, with the secrets in them.
//!
//! Contract: a password is never part of an error, of what is shown, or of what another crate logs; parameters that
//! we do not know are refused rather than handed on, as drivers log those with their values.

use std::str::FromStr;

use lingshao_wire::prometheus_config::Secret;
use percent_encoding::percent_decode_str;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::postgres::PgConnectOptions;

/// Databases that can be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// PostgreSQL.
    Postgres,
    /// MySQL or MariaDB.
    Mysql,
    /// Redis, and what speaks like it (Valkey, KeyDB).
    Redis,
}

impl Kind {
    /// The key under `collect`, and the `job` label that public boards and the exporters' rules expect.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Postgres => "postgres",
            Kind::Mysql => "mysql",
            Kind::Redis => "redis",
        }
    }

    /// How an address is written.
    pub fn example(self) -> &'static str {
        match self {
            Kind::Postgres => "postgres://USER:PASSWORD@HOST:5432/DATABASE",
            Kind::Mysql => "mysql://USER:PASSWORD@HOST:3306/",
            Kind::Redis => "redis://USER:PASSWORD@HOST:6379",
        }
    }

    fn schemes(self) -> &'static [&'static str] {
        match self {
            Kind::Postgres => &["postgres", "postgresql"],
            Kind::Mysql => &["mysql", "mariadb"],
            Kind::Redis => &["redis"],
        }
    }

    fn parameters(self) -> &'static [&'static str] {
        match self {
            Kind::Postgres => &[
                "host",
                "hostaddr",
                "port",
                "dbname",
                "user",
                "password",
                "sslmode",
                "sslrootcert",
                "sslcert",
                "sslkey",
            ],
            Kind::Mysql => &["socket", "ssl-mode", "ssl-ca", "ssl-cert", "ssl-key", "charset", "collation"],
            Kind::Redis => &[],
        }
    }
}

/// A checked address.
#[derive(Clone, Debug)]
pub struct Dsn {
    /// `HOST:PORT`, for labels and messages.
    pub address: String,
    /// As it was written.
    pub text: Secret,
    /// As the server wants it.
    pub user: Option<String>,
    /// As the server wants it.
    pub password: Option<Secret>,
}

/// Why a text is no address. The text itself is not shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DsnError {
    /// Another kind of address.
    #[error("it does not begin with `{0}://`")]
    Scheme(&'static str),
    /// TLS to Redis.
    #[error("`rediss://` (TLS) is not supported")]
    Rediss,
    /// A parameter that would have no effect.
    #[error("its parameter `{0}` is not known")]
    Parameter(String),
    /// Something else.
    #[error(
        "it cannot be read; are `@`, `:`, `/`, `?`, `#` and `%` in user and password written as %40, %3A, …?"
    )]
    Form,
}

impl Dsn {
    /// Checks a text.
    pub fn parse(kind: Kind, text: &str) -> Result<Dsn, DsnError> {
        let (scheme, rest) = text.split_once("://").ok_or(DsnError::Scheme(kind.schemes()[0]))?;
        if kind == Kind::Redis && scheme == "rediss" {
            return Err(DsnError::Rediss);
        }
        if !kind.schemes().contains(&scheme) {
            return Err(DsnError::Scheme(kind.schemes()[0]));
        }
        let parameters = rest.split_once('?').map_or("", |(_, parameters)| parameters);
        let mut password = None;
        for (name, value) in form_urlencoded::parse(parameters.as_bytes()) {
            if !kind.parameters().contains(&name.as_ref()) {
                return Err(DsnError::Parameter(name.into_owned()));
            }
            if name == "password" {
                password = Some(Secret::new(value));
            }
        }
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (login, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, inline) =
            login.split_once(':').map_or((login, None), |(user, secret)| (user, Some(secret)));
        let decode = |text: &str| percent_decode_str(text).decode_utf8().map(|text| text.into_owned());
        if let Some(inline) = inline {
            password = Some(Secret::new(decode(inline).map_err(|_| DsnError::Form)?));
        }
        let user = decode(user).map_err(|_| DsnError::Form)?;
        Ok(Dsn {
            address: address(kind, text, host)?,
            text: Secret::new(text),
            user: Some(user).filter(|user| !user.is_empty()),
            password: password.filter(|password| !password.reveal().is_empty()),
        })
    }

    /// A message of somebody else's without our secrets in it.
    pub fn mask(&self, message: String) -> String {
        let secrets = [Some(&self.text), self.password.as_ref()];
        secrets.into_iter().flatten().fold(message, |text, secret| text.replace(secret.reveal(), "<secret>"))
    }
}

fn address(kind: Kind, text: &str, host: &str) -> Result<String, DsnError> {
    // The drivers' own readers have the last word, on the port too.
    match kind {
        Kind::Postgres => {
            let options = PgConnectOptions::from_str(text).map_err(|_| DsnError::Form)?;
            let host = if options.get_socket().is_some() { "localhost" } else { options.get_host() };
            Ok(format!("{host}:{}", options.get_port()))
        }
        Kind::Mysql => {
            let options = MySqlConnectOptions::from_str(text).map_err(|_| DsnError::Form)?;
            let host = if options.get_socket().is_some() { "localhost" } else { options.get_host() };
            Ok(format!("{host}:{}", options.get_port()))
        }
        Kind::Redis => {
            let behind = host.rsplit_once(']').map_or(host, |(_, behind)| behind);
            let (name, port) = match behind.split_once(':') {
                Some((_, port)) => (&host[..host.len() - port.len() - 1], port.parse::<u16>()),
                None => (host, Ok(6379)),
            };
            let is_name = http::uri::Authority::from_str(name).is_ok();
            let port = port.ok().filter(|_| is_name).ok_or(DsnError::Form)?;
            Ok(format!("{name}:{port}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: Kind, text: &str, address: &str, user: Option<&str>, password: Option<&str>) {
        let dsn = Dsn::parse(kind, text).unwrap();
        let read = (&*dsn.address, dsn.user.as_deref(), dsn.password.as_ref().map(Secret::reveal));
        assert_eq!(read, (address, user, password));
    }

    #[test]
    fn addresses_are_taken_apart() {
        check(
            Kind::Postgres,
            "postgres://li:p%40w@db.shop.cn/mall?sslmode=require",
            "db.shop.cn:5432",
            Some("li"),
            Some("p@w"),
        );
        check(Kind::Postgres, "postgresql://li@10.0.0.4:6432/mall", "10.0.0.4:6432", Some("li"), None);
        check(
            Kind::Postgres,
            "postgres:///mall?host=/run/pg&user=li&password=s",
            "localhost:5432",
            None,
            Some("s"),
        );
        check(Kind::Mysql, "mysql://root:a:b@10.0.0.4:3307/", "10.0.0.4:3307", Some("root"), Some("a:b"));
        check(Kind::Mysql, "mariadb://root@localhost/?socket=/run/s", "localhost:3306", Some("root"), None);
        check(Kind::Redis, "redis://10.0.0.4", "10.0.0.4:6379", None, None);
        check(Kind::Redis, "redis://:p%2Fw@cache:7000/0", "cache:7000", None, Some("p/w"));
        check(Kind::Redis, "redis://mon:x@[::1]:7000", "[::1]:7000", Some("mon"), Some("x"));
    }

    #[track_caller]
    fn check_wrong(kind: Kind, text: &str, expected: &DsnError) {
        let error = Dsn::parse(kind, text).unwrap_err();
        assert_eq!(error, *expected);
        assert!(!error.to_string().contains("sesame"), "{error}");
    }

    #[test]
    fn what_is_no_address_is_refused_without_being_shown() {
        check_wrong(Kind::Postgres, "host=db password=sesame", &DsnError::Scheme("postgres"));
        check_wrong(Kind::Postgres, "mysql://u:sesame@db/", &DsnError::Scheme("postgres"));
        check_wrong(Kind::Mysql, "u:sesame@(db:3306)/", &DsnError::Scheme("mysql"));
        check_wrong(
            Kind::Postgres,
            "postgres://u@db/?passwd=sesame",
            &DsnError::Parameter("passwd".to_owned()),
        );
        check_wrong(Kind::Postgres, "postgres://u:sesame@db:port/", &DsnError::Form);
        check_wrong(Kind::Mysql, "mysql://u:sesame@/x@db:99999/", &DsnError::Form);
        check_wrong(Kind::Redis, "rediss://:sesame@cache", &DsnError::Rediss);
        check_wrong(Kind::Redis, "redis://:sesame@", &DsnError::Form);
        check_wrong(Kind::Redis, "redis://:sesame@cache:99999", &DsnError::Form);
    }

    #[test]
    fn secrets_are_masked_in_what_others_say() {
        let dsn = Dsn::parse(Kind::Redis, "redis://:open%20sesame@cache").unwrap();
        let said = "redis://:open%20sesame@cache: wrong `open sesame`".to_owned();
        assert_eq!(dsn.mask(said), "<secret>: wrong `<secret>`");
        assert!(!format!("{dsn:?}").contains("sesame"));
    }
}
