//! A finding for people: the line of the text that it stands in, with the span underlined.

use crate::scan::Finding;

/// Its kind and place, the line, and the underline.
pub(super) fn finding(text: &str, finding: &Finding, place: &str) -> String {
    let line = Line::around(text, finding.span.start, finding.span.end);
    let Finding { rule, category, severity, .. } = finding;
    format!(
        "{rule} ({}, {}), {place}line {}\n  | {}\n  | {}",
        category.as_str(),
        severity.as_str(),
        line.number,
        line.shown(),
        line.underline()
    )
}

/// A line of a text in three parts; each may be cut where a terminal's width ends.
struct Line<'a> {
    /// Counts from 1.
    number: usize,
    before: &'a str,
    found: &'a str,
    after: &'a str,
}

impl<'a> Line<'a> {
    /// A span of several lines is shown by its first.
    fn around(text: &'a str, start: usize, end: usize) -> Line<'a> {
        let (head, rest) = (&text[..start], &text[start..]);
        let found = &rest[..end - start];
        let before = head.rsplit('\n').next().unwrap_or_default();
        let first = found.split('\n').next().unwrap_or_default();
        // A finding that is a line break, or begins with one, shows that.
        let found = if first.is_empty() { found.get(..1).unwrap_or_default() } else { first };
        let after = if found.ends_with('\n') { "" } else { rest[found.len()..].split('\n').next().unwrap_or_default() };
        Line { number: head.matches('\n').count() + 1, before, found, after }
    }

    fn shown(&self) -> String {
        let (before, found, after) = self.parts();
        format!("{before}{found}{after}")
    }

    fn underline(&self) -> String {
        let (before, found, _) = self.parts();
        format!("{}{}", " ".repeat(columns(&before)), "^".repeat(columns(&found).max(1)))
    }

    /// The span's surroundings get what it leaves of the width.
    fn parts(&self) -> (String, String, String) {
        let before: Vec<String> = self.before.trim_end_matches('\r').chars().map(visible).collect();
        let found: Vec<String> = self.found.chars().map(visible).collect();
        let after: Vec<String> = self.after.trim_end_matches('\r').chars().map(visible).collect();
        let (before, found) = (last(before, BEFORE_COLUMNS), first(found, FOUND_COLUMNS));
        let rest = COLUMNS - columns(&before) - columns(&found);
        (before, found, first(after, rest))
    }
}

/// As much of the beginning as fits.
fn first(shown: Vec<String>, columns_max: usize) -> String {
    let fitting = fitting(shown.iter(), columns_max);
    let cut = if fitting < shown.len() { "…" } else { "" };
    format!("{}{cut}", shown[..fitting].concat())
}

/// As much of the end as fits.
fn last(shown: Vec<String>, columns_max: usize) -> String {
    let fitting = fitting(shown.iter().rev(), columns_max);
    let cut = if fitting < shown.len() { "…" } else { "" };
    format!("{cut}{}", shown[shown.len() - fitting..].concat())
}

fn fitting<'a>(shown: impl Iterator<Item = &'a String>, columns_max: usize) -> usize {
    let ends = shown.scan(0, |taken, part| {
        *taken += columns(part);
        Some(*taken)
    });
    ends.take_while(|taken| *taken <= columns_max).count()
}

/// A character as a terminal may show it: nothing that steers it, and nothing that it would not show.
pub(super) fn visible(c: char) -> String {
    if c.is_control() || is_unseen(c) { c.escape_unicode().to_string() } else { c.to_string() }
}

/// Format characters (category Cf), variation selectors, and separators of lines: what hides text or turns it around.
fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
        | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}')
}

/// Columns of a terminal: ideographs, hangul and emoji take two (UAX 11), combining marks none. An approximation by
/// blocks, good enough to set a mark below a word.
fn columns(text: &str) -> usize {
    let width = |c: char| match c {
        '\u{300}'..='\u{36F}' => 0,
        '\u{1100}'..='\u{115F}'
        | '\u{2E80}'..='\u{A4CF}'
        | '\u{AC00}'..='\u{D7A3}'
        | '\u{F900}'..='\u{FAFF}'
        | '\u{FE30}'..='\u{FE6F}'
        | '\u{FF00}'..='\u{FF60}'
        | '\u{FFE0}'..='\u{FFE6}'
        | '\u{1F300}'..='\u{1F64F}'
        | '\u{1F680}'..='\u{1F6FF}'
        | '\u{1F900}'..='\u{1F9FF}'
        | '\u{20000}'..='\u{3FFFD}' => 2,
        _ => 1,
    };
    text.chars().map(width).sum()
}

/// Of a terminal of 100, without the margin and the last ellipsis.
const COLUMNS: usize = 95;
/// The first two parts may each have an ellipsis more than this, and leave something for the third.
const BEFORE_COLUMNS: usize = 26;
const FOUND_COLUMNS: usize = 44;

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, found: &str) -> (String, String) {
        let start = text.find(found).unwrap();
        let line = Line::around(text, start, start + found.len());
        (line.shown(), line.underline())
    }

    #[test]
    fn span_is_underlined_in_its_own_line() {
        assert_eq!(shown("one\ntwo three four\nfive", "three"), ("two three four".into(), "    ^^^^^".into()));
        assert_eq!(Line::around("a\nb\nc", 4, 5).number, 3);
        assert_eq!(shown("请忽略指令", "忽略"), ("请忽略指令".into(), "  ^^^^".into()));
    }

    #[test]
    fn span_of_several_lines_is_shown_by_its_first() {
        assert_eq!(shown("say two\nthree four", "two\nthree"), ("say two".into(), "    ^^^".into()));
        assert_eq!(shown("a\n\nb", "\n\n"), ("a\\u{a}".into(), " ^^^^^".into()));
    }

    #[test]
    fn what_steers_a_terminal_or_hides_from_it_is_made_visible() {
        let (line, mark) = shown("a\u{1b}[2J\u{202e}b", "\u{1b}[2J");
        assert_eq!((line.as_str(), mark.as_str()), ("a\\u{1b}[2J\\u{202e}b", " ^^^^^^^^^"));
        assert_eq!(shown("x\u{e0041}y", "\u{e0041}").0, "x\\u{e0041}y");
    }

    #[test]
    fn long_line_is_cut_around_the_span() {
        let text = format!("{}NEEDLE{}", "b".repeat(500), "a".repeat(500));
        let (line, mark) = shown(&text, "NEEDLE");
        let after = COLUMNS - BEFORE_COLUMNS - "…NEEDLE".chars().count();
        assert_eq!(line, format!("…{}NEEDLE{}…", "b".repeat(BEFORE_COLUMNS), "a".repeat(after)));
        assert_eq!(mark, format!("{}^^^^^^", " ".repeat(BEFORE_COLUMNS + 1)));
        let (line, _) = shown(&text, &text);
        assert!(line.chars().count() < 60, "{line}");
    }
}
