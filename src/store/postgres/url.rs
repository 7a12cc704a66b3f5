//! Where a PostgreSQL is, read from a URI as libpq takes them, and strictly: what is not understood is refused, and
//! nothing falls back to plain text by itself.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use tokio_postgres::config::{ChannelBinding, SslMode as Encryption, TargetSessionAttrs};

use crate::secret::Secret;

/// A database, who logs in to it, and how its server is believed. Neither `Debug` nor `Display` shows a password.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    user: String,
    password: Option<Secret>,
    /// One at least. Asked in this order, until one answers that takes writes.
    hosts: Vec<(Host, u16)>,
    database: String,
    tls: TlsSettings,
    application_name: String,
    options: Option<String>,
    channel_binding: Option<ChannelBinding>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Tcp(String),
    /// The directory of a Unix socket.
    Unix(String),
}

/// How the connection is encrypted, and whom it trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TlsSettings {
    pub(super) mode: SslMode,
    /// PEM file of authorities; none: the public ones.
    pub(super) authorities: Option<PathBuf>,
    /// PEM files of our own certificate chain and of its key.
    pub(super) identity: Option<(PathBuf, PathBuf)>,
}

/// What libpq calls `sslmode`, without those that may end in plain text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SslMode {
    Disable,
    /// Encrypted, and whoever answers is believed.
    Require,
    /// The certificate is of a trusted authority, whatever name it holds.
    VerifyCa,
    /// The certificate is of a trusted authority and names the host.
    VerifyFull,
}

/// Why a text is no PostgreSQL URI. Never repeats the text, which may hold a password, but for the names of parameters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PostgresUrlError {
    #[error("the store url goes on with `//`: write postgres://user@host:5432/database")]
    Slashes,
    #[error("the store url names no user: write postgres://user@host:5432/database")]
    NoUser,
    #[error(
        "the store url names no host: write postgres://user@host:5432/database, or %2Fvar%2Frun%2Fpostgresql for a socket"
    )]
    NoHost,
    #[error("the store url names no database: write postgres://user@host:5432/database")]
    NoDatabase,
    #[error("in user and password `@`, `:`, `/`, `?`, `#` and `%` are written as %40, %3A, %2F, %3F, %23 and %25")]
    Userinfo,
    #[error("the store url has `%` without two hexadecimal digits, or characters that are no text")]
    Encoding,
    #[error(
        "a host of the store url is malformed: write name, name:port, [IPv6]:port or the %2Fpath of a socket's directory"
    )]
    Host,
    #[error("a port of the store url is not a number from 1 to 65535")]
    Port,
    #[error("the store url has as many ports as hosts, or one for all")]
    Ports,
    #[error("the store url lists Unix sockets beside other hosts: name only the one or only the others")]
    MixedHosts,
    #[error("the store url has the parameter {0} twice, or beside the part of the url that says the same")]
    Twice(&'static str),
    #[error("the store url has a parameter without `=`")]
    NoValue,
    #[error("the store url has an unknown parameter{0}")]
    UnknownParameter(Unknown),
    #[error(
        "sslmode is disable, require, verify-ca or verify-full; `allow` and `prefer` would fall back to plain text"
    )]
    SslMode,
    #[error("sslmode=verify-ca needs sslrootcert: any public authority would sign for anybody's host")]
    NoAuthorities,
    #[error("sslcert and sslkey go together")]
    Identity,
    #[error("sslrootcert, sslcert and sslkey need sslmode=require, verify-ca or verify-full")]
    TlsUnused,
    #[error("a Unix socket is not encrypted: leave sslmode out")]
    TlsOnSocket,
    #[error("channel_binding is disable, prefer or require")]
    ChannelBinding,
    #[error("target_session_attrs is read-write: a standby is never asked, for it may lag behind a revocation")]
    Standby,
}

/// The name of a parameter, where it can be one, and what it may have been meant for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    name: Option<String>,
    meant: Option<&'static str>,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            write!(f, " `{name}`")?;
        }
        match self.meant {
            Some(meant) => write!(f, "; did you mean `{meant}`?"),
            None => write!(f, "; it takes {}", PARAMETERS.join(", ")),
        }
    }
}

/// What may stand after the `?`.
const PARAMETERS: &[&str] = &[
    "application_name",
    "channel_binding",
    "dbname",
    "host",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "target_session_attrs",
    "user",
];

