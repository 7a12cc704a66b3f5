//! A directory for what the demo needs on disk, readable by its owner alone and gone with it.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

use uuid::Uuid;

use crate::cli::CliError;

/// Dropping it removes the directory and all that is in it.
pub(super) struct Temporary(PathBuf);

impl Temporary {
    /// Fails where something of that name exists, whoever made it: nobody else's directory is used.
    pub(super) fn make() -> Result<Temporary, CliError> {
        let path = std::env::temp_dir().join(format!("wardgate-dev-{}", Uuid::now_v7().simple()));
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|source| unusable(&path, source))?;
        Ok(Temporary(path))
    }

    /// The path of a file in it, as text.
    pub(super) fn path(&self, name: &str) -> Result<String, CliError> {
        let path = self.0.join(name);
        path.to_str().map(str::to_owned).ok_or_else(|| unusable(&path, io::Error::other("its name is not UTF-8")))
    }

    /// Makes a file that its owner alone can read, and tells its path.
    pub(super) fn write(&self, name: &str, content: &[u8]) -> Result<String, CliError> {
        let path = self.path(name)?;
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        opened.and_then(|mut file| file.write_all(content)).map_err(|source| unusable(path.as_ref(), source))?;
        Ok(path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // What cannot be removed is the system's to clean up.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn unusable(path: &std::path::Path, source: io::Error) -> CliError {
    CliError::System { what: format!("{} cannot be used for temporary files", path.display()), source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn temporary_files_are_their_owners_alone_and_gone_at_the_end() {
        let temporary = Temporary::make().unwrap();
        let file = temporary.write("secret", b"canary").unwrap();
        let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(file.as_ref()), mode(&temporary.0)), (0o600, 0o700));
        assert!(temporary.write("secret", b"again").is_err());
        drop(temporary);
        assert!(!std::path::Path::new(&file).exists());
    }
}
