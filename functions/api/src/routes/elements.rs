//! `GET /sms-elements.js`: the script with `<sms-opt-in>` and `<sms-settings>`, for the pages of the main app.

use std::sync::LazyLock;

use axum::{
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use uuid::Uuid;

/// The script.
pub const SCRIPT: &str = include_str!("../../elements/sms-elements.js");

/// Changes with every change of the script.
static ETAG: LazyLock<String> = LazyLock::new(|| format!("\"{}\"", Uuid::new_v5(&Uuid::NAMESPACE_URL, SCRIPT.as_bytes()).simple()));

pub async fn script(headers: HeaderMap) -> Response {
    let known = headers.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok()).unwrap_or_default();
    let is_known = known.split(',').any(|one| one.trim().trim_start_matches("W/") == *ETAG || one.trim() == "*");
    let about = [
        // Five minutes, and after a deployment nobody has an old one for longer.
        (header::CACHE_CONTROL, "public, max-age=300"),
        (header::ETAG, ETAG.as_str()),
        // Pages that isolate themselves (COEP) may load it too.
        (header::HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    ];
    if is_known {
        return (StatusCode::NOT_MODIFIED, about).into_response();
    }
    (about, [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], SCRIPT).into_response()
}
