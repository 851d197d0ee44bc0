//! The configuration that the test gave.

use super::current;

pub fn get(path: &str) -> Option<String> {
    crate::Json::from_text(all()).get::<serde_json::Value>(path).ok().flatten().map(|value| value.to_string())
}

pub fn all() -> String {
    current().0.borrow().config.as_ref().map_or_else(|| "{}".to_owned(), ToString::to_string)
}
