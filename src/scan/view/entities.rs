//! HTML's way to write characters.

use crate::scan::view::edits::Edits;
use crate::scan::view::escapes::{hex, put};

/// Puts the character that an entity at the ampersand stands for.
pub(super) fn undo(text: &str, at: usize, edits: &mut Edits) -> Option<usize> {
    let rest = &text.as_bytes()[at + 1..];
    let (character, length) = if rest.first() == Some(&b'#') { numbered(&rest[1..])? } else { named(rest)? };
    let end = at + 1 + length;
    put(edits, at..end, character);
    Some(end)
}

/// A number after `&#`, whose semicolon browsers don't insist on.
fn numbered(rest: &[u8]) -> Option<(char, usize)> {
    let (is_hex, prefix) = if matches!(rest.first(), Some(b'x' | b'X')) { (true, 1) } else { (false, 0) };
    let is_digit = |byte: &&u8| if is_hex { byte.is_ascii_hexdigit() } else { byte.is_ascii_digit() };
    let padding = rest[prefix..].iter().take(PADDING_MAX).take_while(|byte| **byte == b'0').count();
    let digits = &rest[prefix + padding..];
    let digits = &digits[..digits.iter().take(8).take_while(is_digit).count()];
    let code = if is_hex { hex(digits)? } else { str::from_utf8(digits).ok()?.parse().ok()? };
    let length = 1 + prefix + padding + digits.len();
    let semicolon = usize::from(rest.get(length - 1) == Some(&b';'));
    Some((char::from_u32(code)?, length + semicolon))
}

/// Zeros before a number that are passed over.
const PADDING_MAX: usize = 16;

fn named(rest: &[u8]) -> Option<(char, usize)> {
    let end = rest.iter().take(NAME_BYTES_MAX + 1).position(|&byte| byte == b';')?;
    let name = &rest[..end];
    let character = styled_letter(name).or_else(|| by_name(name))?;
    Some((character, end + 1))
}

const NAME_BYTES_MAX: usize = 8;

/// Letters in the styles of mathematics (`&afr;`, `&aopf;`, `&ascr;`) and with accents (`&aacute;`).
fn styled_letter(name: &[u8]) -> Option<char> {
    let (letter, style) = name.split_first()?;
    let styles: [&[u8]; 9] = [b"fr", b"opf", b"scr", b"acute", b"grave", b"circ", b"uml", b"tilde", b"cedil"];
    (letter.is_ascii_alphabetic() && styles.contains(&style)).then_some(char::from(*letter))
}

/// Those of HTML's names that stand for ASCII, or for something that reads as ASCII or as nothing.
fn by_name(name: &[u8]) -> Option<char> {
    let character = match name {
        b"lt" => '<',
        b"gt" => '>',
        b"amp" => '&',
        b"quot" | b"ldquo" | b"rdquo" => '"',
        b"apos" | b"lsquo" | b"rsquo" => '\'',
        b"nbsp" | b"ensp" | b"emsp" | b"thinsp" => ' ',
        b"Tab" => '\t',
        b"NewLine" => '\n',
        b"period" | b"middot" => '.',
        b"comma" => ',',
        b"colon" => ':',
        b"semi" => ';',
        b"excl" => '!',
        b"quest" => '?',
        b"num" => '#',
        b"dollar" => '$',
        b"percnt" => '%',
        b"ast" | b"bull" => '*',
        b"plus" => '+',
        b"equals" => '=',
        b"sol" => '/',
        b"bsol" => '\\',
        b"lowbar" => '_',
        b"hyphen" | b"dash" | b"ndash" | b"mdash" => '-',
        b"vert" | b"verbar" => '|',
        b"commat" => '@',
        b"lpar" => '(',
        b"rpar" => ')',
        b"lbrack" | b"lsqb" => '[',
        b"rbrack" | b"rsqb" => ']',
        b"lbrace" | b"lcub" => '{',
        b"rbrace" | b"rcub" => '}',
        b"grave" => '`',
        b"hellip" => '…',
        b"shy" => '\u{AD}',
        b"zwnj" => '\u{200C}',
        b"zwj" => '\u{200D}',
        _ => return None,
    };
    Some(character)
}
