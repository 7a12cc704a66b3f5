//! What both engines know of migrations: which there are, and how far a store's history has come along them.

use super::StoreError;

/// An engine's migrations, in their order.
pub(super) struct Migrations(Vec<refinery::Migration>);

impl Migrations {
    pub(super) fn of(runner: &refinery::Runner) -> Migrations {
        let mut migrations = runner.get_migrations().clone();
        migrations.sort();
        Migrations(migrations)
    }

    /// The version that this build needs.
    pub(super) fn newest(&self) -> i64 {
        self.0.last().map_or(0, |migration| i64::from(migration.version()))
    }

    /// Those after a version.
    pub(super) fn after(&self, found: i64) -> impl Iterator<Item = &refinery::Migration> {
        self.0.iter().filter(move |migration| i64::from(migration.version()) > found)
    }

    pub(super) fn names_after(&self, found: i64) -> Vec<String> {
        self.after(found).map(ToString::to_string).collect()
    }

    /// The version that a history ends at, which is version and checksum of each migration that ran, in their order; 0
    /// where none did. A history of other migrations, or of edited ones, is no store of ours.
    pub(super) fn version(&self, history: &[(i64, String)]) -> Result<i64, StoreError> {
        match history.last() {
            None => Ok(0),
            Some(&(found, _)) if found > self.newest() => {
                Err(StoreError::SchemaTooNew { found, wanted: self.newest() })
            }
            Some(&(found, _)) if self.begin_with(history) => Ok(found),
            Some(_) => Err(StoreError::SchemaForeign),
        }
    }

    /// A store that stands must be at this build's version: an operator decides when it moves on.
    pub(super) fn check(&self, found: i64) -> Result<(), StoreError> {
        let wanted = self.newest();
        if found < wanted { Err(StoreError::SchemaTooOld { found, wanted }) } else { Ok(()) }
    }

    fn begin_with(&self, history: &[(i64, String)]) -> bool {
        history.len() <= self.0.len()
            && history.iter().zip(&self.0).all(|((version, checksum), ours)| {
                *version == i64::from(ours.version()) && *checksum == ours.checksum().to_string()
            })
    }
}
