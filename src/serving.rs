//! How this program serves HTTP: until it is told to stop, and then not for as long
//! as somebody keeps a connection.

use std::fmt::Debug;
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use tokio::sync::watch;
use tokio::time::timeout;

/// How long open connections are waited for at a stop.
const LINGER: Duration = Duration::from_secs(1);

/// Serves `routes` until `stop` becomes true, or nobody is left to say so.
pub async fn serve<L>(listener: L, routes: Router, mut stop: watch::Receiver<bool>)
where
    L: Listener,
    L::Addr: Debug,
{
    let mut stopped = stop.clone();
    let server = axum::serve(listener, routes).with_graceful_shutdown(async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    });
    let mut server = std::pin::pin!(server.into_future());
    tokio::select! {
        _ = &mut server => return,
        _ = stop.wait_for(|stop| *stop) => {}
    }
    let _ = timeout(LINGER, server).await;
}
