//! Reads the various error formats of providers, and finds out what they mean for the caller.

use std::time::SystemTime;

use reqwest::header::HeaderMap;
use serde_json::Value;
use signalbox_bindings::signalbox::llm::llm::Error;

/// How many characters of a provider's message an error and a log line repeat.
const LONGEST_REASON: usize = 300;
/// The longest time that a caller is told to wait: a day, in milliseconds.
const LONGEST_WAIT: u64 = 86_400_000;

const QUOTA: [&str; 6] = [
    "insufficient_quota",
    "quota_exhausted",
    "insufficient_balance",
    "insufficient_credits",
    "billing_not_active",
    "billing_hard_limit_reached",
];
const CONFIGURATION: [&str; 15] = [
    "invalid_api_key",
    "api_key_invalid",
    "incorrect_api_key",
    "authentication_error",
    "invalid_authentication",
    "unauthenticated",
    "unauthorized",
    "permission_error",
    "permission_denied",
    "permissiondenied",
    "account_deactivated",
    "model_not_found",
    "deploymentnotfound",
    "unsupported_country_region_territory",
    "resourcenotfound",
];
const FILTER: [&str; 4] =
    ["content_filter", "content_policy_violation", "responsibleaipolicyviolation", "moderation_blocked"];
const RATE: [&str; 5] =
    ["rate_limit_exceeded", "rate_limit_error", "rate_limited", "too_many_requests", "resource_exhausted"];
const REQUEST: [&str; 4] = ["invalid_request_error", "context_length_exceeded", "invalid_argument", "badrequesterror"];
const UNSUPPORTED: [&str; 14] = [
    "unsupported",
    "not supported",
    "does not support",
    "doesn't support",
    "unrecognized",
    "unknown",
    "unexpected",
    "extra",
    "not permitted",
    "not allowed",
    "not available",
    "unavailable",
    "only the default",
    "deprecated",
];

/// A provider's error message.
#[derive(Debug, Default)]
pub(super) struct Told {
    message: String,
    /// Every code, type and status as text, in lower case.
    codes: Vec<String>,
    parameter: Option<String>,
    status: Option<u16>,
    /// Message and codes in lower case, for searching.
    all: String,
}

impl Told {
    /// Reads the body of a refusal in any format.
    pub(super) fn read(text: &str) -> Self {
        match serde_json::from_str::<Value>(text) {
            Ok(value @ (Value::Object(_) | Value::Array(_))) => Self::of(&value),
            Ok(Value::String(message)) => Self::default().finish(message),
            _ => Self::default().finish(without_tags(text)),
        }
    }

    /// Reads a refusal in JSON: `{"error": {…}}`, `{"error": "…"}`, `{"message": …}`, `{"detail": …}`, or a list of
    /// these.
    pub(super) fn of(value: &Value) -> Self {
        let first = |value: &'_ Value| value.as_array().and_then(|several| several.first().cloned());
        let whole = first(value).unwrap_or_else(|| value.clone());
        let inner = ["error", "errors"].iter().find_map(|key| whole.get(*key).filter(|inner| !inner.is_null()));
        let error = inner.map_or_else(|| whole.clone(), |inner| first(inner).unwrap_or_else(|| inner.clone()));
        let mut told = Self::default();
        for part in [&error, &whole, error.get("innererror").unwrap_or(&Value::Null)] {
            for key in ["code", "type", "status", "statusCode", "status_code", "reason"] {
                told.code(part.get(key).unwrap_or(&Value::Null));
            }
        }
        for detail in error.get("details").and_then(Value::as_array).into_iter().flatten() {
            told.code(detail.get("reason").unwrap_or(&Value::Null));
        }
        told.parameter = error.get("param").and_then(Value::as_str).map(str::to_lowercase);
        let keys = ["message", "msg", "detail", "error", "title", "description"];
        let said = |part: &Value| keys.iter().find_map(|key| part.get(*key).and_then(in_words));
        let message =
            error.as_str().map(str::to_owned).or_else(|| said(&error)).or_else(|| said(&whole)).unwrap_or_default();
        // A provider that forwards requests reports the error of the other provider here.
        let upstream = error.get("metadata").and_then(|metadata| metadata.get("raw")).and_then(Value::as_str);
        told.finish(upstream.map_or(message.clone(), |raw| format!("{message}: {raw}")))
    }

