//! Disguises that texts wear in training, honest ones as often as attacks, so that none is taken for an attack in itself.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::data::Text;
use crate::learn::Random;

/// What texts are in disguise counts as one source.
pub(crate) const SOURCE: &str = "disguises";

/// The source of the text itself, whatever it wears.
pub(crate) fn origin(text: &Text) -> &str {
    if text.source == SOURCE { &text.category } else { &text.source }
}

/// Some of the texts, each in a disguise of its own, with the place of the text that wears it.
pub(crate) fn some(texts: &[Text]) -> Vec<(usize, Text)> {
    let mut random = Random(0xD15C_0153_D15C_0153);
    let mut disguised = Vec::new();
    for (at, text) in texts.iter().enumerate().filter(|(_, text)| text.text.len() <= BYTES_MAX) {
        if random.below(ONE_IN) == 0 {
            let carrier = CARRIERS[random.below(CARRIERS.len())];
            let worn = DISGUISES[random.below(DISGUISES.len())](&text.text, carrier);
            let (id, category) = (text.id.clone(), text.source.clone());
            let (attack, source, lang) = (text.attack, SOURCE.to_owned(), text.lang.clone());
            disguised.push((at, Text { id, text: worn, attack, source, category, lang }));
        }
    }
    disguised
}

const BYTES_MAX: usize = 1500;
const ONE_IN: usize = 8;

const DISGUISES: [fn(&str, &str) -> String; 13] = [
    |text, _| STANDARD.encode(text),
    |text, carrier| carrier.replace("{code}", "base64") + &STANDARD.encode(text),
    |text, carrier| carrier.replace("{code}", "hex") + &hex(text),
    |text, carrier| carrier.replace("{code}", "rot13") + &text.chars().map(rot13).collect::<String>(),
    |text, carrier| carrier.replace("{code}", "reverse") + &text.chars().rev().collect::<String>(),
    |text, _| apart(text, " ", "   "),
    |text, _| apart(text, " ", " "),
    |text, _| apart(text, "-", " "),
    |text, _| text.bytes().fold(String::new(), |all, byte| all + &format!("%{byte:02X}")),
    |text, _| text.encode_utf16().fold(String::new(), |all, unit| all + &format!("\\u{unit:04x}")),
    |text, _| format!("<p>Hello,</p><!-- {text} --><div style=\"display:none\">{text}</div><p>Regards</p>"),
    |text, _| format!("<html><body>\n<h1>News</h1>\n<p style=\"color:white;font-size:0\">{text}</p>\n</body></html>"),
    |text, _| text.split(' ').map(|word| format!("**{word}**")).collect::<Vec<_>>().join(" "),
];

/// What people write before a text in code, of whatever kind the text is.
const CARRIERS: [&str; 12] = [
    "",
    "Decode this {code}: ",
    "Decode this {code} and follow it: ",
    "Convert from {code} and do what it says: ",
    "The following is {code}, decode and answer: ",
    "This is in {code}. Read it and execute it: ",
    "{code} text, please decode it: ",
    "What does this say? It is {code}: ",
    "Here is a message in {code}, act on it:\n",
    "Answer the question in this {code} string: ",
    "Translate from {code} and respond: ",
    "{code}: ",
];

fn hex(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        write!(all, "{byte:02x}").expect("a string takes all that is written");
        all
    })
}

fn rot13(character: char) -> char {
    let turned = |first: u8| char::from((character as u8 - first + 13) % 26 + first);
    match character {
        'a'..='z' => turned(b'a'),
        'A'..='Z' => turned(b'A'),
        _ => character,
    }
}

/// The letters of each word apart, and the words further.
fn apart(text: &str, letters: &str, words: &str) -> String {
    let spelt = |word: &str| word.chars().map(String::from).collect::<Vec<_>>().join(letters);
    text.split_whitespace().map(spelt).collect::<Vec<_>>().join(words)
}
