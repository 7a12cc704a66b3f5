//! Sessions: carried on, ended, and what a second use of a refresh token means.

use super::*;

on_each_engine! {
    refresh_tokens_follow_one_another_each_good_once,
    k05_second_use_of_a_refresh_token_ends_the_whole_family,
    use_at_once_after_the_first_is_a_retry_for_a_lost_answer,
    k05_use_after_the_grace_is_reuse,
    k05_use_at_once_is_reuse_where_the_successor_was_used,
    k05_owner_who_was_taken_for_a_retry_ends_the_thiefs_family,
    k05_of_two_uses_at_one_moment_one_is_done_and_the_other_reused,
    of_many_retries_at_one_moment_one_successor_is_left,
    unknown_and_expired_tokens_are_refused_and_end_nothing,
    nobody_refreshes_while_user_or_tenant_is_not_active,
    session_of_a_disabled_user_a_stranger_or_another_tenant_is_not_begun,
    token_id_is_given_once,
    ended_session_is_denied_and_refreshes_no_more,
    token_that_is_revoked_twice_keeps_the_later_end_and_is_announced_once,
    what_has_ended_by_itself_is_forgotten_when_something_else_is_stored,
}

/// One user with one session, whose family is `f` and whose first refresh token is `r0`.
struct Desk {
    bench: Bench,
    user: UserRecord,
    now: Timestamp,
}

impl Desk {
    async fn of(bench: Bench) -> Desk {
        let tenant = bench.tenant("acme").await;
        let user = bench.user(&tenant, "ada@example.com").await;
        let desk = Desk { bench, user, now: Timestamp::now() };
        desk.bench.store.start_session(desk.first("r0", "f")).await.unwrap();
        desk
    }

    fn first(&self, id: &str, family: &str) -> NewRefresh {
        NewRefresh {
            id: id.into(),
            family: family.into(),
            user: self.user.id.clone(),
            tenant: self.user.tenant.id.clone(),
            user_version: self.user.version,
            expires_at: self.later(3600),
        }
    }

    fn later(&self, seconds: u64) -> Timestamp {
        self.now.after(Duration::from_secs(seconds))
    }

    /// Presents `id` so many seconds after the login, for `next`, with a grace of ten seconds.
    async fn refresh(&self, id: &str, next: &str, seconds: u64) -> Refreshed {
        let now = self.later(seconds);
        let next = Successor { id: next.into(), expires_at: now.after(Duration::from_secs(3600)) };
        let access_until = now.after(Duration::from_secs(900));
        self.bench
            .store
            .refresh(&self.user.tenant.id, id, next, now, Duration::from_secs(10), access_until)
            .await
            .unwrap()
    }

    fn done(&self) -> Refreshed {
        Refreshed::Done { user: Box::new(self.user.clone()), family: "f".into() }
    }

    fn reused(&self) -> Refreshed {
        Refreshed::Reused { family: "f".into(), user: self.user.id.clone() }
    }

    async fn denied(&self, seconds: i64) -> Vec<String> {
        self.bench.denied_in(seconds).await
    }
}

async fn refresh_tokens_follow_one_another_each_good_once(bench: Bench) {
    let desk = Desk::of(bench).await;
    for n in 0..5 {
        let (id, next) = (format!("r{n}"), format!("r{}", n + 1));
        assert_eq!(desk.refresh(&id, &next, n * 60).await, desk.done());
    }
    assert!(desk.denied(0).await.is_empty());
}

async fn k05_second_use_of_a_refresh_token_ends_the_whole_family(bench: Bench) {
    let desk = Desk::of(bench).await;
    desk.bench.store.start_session(desk.first("other", "g")).await.unwrap();
    assert_eq!(desk.refresh("r0", "r1", 0).await, desk.done());
    assert_eq!(desk.refresh("r1", "r2", 60).await, desk.done());
    assert_eq!(desk.refresh("r0", "x", 120).await, desk.reused());
    for id in ["r0", "r1", "r2", "x"] {
        assert_eq!(desk.refresh(id, "y", 121).await, Refreshed::Refused, "{id}");
    }
    assert_eq!(desk.denied(120).await, ["f"]);
    assert!(desk.denied(120 + 900).await.is_empty(), "its last access token has ended by then");
    assert!(matches!(desk.refresh("other", "other-2", 121).await, Refreshed::Done { .. }), "another session goes on");
}

async fn use_at_once_after_the_first_is_a_retry_for_a_lost_answer(bench: Bench) {
    let desk = Desk::of(bench).await;
    assert_eq!(desk.refresh("r0", "lost", 0).await, desk.done());
    assert_eq!(desk.refresh("r0", "lost too", 5).await, desk.done());
    assert_eq!(desk.refresh("r0", "r1", 9).await, desk.done());
    assert_eq!(desk.refresh("r1", "r2", 60).await, desk.done());
    assert!(desk.denied(60).await.is_empty());
}

