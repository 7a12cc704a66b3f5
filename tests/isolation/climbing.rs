//! The proxy's login tries to become more than it is, and to make the functions that it may call do more than they should.

use crate::fixture::{ATTACKER, House, Scope, VICTIM, attempt, begin, code};
use crate::postgres::cells;

const ADMIN: Option<&str> = Some("wardgate_admin");

#[tokio::test]
async fn proxys_login_becomes_nobody_else_and_changes_no_rule() {
    let house = House::new().await;
    let proxy = house.connect_as(&house.proxy).await;
    let login = &house.proxy;
    for sql in [
        "SET ROLE wardgate_admin",
        "SET ROLE wardgate_owner",
        "SET ROLE app",
        "SELECT set_config('role', 'wardgate_admin', false)",
        "SET SESSION AUTHORIZATION app",
        &format!("SET ROLE {}", house.member),
        &format!("GRANT wardgate_admin TO {login}"),
        &format!("ALTER ROLE {login} BYPASSRLS"),
        "ALTER TABLE tenants DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE tenants OWNER TO wardgate_proxy",
        "CREATE POLICY mine ON tenants USING (true)",
        "DROP POLICY tenant ON tenants",
        "GRANT SELECT ON tenants TO wardgate_proxy",
        "CREATE TABLE public.mine (x text)",
        "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE SCHEMA mine",
        "ALTER FUNCTION wardgate_find_keys(text[], text[], text[]) RESET search_path",
        "ALTER FUNCTION wardgate_find_keys(text[], text[], text[]) SECURITY INVOKER",
        "CREATE TRIGGER mine AFTER INSERT ON tenants EXECUTE FUNCTION wardgate_announce('tenant', 'id')",
        "CREATE TEMP TABLE t (id text); CREATE TRIGGER mine AFTER INSERT ON t FOR EACH ROW
            EXECUTE FUNCTION wardgate_announce('token', 'id')",
        "CREATE TEMP TABLE t (id text REFERENCES tenants (id))",
        "SELECT wardgate_provision_schema('attacker')",
        "SELECT wardgate_drop_schema('victim')",
        "SELECT wardgate_revoke_token('x', now())",
        "TRUNCATE tenants",
        "LOCK TABLE tenants",
        "COPY tenants FROM STDIN",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT lo_import('/etc/passwd')",
        "SELECT nextval('changes_seq_seq')",
        "SELECT * FROM changes_seq_seq",
        "SELECT pg_read_file('pg_hba.conf')",
    ] {
        proxy.simple_query("BEGIN").await.unwrap();
        let outcome = proxy.simple_query(sql).await;
        proxy.simple_query("ROLLBACK").await.unwrap();
        let refused = outcome.err().map(|error| code(&error));
        // A temporary table may not refer to a lasting one, whoever asks.
        let refusals = ["42501", "42P16"].map(|code| Some(code.to_owned()));
        assert!(refusals.contains(&refused), "{sql}: {refused:?}");
    }
}

/// What the functions name is looked up in the catalog alone: not in a temporary schema, which PostgreSQL would ask first,
/// and not in `public`, where an older server lets everybody put things.
#[tokio::test]
async fn things_of_the_same_names_are_not_what_functions_use() {
    let house = House::new().await;
    house.database.sql("GRANT CREATE ON SCHEMA public TO PUBLIC").await;
    let proxy = house.connect_as(&house.proxy).await;
    let mut traps = String::new();
    for schema in ["pg_temp", "public"] {
        for (name, arguments, returns) in [
            ("unnest", "x text[]", "SETOF text"),
            ("set_config", "x text, y text, z boolean", "text"),
            ("current_setting", "x text, y boolean", "text"),
            ("pg_current_snapshot", "", "pg_snapshot"),
            ("clock_timestamp", "", "timestamptz"),
            ("trapped_eq", "x text, y text", "boolean"),
            ("split_part", "x text, y text, z int", "text"),
        ] {
            traps.push_str(&format!(
                "CREATE FUNCTION {schema}.{name}({arguments}) RETURNS {returns} LANGUAGE plpgsql
                    AS $f$ BEGIN RAISE EXCEPTION 'trapped as %', current_user; END $f$;"
            ));
        }
    }
    traps.push_str(
        "CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = public.trapped_eq);
         CREATE TEMP TABLE tenants (id text, slug text); CREATE TEMP TABLE api_keys (id text, key_prefix text, tenant_id text);
         CREATE TEMP TABLE users (id text, status text); CREATE TEMP TABLE changes (seq bigint, kind text, id text);
         INSERT INTO tenants VALUES ('forged', 'forged'); INSERT INTO api_keys VALUES ('forged', 'forged', 'forged');",
    );
    proxy.batch_execute(&traps).await.unwrap();
    for path in ["pg_temp, public, pg_catalog", "public, pg_temp, pg_catalog", "public", "pg_temp"] {
        proxy.simple_query(&format!("SELECT pg_catalog.set_config('search_path', '{path}', false)")).await.unwrap();
        let found =
            cells(&proxy, "SELECT key_id FROM public.wardgate_find_keys('{prefix-victim,forged}', '{}', '{forged}')");
        assert_eq!(found.await.unwrap(), [["key-victim"]], "{path}");
        let found =
            cells(&proxy, "SELECT tenant_id FROM public.wardgate_find_tenants('{forged,attacker}', '{forged}')");
        assert_eq!(found.await.unwrap(), [["attacker"]], "{path}");
        let fed = cells(
            &proxy,
            "SELECT id FROM public.wardgate_changes((SELECT pg_catalog.format('1:1:  %s', pg_catalog.split_part(next, ' ', 3))
                FROM public.wardgate_changes(NULL, 1)), 1)",
        )
        .await
        .unwrap();
        assert_eq!(fed, [["attacker"]], "{path}");
        for call in [
            "SELECT public.wardgate_touch_keys('{key-victim}', '{2030-01-01}', '{::1}')",
            "SELECT public.wardgate_note_verifiers('{key-victim}', '{x}', '{x}')",
            "SELECT public.wardgate_ended_users('{user-victim}')",
            "SELECT public.wardgate_revoked_tokens()",
        ] {
            proxy.simple_query(call).await.unwrap_or_else(|error| panic!("{call}: {error:?}"));
        }
    }
    // The triggers are pinned as well, for whoever changes a row with such a path.
    house.database.sql("SET search_path = public, pg_catalog; UPDATE tenants SET name = 'x'").await;
}

