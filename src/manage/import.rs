//! Keys of other systems, taken over by their hashes: all of a list, or none of it.
//!
//! A list is CSV under the header `prefix,hash,tenant,name,scopes,models,expires_at,canary`, of which only `hash` and
//! `tenant` must be there, or a JSON array of the same fields. Every mistake is told at once, with its line.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Authority, Manage, ManageError, RowMistake, schema};
use crate::auth::api_key::KeyHash;
use crate::clock::{Expiry, Timestamp};
use crate::scopes::{Models, Scopes};
use crate::store::{KeyRecord, NewKey, Reach, StoreError, check_public_id};
use crate::tenant::Tenant;

/// More rows than this are not one list, but several.
pub const ROWS_MAX: usize = 10_000;
/// Enough of a digest to tell an operator's keys apart.
const DIGEST_PREFIX_CHARS: usize = 12;

/// A key of another system.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportRow {
    /// The key's public part, by which a bcrypt hash is found; digests are found by themselves.
    #[serde(default)]
    #[schema(schema_with = schema::prefix_or_null)]
    pub prefix: Option<String>,
    /// `$2b$…` (bcrypt), `sha256:…` or `hmac-sha256:<pepper id>:…`.
    #[schema(schema_with = schema::hash)]
    pub hash: String,
    /// Id or slug.
    #[schema(schema_with = schema::tenant)]
    pub tenant: String,
    #[serde(default)]
    #[schema(schema_with = schema::optional_name)]
    pub name: String,
    /// Where there are none: those of a credential that names none.
    #[serde(default)]
    #[schema(schema_with = schema::scopes)]
    pub scopes: Vec<String>,
    /// Where there are none: every model.
    #[serde(default)]
    #[schema(schema_with = schema::models)]
    pub models: Vec<String>,
    /// RFC 3339; never where it is left out.
    #[serde(default)]
    #[schema(schema_with = schema::time_or_null)]
    pub expires_at: Option<String>,
    /// A key that nobody is meant to use: its use is an alarm
    #[serde(default)]
    pub canary: bool,
    /// Where it stands in its list, counted from 1.
    #[serde(skip)]
    pub line: usize,
}

/// One row's mistake before its line is known: the field, and what is wrong with it.
struct Problem {
    field: &'static str,
    text: String,
    /// Not of the row itself, but of what is stored or allowed.
    standing: bool,
}

impl Manage {
    /// One row, whose mistakes are told as any other creation's.
    pub async fn import_key(&self, who: &Authority, row: ImportRow) -> Result<KeyRecord, ManageError> {
        let tenant = self.tenant(who, &row.tenant).await?;
        let new = new_key(who, &tenant, row).map_err(|problem| ManageError::invalid(problem.field, problem.text))?;
        self.check_import(who, &tenant, &new)?;
        let key = self.store.create_key(new, None).await?.into_inner();
        self.announce(who, "key imported", &key.id).await;
        Ok(key)
    }

    /// All rows, or none of them.
    pub async fn import_keys(&self, who: &Authority, rows: Vec<ImportRow>) -> Result<Vec<KeyRecord>, ManageError> {
        if rows.len() > ROWS_MAX {
            return Err(ManageError::invalid("", format!("a list has {ROWS_MAX} rows at most")));
        }
        let lines: Vec<usize> = rows.iter().map(|row| row.line).collect();
        let new = self.check_rows(who, rows).await?;
        let keys = self.store.import_keys(new).await.map_err(|error| at_its_line(error, &lines))?;
        for key in &keys {
            tracing::info!(by = %who.by(), id = key.id, "key imported");
        }
        self.announce(who, "keys imported", &keys.len().to_string()).await;
        Ok(keys)
    }

