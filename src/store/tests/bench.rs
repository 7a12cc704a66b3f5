//! A store of its own for each test, of one engine or the other, and a way into it that goes past the store.

use std::path::Path;

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::store::servers::Database;

pub(in crate::store) const PLATFORM: &Reach = &Reach::Platform;

/// A new and empty store.
pub(in crate::store) struct Bench {
    pub(in crate::store) store: Arc<dyn Store>,
    ground: Ground,
}

/// Where a store's rows are.
enum Ground {
    Sqlite(TempDir),
    Postgres(Database),
}

impl Bench {
    pub(in crate::store) async fn sqlite() -> Bench {
        let ground = Ground::Sqlite(tempfile::tempdir().unwrap());
        Bench { store: ground.open().await, ground }
    }

    pub(in crate::store) async fn postgres() -> Bench {
        let database = Database::like(MODEL, async |model| make_model(model).await).await;
        // What may be done with a database as a whole is not in the copy.
        database.sql(&format!("GRANT CREATE ON DATABASE {} TO wardgate_owner", database.name())).await;
        let ground = Ground::Postgres(database);
        Bench { store: ground.open().await, ground }
    }

    /// Another new store of the same engine.
    pub(super) async fn another(&self) -> Bench {
        match &self.ground {
            Ground::Sqlite(_) => Bench::sqlite().await,
            Ground::Postgres(_) => Bench::postgres().await,
        }
    }

    /// A second handle on this store, as another process would have.
    pub(super) async fn second_handle(&self) -> Arc<dyn Store> {
        self.ground.open().await
    }

    /// The directory of the file.
    pub(in crate::store) fn directory(&self) -> &Path {
        match &self.ground {
            Ground::Sqlite(directory) => directory.path(),
            Ground::Postgres(_) => panic!("a database is no file"),
        }
    }

    // --- Past the store ---------------------------------------------------------------------------------------------

    /// What an operator does with the engine's own tool.
    pub(in crate::store) async fn by_hand(&self, sql: &str) {
        match &self.ground {
            Ground::Sqlite(directory) => sqlite_file(directory).execute_batch(sql).unwrap(),
            Ground::Postgres(database) => drop(database.sql(sql).await),
        }
    }

    /// As `by_hand`, and no CHECK is in the way. `LIST` stands for a list of one text, `a b`.
    pub(super) async fn damage(&self, sql: &str) {
        match &self.ground {
            Ground::Sqlite(_) => {
                let sql = sql.replace("LIST", r#"'["a b"]'"#);
                self.by_hand(&format!("PRAGMA ignore_check_constraints = ON; {sql}")).await;
            }
            Ground::Postgres(_) => {
                self.by_hand(DROP_CHECKS).await;
                self.by_hand(&sql.replace("LIST", "'{a b}'")).await;
            }
        }
    }

    /// How many rows there are `from` a table, with or without a condition.
    pub(super) async fn count(&self, from: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {from}");
        match &self.ground {
            Ground::Sqlite(directory) => sqlite_file(directory).query_row(&sql, [], |row| row.get(0)).unwrap(),
            Ground::Postgres(database) => database.sql(&sql).await[0][0].parse().unwrap(),
        }
    }

    /// How often each of our tables was read as a whole, in PostgreSQL, once nobody is connected any more.
    pub(super) async fn whole_reads(&self) -> Vec<Vec<String>> {
        let Ground::Postgres(database) = &self.ground else { panic!("SQLite counts no reads") };
        // A session tells what it counted when it ends.
        let sessions = "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() \
             AND backend_type = 'client backend' AND datname = current_database()";
        let gone = async {
            while !database.sql(sessions).await.is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), gone).await.unwrap();
        let ours = "relname <> 'refinery_schema_history'";
        database.sql(&format!("SELECT relname, seq_scan FROM pg_stat_user_tables WHERE {ours} ORDER BY 1")).await
    }

    /// A moment in the engine's own words.
    pub(super) fn moment(&self, seconds: i64) -> String {
        match &self.ground {
            Ground::Sqlite(_) => seconds.to_string(),
            Ground::Postgres(_) => format!("to_timestamp({seconds})"),
        }
    }

    /// So many seconds before the moment that a column holds.
    pub(super) fn before(&self, column: &str, seconds: i64) -> String {
        match &self.ground {
            Ground::Sqlite(_) => format!("{column} - {seconds}"),
            Ground::Postgres(_) => format!("{column} - make_interval(secs => {seconds})"),
        }
    }

    // --- Through the store ------------------------------------------------------------------------------------------

    /// An active tenant.
    pub(in crate::store) async fn tenant(&self, slug: &str) -> Arc<Tenant> {
        let made = self.store.create_tenant(new_tenant(slug), None).await.unwrap().into_inner();
        self.store.provision_tenant(&made.id).await.unwrap()
    }

    pub(in crate::store) async fn key(&self, tenant: &Tenant, public_id: &str, hash: &str) -> KeyRecord {
        self.store.create_key(new_key(tenant, public_id, hash), None).await.unwrap().into_inner()
    }

    pub(super) async fn user(&self, tenant: &Tenant, email: &str) -> UserRecord {
        self.store.create_user(new_user(tenant, email), None).await.unwrap().into_inner()
    }

