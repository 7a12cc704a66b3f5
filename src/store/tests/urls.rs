//! Where a store is, in one line of text.

use super::*;

#[test]
fn sqlite_urls_name_a_file() {
    for (text, path) in [
        ("sqlite:wardgate.db", "wardgate.db"),
        ("sqlite:///var/lib/x.db", "/var/lib/x.db"),
        ("sqlite:/var/lib/x.db", "/var/lib/x.db"),
    ] {
        assert_eq!(StoreUrl::parse(text), Ok(StoreUrl::Sqlite(path.into())), "{text}");
    }
}

#[test]
fn urls_that_name_no_single_file_are_refused_each_with_its_reason() {
    for (text, reason) in [
        ("sqlite::memory:", StoreUrlError::Memory),
        ("sqlite://:memory:", StoreUrlError::Memory),
        ("sqlite:", StoreUrlError::NoFile),
        ("sqlite:///var/lib/", StoreUrlError::NoFile),
        ("sqlite:file:x?mode=memory", StoreUrlError::Options),
        ("sqlite:x.db?mode=rwc", StoreUrlError::Options),
        ("postgres:", StoreUrlError::Postgres(PostgresUrlError::Slashes)),
        ("mysql://u@h/db", StoreUrlError::Scheme),
        ("wardgate.db", StoreUrlError::Scheme),
        ("", StoreUrlError::Scheme),
    ] {
        assert_eq!(StoreUrl::parse(text), Err(reason), "{text}");
    }
}
