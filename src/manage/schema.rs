//! What may stand in a field, as JSON Schema (draft 2020-12): the same bounds that the checks have, so that a client
//! that follows the document is not refused, and one that does not is.

use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, Object, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{KnownFormat, RefOr};

/// One line without a space at either end.
const NAME: &str = r"^[^\s\x00-\x1F\x7F-\x9F]([^\x00-\x1F\x7F-\x9F]*[^\s\x00-\x1F\x7F-\x9F])?$";
const OPTIONAL_NAME: &str = r"^([^\s\x00-\x1F\x7F-\x9F]([^\x00-\x1F\x7F-\x9F]*[^\s\x00-\x1F\x7F-\x9F])?)?$";
/// Elements of a list of scopes or models.
pub const LIST_MAX: usize = 100;
/// Of a tenant, under all names together.
const TARGETS_MAX: usize = 64;
const ALLOW_RULES_MAX: usize = 32;
/// A token with its parts; the gate looks at none that is longer.
pub const TOKEN_CHARS_MAX: usize = 16 << 10;

pub fn name() -> Object {
    text(1, 200, NAME, "One line of text")
}

pub fn name_or_null() -> Object {
    or_null(name())
}

pub fn optional_name() -> Object {
    text(0, 200, OPTIONAL_NAME, "One line of text, or nothing")
}

pub fn optional_name_or_null() -> Object {
    or_null(optional_name())
}

pub fn slug_or_null() -> Object {
    or_null(text(1, 63, "^[a-z0-9][a-z0-9_-]{0,62}$", "Short name for tokens and logs; made of the name when left out"))
}

pub fn schema_name_or_null() -> Object {
    let what = "Database schema that an app keeps the tenant's own data in; made of the slug when left out";
    or_null(text(1, 63, "^[a-z_][a-z0-9_]{0,62}$", what))
}

pub fn tenant() -> Object {
    text(1, 128, "^[A-Za-z0-9._:-]{1,128}$", "Id or slug")
}

pub fn email() -> Object {
    text(3, 254, r"^[!-?A-~]+@[!-?A-~]+$", "Address that the user logs in with; kept in lower case")
}

pub fn password() -> Object {
    text(8, 72, r"^[^\x00]*$", "8 to 72 bytes in UTF-8")
}

pub fn prefix_or_null() -> Object {
    let what = "The key's public part, by which a bcrypt hash is found; digests are found by themselves";
    or_null(text(1, 128, "^[!-~]{1,128}$", what))
}

pub fn hash() -> Object {
    // The last letters of bcrypt's salt and of its digest hold four and two bits too many, which are zero.
    let bcrypt = r"\$2[aby]\$(0[4-9]|1[0-5])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26]";
    let digests = "sha256:[0-9A-Fa-f]{64}|hmac-sha256:[A-Za-z0-9_.-]{1,64}:[0-9A-Fa-f]{64}";
    let pattern = format!("^({bcrypt}|{digests})$");
    text(60, 512, &pattern, "bcrypt of cost 4 to 15, `sha256:…` or `hmac-sha256:<pepper id>:…`")
}

pub fn subject() -> Object {
    text(1, 256, "^[!-~]([ -~]{0,254}[!-~])?$", "Whom the token speaks for")
}

pub fn token() -> Object {
    text(1, TOKEN_CHARS_MAX, r"^[!-~]+$", "The token")
}

pub fn token_or_id() -> Object {
    text(1, 256, r"^[!-~]{1,256}$", "The id of a token (`jti`) or of a session")
}

/// A whole number and a unit; a second at least.
pub fn span() -> Object {
    text(2, 6, "^[1-9][0-9]{0,4}[smhdw]$", "A whole number and s, m, h, d or w, such as 30d")
}

pub fn span_or_null() -> Object {
    or_null(span())
}

pub fn span_from_zero() -> Object {
    text(2, 6, "^[0-9]{1,5}[smhdw]$", "A whole number and s, m, h, d or w; 0s for at once")
}

