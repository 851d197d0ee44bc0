use signalbox_model::ErrorCode;
use thiserror::Error;

/// Why a call of the store failed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum StoreError {
    /// Tables are missing and may not be created.
    #[error(
        "tables are missing: {}; create them as `signalbox tables` prints them, or allow the host to create them",
        .0.join(", ")
    )]
    MissingTables(Vec<String>),
    /// A table exists, but is not as Signalbox needs it.
    #[error("table {table} does not fit: {problem}; compare it with what `signalbox tables` prints")]
    WrongTable {
        /// Its full name.
        table: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The embedded store's file cannot be opened.
    #[error("cannot open the embedded store {path}: {reason}")]
    Open {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The configuration is contradictory.
    #[error("the store's configuration is wrong: {0}")]
    Config(String),
    /// The request is malformed; repeating it does not help.
    #[error("{0}")]
    Invalid(String),
    /// A record does not fit into an item.
    #[error("{what} is {size} bytes after compression; at most {limit} fit into an item of table {table}")]
    TooLarge {
        /// The record.
        what: String,
        /// The table it belongs to.
        table: String,
        /// Its size in bytes.
        size: usize,
        /// The most bytes that fit.
        limit: usize,
    },
    /// The condition of a write does not hold. The caller reads again and decides anew.
    #[error("{operation} on table {table} was refused, because the item has changed or is not as expected")]
    ConditionFailed {
        /// The table.
        table: String,
        /// The operation.
        operation: &'static str,
    },
    /// Other writers changed the same item so often that this write was given up; a later attempt may succeed.
    #[error(
        "{what} in table {table} was not changed: others wrote it in between {attempts} times; try again in a moment"
    )]
    Contended {
        /// What was to be changed.
        what: String,
        /// The table.
        table: String,
        /// How many attempts were made.
        attempts: u32,
    },
    /// The record to change does not exist.
    #[error("{what} is not in table {table}")]
    NotFound {
        /// The record.
        what: String,
        /// The table.
        table: String,
    },
    /// The store is busy; a later attempt may succeed.
    #[error("{operation} on table {table} was throttled; try again in a moment")]
    Throttled {
        /// The table.
        table: String,
        /// The operation.
        operation: &'static str,
    },
    /// The store does not answer or fails; a later attempt may succeed.
    #[error("{operation} on table {table} failed: {reason}")]
    Unavailable {
        /// The table.
        table: String,
        /// The operation.
        operation: &'static str,
        /// What happened.
        reason: String,
    },
    /// No answer came within the deadline. Whether a write happened is unknown; repeating the same call is safe.
    #[error("{operation} on table {table} took longer than its deadline")]
    Timeout {
        /// The table.
        table: String,
        /// The operation.
        operation: &'static str,
    },
    /// The credentials are missing, or do not cover the call.
    #[error("{operation} on table {table} is not allowed: {reason}; check the store's credentials and policy")]
    Denied {
        /// The table.
        table: String,
        /// The operation.
        operation: &'static str,
        /// What the store says.
        reason: String,
    },
    /// The store refused the call as malformed, because of a bug in the host or a wrong table.
    #[error("{operation} on table {table} was refused: {reason}")]
    Refused {
        /// The table.
        table: String,
        /// The operation.
        operation: &'static str,
        /// What the store says.
        reason: String,
    },
    /// A stored item cannot be read, for example because a newer version wrote it.
    #[error("{what} in table {table} cannot be read: {reason}")]
    Unreadable {
        /// Which item.
        what: String,
        /// The table.
        table: String,
        /// Why.
        reason: String,
    },
}

/// What has to happen before a failed call can succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Time passes: the same call may succeed a moment later.
    Time,
    /// An operator mends the host's store, its configuration or its bundles.
    Operator,
    /// The same call always fails.
    Nothing,
}

impl StoreError {
    /// What has to happen before the same call can succeed.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Throttled { .. } | Self::Unavailable { .. } | Self::Timeout { .. } | Self::Contended { .. } => {
                Remedy::Time
            }
            Self::MissingTables(_)
            | Self::WrongTable { .. }
            | Self::Open { .. }
            | Self::Config(_)
            | Self::ConditionFailed { .. }
            | Self::Denied { .. }
            | Self::Refused { .. }
            | Self::Unreadable { .. } => Remedy::Operator,
            Self::Invalid(_) | Self::TooLarge { .. } | Self::NotFound { .. } => Remedy::Nothing,
        }
    }

    /// Whether the same call may succeed a moment later.
    pub fn retryable(&self) -> bool {
        self.remedy() == Remedy::Time
    }

    /// A stable name for logs and for the texts that plugins get.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::MissingTables(_) => ErrorCode::StoreTablesMissing,
            Self::WrongTable { .. } => ErrorCode::StoreTableWrong,
            Self::Open { .. } => ErrorCode::StoreNotOpened,
            Self::Config(_) => ErrorCode::StoreConfigInvalid,
            Self::Invalid(_) => ErrorCode::StoreCallInvalid,
            Self::TooLarge { .. } => ErrorCode::StoreRecordTooLarge,
            Self::ConditionFailed { .. } => ErrorCode::StoreConditionFailed,
            Self::Contended { .. } => ErrorCode::StoreContended,
            Self::NotFound { .. } => ErrorCode::StoreRecordNotFound,
            Self::Throttled { .. } => ErrorCode::StoreThrottled,
            Self::Unavailable { .. } => ErrorCode::StoreUnavailable,
            Self::Timeout { .. } => ErrorCode::StoreTimeout,
            Self::Denied { .. } => ErrorCode::StoreDenied,
            Self::Refused { .. } => ErrorCode::StoreCallRefused,
            Self::Unreadable { .. } => ErrorCode::StoreRecordUnreadable,
        }
    }
}
