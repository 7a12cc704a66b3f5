//! What the path of requests asks: many keys in one question, what was found by slow hashes, and who is out.

use super::bench::lookup;
use super::*;

on_each_engine! {
    many_lookups_are_one_question_and_each_has_its_own_answer,
    lookup_that_finds_too_many_spoils_no_other,
    row_that_does_not_parse_is_refused_and_named_and_spoils_no_other,
    verifier_is_kept_beside_the_slow_hash_it_was_found_by_and_beside_no_other,
    verifier_goes_with_the_hash_it_speaks_of,
    verifier_of_a_new_key_stands_from_the_start,
    ended_users_are_those_who_are_known_and_not_active,
    answers_to_nothing_need_no_engine,
    store_that_is_open_answers_a_ping,
}

async fn many_lookups_are_one_question_and_each_has_its_own_answer(bench: Bench) {
    let (acme, other) = (bench.tenant("acme").await, bench.tenant("other").await);
    let a = bench.key(&acme, "wgk_a", "sha256:aa").await;
    let b = bench.key(&acme, "wgk_b", "sha256:bb").await;
    let (same, same_too) = (bench.key(&acme, "same", "sha256:1").await, bench.key(&other, "same", "sha256:2").await);
    let by_id = lookup(&[], &[], &[&a.id]);
    let before = bench.store.lookups();
    let mut lookups = vec![
        lookup(&["wgk_b"], &[], &[]),
        lookup(&["nobody's", "a\0b"], &["sha256:none", "\0"], &["none", "wgk_b\0"]),
        lookup(&["wgk_a"], &["sha256:aa"], &[&a.id]),
        lookup(&["same"], &[], &[]),
        lookup(&[], &[], &[]),
        lookup(&["wgk_a"], &["sha256:bb"], &[&same.id]),
        by_id.clone(),
        by_id,
    ];
    // As many as come together when a fleet of clients starts.
    lookups.extend((0..500).map(|n| lookup(&[&format!("absent-{n}")], &[&format!("sha256:absent-{n}")], &[])));
    let found = bench.store.find_keys(lookups).await.unwrap();
    assert_eq!(bench.store.lookups(), before + 1);
    assert_eq!(found.len(), 508);
    let expected: [&[&KeyRecord]; 8] = [&[&b], &[], &[&a], &[&same, &same_too], &[], &[&a, &b, &same], &[&a], &[&a]];
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(ids(found.as_ref().unwrap().iter()), ids(expected.iter().copied()), "lookup {at}");
        assert!(found.as_ref().unwrap().iter().all(|key| expected.contains(&key)), "whole records, lookup {at}");
    }
    assert!(found[8..].iter().all(|found| found.as_ref().unwrap().is_empty()));
}

fn ids<'a>(keys: impl Iterator<Item = &'a KeyRecord>) -> Vec<&'a str> {
    let mut ids: Vec<&str> = keys.map(|key| &key.id[..]).collect();
    ids.sort_unstable();
    ids
}

async fn lookup_that_finds_too_many_spoils_no_other(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    bench.key(&tenant, "wgk_a", "sha256:aa").await;
    for n in 0..9 {
        let row = format!("'k{n}', '{}', 'crowd', 'sha256:h{n}'", tenant.id);
        bench.by_hand(&format!("INSERT INTO api_keys (id, tenant_id, key_prefix, hashed_key) VALUES ({row})")).await;
    }
    let lookups = vec![
        lookup(&["crowd"], &[], &[]),
        lookup(&["wgk_a"], &[], &[]),
        // One of the crowd that is named by what it alone has is found.
        lookup(&[], &["sha256:h7"], &[]),
    ];
    let found = bench.store.find_keys(lookups).await.unwrap();
    assert!(matches!(found[0], Err(StoreError::Unavailable(Outage::Crowded { .. }))), "{:?}", found[0]);
    assert_eq!(found[1].as_ref().unwrap().len(), 1);
    assert_eq!(ids(found[2].as_ref().unwrap().iter()), ["k7"]);
}

