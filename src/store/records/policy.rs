//! What a tenant's policy may hold of its own targets, provider keys and allowed rules.

use super::check_model;
use crate::tenant::{TenantPolicy, TenantTarget};

/// Every look-up of a key reads its tenant's whole policy.
const PROVIDER_KEYS_MAX: usize = 32;
/// Under all names together.
const TARGETS_MAX: usize = 64;
const UPSTREAM_NAME_MAX: usize = 128;
/// More of them would rather be another level.
const ALLOW_RULES_MAX: usize = 32;
const RULE_ID_MAX: usize = 128;

/// The name of an upstream, as the config has it.
pub fn check_upstream_name(text: &str) -> Result<(), &'static str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let fits = (1..=UPSTREAM_NAME_MAX).contains(&text.len()) && text.bytes().all(plain);
    fits.then_some(()).ok_or("an upstream's name is 1 to 128 letters, digits and `-_.`")
}

/// What one name of a model stands for.
pub fn check_targets(name: &str, targets: &[TenantTarget]) -> Result<(), &'static str> {
    check_model(name)?;
    if targets.is_empty() {
        return Err("a name stands for one target at least");
    }
    targets.iter().try_for_each(|target| {
        check_upstream_name(&target.upstream)?;
        target.model.as_deref().map_or(Ok(()), check_model)
    })
}

/// The ids of rules that a tenant's prompts are not held against. Whether there are such rules is not known here.
pub fn check_allow_rules(rules: &[String]) -> Result<(), &'static str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let is_id = |rule: &String| (1..=RULE_ID_MAX).contains(&rule.len()) && rule.bytes().all(plain);
    match rules.iter().all(is_id) {
        false => Err("a rule's id is 1 to 128 letters, digits and `-_.`"),
        true if rules.len() > ALLOW_RULES_MAX => Err("a tenant has 32 allowed rules at most"),
        true => Ok(()),
    }
}

/// How much of each a tenant may have.
pub fn check_policy_size(policy: &TenantPolicy) -> Result<(), &'static str> {
    if policy.provider_keys.len() > PROVIDER_KEYS_MAX {
        return Err("a tenant has 32 provider keys at most");
    }
    let targets: usize = policy.targets.values().map(Vec::len).sum();
    if targets > TARGETS_MAX { Err("a tenant has 64 targets at most") } else { Ok(()) }
}

pub(super) fn check_policy(policy: &TenantPolicy) -> Result<(), &'static str> {
    policy.targets.iter().try_for_each(|(name, targets)| check_targets(name, targets))?;
    policy.provider_keys.keys().try_for_each(|upstream| check_upstream_name(upstream))?;
    check_allow_rules(&policy.allow_rules)?;
    check_policy_size(policy)
}