const DEFAULT_PORT: u16 = 5432;
const APPLICATION_NAME: &str = "wardgate";

/// What `sslrootcert` says for the authorities that the system trusts; here they are those in the binary.
const SYSTEM_AUTHORITIES: &str = "system";

impl PostgresUrl {
    /// Reads `postgres://user:password@host:port,host:port/database?name=value&…`; `postgresql:` is the same.
    pub fn parse(text: &str) -> Result<PostgresUrl, PostgresUrlError> {
        let rest = text.strip_prefix("postgres:").or_else(|| text.strip_prefix("postgresql:"));
        let rest = rest.and_then(|rest| rest.strip_prefix("//")).ok_or(PostgresUrlError::Slashes)?;
        if rest.contains('#') || rest.matches('@').count() > 1 {
            return Err(PostgresUrlError::Userinfo);
        }
        let (userinfo, rest) = rest.split_once('@').map_or((None, rest), |(userinfo, rest)| (Some(userinfo), rest));
        if userinfo.is_some_and(|userinfo| userinfo.contains(['/', '?', '[', ']'])) {
            return Err(PostgresUrlError::Userinfo);
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let mut parts = Parts::of_query(query)?;
        if let Some(userinfo) = userinfo {
            let (user, password) = userinfo.split_once(':').map_or((userinfo, None), |(u, p)| (u, Some(p)));
            parts.set("user", decode(user)?)?;
            password.map_or(Ok(()), |password| parts.set("password", decode(password)?))?;
        }
        if !path.is_empty() {
            parts.set("dbname", decode(path)?)?;
        }
        let hosts = parts.hosts(hosts)?;
        parts.resolve(hosts)
    }

    /// Whether a password stands in the url itself.
    pub fn holds_a_password(&self) -> bool {
        self.password.is_some()
    }

    /// The files that `sslrootcert`, `sslcert` and `sslkey` name.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let identity = self.tls.identity.iter().flat_map(|(certificate, key)| [certificate, key]);
        self.tls.authorities.iter().chain(identity).map(PathBuf::as_path)
    }

    pub(super) fn tls(&self) -> &TlsSettings {
        &self.tls
    }

    pub(super) fn host_count(&self) -> usize {
        self.hosts.len()
    }

    /// What tokio-postgres connects to one of the hosts by, without time limits; `password` goes before the one in the
    /// url.
    pub(super) fn client_config(&self, host: usize, password: Option<&Secret>) -> tokio_postgres::Config {
        let mut config = tokio_postgres::Config::new();
        config.user(&self.user).dbname(&self.database).application_name(&self.application_name);
        let (host, port) = &self.hosts[host];
        match host {
            Host::Tcp(name) => config.host(name),
            Host::Unix(directory) => config.host_path(directory),
        };
        config.port(*port);
        if let Some(password) = password.or(self.password.as_ref()) {
            config.password(password.expose());
        }
        if let Some(options) = &self.options {
            config.options(options);
        }
        config.channel_binding(self.channel_binding.unwrap_or(ChannelBinding::Prefer));
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        config.ssl_mode(match self.tls.mode {
            SslMode::Disable => Encryption::Disable,
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => Encryption::Require,
        });
        config
    }
}

/// Every parameter, decoded, by its place in `PARAMETERS`.
struct Parts([Option<String>; PARAMETERS.len()]);

