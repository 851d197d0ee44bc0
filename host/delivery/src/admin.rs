//! Notices of the host itself to those who operate it. They are gathered, so that a thousand dead letters are one
//! notice, and sent in a task of their own. Nothing waits for them, and all they tell is in metrics and log besides.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use signalbox_model::{HumanDuration, Timestamp, correlation_id};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::metrics::ADMIN_NOTICES;
use crate::targets::ChannelMessage;
use crate::{AttemptResult, EmailServer, NotificationWebhooks};

/// Events that wait to be told; those beyond are in metrics and log only.
const WAITING: usize = 1_024;
/// So many events of a kind are described in one notice; of the others it says how many there are.
const DESCRIBED: usize = 5;
/// The pauses between the attempts to send a notice to one receiver.
const PAUSES: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(10), Duration::from_secs(60), Duration::from_secs(300)];

/// `[delivery.admin]`: who gets the host's own notices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct AdminConfig {
    /// E-mail addresses that get the notices, through `[delivery.email]`.
    pub email: Vec<String>,
    /// Receivers of `[delivery.notification-webhooks]` that get the notices.
    pub webhooks: Vec<String>,
    /// How long after its first event a notice is sent, with all that has happened until then.
    pub gather: HumanDuration,
    /// The least time between two notices.
    pub interval: HumanDuration,
    /// How long a target of effects has to be away before that is told.
    pub unavailable_after: HumanDuration,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self {
            email: Vec::new(),
            webhooks: Vec::new(),
            gather: HumanDuration::secs(10),
            interval: HumanDuration::secs(15 * 60),
            unavailable_after: HumanDuration::secs(5 * 60),
        }
    }
}

/// Something that an operator has to know of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminEvent {
    /// An effect was given up.
    DeadLetter {
        /// The business of its decision.
        business_id: String,
        /// The decision.
        decision_id: String,
        /// The effect.
        effect_id: String,
    },
    /// A target of effects has been away for as long as is told.
    TargetUnavailable {
        /// The target's name.
        target: &'static str,
        /// Why its last attempt failed.
        reason: String,
    },
    /// A target of effects that was told to be away answers again.
    TargetRecovered {
        /// The target's name.
        target: &'static str,
    },
    /// An input was given up, because attempts to decide it ended the host.
    InputGivenUp {
        /// The business of the input.
        business_id: String,
        /// The decision that says so.
        decision_id: String,
    },
    /// A bundle or a business's file was not loaded at the start.
    NotLoaded {
        /// What it is.
        what: String,
    },
}

/// Where events are told. Cheap to clone; without a task, nothing is told.
#[derive(Clone, Debug, Default)]
pub struct AdminNotices {
    events: Option<mpsc::Sender<AdminEvent>>,
}

/// The task that sends the notices.
pub struct AdminNoticeTask {
    config: AdminConfig,
    host: String,
    email: Option<EmailServer>,
    webhooks: Option<NotificationWebhooks>,
    events: mpsc::Receiver<AdminEvent>,
}

/// One who gets the notices.
#[derive(Clone)]
enum Receiver {
    Email(EmailServer, String),
    Webhook(NotificationWebhooks, String),
}

impl AdminNotices {
    /// Notices to these receivers, and their task, which has to be run; none when nobody gets any. `host` is how the
    /// notices name this host.
    pub fn new(
        config: &AdminConfig,
        host: &str,
        email: Option<EmailServer>,
        webhooks: Option<NotificationWebhooks>,
    ) -> (Self, Option<AdminNoticeTask>) {
        let is_told =
            (email.is_some() && !config.email.is_empty()) || (webhooks.is_some() && !config.webhooks.is_empty());
        if !is_told {
            return (Self::default(), None);
        }
        let (sender, events) = mpsc::channel(WAITING);
        let task = AdminNoticeTask { config: config.clone(), host: host.to_owned(), email, webhooks, events };
        (Self { events: Some(sender) }, Some(task))
    }

    /// Tells of an event. Never waits.
    pub fn tell(&self, event: AdminEvent) {
        if let Some(events) = &self.events
            && events.try_send(event).is_err()
        {
            ::metrics::counter!(ADMIN_NOTICES, "result" => "not_gathered").increment(1);
        }
    }
}

impl AdminNoticeTask {
    /// Sends notices until `stop`. What has been gathered by then is in the log.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut sending = JoinSet::new();
        let mut not_before = Instant::now();
        loop {
            let first = tokio::select! {
                () = stop.cancelled() => return,
                first = self.events.recv() => first,
            };
            let Some(first) = first else { return };
            let at = not_before.max(Instant::now() + self.config.gather.0);
            let mut gathered = Gathered::default();
            gathered.add(first);
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = sleep_until(at) => break,
                    Some(event) = self.events.recv() => gathered.add(event),
                }
            }
            not_before = Instant::now() + self.config.interval.0;
            // Notices to a receiver that is away are tried for minutes; no more than a few are under way at a time.
            while sending.try_join_next().is_some() {}
            let id = format!("notice_{}", correlation_id());
            let message = ChannelMessage::new(&id, &gathered.subject(&self.host), &gathered.text(), Timestamp::now());
            for receiver in self.receivers() {
                sending.spawn(send(receiver, message.clone()));
            }
        }
    }

    fn receivers(&self) -> Vec<Receiver> {
        let emails = self.email.iter().flat_map(|server| {
            self.config.email.iter().map(|address| Receiver::Email(server.clone(), address.clone()))
        });
        let webhooks = self.webhooks.iter().flat_map(|webhooks| {
            self.config.webhooks.iter().map(|name| Receiver::Webhook(webhooks.clone(), name.clone()))
        });
        emails.chain(webhooks).collect()
    }
}

