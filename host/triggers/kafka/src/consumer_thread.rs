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
use signalbox_kafka::KafkaConnection;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::in_flight::InFlightRecords;
use crate::metrics::KAFKA_UP;
use crate::rebalance::GroupContext;
use crate::record::{Record, TopicPartition};
use crate::start_position::StartPosition;
use crate::work::Worker;

/// The longest that one poll waits: every other duty of the thread is done this late at most.
const POLL_TIMEOUT: Duration = Duration::from_millis(50);

/// How often the list of topics to read is refreshed.
const TOPIC_REFRESH_INTERVAL: Duration = Duration::from_secs(2);

/// How long after an error that ends a consumer another one is made.
const RECONNECT_DELAY: Duration = Duration::from_secs(5);

/// How the reader is to end.
#[derive(Clone, Copy, Debug)]
pub(super) enum ShutdownPhase {
    /// The reader goes on.
    Running,
    /// Until this moment running records are finished and committed; then the reader leaves the group.
    Graceful(Instant),
    /// The reader ends at once, without a commit.
    Immediate,
}

/// Reads records and hands them to the worker.
pub(super) struct ConsumerThread {
    pub config: ClientConfig,
    pub connection: KafkaConnection,
    pub in_flight_records: Arc<InFlightRecords>,
    pub worker: Arc<Worker>,
    /// The topics to read now.
    pub topics: Box<dyn Fn() -> BTreeSet<String> + Send>,
    pub commit_interval: Duration,
    pub revoke_timeout: Duration,
    pub start: StartPosition,
    pub runtime: Handle,
    pub shutdown: watch::Receiver<ShutdownPhase>,
}

/// A consumer and its current subscription.
pub(super) struct ConsumerSession {
    consumer: BaseConsumer<GroupContext>,
    subscribed: BTreeSet<String>,
    next_topic_refresh: Instant,
    next_commit: Instant,
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
                    Err(_) => {
                        drop(self.in_flight_records.release(&self.in_flight_records.topic_partitions(), Duration::ZERO))
                    }
                },
                Err(error) => tracing::error!(%error, "cannot make a Kafka consumer; trying again"),
            }
            if self.is_shutdown_within(RECONNECT_DELAY) {
                return 0;
            }
            session = self.connect();
        }
    }

    /// Creates a consumer; this makes no connection yet.
    pub fn connect(&self) -> KafkaResult<ConsumerSession> {
        let group = GroupContext {
            in_flight_records: self.in_flight_records.clone(),
            kafka: self.connection.context(),
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
            next_topic_refresh: now,
            next_commit: now + self.commit_interval,
        })
    }

    /// None when this consumer cannot go on and another one has to be made.
    fn read(&self, mut session: ConsumerSession) -> Option<usize> {
        loop {
            let shutdown = *self.shutdown.borrow();
            match shutdown {
                ShutdownPhase::Running => {}
                ShutdownPhase::Graceful(until) => return Some(self.leave(&session, Some(until))),
                ShutdownPhase::Immediate => return Some(self.leave(&session, None)),
            }
            self.subscribe(&mut session);
            self.apply_pause_changes(&session.consumer);
            self.commit(&mut session);
            let polled = session.consumer.poll(POLL_TIMEOUT);
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
                    if let Some(running) = self.in_flight_records.begin(Record::of(&message)) {
                        self.runtime.spawn(self.worker.clone().run(running));
                    }
                }
                Err(KafkaError::MessageConsumptionFatal(code)) => {
                    tracing::error!(?code, "the Kafka consumer cannot go on; another one takes its place");
                    self.leave(&session, None);
                    return None;
                }
                // For example a topic that does not exist yet; librdkafka goes on by itself.
                Err(error) => session.consumer.context().kafka.log().error(&error, &error.to_string()),
            }
        }
    }

    /// Tells the group which topics are to be read, when that has changed.
    fn subscribe(&self, session: &mut ConsumerSession) {
        if Instant::now() < session.next_topic_refresh {
            return;
        }
        session.next_topic_refresh = Instant::now() + TOPIC_REFRESH_INTERVAL;
        let topics = (self.topics)();
        if topics == session.subscribed {
            return;
        }
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        let result = if names.is_empty() {
            session.consumer.unsubscribe();
            Ok(())
        } else {
            session.consumer.subscribe(&names)
        };
        match result {
            Ok(()) => {
                tracing::info!(topics = ?names, "reading Kafka topics");
                session.subscribed = topics;
            }
            Err(error) => session.consumer.context().kafka.log().error(&error, &format!("cannot subscribe: {error}")),
        }
    }

    /// Pauses and resumes partitions. The consumer is polled all the while, so that the group does not drop it.
    fn apply_pause_changes(&self, consumer: &BaseConsumer<GroupContext>) {
        let changes = self.in_flight_records.take_pause_changes();
        for (topic_partitions, pause) in [(changes.pause, true), (changes.resume, false)] {
            if topic_partitions.is_empty() {
                continue;
            }
            let list = partitions(&topic_partitions);
            let changed = if pause { consumer.pause(&list) } else { consumer.resume(&list) };
            match changed {
                Ok(()) => tracing::debug!(?topic_partitions, pause, "paused or resumed partitions"),
                Err(error) => {
                    self.in_flight_records.revert_pause_changes(&topic_partitions);
                    consumer
                        .context()
                        .kafka
                        .log()
                        .error(&error, &format!("cannot pause or resume partitions: {error}"));
                }
            }
        }
    }

    fn commit(&self, session: &mut ConsumerSession) {
        if Instant::now() < session.next_commit {
            return;
        }
        session.next_commit = Instant::now() + self.commit_interval;
        let commits = self.in_flight_records.commits();
        if !session.consumer.context().commit(&session.consumer, &commits) {
            self.in_flight_records.not_committed(commits.iter().map(|(topic_partition, _)| topic_partition));
        }
    }

    /// Gives every partition away; the consumer leaves the group when it is dropped.
    fn leave(&self, session: &ConsumerSession, until: Option<Instant>) -> usize {
        let context = session.consumer.context();
        let topic_partitions = self.in_flight_records.topic_partitions();
        // Records that were read and wait are left to the next host; running ones may end.
        let wait = until.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()));
        let (commits, running) = self.in_flight_records.release(&topic_partitions, wait);
        if until.is_some() {
            context.commit(&session.consumer, &commits);
        }
        context.closing.store(true, Ordering::SeqCst);
        ::metrics::gauge!(KAFKA_UP).set(0.0);
        running
    }

    /// Waits; true when the reader was told to end meanwhile.
    fn is_shutdown_within(&self, wait: Duration) -> bool {
        let mut shutdown = self.shutdown.clone();
        let ended = async { shutdown.wait_for(|shutdown| !matches!(shutdown, ShutdownPhase::Running)).await.is_ok() };
        self.runtime.block_on(async { tokio::time::timeout(wait, ended).await.unwrap_or(false) })
    }
}

fn partitions(topic_partitions: &[TopicPartition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(topic_partitions.len());
    for (topic, partition) in topic_partitions {
        list.add_partition(topic, *partition);
    }
    list
}
