use super::*;

fn parse(text: &str) -> PostgresUrl {
    PostgresUrl::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn shown(text: &str) -> String {
    parse(text).to_string()
}

#[test]
fn urls_are_read_as_libpq_reads_them() {
    for (text, same) in [
        ("postgres://u@h/db", "postgres://u@h:5432/db?sslmode=verify-full"),
        ("postgresql://u@h:6432/db", "postgres://u@h:6432/db?sslmode=verify-full"),
        ("postgres://u@127.0.0.1/db", "postgres://u@127.0.0.1:5432/db?sslmode=disable"),
        ("postgres://u@localhost/db", "postgres://u@localhost:5432/db?sslmode=disable"),
        ("postgres://u@[::1]:1/db", "postgres://u@[::1]:1/db?sslmode=disable"),
        ("postgres://u@[2001:db8::1]/db", "postgres://u@[2001:db8::1]:5432/db?sslmode=verify-full"),
        ("postgres://u@%2Frun%2Fpg/db", "postgres://u@%2Frun%2Fpg:5432/db?sslmode=disable"),
        ("postgres:///db?host=/run/pg&user=u&port=7", "postgres://u@%2Frun%2Fpg:7/db?sslmode=disable"),
        ("postgres://?host=a,b&port=1,2&user=u&dbname=db", "postgres://u@a:1,b:2/db?sslmode=verify-full"),
        ("postgres://?host=a,b&port=3&user=u&dbname=db", "postgres://u@a:3,b:3/db?sslmode=verify-full"),
        ("postgres://u@a,b:1,[::1]/db", "postgres://u@a:5432,b:1,[::1]:5432/db?sslmode=verify-full"),
        ("postgres://u%40x:p%2F%3A@h/d%20b?sslmode=require", "postgres://u%40x@h:5432/d%20b?sslmode=require"),
        ("postgres://u@h/db?sslmode=require&sslrootcert=/ca.pem", "postgres://u@h:5432/db?sslmode=verify-ca"),
        ("postgres://u@127.0.0.1/db?sslrootcert=/ca.pem", "postgres://u@127.0.0.1:5432/db?sslmode=verify-full"),
        ("postgres://u@h/db?sslrootcert=system", "postgres://u@h:5432/db?sslmode=verify-full"),
        ("postgres://u@h/db?target_session_attrs=read-write", "postgres://u@h:5432/db?sslmode=verify-full"),
    ] {
        assert_eq!(shown(text), same, "{text}");
        if !same.ends_with("verify-ca") {
            assert_eq!(shown(same), same, "what is shown can be read again");
        }
    }
}

#[test]
fn what_is_not_understood_is_refused_each_with_its_reason() {
    use PostgresUrlError as E;
    for (text, reason) in [
        ("postgres:db", E::Slashes),
        ("postgres://h/db", E::NoUser),
        ("postgres://:p@h/db", E::NoUser),
        ("postgres://u@/db", E::NoHost),
        ("postgres://u@h", E::NoDatabase),
        ("postgres://u@h/", E::NoDatabase),
        ("postgres://u:p@ss@h/db", E::Userinfo),
        ("postgres://u:p/ss@h/db", E::Userinfo),
        ("postgres://u:p?ss=x@h/db", E::Userinfo),
        ("postgres://u:p#ss@h/db", E::Userinfo),
        ("postgres://u@h/db#x", E::Userinfo),
        ("postgres://u:p%4@h/db", E::Encoding),
        ("postgres://u:p%zz@h/db", E::Encoding),
        ("postgres://u:%00@h/db", E::Encoding),
        ("postgres://u:%ff@h/db", E::Encoding),
        ("postgres://u@[::1/db", E::Host),
        ("postgres://u@[h]/db", E::Host),
        ("postgres://u@[::1]x/db", E::Host),
        ("postgres://u@::1/db", E::Host),
        ("postgres://u@h h/db", E::Host),
        ("postgres://u@h,/db", E::Host),
        ("postgres://u@h:0/db", E::Port),
        ("postgres://u@h:65536/db", E::Port),
        ("postgres://u@h:+1/db", E::Port),
        ("postgres://u@h:/db", E::Port),
        ("postgres:///db?user=u&host=a,b&port=1,2,3", E::Ports),
        ("postgres://u@h,%2Frun/db", E::MixedHosts),
        ("postgres://u@h/db?user=v", E::Twice("user")),
        ("postgres://u@h/db?host=g", E::Twice("host")),
        ("postgres://u@h/db?sslmode=require&sslmode=disable", E::Twice("sslmode")),
        ("postgres://u@h/db?sslmode", E::NoValue),
        ("postgres://u@h/db?sslmode=prefer", E::SslMode),
        ("postgres://u@h/db?sslmode=allow", E::SslMode),
        ("postgres://u@h/db?sslmode=verify-ca", E::NoAuthorities),
        ("postgres://u@h/db?sslmode=verify-ca&sslrootcert=system", E::NoAuthorities),
        ("postgres://u@h/db?sslcert=/a", E::Identity),
        ("postgres://u@h/db?sslkey=/a", E::Identity),
        ("postgres://u@h/db?sslmode=disable&sslrootcert=/a", E::TlsUnused),
        ("postgres://u@%2Frun/db?sslmode=require", E::TlsOnSocket),
        ("postgres://u@h/db?channel_binding=yes", E::ChannelBinding),
        ("postgres://u@h/db?target_session_attrs=any", E::Standby),
    ] {
        assert_eq!(PostgresUrl::parse(text), Err(reason), "{text}");
    }
}

#[test]
fn unknown_parameter_is_named_with_the_one_that_was_meant() {
    let told = |text| PostgresUrl::parse(text).unwrap_err().to_string();
    let near = told("postgres://u@h/db?ssl_mode=require");
    assert_eq!(near, "the store url has an unknown parameter `ssl_mode`; did you mean `sslmode`?");
    assert!(told("postgres://u@h/db?connect_timeout=3").contains("`connect_timeout`; it takes application_name, "));
    assert!(!told("postgres://u@h/db?Secret!Tail=x").contains("Secret"), "it may be no parameter at all");
}

#[test]
fn password_is_read_and_never_shown() {
    let url = parse("postgres://u:canary%21@h/db?options=-c%20x=canary");
    assert!(url.holds_a_password());
    assert_eq!(url.client_config(0, None).get_password(), Some(&b"canary!"[..]));
    assert_eq!(url.client_config(0, Some(&Secret::new("other"))).get_password(), Some(&b"other"[..]));
    for shown in
        [url.to_string(), format!("{url:?}"), format!("{:#?}", crate::store::StoreUrl::Postgres(Box::new(url.clone())))]
    {
        assert!(!shown.contains("canary"), "{shown}");
    }
    for text in ["postgres://u:canary@h:x/db", "postgres://u:canary@h/db?x=canary", "postgres://u:canary%@h/db"] {
        assert!(!format!("{0} {0:?}", PostgresUrl::parse(text).unwrap_err()).contains("canary"), "{text}");
    }
}

#[test]
fn standby_is_never_asked_and_plain_text_never_fallen_back_to() {
    for (text, encryption) in [
        ("postgres://u@h/db", Encryption::Require),
        ("postgres://u@h/db?sslmode=require", Encryption::Require),
        ("postgres://u@localhost/db", Encryption::Disable),
    ] {
        let config = parse(text).client_config(0, None);
        assert_eq!(config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
        assert_eq!(config.get_ssl_mode(), encryption, "{text}");
        assert_eq!(config.get_application_name(), Some("wardgate"));
    }
}
