//! What a request says, read strictly: names that nobody knows are refused rather than passed over.

use std::borrow::Cow;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use axum::http::request::Parts;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

use super::api::Api;
use super::document;
use super::problem::Problem;
use crate::clock::parse_duration;
use crate::digest::{hex, sha256};
use crate::manage::Idempotency;
use crate::manage::schema::{self, LIST_MAX};
use crate::scopes::{Models, Scopes};
use crate::store::Page;

/// A list of keys to import is the longest thing that is said here.
const BODY_BYTES_MAX: usize = 1 << 20;
/// Operators' networks move a mebibyte in this.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
const PAGE_DEFAULT: usize = 50;
const PAGE_MAX: usize = 200;
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Which part of a listing is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Paging {
    /// How many at most
    #[param(minimum = 1, maximum = 200, default = 50)]
    #[serde(default, deserialize_with = "digits")]
    limit: Option<usize>,
    /// The id that the page before ended with: its `next`
    #[param(min_length = 1, max_length = 128)]
    after: Option<String>,
}

/// As `Paging`, and whose.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PagingOfTenant {
    /// How many at most
    #[param(minimum = 1, maximum = 200, default = 50)]
    #[serde(default, deserialize_with = "digits")]
    limit: Option<usize>,
    /// The id that the page before ended with: its `next`
    #[param(min_length = 1, max_length = 128)]
    after: Option<String>,
    /// Only this tenant's: id or slug
    #[param(min_length = 1, max_length = 128, pattern = "^[A-Za-z0-9._:-]{1,128}$")]
    pub(super) tenant: Option<String>,
}

impl Paging {
    pub(super) fn page(self) -> Result<Page, Problem> {
        page(self.limit, self.after)
    }
}

impl PagingOfTenant {
    pub(super) fn page(&self) -> Result<Page, Problem> {
        page(self.limit, self.after.clone())
    }
}

/// A number as the document has it: `+5` is none.
fn digits<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let number = text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    number.map(Some).ok_or_else(|| serde::de::Error::custom("limit: expected a whole number"))
}

fn page(limit: Option<usize>, after: Option<String>) -> Result<Page, Problem> {
    let limit = limit.unwrap_or(PAGE_DEFAULT);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Problem::malformed(format!("limit: a page holds 1 to {PAGE_MAX}")));
    }
    if after.as_ref().is_some_and(|after| !(1..=128).contains(&after.chars().count())) {
        return Err(Problem::malformed("after: an id is 1 to 128 characters"));
    }
    Ok(Page { after, limit })
}

/// The query, of which every name is known and comes once.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Api> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Asked<T>, Problem> {
        let query = Query::<T>::try_from_uri(&parts.uri);
        query.map(|query| Asked(query.0)).map_err(|error| Problem::malformed(format!("query: {}", error.body_text())))
    }
}

/// Where no query is taken.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// The id in the path.
pub(super) struct Id(pub(super) String);

impl FromRequestParts<Api> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Id, Problem> {
        let path: Result<Path<String>, PathRejection> = Path::from_request_parts(parts, api).await;
        path.map(|path| Id(path.0)).map_err(|_| Problem::malformed("path: this is no id"))
    }
}

impl IntoParams for Id {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let id = schema::text(1, 128, "^[^/]+$", "Id, or the slug of a tenant, or the public id of a key");
        vec![document::parameter("id", ParameterIn::Path, id)]
    }
}

/// A word under which a creation happens once.
pub(super) struct IdempotencyKey;

impl IntoParams for IdempotencyKey {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![document::parameter("Idempotency-Key", ParameterIn::Header, schema::idempotency_key())]
    }
}

/// A JSON body.
pub(super) struct Said<T> {
    pub(super) said: T,
    /// As the idempotency key of it names it.
    pub(super) once: Option<Idempotency>,
}

impl<T: DeserializeOwned> FromRequest<Api> for Said<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Api) -> Result<Said<T>, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read(&parts.headers, body).await?;
        // serde takes a list of values for an object's fields in their order.
        if bytes.trim_ascii_start().first() == Some(&b'[') {
            return Err(Problem::malformed("body: expected an object, at line 1"));
        }
        let said = serde_json::from_slice(&bytes).map_err(|error| not_json(&error))?;
        Ok(Said { said, once: idempotency(&parts, &bytes)? })
    }
}

