//! The OpenAPI document (3.1): what is common to every operation. The rest stands beside each handler.

use std::collections::BTreeMap;

use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::Object;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, ObjectBuilder, Required, Type};
use utoipa::openapi::{
    ContentBuilder, HeaderBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Response, ResponseBuilder,
};
use utoipa::{IntoResponses, PartialSchema};

use super::problem::{FieldProblem, MEDIA_TYPE, ProblemView};

/// What the operations are added to.
pub(super) fn base() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Wardgate admin API")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Tenants, keys, users and tokens of one gate. Needs the admin token, or a credential with platform:admin.",
        ))
        .build();
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("The admin token, or a key or token whose scopes cover platform:admin"))
        .build();
    let components = ComponentsBuilder::new()
        .security_scheme(BEARER, SecurityScheme::Http(bearer))
        .schema("Problem", ProblemView::schema())
        .schema("FieldProblem", FieldProblem::schema())
        .build();
    OpenApiBuilder::new()
        .info(info)
        .components(Some(components))
        .security(Some([SecurityRequirement::new(BEARER, Vec::<String>::new())]))
        .build()
}

const BEARER: &str = "bearer";

/// How a request without a body can be refused.
pub(super) struct Reading;

/// How a request that changes something can be refused.
pub(super) struct Writing;

impl IntoResponses for Reading {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(READING)
    }
}

impl IntoResponses for Writing {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut all = problems(READING);
        all.extend(problems(WRITING));
        all
    }
}

const READING: &[(&str, &str)] = &[
    ("400", "The request is malformed: the detail names the place"),
    ("401", "No credential, or one that is not accepted"),
    ("403", "The credential does not reach so far, or the tenant does not have what should be granted"),
    ("404", "There is no such record"),
    ("429", "Too many secrets wait to be compared or hashed"),
    ("503", "It cannot be told right now"),
];

const WRITING: &[(&str, &str)] = &[
    ("408", "The body did not arrive in time"),
    ("409", "It cannot stand beside what is stored"),
    ("412", "It has changed since it was read"),
    ("413", "The body is too large"),
    ("415", "The body is not JSON by its media type"),
    ("422", "A field is wrong, or the idempotency key was used for another request"),
];

/// Only what stands in a path must be there.
pub(super) fn parameter(name: &str, place: ParameterIn, schema: Object) -> Parameter {
    let required = if place == ParameterIn::Path { Required::True } else { Required::False };
    let what = schema.description.clone();
    let parameter = ParameterBuilder::new().name(name).parameter_in(place).required(required);
    parameter.description(what).schema(Some(schema)).build()
}

fn problems(statuses: &[(&str, &str)]) -> BTreeMap<String, RefOr<Response>> {
    statuses.iter().map(|(status, what)| ((*status).to_owned(), RefOr::T(problem(status, what)))).collect()
}

fn problem(status: &str, what: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(RefOr::Ref(Ref::from_schema_name("Problem")))).build();
    let response = ResponseBuilder::new().description(what).content(MEDIA_TYPE, content);
    let text = || HeaderBuilder::new().schema(Some(ObjectBuilder::new().schema_type(Type::String))).build();
    match status {
        "401" => response.header("WWW-Authenticate", text()),
        "429" | "503" => response.header("Retry-After", text()),
        _ => response,
    }
    .build()
}
