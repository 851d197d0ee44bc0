//! Everything Signalbox keeps, in DynamoDB: decisions with their effects, accepted inputs, journals, conversations,
//! message models, schedules with their fires, and the rows of plugins.
//!
//! There is one code path, in the inputs, expressions and outputs of the AWS SDK, whether the tables are in AWS, behind
//! any endpoint that speaks DynamoDB, or in a SQLite file inside this process ([`Backend::Embedded`]), which is asked
//! without the SDK's HTTP. No other crate knows DynamoDB.
//!
//! What a newer version has stored is read as far as it is known, and written back with what is not. A record that
//! cannot be read at all is counted and passed over. See `docs/decisions/0017-versions-share-a-store.md`.
//!
//! What a call has answered is kept. In AWS that is DynamoDB's promise; the embedded store commits every write to
//! SQLite's write-ahead log and syncs the log before it answers, so the write outlives `kill -9`, and a power loss as
//! far as the disk keeps what it says it has written. The embedded store without a path keeps nothing.

mod client;
mod config;
mod cursor;
mod decisions;
mod deliveries;
mod document;
mod embedded;
mod error;
mod health;
mod inputs;
mod item;
mod journals;
mod key;
mod listing;
mod message_models;
mod optimistic;
mod queue;
mod record;
mod rows;
mod schedules;
mod sessions;
mod tables;
mod timeline;
mod unknown;
mod unreadable;

pub use client::Store;
pub use config::{Backend, Config, WallClock};
pub use decisions::{Committed, DecisionQuery, EffectUpdate, Missed, Order, Page, Resolved, ReviewDecision};
pub use deliveries::{Claim, Delivery, DeliveryAnswer, SignatureUse};
pub use document::{compressed, decompressed};
pub use error::{Remedy, StoreError};
pub use inputs::{Accepted, AcceptedInput, AcceptedInputState, PendingInput};
pub use message_models::{ModelName, Put};
pub use record::{DecisionRecord, Effect, EffectKind, EffectState, ScheduleTiming, SessionUpdate, Wider};
pub use rows::{Row, RowCondition, RowKey, RowPage, RowRange, RowScope};
pub use schedules::{Fire, FireClaim, FireEnd, FireRecord, Schedule, ScheduleDefinition, ScheduleSource};
pub use tables::{IndexSpec, TableSpec, tables};
pub use unreadable::describe_metrics;
