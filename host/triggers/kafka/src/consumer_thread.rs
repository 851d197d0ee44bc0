//! The thread that reads. librdkafka calls back on the thread that polls it, and gives partitions away only when the
//! callback has returned; a thread of its own may block there, an async task may not.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult};
use signalbox_kafka::KafkaLog;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::in_flight::InFlightRecords;
use crate::metrics::KAFKA_UP;
use crate::rebalance::Group;
use crate::record::{Record, TopicPartition};
use crate::start_position::StartPosition;
use crate::work::Worker;

/// The longest that one poll waits: every other duty of the thread is done this late at most.
const POLL: Duration = Duration::from_millis(50);

/// How often the list of topics to read is refreshed.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// How long after an error that ends a consumer another one is made.
const BEGIN_AGAIN: Duration = Duration::from_secs(5);

/// How the reader is to end.
#[derive(Clone, Copy, Debug)]
pub(super) enum ShutdownPhase {
    /// The reader goes on.
    NotYet,
    /// Until this moment running records are finished and committed; then the reader leaves the group.
    Orderly(Instant),
    /// The reader ends at once, without a commit.
    AtOnce,
}

/// Reads records and hands them to the worker.
pub(super) struct ConsumerThread {
    pub config: ClientConfig,
    pub flow: Arc<InFlightRecords>,
    pub worker: Arc<Worker>,
    /// The topics to read now.
    pub topics: Box<dyn Fn() -> BTreeSet<String> + Send>,
    pub commit_interval: Duration,
    pub revoke_timeout: Duration,
    pub start: StartPosition,
    pub runtime: Handle,
    pub ending: watch::Receiver<ShutdownPhase>,
}

/// A consumer and its current subscription.
pub(super) struct ConsumerSession {
    consumer: BaseConsumer<Group>,
    subscribed: BTreeSet<String>,
    look_at: Instant,
    commit_at: Instant,
}

impl ConsumerThread {
    /// Reads until it is told to end; returns how many records it left unfinished.
    pub fn run(self, first: ConsumerSession) -> usize {
        let mut session = Ok(first);
        loop {
            match session {
                // The panic is in the log already; it costs this consumer, and the host makes another one.
                Ok(session) => match std::panic::catch_unwind(AssertUnwindSafe(|| self.read(session))) {
                    Ok(Some(unfinished)) => return unfinished,
                    Ok(None) => {}
                    Err(_) => drop(self.flow.release(&self.flow.places(), Duration::ZERO)),
                },
                Err(error) => tracing::error!(%error, "cannot make a Kafka consumer; trying again"),
            }
            if self.ends_within(BEGIN_AGAIN) {
                return 0;
            }
            session = self.connect();
        }
    }

    /// Creates a consumer; this makes no connection yet.
    pub fn connect(&self) -> KafkaResult<ConsumerSession> {
        let group = Group {
            flow: self.flow.clone(),
            log: KafkaLog::default(),
            revoke_timeout: self.revoke_timeout,
            closing: AtomicBool::new(false),
            start: self.start,
            unresolved: AtomicBool::new(false),
        };
        let consumer = self.config.create_with_context(group)?;
        let now = Instant::now();
        Ok(ConsumerSession {
            consumer,
            subscribed: BTreeSet::new(),
            look_at: now,
            commit_at: now + self.commit_interval,
        })
    }

