//! What the scanner is told.

use std::collections::HashMap;

use super::Resolver;
use crate::config::raw::{self, SourceMode};
use crate::scan::{self, Category};
use crate::tenant::{ScanMode, ScanTerms};

/// A sample has a beginning, an end and something in between.
const BYTES_MIN: usize = 4 << 10;

impl Resolver<'_> {
    pub(in crate::config) fn scan(&mut self) -> scan::Config {
        let raw = &self.raw.scan;
        let defaults = scan::Config::default();
        for (index, id) in raw.allow_rules.iter().enumerate() {
            if !scan::is_rule(id) {
                let message = "no rule has this id; `wardgate scan --rules` lists them";
                self.wrong(&format!("scan.allow_rules[{index}]"), message);
            }
        }
        if raw.tools.mode.is_none() && raw.tools.level.is_some() {
            self.wrong(
                "scan.tools.level",
                "results of tools are not scanned unless they have a mode: write one beside it",
            );
        }
        let bytes_max = raw.max_bytes.map_or(defaults.bytes_max, |size| size.0);
        if bytes_max < BYTES_MIN {
            self.wrong("scan.max_bytes", "4KiB at least are scanned");
        }
        scan::Config {
            mode: raw.mode.unwrap_or(defaults.mode),
            level: raw.level.unwrap_or(defaults.level),
            categories: raw.categories.clone().unwrap_or(defaults.categories),
            by_category: by_category(&raw.by_category),
            tools: raw.tools.mode.and_then(|_| source(raw.tools)),
            documents: source(raw.documents),
            allow_rules: raw.allow_rules.clone(),
            log_text: raw.log_text.unwrap_or(defaults.log_text),
            bytes_max,
            oversize: raw.oversize.unwrap_or(defaults.oversize),
        }
    }
}

pub(super) fn terms(raw: raw::Terms) -> ScanTerms {
    ScanTerms { mode: raw.mode, level: raw.level }
}

fn by_category(raw: &raw::ByCategory) -> HashMap<Category, ScanTerms> {
    let of = |category| match category {
        Category::Override => raw.overriding,
        Category::Exfiltration => raw.exfiltration,
        Category::Hijacking => raw.hijacking,
        Category::Control => raw.control,
    };
    Category::ALL.into_iter().map(|category| (category, terms(of(category)))).collect()
}

/// `None` where such texts are not scanned.
fn source(raw: raw::SourceTerms) -> Option<ScanTerms> {
    let mode = match raw.mode {
        None => None,
        Some(SourceMode::Off) => return None,
        Some(SourceMode::Shadow) => Some(ScanMode::Shadow),
        Some(SourceMode::Flag) => Some(ScanMode::Flag),
        Some(SourceMode::Sanitize) => Some(ScanMode::Sanitize),
        Some(SourceMode::Block) => Some(ScanMode::Block),
    };
    Some(ScanTerms { mode, level: raw.level })
}
