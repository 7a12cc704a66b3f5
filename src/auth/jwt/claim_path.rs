//! The way to a claim.

use crate::prompt::json::{Kind, Value};

/// Where a claim stands: a name, or the names on the way to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPath(Vec<String>);

/// A JSON Pointer escapes `~` as `~0` and `/` as `~1` (RFC 6901, section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a claim is a name, or a JSON Pointer such as /realm_access/roles, in which ~0 is a `~` and ~1 a `/`")]
pub struct ClaimPathError;

impl ClaimPath {
    pub fn of_name(name: &str) -> ClaimPath {
        ClaimPath(vec![name.to_owned()])
    }

    /// A pointer where it begins with `/`, else a name: names with dots, colons and slashes within are common.
    pub fn parse(text: &str) -> Result<ClaimPath, ClaimPathError> {
        let Some(pointer) = text.strip_prefix('/') else {
            return if text.is_empty() { Err(ClaimPathError) } else { Ok(ClaimPath::of_name(text)) };
        };
        pointer.split('/').map(unescaped).collect::<Option<_>>().map(ClaimPath).ok_or(ClaimPathError)
    }

    pub(super) fn find<'a>(&self, claims: Value<'a>) -> Option<Value<'a>> {
        self.0.iter().try_fold(claims, |value, step| match value.kind() {
            Kind::Array => value.elements().nth(step.parse().ok()?),
            _ => value.get(step),
        })
    }
}

fn unescaped(step: &str) -> Option<String> {
    let mut parts = step.split('~');
    let mut text = parts.next()?.to_owned();
    for part in parts {
        text.push(match part.as_bytes().first()? {
            b'0' => '~',
            b'1' => '/',
            _ => return None,
        });
        text.push_str(&part[1..]);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claim_is_a_name_or_a_pointer() {
        assert_eq!(
            ClaimPath::parse("https://acme.example/tenant"),
            Ok(ClaimPath::of_name("https://acme.example/tenant"))
        );
        let nested = ClaimPath::parse("/https:~1~1acme.example~1te~0nant/id").unwrap();
        assert_eq!(nested, ClaimPath(vec!["https://acme.example/te~nant".into(), "id".into()]));
        for wrong in ["", "/a~2b", "/a~"] {
            assert_eq!(ClaimPath::parse(wrong), Err(ClaimPathError), "{wrong:?}");
        }
    }
}
