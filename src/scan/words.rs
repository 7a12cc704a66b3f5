//! The small language that rules are written in: word classes and gaps between words.
//!
//! A pattern is a regular expression with two additions. `{name}` stands for a class of words
//! from the table below, and a plain space for whatever may stand between two words of one
//! sentence: whitespace, quotes, and marks that somebody puts in their place. Letters outside ASCII are folded the
//! way the text is, so that "précédentes" can be written as it is spelt.

use crate::scan::normalise::fold;

/// The regular expression that a pattern stands for.
pub(crate) fn expand(pattern: &str) -> String {
    let mut classes = pattern.to_owned();
    // Classes may name other classes, to a small depth.
    for _ in 0..3 {
        for (name, words) in CLASSES {
            classes = classes.replace(&format!("{{{name}}}"), &format!("(?:{words})"));
        }
    }
    fold(&classes).replace(r"\b", r"(?:\b|_)").replace(' ', GAP)
}

/// Between two words of a sentence. A full stop is left out, since most pairs of words that it parts have nothing to do with
/// each other; two of them are a pause. What code sets between its names counts only where no space is about it.
const GAP: &str = r#"(?:(?:[\s"'`*_~,>/|^&-]|\.\.+)+|[+=<\\])"#;

/// Word classes by name. What belongs together in one place in a sentence stands together here.
const CLASSES: &[(&str, &str)] = &[
    // Up to so many words of any kind.
    ("any2", "(?:[a-z0-9'-]+ ){0,2}"),
    ("any3", "(?:[a-z0-9'-]+ ){0,3}"),
    ("any5", "(?:[a-z0-9'-]+ ){0,5}"),
    // Up to so many words of one sentence in any script, and so much of one in a script without spaces.
    ("words1", r"(?:[^\s.!?:;|]+ )"),
    ("words2", r"(?:[^\s.!?:;|]+ ){0,2}"),
    ("words4", r"(?:[^\s.!?:;|]+ ){0,4}"),
    ("near", r"[^\n.!?]{0,18}"),
    ("far", r"[^\n.!?]{0,45}"),
    // Where a clause ends, or a new one begins.
    (
        "stop",
        r#"\s*$|\s*[^\w\s]| (?:and|or|that|which|in|verbatim|exactly|right|when|please|from|governing|about|you|before|to|as|so|word|without|now|but|i|if|immediately|anyway|instead|freely|completely|first|text|just|because|too|also|today|once)\b"#,
    ),
    // Not heeding what one was told.
    (
        "ignore",
        r"{ignoring}|{donot} (?:follow|obey|listen to|abide by|comply with|adhere to|heed|consider|respect)|{aside}",
    ),
    (
        "ignoring",
        r"ignor(?:e|es|ed|ing)|disregard(?:s|ed|ing)?|forget|neglect(?:ing)?|overlook|bypass(?:es|ed|ing)?|overrid(?:e|es|ing|den)|overrul(?:e|es|ing)|discard(?:s|ing)?|dismiss|abandon(?:s|ed|ing)?|abolish|circumvent(?:s|ed|ing)?|defy|disobey|nullify|unlearn|rescind|revoke|supersede|ingore|ignroe|igonre|disreguard|pay no (?:attention|heed) to|(?:stop|cease|quit|refuse to|discontinue) (?:follow|obey|listen(?:ing)? to|adher(?:e|ing) to|us)(?:ing)?",
    ),
    ("donot", "(?:do not|don't|dont|never|no longer|not|need not|without)(?: (?:need|have) to)?"),
    (
        "aside",
        "(?:throw|cast|set|put|lay|push|toss|leave|brush) (?:aside|away|behind)|do away with|get rid of|let go of",
    ),
    // Ending the hold of rules; too common in honest text for anything but the assistant's own.
    (
        "drop",
        r"{ignore}|skip|drop|suspend|disabl(?:e|ing)|deactivat(?:e|ing)|violat(?:e|ing)|break(?:ing)?(?: (?:free|away|out))?(?: (?:from|of|with))?|evad(?:e|ing)|sidestep|erase|delete|wipe|void|cancel|scrap|shelve|escap(?:e|ing)|transcend|overcome|(?:step|stepping|go|going|move|operate|operating|act|acting|exist|venture|work) (?:beyond|outside(?: of)?)|(?:turn|switch|shut) (?:off|down)|strip away|relax|loosen|lower|lift|remov(?:e|ing)|ditch|omit|flout|contradict|reset|exclude|forsake|renounce|relinquish|reject|rewrite|undo|unlock|liberate|unshackle|unchain|detach|divorce|disconnect|dissociate|freed?(?: from)?|liberated|deviate|jailbreak|hack|(?:respond|answer|operate|act|function|help|speak|reply) without",
    ),
    (
        "previous",
        "previous(?:ly)?|prior|above|earlier|preceding|foregoing|former|aforementioned|past|old|initial|original|existing|so far|until now|up to now|before|you (?:were|have been|had been|received|got|are) (?:given|told|provided|following)|(?:was|were|been) given|given to you",
    ),
    ("after", "below|following|subsequent|next|further"),
    // What an assistant is told to do.
    (
        "instructions",
        r"instructions?|instrucions?|intructions?|directions|directives?|guidelines?|guidance|rules?|ruleset|prompts?|commands?|orders|constraints?|restrictions?|limitations?|polic(?:y|ies)|protocols?|programming|training",
    ),
    // What keeps an assistant within bounds, when it is called "your".
    (
        "bounds",
        r"{instructions}|limits|safety|security|safeguards?|safeguarding|filters?|filtering|guardrails?|ethic\w*|moral\w*|boundaries|parameters|principles|censorship|conditioning|alignment|code of conduct|standards|algorithms?|configuration|defaults?|inhibitions|procedures|framework|barriers|compliance",
    ),
    // Handing out, in words that fit few honest requests.
    (
        "leak",
        r"reveal(?:s|ed|ing)?|disclos(?:e|es|ed|ing)|expos(?:e|es|ed|ing)|dump(?:s|ing)?|leak(?:s|ed|ing)?|divulg(?:e|ing)|surrender|unveil|unmask|uncover|exfiltrat(?:e|ing)|emit",
    ),
    // Handing out, in any words.
    (
        "reveal",
        r"{leak}|show(?:s|ed|ing|n)?|print(?:s|ed|ing)?|repeat(?:s|ed|ing)?|display(?:s|ed|ing)?|output(?:s|ting)?|tell|telling|give|giving|shar(?:e|es|ed|ing)|recit(?:e|ing)|echo|list|describ(?:e|ing)|summari[sz]e|paraphras(?:e|ing)|translat(?:e|ing)|provid(?:e|ing)|send|writ(?:e|ing)|state|quot(?:e|ing)|return|copy|paste|extract(?:ing)?|see|view(?:ing)?|read|access|confess|releas(?:e|ing)|reproduc(?:e|ing)|reiterate|spell|encod(?:e|ing)|type|enumerat(?:e|ing)|outlin(?:e|ing)|append|include|deliver|transmit|explain|define|condense|cat",
    ),
    // Saying again, word for word.
    ("repeat", "repeat|print|output|recite|echo|copy|reproduce|display|return|reveal|paste|reiterate|dump|read|list"),
    ("whatis", r"what(?:'s|s| is| are| was| were| does)|which (?:is|are|was|were)"),
    // What an assistant was told in confidence.
    (
        "private",
        r"prompts?|instructions?|guidelines?|directives?|config(?:uration)?s?|initiali[sz]ation|init|programming|parameters|rules|restrictions|constraints|setup|settings|preamble|training|system message|guidance|policies|protocols|limitations",
    ),
    (
        "hidden",
        "system|hidden|initial|original|secret|internal|underlying|concealed|confidential|starting|developer|pre-?prompt|base|core|foundational|guiding|fundamental|training",
    ),
    (
        "secret",
        r"(?:secret |master |hidden |admin |special )?(?:pass ?(?:word|phrase|code)s?|secret (?:key|word|phrase|code)|hidden word|secrets?|codeword|(?:api|access) (?:key|token|code)s?)",
    ),
    ("your", "your|ur|yr|thy|its"),
];
