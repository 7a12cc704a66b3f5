//! Letters that look like Latin letters and are not.
//!
//! Only the look-alikes that occur in practice, a small part of Unicode's confusables.txt
//! (UTS #39). Whether a letter is folded depends on the word around it; see `normalise`.

/// The Latin letter that a lower-case Cyrillic or Greek letter looks like.
///
/// The caller folds only in words that mix scripts: in a wholly Russian or Greek word these
/// letters are themselves.
pub(super) fn latin_lookalike(letter: char) -> Option<char> {
    let latin = match letter {
        'а' | 'α' => 'a',
        'в' | 'β' | 'ь' => 'b',
        'с' | 'ϲ' => 'c',
        'ԁ' => 'd',
        'е' | 'є' | 'ε' => 'e',
        'ɡ' => 'g',
        'һ' | 'н' => 'h',
        'і' | 'ι' => 'i',
        'ј' | 'ϳ' => 'j',
        'к' | 'κ' => 'k',
        'ӏ' => 'l',
        'м' => 'm',
        'п' | 'η' => 'n',
        'о' | 'ο' | 'σ' => 'o',
        'р' | 'ρ' => 'p',
        'ԛ' => 'q',
        'г' => 'r',
        'ѕ' => 's',
        'т' | 'τ' => 't',
        'υ' => 'u',
        'ν' | 'ѵ' => 'v',
        'ԝ' | 'ω' => 'w',
        'х' | 'χ' => 'x',
        'у' | 'γ' => 'y',
        _ => return None,
    };
    Some(latin)
}

/// The ASCII text for characters that NFKD leaves alone and a reader takes for ASCII.
pub(super) fn ascii_lookalike(character: char) -> Option<char> {
    let ascii = match character {
        '\u{2018}' | '\u{2019}' | '\u{201B}' | '\u{02BC}' | '\u{2032}' => '\'',
        '\u{201C}' | '\u{201D}' | '\u{201E}' | '\u{00AB}' | '\u{00BB}' => '"',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        '。' => '.',
        '、' => ',',
        'ı' | 'ɪ' => 'i',
        'ɑ' | 'ᴀ' => 'a',
        'ʙ' => 'b',
        'ᴄ' => 'c',
        'ᴅ' => 'd',
        'ᴇ' => 'e',
        'ɢ' => 'g',
        'ʜ' => 'h',
        'ᴊ' => 'j',
        'ᴋ' => 'k',
        'ʟ' | 'ł' => 'l',
        'ᴍ' => 'm',
        'ɴ' => 'n',
        'ᴏ' | 'ø' => 'o',
        'ᴘ' => 'p',
        'ʀ' => 'r',
        'ꜱ' => 's',
        'ᴛ' => 't',
        'ᴜ' => 'u',
        'ᴠ' => 'v',
        'ᴡ' => 'w',
        'ʏ' => 'y',
        'ᴢ' => 'z',
        '\u{1F150}'..='\u{1F169}' => return enclosed(character, '\u{1F150}'),
        '\u{1F170}'..='\u{1F189}' => return enclosed(character, '\u{1F170}'),
        _ => return None,
    };
    Some(ascii)
}

fn enclosed(character: char, first: char) -> Option<char> {
    let index = u32::from(character).checked_sub(u32::from(first))?;
    char::from_u32(u32::from('a') + index)
}

/// Whether a letter belongs to the scripts whose letters pass for Latin ones.
pub(super) fn is_greek_or_cyrillic(letter: char) -> bool {
    matches!(letter, '\u{0370}'..='\u{03FF}' | '\u{0400}'..='\u{052F}')
}

/// Whether a letter is Latin for the question of a mixed word: ASCII, the accented blocks and IPA.
pub(super) fn is_latin(letter: char) -> bool {
    letter.is_ascii_alphabetic() || (matches!(letter, '\u{00C0}'..='\u{02AF}') && letter.is_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enclosed_letters_read_as_their_letters() {
        assert_eq!(ascii_lookalike('🅰'), Some('a'));
        assert_eq!(ascii_lookalike('\u{1F189}'), Some('z'));
    }

    #[test]
    fn lookalikes_are_lower_case_letters_of_the_two_scripts() {
        for letter in '\u{0370}'..='\u{052F}' {
            if latin_lookalike(letter).is_some() {
                assert!(is_greek_or_cyrillic(letter) && !letter.is_uppercase());
            }
        }
    }
}
