//! The API describes itself and the other endpoints, from the same types that it reads and writes: OpenAPI for
//! requests, AsyncAPI for frames, a JSON Schema for every model.

mod asyncapi;
mod examples;
mod openapi;
mod portable;
mod schemas;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};
use signalbox_model::ErrorCode;
use signalbox_trigger_api::{Api, ApiError};

/// The media type of OpenAPI and AsyncAPI documents: every tool that reads them accepts plain JSON.
const JSON: &str = "application/json";

/// The media type of JSON Schemas.
const SCHEMA_JSON: &str = "application/schema+json";

/// The documents' routes. They need no token, because the documents hold nothing that the public source code does not.
pub fn routes() -> Router {
    let schemas = schemas::all();
    let list: Vec<Value> = schemas.keys().map(|name| json!({"name": name, "href": href(name)})).collect();
    let files: BTreeMap<String, Bytes> =
        schemas.iter().map(|(name, schema)| (format!("{name}.json"), written(schema))).collect();
    let files = Arc::new(files);
    Router::new()
        .route("/openapi.json", fixed(&openapi::document(Api::description())))
        .route("/asyncapi.json", fixed(&asyncapi::document()))
        .route("/schemas", fixed(&json!({ "schemas": list })))
        .route("/schemas/{file}", get(move |Path(file): Path<String>| async move { schema(&files, &file) }))
}

fn fixed(document: &Value) -> axum::routing::MethodRouter {
    let bytes = written(document);
    get(move || async move { document_response(JSON, bytes) })
}

fn schema(files: &BTreeMap<String, Bytes>, file: &str) -> Response {
    match files.get(file) {
        Some(bytes) => document_response(SCHEMA_JSON, bytes.clone()),
        None => {
            let detail = "there is no such schema; /schemas lists them all";
            ApiError::new(StatusCode::NOT_FOUND, ErrorCode::NotFound, detail).into_response()
        }
    }
}

fn document_response(media_type: &'static str, bytes: Bytes) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(media_type)),
        // Another release of the host may serve other documents.
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, bytes).into_response()
}

fn written(document: &Value) -> Bytes {
    // The document is a JSON value, and writing a JSON value cannot fail.
    Bytes::from(serde_json::to_vec_pretty(document).unwrap_or_default())
}

fn href(name: &str) -> String {
    format!("/schemas/{name}.json")
}
