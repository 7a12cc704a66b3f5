//! The strongest families in languages other than English, each language as a table of words.
//!
//! All languages share the shape of the families: to drop one's instructions, to show them, to tell a secret, to be an
//! assistant without bounds. A language gives the words, and `language!` puts them into patterns, in the orders that
//! languages speak in. Words are written as spelt; they are folded as texts are, so that `é` is `e`, and a `?` after
//! `أ` makes its hamza optional and not the letter. Patterns read
//! bytes, so that a choice of letters outside ASCII is `(?:а|б)` and no class.

use crate::scan::rules::Rule;

mod african;
mod albanian;
mod arabic;
mod baltic;
mod celtic;
mod chinese;
mod cyrillic;
mod french;
mod german;
mod greek;
mod hebrew;
mod iberian;
mod indic;
mod italian;
mod japanese;
mod korean;
mod malay;
mod nordic;
mod romanian;
mod slavic;
mod thai;
mod turkic;
mod uralic;
mod vietnamese;

/// The four rules of a language.
///
/// After the language's code stands how it is written: `latin` knows where a word begins, `spaced` has spaces between
/// words that may begin outside ASCII, `unspaced` has none.
///
/// Sure are orders against one's own rules, to show one's own prompt, and to be without bounds. The rest is `mild`: people
/// ask to forget what they said yesterday, or to translate the text above.
///
/// - `ignore` are commands that hardly ever stand before a `rule` in honest text; `drop` are other ways to say so, which
///   count where the rules are the assistant's, all, or the earlier ones (`mine`); `forget` counts only right before
///   them, since one is often told not to forget the rules. `bound` is what binds the assistant beside a `rule`, and
///   `above` is all that was said before.
/// - `prompt` is what an assistant was told in confidence, with the article that sets it apart from a prompt that
///   somebody wants written.
/// - `secret` is a password or key that the assistant keeps.
/// - `be` opens a persona, `free` is what it is said to be free of.
/// - `more` is anything else, and mild: a telephone has a developer mode, too.
macro_rules! language {
    ($code:literal latin $($rest:tt)*) => {
        language!(@ $code [r"\b" " " " {words2}" " {words4}" " {words4}{words4}" " {words2}"] $($rest)*)
    };
    ($code:literal spaced $($rest:tt)*) => {
        language!(@ $code ["" " " " {words2}" " {words4}" " {words4}{words4}" " {words4}"] $($rest)*)
    };
    ($code:literal unspaced $($rest:tt)*) => {
        language!(@ $code ["" "" "{near}" "{far}" "{far}" "{far}"] $($rest)*)
    };
    (@ $code:literal [$edge:literal $next:literal $near:literal $far:literal $wide:literal $last:literal]
        override {
            literals: [$($override_literal:literal),+ $(,)?],
            ignore: $ignore:literal,
            drop: $drop:literal,
            forget: $forget:literal,
            mine: $mine:literal,
            rule: $rule:literal,
            bound: $bound:literal,
            above: $above:literal,
            $(more: $override_more:literal,)?
            matches: $override_matches:expr,
            passes: $override_passes:expr,
        }
        prompt {
            literals: [$($prompt_literal:literal),+ $(,)?],
            show: $show:literal,
            what: $what:literal,
            prompt: $prompt:literal,
            $(more: $prompt_more:literal,)?
            matches: $prompt_matches:expr,
            passes: $prompt_passes:expr,
        }
        secret {
            literals: [$($secret_literal:literal),+ $(,)?],
            tell: $tell:literal,
            what: $secret_what:literal,
            secret: $secret:literal,
            matches: $secret_matches:expr,
            passes: $secret_passes:expr,
        }
        persona {
            literals: [$($persona_literal:literal),+ $(,)?],
            be: $be:literal,
            free: $free:literal,
            $(more: $persona_more:literal,)?
            matches: $persona_matches:expr,
            passes: $persona_passes:expr,
        }
    ) => {
        [
            $crate::scan::rules::Rule {
                id: concat!("override.ignore.", $code),
                category: $crate::scan::finding::Category::Override,
                severity: $crate::scan::finding::Severity::High,
                find: $crate::scan::rules::Find::Words {
                    literals: &[$($override_literal),+],
                    reach: $crate::scan::rules::Reach::Around,
                    pattern: concat!(
                        $edge, "(?:",
                        "(?:", $ignore, "|", $drop, ")", $near,
                        "(?:", $mine, ")", $near, "(?:", $rule, "|", $bound, ")",
                        "|(?:", $ignore, "|", $drop, ")", $near,
                        "(?:", $rule, "|", $bound, ")", $near, "(?:", $mine, ")",
                        "|(?:", $forget, ")", $next, "(?:", $mine, ")", $near, "(?:", $rule, "|", $bound, ")",
                        "|(?:", $mine, ")", $near, "(?:", $rule, "|", $bound, ")", $near, "(?:", $ignore, "|", $drop, "|", $forget, ")",
                        "){mild}", $edge, "(?:",
                        "(?:", $ignore, ")", $far, "(?:", $rule, ")",
                        "|(?:", $forget, ")", $next, "(?:", $above, ")",
                        "|(?:", $ignore, "|", $drop, ")", $near, "(?:", $above, ")",
                        "|(?:", $above, ")", $near, "(?:", $ignore, "|", $drop, "|", $forget, ")",
                        $("|", $override_more,)?
                        ")"
                    ),
                },
                matches: &$override_matches,
                passes: &$override_passes,
            },
            $crate::scan::rules::Rule {
                id: concat!("exfiltration.system-prompt.", $code),
                category: $crate::scan::finding::Category::Exfiltration,
                severity: $crate::scan::finding::Severity::High,
                find: $crate::scan::rules::Find::Words {
                    literals: &[$($prompt_literal),+],
                    reach: $crate::scan::rules::Reach::Around,
                    pattern: concat!(
                        $edge, "(?:",
                        "(?:", $show, ")", $near, "(?:", $prompt, ")",
                        "|(?:", $prompt, ")", $last, "(?:", $show, ")",
                        "){mild}", $edge, "(?:",
                        "(?:", $what, ")", $near, "(?:", $prompt, ")",
                        "|(?:", $prompt, ")", $last, "(?:", $what, ")",
                        $("|", $prompt_more,)?
                        ")"
                    ),
                },
                matches: &$prompt_matches,
                passes: &$prompt_passes,
            },
            $crate::scan::rules::Rule {
                id: concat!("exfiltration.secret.", $code),
                category: $crate::scan::finding::Category::Exfiltration,
                severity: $crate::scan::finding::Severity::Medium,
                find: $crate::scan::rules::Find::Words {
                    literals: &[$($secret_literal),+],
                    reach: $crate::scan::rules::Reach::Around,
                    pattern: concat!(
                        $edge, "(?:",
                        "(?:", $tell, "|", $secret_what, ")", $near, "(?:", $secret, ")",
                        "|(?:", $secret, ")", $next, "(?:", $tell, "|", $secret_what, ")",
                        ")"
                    ),
                },
                matches: &$secret_matches,
                passes: &$secret_passes,
            },
            $crate::scan::rules::Rule {
                id: concat!("hijacking.unbound.", $code),
                category: $crate::scan::finding::Category::Hijacking,
                severity: $crate::scan::finding::Severity::High,
                find: $crate::scan::rules::Find::Words {
                    literals: &[$($persona_literal),+],
                    reach: $crate::scan::rules::Reach::Around,
                    pattern: concat!(
                        $edge, "(?:",
                        "(?:", $be, ")", $wide, "(?:", $free, ")",
                        "){mild}", $edge, "(?:",
                        "(?:", $free, ")", $far, "(?:", $be, ")",
                        $("|", $persona_more,)?
                        ")"
                    ),
                },
                matches: &$persona_matches,
                passes: &$persona_passes,
            },
        ]
    };
}
use language;

pub(super) const RULES: &[&[&[Rule]]] = &[
    african::RULES,
    albanian::RULES,
    arabic::RULES,
    baltic::RULES,
    celtic::RULES,
    chinese::RULES,
    cyrillic::RULES,
    french::RULES,
    german::RULES,
    greek::RULES,
    hebrew::RULES,
    iberian::RULES,
    indic::RULES,
    italian::RULES,
    japanese::RULES,
    korean::RULES,
    malay::RULES,
    nordic::RULES,
    romanian::RULES,
    slavic::RULES,
    thai::RULES,
    turkic::RULES,
    uralic::RULES,
    vietnamese::RULES,
];
