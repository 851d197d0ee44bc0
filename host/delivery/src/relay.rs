//! The relay: has the effects of decisions attempted, on this host and after a crash on another one.
//!
//! A decision is committed with a lease of the host that made it, which attempts its effects first. Each effect goes to
//! the dispatcher of its target, which shares the target's attempts fairly by priority and business. How the attempts
//! ended is reported in one write, which ends the lease. The search finds what is due later, what a host that died has
//! left, and what a target holds back.

mod backlog;
mod begun;
mod delivery;
mod dispatcher;
mod handovers;
mod search;
mod watch;

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use signalbox_capabilities::business::BusinessDirectory;
use signalbox_model::{DEAD_LETTER, HumanDuration};
use signalbox_sessions::{Encoded, ServerFrame, Sessions, response_frames};
use signalbox_store::{DecisionRecord, Handover, Store};
use tokio::sync::mpsc;
use tokio::sync::watch::Receiver;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::TargetConfig;
use crate::hosts::HandledChanges;
use crate::metrics::{DECISIONS_IN_DELIVERY, QUEUE_FULL, RESPONSES};
use crate::route::Route;
use crate::targets::schedules::{ScheduleListener, ScheduleTarget};
use crate::targets::websocket::{Connections, FallbackTarget, TakenResponses, WebSocketTarget};
use crate::{
    AdminEvent, AdminNotices, Audience, EffectTarget, FanOut, Follower, HostsConfig, Neighbours, RelayConfig, review,
};
use begun::BegunLeases;
use delivery::{Alarms, DeliveryContext};
use dispatcher::{Dispatcher, DispatcherTask};
use handovers::note_handovers;
use search::Search;

/// Decisions that were found and leased, and wait for room.
const FOUND: usize = 16;

/// Handovers that wait to be noted in the store.
const HANDOVERS: usize = 1_024;

/// Where a decision is handed over once it is stored. Cheap to clone.
#[derive(Clone)]
pub struct Relay {
    connections: Connections,
    queue: mpsc::Sender<Arc<DecisionRecord>>,
    handovers: mpsc::Sender<Handover>,
    admin: AdminNotices,
    store: Store,
    handled: Arc<HandledChanges>,
    fan_out: Option<FanOut>,
}

/// The relay's own task: has effects attempted, from the queue, and from the store those the queue never saw.
pub struct RelayTask {
    config: RelayConfig,
    store: Store,
    connections: Connections,
    queue: mpsc::Receiver<Arc<DecisionRecord>>,
    handovers: mpsc::Receiver<Handover>,
    fallback_after: Option<Duration>,
    schedule_listener: Option<ScheduleListener>,
    schedules_per_business: usize,
    kafka: Option<Arc<dyn EffectTarget>>,
    http: Option<Arc<dyn EffectTarget>>,
    email: Option<Arc<dyn EffectTarget>>,
    notification_webhooks: Option<Arc<dyn EffectTarget>>,
    directory: Option<Arc<BusinessDirectory>>,
    admin: AdminNotices,
    fan_out: Option<FanOut>,
}

impl Relay {
    /// A relay and its task, which has to be run.
    pub fn new(
        config: RelayConfig,
        store: Store,
        sessions: Sessions,
        audience: Arc<dyn Audience>,
    ) -> (Self, RelayTask) {
        let (sender, receiver) = mpsc::channel(config.queue.max(1));
        let (handovers, told) = mpsc::channel(HANDOVERS);
        let connections = Connections { sessions, audience, taken: TakenResponses::default() };
        let relay = Self {
            connections: connections.clone(),
            queue: sender,
            handovers,
            admin: AdminNotices::default(),
            store: store.clone(),
            handled: Arc::default(),
            fan_out: None,
        };
        let task = RelayTask {
            config,
            store,
            connections,
            queue: receiver,
            handovers: told,
            fallback_after: None,
            schedule_listener: None,
            schedules_per_business: usize::MAX,
            kafka: None,
            http: None,
            email: None,
            notification_webhooks: None,
            directory: None,
            admin: AdminNotices::default(),
            fan_out: None,
        };
        (relay, task)
    }

    /// Tells operators of inputs that were given up.
    pub fn with_admin_notices(mut self, admin: AdminNotices) -> Self {
        self.admin = admin;
        self
    }

    /// Also tells other hosts of each decision at once.
    pub fn with_fan_out(mut self, fan_out: FanOut) -> Self {
        self.fan_out = Some(fan_out);
        self
    }

    /// The task that sends what other hosts decide to the people who are connected to this one.
    pub fn follower(&self, config: HostsConfig, neighbours: Receiver<Neighbours>) -> Follower {
        let Connections { sessions, audience, .. } = self.connections.clone();
        let handovers = self.handovers.clone();
        Follower::new(config, self.store.clone(), sessions, audience, self.handled.clone(), handovers, neighbours)
    }

