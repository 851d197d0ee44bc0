//! Programs that use the API correctly and incorrectly.

use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use crate::host::{Host, http_client, token, until};
use crate::{Answers, count};

/// How many programs run, one after the other; each stays below one user's limits.
const PROGRAMS: usize = 4;
const INPUTS: usize = 4;
const REVIEWS: usize = 4;

/// A program with a token of its own.
pub struct Caller {
    client: Client,
    token: String,
    host: Arc<Host>,
}

impl Caller {
    pub fn new(host: &Arc<Host>, user: &str, business: &str) -> Result<Self> {
        Ok(Self { client: http_client()?, token: token(user, business)?, host: host.clone() })
    }

    pub async fn get(&self, path: &str) -> Result<(u16, Value)> {
        answer(self.client.get(self.host.url(path)).bearer_auth(&self.token)).await
    }

    pub async fn post(&self, path: &str, key: Option<&str>, body: &Value) -> Result<(u16, Value)> {
        let mut request = self.client.post(self.host.url(path)).bearer_auth(&self.token).json(body);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        answer(request).await
    }
}

async fn answer(request: RequestBuilder) -> Result<(u16, Value)> {
    let response = request.send().await.context("the host does not answer")?;
    let status = response.status().as_u16();
    let text = response.text().await?;
    Ok((status, serde_json::from_str(&text).with_context(|| format!("{status} with `{text}`"))?))
}

pub async fn call(host: Arc<Host>, round: usize) -> Result<Answers> {
    let mut answers = Answers::new();
    for number in 0..PROGRAMS {
        let caller = Caller::new(&host, &format!("program-{round}-{number}"), "alpha")?;
        give_in(&caller, &mut answers).await?;
        ask_badly(&caller, &mut answers).await?;
    }
    Ok(answers)
}

async fn give_in(caller: &Caller, answers: &mut Answers) -> Result<()> {
    const PATH: &str = "/v1/businesses/alpha/inputs";
    for number in 0..INPUTS {
        let text = format!("order {number}");
        let body = json!({"locationId": "north", "content": {"text": text}});
        let (status, decision) = caller.post(&format!("{PATH}?wait=30"), None, &body).await?;
        let said = decision.pointer("/responses/0/content/text").and_then(Value::as_str);
        ensure!((status, said) == (200, Some(&text)), "{status} with {decision}");
        count(answers, "inputs over the API that were waited for");

        let key = format!("key-{number}");
        let (status, accepted) = caller.post(PATH, Some(&key), &body).await?;
        ensure!(status == 202, "{status} with {accepted}");
        let href = accepted.get("href").and_then(Value::as_str).context("an input has an address")?;
        until("an input over the API is decided", || async {
            let (status, input) = caller.get(href).await?;
            ensure!(status == 200, "{status} with {input}");
            match input.get("state").and_then(Value::as_str) {
                Some("decided") => Ok(true),
                Some("accepted") => Ok(false),
                _ => bail!("{input}"),
            }
        })
        .await?;
        count(answers, "inputs over the API that were asked for");

        let (status, again) = caller.post(PATH, Some(&key), &body).await?;
        ensure!(status == 202 && again.get("href") == accepted.get("href"), "{status} with {again}");
        count(answers, "requests sent again with their key");
        let (status, other) = caller.post(PATH, Some(&key), &json!({"content": {"text": "another"}})).await?;
        expect((status, &other), 422, "idempotency_key_reused")?;
        count(answers, "keys used twice refused");
    }
    let (status, page) = caller.get("/v1/businesses/alpha/decisions?limit=5").await?;
    let found = page.get("items").and_then(Value::as_array).map_or(0, Vec::len);
    ensure!((status, found) == (200, 5), "{status} with {found} decisions");
    count(answers, "pages of decisions");
    Ok(())
}

async fn ask_badly(caller: &Caller, answers: &mut Answers) -> Result<()> {
    const PATH: &str = "/v1/businesses/alpha/inputs";
    let good = json!({"content": {"text": "hello"}});
    let unknown = json!({"content": {"text": "hello"}, "extra": 1});
    let empty = json!({"content": {}});
    for (path, body, status, code) in [
        ("/v1/businesses/nowhere/inputs", &good, 404, "not_found"),
        (PATH, &unknown, 422, "invalid_field"),
        (PATH, &empty, 422, "content_empty"),
    ] {
        let (found, problem) = caller.post(path, None, body).await?;
        expect((found, &problem), status, code)?;
        count(answers, "bad requests refused");
    }
    let url = caller.host.url(PATH);
    let (status, _) = answer(caller.client.post(&url).bearer_auth("nonsense").json(&good)).await?;
    ensure!(status == 401, "a bad token gives {status}");
    let huge = json!({"content": {"text": "x".repeat(300 << 10)}});
    let (status, _) = caller.post(PATH, None, &huge).await?;
    ensure!(status == 413, "a huge body gives {status}");
    count(answers, "bad requests refused");
    Ok(())
}

pub fn expect((status, problem): (u16, &Value), wanted: u16, code: &str) -> Result<()> {
    let found = problem.get("code").and_then(Value::as_str);
    ensure!((status, found) == (wanted, Some(code)), "instead of {wanted} `{code}` came {status} with {problem}");
    Ok(())
}

/// Decisions that wait for a person: some are approved, some rejected, and some expire without a review.
pub async fn review(host: Arc<Host>, round: usize) -> Result<Answers> {
    let mut answers = Answers::new();
    let mut asks = host.coordinator(&format!("asks-{round}"), "alpha").await?;
    let reviewer = Caller::new(&host, &format!("reviews-{round}"), "alpha")?;
    let reviews = "/v1/businesses/alpha/reviews";
    for number in 0..REVIEWS {
        let path = format!("{reviews}/{}", ask_for_review(&mut asks, &format!("review {round}-{number}")).await?);
        let verdict = json!({"verdict": if number.is_multiple_of(2) { "approve" } else { "reject" }});
        let (status, decision) = reviewer.post(&path, None, &verdict).await?;
        ensure!(status == 200, "{status} with {decision}");
        let (status, problem) = reviewer.post(&path, None, &verdict).await?;
        expect((status, &problem), 409, "already_reviewed")?;
        count(&mut answers, "reviews, of which the first counts");
    }
    let left = ask_for_review(&mut asks, &format!("review {round}")).await?;
    asks.close().await?;
    until("a review that nobody takes ends", || async {
        let (_, decision) = reviewer.get(&format!("/v1/businesses/alpha/decisions/{left}")).await?;
        Ok(decision.get("outcome") == Some(&json!("rejected")))
    })
    .await?;
    let (status, problem) = reviewer.post(&format!("{reviews}/{left}"), None, &json!({"verdict": "approve"})).await?;
    expect((status, &problem), 409, "review_expired")?;
    count(&mut answers, "reviews that ended by themselves");
    Ok(answers)
}

/// The id of a decision that waits for a person.
async fn ask_for_review(asks: &mut signalbox_tests_support::Client, text: &str) -> Result<String> {
    let answer = asks.ask("alpha", text).await?;
    let id = answer.get("decisionId").and_then(Value::as_str).context("an answer names its decision")?;
    Ok(id.to_owned())
}
