//! Trains the model of the scanner.
//!
//! `cargo run --release --example train -- DIRECTORY_OF_THE_DATA` writes the weights and their card; with `--check` it
//! says whether those in the repository are what it would write. `training/README.md` tells the method.

mod data;
mod disguise;
mod export;
mod families;
mod folds;
mod learn;
mod report;

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use wardgate::scan::Reader;

use crate::data::{OWN, Text};
use crate::learn::{Bag, Learned, RuleNames, learn};
use crate::report::{Judged, Thresholds};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let check = arguments.iter().any(|argument| argument == "--check");
    let Some(directory) = arguments.iter().find(|argument| !argument.starts_with("--")) else {
        return Err("usage: train [--check] DIRECTORY_OF_THE_DATA".into());
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let made = Made::from(&PathBuf::from(directory), &root.join("training"))?;
    print!("{}", made.card);
    let files = [("src/scan/model/weights.bin", made.weights), ("training/card.md", made.card.into_bytes())];
    for (name, bytes) in files {
        let path = root.join(name);
        if !check {
            fs::write(path, bytes)?;
        } else if fs::read(path)? != bytes {
            return Err(format!("{name} is not what training makes of the data: train again and commit it").into());
        }
    }
    Ok(())
}

/// The two files that come of a training.
struct Made {
    weights: Vec<u8>,
    card: String,
}

impl Made {
    fn from(data: &Path, training: &Path) -> Result<Made, Box<dyn Error>> {
        let reader = Reader::builtin();
        let mut names = RuleNames::default();
        let mut texts = data::all(data, training)?;
        let blind = data::blind(training, &texts)?;
        let mut bags = read(&reader, &mut names, &texts);
        for (at, text) in disguise::some(&texts) {
            let bag = Bag::read(&reader, &mut names, &text.text, text.attack);
            // An attack that no view restores looks like any other text in disguise, and would teach to fear them all.
            if !text.attack || bag.holds_most_of(&bags[at]) {
                texts.push(text);
                bags.push(bag);
            }
        }
        weigh(&texts, &mut bags);
        let rules = names.names.len();

        let mut by_source = folds::models(&texts, &bags, rules, folds::of_source);
        let judged = judge(&texts, &bags, &by_source, folds::of_source);
        let thresholds = Thresholds::of(&judged);
        let mut card = format!("{HEAD}{}", report::by_source(&judged, thresholds));

        let by_language = folds::models(&texts, &bags, rules, folds::of_language);
        let judged = judge(&texts, &bags, &by_language, folds::of_language);
        card += LANGUAGES;
        card += &report::by(&judged, thresholds, "language", |text| {
            let kind = if text.attack { "attacks" } else { "honest" };
            (!OWN.contains(&text.source.as_str())).then(|| format!("{kind}: {}", text.lang))
        });

        for (title, file) in [(EVASIONS, "evasion_dev.jsonl.gz"), (EVADING_NOTHING, "evasion_benign.jsonl.gz")] {
            let texts = data::rows(&data.join(file))?;
            // Rules that no text was learned with weigh nothing, here as in the scanner.
            let bags = read(&reader, &mut names, &texts);
            by_source.iter_mut().for_each(|model| model.rules.resize(names.names.len(), 0.0));
            let judged = judge(&texts, &bags, &by_source, folds::of_source);
            card += title;
            card += &report::by(&judged, thresholds, "transformation", |text| Some(text.category.clone()));
        }

        let taught = texts.iter().zip(&bags).filter(|(text, _)| folds::teaches(text));
        let learned = learn(&taught.map(|(_, bag)| bag).collect::<Vec<_>>(), rules);

        let blind_bags = read(&reader, &mut names, &blind);
        let mut model = learned.clone();
        model.rules.resize(names.names.len(), 0.0);
        let judged = judge(&blind, &blind_bags, &[model], |_| Some(0));
        card += BLIND;
        card += &report::by(&judged, thresholds, "language", |text| {
            let kind = if text.attack { "attacks" } else { "honest" };
            Some(format!("{kind}: {}", if text.lang == "en" { "English" } else { "28 others" }))
        });

        names.names.truncate(rules);
        let weights = export::file(&learned, &names, thresholds.0, &export::categories(&bags));
        Ok(Made { weights, card })
    }
}

const HEAD: &str = "<!-- Made by training/train.rs; not to be edited. -->\n\n## Sources never seen\n\nThe model that judged a source \
    was taught without it and its kin. Rules were written by people who saw these sources.\n\n";
const LANGUAGES: &str =
    "\n## Languages never seen\n\nThe model that judged a language was taught without it and its kin.\n\n";
const EVASIONS: &str =
    "\n## Attacks in disguise\n\nRecall by what was done to them; `none` is the attack as it was.\n\n";
const EVADING_NOTHING: &str = "\n## Honest texts in the same disguise\n\nFalse positives by what was done to them.\n\n";

const BLIND: &str = "\n## Texts written blind\n\nWritten without sight of the rules and of the other texts, and judged by the model that \
    ships. Nothing is learned from them.\n\n";

fn read(reader: &Reader, names: &mut RuleNames, texts: &[Text]) -> Vec<Bag> {
    texts.iter().map(|text| Bag::read(reader, names, &text.text, text.attack)).collect()
}

fn judge<'t>(texts: &'t [Text], bags: &[Bag], models: &[Learned], fold: fn(&Text) -> Option<usize>) -> Vec<Judged<'t>> {
    let judged = texts.iter().zip(bags).filter_map(|(text, bag)| {
        let score = models[fold(text)?].score(bag);
        Some(Judged { text, score, certain: bag.certain })
    });
    judged.collect()
}

/// Gives each source a say that grows more slowly than its size, and attacks as much as honest texts together.
fn weigh(texts: &[Text], bags: &mut [Bag]) {
    let mut sizes: HashMap<(&str, bool), f32> = HashMap::new();
    for text in texts.iter().filter(|text| folds::teaches(text)) {
        *sizes.entry((&text.source, text.attack)).or_default() += 1.0;
    }
    let taught = sizes.values().sum::<f32>();
    let mut sums = [0.0; 2];
    for (text, bag) in texts.iter().zip(bags.iter_mut()).filter(|(text, _)| folds::teaches(text)) {
        bag.weight = sizes[&(text.source.as_str(), text.attack)].powf(SAY - 1.0);
        sums[usize::from(text.attack)] += bag.weight;
    }
    for bag in bags.iter_mut() {
        bag.weight *= taught / 2.0 / sums[usize::from(bag.attack)];
    }
}

/// The power of its size that a source's say grows with.
const SAY: f32 = 0.75;