impl Parts {
    fn of_query(query: &str) -> Result<Parts, PostgresUrlError> {
        let mut parts = Parts(Default::default());
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').ok_or(PostgresUrlError::NoValue)?;
            let name = decode(name)?;
            let known = PARAMETERS.iter().find(|known| **known == name);
            let known = known.ok_or_else(|| PostgresUrlError::UnknownParameter(unknown(&name)))?;
            parts.set(known, decode(value)?)?;
        }
        Ok(parts)
    }

    fn slot(&mut self, name: &'static str) -> &mut Option<String> {
        let at = PARAMETERS.iter().position(|known| *known == name);
        &mut self.0[at.expect("callers name what is in the list")]
    }

    fn set(&mut self, name: &'static str, value: String) -> Result<(), PostgresUrlError> {
        match self.slot(name).replace(value) {
            Some(_) => Err(PostgresUrlError::Twice(name)),
            None => Ok(()),
        }
    }

    fn take(&mut self, name: &'static str) -> Option<String> {
        self.slot(name).take().filter(|value| !value.is_empty())
    }

    /// The hosts, which stand before the path (`written`) or in `host` and `port`.
    fn hosts(&mut self, written: &str) -> Result<Vec<(Host, u16)>, PostgresUrlError> {
        let (names, ports) = (self.take("host"), self.take("port"));
        if !written.is_empty() {
            let twice = |part: Option<String>, name| part.map_or(Ok(()), |_| Err(PostgresUrlError::Twice(name)));
            twice(names, "host")?;
            twice(ports, "port")?;
            return written.split(',').map(host_and_port).collect();
        }
        let names = names.ok_or(PostgresUrlError::NoHost)?;
        let names: Vec<Host> = names.split(',').map(host).collect::<Result<_, _>>()?;
        let ports: Vec<u16> = match ports {
            Some(ports) => ports.split(',').map(port).collect::<Result<_, _>>()?,
            None => vec![DEFAULT_PORT],
        };
        match ports.as_slice() {
            [one] => Ok(names.into_iter().map(|name| (name, *one)).collect()),
            many if many.len() == names.len() => Ok(names.into_iter().zip(ports).collect()),
            _ => Err(PostgresUrlError::Ports),
        }
    }

    fn resolve(mut self, hosts: Vec<(Host, u16)>) -> Result<PostgresUrl, PostgresUrlError> {
        let sockets = hosts.iter().filter(|(host, _)| matches!(host, Host::Unix(_))).count();
        if sockets > 0 && sockets < hosts.len() {
            return Err(PostgresUrlError::MixedHosts);
        }
        if self.take("target_session_attrs").is_some_and(|wanted| wanted != "read-write") {
            return Err(PostgresUrlError::Standby);
        }
        Ok(PostgresUrl {
            user: self.take("user").ok_or(PostgresUrlError::NoUser)?,
            password: self.take("password").map(Secret::new),
            database: self.take("dbname").ok_or(PostgresUrlError::NoDatabase)?,
            tls: self.tls(&hosts)?,
            application_name: self.take("application_name").unwrap_or_else(|| APPLICATION_NAME.to_owned()),
            options: self.take("options"),
            channel_binding: self.channel_binding()?,
            hosts,
        })
    }

    fn tls(&mut self, hosts: &[(Host, u16)]) -> Result<TlsSettings, PostgresUrlError> {
        let on_sockets = hosts.iter().all(|(host, _)| matches!(host, Host::Unix(_)));
        let authorities = self.take("sslrootcert");
        let identity = match (self.take("sslcert"), self.take("sslkey")) {
            (Some(certificate), Some(key)) => Some((certificate.into(), key.into())),
            (None, None) => None,
            _ => return Err(PostgresUrlError::Identity),
        };
        let names_files = authorities.is_some() || identity.is_some();
        let asked = self.take("sslmode").map(|mode| ssl_mode(&mode)).transpose()?;
        let mode = match asked {
            // As libpq has it: whoever names an authority means it.
            Some(SslMode::Require) if authorities.is_some() => SslMode::VerifyCa,
            Some(asked) => asked,
            None if !names_files && hosts.iter().all(|(host, _)| is_here(host)) => SslMode::Disable,
            None => SslMode::VerifyFull,
        };
        let system = authorities.as_deref().is_none_or(|named| named == SYSTEM_AUTHORITIES);
        match mode {
            SslMode::Disable if names_files => Err(PostgresUrlError::TlsUnused),
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull if on_sockets => {
                Err(PostgresUrlError::TlsOnSocket)
            }
            SslMode::VerifyCa if system => Err(PostgresUrlError::NoAuthorities),
            mode => Ok(TlsSettings { mode, authorities: authorities.filter(|_| !system).map(PathBuf::from), identity }),
        }
    }

    fn channel_binding(&mut self) -> Result<Option<ChannelBinding>, PostgresUrlError> {
        match self.take("channel_binding").as_deref() {
            None => Ok(None),
            Some("disable") => Ok(Some(ChannelBinding::Disable)),
            Some("prefer") => Ok(Some(ChannelBinding::Prefer)),
            Some("require") => Ok(Some(ChannelBinding::Require)),
            Some(_) => Err(PostgresUrlError::ChannelBinding),
        }
    }
}

fn ssl_mode(word: &str) -> Result<SslMode, PostgresUrlError> {
    match word {
        "disable" => Ok(SslMode::Disable),
        "require" => Ok(SslMode::Require),
        "verify-ca" => Ok(SslMode::VerifyCa),
        "verify-full" => Ok(SslMode::VerifyFull),
        _ => Err(PostgresUrlError::SslMode),
    }
}

