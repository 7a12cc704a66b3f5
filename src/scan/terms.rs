//! What is scanned, how sure a finding has to be, and what it leads to: as the config, the route and the tenant have it.

use std::collections::HashMap;

use super::{Category, Level, MODEL};
use crate::policy::Permit;
use crate::prompt::Source;
use crate::tenant::{ScanMode, ScanTerms, TenantPolicy};

#[derive(Clone, Debug)]
pub struct Config {
    pub mode: ScanMode,
    pub level: Level,
    /// What is looked for at all.
    pub categories: Vec<Category>,
    pub by_category: HashMap<Category, ScanTerms>,
    /// What tools gave back; `None` is not looked at.
    pub tools: Option<ScanTerms>,
    /// What is attached; `None` is not looked at.
    pub documents: Option<ScanTerms>,
    /// Ids of rules that are not applied.
    pub allow_rules: Vec<String>,
    /// Whether the log has what was found, and not only its digest.
    pub log_text: bool,
    /// Bytes of text in one request that are scanned.
    pub bytes_max: usize,
    pub oversize: Oversize,
}

/// What becomes of a request with more text than is scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Oversize {
    /// Its beginning, its end, and pieces in between that nobody can foretell are scanned.
    Sample,
    /// Refused with 413.
    Refuse,
}

/// 13 ms of a core at the 40 MB/s that the scanner is held to, and the user's share of a conversation that fills a model's window of 200,000 tokens.
const DEFAULT_BYTES_MAX: usize = 512 << 10;

impl Default for Config {
    fn default() -> Config {
        Config {
            mode: ScanMode::Block,
            level: Level::Balanced,
            categories: Category::ALL.to_vec(),
            by_category: HashMap::new(),
            tools: None,
            documents: Some(ScanTerms::default()),
            allow_rules: Vec::new(),
            log_text: false,
            bytes_max: DEFAULT_BYTES_MAX,
            oversize: Oversize::Sample,
        }
    }
}

/// What holds for one request.
#[derive(Clone, Copy)]
pub(super) struct Terms<'a> {
    config: &'a Config,
    tenant: Option<&'a TenantPolicy>,
    /// The tenant's, and behind it the route's.
    above: ScanTerms,
}

impl<'a> Terms<'a> {
    pub(super) fn new(config: &'a Config, permit: &'a Permit) -> Terms<'a> {
        let tenant = permit.principal().map(|principal| &principal.tenant.policy);
        let own = tenant.map(|policy| ScanTerms { mode: policy.scan_mode, level: policy.scan_level });
        Terms { config, tenant, above: own.unwrap_or_default().or(permit.route().scan) }
    }

    /// For whoever is nobody's tenant.
    pub(super) fn of_config(config: &'a Config) -> Terms<'a> {
        Terms { config, tenant: None, above: ScanTerms::default() }
    }

    /// What holds for a category in a text of this source. Whoever is nearest to the request has the first word: the
    /// tenant, the route, then of the config what it says of the source, of the category, and of all.
    pub(super) fn of(&self, source: Source, category: Category) -> (ScanMode, Level) {
        let of_category = self.config.by_category.get(&category).copied().unwrap_or_default();
        let said = self.above.or(self.of_source(source).unwrap_or_default()).or(of_category);
        (said.mode.unwrap_or(self.config.mode), said.level.unwrap_or(self.config.level))
    }

    /// Whether it matters of which category a finding is in a text of this source.
    pub(super) fn tells_categories_apart(&self, source: Source) -> bool {
        let of = |category: &Category| (self.looks_for(*category), self.of(source, *category));
        Category::ALL.iter().any(|category| of(category) != of(&Category::ALL[0]))
    }

    /// Whether texts of this source are looked at.
    pub(super) fn looks_at(&self, source: Source) -> bool {
        self.has(source) && !self.config.categories.is_empty()
    }

    /// Whether the config has terms for texts of this source.
    pub(super) fn has(&self, source: Source) -> bool {
        self.of_source(source).is_some()
    }

    pub(super) fn looks_for(&self, category: Category) -> bool {
        self.config.categories.contains(&category)
    }

    /// Documents that have nothing of their own are the user's, and read with what the user says.
    pub(super) fn counts_as(&self, source: Source) -> Source {
        let is_users = source == Source::Document && self.config.documents == Some(ScanTerms::default());
        if is_users { Source::User } else { source }
    }

    pub(super) fn allows(&self, rule: &str) -> bool {
        self.allowed().any(|id| id == rule)
    }

    /// Whether a rule is left out, and not only the model.
    pub(super) fn allows_a_rule(&self) -> bool {
        self.allowed().any(|id| id != MODEL)
    }

    fn allowed(&self) -> impl Iterator<Item = &'a String> {
        self.config.allow_rules.iter().chain(self.tenant.into_iter().flat_map(|policy| &policy.allow_rules))
    }

    fn of_source(&self, source: Source) -> Option<ScanTerms> {
        match source {
            Source::User => Some(ScanTerms::default()),
            Source::Tool => self.config.tools,
            Source::Document => self.config.documents,
        }
    }

    /// Whether there is nothing that a finding in such a text would change.
    pub(super) fn only_watches(&self, source: Source) -> bool {
        self.config.categories.iter().all(|category| self.of(source, *category).0 == ScanMode::Shadow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(mode: ScanMode) -> ScanTerms {
        ScanTerms { mode: Some(mode), level: None }
    }

    #[test]
    fn nearest_to_the_request_has_the_first_word() {
        let config = Config {
            mode: ScanMode::Shadow,
            by_category: HashMap::from([(Category::Control, mode(ScanMode::Flag))]),
            tools: Some(ScanTerms { mode: Some(ScanMode::Sanitize), level: Some(Level::Strict) }),
            ..Config::default()
        };
        let terms = Terms::of_config(&config);
        assert_eq!(terms.of(Source::User, Category::Override), (ScanMode::Shadow, Level::Balanced));
        assert_eq!(terms.of(Source::User, Category::Control), (ScanMode::Flag, Level::Balanced));
        assert_eq!(terms.of(Source::Tool, Category::Control), (ScanMode::Sanitize, Level::Strict));
        let above = Terms { above: mode(ScanMode::Block), ..terms };
        assert_eq!(above.of(Source::Tool, Category::Control), (ScanMode::Block, Level::Strict));
    }

    #[test]
    fn tools_are_looked_at_where_the_config_says_so_and_nothing_is_where_nothing_is_looked_for() {
        let config = Config::default();
        let looks = |source| Terms::of_config(&config).looks_at(source);
        assert_eq!((looks(Source::User), looks(Source::Document), looks(Source::Tool)), (true, true, false));
        let nothing = Config { categories: Vec::new(), ..Config::default() };
        assert!(!Terms::of_config(&nothing).looks_at(Source::User));
    }
}