    async fn check_rows(&self, who: &Authority, rows: Vec<ImportRow>) -> Result<Vec<NewKey>, ManageError> {
        let mut tenants: HashMap<String, Option<Arc<Tenant>>> = HashMap::new();
        let (mut good, mut mistakes, mut standing) = (Vec::new(), Vec::new(), true);
        for row in rows {
            let line = row.line;
            let tenant = self.tenant_once(&mut tenants, &row.tenant).await?;
            match self.check_row(who, tenant, row) {
                Ok(new) => good.push(new),
                Err(problem) => {
                    standing &= problem.standing;
                    mistakes.push(RowMistake { line, field: problem.field.to_owned(), problem: problem.text });
                }
            }
        }
        match (mistakes.is_empty(), standing) {
            (true, _) => Ok(good),
            (false, true) => Err(ManageError::RowsConflict(mistakes)),
            (false, false) => Err(ManageError::Rows(mistakes)),
        }
    }

    /// A list names few tenants often.
    async fn tenant_once(
        &self,
        known: &mut HashMap<String, Option<Arc<Tenant>>>,
        name: &str,
    ) -> Result<Option<Arc<Tenant>>, ManageError> {
        if let Some(known) = known.get(name) {
            return Ok(known.clone());
        }
        let found = match self.store.tenant(&Reach::Platform, name).await {
            Err(StoreError::NotFound(_)) => None,
            found => Some(found?),
        };
        known.insert(name.to_owned(), found.clone());
        Ok(found)
    }

    fn check_row(&self, who: &Authority, tenant: Option<Arc<Tenant>>, row: ImportRow) -> Result<NewKey, Problem> {
        let standing = |field, text: String| Problem { field, text, standing: true };
        let tenant = tenant.ok_or_else(|| standing("tenant", "there is no such tenant".to_owned()))?;
        let new = new_key(who, &tenant, row)?;
        self.check_import(who, &tenant, &new).map_err(|error| match error {
            ManageError::Invalid { field, problem } => Problem { field, text: problem, standing: false },
            other => standing("", other.to_string()),
        })?;
        Ok(new)
    }
}

fn new_key(who: &Authority, tenant: &Tenant, row: ImportRow) -> Result<NewKey, Problem> {
    fn wrong(field: &'static str, error: impl std::fmt::Display) -> Problem {
        Problem { field, text: error.to_string(), standing: false }
    }
    let hash = KeyHash::from_str(&row.hash).map_err(|error| wrong("hash", error))?;
    // As digests are looked for, whatever case they came in.
    let hashed_key = hash.to_string();
    let public_id = match row.prefix {
        Some(prefix) => prefix,
        None => prefix_of(&hashed_key)
            .ok_or_else(|| wrong("prefix", "a bcrypt hash is found by the key's public part: give it as the prefix"))?,
    };
    check_public_id(&public_id).map_err(|error| wrong("prefix", error))?;
    let scopes = match row.scopes.is_empty() {
        true => Scopes::defaults(),
        false => Scopes::new(row.scopes).map_err(|error| wrong("scopes", error))?,
    };
    let expiry = row.expires_at.map(|text| parse_time(&text)).transpose().map_err(|text| wrong("expires_at", text))?;
    Ok(NewKey {
        tenant: tenant.id.clone(),
        public_id,
        hashed_key,
        // Another system's secret may be one that can be guessed: nothing quick to compare is made of it here.
        verifier: None,
        name: row.name,
        scopes,
        models: Models::from_list(row.models),
        expiry: expiry.map_or(Expiry::Never, Expiry::At),
        created_by: who.by().into_owned(),
        canary: row.canary,
    })
}

/// A digest's first digits do for a name; bcrypt's salt keeps it from being found by itself.
fn prefix_of(hash: &str) -> Option<String> {
    hash.rsplit_once(':').map(|(_, digest)| digest.chars().take(DIGEST_PREFIX_CHARS).collect())
}

fn parse_time(text: &str) -> Result<Timestamp, &'static str> {
    let parsed = OffsetDateTime::parse(text, &Rfc3339);
    parsed
        .map(|at| Timestamp(at.unix_timestamp()))
        .map_err(|_| "expected a time as RFC 3339 has it, such as 2027-01-31T12:00:00Z")
}

