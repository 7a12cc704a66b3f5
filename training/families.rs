//! Texts made from sentences with slots: `name = this | that` says what `{name}` may be, `* text` is a sentence.

use std::collections::{BTreeMap, BTreeSet};

use crate::learn::Random;

/// Fills the slots of each sentence by chance, up to so many times; the same texts in every run.
pub(crate) fn filled(grammar: &str, times: usize) -> Vec<String> {
    let mut slots: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut sentences = Vec::new();
    for line in grammar.lines() {
        if let Some(sentence) = line.strip_prefix("* ") {
            sentences.push(sentence);
        } else if let Some((name, choices)) = line.split_once(" = ").filter(|_| !line.starts_with("//")) {
            slots.insert(name, choices.split(" | ").map(|choice| choice.trim_matches([' ', '|'])).collect());
        }
    }
    let mut random = Random(0x5EED_0F5E_ED0F_5EED);
    let mut texts = BTreeSet::new();
    for sentence in sentences {
        for _ in 0..times {
            let mut text = String::new();
            fill(sentence, &slots, &mut random, &mut text);
            texts.insert(tidy(&text));
        }
    }
    texts.into_iter().collect()
}

fn fill(pattern: &str, slots: &BTreeMap<&str, Vec<&str>>, random: &mut Random, text: &mut String) {
    let mut rest = pattern;
    while let Some(at) = rest.find('{') {
        text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let slot = rest.find('}').and_then(|end| Some((slots.get(&rest[..end])?, end)));
        match slot {
            Some((choices, end)) => {
                fill(choices[random.below(choices.len())], slots, random, text);
                rest = &rest[end + 1..];
            }
            None => text.push('{'),
        }
    }
    text.push_str(rest);
}

/// A slot that stayed empty leaves no gap; a sentence begins with a capital letter most of the time.
fn tidy(text: &str) -> String {
    let text = text.replace("\\n", "\n");
    let lines: Vec<String> = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    lines.join("\n").replace(" , ", ", ").replace(" . ", ". ").replace(" ;", ";")
}
