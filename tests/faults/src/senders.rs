//! Senders of orders, which go on until a host has acknowledged each of them or is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use signalbox_tests_support::{Client, DEADLINE, Host, MockKafka, Sent, Token};
use standardwebhooks::Webhook;
use tokio::task::JoinSet;

use crate::ledger::{Ledger, Order, Way};
use crate::world::{BUSINESS, INPUTS, Places, WEBHOOK_SECRET, World, text};

/// How long a sender waits after a refusal.
const PAUSE: Duration = Duration::from_millis(50);

/// Messages of one connection that are under way.
const IN_FLIGHT: usize = 16;

/// Where a host is, and who may talk to it.
#[derive(Clone)]
pub struct Address {
    url: String,
    websocket: String,
    token: String,
    receiver: String,
    ledger: Arc<Ledger>,
}

impl Address {
    /// The address of a host.
    pub fn of(world: &World, host: &Host) -> Result<Self> {
        Ok(Self {
            url: host.url().to_owned(),
            websocket: host.websocket().to_owned(),
            token: Token::new("ana").business(BUSINESS, &["coordinator"]).mint()?,
            receiver: world.receiver.url(),
            ledger: world.ledger.clone(),
        })
    }
}

/// Whether a person beside the senders approves what waits for a review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reviewer {
    Approves,
    Absent,
}

/// Sends the orders to a host. Returns when each is acknowledged and the reviewer has nothing left to approve, or when
/// the host is gone.
pub async fn send(world: &World, address: Address, orders: Vec<Order>, reviewer: Reviewer) -> Result<()> {
    let mut by_way: BTreeMap<Way, Vec<Order>> = BTreeMap::new();
    for order in orders {
        by_way.entry(order.way).or_default().push(order);
    }
    let mut senders = JoinSet::new();
    for (way, orders) in by_way {
        match way {
            Way::Websocket => drop(senders.spawn(by_websocket(address.clone(), orders))),
            Way::Api => {
                // Several callers, because one waits for each answer.
                let mut orders = orders.into_iter();
                while let Some(first) = orders.next() {
                    let own = [first].into_iter().chain(orders.by_ref().take(1)).collect();
                    senders.spawn(by_api(address.clone(), own));
                }
            }
            Way::Webhook => drop(senders.spawn(by_webhook(address.clone(), orders))),
            Way::Kafka => {
                if let Places::Shared(places) = &world.places {
                    by_kafka(&places.kafka, &address, orders).await?;
                }
            }
        }
    }
    if reviewer == Reviewer::Approves {
        senders.spawn(approve(address));
    }
    while let Some(ended) = senders.join_next().await {
        ended??;
    }
    Ok(())
}