pub fn idempotency_key() -> Object {
    text(1, 128, "^[!-~]([ -~]{0,126}[!-~])?$", "Sending the same request twice under one word makes one record")
}

pub fn entity_tag(what: &str) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(r#"^(\*|(W/)?"[!#-~]*")$"#))
        .examples(["\"1\""])
        .description(Some(what))
        .build()
}

pub fn time_or_null() -> Object {
    let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
    or_null(ObjectBuilder::new().schema_type(Type::String).format(Some(format)).build())
}

pub fn scopes() -> Schema {
    list(scope(), SchemaType::Type(Type::Array), "Words such as llm:invoke")
}

pub fn scopes_or_null() -> Schema {
    list(scope(), array_or_null(), "Words such as llm:invoke")
}

pub fn models() -> Schema {
    list(model(), SchemaType::Type(Type::Array), "Names; none for every model")
}

pub fn models_or_null() -> Schema {
    list(model(), array_or_null(), "Names; none for every model")
}

pub fn targets_or_null() -> Object {
    targets(SchemaType::Type(Type::Array), "What names of models stand for, in place of what the config says")
}

pub fn changed_targets_or_null() -> Object {
    let what = "What names of models stand for from now on; `null` for what the config says. Other names stay";
    targets(array_or_null(), what)
}

/// `ids` are those of the rules that there are.
pub fn allow_rules_or_null(ids: impl Iterator<Item = &'static str>) -> Schema {
    let id = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(ids)).build();
    let items = RefOr::T(Schema::Object(id));
    let what = "Rules that its prompts are not held against, beside those of the config";
    let array = ArrayBuilder::new().items(items).schema_type(array_or_null()).max_items(Some(ALLOW_RULES_MAX));
    Schema::Array(array.description(Some(what)).build())
}

/// Names, and lists of targets in the order in which they are tried.
fn targets(lists: SchemaType, what: &str) -> Object {
    let target = ObjectBuilder::new()
        .property("upstream", upstream())
        .property("model", or_null(model()))
        .required("upstream")
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
        .build();
    let items = RefOr::T(Schema::Object(target));
    let list = ArrayBuilder::new().items(items).schema_type(lists).min_items(Some(1)).max_items(Some(TARGETS_MAX));
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Object, Type::Null]))
        .property_names(Some(Schema::Object(model())))
        .additional_properties(Some(RefOr::T(Schema::Array(list.build()))))
        .max_properties(Some(TARGETS_MAX))
        .description(Some(what))
        .build()
}

pub fn upstream() -> Object {
    text(1, 128, "^[A-Za-z0-9._-]{1,128}$", "Name of an upstream")
}

pub fn provider_key() -> Object {
    text(1, 4096, "^[!-~]{1,4096}$", "The provider's key, which is stored sealed and never shown")
}

fn scope() -> Object {
    text(1, 128, r"^[!#-\x5B\x5D-~]{1,128}$", "Printable ASCII without spaces, quotes and backslashes")
}

fn model() -> Object {
    text(1, 200, r"^[^\x00-\x1F\x7F-\x9F]{1,200}$", "The name of a model")
}

pub fn text(chars_min: usize, chars_max: usize, pattern: &str, what: &str) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(chars_min))
        .max_length(Some(chars_max))
        .pattern(Some(pattern))
        .description(Some(what))
        .build()
}

fn or_null(object: Object) -> Object {
    ObjectBuilder::from(object).schema_type(SchemaType::from_iter([Type::String, Type::Null])).build()
}

fn array_or_null() -> SchemaType {
    SchemaType::from_iter([Type::Array, Type::Null])
}

fn list(items: Object, kind: SchemaType, what: &str) -> Schema {
    let items = RefOr::T(Schema::Object(items));
    let array = ArrayBuilder::new().items(items).schema_type(kind).max_items(Some(LIST_MAX));
    Schema::Array(array.description(Some(what)).build())
}
