//! What every engine does alike, and each test for each of them: every yes beside its no.

mod bench;
mod feed;
mod gate;
mod keys;
mod once;
mod pages;
mod plans;
mod provisioning;
mod races;
mod reach;
mod sessions;
mod tenants;
mod urls;
mod users;

use std::time::Duration;

pub(super) use bench::{Bench, PLATFORM, new_key, new_tenant, new_user, rotation};

use super::*;
use crate::clock::{Expiry, Timestamp};
use crate::scopes::{Models, Scopes};
use crate::tenant::{ScanMode, Slug, Tenant, TenantId, TenantPolicy, TenantStatus};

/// Makes a test of each of these for each engine: `keys::sqlite::record_comes_back_as_it_went_in`. A test that stands in
/// no such list is dead code, and the compiler says so.
macro_rules! on_each_engine {
    ($($name:ident,)*) => {
        mod sqlite {
            use super::Bench;

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name(Bench::sqlite().await).await;
                }
            )*
        }

        mod postgres {
            use super::Bench;

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name(Bench::postgres().await).await;
                }
            )*
        }
    };
}

use on_each_engine;
