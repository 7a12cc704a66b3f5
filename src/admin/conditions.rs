//! Entity tags (RFC 9110, section 8.8.3) are versions, and conditions are about them.

use axum::extract::FromRequestParts;
use axum::http::header::{HeaderMap, HeaderName, IF_MATCH, IF_NONE_MATCH};
use axum::http::request::Parts;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

use super::api::Api;
use super::document;
use super::problem::Problem;
use crate::manage::schema;

/// The version that a change is meant for.
pub(super) enum IfMatch {
    /// No condition, or one that anything fulfils which exists.
    Any,
    Version(u64),
    /// A tag that was never ours.
    Never,
}

impl IfMatch {
    /// As the store takes it; no record ever had version 0.
    pub(super) fn expected(&self) -> Option<u64> {
        match self {
            IfMatch::Any => None,
            IfMatch::Version(version) => Some(*version),
            IfMatch::Never => Some(0),
        }
    }
}

impl FromRequestParts<Api> for IfMatch {
    type Rejection = Problem;

    /// One tag: a record has one version, and whoever names two has not decided.
    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<IfMatch, Problem> {
        let malformed = || Problem::malformed("If-Match: expected `*` or one entity tag, such as \"3\"");
        match tags(&parts.headers, IF_MATCH).map_err(|()| malformed())? {
            None => Ok(IfMatch::Any),
            Some(Tags::Any) => Ok(IfMatch::Any),
            Some(Tags::Listed(listed)) => match listed.as_slice() {
                // A weak tag never matches where the comparison is strong.
                [tag] => Ok(tag.strong_version().map_or(IfMatch::Never, IfMatch::Version)),
                _ => Err(malformed()),
            },
        }
    }
}

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let tag = schema::entity_tag("The ETag of what was read: refused with 412 where it has changed since");
        vec![document::parameter("If-Match", ParameterIn::Header, tag)]
    }
}

impl IntoParams for IfNoneMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let tag = schema::entity_tag("The ETag that the client has: answered with 304 where it still holds");
        vec![document::parameter("If-None-Match", ParameterIn::Header, tag)]
    }
}

/// What a client has already.
pub(super) struct IfNoneMatch(Option<Tags>);

impl IfNoneMatch {
    pub(super) fn has(&self, version: u64) -> bool {
        match &self.0 {
            None => false,
            Some(Tags::Any) => true,
            Some(Tags::Listed(listed)) => listed.iter().any(|tag| tag.opaque == version.to_string()),
        }
    }
}

impl FromRequestParts<Api> for IfNoneMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<IfNoneMatch, Problem> {
        let malformed = |()| Problem::malformed("If-None-Match: expected `*` or entity tags, such as \"3\"");
        tags(&parts.headers, IF_NONE_MATCH).map(IfNoneMatch).map_err(malformed)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Tags {
    Any,
    Listed(Vec<Tag>),
}

#[derive(Debug, PartialEq, Eq)]
struct Tag {
    weak: bool,
    opaque: String,
}

impl Tag {
    fn strong_version(&self) -> Option<u64> {
        let version = self.opaque.parse().ok()?;
        // Other spellings of a number were never given out.
        (!self.weak && self.opaque == u64::to_string(&version)).then_some(version)
    }
}

/// Every line of the header is one list (RFC 9110, section 5.3).
fn tags(headers: &HeaderMap, name: HeaderName) -> Result<Option<Tags>, ()> {
    let mut listed = Vec::new();
    let mut any = false;
    let mut lines = 0;
    for value in headers.get_all(name) {
        let text = value.to_str().map_err(|_| ())?.trim();
        lines += 1;
        if text == "*" {
            any = true;
        } else {
            read_tags(text, &mut listed)?;
        }
    }
    match (lines, any) {
        (0, _) => Ok(None),
        (1, true) => Ok(Some(Tags::Any)),
        (_, true) => Err(()),
        (_, false) => Ok(Some(Tags::Listed(listed))),
    }
}

fn read_tags(text: &str, listed: &mut Vec<Tag>) -> Result<(), ()> {
    let mut rest = text;
    loop {
        let (weak, quoted) = rest.strip_prefix("W/").map_or((false, rest), |quoted| (true, quoted));
        let (opaque, after) = quoted.strip_prefix('"').ok_or(())?.split_once('"').ok_or(())?;
        if !opaque.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(());
        }
        listed.push(Tag { weak, opaque: opaque.to_owned() });
        match after.trim_start_matches([' ', '\t']) {
            "" => return Ok(()),
            more => rest = more.strip_prefix(',').ok_or(())?.trim_start_matches([' ', '\t']),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn read(text: &str) -> Result<Option<Tags>, ()> {
        let mut headers = HeaderMap::new();
        headers.insert(IF_MATCH, HeaderValue::from_str(text).unwrap());
        tags(&headers, IF_MATCH)
    }

    #[test]
    fn tags_are_quoted_and_may_be_weak_and_many() {
        let tag = |weak, opaque: &str| Tag { weak, opaque: opaque.to_owned() };
        assert_eq!(read("*"), Ok(Some(Tags::Any)));
        assert_eq!(read(r#""3""#), Ok(Some(Tags::Listed(vec![tag(false, "3")]))));
        assert_eq!(read(r#"W/"3" ,"a,b""#), Ok(Some(Tags::Listed(vec![tag(true, "3"), tag(false, "a,b")]))));
        assert_eq!(tags(&HeaderMap::new(), IF_MATCH), Ok(None));
        for wrong in ["3", r#""3"#, r#""3" "4""#, r#""3","#, r#"*, "3""#, "", r#"w/"3""#] {
            assert_eq!(read(wrong), Err(()), "{wrong}");
        }
    }

    #[test]
    fn only_a_strong_tag_as_it_was_given_out_names_a_version() {
        let version = |weak, opaque: &str| Tag { weak, opaque: opaque.to_owned() }.strong_version();
        assert_eq!(version(false, "3"), Some(3));
        for (weak, opaque) in [(true, "3"), (false, "03"), (false, "+3"), (false, "x"), (false, "")] {
            assert_eq!(version(weak, opaque), None, "{opaque}");
        }
    }
}
