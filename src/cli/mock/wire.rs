//! One accepted socket, and the means to break it.
//!
//! A failing provider does not close politely: its machine vanishes, or a balancer in front of it sends RST. hyper owns
//! the socket for as long as it serves it, so the order to reset travels beside it, in the [`Connection`], and is obeyed
//! by the socket itself when it is dropped.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::Notify,
};

/// What the task of a connection, its socket and its requests know in common.
#[derive(Debug, Default)]
pub(super) struct Connection {
    is_reset: AtomicBool,
    order: Notify,
    closing: Notify,
    answered: AtomicU64,
}

impl Connection {
    /// Orders the connection's task to drop the socket with RST. Bytes given to hyper before the order are written first,
    /// because the task polls hyper before it looks at the order.
    pub(super) fn reset(&self) {
        self.is_reset.store(true, Ordering::Release);
        self.order.notify_one();
    }

    /// Counts an answer, and returns how many there were with it.
    pub(super) fn count(&self) -> u64 {
        self.answered.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Orders the connection to take no further request, and to end with those that it has.
    pub(super) fn close(&self) {
        self.closing.notify_one();
    }

    /// Resolves once the connection shall take no further request.
    pub(super) async fn close_ordered(&self) {
        self.closing.notified().await;
    }

    /// True when this side broke the connection, so that its end is not taken for the peer's doing.
    pub(super) fn is_reset(&self) -> bool {
        self.is_reset.load(Ordering::Acquire)
    }

    /// Resolves once the connection shall be reset.
    pub(super) async fn reset_ordered(&self) {
        self.order.notified().await;
    }
}

/// A TCP stream that leaves with RST instead of FIN when its [`Connection`] was reset.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    connection: Arc<Connection>,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, connection: Arc<Connection>) -> Self {
        Self { stream, connection }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.connection.is_reset() {
            // Fails on a socket that is gone already, which is what was wanted.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    /// Passed on because hyper writes head and body in one call when it can.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