    /// Sends a stored decision's answers to connected users, and has its effects attempted. Never waits: a decision
    /// that does not fit into the queue is in the store, and the search finds it there.
    pub fn committed(&self, record: &Arc<DecisionRecord>) {
        let decision = &record.decision;
        if decision.metadata.as_ref().is_some_and(|metadata| metadata.contains_key(DEAD_LETTER)) {
            let (business_id, decision_id) = (decision.business_id.clone(), decision.id.clone());
            self.admin.tell(AdminEvent::InputGivenUp { business_id, decision_id });
        }
        self.respond(record);
        if self.store.announces_changes() {
            self.handled.note(record.decision.created_at, &record.decision.id);
        }
        self.tell_and_queue(record, record.announces_answers());
    }

    /// Notes that connections took messages that were in the mailbox, so that they do not go to the fallback topic. The
    /// connections may be on another host. Never waits: what finds no room is not noted, and such a message goes to the
    /// fallback topic as well.
    pub fn handed_over(&self, handover: Handover) {
        if let Err(error) = self.handovers.try_send(handover) {
            tracing::debug!(%error, "a handover is not noted");
        }
    }

    /// Tells reviewers how a decision's review stands, and has the effects attempted that it released. Never waits.
    pub fn reviewed(&self, record: &Arc<DecisionRecord>) {
        self.tell_and_queue(record, record.review.is_some());
    }

    fn tell_and_queue(&self, record: &Arc<DecisionRecord>, concerns_people: bool) {
        if let Some(fan_out) = self.fan_out.as_ref().filter(|_| concerns_people) {
            fan_out.changed(&record.decision.business_id, &record.decision.id);
        }
        let connections = review::announce(record, &self.connections.sessions, self.connections.audience.as_ref());
        if record.review.is_some() {
            tracing::debug!(decision_id = record.decision.id, connections, "told reviewers how a review stands");
        }
        if record.effects.iter().all(|effect| effect.state.is_final()) {
            return;
        }
        if self.queue.try_send(record.clone()).is_err() {
            ::metrics::counter!(QUEUE_FULL).increment(1);
        }
    }

    fn respond(&self, record: &DecisionRecord) {
        let cursor = record.cursor();
        let has_effect = |id: &str| record.effects.iter().any(|effect| effect.id == id);
        for (user_id, frame) in response_frames(&record.decision, &record.output, &record.reply, &cursor) {
            let business_id = &record.decision.business_id;
            let connections = self.connections.sessions.send_to_user(business_id, &user_id, &Encoded::of(&frame));
            if let ServerFrame::Response { id, .. } = &frame
                && connections > 0
                && has_effect(id)
            {
                self.connections.taken.note(id);
            }
            let result = if connections > 0 { "sent" } else { "missed" };
            ::metrics::counter!(RESPONSES, "result" => result).increment(1);
        }
    }
}

impl RelayTask {
    /// Has `listener` called with the business whenever its schedules were changed in the store.
    pub fn when_schedules_change(mut self, listener: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.schedule_listener = Some(Box::new(listener));
        self
    }

    /// Makes no schedule for a business whose plugins have as many already.
    pub fn limit_schedules(mut self, per_business: usize) -> Self {
        self.schedules_per_business = per_business;
        self
    }

    /// Sends resource actions and Kafka records there. Without it, they wait until there is such a target.
    pub fn with_kafka(mut self, target: Arc<dyn EffectTarget>) -> Self {
        self.kafka = Some(target);
        self
    }

    /// Sends messages to people that no connection has taken after this time to the fallback topic, through the target
    /// for Kafka. Without it, or without that target, they stay in the mailbox.
    pub fn with_fallback(mut self, after: Duration) -> Self {
        self.fallback_after = Some(after);
        self
    }

    /// Also tells other hosts of each notification that was delivered, at once.
    pub fn with_fan_out(mut self, fan_out: FanOut) -> Self {
        self.fan_out = Some(fan_out);
        self
    }

    /// Makes external calls through it. Without it, they wait until there is such a target.
    pub fn with_http(mut self, target: Arc<dyn EffectTarget>) -> Self {
        self.http = Some(target);
        self
    }

    /// Sends notifications by the channels of their business besides the WebSocket. Without it, they have none.
    pub fn with_channels_of(mut self, directory: Arc<BusinessDirectory>) -> Self {
        self.directory = Some(directory);
        self
    }

    /// Sends e-mails of notifications through it. Without it, they wait until there is such a target.
    pub fn with_email(mut self, target: Arc<dyn EffectTarget>) -> Self {
        self.email = Some(target);
        self
    }

    /// Sends webhooks of notifications through it. Without it, they wait until there is such a target.
    pub fn with_notification_webhooks(mut self, target: Arc<dyn EffectTarget>) -> Self {
        self.notification_webhooks = Some(target);
        self
    }

    /// Tells operators of dead letters, and of targets that stay away.
    pub fn with_admin_notices(mut self, admin: AdminNotices) -> Self {
        self.admin = admin;
        self
    }

