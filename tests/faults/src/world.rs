//! One or two hosts, their store, and the targets of their effects.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use signalbox_tests_support::{
    Caller, CrashPoint, DEADLINE, EndedEarly, Host, Machine, MockKafka, Read, Receiver, Setup, StoreProxy, StoreServer,
    bundle,
};

use crate::ledger::{Arrived, Counts, Ledger, Release, count};

pub const BUSINESS: &str = "alpha";

/// The secret of the webhook `orders`.
pub const WEBHOOK_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// Short names of topics, and the header with the idempotency key.
pub const ACTIONS: &str = "actions";
pub const ORDERS: &str = "orders";
pub const INPUTS: &str = "inputs";
const KEY: &str = "signalbox-idempotency-key";

/// The effects of each order.
const ACTION: &str = "resource action";
const RECORD: &str = "Kafka record";
const CALL: &str = "external call";
const KINDS: [&str; 3] = [ACTION, RECORD, CALL];

/// Rates that no sender reaches, and short times after which what a host has left is taken up. An input that is under
/// way in many crashes is not blamed for them.
const FAST: &str = "[websocket]\nframes-per-second = 1000\nburst = 1000\nin-flight = 32\n\
     [api]\nrequests-per-second = 1000\nburst = 1000\n\
     [intake]\nrate-per-user = 1000\nburst-per-user = 1000\nrate-per-business = 10000\nburst-per-business = 10000\n\
     recovery-interval = \"500ms\"\nrecover-after = \"2s\"\nrecovery-attempts = 1000\n\
     [webhooks.secrets]\nORDERS = [{ file = \"orders-secret\" }]\n";

/// How a world differs from others.
#[derive(Clone, Copy, Debug)]
pub struct WorldOptions {
    /// `delivery.lease`.
    pub lease: &'static str,
    /// Keys of `[delivery.retry]`.
    pub retry: &'static str,
    /// `kafka.send-timeout`.
    pub send_timeout: &'static str,
    /// The number of brokers.
    pub brokers: i32,
}

impl Default for WorldOptions {
    fn default() -> Self {
        let retry = "initial-interval = \"100ms\"\nmax-interval = \"1s\"";
        Self { lease: "3s", retry, send_timeout: "10s", brokers: 1 }
    }
}

/// The keys of `[store]` for an embedded one.
const EMBEDDED: &str = "path = \"store.db\"";

/// Where the decisions are, and where what leaves by Kafka goes.
pub enum Places {
    /// The embedded store of one host, and the development sink.
    Embedded,
    /// A store that several hosts share, and a cluster of brokers.
    Shared(Box<SharedPlaces>),
}

pub struct SharedPlaces {
    /// Ends with this value.
    _store: StoreServer,
    /// In front of the store, when the hosts use it through one.
    pub proxy: Option<StoreProxy>,
    pub kafka: MockKafka,
}

/// Everything around the hosts.
pub struct World {
    pub setup: Arc<Setup>,
    pub places: Places,
    pub receiver: Receiver,
    pub ledger: Arc<Ledger>,
}

impl World {
    /// One host on an embedded store, whose Kafka is the development sink.
    pub async fn embedded(options: WorldOptions) -> Result<Self> {
        Self::build(Places::Embedded, EMBEDDED.to_owned(), options, |setup| setup).await
    }

    /// The same on a machine whose disk the test controls.
    pub async fn embedded_on(machine: &Machine, options: WorldOptions) -> Result<Self> {
        Self::build(Places::Embedded, EMBEDDED.to_owned(), options, |setup| setup.on(machine)).await
    }

    /// Hosts on one store and one Kafka.
    pub async fn shared(options: WorldOptions) -> Result<Self> {
        let store = StoreServer::start().await?;
        let keys = store.config();
        Self::on(store, None, keys, options).await
    }

    /// Hosts on one Kafka, and on one store that a proxy can make fail.
    pub async fn behind_a_proxy(seed: u64, options: WorldOptions) -> Result<Self> {
        let store = StoreServer::start().await?;
        let proxy = StoreProxy::start(store.url(), seed).await?;
        let keys = proxy.config();
        Self::on(store, Some(proxy), keys, options).await
    }