    fn code(&mut self, code: &Value) {
        let number =
            code.as_u64().or_else(|| code.as_str()?.parse().ok()).and_then(|number| u16::try_from(number).ok());
        match number.filter(|number| (300..600).contains(number)) {
            Some(number) => self.status = self.status.or(Some(number)),
            None => {
                self.codes.extend(code.as_str().map(|code| code.chars().take(80).collect::<String>().to_lowercase()))
            }
        }
    }

    fn finish(mut self, message: String) -> Self {
        self.all = format!("{} {}", message, self.codes.join(" ")).to_lowercase();
        self.message = message;
        self
    }

    /// The status code that the message itself contains.
    pub(super) fn status(&self) -> Option<u16> {
        self.status
    }

    /// The position at which a part of the request is first named. A name in `param` comes before all others.
    pub(super) fn names(&self, part: &str) -> Option<usize> {
        match &self.parameter {
            Some(parameter) if parameter.contains(part) => Some(0),
            _ => self.all.find(part).map(|at| at + 1),
        }
    }

    /// Whether the part of the request is refused because it is present, and not because of its value.
    pub(super) fn says_unsupported(&self) -> bool {
        UNSUPPORTED.iter().any(|word| self.all.contains(word))
    }

    /// Whether only this schema is refused, and not schemas in general.
    pub(super) fn is_about_one_schema(&self) -> bool {
        self.all.contains("invalid schema") || self.all.contains("invalid_json_schema")
    }

    /// The provider's message, safe to repeat in an error or a log line.
    pub(super) fn words(&self, secret: Option<&str>) -> String {
        let said = if self.message.trim().is_empty() { self.codes.join(", ") } else { self.message.clone() };
        bounded(&said, secret)
    }

    /// The error for the caller. A code is more precise than a status, because status 429 means both "too fast" and "no
    /// credit left".
    pub(super) fn error(&self, status: Option<u16>, retry_after: Option<u32>, secret: Option<&str>) -> Error {
        let coded = |known: &[&str]| self.codes.iter().any(|code| known.contains(&code.as_str()));
        let words = self.words(secret);
        let says = |what: &str| if words.is_empty() { what.to_owned() } else { format!("{what}: {words}") };
        let with = |what: &str| match status {
            Some(status) => says(&format!("{what} with status {status}")),
            None => says(what),
        };
        match status {
            _ if coded(&QUOTA) => Error::QuotaExhausted,
            Some(402) => Error::QuotaExhausted,
            Some(429) => Error::RateLimited(retry_after),
            _ if coded(&FILTER) => Error::Refused(says("the provider's filter holds the question back")),
            Some(401 | 403 | 407) => Error::Misconfigured(with("the provider refuses the key")),
            _ if coded(&CONFIGURATION) => Error::Misconfigured(with("the provider refuses what is configured")),
            Some(300..=399) => Error::Misconfigured(with("`base-url` leads to another address")),
            Some(404 | 405 | 410 | 421) => {
                Error::Misconfigured(with("the provider knows no such model or address; see `base-url` and `model`"))
            }
            _ if coded(&RATE) => Error::RateLimited(retry_after),
            Some(400 | 406 | 411..=418 | 422 | 431) => Error::Invalid(with("the provider refused the request")),
            None if coded(&REQUEST) => Error::Invalid(says("the provider refused the request")),
            _ => Error::Unavailable(with("the provider failed")),
        }
    }
}

