//! What a scan says about a text.

use std::ops::Range;

use crate::scan::view::Reading;

/// One suspicious passage of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule that matched, such as `override.ignore-previous`. Stable across releases,
    /// since operators write it into their exemptions.
    pub rule: &'static str,
    pub category: Category,
    pub severity: Severity,
    /// Bytes of the original text, on character boundaries.
    pub span: Range<usize>,
    /// How the text had to be read to find it.
    pub reading: Reading,
}

/// What the attacker is after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// Makes the assistant drop the instructions it was given.
    Override,
    /// Makes the assistant hand out its instructions or a secret it was given.
    Exfiltration,
    /// Makes the assistant play a persona that knows no restrictions.
    Hijacking,
    /// Forges the structure of the conversation, or hides text from a human reader.
    Control,
}

impl Category {
    pub const ALL: [Category; 4] = [Category::Override, Category::Exfiltration, Category::Hijacking, Category::Control];

    pub fn as_str(self) -> &'static str {
        match self {
            Category::Override => "override",
            Category::Exfiltration => "exfiltration",
            Category::Hijacking => "hijacking",
            Category::Control => "control",
        }
    }
}

/// How sure a rule is that the passage is meant as an attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Also met in honest text now and then, or talk about an attack; good for counting.
    Low,
    /// Rarely honest; good for a second opinion.
    Medium,
    /// Practically never honest in a user message.
    High,
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
        }
    }
}
