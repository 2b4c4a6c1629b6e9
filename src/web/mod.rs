//! What the agent shows over HTTP: `/healthz` (the process works) and
//! `/readyz` (it evaluates, and its store can be written).

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::agent::Health;
use crate::now::now;

/// How long open connections are waited for at a stop.
const LINGER: Duration = Duration::from_secs(1);

/// Serves until `stop` becomes true.
pub async fn serve(listener: TcpListener, health: Arc<Health>, mut stop: watch::Receiver<bool>) {
    let routes = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(health);
    let mut stopped = stop.clone();
    let server = axum::serve(listener, routes).with_graceful_shutdown(async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    });
    let mut server = std::pin::pin!(server.into_future());
    tokio::select! {
        _ = &mut server => return,
        _ = stop.wait_for(|stop| *stop) => {}
    }
    // a client that keeps its connection must not hold up the stop
    let _ = timeout(LINGER, server).await;
}

async fn ready(State(health): State<Arc<Health>>) -> (StatusCode, String) {
    match health.read().not_ready(now()) {
        None => (StatusCode::OK, "ready\n".to_owned()),
        Some(why) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("not ready: {why}\n"),
        ),
    }
}
