//! Background tasks that outlive their own defects.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;

/// Between a panic and the new beginning, so that a defect that shows at once takes no core.
const REST: Duration = Duration::from_secs(1);

/// Runs what `begin` gives until it ends by itself. One that panics is begun anew: without the task that looks up keys
/// every key that is not cached would be refused until somebody restarts the process, and nobody would know why.
///
/// What such a task holds across its waits must be fit to be found as it was left.
pub(crate) async fn forever<F: Future<Output = ()>>(task: &'static str, begin: impl Fn() -> F) {
    while AssertUnwindSafe(begin()).catch_unwind().await.is_err() {
        tracing::error!(task, "a background task panicked, which is a defect; it begins anew");
        tokio::time::sleep(REST).await;
    }
}
