//! The endpoints under `/auth`: logging in and out, who am I, and the keys of one's own tenant.
//!
//! What is asked is decided in `auth::session` and `manage`; here bodies are read and answers written.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{Response, StatusCode};
use http_body::Body;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::auth::Authenticator;
use crate::auth::session::{Login, SessionError, Sessions, Tokens};
use crate::clock::{Expiry, Timestamp, parse_duration};
use crate::manage::{Authority, CreateKey, KeyView, Manage, ManageError, NewKeyView, TENANT_ADMIN};
use crate::policy::Permit;
use crate::principal::Principal;
use crate::prompt::{self, PromptError};
use crate::route::AccountEndpoint;
use crate::scopes::{Models, Scopes};
use crate::secret::Secret;
use crate::store::{KeyRecord, Page, StoreError};
use crate::telemetry::RequestLog;

pub struct Account {
    auth: Arc<Authenticator>,
    manage: Arc<Manage>,
    reading: prompt::Config,
}

/// Why an account's request is refused.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    #[error(transparent)]
    Read(#[from] PromptError),
    /// The text names the place, and nothing of the value.
    #[error("the body is not what this route takes: {0}")]
    Body(String),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    Manage(#[from] ManageError),
    /// The caches could not be told: what was revoked is, and will be refused once the store answers.
    #[error("the store did not answer: {0}")]
    Store(#[from] StoreError),
    /// The config has no sessions, or the route let in nobody: a defect of ours.
    #[error("the route has no principal")]
    Defect,
}

/// A password, a token or the terms of a key are far smaller.
const BODY_BYTES_MAX: usize = 64 << 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LoginBody {
    tenant: String,
    email: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RefreshBody {
    refresh_token: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RevokeBody {
    id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyBody {
    /// One's own, by id or slug, where it is named at all.
    tenant: Option<String>,
    #[serde(default)]
    name: String,
    scopes: Option<Scopes>,
    #[serde(default)]
    models: Vec<String>,
    /// Such as 30d.
    expires_in: Option<String>,
}

#[derive(Serialize)]
struct KeyList {
    data: Vec<Value>,
}

/// RFC 6749, section 5.1.
#[derive(Serialize)]
struct TokensBody<'a> {
    access_token: &'a str,
    refresh_token: &'a str,
    token_type: &'static str,
    /// Seconds.
    expires_in: u64,
}

#[derive(Serialize)]
struct Me<'a> {
    tenant_id: &'a str,
    tenant_slug: &'a str,
    tenant_name: &'a str,
    principal_id: &'a str,
    auth_method: &'static str,
    email: Option<&'a str>,
    name: Option<&'a str>,
    scopes: Vec<&'a str>,
    /// Empty for every model.
    models: &'a [String],
    expires_at: Option<String>,
}

impl AccountError {
    /// A login that failed is an outcome of authentication like any other.
    pub fn record(&self, log: &mut RequestLog) {
        match self {
            // Who asked is known: there is only nothing to end.
            AccountError::Session(SessionError::NoSession) => {}
            AccountError::Session(error) => log.refuse_principal(error.reason()),
            AccountError::Read(_)
            | AccountError::Body(_)
            | AccountError::Manage(_)
            | AccountError::Store(_)
            | AccountError::Defect => {}
        }
    }
}

impl Account {
    pub fn new(auth: Arc<Authenticator>, manage: Arc<Manage>, reading: &prompt::Config) -> Account {
        let body_bytes_max = reading.body_bytes_max.min(BODY_BYTES_MAX);
        Account { auth, manage, reading: prompt::Config { body_bytes_max, ..reading.clone() } }
    }

    pub async fn answer<B>(
        &self,
        endpoint: AccountEndpoint,
        permit: &Permit,
        parts: &Parts,
        body: B,
        peer: IpAddr,
        log: &mut RequestLog,
    ) -> Result<Response<Bytes>, AccountError>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        match endpoint {
            AccountEndpoint::Login => {
                let LoginBody { tenant, email, password } = self.read(parts, body).await?;
                let login = Login { tenant: &tenant, email: &email, password: Secret::new(password) };
                told_tokens(&self.sessions()?.log_in(login, peer).await?, log)
            }
            AccountEndpoint::Refresh => {
                let RefreshBody { refresh_token } = self.read(parts, body).await?;
                let refreshed = self.sessions()?.refresh(&Secret::new(refresh_token)).await;
                // A token that was used twice ended its session: no cache may go on without knowing.
                if let Err(SessionError::RefreshReused) = &refreshed {
                    self.auth.catch_up().await?;
                }
                told_tokens(&refreshed?, log)
            }
            AccountEndpoint::Logout => {
                self.sessions()?.log_out(principal(permit)?).await?;
                self.auth.catch_up().await?;
                Ok(told(StatusCode::NO_CONTENT, Bytes::new()))
            }
            AccountEndpoint::Me => json(StatusCode::OK, &Me::of(principal(permit)?)),
            AccountEndpoint::ListKeys => self.list_keys(permit).await,
            AccountEndpoint::CreateKey => self.create_key(permit, self.read(parts, body).await?).await,
            AccountEndpoint::RevokeKeyInPath => {
                self.revoke_key(permit, parts.uri.path().rsplit('/').next().unwrap_or_default()).await
            }
            AccountEndpoint::RevokeKeyInBody => {
                let RevokeBody { id } = self.read(parts, body).await?;
                self.revoke_key(permit, &id).await
            }
        }
    }

    async fn read<B, T>(&self, parts: &Parts, body: B) -> Result<T, AccountError>
    where
        B: Body<Data = Bytes> + Unpin,
        T: DeserializeOwned,
    {
        let body = prompt::read_json(&parts.headers, body, &self.reading).await?;
        // serde takes a list of values for an object's fields in their order.
        if body.trim_ascii_start().first() == Some(&b'[') {
            return Err(AccountError::Body("it is no JSON object".to_owned()));
        }
        serde_json::from_slice(&body).map_err(|error| AccountError::Body(problem(&error)))
    }

    fn sessions(&self) -> Result<&Sessions, AccountError> {
        self.auth.sessions().ok_or(AccountError::Defect)
    }
}

/// The keys of one's own tenant; how far that reaches is for `manage` to say.
impl Account {
    async fn list_keys(&self, permit: &Permit) -> Result<Response<Bytes>, AccountError> {
        let who = authority(permit)?;
        // The own tenant's even for operators, who have the admin API for the others'.
        let tenant = principal(permit)?.tenant.id.as_str();
        let listed = self.manage.list_keys(&who, Some(tenant), Page::all()).await?;
        // Whoever stole a key that may list others must not learn which of them are traps.
        let told = principal(permit)?.holds(TENANT_ADMIN);
        let data = listed.items.iter().map(|key| view_of(key, told)).collect::<Result<_, _>>()?;
        json(StatusCode::OK, &KeyList { data })
    }

    async fn create_key(&self, permit: &Permit, asked: KeyBody) -> Result<Response<Bytes>, AccountError> {
        let who = authority(permit)?;
        let tenant = match asked.tenant {
            Some(tenant) => tenant,
            None => principal(permit)?.tenant.id.as_str().to_owned(),
        };
        let expiry = match asked.expires_in {
            Some(span) => Expiry::At(Timestamp::now().after(lifetime(&span)?)),
            None => Expiry::Never,
        };
        let models = Models::from_list(asked.models);
        let new = CreateKey { tenant, name: asked.name, scopes: asked.scopes, models, expiry, canary: false };
        let issued = self.manage.create_key(&who, new, None).await?;
        let key = issued.secret.as_ref().and_then(|secret| std::str::from_utf8(secret.expose()).ok());
        json(StatusCode::CREATED, &NewKeyView::of(&issued.record, key))
    }

    async fn revoke_key(&self, permit: &Permit, id: &str) -> Result<Response<Bytes>, AccountError> {
        let revoked = self.manage.revoke_key(&authority(permit)?, id, None).await?;
        json(StatusCode::OK, &view_of(&revoked, principal(permit)?.holds(TENANT_ADMIN))?)
    }
}

impl Me<'_> {
    fn of(principal: &Principal) -> Me<'_> {
        Me {
            tenant_id: principal.tenant.id.as_str(),
            tenant_slug: principal.tenant.slug.as_str(),
            tenant_name: &principal.tenant.name,
            principal_id: principal.id.as_str(),
            auth_method: principal.method.as_str(),
            email: principal.contact.email.as_deref(),
            name: principal.contact.name.as_deref(),
            scopes: principal.scopes.iter().collect(),
            models: principal.models.names(),
            expires_at: match principal.expiry {
                Expiry::Never => None,
                Expiry::At(end) => Some(end.to_string()),
            },
        }
    }
}