    /// Has effects attempted until `stop`, then those that are in the queue, and returns when all attempts have ended.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut dispatcher_tasks = JoinSet::new();
        let mut dispatchers = BTreeMap::new();
        for (route, dispatcher, task) in self.dispatchers() {
            dispatchers.insert(route, dispatcher);
            dispatcher_tasks.spawn(task.run());
        }
        let delivery = Arc::new(DeliveryContext {
            store: self.store.clone(),
            dispatchers,
            default_policy: self.config.retry.policy(),
            alarms: Alarms::default(),
            begun: BegunLeases::default(),
            left: Mutex::new(HashSet::new()),
            directory: self.directory.take(),
            admin: self.admin.clone(),
            fan_out: self.fan_out.take(),
        });
        let (found_sender, mut found) = mpsc::channel(FOUND);
        let mut searches = self.searches(&delivery, found_sender);
        let handovers = tokio::spawn(note_handovers(self.store.clone(), self.handovers, stop.clone()));
        searches.spawn(backlog::count(self.store.clone()));
        let concurrency = self.config.concurrency.max(1);
        let mut deliveries = JoinSet::new();
        loop {
            ::metrics::gauge!(DECISIONS_IN_DELIVERY).set(deliveries.len() as f64);
            let has_room = deliveries.len() < concurrency;
            let record = tokio::select! {
                () = stop.cancelled() => break,
                Some(_) = deliveries.join_next() => continue,
                received = self.queue.recv(), if has_room => match received {
                    Some(record) => record,
                    None => break,
                },
                Some(record) = found.recv(), if has_room => record,
            };
            let delivery = delivery.clone();
            deliveries.spawn(async move { delivery.deliver(record).await });
        }
        searches.abort_all();
        self.queue.close();
        found.close();
        while let Some(record) = next_left(&mut self.queue, &mut found).await {
            while deliveries.len() >= concurrency {
                deliveries.join_next().await;
            }
            let delivery = delivery.clone();
            deliveries.spawn(async move { delivery.deliver(record).await });
        }
        while deliveries.join_next().await.is_some() {}
        while searches.join_next().await.is_some() {}
        drop(delivery);
        while dispatcher_tasks.join_next().await.is_some() {}
        let _ = handovers.await;
    }

    fn dispatchers(&mut self) -> Vec<(Route, Dispatcher, DispatcherTask)> {
        let kafka = self.kafka.take();
        let fallback_after = self.fallback_after.filter(|_| kafka.is_some());
        let websocket = WebSocketTarget { connections: self.connections.clone(), fallback_after };
        let fallback = FallbackTarget {
            connections: self.connections.clone(),
            kafka: kafka.clone().filter(|_| fallback_after.is_some()),
        };
        let schedules = ScheduleTarget {
            store: self.store.clone(),
            per_business: self.schedules_per_business,
            listener: self.schedule_listener.take(),
        };
        let targets: [(Route, Option<Arc<dyn EffectTarget>>); 7] = [
            (Route::Websocket, Some(Arc::new(websocket))),
            (Route::Schedules, Some(Arc::new(schedules))),
            (Route::Fallback, Some(Arc::new(fallback))),
            (Route::Kafka, kafka),
            (Route::Http, self.http.take()),
            (Route::Email, self.email.take()),
            (Route::NotificationWebhooks, self.notification_webhooks.take()),
        ];
        let made = targets.into_iter().filter_map(|(route, target)| {
            let (dispatcher, task) = Dispatcher::new(route, target?, self.target_config(route));
            Some((route, dispatcher, task))
        });
        made.collect()
    }

    /// A target's configuration, with a deadline that leaves a lease enough time for the report.
    fn target_config(&self, route: Route) -> TargetConfig {
        let TargetConfig { concurrency, deadline } = match route {
            Route::Websocket => self.config.websocket.clone(),
            Route::Schedules => self.config.schedules.clone(),
            Route::Kafka | Route::Fallback => self.config.kafka.clone(),
            Route::Http => self.config.http.clone(),
            Route::Email => self.config.email.target(),
            Route::NotificationWebhooks => self.config.notification_webhooks.target(),
        };
        TargetConfig {
            concurrency: concurrency.max(1),
            deadline: HumanDuration(deadline.0.min(self.config.lease.0 / 2)),
        }
    }

    fn searches(&self, delivery: &Arc<DeliveryContext>, found: mpsc::Sender<Arc<DecisionRecord>>) -> JoinSet<()> {
        let search = Search { delivery: delivery.clone(), found, interval: self.config.scan_interval.0 };
        let mut searches = JoinSet::new();
        searches.spawn(search.clone().waiting());
        for (route, dispatcher) in &delivery.dispatchers {
            searches.spawn(search.clone().held_back(*route, dispatcher.clone()));
        }
        let after = self.config.admin.unavailable_after.0;
        searches.spawn(watch::targets(delivery.dispatchers.clone(), self.admin.clone(), after));
        searches.spawn(search.due());
        searches
    }
}

/// The next decision of two queues that take no more.
async fn next_left(
    queue: &mut mpsc::Receiver<Arc<DecisionRecord>>,
    found: &mut mpsc::Receiver<Arc<DecisionRecord>>,
) -> Option<Arc<DecisionRecord>> {
    match queue.recv().await {
        Some(record) => Some(record),
        None => found.recv().await,
    }
}
