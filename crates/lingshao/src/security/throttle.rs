//! Slows down whoever guesses passwords, by network address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures that cost nothing: a person mistypes, an agent is restarted with an old password.
const FREE_FAILURES: u32 = 5;
/// The longest wait; with it one address gets 60 guesses an hour.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Failures older than this are forgotten.
const MEMORY: Duration = Duration::from_secs(900);
/// Addresses remembered: 4,096 of some 64 bytes each; beyond that the one seen longest ago is forgotten.
const ADDRESSES_MAX: usize = 4096;

/// Failed logins by address.
#[derive(Debug, Default)]
pub(crate) struct Throttle(Mutex<HashMap<IpAddr, Failures>>);

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Throttle {
    /// How long this address has to wait before we look at its next password.
    pub(crate) fn wait(&self, from: IpAddr, now: Instant) -> Option<Duration> {
        let failures = self.lock().get(&network(from)).copied()?;
        if MEMORY < now.duration_since(failures.last) {
            return None;
        }
        let doublings = failures.count.checked_sub(FREE_FAILURES)?;
        let wait = Duration::from_secs(1 << doublings.min(6)).min(WAIT_MAX);
        (failures.last + wait).checked_duration_since(now).filter(|left| !left.is_zero())
    }

    /// Counts a wrong password.
    pub(crate) fn failed(&self, from: IpAddr, now: Instant) {
        let mut addresses = self.lock();
        if ADDRESSES_MAX <= addresses.len() {
            addresses.retain(|_, failures| now.duration_since(failures.last) <= MEMORY);
            let oldest =
                addresses.iter().min_by_key(|(_, failures)| failures.last).map(|(address, _)| *address);
            if let (true, Some(oldest)) = (ADDRESSES_MAX <= addresses.len(), oldest) {
                addresses.remove(&oldest);
            }
        }
        let failures = addresses.entry(network(from)).or_insert(Failures { count: 0, last: now });
        failures.count = failures.count.saturating_add(1);
        failures.last = now;
    }

    /// Forgets an address that knew a password after all.
    pub(crate) fn succeeded(&self, from: IpAddr) {
        self.lock().remove(&network(from));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<IpAddr, Failures>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner) // The map is whole between any two calls.
    }
}

/// One customer of an IPv6 provider owns at least a /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_wait_doubles_after_free_failures_and_ends_at_a_minute() {
        let throttle = Throttle::default();
        let now = Instant::now();
        let from = address("192.0.2.1");
        let mut waits = Vec::new();
        for _ in 0..13 {
            throttle.failed(from, now);
            waits.push(throttle.wait(from, now).map_or(0, |wait| wait.as_secs()));
        }
        assert_eq!(waits, [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(throttle.wait(from, now + Duration::from_secs(59)), Some(Duration::from_secs(1)));
        assert_eq!(throttle.wait(from, now + Duration::from_secs(60)), None);
        assert_eq!(throttle.wait(address("192.0.2.2"), now), None);
        throttle.succeeded(from);
        assert_eq!(throttle.wait(from, now), None);
    }

    #[test]
    fn one_ipv6_network_is_one_guesser() {
        let throttle = Throttle::default();
        let now = Instant::now();
        for host in 1..=5 {
            throttle.failed(address(&format!("2001:db8::{host}")), now);
        }
        assert!(throttle.wait(address("2001:db8::99"), now).is_some());
        assert!(throttle.wait(address("2001:db8:0:1::99"), now).is_none());
    }

    #[test]
    fn a_flood_of_addresses_needs_no_more_memory() {
        let throttle = Throttle::default();
        let now = Instant::now();
        for host in 0..5000_u32 {
            throttle.failed(IpAddr::V4(host.into()), now);
        }
        assert_eq!(throttle.lock().len(), ADDRESSES_MAX);
    }
}