fn view_of(key: &KeyRecord, tells_canaries: bool) -> Result<Value, AccountError> {
    let mut view = serde_json::to_value(KeyView::of(key)).map_err(|_| AccountError::Defect)?;
    if let (false, Some(fields)) = (tells_canaries, view.as_object_mut()) {
        fields.remove("canary");
    }
    Ok(view)
}

fn principal(permit: &Permit) -> Result<&Arc<Principal>, AccountError> {
    permit.principal().ok_or(AccountError::Defect)
}

fn authority(permit: &Permit) -> Result<Authority, AccountError> {
    Ok(Authority::of(principal(permit)?.clone()))
}

fn lifetime(text: &str) -> Result<Duration, AccountError> {
    let span = parse_duration(text).map_err(|error| AccountError::Body(format!("expires_in: {error}")))?;
    if span.as_secs() == 0 {
        return Err(AccountError::Body("expires_in: a key lives for a second at least".to_owned()));
    }
    Ok(span)
}

fn told_tokens(tokens: &Tokens, log: &mut RequestLog) -> Result<Response<Bytes>, AccountError> {
    log.identify_user(&tokens.user.tenant, &tokens.user.id);
    let text = |token| std::str::from_utf8(Secret::expose(token)).map_err(|_| AccountError::Defect);
    let body = TokensBody {
        access_token: text(&tokens.access)?,
        refresh_token: text(&tokens.refresh)?,
        token_type: "Bearer",
        expires_in: tokens.expires_in.as_secs(),
    };
    json(StatusCode::OK, &body)
}

fn json(status: StatusCode, body: &impl Serialize) -> Result<Response<Bytes>, AccountError> {
    let body = serde_json::to_vec(body).map_err(|_| AccountError::Defect)?;
    let mut response = told(status, Bytes::from(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// Nothing of an account is anybody's to keep: tokens and keys are in it.
fn told(status: StatusCode, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Where and of what kind the mistake is. serde's own words can repeat a value, and a value can be a password.
fn problem(error: &serde_json::Error) -> String {
    let kind = match error.classify() {
        serde_json::error::Category::Data => "a field is missing, unknown, repeated or of the wrong type",
        serde_json::error::Category::Syntax | serde_json::error::Category::Eof | serde_json::error::Category::Io => {
            "it is not JSON"
        }
    };
    format!("{kind} (line {}, column {})", error.line(), error.column())
}
