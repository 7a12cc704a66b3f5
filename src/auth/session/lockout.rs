//! How often a login may be tried: freely at first, then after a delay that doubles with each failure.
//!
//! Counted by account and by address, whether or not the account exists, so that neither tells anything of the other.
//! An account that is tried from everywhere locks even its owner out for a while; that is the price of a lock.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::digest::sha256;

/// Failures of one account that cost nothing.
const ACCOUNT_FREE: u32 = 5;
/// Failures from one address that cost nothing: several people may share it.
const ADDRESS_FREE: u32 = 20;
const DELAY_FIRST: Duration = Duration::from_secs(1);
const DELAY_MAX: Duration = Duration::from_secs(15 * 60);
/// Failures are forgotten this long after the last one.
const MEMORY: Duration = Duration::from_secs(60 * 60);
/// Accounts and addresses whose failures are remembered; past that the oldest are forgotten.
const ENTRIES_MAX: usize = 100_000;

#[derive(Default)]
pub(super) struct Lockout(Mutex<HashMap<Who, Failures>>);

/// What failures are counted by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Who {
    /// A digest of tenant and e-mail address as they were sent, in lower case: whatever is sent takes the same room.
    Account([u8; 32]),
    Address(IpAddr),
}

struct Failures {
    count: u32,
    last: Instant,
}

/// One attempt, counted as a failure until it is known to be none.
pub(super) struct Attempt([Who; 2]);

impl Lockout {
    /// Counts an attempt, or says how long to wait. Attempts at the same time are counted before any of them is checked.
    pub(super) fn begin(&self, tenant: &str, email: &str, peer: IpAddr, now: Instant) -> Result<Attempt, Duration> {
        let account = sha256(format!("{}\0{}", tenant.to_lowercase(), email.to_lowercase()).as_bytes());
        let attempt = [Who::Account(account), Who::Address(network(peer))];
        let mut failures = self.lock();
        let wait = attempt.iter().filter_map(|who| failures.get(who)?.wait(who, now)).max();
        if let Some(wait) = wait {
            return Err(wait);
        }
        if failures.len() + attempt.len() > ENTRIES_MAX {
            forget_oldest(&mut failures, now);
        }
        for who in &attempt {
            let entry = failures.entry(who.clone()).or_insert(Failures { count: 0, last: now });
            entry.count = if now.duration_since(entry.last) < MEMORY { entry.count.saturating_add(1) } else { 1 };
            entry.last = now;
        }
        Ok(Attempt(attempt))
    }

    /// The password was right: the account is free again, and the address has one failure less.
    pub(super) fn succeeded(&self, attempt: Attempt) {
        let [account, address] = attempt.0;
        self.lock().remove(&account);
        self.take_back(Attempt([address.clone(), address]));
    }

    /// Nobody knows whether the password was right: the attempt was none.
    pub(super) fn undecided(&self, attempt: Attempt) {
        self.take_back(attempt);
    }

