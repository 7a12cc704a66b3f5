//! Secrets on standard input: no argument, which everybody on the machine could list, and no variable, which children
//! inherit.

use std::io::Read;

use zeroize::Zeroizing;

use super::CliError;
use crate::secret::Secret;

/// A longer one is none, and need not be read to its end.
const INPUT_BYTES_MAX: u64 = 16 << 10;

/// Everything up to the end, without the line break that `echo` and Enter put behind it.
pub(super) fn secret_of(stdin: impl Read) -> Result<Secret, CliError> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read = stdin.take(INPUT_BYTES_MAX).read_to_end(&mut bytes);
    read.map_err(|source| CliError::System { what: "standard input could not be read".into(), source })?;
    let secret = bytes.strip_suffix(b"\n").map_or(&bytes[..], |line| line.strip_suffix(b"\r").unwrap_or(line));
    Ok(Secret::new(secret))
}
