//! Whose request it is: the address of the nearest hop that is not one of our own proxies.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use http::HeaderMap;

/// The peer's address, as a request extension, for servers other than axum's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// Networks whose `X-Forwarded-For` is believed: `"127.0.0.1, 10.0.0.0/8, fd00::/8".parse()`; and `unix`, if requests
/// come from a proxy over a unix socket, where nobody has an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    networks: Vec<(IpAddr, u8)>,
    unix: bool,
}

/// Text that names no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address, no network such as 10.0.0.0/8, and not `unix`")]
pub struct NotANetwork(pub String);

impl FromStr for TrustedProxies {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<TrustedProxies, NotANetwork> {
        let mut trusted = TrustedProxies::default();
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            match word {
                "unix" => trusted.unix = true,
                word => trusted.networks.push(network(word).ok_or_else(|| NotANetwork(word.into()))?),
            }
        }
        Ok(trusted)
    }
}

impl TrustedProxies {
    fn contains(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|(network, length)| match (network, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                shared_bits(u128::from(network.to_bits() ^ address.to_bits()) << 96) >= *length
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                shared_bits(network.to_bits() ^ address.to_bits()) >= *length
            }
            _ => false,
        })
    }
}

fn shared_bits(difference: u128) -> u8 {
    difference.leading_zeros() as u8
}

fn network(word: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = match word.split_once('/') {
        Some((address, length)) => (address.parse().ok()?, Some(length.parse().ok()?)),
        None => (word.parse().ok()?, None),
    };
    let longest = if matches!(address, IpAddr::V4(_)) { 32 } else { 128 };
    let length = length.unwrap_or(longest);
    (length <= longest).then_some((address, length))
}

/// Most hops that are looked at: real chains have one to three, and the list comes from strangers.
const HOPS_MAX: usize = 32;

/// The right-most hop that is not trusted. What stands left of it is whatever the client liked to write.
pub(crate) fn client_ip(
    peer: Option<IpAddr>,
    headers: &HeaderMap,
    trusted: &TrustedProxies,
) -> Option<IpAddr> {
    let mut client = peer.map(|peer| peer.to_canonical());
    let lists = headers.get_all("x-forwarded-for").iter().rev();
    let hops = lists.flat_map(|list| list.to_str().unwrap_or("?").rsplit(','));
    for hop in hops.take(HOPS_MAX) {
        if !client.map_or(trusted.unix, |client| trusted.contains(client)) {
            break;
        }
        match address(hop.trim()) {
            Some(address) => client = Some(address),
            None => break, // Behind what cannot be read, nothing can be believed.
        }
    }
    client
}

/// An address, with or without a port.
fn address(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    let parsed = bare.parse::<IpAddr>().or_else(|_| hop.parse::<SocketAddr>().map(|address| address.ip()));
    parsed.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[track_caller]
    fn check(peer: &str, forwarded: &[&str], expected: &str) {
        let mut headers = HeaderMap::new();
        for list in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_str(list).expect("a header"));
        }
        let trusted = "10.0.0.0/8, 127.0.0.1, fd00::/8".parse().expect("networks");
        let client = client_ip(Some(peer.parse().expect("an address")), &headers, &trusted);
        assert_eq!(client.expect("there is a peer").to_string(), expected);
    }

    #[test]
    fn the_right_most_untrusted_hop_is_the_client() {
        check("203.0.113.9", &["1.2.3.4"], "203.0.113.9");
        check("10.0.0.1", &[], "10.0.0.1");
        check("10.0.0.1", &["198.51.100.7"], "198.51.100.7");
        check("10.0.0.1", &["6.6.6.6, 198.51.100.7, 10.3.3.3"], "198.51.100.7");
        check("10.0.0.1", &["6.6.6.6", "198.51.100.7", "10.3.3.3"], "198.51.100.7");
        check("10.0.0.1", &["10.9.9.9, 10.3.3.3"], "10.9.9.9");
        check("10.0.0.1", &["198.51.100.7, nonsense, 10.3.3.3"], "10.3.3.3");
        check("127.0.0.1", &["198.51.100.7:5123"], "198.51.100.7");
        check("fd00::1", &["[2001:db8::1]:443"], "2001:db8::1");
        check("::ffff:10.0.0.1", &["::ffff:198.51.100.7"], "198.51.100.7");
        check("11.0.0.1", &["198.51.100.7"], "11.0.0.1");
    }

    #[test]
    fn a_request_without_a_peer_has_a_client_only_behind_a_proxy_that_is_trusted() {
        let mut headers = HeaderMap::new();
        let of = |headers: &HeaderMap, trusted: &str| {
            client_ip(None, headers, &trusted.parse().expect("networks")).map(|client| client.to_string())
        };
        assert_eq!(of(&headers, "unix"), None);
        headers.append("x-forwarded-for", HeaderValue::from_static("6.6.6.6, 198.51.100.7"));
        assert_eq!(of(&headers, "127.0.0.1"), None);
        assert_eq!(of(&headers, "unix").as_deref(), Some("198.51.100.7"));
        assert_eq!(of(&headers, "unix, 198.51.0.0/16").as_deref(), Some("6.6.6.6"));
    }

    #[test]
    fn words_that_are_no_network_are_named() {
        for wrong in ["10.0.0.0/33", "proxy.example", "10.0.0.0/x", "::/129"] {
            assert_eq!(wrong.parse::<TrustedProxies>(), Err(NotANetwork(wrong.into())));
        }
        assert!("0.0.0.0/0".parse::<TrustedProxies>().expect("a network").contains([8, 8, 8, 8].into()));
    }
}