    pub(super) async fn set_status(&self, tenant: &str, status: TenantStatus) -> Result<Arc<Tenant>, StoreError> {
        let update = TenantUpdate { status: Some(status), ..TenantUpdate::default() };
        self.store.update_tenant(tenant, update, None).await
    }

    /// The public ids of the keys that have one of these public ids or hashes.
    pub(in crate::store) async fn find(&self, public_ids: &[&str], hashes: &[&str]) -> Result<Vec<String>, StoreError> {
        let found = self.store.find_keys(vec![lookup(public_ids, hashes, &[])]).await?;
        let [found] = <[Candidates; 1]>::try_from(found).unwrap();
        Ok(found?.into_iter().map(|key| key.public_id).collect())
    }

    /// What will be denied so many seconds from now, in the order of the alphabet. An engine may go by a clock of its own,
    /// so the ends come nearer instead.
    pub(super) async fn denied_in(&self, seconds: i64) -> Vec<String> {
        let nearer = async |seconds| {
            let ends = self.before("expires_at", seconds);
            self.by_hand(&format!("UPDATE revoked_tokens SET expires_at = {ends}")).await;
        };
        nearer(seconds).await;
        let mut denied = self.store.revoked_tokens().await.unwrap();
        nearer(-seconds).await;
        denied.sort();
        denied
    }

    /// Hears what is announced from now on.
    pub(super) async fn reader(&self) -> Reader {
        Reader::of(&self.store).await
    }
}

impl Ground {
    async fn open(&self) -> Arc<dyn Store> {
        let url = match self {
            Ground::Sqlite(directory) => StoreUrl::Sqlite(directory.path().join("store.db")),
            Ground::Postgres(database) => StoreUrl::parse(&database.url_as(LOGIN, LOGIN)).unwrap(),
        };
        open(&Config::new(url)).await.unwrap()
    }
}

/// A database with the schema, and a login that has what a command's login needs and nothing else: no superuser, whom
/// row-level security would let pass.
async fn make_model(model: &Database) {
    migrate(&Config::new(StoreUrl::parse(&model.url()).unwrap())).await.unwrap();
    model.sql(MAKE_LOGIN).await;
}

fn sqlite_file(directory: &TempDir) -> Connection {
    Connection::open(directory.path().join("store.db")).unwrap()
}

/// A reader of the feed, who knows what it has read.
pub(super) struct Reader {
    store: Arc<dyn Store>,
    next: Position,
}

impl Reader {
    pub(super) async fn of(store: &Arc<dyn Store>) -> Reader {
        let Feed::Lost { next } = store.changes(None).await.unwrap() else { panic!("there was no position") };
        let mut reader = Reader { store: Arc::clone(store), next };
        reader.news().await;
        reader
    }

    /// What was announced since the last time, oldest first, and each thing but once in a row: how many rows one change
    /// makes is the engine's affair.
    pub(super) async fn news(&mut self) -> Vec<(ChangeKind, String)> {
        let Feed::Changes { changes, next } = self.store.changes(Some(self.next.clone())).await.unwrap() else {
            panic!("the feed was lost")
        };
        self.next = next;
        let mut news: Vec<_> = changes.into_iter().map(|change| (change.kind, change.id)).collect();
        news.dedup();
        news
    }
}

pub(super) fn lookup(public_ids: &[&str], hashes: &[&str], ids: &[&str]) -> KeyLookup {
    let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    KeyLookup { public_ids: owned(public_ids), hashes: owned(hashes), ids: owned(ids) }
}

pub(in crate::store) fn new_tenant(slug: &str) -> NewTenant {
    NewTenant::new("Acme".into(), Slug::parse(slug).unwrap(), None, TenantPolicy::default()).unwrap()
}

pub(in crate::store) fn new_key(tenant: &Tenant, public_id: &str, hash: &str) -> NewKey {
    NewKey {
        tenant: tenant.id.clone(),
        public_id: public_id.into(),
        hashed_key: hash.into(),
        verifier: None,
        name: "ci".into(),
        scopes: Scopes::defaults(),
        models: Models::All,
        expiry: Expiry::Never,
        created_by: "cli".into(),
        canary: false,
    }
}

pub(in crate::store) fn rotation(public_id: &str, hash: &str, old_ends: Timestamp) -> Rotation {
    Rotation {
        public_id: public_id.into(),
        hashed_key: hash.into(),
        verifier: None,
        old_ends,
        created_by: "rotator".into(),
    }
}

pub(in crate::store) fn new_user(tenant: &Tenant, email: &str) -> NewUser {
    NewUser {
        tenant: tenant.id.clone(),
        email: Email::parse(email).unwrap(),
        name: "Ada".into(),
        hashed_password: "$2b$04$hash".into(),
        scopes: Scopes::defaults(),
    }
}

const MODEL: &str = "suite";
const LOGIN: &str = "suite";
const MAKE_LOGIN: &str = "DO $$ BEGIN
        IF to_regrole('suite') IS NULL THEN
            CREATE ROLE suite LOGIN PASSWORD 'suite';
        END IF;
    END $$;
    GRANT wardgate_admin, wardgate_proxy TO suite";

const DROP_CHECKS: &str = "DO $$ DECLARE found record; BEGIN
        FOR found IN SELECT conrelid::regclass AS name, conname FROM pg_constraint
            WHERE contype = 'c' AND conrelid <> 0 AND connamespace = 'public'::regnamespace LOOP
            EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', found.name, found.conname);
        END LOOP;
    END $$";
