//! Where inputs enter: from bytes of the outside world to an admitted, acknowledged, decided input, and back.
//!
//! [`WebSocket`] speaks the protocol `signalbox.v1`, [`Api`] serves programs over HTTP, [`KafkaConsumer`] reads topics,
//! [`Verifier`] checks who speaks, [`Intake`] admits and decides, and [`serve_http`] accepts connections.

mod api;
mod auth;
mod browser_origin;
mod clock;
mod cron;
mod http;
mod intake;
mod kafka;
mod metrics;
mod problem;
mod webhook;
mod websocket;

pub use api::{Api, ApiConfig};
pub use auth::{AuthConfig, AuthError, JwksConfig, KeyAlgorithm, KeyConfig, KeyError, Verified, Verifier};
pub use browser_origin::{BrowserOrigin, OriginError};
pub use clock::Clock;
pub use cron::{BUNDLE_PREFIX, CronConfig, ScheduleChanges, Scheduler};
pub use http::{HttpConfig, HttpEnding, serve_http};
pub use intake::{
    Acceptance, Decide, Intake, IntakeConfig, IntakeError, Message, Origin, PermissionAudience, RateScope, Receipt,
    ReviewFailure, ReviewMessage, ReviewOutcome, Watcher,
};
pub use kafka::{KafkaConfig, KafkaConsumer, KafkaError, StartAt};
pub use metrics::describe_metrics;
pub use webhook::{
    HookError, PATH as WEBHOOK_PATH, SigningKey, Unproven, WebhookConfig, WebhookSecrets, Webhooks,
    verify as verify_delivery,
};
pub use websocket::{PATH as WEBSOCKET_PATH, SUBPROTOCOL, WebSocket, WebSocketConfig};
