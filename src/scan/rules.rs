//! The rules, as data.
//!
//! A rule is a phrase family: a literal that opens the search, a pattern that decides, and
//! examples. Every example is run by the test below, so a rule reads as its own documentation.

use std::ops::Range;

use crate::scan::finding::{Category, Severity};

mod control;
mod exfiltration;
mod feints;
mod hijacking;
mod indirect;
mod languages;
mod overriding;
mod personas;
mod pleading;
mod readers;
mod secrets;
mod stems;

/// One thing that the scan looks for.
pub(crate) struct Rule {
    /// `category.name`, with the language as a last part where the rule is not about English.
    pub(crate) id: &'static str,
    pub(crate) category: Category,
    /// Of a match. What stands behind `{mild}` in the pattern, as honest texts say it too, is `Medium` at most; and what
    /// stands around a match may weaken it (`framing`).
    pub(crate) severity: Severity,
    pub(crate) find: Find,
    /// Texts that must lead to this finding.
    #[cfg_attr(not(test), expect(dead_code, reason = "examples are for readers and tests"))]
    pub(crate) matches: &'static [&'static str],
    /// Texts that must not.
    #[cfg_attr(not(test), expect(dead_code, reason = "examples are for readers and tests"))]
    pub(crate) passes: &'static [&'static str],
}

/// How a rule finds its place in a text.
#[derive(Clone, Copy)]
pub(crate) enum Find {
    /// A pattern in the language of `words`, tried only near one of the literals.
    ///
    /// Every match must contain a literal, and literals should be rare in honest text.
    Words { literals: &'static [&'static str], reach: Reach, pattern: &'static str },
    /// A pattern of two halves, such as a verb and what it is done to, tried only where a literal
    /// of each stands close to one of the other, in either order.
    ///
    /// Every match must contain one of each. Those of the rare half are looked for in every text,
    /// and should be rare; those of the other half only near them, and may be common.
    Both { rare: &'static [&'static str], other: &'static [&'static str], pattern: &'static str },
    /// A look at the shape of the original text, run for every text.
    Shape(fn(&str) -> Option<Range<usize>>),
    /// A look at the original text that is spared for plain ASCII.
    Hidden(fn(&str) -> Option<Range<usize>>),
}

/// Where a pattern reaches from its literals. It decides how much text is searched for each.
#[derive(Clone, Copy)]
pub(crate) enum Reach {
    /// Literals stand at the start of a match.
    Ahead,
    /// Literals stand at the end of a match.
    Back,
    /// Literals stand anywhere in a match.
    Around,
    /// The same for the rare one of two halves, of which no match is long.
    Near,
}

pub(crate) fn all() -> impl Iterator<Item = &'static Rule> {
    [
        overriding::RULES,
        exfiltration::RULES,
        secrets::RULES,
        indirect::RULES,
        hijacking::RULES,
        feints::RULES,
        personas::RULES,
        pleading::RULES,
        readers::RULES,
        control::RULES,
    ]
    .into_iter()
    .chain(languages::RULES.iter().copied().flatten().copied())
    .flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::scan::{MODEL, Scanner};

    #[test]
    fn every_rule_finds_its_matches_and_lets_its_passes_pass() {
        let set = Scanner::builtin();
        let finds = |rule: &Rule, text| set.scan(text).findings.iter().any(|f| f.rule == rule.id);
        let mut wrong = Vec::new();
        for rule in all() {
            let missed = rule.matches.iter().filter(|text| !finds(rule, text));
            wrong.extend(missed.map(|text| format!("{} misses {text:?}", rule.id)));
            let hit = rule.passes.iter().filter(|text| finds(rule, text));
            wrong.extend(hit.map(|text| format!("{} finds {text:?}", rule.id)));
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// Support, code, translation and work, in words that rules look for. Rules that took them for attacks blocked them.
    #[test]
    fn no_everyday_text_is_an_attack_by_a_rule_alone() {
        let set = Scanner::builtin();
        let is_sure =
            |text: &&str| set.scan(text).findings.iter().any(|f| f.rule != MODEL && f.severity == Severity::High);
        assert_eq!(include_str!("rules/honest.txt").lines().filter(is_sure).collect::<Vec<_>>(), [] as [&str; 0]);
    }

    #[test]
    fn attacks_in_many_words_are_found_by_rules() {
        let set = Scanner::builtin();
        let passes = |text: &&str| {
            let findings = set.scan(text).findings;
            findings.iter().all(|f| f.rule == MODEL || f.severity == Severity::Low)
        };
        assert_eq!(include_str!("rules/attacks.txt").lines().filter(passes).collect::<Vec<_>>(), [] as [&str; 0]);
    }

    #[test]
    fn every_rule_has_a_name_of_its_own_and_examples_of_both_kinds() {
        let mut names = HashSet::new();
        for rule in all() {
            assert!(names.insert(rule.id), "{} stands twice", rule.id);
            assert!(rule.id.starts_with(rule.category.as_str()), "{}", rule.id);
            assert!(!rule.matches.is_empty() && !rule.passes.is_empty(), "{}", rule.id);
        }
    }
}
