//! What the scanner is told.

use super::*;
use crate::scan::{Category, Level, Oversize};
use crate::tenant::{ScanMode, ScanTerms};

fn scan(text: &str) -> crate::scan::Config {
    read(&format!("{UPSTREAM}scan: {text}\n"), &[], Vec::new()).unwrap_or_else(|error| panic!("{error}")).0.scan
}

#[test]
fn left_out_the_users_text_and_documents_are_scanned_and_tools_are_not() {
    let left_out = scan("{}");
    assert_eq!((left_out.mode, left_out.level), (ScanMode::Block, Level::Balanced));
    assert_eq!((left_out.tools, left_out.documents), (None, Some(ScanTerms::default())));
    assert_eq!((left_out.oversize, left_out.log_text), (Oversize::Sample, false));
}

#[test]
fn sources_and_categories_have_terms_of_their_own() {
    let told = scan(
        "{ level: strict, by_category: { override: { mode: flag }, control: { level: sensitive } }, tools: { mode: shadow }, documents: { mode: off }, max_bytes: 64KiB, oversize: refuse, allow_rules: [model] }",
    );
    let terms = |mode, level| ScanTerms { mode, level };
    assert_eq!(told.by_category[&Category::Override], terms(Some(ScanMode::Flag), None));
    assert_eq!(told.by_category[&Category::Control], terms(None, Some(Level::Sensitive)));
    assert_eq!(told.by_category[&Category::Hijacking], ScanTerms::default());
    assert_eq!((told.tools, told.documents), (Some(terms(Some(ScanMode::Shadow), None)), None));
    assert_eq!((told.level, told.bytes_max, told.oversize), (Level::Strict, 65_536, Oversize::Refuse));
    assert_eq!(scan("{ tools: { mode: off } }").tools, None);
}

#[test]
fn terms_that_mean_nothing_are_mistakes() {
    for (wrong, told) in [
        ("{ level: loose }", "expected one of"),
        ("{ mode: off }", "expected one of"),
        ("{ by_category: { hijack: { mode: flag } } }", "known here: `override`"),
        ("{ tools: { level: strict } }", "unless they have a mode"),
        ("{ max_bytes: 4095 }", "4KiB at least"),
        ("{ allow_rules: [no.such-rule] }", "no rule has this id"),
    ] {
        let found = mistakes(&format!("{UPSTREAM}scan: {wrong}\n")).join("\n");
        assert!(found.contains(told), "{wrong}: {found}");
    }
}