fn at_its_line(error: StoreError, lines: &[usize]) -> ManageError {
    match error {
        StoreError::Row { index, error } => match ManageError::from(*error) {
            ManageError::Unavailable(error) => ManageError::Unavailable(error),
            refused => {
                let line = lines.get(index).copied().unwrap_or(index + 1);
                let mistake = RowMistake { line, field: String::new(), problem: refused.to_string() };
                ManageError::RowsConflict(vec![mistake])
            }
        },
        other => ManageError::from(other),
    }
}

/// A JSON array of rows, each with the line on which it begins.
pub fn parse_json(text: &str) -> Result<Vec<ImportRow>, ManageError> {
    let at = |line, error: serde_json::Error| RowMistake { line, field: String::new(), problem: without_place(&error) };
    let raw: Vec<&RawValue> =
        serde_json::from_str(text).map_err(|error| ManageError::Rows(vec![at(error.line(), error)]))?;
    let (mut rows, mut mistakes) = (Vec::new(), Vec::new());
    let (mut line, mut read) = (1, 0);
    for each in raw {
        // Where the slice begins within the text that it was cut from.
        let begins = each.get().as_ptr().addr() - text.as_ptr().addr();
        line += text[read..begins].matches('\n').count();
        read = begins;
        if !each.get().starts_with('{') {
            mistakes.push(RowMistake { line, field: String::new(), problem: "a row is an object".to_owned() });
            continue;
        }
        match serde_json::from_str::<ImportRow>(each.get()) {
            Ok(row) => rows.push(ImportRow { line, ..row }),
            Err(error) => mistakes.push(at(line + error.line() - 1, error)),
        }
    }
    if mistakes.is_empty() { Ok(rows) } else { Err(ManageError::Rows(mistakes)) }
}

/// serde_json counts within the row, where people look at the whole list.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

