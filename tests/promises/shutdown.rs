//! The end in order: not ready, still answering, then the last answers, then out.

use crate::support::*;

#[tokio::test]
async fn gate_that_stops_answers_latecomers_and_finishes_its_streams() {
    let primary = provider("primary").await;
    let gate = gate()
        .upstream(&primary)
        .tenant("acme")
        .config("server: { listen: '127.0.0.1:0', drain_delay: 1s }")
        .start()
        .await;
    primary.set_faults(wardgate::cli::mock::Faults { hold: true, ..faults("{}") });
    let mut stream = gate.chat_stream("Hi").open().await.unwrap();
    stream.chunk().await.unwrap().unwrap();
    let (ready, chat) = (gate.ask("GET", "/health/ready"), gate.chat("Hi"));
    assert_eq!(ready.clone().send().await.status, 200);
    let address = gate.address();
    let stopping = tokio::spawn(gate.stop());
    eventually("the end of readiness", async || ready.clone().send().await.status == 503).await;
    let late = chat.send().await;
    assert_eq!((late.status.as_u16(), late.header("connection")), (200, "close"));
    let refused = || async { tokio::net::TcpStream::connect(address).await.is_err() };
    eventually("the end of accepting", refused).await;
    assert!(!stopping.is_finished(), "a stream is under way");
    primary.release(1_000);
    assert!(stream.rest().await.ends_with("data: [DONE]\n\n"));
    stopping.await.unwrap();
}