fn host_and_port(written: &str) -> Result<(Host, u16), PostgresUrlError> {
    let (name, written_port) = match written.strip_prefix('[') {
        Some(rest) => {
            let (address, rest) = rest.split_once(']').ok_or(PostgresUrlError::Host)?;
            if !address.contains(':') {
                return Err(PostgresUrlError::Host);
            }
            match rest.strip_prefix(':') {
                Some(port) => (address, Some(port)),
                None if rest.is_empty() => (address, None),
                None => return Err(PostgresUrlError::Host),
            }
        }
        None => written.split_once(':').map_or((written, None), |(name, port)| (name, Some(port))),
    };
    Ok((host(&decode(name)?)?, written_port.map_or(Ok(DEFAULT_PORT), port)?))
}

fn host(name: &str) -> Result<Host, PostgresUrlError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    match name {
        socket if socket.starts_with('/') && !socket.contains('\0') => Ok(Host::Unix(socket.to_owned())),
        name if name.parse::<IpAddr>().is_ok() => Ok(Host::Tcp(name.to_owned())),
        name if !name.is_empty() && name.bytes().all(plain) => Ok(Host::Tcp(name.to_owned())),
        _ => Err(PostgresUrlError::Host),
    }
}

fn port(written: &str) -> Result<u16, PostgresUrlError> {
    let digits = written.bytes().all(|b| b.is_ascii_digit());
    written.parse().ok().filter(|port| digits && *port > 0).ok_or(PostgresUrlError::Port)
}

/// Whether what is sent to the host cannot be read on the way.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()),
    }
}

/// A name that could be no parameter's is not repeated: it may be the end of a password that was not encoded.
fn unknown(name: &str) -> Unknown {
    let fits = name.len() <= 32 && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    let near = PARAMETERS.iter().map(|known| (strsim::osa_distance(name, known), *known)).min();
    Unknown {
        name: fits.then(|| name.to_owned()),
        meant: near.filter(|(distance, _)| *distance <= 3).map(|(_, known)| known),
    }
}

/// Takes `%41` for `A`. A NUL ends a text in PostgreSQL's protocol, so none passes.
fn decode(written: &str) -> Result<String, PostgresUrlError> {
    let mut bytes = Vec::with_capacity(written.len());
    let mut rest = written.as_bytes();
    while let [first, after @ ..] = rest {
        rest = match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let digit = |b: u8| char::from(b).to_digit(16).ok_or(PostgresUrlError::Encoding);
                bytes.push((digit(*high)? * 16 + digit(*low)?) as u8);
                after
            }
            (b'%', _) => return Err(PostgresUrlError::Encoding),
            (plain, after) => {
                bytes.push(*plain);
                after
            }
        };
    }
    let text = String::from_utf8(bytes).map_err(|_| PostgresUrlError::Encoding)?;
    if text.contains('\0') { Err(PostgresUrlError::Encoding) } else { Ok(text) }
}

fn encode(text: &str) -> impl fmt::Display + '_ {
    fmt::from_fn(move |f| {
        text.bytes().try_for_each(|b| match b {
            b'-' | b'.' | b'_' | b'~' => write!(f, "{}", char::from(b)),
            b if b.is_ascii_alphanumeric() => write!(f, "{}", char::from(b)),
            b => write!(f, "%{b:02X}"),
        })
    })
}

/// The url as it can be shown to anybody: without password, files and options, and with the `sslmode` that is in force.
impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "postgres://{}@", encode(&self.user))?;
        for (index, (host, port)) in self.hosts.iter().enumerate() {
            let separator = if index == 0 { "" } else { "," };
            match host {
                Host::Tcp(name) if name.contains(':') => write!(f, "{separator}[{name}]:{port}")?,
                Host::Tcp(name) => write!(f, "{separator}{name}:{port}")?,
                Host::Unix(directory) => write!(f, "{separator}{}:{port}", encode(directory))?,
            }
        }
        let mode = match self.tls.mode {
            SslMode::Disable => "disable",
            SslMode::Require => "require",
            SslMode::VerifyCa => "verify-ca",
            SslMode::VerifyFull => "verify-full",
        };
        write!(f, "/{}?sslmode={mode}", encode(&self.database))
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({self})")
    }
}

#[cfg(test)]
mod tests;