/// CSV (RFC 4180) with a header; lists within a field have spaces between.
pub fn parse_csv(text: &str) -> Result<Vec<ImportRow>, ManageError> {
    // Spreadsheets put a byte order mark before what they export.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| ManageError::Rows(vec![csv_mistake(&error)]))?.clone();
    check_header(&header)?;
    let (mut rows, mut mistakes) = (Vec::new(), Vec::new());
    for record in reader.records() {
        match record.map_err(|error| csv_mistake(&error)).and_then(|record| row_of(&header, &record, text)) {
            Ok(row) => rows.push(row),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    if mistakes.is_empty() { Ok(rows) } else { Err(ManageError::Rows(mistakes)) }
}

fn check_header(header: &csv::StringRecord) -> Result<(), ManageError> {
    let mistake = |field: &str, problem: &str| RowMistake { line: 1, field: field.to_owned(), problem: problem.into() };
    let unknown = header.iter().filter(|name| !COLUMNS.contains(name)).map(|name| mistake(name, "no such column"));
    let missing = ["hash", "tenant"].into_iter().filter(|name| !header.iter().any(|held| held == *name));
    let twice = COLUMNS.iter().filter(|name| header.iter().filter(|held| held == *name).count() > 1);
    let mistakes: Vec<RowMistake> = unknown
        .chain(missing.map(|name| mistake(name, "this column is missing")))
        .chain(twice.map(|name| mistake(name, "this column comes twice")))
        .collect();
    if mistakes.is_empty() { Ok(()) } else { Err(ManageError::Rows(mistakes)) }
}

fn row_of(header: &csv::StringRecord, record: &csv::StringRecord, text: &str) -> Result<ImportRow, RowMistake> {
    let line = line_of(record.position(), text);
    let cell = |name: &str| {
        let at = header.iter().position(|held| held == name);
        at.and_then(|at| record.get(at)).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let words = |name: &str| cell(name).unwrap_or_default().split_ascii_whitespace().map(str::to_owned).collect();
    let needed = |name: &str| {
        cell(name).ok_or_else(|| RowMistake { line, field: name.to_owned(), problem: "this is missing".to_owned() })
    };
    let canary = match cell("canary").as_deref() {
        None | Some("false" | "0" | "no") => false,
        Some("true" | "1" | "yes") => true,
        Some(_) => {
            return Err(RowMistake { line, field: "canary".into(), problem: "expected true or false".into() });
        }
    };
    Ok(ImportRow {
        prefix: cell("prefix"),
        hash: needed("hash")?,
        tenant: needed("tenant")?,
        name: cell("name").unwrap_or_default(),
        scopes: words("scopes"),
        models: words("models"),
        expires_at: cell("expires_at"),
        canary,
        line,
    })
}

/// The reader's position is before the empty lines that it passes over.
fn line_of(position: Option<&csv::Position>, text: &str) -> usize {
    let begins = position.and_then(|at| usize::try_from(at.byte()).ok()).unwrap_or_default();
    let passed = text.get(begins..).map_or(0, |rest| rest.len() - rest.trim_start_matches(['\r', '\n']).len());
    text.get(..begins + passed).map_or(0, |read| read.matches('\n').count() + 1)
}

const COLUMNS: [&str; 8] = ["prefix", "hash", "tenant", "name", "scopes", "models", "expires_at", "canary"];

fn csv_mistake(error: &csv::Error) -> RowMistake {
    let line = error.position().map_or(1, |at| usize::try_from(at.line()).unwrap_or(usize::MAX));
    let problem = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} fields where the header has {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => "this is no UTF-8".to_owned(),
        _ => "this is no CSV".to_owned(),
    };
    RowMistake { line, field: String::new(), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_rows_know_their_lines_and_their_lists() {
        let text = "hash,tenant,scopes,models,canary\n\nsha256:00,acme,a:b llm:invoke,m1 m2,true\n\"sha256:\n01\",acme,,,\nx,globex,,,\n";
        let rows = parse_csv(text).unwrap();
        assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [3, 4, 6]);
        assert_eq!(
            (&rows[0].scopes, &rows[0].models),
            (&vec!["a:b".into(), "llm:invoke".into()], &vec!["m1".into(), "m2".into()])
        );
        assert!(rows[0].canary && !rows[1].canary && rows[2].prefix.is_none());
    }

    #[test]
    fn every_mistake_of_a_csv_is_told_with_its_line() {
        let wrong = |text: &str| match parse_csv(text) {
            Err(ManageError::Rows(mistakes)) => {
                mistakes.iter().map(RowMistake::to_string).collect::<Vec<_>>().join("; ")
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(wrong("hsh,tenant\n"), "line 1: hsh: no such column; line 1: hash: this column is missing");
        assert_eq!(wrong("hash,hash,tenant\n"), "line 1: hash: this column comes twice");
        let both = wrong("hash,tenant,canary\na\n,acme,\nb,acme,perhaps\n");
        assert_eq!(
            both,
            "line 2: 1 fields where the header has 3; line 3: hash: this is missing; line 4: canary: expected true or false"
        );
    }

    #[test]
    fn json_rows_know_their_lines_and_refuse_what_is_unknown() {
        let rows =
            parse_json("[\n {\"hash\":\"a\",\"tenant\":\"t\"},\n\n {\"tenant\":\"t\",\n\"hash\":\"b\"}]").unwrap();
        assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 4]);
        let Err(ManageError::Rows(mistakes)) =
            parse_json("[{\"hash\":\"a\",\"tenant\":\"t\"},\n{\"hash\":\"a\"},\n{\n\"hsh\":1}]")
        else {
            panic!("it was taken")
        };
        let told: Vec<_> = mistakes.iter().map(|mistake| (mistake.line, mistake.problem.contains("field"))).collect();
        assert_eq!(told, [(2, true), (4, true)], "{mistakes:?}");
        assert!(matches!(parse_json("[{]"), Err(ManageError::Rows(_))));
        assert!(matches!(parse_json("{}"), Err(ManageError::Rows(_))));
    }

    #[test]
    fn times_are_rfc_3339() {
        assert_eq!(parse_time("1970-01-01T01:00:00+01:00"), Ok(Timestamp(0)));
        assert!(parse_time("2027-01-31").is_err() && parse_time("tomorrow").is_err());
    }
}
