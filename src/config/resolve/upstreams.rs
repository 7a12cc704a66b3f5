//! Upstreams, models and failover.

use std::path::PathBuf;
use std::time::Duration;

use http::StatusCode;

use super::Resolver;
use crate::config::raw::Span;
use crate::config::raw::upstreams::{self as raw, Api, MetadataPart};
use crate::route::Dialect;
use crate::upstream;
use crate::upstream::config::{
    Apis, Backoff, BaseUrl, BreakerConfig, CALLERS_FAULTS, Failover, HealthCheck, Hedging, Metadata, ModelGroup,
    ModelTarget, Protocol, RetryBudget, Timeouts, Upstream,
};

impl Resolver<'_> {
    pub(super) fn upstreams(&mut self) -> upstream::Config {
        if self.raw.upstreams.is_empty() && !self.tree.contains("upstreams[0]") {
            self.wrong("upstreams", "at least one upstream is needed: name, dialect, url and api_key");
        }
        let mut upstreams: Vec<Upstream> = Vec::new();
        for (index, raw) in self.raw.upstreams.iter().enumerate() {
            let path = format!("upstreams[{index}]");
            if upstreams.iter().any(|earlier| *earlier.name == raw.name) {
                self.wrong(&format!("{path}.name"), "another upstream has this name");
            }
            upstreams.extend(self.upstream(&path, raw));
        }
        let models = self.models(&upstreams);
        upstream::Config { upstreams, models, failover: self.failover() }
    }

    fn upstream(&mut self, path: &str, raw: &raw::Upstream) -> Option<Upstream> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        if raw.name.is_empty() || !raw.name.bytes().all(plain) {
            self.wrong(&format!("{path}.name"), "an upstream's name is letters, digits and `-_.`");
        }
        let credential = raw.api_key.as_ref().and_then(|secret| {
            let path = format!("{path}.api_key");
            let source = self.secret(&path, secret)?;
            self.parsed(&path, source.read())?;
            Some(source)
        });
        let base = self.parsed(&format!("{path}.url"), BaseUrl::parse(&raw.url))?;
        if let Some(ca) = &raw.tls.ca
            && let Err(error) = std::fs::metadata(ca)
        {
            self.wrong(&format!("{path}.tls.ca"), &format!("the file cannot be read: {error}"));
        }
        let told = |part| match &raw.metadata {
            Some(parts) => parts.contains(&part),
            None => part == MetadataPart::Headers || raw.dialect != Dialect::Any,
        };
        Some(Upstream {
            name: raw.name.as_str().into(),
            dialect: raw.dialect,
            base,
            credential,
            model: raw.model.clone(),
            apis: self.apis(path, raw),
            metadata: Metadata { headers: told(MetadataPart::Headers), body: told(MetadataPart::Body) },
            protocol: raw.protocol.unwrap_or(Protocol::Auto),
            timeouts: self.timeouts(path, &raw.timeouts),
            ca_file: raw.tls.ca.as_ref().map(PathBuf::from),
            health: raw.health.as_ref().and_then(|health| self.health(path, health)),
        })
    }

    fn apis(&mut self, path: &str, raw: &raw::Upstream) -> Apis {
        let all = Apis::of(raw.dialect);
        let Some(listed) = &raw.apis else { return all };
        let has = |api| listed.contains(&api);
        let apis = Apis {
            chat_completions: has(Api::ChatCompletions),
            responses: has(Api::Responses),
            messages: has(Api::Messages),
        };
        let foreign = apis.chat_completions && !all.chat_completions
            || apis.responses && !all.responses
            || apis.messages && !all.messages;
        if foreign {
            let message = "chat_completions and responses are openai's, messages is anthropic's; any may have all";
            self.wrong(&format!("{path}.apis"), message);
        }
        apis
    }

    fn timeouts(&mut self, path: &str, raw: &raw::Timeouts) -> Timeouts {
        let defaults = Timeouts::default();
        let shared = &self.raw.failover;
        let first_byte = self.positive("failover.first_byte_timeout", shared.first_byte_timeout, defaults.first_byte);
        let idle = self.positive("failover.idle_timeout", shared.idle_timeout, defaults.idle);
        let mut own = |key: &str, span, default| self.positive(&format!("{path}.timeouts.{key}"), span, default);
        Timeouts {
            connect: own("connect", raw.connect, defaults.connect),
            tls: own("tls", raw.tls, defaults.tls),
            first_byte: own("first_byte", raw.first_byte, first_byte),
            idle: own("idle", raw.idle, idle),
        }
    }

    fn health(&mut self, path: &str, raw: &raw::Health) -> Option<HealthCheck> {
        let path = format!("{path}.health");
        let is_path = raw.path.starts_with('/') && raw.path.parse::<http::uri::PathAndQuery>().is_ok();
        if !is_path {
            self.wrong(&format!("{path}.path"), "a path begins with `/`, such as /health");
            return None;
        }
        Some(HealthCheck {
            path: raw.path.clone(),
            interval: self.positive(
                &format!("{path}.interval"),
                raw.interval,
                upstream::config::DEFAULT_HEALTH_INTERVAL,
            ),
            timeout: self.positive(&format!("{path}.timeout"), raw.timeout, upstream::config::DEFAULT_HEALTH_TIMEOUT),
            failures: self.some(&format!("{path}.failures"), raw.failures, upstream::config::DEFAULT_HEALTH_FAILURES),
        })
    }

    fn models(&mut self, upstreams: &[Upstream]) -> Vec<ModelGroup> {
        let mut groups: Vec<ModelGroup> = Vec::new();
        let mut known: Vec<&String> = Vec::new();
        for (index, raw) in self.raw.models.iter().enumerate() {
            let path = format!("models[{index}]");
            let aliases = raw.aliases.iter().enumerate().map(|(index, alias)| (format!("aliases[{index}]"), alias));
            for (key, name) in std::iter::once(("name".to_owned(), &raw.name)).chain(aliases) {
                let place = format!("{path}.{key}");
                if known.contains(&name) {
                    self.wrong(&place, "another model has this name");
                }
                if name.is_empty() || name.trim_end_matches('*').contains('*') || name.ends_with("**") {
                    self.wrong(&place, "a model's name is some text, with one `*` at its end where it stands for many");
                }
                known.push(name);
            }
            if raw.targets.is_empty() {
                self.wrong(&format!("{path}.targets"), "a model needs at least one target: upstream and model");
            }
            let targets = self.model_targets(&path, &raw.targets, upstreams);
            groups.push(ModelGroup { name: raw.name.clone(), aliases: raw.aliases.clone(), targets });
        }
        groups
    }

    fn model_targets(&mut self, path: &str, raw: &[raw::Target], upstreams: &[Upstream]) -> Vec<ModelTarget> {
        let mut targets = Vec::new();
        let mut before: u32 = 0;
        for (index, target) in raw.iter().enumerate() {
            let path = format!("{path}.targets[{index}]");
            let rank = target.rank.unwrap_or(before.saturating_add(1));
            before = rank;
            let weight = self.some(&format!("{path}.weight"), target.weight, 1);
            match upstreams.iter().position(|upstream| *upstream.name == target.upstream) {
                Some(upstream) => targets.push(ModelTarget {
                    upstream,
                    model: target.model.clone(),
                    rank,
                    weight,
                    context_window: target.context_window,
                }),
                None => self.wrong(&format!("{path}.upstream"), "no upstream has this name"),
            }
        }
        targets.sort_by_key(|target| target.rank);
        targets
    }

    fn failover(&mut self) -> Failover {
        let raw = &self.raw.failover;
        let defaults = Failover::default();
        let statuses = raw.statuses.as_ref().map(|codes| self.statuses(codes));
        Failover {
            statuses: statuses.unwrap_or(defaults.statuses),
            deadline: self.positive("failover.deadline", raw.deadline, defaults.deadline),
            keep_alive: raw.keep_alive.map_or(defaults.keep_alive, |span| span.0),
            retry_budget: RetryBudget {
                ratio: self.share("failover.retry_budget.ratio", raw.retry_budget.ratio, defaults.retry_budget.ratio),
                per_second_min: raw.retry_budget.per_second_min.map_or(defaults.retry_budget.per_second_min, f64::from),
            },
            backoff: self.backoff(&raw.backoff, defaults.backoff),
            breaker: self.breaker(&raw.breaker, defaults.breaker),
            hedging: Hedging {
                quantile: self.share("failover.hedging.quantile", raw.hedging.quantile, defaults.hedging.quantile),
                share_max: self.share("failover.hedging.share_max", raw.hedging.share_max, defaults.hedging.share_max),
            },
        }
    }

    fn backoff(&mut self, raw: &raw::Backoff, defaults: Backoff) -> Backoff {
        let (shortest, longest) = (("min", raw.min, defaults.min), ("max", raw.max, defaults.max));
        let (min, max) = self.growing("failover.backoff", shortest, longest);
        Backoff { min, max }
    }

    fn breaker(&mut self, raw: &raw::Breaker, defaults: BreakerConfig) -> BreakerConfig {
        let shortest = ("open_min", raw.open_min, defaults.open_min);
        let longest = ("open_max", raw.open_max, defaults.open_max);
        let (open_min, open_max) = self.growing("failover.breaker", shortest, longest);
        BreakerConfig {
            failures: self.some("failover.breaker.failures", raw.failures, defaults.failures),
            failure_ratio: self.share("failover.breaker.failure_ratio", raw.failure_ratio, defaults.failure_ratio),
            requests_min: self.some("failover.breaker.requests_min", raw.requests_min, defaults.requests_min),
            window: self.positive("failover.breaker.window", raw.window, defaults.window),
            open_min,
            open_max,
        }
    }

    /// Two spans, each with its key and default, of which the second may not be the shorter one. Whoever sets one alone
    /// moves the other's default along.
    fn growing(
        &mut self,
        path: &str,
        (min_key, min, min_default): (&str, Option<Span>, Duration),
        (max_key, max, max_default): (&str, Option<Span>, Duration),
    ) -> (Duration, Duration) {
        let least = self.positive(&format!("{path}.{min_key}"), min, min_default);
        let most = self.positive(&format!("{path}.{max_key}"), max, max_default);
        if min.is_some() && max.is_some() && least > most {
            self.wrong(&format!("{path}.{max_key}"), &format!("this is shorter than {min_key}"));
        }
        if min.is_some() { (least, most.max(least)) } else { (least.min(most), most) }
    }

    fn share(&mut self, path: &str, share: Option<f64>, default: f64) -> f64 {
        let share = share.unwrap_or(default);
        if !(0.0..=1.0).contains(&share) {
            self.wrong(path, "a share is a number from 0 to 1");
        }
        share
    }

    fn statuses(&mut self, codes: &[u16]) -> Vec<StatusCode> {
        let mut statuses = Vec::new();
        for (index, code) in codes.iter().enumerate() {
            let place = format!("failover.statuses[{index}]");
            match StatusCode::from_u16(*code) {
                Ok(_) if CALLERS_FAULTS.contains(code) => {
                    let message = "400, 401, 403, 404, 413 and 422 say what the caller did wrong, and every upstream would say it: leave them out";
                    self.wrong(&place, message);
                }
                Ok(status) if *code >= 400 => statuses.push(status),
                _ => self.wrong(&place, "a failure's status is 400 to 999"),
            }
        }
        statuses
    }

    pub(super) fn check_app_routes_lead_somewhere(&mut self, upstreams: &upstream::Config) {
        let takes_apps = upstreams.upstreams.iter().any(|upstream| upstream.dialect == Dialect::Any);
        if !self.raw.routes.is_empty() && !takes_apps && !upstreams.upstreams.is_empty() {
            self.wrong("routes", "routes of your own go to upstreams of dialect `any`, and there is none");
        }
    }
}
