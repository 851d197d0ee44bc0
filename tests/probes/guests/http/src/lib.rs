//! Calls every function of `signalbox:http`.

use std::time::Duration;

use signalbox_sdk::http::{Error, Method, Request};
use signalbox_sdk::prelude::*;

#[derive(Deserialize)]
#[serde(tag = "call", rename_all = "kebab-case")]
enum Call {
    Send {
        method: String,
        url: String,
        #[serde(default)]
        headers: Vec<(String, String)>,
        body: Option<String>,
        /// In milliseconds.
        timeout: Option<u64>,
    },
}

#[decision_node]
fn node(context: &Context) -> Result<Step, Failure> {
    probe::run(context, |call| match call {
        Call::Send { method, url, headers, body, timeout } => {
            let mut request = Request::new(named(&method), url);
            for (name, value) in headers {
                request = request.header(name, value);
            }
            if let Some(body) = body {
                request = request.body(body);
            }
            if let Some(timeout) = timeout {
                request = request.timeout(Duration::from_millis(timeout));
            }
            let answer = request.send().map(|response| {
                json!({
                    "status": response.status, "headers": response.headers,
                    "body": String::from_utf8_lossy(&response.body),
                })
            });
            probe::outcome(answer, Error::retryable)
        }
    })
}

fn named(method: &str) -> Method {
    match method {
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "PATCH" => Method::Patch,
        "DELETE" => Method::Delete,
        _ => Method::Get,
    }
}
