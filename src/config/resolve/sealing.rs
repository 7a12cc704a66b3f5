//! What tenants' own keys at providers are sealed with.

use super::Resolver;
use crate::seal::{Config, check_key};

/// One that seals, one that was, and one in between where a rotation was not finished.
const KEYS_MAX: usize = 3;

impl Resolver<'_> {
    pub(in crate::config) fn sealing(&mut self) -> Config {
        let mut config = Config::default();
        for (index, key) in self.raw.sealing.keys.iter().enumerate() {
            let path = format!("sealing.keys[{index}]");
            let taken = config.keys.iter().any(|(id, _)| *id == key.id);
            let Some(source) = self.named_secret(&path, "sealing key", key, taken) else { continue };
            self.parsed(&path, check_key(&source));
            config.keys.push((key.id.clone(), source));
        }
        if self.raw.sealing.keys.len() > KEYS_MAX {
            self.wrong("sealing.keys", &format!("at most {KEYS_MAX} keys are tried"));
        }
        config
    }

    /// The names of the upstreams, whatever else is wrong with them.
    pub(in crate::config) fn upstream_names(&self) -> Vec<String> {
        self.raw.upstreams.iter().map(|upstream| upstream.name.clone()).collect()
    }
}
