//! Who a client certificate speaks for: its SPIFFE id or a DNS name, mapped to a tenant by the config.
//!
//! The listener verifies the chain before a `ClientCertificate` is made; here only names are read. A certificate that
//! no rule maps is wrong, not absent: it was shown, and means nobody.

use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::clock::Timestamp;
use crate::digest::sha256;
use crate::principal::PrincipalId;
use crate::scopes::Scopes;

#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The first rule that matches decides.
    pub identities: Vec<Rule>,
}

/// Which certificates are whose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub pattern: Pattern,
    pub tenant: RuleTenant,
    pub scopes: Scopes,
}

/// The tenant of a rule, by id or slug.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleTenant {
    Fixed(String),
    /// What stands in the place of `{tenant}`.
    Matched,
}

/// A name with places left open: `*` for any one part, `{tenant}` for the one that names the tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    kind: NameKind,
    parts: Vec<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NameKind {
    /// Parts are the trust domain and the segments of the path.
    Spiffe,
    /// Parts are labels.
    Dns,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Any,
    Tenant,
}

/// Why a text is no pattern of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    #[error(
        "a SPIFFE id is spiffe:// with a trust domain and segments, such as spiffe://prod.example/ns/{{tenant}}/sa/*"
    )]
    Spiffe,
    #[error("a DNS name is labels with dots between, such as *.acme.internal or {{tenant}}.svc.internal")]
    Dns,
    #[error("`{{tenant}}` may stand in one place only")]
    TwoTenants,
}

/// What a verified certificate says of its holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// At most one: a certificate with two is no SVID (SPIFFE X.509-SVID, section 2).
    spiffe: Option<String>,
    dns: Vec<String>,
    pub not_after: Timestamp,
    /// SHA-256 of the whole certificate.
    pub fingerprint: [u8; 32],
}

/// The bytes are no certificate whose names could be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client certificate is malformed, or carries more than one URI")]
pub struct CertificateError;

/// Whom a certificate was found to speak for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mapped<'a> {
    /// An id or a slug.
    pub(super) tenant: &'a str,
    pub(super) id: PrincipalId,
    pub(super) scopes: &'a Scopes,
}

impl ClientCertificate {
    /// Reads the names of a certificate in DER. Its chain was verified by whoever accepted the connection.
    pub fn parse(der: &[u8]) -> Result<ClientCertificate, CertificateError> {
        let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| CertificateError)?;
        let alternatives = certificate.subject_alternative_name().map_err(|_| CertificateError)?;
        let names = alternatives.map_or(&[][..], |names| &names.value.general_names);
        let uris: Vec<&str> = names.iter().filter_map(uri).collect();
        if !rest.is_empty() || uris.len() > 1 {
            return Err(CertificateError);
        }
        Ok(ClientCertificate {
            spiffe: uris.first().map(|uri| (*uri).to_owned()),
            dns: names.iter().filter_map(dns).map(str::to_ascii_lowercase).collect(),
            not_after: Timestamp(certificate.validity().not_after.timestamp()),
            fingerprint: sha256(der),
        })
    }

    fn names(&self, kind: NameKind) -> impl Iterator<Item = &str> {
        let (spiffe, dns) = match kind {
            NameKind::Spiffe => (self.spiffe.as_deref(), &[][..]),
            NameKind::Dns => (None, self.dns.as_slice()),
        };
        spiffe.into_iter().chain(dns.iter().map(String::as_str))
    }
}

fn uri<'a>(name: &GeneralName<'a>) -> Option<&'a str> {
    if let GeneralName::URI(uri) = name { Some(uri) } else { None }
}

fn dns<'a>(name: &GeneralName<'a>) -> Option<&'a str> {
    if let GeneralName::DNSName(name) = name { Some(name) } else { None }
}

impl Config {
    pub(super) fn map<'a>(&'a self, certificate: &'a ClientCertificate) -> Option<Mapped<'a>> {
        self.identities.iter().find_map(|rule| rule.map(certificate))
    }
}