    async fn on(store: StoreServer, proxy: Option<StoreProxy>, keys: String, options: WorldOptions) -> Result<Self> {
        let kafka = MockKafka::with_brokers(options.brokers)?;
        for topic in [ACTIONS, ORDERS, INPUTS] {
            kafka.topic(topic, 2).await?;
        }
        let config = format!(
            "[kafka]\nbrokers = [{}]\ngroup-id = {}\ninputs-topic = {}\ndead-letter-topic = {}\n\
             resource-actions-topic = {}\ncommit-interval = \"50ms\"\nsession-timeout = \"6s\"\nsend-timeout = \"{}\"\n\
             [kafka.topics]\norders = {}\n",
            json!(kafka.brokers()),
            json!(kafka.name("signalbox")),
            json!(kafka.name(INPUTS)),
            json!(kafka.name("dead-letters")),
            json!(kafka.name(ACTIONS)),
            options.send_timeout,
            json!(kafka.name(ORDERS)),
        );
        let places = Places::Shared(Box::new(SharedPlaces { _store: store, proxy, kafka }));
        Self::build(places, keys, options, |setup| setup.config(&config)).await
    }

    async fn build(
        places: Places,
        store: String,
        options: WorldOptions,
        more: impl FnOnce(Setup) -> Setup,
    ) -> Result<Self> {
        let receiver = Receiver::start().await?;
        let setup = Setup::new()?.business(BUSINESS, "probe-effects")?.bundle(bundle("probes/effects")?).store(store);
        fs::write(setup.path().join("orders-secret"), WEBHOOK_SECRET)?;
        let WorldOptions { lease, retry, .. } = options;
        let delivery = format!(
            "[delivery]\nscan-interval = \"200ms\"\nlease = \"{lease}\"\n[delivery.retry]\nmax-attempts = 1000\n{retry}\n"
        );
        let setup = more(setup.config(FAST).config(&delivery).config(&receiver.config()));
        Ok(Self { setup: Arc::new(setup), places, receiver, ledger: Arc::default() })
    }

    /// The shared store and Kafka.
    pub fn shared_places(&self) -> Result<&SharedPlaces> {
        match &self.places {
            Places::Shared(places) => Ok(places),
            Places::Embedded => anyhow::bail!("this world has an embedded store"),
        }
    }