async fn row_that_does_not_parse_is_refused_and_named_and_spoils_no_other(bench: Bench) {
    for (damage, column) in [
        ("UPDATE api_keys SET id = 'a\rb' WHERE key_prefix = 'wgk_a'", "key_id"),
        ("UPDATE api_keys SET scopes = LIST WHERE key_prefix = 'wgk_a'", "scopes"),
        ("UPDATE api_keys SET version = -1 WHERE key_prefix = 'wgk_a'", "key_version"),
        ("UPDATE tenants SET slug = 'A B' WHERE slug = 'acme'", "slug"),
        ("UPDATE tenants SET status = 'super' WHERE slug = 'acme'", "status"),
        ("UPDATE tenants SET policy = '{\"unknown\":1}' WHERE slug = 'acme'", "policy"),
        ("UPDATE tenants SET db_schema_name = 'a\"; DROP' WHERE slug = 'acme'", "db_schema_name"),
        ("UPDATE tenants SET version = -1 WHERE slug = 'acme'", "tenant_version"),
    ] {
        let bench = bench.another().await;
        let (acme, other) = (bench.tenant("acme").await, bench.tenant("other").await);
        bench.key(&acme, "wgk_a", "sha256:canary").await;
        bench.key(&other, "wgk_b", "sha256:bb").await;
        bench.damage(damage).await;
        let lookups = vec![lookup(&["wgk_a"], &[], &[]), lookup(&["wgk_b"], &[], &[])];
        let found = bench.store.find_keys(lookups).await.unwrap();
        match &found[0] {
            Err(error @ StoreError::Corrupt { column: told, .. }) => {
                assert_eq!(*told, column, "{damage}");
                let text = error.to_string();
                assert!(!text.contains("canary") && !text.contains('\r'), "{text}");
            }
            other => panic!("{damage}: {other:?}"),
        }
        assert_eq!(found[1].as_ref().unwrap().len(), 1, "{damage}");
    }
}

async fn verifier_is_kept_beside_the_slow_hash_it_was_found_by_and_beside_no_other(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    let slow = bench.key(&tenant, "slow", "$2b$04$slow").await;
    let other = bench.key(&tenant, "other", "$2b$04$other").await;
    let mut reader = bench.reader().await;
    let (first, second) = (verifier("p1", 'a'), verifier("p1", 'b'));
    let note = async |id: &str, hash: &str, verifier: &str| {
        let noted = KeyVerifier { id: id.into(), hashed_key: hash.into(), verifier: verifier.into() };
        bench.store.note_verifiers(vec![noted]).await.unwrap();
    };
    let kept = async |id: &str| bench.store.key(PLATFORM, id).await.unwrap().verifier;
    note(&slow.id, "$2b$04$other", &first).await;
    note("nobody's", "$2b$04$slow", &first).await;
    assert_eq!((kept(&slow.id).await, kept(&other.id).await), (None, None), "found by another hash");
    note(&slow.id, "$2b$04$slow", &first).await;
    assert_eq!(kept(&slow.id).await.as_ref(), Some(&first));
    note(&slow.id, "$2b$04$slow", &second).await;
    assert_eq!(kept(&slow.id).await.as_ref(), Some(&first), "one of this pepper is there");
    note(&slow.id, "$2b$04$slow", &verifier("p2", 'c')).await;
    assert_eq!(kept(&slow.id).await, Some(verifier("p2", 'c')), "the pepper is another now");
    note(&slow.id, "$2b$04$slow", &verifier("p", 'd')).await;
    assert_eq!(kept(&slow.id).await, Some(verifier("p", 'd')), "`p` is not the beginning of `p2`");
    assert_eq!(kept(&other.id).await, None);
    assert!(reader.news().await.is_empty(), "it says nothing that the hash does not say");
    let found = bench.store.find_keys(vec![lookup(&["slow"], &[], &[])]).await.unwrap();
    assert_eq!(found[0].as_ref().unwrap()[0].verifier, Some(verifier("p", 'd')));
    assert_eq!(found[0].as_ref().unwrap()[0].version, 1);
}