impl Rule {
    fn map<'a>(&'a self, certificate: &'a ClientCertificate) -> Option<Mapped<'a>> {
        certificate.names(self.pattern.kind).find_map(|name| {
            let matched = self.pattern.matches(name)?;
            let tenant = match &self.tenant {
                RuleTenant::Fixed(tenant) => tenant,
                RuleTenant::Matched => matched?,
            };
            Some(Mapped { tenant, id: PrincipalId::parse(name).ok()?, scopes: &self.scopes })
        })
    }
}

impl Pattern {
    pub fn spiffe(text: &str) -> Result<Pattern, PatternError> {
        let parts = spiffe_parts(text).ok_or(PatternError::Spiffe)?;
        Pattern::new(NameKind::Spiffe, parts)
    }

    pub fn dns(text: &str) -> Result<Pattern, PatternError> {
        let is_label = |part: &&str| {
            matches!(*part, "*" | "{tenant}")
                || !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        };
        let parts: Vec<&str> = text.split('.').collect();
        if parts.len() < 2 || !parts.iter().all(is_label) {
            return Err(PatternError::Dns);
        }
        Pattern::new(NameKind::Dns, parts)
    }

    fn new(kind: NameKind, parts: Vec<&str>) -> Result<Pattern, PatternError> {
        let part = |text: &str| match text {
            "*" => Part::Any,
            "{tenant}" => Part::Tenant,
            literal if kind == NameKind::Dns => Part::Literal(literal.to_ascii_lowercase()),
            literal => Part::Literal(literal.to_owned()),
        };
        let parts: Vec<Part> = parts.into_iter().map(part).collect();
        if parts.iter().filter(|part| **part == Part::Tenant).count() > 1 {
            return Err(PatternError::TwoTenants);
        }
        Ok(Pattern { kind, parts })
    }

    /// Whether a tenant is read out of the name.
    pub fn names_a_tenant(&self) -> bool {
        self.parts.contains(&Part::Tenant)
    }

    /// `Some` where the name matches, with what stands in the tenant's place.
    fn matches<'a>(&self, name: &'a str) -> Option<Option<&'a str>> {
        let parts = match self.kind {
            NameKind::Spiffe => spiffe_parts(name)?,
            NameKind::Dns => name.split('.').collect(),
        };
        if parts.len() != self.parts.len() {
            return None;
        }
        let mut tenant = None;
        for (wanted, found) in self.parts.iter().zip(parts) {
            match wanted {
                Part::Literal(text) if text != found => return None,
                // A wildcard in a certificate names nobody.
                Part::Any | Part::Tenant if found.is_empty() || found.contains('*') => return None,
                Part::Tenant => tenant = Some(found),
                Part::Literal(_) | Part::Any => {}
            }
        }
        Some(tenant)
    }
}

