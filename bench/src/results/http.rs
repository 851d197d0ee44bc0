//! API and webhooks: requests answered each second, compared with a bare axum handler that echoes its request.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use reqwest::{Client, RequestBuilder, StatusCode};
use signalbox_tests_support::Server;
use standardwebhooks::Webhook;
use tokio::task::JoinSet;
use tokio::time::{Instant as Moment, sleep_until};

use super::websocket::{BUSINESS, SECRET, setup};
use crate::bare;
use crate::figures::{ROUNDS, in_micros, median, micros, rate, time};
use crate::in_process::TEXT;
use crate::report::{Report, Section};

const ROUND: Duration = Duration::from_secs(2);
const OPEN_LOOP: Duration = Duration::from_secs(5);
/// Concurrent requests, each on a kept connection of its own.
const AT_ONCE: usize = 32;

/// The request to send to a server, and how to tell that it succeeded.
#[derive(Clone)]
enum Ask {
    Echo { url: String },
    Api { url: String, token: String },
    Webhook { url: String },
}

impl Ask {
    fn request(&self, client: &Client) -> Result<RequestBuilder> {
        let body = format!(r#"{{"content":{{"text":"{TEXT}"}}}}"#);
        Ok(match self {
            Self::Echo { url } => client.post(url).header("content-type", "application/json").body(body),
            Self::Api { url, token } => {
                client.post(url).header("content-type", "application/json").bearer_auth(token).body(body)
            }
            Self::Webhook { url } => {
                let (id, body) = (format!("msg_{}", ulid::Ulid::new()), format!(r#"{{"text":"{TEXT}"}}"#));
                let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?;
                let signature = Webhook::new(SECRET)?.sign(&id, now, body.as_bytes())?;
                client
                    .post(url)
                    .header("content-type", "application/json")
                    .header("webhook-id", id)
                    .header("webhook-timestamp", now)
                    .header("webhook-signature", signature)
                    .body(body)
            }
        })
    }

    async fn answered(&self, client: &Client) -> Result<()> {
        let response = self.request(client)?.send().await?;
        let (status, body) = (response.status(), response.bytes().await?);
        let expected = if matches!(self, Self::Webhook { .. }) { StatusCode::ACCEPTED } else { StatusCode::OK };
        ensure!(status == expected, "answered {status}: {}", String::from_utf8_lossy(&body));
        Ok(())
    }
}

struct Contender<'a> {
    name: &'static str,
    server: &'a Server,
    ask: Ask,
    rates: Vec<f64>,
    costs: Vec<f64>,
}

impl Contender<'_> {
    async fn round(&mut self, client: &Client, keep: bool) -> Result<()> {
        let (before, started, mut running) = (self.server.process().cpu_time()?, Instant::now(), JoinSet::new());
        for _ in 0..AT_ONCE {
            let (ask, client) = (self.ask.clone(), client.clone());
            running.spawn(async move {
                let mut count = 0_u64;
                while started.elapsed() < ROUND {
                    ask.answered(&client).await?;
                    count += 1;
                }
                anyhow::Ok(count)
            });
        }
        let mut total = 0;
        while let Some(count) = running.join_next().await {
            total += count??;
        }
        let cpu = self.server.process().cpu_time()? - before;
        if keep {
            self.rates.push(total as f64 / started.elapsed().as_secs_f64());
            self.costs.push(in_micros(cpu) / total as f64);
        }
        Ok(())
    }

    /// The latencies of an open loop at half of the highest rate; see [`crate::load::steady`].
    async fn felt(&self, client: &Client) -> Result<Histogram<u64>> {
        let every = Duration::from_secs_f64(2.0 / median(&self.rates));
        let (start, mut running) = (Moment::now() + Duration::from_millis(50), JoinSet::new());
        for number in 0..u32::try_from(OPEN_LOOP.as_nanos() / every.as_nanos().max(1))? {
            let due = start + every * number;
            sleep_until(due).await;
            let (ask, client) = (self.ask.clone(), client.clone());
            running.spawn(async move { ask.answered(&client).await.map(|()| due.elapsed()) });
        }
        let mut took = Histogram::new(3)?;
        while let Some(one) = running.join_next().await {
            took.record(u64::try_from(one??.as_micros())?)?;
        }
        Ok(took)
    }
}

pub async fn measure(report: &mut Report) -> Result<()> {
    let (bare, host) = (bare::start()?, Server::host(setup()?)?);
    let client = Client::builder().no_proxy().timeout(Duration::from_secs(60)).build()?;
    let setup = host.setup.as_ref().context("the host has files")?;
    let token = setup.token("ana").business(BUSINESS, &["coordinator"]).mint()?;
    let contender = |name, server, ask| Contender { name, server, ask, rates: Vec::new(), costs: Vec::new() };
    let mut all = [
        contender("bare axum handler", &bare, Ask::Echo { url: format!("{}/echo", bare.url) }),
        contender(
            "API, waits for the decision",
            &host,
            Ask::Api { url: format!("{}/v1/businesses/{BUSINESS}/inputs?wait=30", host.url), token },
        ),
        contender(
            "webhook, stored and then decided",
            &host,
            Ask::Webhook { url: format!("{}/webhooks/{BUSINESS}/chain", host.url) },
        ),
    ];
    for turn in 0..=ROUNDS {
        for contender in &mut all {
            contender.round(&client, turn > 0).await?;
        }
    }
    let mut rows = Vec::new();
    let most = all.first().map_or(0.0, |bare| median(&bare.rates));
    for contender in &all {
        let took = contender.felt(&client).await?;
        let quantile = |share: f64| time(took.value_at_quantile(share) as f64);
        let own = median(&contender.rates);
        rows.push(vec![
            contender.name.to_owned(),
            rate(own),
            format!("{:.0} %", own / most * 100.0),
            micros(median(&contender.costs)),
            quantile(0.5),
            quantile(0.99),
            quantile(0.999),
        ]);
    }
    let mut section = Section::new("API and webhooks");
    section.say(&format!(
        "{AT_ONCE} requests at a time through the chain of three nodes, on the embedded store in a file. p50 and up are \
         of an open loop at half of each one's most. A webhook is answered once its delivery is stored; the decision \
         follows and its CPU is counted here."
    ));
    section.table(&["server", "most", "beside the handler", "CPU for one", "p50", "p99", "p99.9"], &rows);
    report.add(section);
    Ok(())
}
