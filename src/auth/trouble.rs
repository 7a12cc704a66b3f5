//! What keeps the store from being heard, in the log's words: what it means here, and whether it passes by itself.

use super::lease::Lease;
use crate::store::{Outage, StoreError};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Trouble {
    /// Waiting mends it not.
    operator: bool,
    means: Means,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Means {
    /// It was heard lately enough.
    KnownPass,
    NeverHeard,
    Lapsed,
}

impl Trouble {
    pub(super) fn of(error: &StoreError, lease: &Lease) -> Trouble {
        let means = match lease.age() {
            None => Means::NeverHeard,
            Some(_) if lease.holds() => Means::KnownPass,
            Some(_) => Means::Lapsed,
        };
        Trouble { operator: only_an_operator_mends(error), means }
    }

    pub(super) fn tell(self, error: &StoreError, lease: &Lease) {
        let cause = std::error::Error::source(error).map(ToString::to_string);
        let (stale_limit, means) = (lease.limit(), self.means.words());
        if self.operator {
            tracing::error!(%error, cause, ?stale_limit, means,
                "the store does not tell what has changed, and will not before it is mended");
        } else {
            tracing::warn!(%error, cause, ?stale_limit, means, "the store does not tell what has changed");
        }
    }
}

impl Means {
    fn words(self) -> &'static str {
        match self {
            Means::KnownPass => "what is known stays good for the stale limit",
            Means::NeverHeard => "nobody is let in before it was heard for the first time",
            Means::Lapsed => "the stale limit is over, and nobody is let in before it is heard again",
        }
    }
}

fn only_an_operator_mends(error: &StoreError) -> bool {
    match error {
        StoreError::SchemaTooOld { .. }
        | StoreError::SchemaTooNew { .. }
        | StoreError::SchemaForeign
        | StoreError::Forbidden
        | StoreError::Refused(_)
        | StoreError::Corrupt { .. } => true,
        StoreError::Unavailable(outage) => match outage {
            Outage::Tls(_) | Outage::Login | Outage::NoDatabase | Outage::Password(_) => true,
            Outage::File { .. }
            | Outage::Engine(_)
            | Outage::Refused { .. }
            | Outage::Violated { .. }
            | Outage::Unreachable(_)
            | Outage::Slow(_)
            | Outage::Overloaded(_)
            | Outage::Crowded { .. }
            | Outage::Worker => false,
        },
        StoreError::Conflict(_)
        | StoreError::NotFound(_)
        | StoreError::Invalid(_)
        | StoreError::Stale
        | StoreError::Repeated => false,
        StoreError::Row { error, .. } => only_an_operator_mends(error),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn trouble_is_told_by_what_it_means_and_by_who_mends_it() {
        let slow = StoreError::Unavailable(Outage::Slow(Duration::from_secs(2)));
        let never = Lease::new(Duration::from_secs(300));
        assert_eq!(Trouble::of(&slow, &never), Trouble { operator: false, means: Means::NeverHeard });
        let held = Lease::new(Duration::from_secs(300));
        held.renew(Instant::now());
        assert_eq!(Trouble::of(&slow, &held), Trouble { operator: false, means: Means::KnownPass });
        let lapsed = Lease::new(Duration::ZERO);
        lapsed.renew(Instant::now());
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(Trouble::of(&StoreError::Forbidden, &lapsed), Trouble { operator: true, means: Means::Lapsed });
    }
}