/// A condition of the attacker's own runs only on rows that the policies let through, however cheap it says it is.
#[tokio::test]
async fn condition_with_a_side_effect_sees_no_foreign_value() {
    let house = House::new().await;
    let client = house.connect_as(&house.member).await;
    begin(&client, ADMIN, Scope::Of(ATTACKER)).await;
    client
        .batch_execute(
            "CREATE TEMP TABLE overheard (word text);
             CREATE FUNCTION pg_temp.listen(word text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001
                AS $$ BEGIN INSERT INTO overheard VALUES (word); RETURN true; END $$;",
        )
        .await
        .unwrap();
    for sql in [
        "SELECT FROM api_keys WHERE pg_temp.listen(hashed_key)",
        "SELECT FROM users WHERE pg_temp.listen(email) OR pg_temp.listen(hashed_password)",
        "SELECT FROM tenants t JOIN api_keys k ON pg_temp.listen(k.id || t.id)",
        "UPDATE api_keys SET name = name WHERE pg_temp.listen(id)",
        "DELETE FROM refresh_tokens WHERE pg_temp.listen(id)",
        "SELECT FROM changes WHERE pg_temp.listen(id)",
    ] {
        client.simple_query(sql).await.unwrap();
    }
    let overheard = cells(&client, "SELECT word FROM overheard").await.unwrap().concat();
    assert!(overheard.iter().any(|word| word.contains(ATTACKER)), "it hears what it may");
    assert!(overheard.iter().all(|word| !word.contains(VICTIM)), "{overheard:?}");
    client.simple_query("ROLLBACK").await.unwrap();
}

/// `row_security = off` asks for an error instead of a filter; it must not be a way past the filter.
#[tokio::test]
async fn switching_row_security_off_shows_nothing() {
    let house = House::new().await;
    let client = house.connect_as(&house.member).await;
    for role in ["wardgate_admin", "wardgate_owner"] {
        for table in house.tables().await {
            for scope in [Scope::Unset, Scope::Of(ATTACKER)] {
                let sql = format!("SET LOCAL row_security = off; SELECT t::text FROM {table} t");
                assert_eq!(attempt(&client, Some(role), scope, &sql).await.unwrap_err(), "42501", "{role}, {table}");
            }
        }
    }
}

/// The planner keeps samples of every column; a view shows them, and leaves out tables whose rows the reader may not see.
#[tokio::test]
async fn statistics_and_other_sessions_statements_show_no_foreign_value() {
    let house = House::new().await;
    house.database.sql("ANALYZE").await;
    let busy = house.connect_as(&house.member).await;
    begin(&busy, ADMIN, Scope::Of(VICTIM)).await;
    busy.query("SELECT id FROM tenants WHERE id = $1", &[&VICTIM]).await.unwrap();
    let activity = format!(
        "SELECT coalesce(string_agg(query, '; '), '') FROM pg_stat_activity WHERE datname = '{}' AND pid <> pg_backend_pid()",
        house.database.name()
    );
    let statistics =
        "SELECT coalesce(string_agg(concat(most_common_vals, histogram_bounds, most_common_elems), ''), '')
        FROM pg_stats WHERE schemaname = 'public'";
    for (login, role) in
        [(&house.proxy, None), (&house.careless, None), (&house.member, ADMIN), (&house.member, Some("wardgate_owner"))]
    {
        let client = house.connect_as(login).await;
        for (sql, scope) in
            [(statistics, Scope::Unset), (statistics, Scope::Of(ATTACKER)), (activity.as_str(), Scope::Unset)]
        {
            let seen = attempt(&client, role, scope, sql).await.unwrap().concat();
            assert!(!seen.contains(VICTIM), "{login} as {role:?}: {seen}");
        }
        let samples = attempt(&client, role, Scope::Unset, "SELECT stavalues1 FROM pg_statistic").await;
        assert_eq!(samples.unwrap_err(), "42501");
    }
    let all = house.database.sql(statistics).await.concat().concat();
    assert!(all.contains("victim"), "the superuser sees them, so they were there to be seen: {all}");
}