/// A JSON body as text, for lists whose mistakes are told row by row.
pub(super) struct SaidText(pub(super) String);

impl FromRequest<Api> for SaidText {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Api) -> Result<SaidText, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read(&parts.headers, body).await?;
        let text = String::from_utf8(bytes.into()).map_err(|_| Problem::malformed("body: this is no UTF-8"))?;
        Ok(SaidText(text))
    }
}

async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(Problem::media_type("Send the body as `Content-Type: application/json`, in UTF-8."));
    }
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(Problem::media_type("Send the body without a content-encoding."));
    }
    let read = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, BODY_BYTES_MAX).collect());
    match read.await {
        Err(_) => Err(Problem::timeout()),
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::too_large(BODY_BYTES_MAX)),
        Ok(Err(_)) => Err(Problem::malformed("body: it broke off before its end")),
    }
}

/// Where and what the mistake is, without the value: it may be a password or a token.
pub(super) fn not_json(error: &serde_json::Error) -> Problem {
    let told = error.to_string();
    let kind = |prefix: &str| told.strip_prefix(prefix).and_then(|rest| rest.split([' ', ',']).next());
    let expected = told.rfind(", expected ").map_or("", |at| &told[at..]);
    let told = match (kind("invalid type: "), kind("invalid value: ")) {
        (Some(kind), _) => format!("invalid type: {kind}{expected}"),
        (None, Some(kind)) => format!("invalid value: {kind}{expected}"),
        (None, None) => told,
    };
    Problem::malformed(format!("body: {told}"))
}

/// The digest binds the key to method, path and body: what differs in any of them is another request. A password is left
/// out: a quick digest of it would stand in the store beside its slow hash.
fn idempotency(parts: &Parts, body: &[u8]) -> Result<Option<Idempotency>, Problem> {
    let mut keys = parts.headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = keys.next() else { return Ok(None) };
    let wrong = || Problem::malformed("Idempotency-Key: one of 1 to 128 printable ASCII characters");
    let text = key.to_str().map_err(|_| wrong())?;
    let fits = (1..=128).contains(&text.len()) && text.bytes().all(|b| (b' '..=b'~').contains(&b));
    if !fits || keys.next().is_some() {
        return Err(wrong());
    }
    let head = format!("{} {}\n", parts.method, parts.uri.path());
    let said = [head.as_bytes(), &without_password(body)].concat();
    Ok(Some(Idempotency { key: text.to_owned(), fingerprint: hex(&sha256(&said)) }))
}

fn without_password(body: &[u8]) -> Cow<'_, [u8]> {
    let Ok(Value::Object(mut fields)) = serde_json::from_slice(body) else { return Cow::Borrowed(body) };
    match fields.remove("password") {
        None => Cow::Borrowed(body),
        Some(_) => Cow::Owned(Value::Object(fields).to_string().into_bytes()),
    }
}

/// A key that is there, and may be null: absent and null are two things where a value can be taken away.
pub(super) fn present<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: serde::Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

pub(super) fn scopes(words: Vec<String>) -> Result<Scopes, Problem> {
    bounded("scopes", &words)?;
    Scopes::new(words).map_err(|error| Problem::invalid("scopes", error.to_string()))
}

pub(super) fn models(names: Vec<String>) -> Result<Models, Problem> {
    bounded("models", &names)?;
    Ok(Models::from_list(names))
}

fn bounded(field: &str, list: &[String]) -> Result<(), Problem> {
    match list.len() <= LIST_MAX {
        true => Ok(()),
        false => Err(Problem::invalid(field, format!("a list has {LIST_MAX} elements at most"))),
    }
}

/// A whole number of up to five digits and s, m, h, d or w.
pub(super) fn span(field: &str, text: &str) -> Result<Duration, Problem> {
    let bounded = (2..=6).contains(&text.len()) && !text.ends_with("ms");
    match parse_duration(text) {
        Ok(span) if bounded => Ok(span),
        _ => Err(Problem::invalid(
            field,
            "expected a whole number of up to five digits and s, m, h, d or w, such as 30d",
        )),
    }
}

/// As `span`, for what must not be over when it begins.
pub(super) fn lifetime(field: &str, text: &str) -> Result<Duration, Problem> {
    match span(field, text)? {
        span if span.is_zero() || text.starts_with('0') => {
            Err(Problem::invalid(field, "it has to last for a second at least"))
        }
        span => Ok(span),
    }
}
