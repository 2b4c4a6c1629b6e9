//! The HTTP side: `/render` as Graphite has it, `/docs/NAME`, and a list of both at `/`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::evaluate::{Series, Window, evaluate};
use super::rings::Rings;
use super::{alerts, answer, expression, page, request, stopped, svg};

/// Largest form that is read.
const FORM: usize = 256 * 1024;
/// Most values of one answer: some 20 MB of text.
const VALUES: usize = 1_000_000;
/// How long requests in flight have after the stop signal.
const GRACE: Duration = Duration::from_secs(2);

type Shared = Arc<Mutex<Rings>>;

/// Answers until the stop signal.
pub async fn run(listener: TcpListener, rings: Shared, stop: watch::Receiver<bool>) {
    let server = axum::serve(listener, router(rings)).with_graceful_shutdown(stopped(stop.clone()));
    tokio::select! {
        // it ends with the stop signal only; accept errors are retried inside
        _ = server => {}
        () = async {
            stopped(stop).await;
            tokio::time::sleep(GRACE).await;
        } => {}
    }
}

fn router(rings: Shared) -> Router {
    Router::new()
        .route("/", get(|| async { Html(page::index()) }))
        .route("/docs/{name}", get(docs))
        .route("/render", get(render).post(render))
        .route("/render/", get(render).post(render))
        .layer(DefaultBodyLimit::max(FORM))
        .with_state(rings)
}

async fn render(
    State(rings): State<Shared>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    // as Graphite: a body that is no form is ignored
    let form = if kind.starts_with("application/x-www-form-urlencoded") {
        body
    } else {
        Bytes::new()
    };
    match answer(&rings, &query.unwrap_or_default(), &form) {
        Ok(response) => response,
        Err(refusal) => {
            let text = format!("Invalid parameters ({})", page::escaped(&refusal));
            (StatusCode::BAD_REQUEST, Html(text)).into_response()
        }
    }
}

fn answer(rings: &Shared, query: &str, form: &[u8]) -> Result<Response, String> {
    let request = request::parse(query, form, now())?;
    let mut all = Vec::new();
    let mut values = 0_usize;
    for query in &request.queries {
        let series = look(rings, query, request.window);
        values += series
            .iter()
            .map(|series| series.values.len())
            .sum::<usize>();
        if values > VALUES {
            return Err(format!("the answer would hold more than {VALUES} values"));
        }
        all.extend(series);
    }
    Ok(match request.format {
        request::Format::Raw => {
            ([(header::CONTENT_TYPE, "text/plain")], answer::raw(&all)).into_response()
        }
        request::Format::Json => (
            [(header::CONTENT_TYPE, "application/json")],
            answer::json(&all),
        )
            .into_response(),
        request::Format::Drawing(width, height) => (
            [(header::CONTENT_TYPE, "image/svg+xml")],
            svg::draw(&all, width, height),
        )
            .into_response(),
    })
}

async fn docs(State(rings): State<Shared>, Path(name): Path<String>) -> Response {
    let Some(watched) = alerts::WATCHED.iter().find(|watched| watched.name == name) else {
        return (StatusCode::NOT_FOUND, Html(page::index())).into_response();
    };
    let now = now();
    let window = Window {
        start: now - 59,
        end: now + 1,
    };
    let series = expression::parse(watched.target).map(|query| look(&rings, &query, window));
    Html(page::alert(watched, &series.unwrap_or_default())).into_response()
}

fn look(rings: &Shared, query: &expression::Query, window: Window) -> Vec<Series> {
    evaluate(
        query,
        &rings.lock().unwrap_or_else(PoisonError::into_inner),
        window,
    )
}

fn now() -> i64 {
    crate::now::now().as_secs()
}
