//! An upstream that is played by hand, byte by byte, for what no mock does.

use std::io;
use std::net::SocketAddr;

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

/// Takes one request a connection, and has `answer` write to whoever sent it.
pub(crate) async fn upstream_by_hand<F>(answer: impl Fn(TcpStream) -> F + Clone + Send + 'static) -> SocketAddr
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                // It is small, and comes as a whole.
                if stream.read(&mut [0; 8 << 10]).await? > 0 {
                    answer(stream).await?;
                }
                io::Result::Ok(())
            });
        }
    });
    address
}
