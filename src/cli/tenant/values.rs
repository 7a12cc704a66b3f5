//! What stands on a command line about tenants, each value read and checked.

use crate::scan;
use crate::store::{check_name, check_schema_name, check_targets};
use crate::tenant::{ScanLevel, ScanMode, TenantTarget};

/// What one name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedTargets {
    pub(super) name: String,
    pub(super) targets: Vec<TenantTarget>,
}

/// A tenant's own mode or level, or the config's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScanChoice<T> {
    Default,
    Own(T),
}

impl<T> ScanChoice<T> {
    pub(super) fn own(self) -> Option<T> {
        match self {
            ScanChoice::Default => None,
            ScanChoice::Own(own) => Some(own),
        }
    }
}

pub(in crate::cli) fn name(text: &str) -> Result<String, &'static str> {
    check_name(text).map(|()| text.to_owned())
}

pub(super) fn schema_name(text: &str) -> Result<String, &'static str> {
    check_schema_name(text).map(|()| text.to_owned())
}

pub(super) fn target(text: &str) -> Result<NamedTargets, &'static str> {
    let form = "targets are NAME=UPSTREAM:MODEL, with commas between several, such as reasoning=openai:gpt-4o";
    let (name, listed) = text.split_once('=').ok_or(form)?;
    let one = |text: &str| {
        let (upstream, model) = text.split_once(':').map_or((text, None), |(upstream, model)| (upstream, Some(model)));
        TenantTarget { upstream: upstream.to_owned(), model: model.map(str::to_owned) }
    };
    let targets: Vec<TenantTarget> = listed.split(',').map(one).collect();
    check_targets(name, &targets)?;
    Ok(NamedTargets { name: name.to_owned(), targets })
}

pub(super) fn on_or_off(text: &str) -> Result<bool, &'static str> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("hedging is on or off"),
    }
}

pub(in crate::cli) fn scan_mode(text: &str) -> Result<ScanMode, &'static str> {
    let modes = [ScanMode::Block, ScanMode::Sanitize, ScanMode::Flag, ScanMode::Shadow];
    modes.into_iter().find(|mode| mode.as_str() == text).ok_or("a scan mode is block, sanitize, flag or shadow")
}

pub(in crate::cli) fn scan_level(text: &str) -> Result<ScanLevel, &'static str> {
    let level = ScanLevel::ALL.into_iter().find(|level| level.as_str() == text);
    level.ok_or("a scan level is strict, balanced or sensitive")
}

pub(super) fn scan_choice(text: &str) -> Result<ScanChoice<ScanMode>, &'static str> {
    if text == "default" {
        return Ok(ScanChoice::Default);
    }
    scan_mode(text).map(ScanChoice::Own).map_err(|_| "a scan mode is block, sanitize, flag, shadow or default")
}

pub(super) fn level_choice(text: &str) -> Result<ScanChoice<ScanLevel>, &'static str> {
    if text == "default" {
        return Ok(ScanChoice::Default);
    }
    scan_level(text).map(ScanChoice::Own).map_err(|_| "a scan level is strict, balanced, sensitive or default")
}

pub(super) fn rule(text: &str) -> Result<String, &'static str> {
    let known = scan::is_rule(text).then(|| text.to_owned());
    known.ok_or("no rule has this id; `wardgate scan --rules` lists them")
}
