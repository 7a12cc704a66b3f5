//! `wardgate healthcheck`: a probe for images without a shell or curl.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::CliError;

#[derive(Debug, Args)]
pub(crate) struct HealthcheckArgs {
    /// Address and port of the admin listener [default: the config's admin.listen]
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<SocketAddr>,
    /// Ask whether it is alive, and not whether it is ready
    #[arg(long)]
    live: bool,
}

/// Probes are repeated, and a gate that takes longer to say so is not well.
const TIMEOUT: Duration = Duration::from_secs(2);

pub(crate) async fn run(args: HealthcheckArgs, config: Option<PathBuf>) -> Result<(), CliError> {
    let address = match args.admin {
        Some(address) => address,
        None => super::source(config, Vec::new())?.admin()?,
    };
    let address = reachable(address);
    let path = if args.live { "/livez" } else { "/readyz" };
    let asked = tokio::time::timeout(TIMEOUT, ask(address, path)).await;
    match asked {
        Ok(Ok(status)) if status == "200" => Ok(()),
        Ok(Ok(status)) => Err(CliError::Unhealthy(format!("{path} at {address} answers {status}"))),
        Ok(Err(source)) => Err(CliError::System { what: format!("{address} cannot be asked"), source }),
        Err(_) => Err(CliError::Unhealthy(format!("{address} does not answer within {TIMEOUT:?}"))),
    }
}

/// A listener on every address is asked by loopback.
pub(super) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// The status of a GET, as its digits.
async fn ask(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes()).await?;
    let mut head = Vec::new();
    stream.take(64).read_to_end(&mut head).await?;
    let head = String::from_utf8_lossy(&head);
    Ok(head.split(' ').nth(1).unwrap_or("nothing that is HTTP").to_owned())
}
