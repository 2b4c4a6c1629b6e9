//! What the agent shows over HTTP: `/healthz` (the process works) and
//! `/readyz` (it evaluates, and its store can be written).

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::agent::Health;
use crate::now::now;
use crate::serving;

/// Serves until `stop` becomes true.
pub async fn serve(listener: TcpListener, health: Arc<Health>, stop: watch::Receiver<bool>) {
    let routes = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(health);
    serving::serve(listener, routes, stop).await;
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
