//! Which targets a call has, and in which order.
//!
//! A tenant's own targets come before the config's groups. A name that neither knows passes as it is, to every upstream
//! that speaks the call's dialect, in the config's order, and then to the others.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use super::breaker::Breaker;
use super::config::{Apis, Config, ModelGroup, Upstream};
use super::latency::Latencies;
use super::translate::{Format, Pair};
use crate::backoff::random_share;
use crate::call::Call;
use crate::route::Endpoint;
use crate::tenant::TenantTarget;

/// An upstream and a model of it, as all workers share it.
pub(super) struct Target {
    /// Among all targets.
    pub(super) index: usize,
    /// Index into `Config::upstreams`.
    pub(super) upstream: usize,
    /// As the config names it; none for all that it does not name.
    pub(super) model: Option<String>,
    pub(super) breaker: Arc<Breaker>,
    pub(super) latencies: Latencies,
}

/// Every target that the config names.
pub(super) struct Targets {
    upstreams: Vec<Arc<Upstream>>,
    /// One for each upstream, by its index, for names that no group has; behind them one for each upstream's models.
    all: Vec<Target>,
    named: HashMap<(usize, String), usize>,
    groups: Vec<ModelGroup>,
    names: Names,
}

/// A target of one call.
#[derive(Clone)]
pub(super) struct Candidate<'a> {
    pub(super) target: &'a Target,
    pub(super) upstream: &'a Upstream,
    /// The upstream's name for the model; the one that was asked for where there is none.
    pub(super) model: Option<&'a str>,
    pub(super) wire: Wire,
    pub(super) context_window: Option<u64>,
    /// Nobody said that it has a model of the name that the caller has for it.
    pub(super) is_a_guess: bool,
    rank: u32,
    weight: u32,
}

/// How a call reaches an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    /// Byte by byte, but for what is spliced in.
    Native,
    Translated(Pair),
}

/// Groups by the names that clients ask for.
#[derive(Default)]
struct Names {
    exact: HashMap<String, usize>,
    /// What stands before a `*`, the longest first.
    prefixes: Vec<(String, usize)>,
}

impl Targets {
    pub(super) fn new(config: Config) -> Targets {
        let breaker = || Breaker::new(config.failover.breaker);
        let target = |index, upstream, model| Target {
            index,
            upstream,
            model,
            breaker: breaker(),
            latencies: Latencies::default(),
        };
        let mut all: Vec<Target> = (0..config.upstreams.len()).map(|index| target(index, index, None)).collect();
        let mut named = HashMap::new();
        for each in config.models.iter().flat_map(|group| &group.targets) {
            let Some(model) = &each.model else { continue };
            named.entry((each.upstream, model.clone())).or_insert_with(|| {
                all.push(target(all.len(), each.upstream, Some(model.clone())));
                all.len() - 1
            });
        }
        let upstreams = config.upstreams.into_iter().map(Arc::new).collect();
        Targets { upstreams, all, named, names: Names::of(&config.models), groups: config.models }
    }

    pub(super) fn upstreams(&self) -> &[Arc<Upstream>] {
        &self.upstreams
    }

    pub(super) fn all(&self) -> &[Target] {
        &self.all
    }

    pub(super) fn groups(&self) -> &[ModelGroup] {
        &self.groups
    }

    /// The targets of a call, in the order in which they are tried.
    pub(super) fn of<'a>(&'a self, call: &'a Call) -> Vec<Candidate<'a>> {
        let policy = call.principal().map(|principal| &principal.tenant.policy);
        let own = call.model().and_then(|model| policy?.targets.get(model));
        if let Some(own) = own {
            return self.of_tenant(own, call);
        }
        match call.model().and_then(|model| self.names.find(model)) {
            Some(group) => self.of_group(&self.groups[group], call),
            None => self.unnamed(call),
        }
    }

    /// Upstreams that the config no longer has are passed over.
    fn of_tenant<'a>(&'a self, own: &'a [TenantTarget], call: &Call) -> Vec<Candidate<'a>> {
        let candidates = own.iter().zip(0..).filter_map(|(own, rank)| {
            let upstream = self.upstreams.iter().position(|upstream| *upstream.name == *own.upstream)?;
            let candidate = self.candidate(upstream, own.model.as_deref(), call)?;
            Some(Candidate { rank, ..candidate })
        });
        candidates.collect()
    }