async fn k05_use_after_the_grace_is_reuse(bench: Bench) {
    let desk = Desk::of(bench).await;
    assert_eq!(desk.refresh("r0", "r1", 0).await, desk.done());
    assert_eq!(desk.refresh("r0", "r1b", 10).await, desk.reused());
    assert_eq!(desk.refresh("r1", "r2", 11).await, Refreshed::Refused);
}

async fn k05_use_at_once_is_reuse_where_the_successor_was_used(bench: Bench) {
    let desk = Desk::of(bench).await;
    assert_eq!(desk.refresh("r0", "r1", 0).await, desk.done());
    assert_eq!(desk.refresh("r1", "r2", 1).await, desk.done());
    assert_eq!(desk.refresh("r0", "r1b", 2).await, desk.reused());
    assert_eq!(desk.refresh("r2", "r3", 3).await, Refreshed::Refused);
}

/// A thief who uses a stolen token at once looks like a retry. The owner's own successor gives way to the thief's, and
/// must give them away when the owner comes with it.
async fn k05_owner_who_was_taken_for_a_retry_ends_the_thiefs_family(bench: Bench) {
    let desk = Desk::of(bench).await;
    assert_eq!(desk.refresh("r0", "owner", 0).await, desk.done());
    assert_eq!(desk.refresh("r0", "thief", 5).await, desk.done());
    assert_eq!(desk.refresh("owner", "owner-2", 60).await, desk.reused());
    assert_eq!(desk.refresh("thief", "thief-2", 61).await, Refreshed::Refused);
    assert_eq!(desk.denied(60).await, ["f"]);
}

async fn k05_of_two_uses_at_one_moment_one_is_done_and_the_other_reused(bench: Bench) {
    for _ in 0..5 {
        let desk = Desk::of(bench.another().await).await;
        let (store, now) = (&desk.bench.store, desk.now);
        let tenant = desk.user.tenant.id.clone();
        let racing: Vec<_> = (0..2)
            .map(|n| {
                let (store, tenant) = (store.clone(), tenant.clone());
                let next = Successor { id: format!("next-{n}"), expires_at: now.after(Duration::from_secs(3600)) };
                tokio::spawn(async move {
                    let until = now.after(Duration::from_secs(900));
                    store.refresh(&tenant, "r0", next, now, Duration::ZERO, until).await.unwrap()
                })
            })
            .collect();
        let mut outcomes = Vec::new();
        for outcome in racing {
            outcomes.push(outcome.await.unwrap());
        }
        let done = outcomes.iter().filter(|outcome| matches!(outcome, Refreshed::Done { .. })).count();
        let reused = outcomes.iter().filter(|outcome| matches!(outcome, Refreshed::Reused { .. })).count();
        assert_eq!((done, reused), (1, 1), "{outcomes:?}");
    }
}

async fn of_many_retries_at_one_moment_one_successor_is_left(bench: Bench) {
    let desk = Desk::of(bench).await;
    let (store, now) = (&desk.bench.store, desk.now);
    let tenant = desk.user.tenant.id.clone();
    let racing: Vec<_> = (0..8)
        .map(|n| {
            let (store, tenant) = (store.clone(), tenant.clone());
            let next = Successor { id: format!("next-{n}"), expires_at: now.after(Duration::from_secs(3600)) };
            tokio::spawn(
                async move { store.refresh(&tenant, "r0", next, now, Duration::from_secs(10), now).await.unwrap() },
            )
        })
        .collect();
    for outcome in racing {
        assert!(matches!(outcome.await.unwrap(), Refreshed::Done { .. }));
    }
    assert_eq!(desk.bench.count("refresh_tokens WHERE used_at IS NULL AND revoked_at IS NULL").await, 1);
}

async fn unknown_and_expired_tokens_are_refused_and_end_nothing(bench: Bench) {
    let desk = Desk::of(bench).await;
    assert_eq!(desk.refresh("nobody's", "x", 0).await, Refreshed::Refused);
    assert_eq!(desk.refresh("r0", "r1", 3599).await, desk.done());
    assert_eq!(desk.refresh("r0", "x", 3600).await, Refreshed::Refused, "expired, and so no sign of anything");
    assert_eq!(desk.refresh("r1", "r2", 3700).await, desk.done());
    assert!(desk.denied(0).await.is_empty());
}

