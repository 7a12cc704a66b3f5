//! Listings in pages.

use super::*;

on_each_engine! {
    pages_hold_every_row_once_in_the_order_of_the_whole,
    tenants_and_users_are_listed_in_pages_too,
    page_after_a_row_that_the_listing_does_not_have_is_an_error,
}

fn page(after: Option<&str>, limit: usize) -> Page {
    Page { after: after.map(str::to_owned), limit }
}

async fn pages_hold_every_row_once_in_the_order_of_the_whole(bench: Bench) {
    let (acme, other) = (bench.tenant("acme").await, bench.tenant("other").await);
    for n in 0..7 {
        bench.key(if n % 2 == 0 { &acme } else { &other }, &format!("k{n}"), &format!("sha256:{n}")).await;
    }
    // Age goes before id, and rows of one age go by id.
    let (old, older) = (bench.moment(100), bench.moment(50));
    bench.by_hand(&format!("UPDATE api_keys SET created_at = {old}")).await;
    bench.by_hand(&format!("UPDATE api_keys SET created_at = {older} WHERE key_prefix = 'k5'")).await;
    for reach in [Reach::Platform, Reach::Tenant(acme.id.clone())] {
        let whole = bench.store.list_keys(&reach, Page::all()).await.unwrap();
        assert_eq!(whole.len(), if reach.tenant().is_some() { 4 } else { 7 });
        for limit in 1..=8 {
            let mut read: Vec<KeyRecord> = Vec::new();
            loop {
                let after = read.last().map(|key| key.id.clone());
                let part = bench.store.list_keys(&reach, page(after.as_deref(), limit)).await.unwrap();
                if part.is_empty() {
                    break;
                }
                assert!(part.len() <= limit);
                read.extend(part);
            }
            assert_eq!(read, whole, "in pages of {limit}");
        }
    }
    let first = bench.store.list_keys(PLATFORM, page(None, 1)).await.unwrap();
    assert_eq!(first[0].public_id, "k5");
}

async fn tenants_and_users_are_listed_in_pages_too(bench: Bench) {
    let (acme, other) = (bench.tenant("acme").await, bench.tenant("other").await);
    let tenants = async |page| bench.store.list_tenants(PLATFORM, page).await.unwrap();
    let [first, second] = &tenants(Page::all()).await[..] else { panic!("two tenants were made") };
    assert_eq!((first, second), (&acme, &other));
    assert_eq!(tenants(page(None, 1)).await, std::slice::from_ref(first));
    assert_eq!(tenants(page(Some(acme.id.as_str()), 9)).await, std::slice::from_ref(second));
    let (ada, bob) = (bench.user(&acme, "ada@example.com").await, bench.user(&other, "bob@example.com").await);
    let after_ada = bench.store.list_users(PLATFORM, page(Some(&ada.id), 9)).await.unwrap();
    assert_eq!(after_ada, std::slice::from_ref(&bob));
    assert_eq!(bench.store.list_users(&Reach::Tenant(other.id.clone()), Page::all()).await.unwrap(), [bob]);
    assert!(bench.store.list_users(PLATFORM, page(None, 0)).await.unwrap().is_empty());
}

async fn page_after_a_row_that_the_listing_does_not_have_is_an_error(bench: Bench) {
    let (acme, other) = (bench.tenant("acme").await, bench.tenant("other").await);
    let key = bench.key(&acme, "wgk_a", "sha256:aa").await;
    let user = bench.user(&acme, "ada@example.com").await;
    for unknown in ["", "nobody", "k\0", acme.id.as_str()] {
        let keys = bench.store.list_keys(PLATFORM, page(Some(unknown), 9)).await;
        assert!(matches!(keys, Err(StoreError::NotFound("cursor"))), "{unknown}: {keys:?}");
    }
    // Another tenant's row is no more known than none.
    let of_other = Reach::Tenant(other.id.clone());
    let keys = bench.store.list_keys(&of_other, page(Some(&key.id), 9)).await;
    assert!(matches!(keys, Err(StoreError::NotFound("cursor"))), "{keys:?}");
    let users = bench.store.list_users(&of_other, page(Some(&user.id), 9)).await;
    assert!(matches!(users, Err(StoreError::NotFound("cursor"))), "{users:?}");
    let tenants = bench.store.list_tenants(PLATFORM, page(Some(&key.id), 9)).await;
    assert!(matches!(tenants, Err(StoreError::NotFound("cursor"))), "{tenants:?}");
}