async fn verifier_goes_with_the_hash_it_speaks_of(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    let key = bench.key(&tenant, "slow", "$2b$04$slow").await;
    let noted = || KeyVerifier { id: key.id.clone(), hashed_key: "$2b$04$slow".into(), verifier: verifier("p1", 'a') };
    let kept = async || bench.store.key(PLATFORM, &key.id).await.unwrap().verifier;
    bench.store.note_verifiers(vec![noted()]).await.unwrap();
    bench.by_hand("UPDATE api_keys SET name = 'renamed', hashed_key = hashed_key").await;
    assert_eq!(kept().await, Some(verifier("p1", 'a')), "the hash is the same");
    bench.by_hand("UPDATE api_keys SET hashed_key = '$2b$04$new'").await;
    assert_eq!(kept().await, None);
    bench.store.note_verifiers(vec![noted()]).await.unwrap();
    assert_eq!(kept().await, None, "a belated word of the old hash");
    let own = verifier("p1", 'b');
    bench.by_hand(&format!("UPDATE api_keys SET hashed_key = '$2b$04$newer', verifier = '{own}'")).await;
    assert_eq!(kept().await, Some(own), "it came with the hash");
}

async fn verifier_of_a_new_key_stands_from_the_start(bench: Bench) {
    let tenant = bench.tenant("acme").await;
    let (first, second) = (format!("sha256:{}", "a".repeat(64)), format!("sha256:{}", "b".repeat(64)));
    let new = NewKey { verifier: Some(first.clone()), ..new_key(&tenant, "wgk_a", "$2b$04$a") };
    let made = bench.store.create_key(new, None).await.unwrap().into_inner();
    let rotation = Rotation { verifier: Some(second.clone()), ..rotation("wgk_b", "$2b$04$b", Timestamp::now()) };
    let (next, old) = bench.store.rotate_key(PLATFORM, "wgk_a", rotation).await.unwrap();
    assert_eq!((made.verifier.as_ref(), old.verifier.as_ref()), (Some(&first), Some(&first)));
    assert_eq!(next.verifier, Some(second));
}

fn verifier(pepper: &str, digit: char) -> String {
    format!("hmac-sha256:{pepper}:{}", digit.to_string().repeat(64))
}

async fn ended_users_are_those_who_are_known_and_not_active(bench: Bench) {
    let (acme, other) = (bench.tenant("acme").await, bench.tenant("other").await);
    let (ada, bob) = (bench.user(&acme, "ada@example.com").await, bench.user(&other, "bob@example.com").await);
    let eve = bench.user(&other, "eve@example.com").await;
    let ended = async || {
        let ids = vec![eve.id.clone(), ada.id.clone(), "nobody".to_owned(), bob.id.clone(), ada.id.clone()];
        let mut ended = bench.store.ended_users(ids).await.unwrap();
        ended.sort();
        ended.dedup();
        ended
    };
    assert!(ended().await.is_empty());
    let disable = UserUpdate { status: Some(UserStatus::Disabled), ..UserUpdate::default() };
    for user in [&ada, &eve] {
        bench.store.update_user(PLATFORM, &user.id, disable.clone(), None, Timestamp::now()).await.unwrap();
    }
    let mut both = [ada.id.clone(), eve.id.clone()];
    both.sort();
    assert_eq!(ended().await, both);
    assert!(bench.store.ended_users(Vec::new()).await.unwrap().is_empty());
}

async fn answers_to_nothing_need_no_engine(bench: Bench) {
    assert!(bench.store.find_keys(Vec::new()).await.unwrap().is_empty());
    assert!(bench.store.find_keys(vec![lookup(&[], &[], &[])]).await.unwrap()[0].as_ref().unwrap().is_empty());
    bench.store.touch_keys(Vec::new()).await.unwrap();
    bench.store.note_verifiers(Vec::new()).await.unwrap();
    assert_eq!(bench.store.lookups(), 0);
}

async fn store_that_is_open_answers_a_ping(bench: Bench) {
    bench.store.ping().await.unwrap();
}