/// Sends the orders again over another connection when the host has closed one.
async fn by_websocket(address: Address, orders: Vec<Order>) -> Result<()> {
    let frame = |order: &Order| {
        let content = json!({ "text": order.name, "data": order.data(&address.receiver) });
        json!({ "type": "message", "id": order.name, "businessId": BUSINESS, "content": content })
    };
    let mut open: BTreeMap<String, Value> = orders.iter().map(|order| (order.name.clone(), frame(order))).collect();
    while !open.is_empty() {
        // A host that is gone takes no connection.
        let Ok(client) = Client::connect(&address.websocket, &address.token).await else { return Ok(()) };
        on_connection(client, &address.ledger, &mut open).await?;
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// Sends what is open, a few at a time, until nothing is or the connection has ended.
async fn on_connection(mut client: Client, ledger: &Ledger, open: &mut BTreeMap<String, Value>) -> Result<()> {
    let mut under_way: BTreeSet<String> = BTreeSet::new();
    while !open.is_empty() {
        for (name, message) in open.iter() {
            if under_way.len() < IN_FLIGHT && !under_way.contains(name) {
                if client.send(message).await.is_err() {
                    return Ok(());
                }
                under_way.insert(name.clone());
            }
        }
        let Ok(frame) = client.next_or_closed().await? else { return Ok(()) };
        match text(&frame, "/type") {
            "ack" => {
                let name = text(&frame, "/messageId");
                ledger.acknowledge(name, text(&frame, "/inputId"));
                open.remove(name);
                under_way.remove(name);
            }
            "error" => {
                let is_retryable = frame.pointer("/details/retryable") == Some(&Value::Bool(true));
                ensure!(is_retryable, "an order is refused: {frame}");
                tokio::time::sleep(PAUSE).await;
                under_way.remove(text(&frame, "/details/messageId"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn client() -> Result<reqwest::Client> {
    Ok(reqwest::Client::builder().no_proxy().timeout(DEADLINE).build()?)
}

/// Sends a request until it is answered with this status, and returns the answer; none when the host is gone.
async fn answered(status: u16, request: impl Fn() -> Result<reqwest::RequestBuilder>) -> Result<Option<Value>> {
    loop {
        // A request that meets the end of the host gets no answer, and its sender cannot tell whether it was accepted.
        let Ok(response) = request()?.send().await else { return Ok(None) };
        let found = response.status().as_u16();
        let Ok(body) = response.json::<Value>().await else { return Ok(None) };
        if found == status {
            return Ok(Some(body));
        }
        ensure!(found == 429 || found == 503, "{found}: {body}");
        tokio::time::sleep(PAUSE).await;
    }
}

async fn by_api(address: Address, orders: Vec<Order>) -> Result<()> {
    let client = client()?;
    for order in orders {
        let body = json!({ "content": { "text": order.name, "data": order.data(&address.receiver) } });
        let request = || {
            let request = client.post(format!("{}/v1/businesses/{BUSINESS}/inputs", address.url));
            Ok(request.bearer_auth(&address.token).header("idempotency-key", &order.name).json(&body))
        };
        let Some(accepted) = answered(202, request).await? else { return Ok(()) };
        address.ledger.acknowledge(&order.name, text(&accepted, "/inputId"));
    }
    Ok(())
}

async fn by_webhook(address: Address, orders: Vec<Order>) -> Result<()> {
    let client = client()?;
    for order in orders {
        let body = order.data(&address.receiver).to_string();
        let request = || {
            let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?;
            let signature = Webhook::new(WEBHOOK_SECRET)?.sign(&order.name, now, body.as_bytes())?;
            let request = client.post(format!("{}/webhooks/{BUSINESS}/orders", address.url));
            let request = request.header("webhook-id", &order.name).header("webhook-timestamp", now);
            Ok(request.header("webhook-signature", signature).body(body.clone()))
        };
        let Some(accepted) = answered(202, request).await? else { return Ok(()) };
        address.ledger.acknowledge(&order.name, text(&accepted, "/inputIds/0"));
    }
    Ok(())
}

/// The brokers' confirmation is the acknowledgement: from then on it is the hosts' task to decide the record.
async fn by_kafka(kafka: &MockKafka, address: &Address, orders: Vec<Order>) -> Result<()> {
    for order in orders {
        let content = json!({ "text": order.name, "data": order.data(&address.receiver) });
        let input = json!({
            "id": order.name, "source": "kafka", "businessId": BUSINESS, "type": "api_request", "content": content,
            "timestamp": "2026-11-23T08:00:00Z",
        });
        let value = input.to_string();
        kafka.send(INPUTS, Sent { key: Some(&order.name), value: Some(&value), ..Sent::default() }).await?;
        address.ledger.acknowledge(&order.name, &order.name);
    }
    Ok(())
}

/// Approves what waits for a review, until nothing does any more or the host is gone.
async fn approve(address: Address) -> Result<()> {
    let client = client()?;
    let (ledger, until) = (&address.ledger, Instant::now() + DEADLINE);
    while (!ledger.open().is_empty() || ledger.has_reviews()) && Instant::now() < until {
        tokio::time::sleep(PAUSE).await;
        let list = || {
            let list = format!("{}/v1/businesses/{BUSINESS}/reviews?limit=100", address.url);
            Ok(client.get(list).bearer_auth(&address.token))
        };
        let Some(page) = answered(200, list).await? else { return Ok(()) };
        let items = page.get("items").and_then(Value::as_array).context("a page has items")?;
        for item in items {
            ledger.list_review(text(item, "/actions/0/payload/order"), text(item, "/href"));
        }
        for (name, review) in ledger.approvals() {
            let request = client.post(format!("{}{review}", address.url)).bearer_auth(&address.token);
            let request = request.header("idempotency-key", &name).json(&json!({ "verdict": "approve" }));
            let Ok(response) = request.send().await else { return Ok(()) };
            match response.status().as_u16() {
                200 => ledger.approve(&name),
                429 | 503 => {}
                status => anyhow::bail!("a review is answered {status}: {}", response.text().await?),
            }
        }
    }
    Ok(())
}
