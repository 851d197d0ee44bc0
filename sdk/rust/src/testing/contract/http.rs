//! URLs answer as the test says.

use super::current;
pub use crate::bindings::capabilities::signalbox::http::http::{Error, Request, Response};

pub fn send(request: &Request) -> Result<Response, Error> {
    let host = current();
    let mut memory = host.0.borrow_mut();
    memory.note("http", "send", format!("{:?} {}", request.method, request.url));
    fail_if_told!(memory, http);
    memory
        .http_responses
        .iter()
        .find(|(method, url, _)| *method == request.method && *url == request.url)
        .map(|(_, _, response)| response.clone())
        .ok_or_else(|| Error::Unavailable(format!("the test gave no response for {}", request.url)))
}