/// Sends a notice to one receiver, and again while that may help.
async fn send(receiver: Receiver, message: ChannelMessage) {
    for pause in PAUSES.iter().map(Some).chain([None]) {
        let attempt = async {
            match &receiver {
                Receiver::Email(server, address) => server.send(address, &message).await,
                Receiver::Webhook(webhooks, name) => webhooks.send(name, |_| Some(message.clone())).await,
            }
        };
        let result = timeout(Duration::from_secs(30), attempt).await;
        let (reason, may_help) = match result {
            Ok(AttemptResult::Refused { reason }) => (reason, false),
            Ok(AttemptResult::Failed { reason, .. } | AttemptResult::Unavailable { reason }) => (reason, true),
            Ok(_) => {
                ::metrics::counter!(ADMIN_NOTICES, "result" => "sent").increment(1);
                return;
            }
            Err(_) => ("no answer within 30 s".to_owned(), true),
        };
        match pause {
            Some(pause) if may_help => sleep(*pause).await,
            _ => {
                ::metrics::counter!(ADMIN_NOTICES, "result" => "failed").increment(1);
                tracing::warn!(reason, "a notice to the operators could not be sent");
                return;
            }
        }
    }
}

/// Events of one notice, by kind.
#[derive(Default)]
struct Gathered {
    kinds: BTreeMap<&'static str, (usize, Vec<String>)>,
}

impl Gathered {
    fn add(&mut self, event: AdminEvent) {
        let (kind, description) = match event {
            AdminEvent::DeadLetter { business_id, decision_id, effect_id } => (
                "effects were given up (`signalbox effects list --state dead-letter` says why)",
                format!("effect {effect_id} of decision {decision_id} of business {business_id}"),
            ),
            AdminEvent::TargetUnavailable { target, reason } => {
                ("targets of effects do not answer, their effects are held back", format!("{target}: {reason}"))
            }
            AdminEvent::TargetRecovered { target } => ("targets of effects answer again", target.to_owned()),
            AdminEvent::InputGivenUp { business_id, decision_id } => (
                "inputs were given up, because attempts to decide them ended the host",
                format!("decision {decision_id} of business {business_id}"),
            ),
            AdminEvent::NotLoaded { what } => ("could not be loaded at the start (the log says why)", what),
        };
        let (count, described) = self.kinds.entry(kind).or_default();
        *count += 1;
        if described.len() < DESCRIBED {
            described.push(description);
        }
    }

    fn subject(&self, host: &str) -> String {
        let count: usize = self.kinds.values().map(|(count, _)| count).sum();
        match count {
            1 => format!("Signalbox {host}: an event needs an operator"),
            _ => format!("Signalbox {host}: {count} events need an operator"),
        }
    }

    fn text(&self) -> String {
        let mut lines = Vec::new();
        for (kind, (count, described)) in &self.kinds {
            lines.push(format!("{count}: {kind}"));
            lines.extend(described.iter().map(|description| format!("- {description}")));
            let rest = count - described.len();
            if rest > 0 {
                lines.push(format!("- and {rest} more"));
            }
        }
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_events_are_one_short_notice() {
        let mut gathered = Gathered::default();
        for number in 0..1_000 {
            gathered.add(AdminEvent::DeadLetter {
                business_id: "roma".to_owned(),
                decision_id: format!("d{number}"),
                effect_id: format!("e{number}"),
            });
        }
        gathered.add(AdminEvent::TargetUnavailable { target: "kafka", reason: "connection refused".to_owned() });
        assert_eq!(gathered.subject("h1"), "Signalbox h1: 1001 events need an operator");
        let text = gathered.text();
        for part in [
            "1000: effects were given up",
            "- effect e4 of decision d4 of business roma",
            "- and 995 more",
            "1: targets of effects do not answer",
            "- kafka: connection refused",
        ] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
        assert!(text.lines().count() < 12, "{text}");
    }

    #[test]
    fn what_there_is_to_tell_never_waits_and_without_receivers_nothing_is_kept() {
        let (notices, task) = AdminNotices::new(&AdminConfig::default(), "h1", None, None);
        assert!(task.is_none());
        for _ in 0..10_000 {
            notices.tell(AdminEvent::TargetRecovered { target: "kafka" });
        }
    }
}
