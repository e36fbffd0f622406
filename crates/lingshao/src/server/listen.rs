//! Addresses: which one to open, whether it may be opened, and opening it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

use crate::failure::Failure;

/// Where we listen when nobody says otherwise.
pub(crate) const LISTEN_DEFAULT: &str = "127.0.0.1:9090";
/// A killed predecessor of some gigabytes keeps its port while the kernel frees its memory.
const BUSY_PATIENCE: Duration = Duration::from_secs(2);
const BUSY_PAUSE: Duration = Duration::from_millis(50);

/// Reads `HOST:PORT` or `:PORT` (all addresses).
pub(crate) fn parse(listen: &str) -> Result<SocketAddr, Failure> {
    let malformed = |error: anyhow::Error| {
        Failure::input(error.context(format!("`{listen}` is no address to listen on")))
            .remedy(format!("write HOST:PORT, for example {LISTEN_DEFAULT}; port 0 takes a free one"))
    };
    if let Some(port) = listen.strip_prefix(':') {
        let port = port.parse().context("the port is no number from 0 to 65535").map_err(malformed)?;
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port));
    }
    let mut addresses = listen.to_socket_addrs().map_err(|error| malformed(error.into()))?;
    addresses.next().ok_or_else(|| malformed(anyhow!("the name has no address")))
}

/// Refuses to open an address that others can reach while everybody may do everything.
pub(crate) fn check_reach(address: SocketAddr, has_users: bool, insecure: bool) -> Result<(), Failure> {
    if address.ip().to_canonical().is_loopback() || has_users || insecure {
        return Ok(());
    }
    let error =
        anyhow!("refusing to listen on {address}: other machines could reach it, and there are no users");
    Err(Failure::input(error).remedy(
        "add `web.users` to the config (`lingshao passwd` makes the hash), listen on 127.0.0.1, \
         or allow it with --insecure",
    ))
}

/// Opens an address, waiting a moment for one that is busy.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    let deadline = Instant::now() + BUSY_PATIENCE;
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < deadline => {
                sleep(BUSY_PAUSE).await;
            }
            Err(error) => {
                let busy = error.kind() == io::ErrorKind::AddrInUse;
                let failure = Failure::environment(
                    anyhow::Error::new(error).context(format!("cannot listen on {address}")),
                );
                return Err(if busy {
                    failure.remedy(format!(
                        "port {} is taken by another program; stop it, or choose another address with --listen",
                        address.port()
                    ))
                } else {
                    failure.remedy("choose an address of this machine with --listen")
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_bad_ones_are_explained() {
        let read = |text: &str| parse(text).map(|address| address.to_string());
        assert_eq!(read("127.0.0.1:9090").unwrap(), "127.0.0.1:9090");
        assert_eq!(read(":0").unwrap(), "0.0.0.0:0");
        assert_eq!(read("[::1]:80").unwrap(), "[::1]:80");
        for bad in ["9090", "127.0.0.1", ":http", "127.0.0.1:99999"] {
            let message = read(bad).unwrap_err().to_string();
            assert!(
                message.starts_with(&format!("error: `{bad}` is no address to listen on: ")),
                "{message}"
            );
            assert!(message.contains("write HOST:PORT"), "{message}");
        }
    }

    #[track_caller]
    fn check(address: &str, has_users: bool, insecure: bool, allowed: bool) {
        assert_eq!(check_reach(address.parse().unwrap(), has_users, insecure).is_ok(), allowed, "{address}");
    }

    #[test]
    fn a_wide_address_needs_users_or_a_flag() {
        check("127.0.0.1:1", false, false, true);
        check("127.8.0.1:1", false, false, true);
        check("[::1]:1", false, false, true);
        check("[::ffff:127.0.0.1]:1", false, false, true);
        check("0.0.0.0:1", false, false, false);
        check("[::]:1", false, false, false);
        check("192.168.1.2:1", false, false, false);
        check("0.0.0.0:1", true, false, true);
        check("0.0.0.0:1", false, true, true);
    }
}
