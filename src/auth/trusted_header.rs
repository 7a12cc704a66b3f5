//! The tenant on the word of a peer that the config lists: a gateway in front that authenticated the request itself.
//!
//! Nobody's word is believed by default, and a header from any other peer is taken out before it is looked at.

use http::HeaderValue;

use crate::digest::sha256;
use crate::headers::Claimed;
use crate::principal::PrincipalId;
use crate::scopes::Scopes;

#[derive(Clone, Debug)]
pub struct Config {
    /// What a request is good for that comes in this way.
    pub scopes: Scopes,
}

impl Default for Config {
    fn default() -> Config {
        Config { scopes: Scopes::defaults() }
    }
}

/// What a trusted peer says.
pub(super) struct Said<'a> {
    /// An id or a slug.
    pub(super) tenant: &'a str,
    /// Where the peer sends it beside the id: it must be the same tenant's.
    pub(super) slug: Option<&'a str>,
    pub(super) id: PrincipalId,
}

/// The headers are repeated, or hold what no name can.
#[derive(Debug)]
pub(super) struct Unreadable;

/// The principal where the peer names a tenant alone.
const UNNAMED: &str = "trusted-peer";

pub(super) fn read(word: &Claimed) -> Result<Said<'_>, Unreadable> {
    let slug = at_most_one(&word.tenant_slugs)?;
    let tenant = at_most_one(&word.tenant_ids)?.or(slug).ok_or(Unreadable)?;
    let id = at_most_one(&word.principals)?.unwrap_or(UNNAMED);
    Ok(Said { tenant, slug, id: PrincipalId::parse(id).map_err(|_| Unreadable)? })
}

fn at_most_one(values: &[HeaderValue]) -> Result<Option<&str>, Unreadable> {
    match values {
        [] => Ok(None),
        [value] => value.to_str().map(Some).map_err(|_| Unreadable),
        _ => Err(Unreadable),
    }
}

impl Said<'_> {
    /// Under which the principal is remembered. No credential has a NUL, so no token's digest is this one.
    pub(super) fn digest(&self) -> [u8; 32] {
        let slug = self.slug.unwrap_or_default();
        sha256(format!("trusted header\0{}\0{slug}\0{}", self.tenant, self.id.as_str()).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claimed(ids: &[&'static str], slugs: &[&'static str], principals: &[&'static str]) -> Claimed {
        let values = |texts: &[&'static str]| texts.iter().map(|text| HeaderValue::from_static(text)).collect();
        Claimed { tenant_ids: values(ids), tenant_slugs: values(slugs), principals: values(principals) }
    }

    #[test]
    fn one_tenant_and_one_principal_at_most_are_read() {
        let word = claimed(&["t-1"], &["acme"], &["u-7"]);
        let said = read(&word).unwrap();
        assert_eq!((said.tenant, said.slug, said.id.as_str()), ("t-1", Some("acme"), "u-7"));
        let word = claimed(&[], &["acme"], &[]);
        assert_eq!((read(&word).unwrap().tenant, read(&word).unwrap().id.as_str()), ("acme", UNNAMED));
        for wrong in [claimed(&["a", "b"], &[], &[]), claimed(&["a"], &[], &["x", "y"]), claimed(&["a"], &[], &[""])] {
            assert!(read(&wrong).is_err());
        }
    }
}