    fn of_group<'a>(&'a self, group: &'a ModelGroup, call: &Call) -> Vec<Candidate<'a>> {
        let candidates = group.targets.iter().filter_map(|target| {
            let candidate = self.candidate(target.upstream, target.model.as_deref(), call)?;
            let (rank, weight) = (target.rank, target.weight);
            Some(Candidate { rank, weight, context_window: target.context_window, ..candidate })
        });
        let mut candidates = candidates.collect();
        take_turns(&mut candidates);
        candidates
    }

    /// Who speaks the call's dialect comes first, in the config's order. The others are asked for the model that the
    /// config has for such calls, or else, as a guess, for the one that the caller named.
    fn unnamed<'a>(&'a self, call: &Call) -> Vec<Candidate<'a>> {
        let candidate = |upstream| self.candidate(upstream, None, call);
        let (native, translated): (Vec<_>, Vec<_>) =
            (0..self.upstreams.len()).filter_map(candidate).partition(|each| each.wire == Wire::Native);
        let translated = translated.into_iter().map(|each| {
            let model = each.upstream.model.as_deref();
            Candidate { model, is_a_guess: model.is_none(), ..each }
        });
        native.into_iter().chain(translated).collect()
    }

    /// Nothing where the upstream has no way to take the call.
    fn candidate<'a>(&'a self, index: usize, model: Option<&'a str>, call: &Call) -> Option<Candidate<'a>> {
        let upstream = &*self.upstreams[index];
        let wire = wire(upstream, call)?;
        let named = model.and_then(|model| self.named.get(&(index, model.to_owned())));
        let target = &self.all[named.copied().unwrap_or(index)];
        Some(Candidate { target, upstream, model, wire, context_window: None, is_a_guess: false, rank: 0, weight: 1 })
    }
}

fn wire(upstream: &Upstream, call: &Call) -> Option<Wire> {
    let endpoint = call.endpoint();
    if upstream.dialect.understands(call.dialect()) && upstream.apis.have(endpoint) {
        return Some(Wire::Native);
    }
    let caller = Format::of(endpoint)?;
    let formats = [
        (Format::Chat, upstream.apis.chat_completions),
        (Format::Messages, upstream.apis.messages),
        (Format::Responses, upstream.apis.responses),
    ];
    // Chat completions before responses: more servers have them, and have them whole.
    let (upstream, _) = formats.into_iter().find(|(format, has)| *has && *format != caller)?;
    Some(Wire::Translated(Pair { caller, upstream }))
}

impl Apis {
    fn have(self, endpoint: Endpoint) -> bool {
        match Format::of(endpoint) {
            Some(Format::Chat) => self.chat_completions,
            Some(Format::Messages) => self.messages,
            Some(Format::Responses) => self.responses,
            None => true,
        }
    }
}

impl Names {
    fn of(groups: &[ModelGroup]) -> Names {
        let mut names = Names::default();
        for (index, group) in groups.iter().enumerate() {
            for name in std::iter::once(&group.name).chain(&group.aliases) {
                match name.strip_suffix('*') {
                    Some(prefix) => names.prefixes.push((prefix.to_owned(), index)),
                    None => drop(names.exact.insert(name.clone(), index)),
                }
            }
        }
        names.prefixes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        names
    }

    /// An exact name before any `*`, and the longer of these before the shorter.
    fn find(&self, model: &str) -> Option<usize> {
        let exact = self.exact.get(model).copied();
        exact.or_else(|| self.prefixes.iter().find(|(prefix, _)| model.starts_with(prefix)).map(|(_, group)| *group))
    }
}

/// Targets of one rank come in an order that is drawn by their weights (Efraimidis and Spirakis, 2006): each draws a
/// number, and the greatest is the first. Without random numbers the order is the config's.
fn take_turns(candidates: &mut Vec<Candidate<'_>>) {
    let shares_a_rank = candidates.windows(2).any(|pair| pair[0].rank == pair[1].rank);
    if !shares_a_rank {
        return;
    }
    let mut drawn: Vec<(f64, Candidate<'_>)> = candidates
        .drain(..)
        .map(|each| (random_share().unwrap_or(1.0).powf(1.0 / f64::from(each.weight)), each))
        .collect();
    drawn.sort_by(|(first, a), (second, b)| a.rank.cmp(&b.rank).then(descending(*first, *second)));
    candidates.extend(drawn.into_iter().map(|(_, each)| each));
}

fn descending(first: f64, second: f64) -> Ordering {
    second.partial_cmp(&first).unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests;