    fn take_back(&self, Attempt([one, other]): Attempt) {
        let mut failures = self.lock();
        let distinct = if one == other { vec![one] } else { vec![one, other] };
        for who in distinct {
            if let Entry::Occupied(mut entry) = failures.entry(who) {
                entry.get_mut().count = entry.get().count.saturating_sub(1);
                if entry.get().count == 0 {
                    entry.remove();
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Who, Failures>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes room for a while: a tenth goes, what is forgotten anyway and then what is oldest.
fn forget_oldest(failures: &mut HashMap<Who, Failures>, now: Instant) {
    failures.retain(|_, failures| now.duration_since(failures.last) < MEMORY);
    let too_many = failures.len().saturating_sub(ENTRIES_MAX - ENTRIES_MAX / 10);
    if too_many > 0 {
        let mut ages: Vec<Instant> = failures.values().map(|failures| failures.last).collect();
        let (_, newest_to_go, _) = ages.select_nth_unstable(too_many - 1);
        let newest_to_go = *newest_to_go;
        failures.retain(|_, failures| failures.last > newest_to_go);
    }
}

impl Failures {
    fn wait(&self, who: &Who, now: Instant) -> Option<Duration> {
        let free = match who {
            Who::Account(_) => ACCOUNT_FREE,
            Who::Address(_) => ADDRESS_FREE,
        };
        let doublings = self.count.checked_sub(free)?.min(16);
        let delay = (DELAY_FIRST * (1 << doublings)).min(DELAY_MAX);
        delay.checked_sub(now.duration_since(self.last)).filter(|wait| !wait.is_zero())
    }
}

/// A site has many networks of IPv6, a /56 of them where it is a home (RFC 6177, section 2), and would otherwise count
/// anew with each of its addresses.
pub(super) fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 72 << 72)),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn from(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn delay_grows_with_each_failure_of_an_account_from_whatever_address() {
        let (lockout, mut now) = (Lockout::default(), Instant::now());
        for failure in 0..5 {
            assert!(lockout.begin("acme", "Eve@x.org", from(failure), now).is_ok());
        }
        let mut waits = Vec::new();
        for failure in 5..9 {
            let wait = lockout.begin("ACME", "eve@X.org", from(failure), now).err().unwrap();
            waits.push(wait.as_secs());
            now += wait;
            assert!(lockout.begin("acme", "eve@x.org", from(failure), now).is_ok());
        }
        assert_eq!(waits, [1, 2, 4, 8]);
        assert!(lockout.begin("acme", "other@x.org", from(1), now).is_ok(), "another account is free");
    }

    #[test]
    fn address_that_tries_many_accounts_is_delayed_with_its_whole_network() {
        let (lockout, now) = (Lockout::default(), Instant::now());
        let peer: IpAddr = "2001:db8::1".parse().unwrap();
        for account in 0..20 {
            assert!(lockout.begin("acme", &format!("{account}@x.org"), peer, now).is_ok());
        }
        let neighbour: IpAddr = "2001:db8:0:ff::2".parse().unwrap();
        assert!(lockout.begin("acme", "new@x.org", neighbour, now).is_err());
        assert!(lockout.begin("acme", "new@x.org", "2001:db8:0:100::1".parse().unwrap(), now).is_ok());
    }

    #[test]
    fn success_frees_the_account_and_time_forgets() {
        let (lockout, now) = (Lockout::default(), Instant::now());
        for _ in 0..4 {
            assert!(lockout.begin("acme", "a@x.org", PEER, now).is_ok());
        }
        lockout.succeeded(lockout.begin("acme", "a@x.org", PEER, now).ok().unwrap());
        for _ in 0..5 {
            assert!(lockout.begin("acme", "a@x.org", PEER, now).is_ok());
        }
        assert!(lockout.begin("acme", "a@x.org", PEER, now).is_err());
        assert!(lockout.begin("acme", "a@x.org", PEER, now + MEMORY).is_ok());
    }

    #[test]
    fn attempt_that_could_not_be_decided_counts_for_nothing() {
        let (lockout, now) = (Lockout::default(), Instant::now());
        for _ in 0..30 {
            lockout.undecided(lockout.begin("acme", "a@x.org", PEER, now).ok().unwrap());
        }
        assert!(lockout.lock().is_empty(), "nothing is left of it");
        assert!(lockout.begin("acme", "a@x.org", PEER, now).is_ok());
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_failures_make_room() {
        let (lockout, now) = (Lockout::default(), Instant::now());
        let account = |number: usize| format!("{number}@x.org");
        let peer = |number: usize| IpAddr::from(u32::try_from(number).unwrap().to_be_bytes());
        let later = now + Duration::from_secs(1);
        for number in 0..ENTRIES_MAX / 2 {
            assert!(lockout.begin("acme", &account(number), peer(number), now).is_ok());
        }
        for _ in 0..5 {
            assert!(lockout.begin("acme", "victim@x.org", PEER, later).is_ok());
        }
        assert!(lockout.lock().len() <= ENTRIES_MAX);
        assert!(lockout.begin("acme", "victim@x.org", PEER, later).is_err(), "what is new is still counted");
    }
}