/// A message, or the messages of a list of errors with the places that they name.
fn in_words(value: &Value) -> Option<String> {
    let place = |value: &Value| {
        let parts =
            value.get("loc")?.as_array()?.iter().map(|part| part.as_str().map_or(part.to_string(), str::to_owned));
        Some(parts.collect::<Vec<_>>().join("."))
    };
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Array(several) => {
            let all: Vec<String> = several.iter().take(5).filter_map(in_words).collect();
            if all.is_empty() { None } else { Some(all.join("; ")) }
        }
        Value::Object(object) => {
            let message =
                ["message", "msg", "detail", "error"].iter().find_map(|key| object.get(*key).and_then(in_words))?;
            Some(place(value).map_or(message.clone(), |place| format!("{place}: {message}")))
        }
        _ => None,
    }
}

/// The text of an HTML page that a proxy answered with.
fn without_tags(text: &str) -> String {
    let mut inside = false;
    let is_page = text.trim_start().starts_with('<');
    let keep = |letter: &char| {
        match letter {
            '<' => inside = true,
            '>' if inside => {
                inside = false;
                return false;
            }
            _ => {}
        }
        !inside
    };
    if is_page { text.chars().take(20_000).filter(keep).collect() } else { text.to_owned() }
}

/// A provider's text, shortened, without keys, on one line and without control characters.
pub(super) fn bounded(text: &str, secret: Option<&str>) -> String {
    let text: String = text.chars().take(20 * LONGEST_REASON).collect();
    let text = match secret.filter(|secret| secret.len() >= 4) {
        Some(secret) => text.replace(secret, "[key]"),
        None => text,
    };
    let mut words: Vec<&str> = Vec::new();
    for word in
        text.split(|letter: char| letter.is_whitespace() || is_invisible(letter)).filter(|word| !word.is_empty())
    {
        let announced = words.last().is_some_and(|last| last.to_ascii_lowercase().ends_with("bearer"));
        words.push(if looks_like_a_key(word, secret, announced) { "[key]" } else { word });
    }
    let line = words.join(" ");
    if line.chars().count() <= LONGEST_REASON {
        return line;
    }
    let mut cut: String = line.chars().take(LONGEST_REASON).collect();
    cut.push('…');
    cut
}

fn is_invisible(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// Whether a word looks like an API key. Providers repeat keys, complete or with stars in the middle.
fn looks_like_a_key(word: &str, secret: Option<&str>, announced: bool) -> bool {
    let core = word.trim_matches(|letter: char| !letter.is_alphanumeric() && letter != '*');
    let begins_like = |secret: &str| {
        let start: String = secret.chars().take(6).collect();
        start.chars().count() == 6 && core.contains(&start)
    };
    let prefixed = ["sk-", "sk_", "pk-", "rk-", "gsk_", "xai-", "hf_", "AIza", "eyJ"];
    (announced && core.len() >= 6)
        || core.contains("***")
        || secret.is_some_and(begins_like)
        || (core.len() >= 12 && prefixed.iter().any(|prefix| core.contains(prefix)))
}

/// How long to wait, in milliseconds, from `retry-after-ms`, or from `retry-after` in seconds or as a date. A date is
/// compared with the provider's own clock, if it is given, because clocks differ.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<u32> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| *number >= 0.0 && number.is_finite());
    let wait = text("retry-after-ms").and_then(number).or_else(|| {
        let after = text("retry-after")?;
        let seconds = number(after.strip_suffix('s').unwrap_or(after)).map(|seconds| seconds * 1_000.0);
        seconds.or_else(|| {
            let at = httpdate::parse_http_date(after).ok()?;
            let now = text("date").and_then(|date| httpdate::parse_http_date(date).ok()).unwrap_or(now);
            Some(at.duration_since(now).unwrap_or_default().as_millis() as f64)
        })
    })?;
    u32::try_from((wait as u64).min(LONGEST_WAIT)).ok()
}