    /// None when this consumer cannot go on and another one has to be made.
    fn read(&self, mut session: ConsumerSession) -> Option<usize> {
        loop {
            let ending = *self.ending.borrow();
            match ending {
                ShutdownPhase::NotYet => {}
                ShutdownPhase::Orderly(until) => return Some(self.leave(&session, Some(until))),
                ShutdownPhase::AtOnce => return Some(self.leave(&session, None)),
            }
            self.subscribe(&mut session);
            self.turn(&session.consumer);
            self.commit(&mut session);
            let polled = session.consumer.poll(POLL);
            if session.consumer.context().unresolved.load(Ordering::SeqCst) {
                tracing::error!(
                    "where partitions are begun could not be settled; another consumer takes this one's place"
                );
                self.leave(&session, None);
                return None;
            }
            let Some(polled) = polled else { continue };
            match polled {
                Ok(message) => {
                    if let Some(running) = self.flow.begin(Record::of(&message)) {
                        self.runtime.spawn(self.worker.clone().run(running));
                    }
                }
                Err(KafkaError::MessageConsumptionFatal(code)) => {
                    tracing::error!(?code, "the Kafka consumer cannot go on; another one takes its place");
                    self.leave(&session, None);
                    return None;
                }
                // For example a topic that does not exist yet; librdkafka goes on by itself.
                Err(error) => session.consumer.context().log.error(&error, &error.to_string()),
            }
        }
    }

    /// Tells the group which topics are to be read, when that has changed.
    fn subscribe(&self, session: &mut ConsumerSession) {
        if Instant::now() < session.look_at {
            return;
        }
        session.look_at = Instant::now() + LOOK_AGAIN;
        let topics = (self.topics)();
        if topics == session.subscribed {
            return;
        }
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        let told = if names.is_empty() {
            session.consumer.unsubscribe();
            Ok(())
        } else {
            session.consumer.subscribe(&names)
        };
        match told {
            Ok(()) => {
                tracing::info!(topics = ?names, "reading Kafka topics");
                session.subscribed = topics;
            }
            Err(error) => session.consumer.context().log.error(&error, &format!("cannot subscribe: {error}")),
        }
    }

    /// Pauses and resumes partitions. The consumer is polled all the while, so that the group does not drop it.
    fn turn(&self, consumer: &BaseConsumer<Group>) {
        let turn = self.flow.turn();
        for (places, pause) in [(turn.pause, true), (turn.resume, false)] {
            if places.is_empty() {
                continue;
            }
            let list = partitions(&places);
            let turned = if pause { consumer.pause(&list) } else { consumer.resume(&list) };
            match turned {
                Ok(()) => tracing::debug!(?places, pause, "paused or resumed partitions"),
                Err(error) => {
                    self.flow.not_turned(&places);
                    consumer.context().log.error(&error, &format!("cannot pause or resume partitions: {error}"));
                }
            }
        }
    }

    fn commit(&self, session: &mut ConsumerSession) {
        if Instant::now() < session.commit_at {
            return;
        }
        session.commit_at = Instant::now() + self.commit_interval;
        let commits = self.flow.commits();
        if !session.consumer.context().commit(&session.consumer, &commits) {
            self.flow.not_committed(commits.iter().map(|(place, _)| place));
        }
    }

    /// Gives every partition away; the consumer leaves the group when it is dropped.
    fn leave(&self, session: &ConsumerSession, until: Option<Instant>) -> usize {
        let context = session.consumer.context();
        let places = self.flow.places();
        // Records that were read and wait are left to the next host; running ones may end.
        let wait = until.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()));
        let (commits, running) = self.flow.release(&places, wait);
        if until.is_some() {
            context.commit(&session.consumer, &commits);
        }
        context.closing.store(true, Ordering::SeqCst);
        ::metrics::gauge!(KAFKA_UP).set(0.0);
        running
    }

    /// Waits; true when the reader was told to end meanwhile.
    fn ends_within(&self, wait: Duration) -> bool {
        let mut ending = self.ending.clone();
        let ended = async { ending.wait_for(|ending| !matches!(ending, ShutdownPhase::NotYet)).await.is_ok() };
        self.runtime.block_on(async { tokio::time::timeout(wait, ended).await.unwrap_or(false) })
    }
}

fn partitions(places: &[TopicPartition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(places.len());
    for (topic, partition) in places {
        list.add_partition(topic, *partition);
    }
    list
}
