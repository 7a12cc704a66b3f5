//! The config: a file, overridden by `WARDGATE__SECTION__KEY` variables, overridden by flags.
//!
//! Reading it finds every mistake at once, each with its place and the mend. What comes out holds resolved values only,
//! one `Config` for each part.

mod raw;
mod resolve;
mod view;
mod yaml;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;

pub use self::yaml::{Mistake, Place};

use self::raw::Raw;
use self::resolve::Resolver;
use self::yaml::Tree;
use crate::digest::hex;
use crate::route::AppRoute;
use crate::{admin, auth, cors, limits, prompt, scan, seal, server, store, telemetry, upstream};

/// Everything that a gate needs, resolved.
#[derive(Clone)]
pub struct Config {
    pub server: server::Config,
    pub admin: admin::Config,
    pub store: store::Config,
    pub auth: auth::Config,
    pub sealing: seal::Config,
    pub trusted_peers: Vec<IpNet>,
    pub upstreams: upstream::Config,
    pub scan: scan::Config,
    pub prompt: prompt::Config,
    pub limits: limits::Config,
    pub cors: cors::Config,
    pub telemetry: telemetry::Config,
    pub routes: Vec<AppRoute>,
    /// SHA-256 of the file, the variables and the flags that it was read from, in hexadecimal digits.
    pub hash: String,
}

/// What commands on records need.
pub struct Records {
    pub store: store::Config,
    pub auth: auth::Config,
    pub sealing: seal::Config,
    /// Names of the upstreams; none where the config has none.
    pub upstreams: Vec<String>,
}

/// A config as it was found, decoded and not yet resolved.
pub struct Source {
    tree: Tree,
    raw: Raw,
    file: Option<PathBuf>,
    hash: String,
    mistakes: Vec<Mistake>,
}

/// A value that a flag sets: path, text, and the flag.
pub struct Override {
    pub path: &'static [&'static str],
    pub text: String,
    pub flag: &'static str,
}

/// Everything that is wrong with a config.
#[derive(Debug)]
pub struct Mistakes {
    file: Option<PathBuf>,
    pub list: Vec<Mistake>,
}

/// Prefix of the variables that override the file; `__` stands between the parts of a path.
const VARIABLE_PREFIX: &str = "WARDGATE__";

impl Source {
    /// Reads `file` (none: all defaults), then the environment, then flags.
    pub fn read(
        file: Option<&Path>,
        variables: impl Iterator<Item = (String, String)>,
        flags: Vec<Override>,
    ) -> Result<Source, Mistakes> {
        let failed = |mistake| Mistakes { file: file.map(Path::to_owned), list: vec![mistake] };
        let text = match file {
            Some(path) => std::fs::read_to_string(path).map_err(|error| failed(unreadable(path, &error)))?,
            None => String::new(),
        };
        let mut tree = Tree::parse(&text).map_err(failed)?;
        let ours = in_order(variables);
        let hash = hash(&text, &ours, &flags);
        let mut mistakes = override_by_variables(&mut tree, ours);
        for flag in flags {
            mistakes.extend(tree.set(flag.path, &flag.text, Place::Flag(flag.flag.into())).err());
        }
        let (raw, undecodable) = tree.decode::<Raw>();
        mistakes.extend(undecodable);
        Ok(Source { tree, raw: raw.unwrap_or_default(), file: file.map(Path::to_owned), hash, mistakes })
    }

    /// The whole config, with its warnings, or every mistake in it.
    pub fn config(self) -> Result<(Config, Vec<Mistake>), Mistakes> {
        let hash = self.hash.clone();
        self.resolve(|resolver| resolver.config(hash))
    }

    /// What commands on tenants and keys need; mistakes elsewhere do not stop them.
    pub fn records(self) -> Result<Records, Mistakes> {
        let resolve = |resolver: &mut Resolver<'_>| Records {
            store: resolver.store(),
            auth: resolver.auth(),
            sealing: resolver.sealing(),
            upstreams: resolver.upstream_names(),
        };
        self.resolve(resolve).map(|(records, _)| records)
    }

    /// Where the admin listener is.
    pub fn admin(self) -> Result<SocketAddr, Mistakes> {
        self.resolve(|resolver| resolver.admin()).map(|(address, _)| address)
    }

    /// What the scanner looks for; a config without upstreams will do.
    pub fn scan(self) -> Result<scan::Config, Mistakes> {
        self.resolve(|resolver| resolver.scan()).map(|(scan, _)| scan)
    }

    fn resolve<T>(self, resolve: impl FnOnce(&mut Resolver<'_>) -> T) -> Result<(T, Vec<Mistake>), Mistakes> {
        let mut resolver = Resolver::new(&self.tree, &self.raw, self.mistakes);
        let resolved = resolve(&mut resolver);
        let (mistakes, warnings) = resolver.found();
        if mistakes.is_empty() { Ok((resolved, warnings)) } else { Err(Mistakes { file: self.file, list: mistakes }) }
    }
}

/// The JSON Schema of the file (draft 2020-12).
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Raw)
}

/// The variables that override, in order, so that the elements of a list come one after the other.
fn in_order(variables: impl Iterator<Item = (String, String)>) -> Vec<(String, String)> {
    let mut ours: Vec<(String, String)> = variables.filter(|(name, _)| name.starts_with(VARIABLE_PREFIX)).collect();
    ours.sort();
    ours
}

/// No secret is in it: a config names secrets, and never holds them. A NUL stands between the parts, which none can hold.
fn hash(text: &str, variables: &[(String, String)], flags: &[Override]) -> String {
    let mut digest = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    let mut part = |text: &str| {
        digest.update(text.as_bytes());
        digest.update(b"\0");
    };
    part(text);
    for (name, value) in variables {
        part(name);
        part(value);
    }
    for flag in flags {
        part(flag.flag);
        part(&flag.path.join("."));
        part(&flag.text);
    }
    hex(digest.finish().as_ref())
}

fn override_by_variables(tree: &mut Tree, ours: Vec<(String, String)>) -> Vec<Mistake> {
    let set = |(name, text): (String, String)| {
        let path = name[VARIABLE_PREFIX.len()..].to_ascii_lowercase();
        let path: Vec<&str> = path.split("__").collect();
        tree.set(&path, &text, Place::Environment(name.clone())).err()
    };
    ours.into_iter().filter_map(set).collect()
}

fn unreadable(path: &Path, error: &std::io::Error) -> Mistake {
    let message = format!("the file {} cannot be read: {error}", path.display());
    Mistake { place: Place::Whole, path: String::new(), message }
}

/// One line for each mistake, as a compiler would: file, place, what is wrong.
impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.list.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            match (&self.file, &mistake.place) {
                (Some(file), Place::File { .. }) => write!(f, "{separator}{}: {mistake}", file.display())?,
                _ => write!(f, "{separator}{mistake}")?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

#[cfg(test)]
mod tests;
