//! `wardgate scan --rules`: what `scan.allow_rules` may name.

use serde::Serialize;

use crate::cli::CliError;
use crate::cli::output::{Answer, table};
use crate::scan::rules::{self, Rule};

#[derive(Serialize)]
struct View {
    id: &'static str,
    category: &'static str,
    severity: &'static str,
    languages: Vec<&'static str>,
}

pub(super) fn answer(json: bool) -> Result<Answer, CliError> {
    let view = |rule: &Rule| View {
        id: rule.id,
        category: rule.category.as_str(),
        severity: rule.severity.as_str(),
        languages: languages(rule.id),
    };
    let views: Vec<View> = rules::all().map(view).collect();
    if json {
        return Answer::json(&views);
    }
    let row = |view: &View| {
        let mut row = [view.id, view.category, view.severity].map(str::to_owned).to_vec();
        row.push(view.languages.join(", "));
        row
    };
    let rows: Vec<Vec<String>> = views.iter().map(row).collect();
    Ok(Answer::listing(table(&["ID", "CATEGORY", "SEVERITY", "LANGUAGES"], &rows)))
}

/// An id ends with its languages where the rule is about others than English; what looks at characters is about none.
fn languages(id: &'static str) -> Vec<&'static str> {
    match id.split('.').collect::<Vec<_>>()[..] {
        ["control", _] => Vec::new(),
        [_, _, "more" | "multilingual"] => vec!["several"],
        [_, _, languages] => languages.split('-').collect(),
        _ => vec!["en"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::output::tests::said;

    #[test]
    fn every_rule_is_listed_with_its_severity_and_languages() {
        let table = said(answer(false).unwrap()).0;
        assert_eq!(table.lines().count(), rules::all().count() + 1);
        let json: Vec<serde_json::Value> = serde_json::from_str(&said(answer(true).unwrap()).0).unwrap();
        let rule = |id: &str| json.iter().find(|rule| rule["id"] == id).unwrap();
        assert_eq!(rule("override.ignore-previous")["languages"], serde_json::json!(["en"]));
        assert_eq!(rule("override.ignore-previous")["severity"], "high");
        assert_eq!(rule("control.tag-characters")["languages"], serde_json::json!([]));
    }

    #[test]
    fn languages_of_a_rule_stand_at_the_end_of_its_id() {
        assert_eq!(languages("override.ignore.es-pt"), ["es", "pt"]);
        assert_eq!(languages("override.ignore.more"), ["several"]);
    }
}
