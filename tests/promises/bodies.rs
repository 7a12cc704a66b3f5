//! Promise S30: what is scanned is what is forwarded, or the body is refused.

use crate::support::*;

const GOOD: &str = r#"{"model":"m","messages":[{"role":"user","content":"Hi"}]}"#;

#[tokio::test]
async fn s30_what_two_parsers_could_read_in_two_ways_is_refused() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    let deep = format!(
        r#"{{"model":"m","messages":[{{"role":"user","content":"Hi"}}],"x":{}{}}}"#,
        "[".repeat(65),
        "]".repeat(65)
    );
    for (why, body) in [
        ("duplicate messages", br#"{"model":"m","messages":[{"role":"user","content":"a"}],"messages":[]}"#.as_slice()),
        ("duplicate by escape", br#"{"model":"m","messages":[],"m\u0065ssages":[]}"#),
        ("duplicate role", br#"{"model":"m","messages":[{"role":"system","role":"user","content":"a"}]}"#),
        ("duplicate deep down", br#"{"model":"m","messages":[],"x":{"y":[{"a":1,"a":2}]}}"#),
        ("second spelling", br#"{"model":"m","messages":[],"Messages":[]}"#),
        ("second spelling of content", br#"{"model":"m","messages":[{"role":"user","content":"a","CONTENT":"b"}]}"#),
        ("second spelling of our field", br#"{"model":"m","messages":[],"Safety_Identifier":"x"}"#),
        ("byte-order mark", b"\xef\xbb\xbf{\"model\":\"m\",\"messages\":[]}"),
        ("invalid UTF-8", b"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"\xff\"}]}"),
        ("UTF-16", b"\xff\xfe{\0}\0"),
        ("lone surrogate", br#"{"model":"m","messages":[{"role":"user","content":"\ud83d"}]}"#),
        ("not JSON", b"model=m&messages=Hi"),
        ("JSON with a comment", br#"{"model":"m",/* */"messages":[]}"#),
        ("NaN", br#"{"model":"m","messages":[],"temperature":NaN}"#),
        ("two documents", br#"{"model":"m","messages":[]}{"model":"m"}"#),
        ("cut off", br#"{"model":"m","messages":["#),
        ("empty", b""),
        ("a list", b"[]"),
        ("no messages", br#"{"model":"m"}"#),
        ("messages of a wrong type", br#"{"model":"m","messages":{"role":"user"}}"#),
        ("a message of a wrong type", br#"{"model":"m","messages":["Hi"]}"#),
        ("a role of a wrong type", br#"{"model":"m","messages":[{"role":7,"content":"Hi"}]}"#),
        ("a content of a wrong type", br#"{"model":"m","messages":[{"role":"user","content":7}]}"#),
        ("a part of a wrong type", br#"{"model":"m","messages":[{"role":"user","content":[7]}]}"#),
        (
            "a text of a wrong type",
            br#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":["a"]}]}]}"#,
        ),
        ("a model of a wrong type", br#"{"model":["m"],"messages":[]}"#),
        ("deep nesting", deep.as_bytes()),
    ] {
        for path in ["/v1/chat/completions", "/v1/messages"] {
            let reply = gate.post(path, body).send().await;
            assert_eq!(reply.status, 400, "{why}: {}", reply.text());
            assert!(["malformed_json", "invalid_body"].contains(&reply.code().as_str()), "{why}: {}", reply.text());
        }
    }
    assert!(primary.requests().is_empty(), "nothing was forwarded");
    assert_eq!(gate.post("/v1/chat/completions", GOOD).send().await.status, 200);
}

#[tokio::test]
async fn shape_errors_name_the_place_in_the_callers_words() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    let body = r#"{"model":"m","messages":[{"role":"user","content":"Hi"},{"role":"user","content":[{"type":"text","text":5}]}]}"#;
    let reply = gate.post("/v1/chat/completions", body).send().await;
    assert!(reply.text().contains("messages[1].content[0].text"), "{}", reply.text());
}

#[tokio::test]
async fn s30_codings_and_types_that_are_not_read_are_told_so() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    let with = |name: &'static str, value: &'static str| {
        gate.post("/v1/chat/completions", GOOD).without(name).header(name, value).send()
    };
    for coding in ["gzip", "zstd", "br", "deflate", "gzip, identity", "x-unknown"] {
        let reply = with("content-encoding", coding).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (415, "unsupported_content_encoding"), "{coding}");
    }
    for media in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=utf-16",
        "multipart/form-data; boundary=x",
    ] {
        assert_eq!(with("content-type", media).await.status, 415, "{media}");
    }
    assert!(primary.requests().is_empty());
    assert_eq!(with("content-encoding", "identity").await.status, 200);
    assert_eq!(with("content-type", "application/json; charset=UTF-8").await.status, 200);
}

#[tokio::test]
async fn body_over_the_limit_is_refused_announced_or_not() {
    let primary = provider("primary").await;
    let gate = gate()
        .upstream(&primary)
        .tenant("acme")
        .config("server: { listen: '127.0.0.1:0', drain_delay: 0s, body_max: 4KiB }")
        .start()
        .await;
    let long = gate.chat(&"x".repeat(5000)).send().await;
    assert_eq!((long.status.as_u16(), long.code().as_str()), (413, "body_too_large"));
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        gate.key("acme")
    );
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(4096));
    let chunked = raw_status(gate.address(), format!("{head}{chunk}{chunk}0\r\n\r\n").as_bytes()).await;
    assert_eq!(chunked, "413");
    assert!(primary.requests().is_empty());
    assert_eq!(gate.chat(&"x".repeat(3000)).send().await.status, 200);
}

#[tokio::test]
async fn body_that_does_not_come_is_given_up() {
    let primary = provider("primary").await;
    let gate = gate()
        .upstream(&primary)
        .tenant("acme")
        .config("server: { listen: '127.0.0.1:0', drain_delay: 0s, body_timeout: 200ms }")
        .start()
        .await;
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{",
        gate.key("acme")
    );
    assert_eq!(raw_status(gate.address(), head.as_bytes()).await, "408");
    assert!(primary.requests().is_empty());
}

#[tokio::test]
async fn body_that_nobody_changes_is_forwarded_as_the_very_bytes() {
    let primary = provider("primary").await;
    let gate = gate().upstream(&primary).tenant("acme").start().await;
    let body = "{ \"messages\" : [ {\"role\":\"user\",\"content\":\"\\u00e9\\/ \u{1F600}\"} ],\n\t\"model\":\"m\", \"n\":1.0e0 }";
    assert_eq!(gate.post("/v1/chat/completions", body).send().await.status, 200);
    assert_eq!(primary.requests().pop().unwrap().body, body.as_bytes());
}
