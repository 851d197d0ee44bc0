//! Everything that Signalbox stores, in DynamoDB: decisions with their effects, accepted inputs, journals,
//! conversations, message models, schedules with their fires, and the rows of plugins.
//!
//! All backends share one code path, in the inputs, expressions and outputs of the AWS SDK: tables in AWS, tables at
//! any endpoint that speaks DynamoDB, and tables in a SQLite file inside this process ([`Backend::Embedded`]), which is
//! called without the SDK's HTTP. No other crate uses DynamoDB.
//!
//! This version reads what it knows of the records of a newer version, and keeps the rest when it writes them back. A
//! record that cannot be read at all is counted and skipped. See `docs/decisions/0017-versions-share-a-store.md`.
//!
//! A write is durable once its call has returned. In AWS this is DynamoDB's guarantee. The embedded store commits every
//! write to SQLite's write-ahead log and syncs the log before it answers, so the write survives `kill -9`, and a power
//! loss if the disk keeps what it reports as written. The embedded store without a path keeps nothing.

mod change_feed;
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
mod presence;
mod queue;
mod record;
mod rows;
mod schedules;
mod sessions;
mod tables;
mod timeline;
mod unknown;
mod unreadable;

pub use change_feed::{ChangedDecision, Changes};
pub use client::Store;
pub use config::{Backend, Config, WallClock};
pub use decisions::{
    Committed, DecisionQuery, EffectBacklog, EffectBacklogs, EffectCommand, EffectCommanded, EffectUpdate, Handover,
    Missed, OpenEffects, Order, Page, QueuedEffects, ReadDecision, Resolved, ReviewDecision,
};
pub use deliveries::{Claim, Delivery, DeliveryAnswer, SignatureUse};
pub use document::{compressed, decompressed};
pub use error::{Remedy, StoreError};
pub use inputs::{Accepted, AcceptedInput, AcceptedInputState, PendingInput};
pub use message_models::{ModelName, Put};
pub use presence::HostRecord;
pub use record::{
    DecisionRecord, DeliveredTo, Effect, EffectKind, EffectLease, EffectState, ScheduleTiming, SessionUpdate, Wider,
};
pub use rows::{Row, RowCondition, RowKey, RowPage, RowRange, RowScope};
pub use schedules::{Fire, FireClaim, FireEnd, FireRecord, Schedule, ScheduleDefinition, ScheduleSource};
pub use tables::{IndexSpec, TableSpec, tables};
pub use unreadable::describe_metrics;