/// Trust domain and segments (SPIFFE ID, section 2): no user, port, query or fragment, no empty or dotted segment.
fn spiffe_parts(text: &str) -> Option<Vec<&str>> {
    let parts: Vec<&str> = text.strip_prefix("spiffe://")?.split('/').collect();
    let in_segment = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    let is_open = |part: &str| matches!(part, "*" | "{tenant}");
    let is_domain = |part: &str| !part.is_empty() && part.bytes().all(|b| in_segment(b) && !b.is_ascii_uppercase());
    let is_segment = |part: &str| !part.is_empty() && part.bytes().all(in_segment) && part != "." && part != "..";
    let (domain, path) = parts.split_first()?;
    let fits = is_domain(domain) && path.iter().all(|part| is_open(part) || is_segment(part));
    fits.then_some(parts)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;

    fn certificate(names: Vec<SanType>) -> Result<ClientCertificate, CertificateError> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names;
        params.not_after = rcgen::date_time_ymd(2031, 1, 1);
        let key = KeyPair::generate().unwrap();
        ClientCertificate::parse(params.self_signed(&key).unwrap().der())
    }

    fn uri(text: &str) -> SanType {
        SanType::URI(text.try_into().unwrap())
    }

    fn dns(text: &str) -> SanType {
        SanType::DnsName(text.try_into().unwrap())
    }

    fn config() -> Config {
        let rule = |pattern: Result<Pattern, PatternError>, tenant: Option<&str>| Rule {
            pattern: pattern.unwrap(),
            tenant: tenant.map_or(RuleTenant::Matched, |tenant| RuleTenant::Fixed(tenant.into())),
            scopes: Scopes::defaults(),
        };
        Config {
            identities: vec![
                rule(Pattern::spiffe("spiffe://prod.example/ns/billing/sa/app"), Some("acme")),
                rule(Pattern::spiffe("spiffe://prod.example/tenant/{tenant}/*"), None),
                rule(Pattern::dns("*.Acme.internal"), Some("acme")),
                rule(Pattern::dns("{tenant}.svc.internal"), None),
            ],
        }
    }

    fn mapped(names: Vec<SanType>) -> Option<(String, String)> {
        let config = config();
        let certificate = certificate(names).unwrap();
        config.map(&certificate).map(|mapped| (mapped.tenant.to_owned(), mapped.id.as_str().to_owned()))
    }

    #[test]
    fn certificate_speaks_for_the_tenant_that_its_name_is_mapped_to() {
        let id = "spiffe://prod.example/ns/billing/sa/app";
        assert_eq!(mapped(vec![uri(id)]), Some(("acme".into(), id.into())));
        let id = "spiffe://prod.example/tenant/globex/worker";
        assert_eq!(mapped(vec![uri(id)]), Some(("globex".into(), id.into())));
        assert_eq!(
            mapped(vec![dns("other.org"), dns("A.acme.internal")]),
            Some(("acme".into(), "a.acme.internal".into()))
        );
        assert_eq!(mapped(vec![dns("globex.svc.internal")]), Some(("globex".into(), "globex.svc.internal".into())));
    }

    #[test]
    fn name_that_only_looks_like_a_mapped_one_means_nobody() {
        for name in [
            "spiffe://prod.example/ns/billing/sa/app/x",
            "spiffe://prod.example/ns/billing/sa",
            "spiffe://prod.example.evil/ns/billing/sa/app",
            "spiffe://PROD.example/ns/billing/sa/app",
            "spiffe://prod.example:8080/ns/billing/sa/app",
            "spiffe://u@prod.example/ns/billing/sa/app",
            "spiffe://prod.example/ns/billing/sa/app?x",
            "spiffe://prod.example/tenant/../worker",
            "spiffe://prod.example/tenant//worker",
            "spiffe://prod.example/tenant/%67lobex/worker",
            "spiffe://prod.example/tenant/*/worker",
            "https://prod.example/ns/billing/sa/app",
        ] {
            assert_eq!(mapped(vec![uri(name)]), None, "{name}");
        }
        for name in ["acme.internal", "a.b.acme.internal", "a.acme.internal.evil", "*.svc.internal"] {
            assert_eq!(mapped(vec![dns(name)]), None, "{name}");
        }
        assert_eq!(mapped(Vec::new()), None);
    }

    #[test]
    fn certificate_with_two_uris_and_bytes_that_are_none_are_refused() {
        let two = vec![uri("spiffe://prod.example/ns/billing/sa/app"), uri("spiffe://prod.example/tenant/a/b")];
        assert_eq!(certificate(two), Err(CertificateError));
        assert_eq!(ClientCertificate::parse(b"MII"), Err(CertificateError));
    }

    #[test]
    fn end_of_a_certificate_is_the_end_of_what_it_proves() {
        let certificate = certificate(vec![dns("a.acme.internal")]).unwrap();
        assert_eq!(certificate.not_after.to_string(), "2031-01-01T00:00:00Z");
    }

    #[test]
    fn patterns_that_could_match_more_than_meant_are_refused() {
        for wrong in ["prod.example/x", "spiffe://", "spiffe:///x", "spiffe://*/x", "spiffe://a/b*", "spiffe://a/"] {
            assert_eq!(Pattern::spiffe(wrong), Err(PatternError::Spiffe), "{wrong}");
        }
        assert_eq!(Pattern::spiffe("spiffe://a/{tenant}/{tenant}"), Err(PatternError::TwoTenants));
        for wrong in ["acme", "a..b", "a*.b", ".a.b", ""] {
            assert_eq!(Pattern::dns(wrong), Err(PatternError::Dns), "{wrong}");
        }
    }
}
