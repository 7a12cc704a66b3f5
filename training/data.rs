//! The texts that the model learns from.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use crate::families;

/// A text, and what it is.
pub(crate) struct Text {
    pub(crate) id: String,
    pub(crate) text: String,
    pub(crate) attack: bool,
    pub(crate) source: String,
    /// In the sets of evasions, what was done to the text.
    pub(crate) category: String,
    pub(crate) lang: String,
}

#[derive(serde::Deserialize)]
struct Row {
    id: String,
    text: String,
    label: i8,
    category: String,
    source: String,
    lang: String,
}

/// What the trainer makes and what people wrote for it, beside this program.
pub(crate) const OWN: [&str; 2] = ["written", "families"];

/// Everything to learn from: the set in `data`, and the repository's own texts in `training`.
pub(crate) fn all(data: &Path, training: &Path) -> io::Result<Vec<Text>> {
    let mut texts = rows(&data.join("dev.jsonl.gz"))?;
    let [written, families] = OWN;
    texts.extend(lines(&training.join(written), written)?);
    for (attack, lang, grammar) in named(&training.join(families))? {
        let filled = families::filled(&grammar, TIMES);
        texts.extend(filled.into_iter().map(|text| own(text, attack, families, &lang)));
    }
    Ok(texts)
}

/// Texts that nothing is learned from, written without sight of the others and of the rules.
pub(crate) fn blind(training: &Path, taught: &[Text]) -> io::Result<Vec<Text>> {
    let texts = lines(&training.join("blind"), "blind")?;
    let taught: HashSet<String> = taught.iter().map(|text| words(&text.text)).collect();
    match texts.iter().find(|text| taught.contains(&words(&text.text))) {
        Some(text) => Err(io::Error::other(format!("a blind text is taught as well; take it out: {}", text.text))),
        None => Ok(texts),
    }
}

/// A text by its words alone.
fn words(text: &str) -> String {
    let words = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

/// How often each sentence of a family is filled.
const TIMES: usize = 60;

/// The rows of a set, but for those that nobody could label.
pub(crate) fn rows(path: &Path) -> io::Result<Vec<Text>> {
    let unpacked = Command::new("gzip").arg("-dc").arg(path).output()?;
    if !unpacked.status.success() {
        return Err(io::Error::other(format!("gzip cannot unpack {}", path.display())));
    }
    let mut texts = Vec::new();
    for line in unpacked.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let row: Row = serde_json::from_slice(line)?;
        if row.label >= 0 {
            let Row { id, text, label, category, source, lang } = row;
            texts.push(Text { id, text, attack: label == 1, source, category, lang });
        }
    }
    Ok(texts)
}

/// The texts of a directory, one a line; nothing if there is none.
fn lines(directory: &Path, source: &str) -> io::Result<Vec<Text>> {
    let mut texts = Vec::new();
    for (attack, lang, content) in named(directory)? {
        let lines = content.lines().filter(|line| !line.is_empty() && !line.starts_with("//"));
        texts.extend(lines.map(|line| own(line.replace("\\n", "\n"), attack, source, &lang)));
    }
    Ok(texts)
}

/// What stands in a directory as `attacks.<lang>.txt` and `honest.<lang>.txt`, with whether it is attacks and its language.
fn named(directory: &Path) -> io::Result<Vec<(bool, String, String)>> {
    let mut files = match fs::read_dir(directory) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    files.sort();
    let mut contents = Vec::new();
    for file in files {
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let (attack, lang) = match name.strip_suffix(".txt").and_then(|name| name.split_once('.')) {
            Some(("attacks", lang)) => (true, lang.to_owned()),
            Some(("honest", lang)) => (false, lang.to_owned()),
            _ => continue,
        };
        contents.push((attack, lang, fs::read_to_string(&file)?));
    }
    Ok(contents)
}

fn own(text: String, attack: bool, source: &str, lang: &str) -> Text {
    let (id, category) = (String::new(), String::new());
    Text { id, text, attack, source: source.to_owned(), category, lang: lang.to_owned() }
}
