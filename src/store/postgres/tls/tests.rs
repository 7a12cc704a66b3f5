use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::store::postgres::testing::{config, eventually, pool};
use crate::store::servers::PrivateCluster;
use crate::store::{Outage, StoreError};

/// A server with a certificate for `localhost`, and logins `app` by password and `certified` by certificate.
struct Server {
    cluster: PrivateCluster,
    files: tempfile::TempDir,
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// PEM of a certificate for a host or a login, and of its key.
fn signed(by: &Authority, name: &str) -> (String, String) {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, by).unwrap();
    (certificate.pem(), key.serialize_pem())
}

impl Server {
    async fn start() -> Server {
        let ours = authority("ours");
        let files = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| std::fs::write(files.path().join(name), text).unwrap();
        put("ca.pem", &ours.pem());
        put("other-ca.pem", &authority("other").pem());
        let (certificate, key) = signed(&ours, "certified");
        put("client.pem", &certificate);
        put("client.key", &key);
        let (certificate, key) = signed(&authority("other"), "certified");
        put("stranger.pem", &certificate);
        put("stranger.key", &key);

        let cluster = PrivateCluster::start(&[]);
        let data = cluster.directory().join("data");
        let (certificate, key) = signed(&ours, "localhost");
        for (name, text) in [("server.crt", certificate), ("server.key", key), ("root.crt", ours.pem())] {
            own(&data, name, &text);
        }
        let rules = std::fs::read_to_string(data.join("pg_hba.conf")).unwrap();
        own(&data, "pg_hba.conf", &format!("hostssl all certified all cert\n{rules}"));
        let server = Server { cluster, files };
        server.sql("CREATE ROLE certified LOGIN").await;
        for setting in ["ssl_ca_file = 'root.crt'", "ssl = on"] {
            server.sql(&format!("ALTER SYSTEM SET {setting}")).await;
        }
        server.sql("SELECT pg_reload_conf()").await;
        eventually("TLS is on", async || server.sql("SHOW ssl").await == "on").await;
        server
    }

    async fn sql(&self, sql: &str) -> String {
        let client = crate::store::servers::connect(self.cluster.url()).await;
        let cells = crate::store::servers::cells(&client, sql).await.unwrap();
        cells.concat().concat()
    }

    /// Connects with these parameters, and tells whether the connection is encrypted. `CA`, `OTHER`, … are files.
    async fn ask(&self, login: &str, host: &str, parameters: &str) -> Result<bool, StoreError> {
        let (_, rest) = self.cluster.url().split_once('@').unwrap();
        let (_, port) = rest.split_once('/').unwrap().0.rsplit_once(':').unwrap();
        let file = |name: &str| self.files.path().join(name).display().to_string();
        let parameters = parameters
            .replace("CA", &file("ca.pem"))
            .replace("OTHER", &file("other-ca.pem"))
            .replace("CLIENT", &file("client"))
            .replace("STRANGER", &file("stranger"));
        let pool = pool(&config(&format!("postgres://{login}@{host}:{port}/postgres?{parameters}")));
        let encrypted = "SELECT ssl FROM pg_catalog.pg_stat_ssl WHERE pid = pg_catalog.pg_backend_pid()";
        pool.query(encrypted, &[]).await.map(|rows| rows[0].get(0))
    }

    fn app(&self) -> &str {
        self.cluster.url().split_once("//").unwrap().1.split_once('@').unwrap().0
    }
}

/// Writes a file that the server takes as its own.
fn own(data: &PathBuf, name: &str, text: &str) {
    let (path, owner) = (data.join(name), std::fs::metadata(data).unwrap());
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    chown(&path, Some(owner.uid()), Some(owner.gid())).unwrap();
}

fn is_tls(answer: &Result<bool, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Unavailable(Outage::Tls(_))))
}

#[tokio::test]
async fn each_mode_believes_what_it_says_and_nothing_less() {
    let server = Server::start().await;
    let app = server.app();
    for (host, parameters, encrypted) in [
        ("127.0.0.1", "", false),
        ("localhost", "sslmode=disable", false),
        ("127.0.0.1", "sslmode=require", true),
        ("127.0.0.1", "sslmode=require&sslrootcert=CA", true),
        ("127.0.0.1", "sslmode=verify-ca&sslrootcert=CA", true),
        ("localhost", "sslmode=verify-full&sslrootcert=CA", true),
        ("localhost", "sslrootcert=CA", true),
        ("localhost", "sslmode=require&channel_binding=require", true),
    ] {
        let answer = server.ask(app, host, parameters).await;
        assert_eq!(answer.unwrap_or_else(|error| panic!("{host} {parameters}: {error:?}")), encrypted, "{parameters}");
    }
    for (host, parameters) in [
        ("127.0.0.1", "sslmode=require&sslrootcert=OTHER"),
        ("localhost", "sslmode=verify-ca&sslrootcert=OTHER"),
        ("localhost", "sslmode=verify-full&sslrootcert=OTHER"),
        ("127.0.0.1", "sslmode=verify-full&sslrootcert=CA"),
        ("localhost", "sslmode=verify-full"),
    ] {
        let answer = server.ask(app, host, parameters).await;
        assert!(is_tls(&answer), "{host} {parameters}: {answer:?}");
    }
    let unbound = server.ask(app, "localhost", "sslmode=disable&channel_binding=require").await;
    assert!(unbound.is_err(), "{unbound:?}");
    server.sql("ALTER SYSTEM SET ssl = off").await;
    server.sql("SELECT pg_reload_conf()").await;
    eventually("TLS is off", async || server.sql("SHOW ssl").await == "off").await;
    for parameters in ["sslmode=require", "sslmode=verify-full&sslrootcert=CA"] {
        let plain = server.ask(app, "localhost", parameters).await;
        assert!(plain.is_err(), "{parameters} does not fall back to plain text: {plain:?}");
    }
}

#[tokio::test]
async fn certificate_of_ours_logs_in_and_a_strangers_does_not() {
    let server = Server::start().await;
    let mode = "sslmode=verify-full&sslrootcert=CA";
    let known = server.ask("certified", "localhost", &format!("{mode}&sslcert=CLIENT.pem&sslkey=CLIENT.key")).await;
    assert!(known.unwrap());
    let none = server.ask("certified", "localhost", mode).await;
    assert!(matches!(none, Err(StoreError::Unavailable(Outage::Login))), "{none:?}");
    let stranger =
        server.ask("certified", "localhost", &format!("{mode}&sslcert=STRANGER.pem&sslkey=STRANGER.key")).await;
    assert!(stranger.is_err(), "{stranger:?}");
}

#[test]
fn files_that_cannot_be_used_are_told_by_their_parameter() {
    let told = |parameters: &str| {
        let url = crate::store::postgres::testing::url(&format!("postgres://u@h/db?{parameters}"));
        super::connector(url.tls()).err().unwrap_or_default()
    };
    assert!(told("sslcert=/nonexistent&sslkey=/nonexistent").starts_with("sslcert cannot be used"));
    assert!(told("sslrootcert=/nonexistent").contains("sslrootcert"));
    assert_eq!(told("sslmode=require"), "");
}