async fn nobody_refreshes_while_user_or_tenant_is_not_active(bench: Bench) {
    let desk = Desk::of(bench).await;
    desk.bench.set_status("acme", TenantStatus::Suspended).await.unwrap();
    assert_eq!(desk.refresh("r0", "r1", 0).await, Refreshed::Refused);
    let again = desk.bench.store.start_session(desk.first("s0", "s")).await;
    assert!(matches!(again, Err(StoreError::Conflict(_))), "{again:?}");
    desk.bench.set_status("acme", TenantStatus::Active).await.unwrap();
    desk.bench.by_hand("UPDATE users SET status = 'disabled'").await;
    assert_eq!(desk.refresh("r0", "r1", 1).await, Refreshed::Refused);
    desk.bench.by_hand("UPDATE users SET status = 'active'").await;
    assert!(matches!(desk.refresh("r0", "r1", 2).await, Refreshed::Done { .. }), "the token itself was not used up");
}

async fn session_of_a_disabled_user_a_stranger_or_another_tenant_is_not_begun(bench: Bench) {
    let desk = Desk::of(bench).await;
    let store = &desk.bench.store;
    let stranger = NewRefresh { user: "nobody".into(), ..desk.first("s0", "s") };
    assert!(matches!(store.start_session(stranger).await, Err(StoreError::NotFound("user"))));
    let elsewhere = NewRefresh { tenant: TenantId::parse("other").unwrap(), ..desk.first("s0", "s") };
    assert!(matches!(store.start_session(elsewhere).await, Err(StoreError::NotFound("user"))));
    let update = UserUpdate { status: Some(UserStatus::Disabled), ..UserUpdate::default() };
    store.update_user(PLATFORM, &desk.user.id, update, None, desk.later(900)).await.unwrap();
    assert!(matches!(store.start_session(desk.first("s0", "s")).await, Err(StoreError::Conflict(_))));
    assert_eq!(desk.refresh("s0", "s1", 0).await, Refreshed::Refused);
}

async fn token_id_is_given_once(bench: Bench) {
    let desk = Desk::of(bench).await;
    let again = desk.bench.store.start_session(desk.first("r0", "other family")).await;
    assert!(matches!(again, Err(StoreError::Conflict(_))), "{again:?}");
}

async fn ended_session_is_denied_and_refreshes_no_more(bench: Bench) {
    let desk = Desk::of(bench).await;
    let mut reader = desk.bench.reader().await;
    desk.bench.store.end_session(PLATFORM, "f", desk.later(900)).await.unwrap();
    assert_eq!(desk.refresh("r0", "r1", 1).await, Refreshed::Refused);
    assert_eq!(desk.denied(0).await, ["f"]);
    assert_eq!(reader.news().await, [(ChangeKind::Token, "f".to_owned())]);
    desk.bench.store.end_session(PLATFORM, "f", desk.later(900)).await.unwrap();
    desk.bench.store.end_session(PLATFORM, "unknown", desk.later(900)).await.unwrap();
    assert_eq!(desk.denied(0).await, ["f", "unknown"]);
}

async fn token_that_is_revoked_twice_keeps_the_later_end_and_is_announced_once(bench: Bench) {
    let desk = Desk::of(bench).await;
    let mut reader = desk.bench.reader().await;
    for seconds in [600, 900, 300] {
        desk.bench.store.revoke_token("jti", desk.later(seconds)).await.unwrap();
    }
    assert_eq!(desk.denied(800).await, ["jti"]);
    assert!(desk.denied(900).await.is_empty(), "it has ended by itself");
    assert_eq!(reader.news().await.len(), 1);
}

async fn what_has_ended_by_itself_is_forgotten_when_something_else_is_stored(bench: Bench) {
    let desk = Desk::of(bench).await;
    let bench = &desk.bench;
    let later = async |seconds| {
        let ends = bench.before("expires_at", seconds);
        bench.by_hand(&format!("UPDATE refresh_tokens SET expires_at = {ends}")).await;
    };
    desk.bench.store.revoke_token("old", Timestamp(1)).await.unwrap();
    desk.bench.store.revoke_token("new", desk.later(60)).await.unwrap();
    assert_eq!((desk.denied(0).await, bench.count("revoked_tokens").await), (vec!["new".to_owned()], 1));
    later(3600 + 86_400 + 1).await;
    desk.bench.store.start_session(desk.first("s0", "s")).await.unwrap();
    assert_eq!(bench.count("refresh_tokens").await, 1);
    later(3600 + 86_400 - 60).await;
    desk.bench.store.start_session(desk.first("s1", "s")).await.unwrap();
    assert_eq!(bench.count("refresh_tokens").await, 2, "a day's are kept for people who look into what happened");
}
