//! Tenants made, listed, changed and removed. Each change answers with the record as it then stands.

use std::sync::Arc;

use async_trait::async_trait;
use tokio_postgres::types::Type;

use super::change::{Change, Word, json, within};
use super::paging::{Span, span};
use super::rows::Moment;
use super::{Postgres, failure};
use crate::clock::Timestamp;
use crate::store::rows::{select_tenants, tenant_columns};
use crate::store::{Created, NewTenant, Once, Page, Reach, StoreError, TenantUpdate, Tenants, rules};
use crate::tenant::{Tenant, TenantId, TenantStatus};

#[async_trait]
impl Tenants for Postgres {
    async fn create_tenant(&self, new: NewTenant, once: Option<Once>) -> Result<Created<Arc<Tenant>>, StoreError> {
        let (new, once) = (&new, once.as_ref());
        within!(self, &Reach::Platform, |change| {
            let word = Word::of(&change, &Reach::Platform, "tenant", once).await?;
            if let Some(id) = word.made_before() {
                return Ok(Created::Before(tenant_named(&change, id, Hold::Nothing).await?));
            }
            let made = insert_tenant(&change, &rules::new_id(), new).await?;
            word.keep(&change, made.id.as_str()).await?;
            Ok(Created::New(made))
        })
    }

    /// Two transactions, so that a tenant is active only once its schema is there for all to see.
    async fn provision_tenant(&self, id: &TenantId) -> Result<Arc<Tenant>, StoreError> {
        within!(self, &Reach::Platform, |change| {
            let tenant = tenant_named(&change, id.as_str(), Hold::Update).await?;
            if tenant.status == TenantStatus::PendingProvisioning {
                make_schema(&change, &tenant).await?;
            }
            Ok(())
        })?;
        within!(self, &Reach::Platform, |change| {
            change.write(ACTIVATE, &[(&id.as_str(), Type::TEXT)]).await?;
            tenant_named(&change, id.as_str(), Hold::Nothing).await
        })
    }

    async fn list_tenants(&self, reach: &Reach, page: Page) -> Result<Vec<Arc<Tenant>>, StoreError> {
        let page = &page;
        within!(self, reach, |change| {
            let Span { after_at, after_id, limit } = span(&change, CURSOR, page).await?;
            let page = [(&after_at as _, Type::TEXT), (&after_id as _, Type::TEXT), (&limit as _, Type::INT8)];
            let found: Vec<Tenant> = change.all(LIST, &page).await?;
            Ok(found.into_iter().map(Arc::new).collect())
        })
    }

    async fn tenant(&self, reach: &Reach, id_or_slug: &str) -> Result<Arc<Tenant>, StoreError> {
        within!(self, reach, |change| tenant_named(&change, id_or_slug, Hold::Nothing).await)
    }

    async fn update_tenant(
        &self,
        id_or_slug: &str,
        update: TenantUpdate,
        expected: Option<u64>,
    ) -> Result<Arc<Tenant>, StoreError> {
        update.check()?;
        let update = &update;
        within!(self, &Reach::Platform, |change| {
            let tenant = tenant_named(&change, id_or_slug, Hold::Update).await?;
            rules::check_version(tenant.version, expected)?;
            if !update.changes(&tenant) {
                return Ok(tenant);
            }
            rules::refuse_deleted(&tenant)?;
            rules::refuse_unprovisioned(&tenant, update)?;
            let policy = update.policy.as_ref().map(json).transpose()?;
            let status = update.status.map(TenantStatus::as_str);
            let id = tenant.id.as_str();
            let row = [(&id as _, Type::TEXT), (&update.name as _, Type::TEXT), (&policy as _, Type::JSONB)];
            change.write(UPDATE, &[&row[..], &[(&status as _, Type::TEXT)]].concat()).await?;
            tenant_named(&change, id, Hold::Nothing).await
        })
    }

    /// Rows go some at a time, each piece in a transaction of its own: what was begun can be gone on with.
    async fn purge_tenant(&self, id: &TenantId) -> Result<(), StoreError> {
        self.purge(id, DROP_SCHEMA).await?;
        for sql in PIECES {
            while self.purge(id, sql).await? == PIECE {}
        }
        self.purge(id, FORGET).await.map(drop)
    }
}

impl Postgres {
    /// One piece of a deleted tenant; answers how many rows it was.
    async fn purge(&self, id: &TenantId, sql: &str) -> Result<usize, StoreError> {
        within!(self, &Reach::Platform, |change| {
            rules::refuse_undeleted(&*tenant_named(&change, id.as_str(), Hold::Update).await?)?;
            change.write(sql, &[(&id.as_str(), Type::TEXT)]).await
        })
    }
}

/// What a transaction keeps others from doing to a row that it reads, until it ends.
#[derive(Clone, Copy)]
pub(super) enum Hold {
    Nothing,
    /// Others may read it and not change it.
    Share,
    /// Others neither change it nor hold it themselves.
    Update,
}

/// The tenant of this id or, where no id is that, of this slug.
pub(super) async fn tenant_named(change: &Change, name: &str, hold: Hold) -> Result<Arc<Tenant>, StoreError> {
    let [by_id, by_slug] = match hold {
        Hold::Nothing => [BY_ID, BY_SLUG],
        Hold::Share => [BY_ID_TO_SHARE, BY_SLUG_TO_SHARE],
        Hold::Update => [BY_ID_TO_UPDATE, BY_SLUG_TO_UPDATE],
    };
    for sql in [by_id, by_slug] {
        if let Some(tenant) = change.named(sql, name).await?.pop() {
            return Ok(Arc::new(tenant));
        }
    }
    Err(StoreError::NotFound("tenant"))
}