    /// Starts a host; none when it ended by its planned crash before it was ready.
    pub async fn start(&self, crash: Option<(CrashPoint, u32)>) -> Result<Option<Host>> {
        match Host::start_to_crash(self.setup.clone(), crash).await {
            Ok(host) => Ok(Some(host)),
            Err(error) if crash.is_some() && error.downcast_ref().is_some_and(was_killed) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A caller of the API who coordinates the business.
    pub fn caller(&self, user: &str) -> Result<Caller> {
        Caller::new(&self.setup.token(user).business(BUSINESS, &["coordinator"]))
    }

    /// What has arrived at the targets so far.
    pub async fn arrived(&self) -> Result<Arrived> {
        let mut arrived = Arrived::default();
        for call in self.receiver.received() {
            arrived.note(CALL, text(&call.body, "/order"), &call.key);
        }
        match &self.places {
            Places::Embedded => self.read_sink(&mut arrived)?,
            Places::Shared(places) => {
                for (topic, kind) in [(ACTIONS, ACTION), (ORDERS, RECORD)] {
                    for record in places.kafka.all(topic).await? {
                        arrived.note(kind, &order_of(kind, &record)?, record.header(KEY).unwrap_or_default());
                    }
                }
            }
        }
        Ok(arrived)
    }

    fn read_sink(&self, arrived: &mut Arrived) -> Result<()> {
        // The host makes the file when it starts.
        let lines = fs::read_to_string(self.setup.path().join("effects.jsonl")).unwrap_or_default();
        for line in lines.lines() {
            // A crash may cut the last line off; it was not reported, and is written again.
            let Ok(entry) = serde_json::from_str::<Value>(line) else { continue };
            let headers = entry.get("headers").and_then(Value::as_array).into_iter().flatten();
            let key = headers.filter(|header| text(header, "/0") == KEY).map(|header| text(header, "/1")).next();
            let bytes = STANDARD.decode(text(&entry, "/valueBase64")).unwrap_or_default();
            let order = String::from_utf8_lossy(&bytes).trim().to_owned();
            let (kind, order) = match entry.pointer("/value/payload/order").and_then(Value::as_str) {
                Some(order) => (ACTION, order.to_owned()),
                None => (RECORD, order),
            };
            arrived.note(kind, &order, key.unwrap_or_default());
        }
        Ok(())
    }

    /// The inputs of all decisions.
    pub async fn decided(&self, host: &Host) -> Result<Vec<String>> {
        let auditor = self.caller("auditor")?;
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/businesses/{BUSINESS}/decisions?order=oldest&limit=100{cursor}");
            let (status, page) = auditor.get(host, &path).await?;
            anyhow::ensure!(status == 200, "{page}");
            let items = page.get("items").and_then(Value::as_array).context("a page has items")?;
            for item in items {
                anyhow::ensure!(text(item, "/decisionCode") == "probe.ordered", "a decision failed: {item}");
                found.push(text(item, "/inputId").to_owned());
            }
            match page.get("nextCursor").and_then(Value::as_str) {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(found),
            }
        }
    }

    /// Waits until the targets have every effect of the acknowledged orders, without asking a host.
    pub async fn all_arrived(&self) -> Result<()> {
        let until = tokio::time::Instant::now() + DEADLINE;
        loop {
            let orders = self.ledger.all();
            let decided: Vec<String> = orders.iter().filter_map(|order| order.input.clone()).collect();
            let (counts, wrong) = count(&orders, &decided, &self.arrived().await?, &KINDS);
            if counts.lost == 0 {
                return Ok(());
            }
            anyhow::ensure!(tokio::time::Instant::now() < until, "{counts}:\n{}", wrong.join("\n"));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Counts what went in and what came out until now, and describes what is wrong.
    pub async fn count(&self, host: &Host) -> Result<(Counts, Vec<String>)> {
        let arrived = self.arrived().await?;
        let orders = self.ledger.all();
        // An order that no host has acknowledged may be decided all the same.
        Ok(count(&orders, &self.decided(host).await?, &arrived, &KINDS))
    }

    /// Waits until nothing is wrong any more and no effect is open; the counts then. What is still wrong at the end of
    /// the wait is the error.
    pub async fn settled(&self, host: &Host) -> Result<Counts> {
        let until = tokio::time::Instant::now() + DEADLINE;
        loop {
            let (counts, wrong) = self.count(host).await?;
            let open = match wrong.is_empty() {
                true => self.open_effects().await?,
                false => Vec::new(),
            };
            if wrong.is_empty() && open.is_empty() {
                return Ok(counts);
            }
            if tokio::time::Instant::now() > until {
                let open = self.open_effects().await?;
                anyhow::bail!("{counts}:\n{}\nopen: {}", wrong.join("\n"), json!(open));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// The effects that `signalbox effects list` shows.
    pub async fn open_effects(&self) -> Result<Vec<Value>> {
        let listed = self.setup.run(&["effects", "list", "--json", "--limit", "1000"]).await?;
        let errors = String::from_utf8_lossy(&listed.stderr).into_owned();
        anyhow::ensure!(listed.status.success(), "`signalbox effects list`: {errors}");
        serde_json::from_slice(&listed.stdout).context("`signalbox effects list --json` printed no JSON")
    }

    /// Whether everything is acknowledged and approved.
    pub fn is_done(&self) -> bool {
        self.ledger.open().is_empty() && !self.ledger.has_reviews()
    }
}

/// Whether a host that ended early ended by the signal with which a crash point ends it.
fn was_killed(ended: &EndedEarly) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    ended.status.signal() == Some(9)
}

/// The name of the order in a record of Kafka.
fn order_of(kind: &str, record: &Read) -> Result<String> {
    let value = record.value.as_deref().unwrap_or_default();
    if kind == RECORD {
        return Ok(String::from_utf8_lossy(value).trim().to_owned());
    }
    let value: Value = serde_json::from_slice(value).context("a resource action is no JSON")?;
    Ok(text(&value, "/payload/order").to_owned())
}

/// The text at a place of a JSON value; empty when there is none.
pub fn text<'v>(value: &'v Value, place: &str) -> &'v str {
    value.pointer(place).and_then(Value::as_str).unwrap_or_default()
}

/// How an order is released, by its number: every fifth one by a review, every twelfth never.
pub fn release_of(number: usize) -> Release {
    match number {
        _ if number % 12 == 7 => Release::Never,
        _ if number % 5 == 2 => Release::AfterReview,
        _ => Release::AtOnce,
    }
}
