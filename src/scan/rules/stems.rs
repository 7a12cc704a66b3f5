//! The stems by which rules about instructions and bounds find their places.

/// The stems of the class `ignore`.
pub(super) const IGNORE: &[&str] = &[
    "ignor",
    "disreg",
    "forg",
    "neglect",
    "overlook",
    "bypass",
    "overrid",
    "overrul",
    "discard",
    "dismiss",
    "abandon",
    "abolish",
    "circumvent",
    "defy",
    "disobey",
    "nullif",
    "unlearn",
    "rescind",
    "revok",
    "supersede",
    "ingore",
    "ignroe",
    "igonre",
    "discontinue",
    "attention to",
    "heed",
    "stop ",
    "cease",
    "quit ",
    "refuse to",
    "t follow",
    "r follow",
    "o follow",
    "obey",
    "listen to",
    "abide",
    "comply",
    "adhere",
    "aside",
    "away",
    "behind",
    "t consider",
    "t respect",
    "r consider",
    "r respect",
    "away with",
    "rid of",
    "let go",
    "skip",
    "cancel",
    "delete",
    "erase",
    "clear all",
    "clear the",
    "clear your",
    "clear any",
    "clear prev",
    "reset",
    "undo",
    "wipe",
    "suspend",
    "omit",
    "reject",
    "remove",
    "replace",
    "drop",
];

/// The stems of the class `drop`.
pub(super) const DROP: &[&str] = &both::<{ IGNORE.len() + DROP_ALONE.len() }>(IGNORE, DROP_ALONE);

/// Those of them that `ignore` does not have.
const DROP_ALONE: &[&str] = &[
    "disabl",
    "deactivat",
    "violat",
    "break",
    "evad",
    "sidestep",
    "scrap",
    "shelve",
    "escap",
    "transcend",
    "overcome",
    "beyond",
    "outside",
    "off y",
    "off a",
    "off i",
    "off t",
    "down y",
    "down a",
    "down i",
    "down t",
    "strip",
    "relax",
    "loosen",
    "lower",
    "lift",
    "remov",
    "ditch",
    "flout",
    "contradict",
    "exclude",
    "forsake",
    "renounce",
    "relinquish",
    "rewrite",
    "unlock",
    "liberate",
    "unshackle",
    "unchain",
    "detach",
    "divorce",
    "disconnect",
    "dissociate",
    "free",
    "deviate",
    "jailbreak",
    "hack",
    "without",
];

/// The verbs that few honest texts aim at the assistant.
pub(super) const FORGET: &[&str] =
    &["ignor", "disregard", "forget", "discard", "erase", "attention to", "nevermind", "never mind"];

/// The stems of the class `instructions`.
pub(super) const TOLD: &[&str] = &[
    "instruc",
    "intruc",
    "directi",
    "guideline",
    "guidance",
    "rule",
    "prompt",
    "command",
    "orders",
    "constrain",
    "restrict",
    "limit",
    "polic",
    "protocol",
    "programming",
    "training",
    "safeguard",
    "filter",
];

/// The stems of the class `bounds`.
pub(super) const BOUNDS: &[&str] = &both::<{ TOLD.len() + BOUNDS_ALONE.len() }>(TOLD, BOUNDS_ALONE);

/// Those of them that `instructions` does not have.
const BOUNDS_ALONE: &[&str] = &[
    "safe",
    "security",
    "guardrail",
    "ethic",
    "moral",
    "boundar",
    "parameter",
    "principle",
    "censor",
    "conditioning",
    "alignment",
    "of conduct",
    "standards",
    "algorithm",
    "compliance",
    "configuration",
    "default",
    "inhibition",
    "procedures",
    "framework",
    "barriers",
    "protective",
];

/// Two lists as one.
const fn both<const N: usize>(first: &[&'static str], second: &[&'static str]) -> [&'static str; N] {
    let mut joined = [""; N];
    let mut i = 0;
    while i < N {
        joined[i] = if i < first.len() { first[i] } else { second[i - first.len()] };
        i += 1;
    }
    joined
}