/// The tenant that something new is made for, which nobody deletes meanwhile.
pub(super) async fn heir(change: &Change, id: &TenantId) -> Result<Arc<Tenant>, StoreError> {
    let found = change.all(BY_ID_TO_SHARE, &[(&id.as_str(), Type::TEXT)]).await?.pop();
    let tenant: Arc<Tenant> = Arc::new(found.ok_or(StoreError::NotFound("tenant"))?);
    rules::refuse_deleted(&tenant)?;
    Ok(tenant)
}

async fn insert_tenant(change: &Change, id: &str, new: &NewTenant) -> Result<Arc<Tenant>, StoreError> {
    // Somebody's data are in it: better known now than once the slug is given away.
    if !change.query(SCHEMA_THERE, &[(&new.db_schema_name, Type::TEXT)]).await?.is_empty() {
        return Err(schema_or_slug_taken(change, new).await?);
    }
    let (slug, policy, now) = (new.slug.as_str(), json(&new.policy)?, Moment(Timestamp::now()));
    let row = [
        (&id as _, Type::TEXT),
        (&slug as _, Type::TEXT),
        (&new.name as _, Type::TEXT),
        (&new.db_schema_name as _, Type::TEXT),
        (&policy as _, Type::JSONB),
        (&now as _, Type::TIMESTAMPTZ),
    ];
    if change.write(INSERT, &row).await? == 1 {
        return tenant_named(change, id, Hold::Nothing).await;
    }
    Err(schema_or_slug_taken(change, new).await?)
}

async fn schema_or_slug_taken(change: &Change, new: &NewTenant) -> Result<StoreError, StoreError> {
    let same_slug = change.query(BY_SLUG, &[(&new.slug.as_str(), Type::TEXT)]).await?;
    Ok(if same_slug.is_empty() { rules::schema_taken(&new.db_schema_name) } else { rules::slug_taken(&new.slug) })
}

/// One that an earlier attempt made for this tenant is found; anybody else's is not taken over.
async fn make_schema(change: &Change, tenant: &Tenant) -> Result<(), StoreError> {
    let id = tenant.id.as_str();
    match (change.write(MAKE_SCHEMA, &[(&id, Type::TEXT)]).await, &tenant.db_schema_name) {
        (Err(error), Some(name)) if failure::is_duplicate_schema(&error) => Err(rules::schema_taken(name)),
        (outcome, _) => outcome.map(drop),
    }
}

const INSERT: &str = "INSERT INTO tenants (id, slug, name, db_schema_name, status, policy, created_at) \
     VALUES ($1, $2, $3, $4, 'pending_provisioning', $5, $6) ON CONFLICT DO NOTHING RETURNING id";
const CURSOR: &str = "SELECT created_at::text FROM tenants WHERE id = $1";
pub(super) const LIST: &str =
    select_tenants!("WHERE (t.created_at, t.id) > ($1::text::timestamptz, $2) ORDER BY t.created_at, t.id LIMIT $3");
pub(super) const BY_ID: &str = select_tenants!("WHERE t.id = $1");
const BY_ID_TO_SHARE: &str = select_tenants!("WHERE t.id = $1 FOR SHARE");
const BY_ID_TO_UPDATE: &str = select_tenants!("WHERE t.id = $1 FOR UPDATE");
pub(super) const BY_SLUG: &str = select_tenants!("WHERE t.slug = $1");
const BY_SLUG_TO_SHARE: &str = select_tenants!("WHERE t.slug = $1 FOR SHARE");
const BY_SLUG_TO_UPDATE: &str = select_tenants!("WHERE t.slug = $1 FOR UPDATE");
const SCHEMA_THERE: &str = "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1";
const MAKE_SCHEMA: &str = "SELECT wardgate_provision_schema($1)";
const ACTIVATE: &str = "UPDATE tenants SET status = 'active', version = version + 1 \
     WHERE id = $1 AND status = 'pending_provisioning'";
const UPDATE: &str = "UPDATE tenants SET name = coalesce($2, name), policy = coalesce($3, policy), \
     status = coalesce($4, status), version = version + 1 WHERE id = $1";
const DROP_SCHEMA: &str = "SELECT wardgate_drop_schema($1)";
/// Refresh tokens go with their users.
const PIECES: [&str; 2] = [
    "DELETE FROM users WHERE id IN (SELECT id FROM users WHERE tenant_id = $1 LIMIT 10000) RETURNING 1",
    "DELETE FROM api_keys WHERE id IN (SELECT id FROM api_keys WHERE tenant_id = $1 LIMIT 10000) RETURNING 1",
];
/// As many as the statements above take: some tenths of a second.
const PIECE: usize = 10_000;
/// The schema's name, and the tenant's keys at providers.
const FORGET: &str = "UPDATE tenants SET db_schema_name = NULL, policy = policy - 'provider_keys', \
     version = version + 1 WHERE id = $1 AND (db_schema_name IS NOT NULL OR policy ? 'provider_keys')";
