//! How the values that nodes write to one channel are combined.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use crate::json::{Json, JsonError, MAX_CHANNEL_BYTES};

/// The rule of a channel. Each is applied to the channel's value and the updates of one step, in declared order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reducer {
    /// Keeps the newest value; only one node may write the channel in a step.
    Last,
    /// Keeps the oldest value; only one node may write the channel in a step.
    First,
    /// Appends to a list: the elements of an update that is a list, or any other update as one element.
    Append,
    /// Adds the keys of an update to an object; they replace the same keys. Not deep.
    Merge,
    /// The sum of all numbers. Integers stay integers; decimals are added in declared order.
    Sum,
    /// The smallest number.
    Min,
    /// The largest number.
    Max,
}

/// Why an update does not fit its channel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReduceError {
    /// The update is of the wrong kind.
    #[error("`{reducer}` takes {wanted}, and was given {found}")]
    Kind {
        /// The channel's reducer.
        reducer: &'static str,
        /// What it takes.
        wanted: &'static str,
        /// What the update is.
        found: &'static str,
    },
    /// The sum exceeds the range of numbers.
    #[error("the sum is out of range")]
    Overflow,
    /// The channel's value would become too deep or too large.
    #[error("the channel's value would be {0}")]
    Json(#[from] JsonError),
}

impl Reducer {
    /// Every reducer, by the name that a manifest uses.
    pub const ALL: [(&'static str, Self); 7] = [
        ("last", Self::Last),
        ("first", Self::First),
        ("append", Self::Append),
        ("merge", Self::Merge),
        ("sum", Self::Sum),
        ("min", Self::Min),
        ("max", Self::Max),
    ];

    /// The reducer of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, reducer)| *reducer)
    }

    /// Its name in a manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Last => "last",
            Self::First => "first",
            Self::Append => "append",
            Self::Merge => "merge",
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
        }
    }

    /// Whether only one node may write in a step, because a second value would be dropped silently.
    pub fn takes_one_writer(self) -> bool {
        matches!(self, Self::Last | Self::First)
    }

    /// Whether an update that repeats the current value would count it twice.
    pub fn accumulates(self) -> bool {
        matches!(self, Self::Append | Self::Merge | Self::Sum)
    }

    /// Checks that `value` can be the channel's initial value.
    pub fn check_initial(self, value: &Json) -> Result<(), ReduceError> {
        let found = value.kind();
        let (fits, wanted) = match self {
            Self::Last | Self::First => (true, "any value"),
            Self::Append => (value.is_list(), "a list"),
            Self::Merge => (value.is_object(), "an object"),
            Self::Sum | Self::Min | Self::Max => (value.is_number(), "a number"),
        };
        if fits { Ok(()) } else { Err(ReduceError::Kind { reducer: self.name(), wanted, found }) }
    }

    /// The channel's value after `updates`, which come in declared order; none when there was no value and no update.
    /// On an error, the position of the update that does not fit.
    pub fn reduce(self, current: Option<&Json>, updates: &[&Json]) -> Result<Option<Json>, (usize, ReduceError)> {
        let Some(final_position) = updates.len().checked_sub(1) else { return Ok(current.cloned()) };
        let at_end = |error: ReduceError| (final_position, error);
        match self {
            Self::Last => Ok(updates.last().copied().cloned()),
            Self::First => Ok(current.or_else(|| updates.first().copied()).cloned()),
            Self::Append => Json::from_elements(current.into_iter().chain(updates.iter().copied()), MAX_CHANNEL_BYTES)
                .map(Some)
                .map_err(|error| at_end(error.into())),
            Self::Merge => merge(current, updates).map(Some),
            Self::Sum => sum(current, updates).map(Some),
            Self::Min => extreme(self, Ordering::Less, current, updates),
            Self::Max => extreme(self, Ordering::Greater, current, updates),
        }
    }
}

fn wrong_kind(reducer: Reducer, wanted: &'static str, update: &Json) -> ReduceError {
    ReduceError::Kind { reducer: reducer.name(), wanted, found: update.kind() }
}

fn merge(current: Option<&Json>, updates: &[&Json]) -> Result<Json, (usize, ReduceError)> {
    let mut object = current.and_then(|json| json.value().as_object()).cloned().unwrap_or_default();
    for (position, update) in updates.iter().enumerate() {
        let Value::Object(entries) = update.value() else {
            return Err((position, wrong_kind(Reducer::Merge, "an object", update)));
        };
        object.extend(entries.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    Json::from_value(Value::Object(object)).map_err(|error| (updates.len().saturating_sub(1), error.into()))
}

fn sum(current: Option<&Json>, updates: &[&Json]) -> Result<Json, (usize, ReduceError)> {
    let mut whole: i128 = 0;
    let mut decimal: Option<f64> = None;
    let mut add = |json: &Json| -> Result<(), ReduceError> {
        let Value::Number(number) = json.value() else { return Err(wrong_kind(Reducer::Sum, "a number", json)) };
        match (decimal, as_integer(number)) {
            (None, Some(integer)) => whole = whole.checked_add(integer).ok_or(ReduceError::Overflow)?,
            (before, _) => {
                decimal = Some(before.unwrap_or(whole as f64) + number.as_f64().ok_or(ReduceError::Overflow)?)
            }
        }
        Ok(())
    };
    if let Some(current) = current {
        add(current).map_err(|error| (0, error))?;
    }
    for (position, update) in updates.iter().enumerate() {
        add(update).map_err(|error| (position, error))?;
    }
    let total = match decimal {
        Some(decimal) => Number::from_f64(decimal),
        None => i64::try_from(whole).map(Number::from).or_else(|_| u64::try_from(whole).map(Number::from)).ok(),
    };
    let position = updates.len().saturating_sub(1);
    let total = total.ok_or((position, ReduceError::Overflow))?;
    Json::from_value(Value::Number(total)).map_err(|error| (position, error.into()))
}

/// Keeps the text of the smallest or largest number; of equal numbers that of the earlier one.
fn extreme(
    reducer: Reducer,
    wins: Ordering,
    current: Option<&Json>,
    updates: &[&Json],
) -> Result<Option<Json>, (usize, ReduceError)> {
    let mut best = current;
    for (position, update) in updates.iter().copied().enumerate() {
        let Value::Number(number) = update.value() else {
            return Err((position, wrong_kind(reducer, "a number", update)));
        };
        let better = match best.map(Json::value) {
            Some(Value::Number(standing)) => compare(number, standing) == wins,
            _ => true,
        };
        if better {
            best = Some(update);
        }
    }
    Ok(best.cloned())
}

/// A JSON integer of up to 64 bits, exactly.
fn as_integer(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

fn compare(one: &Number, other: &Number) -> Ordering {
    match (as_integer(one), as_integer(other)) {
        (Some(one), Some(other)) => one.cmp(&other),
        // JSON has no NaN, so two of its numbers always compare.
        _ => one.as_f64().partial_cmp(&other.as_f64()).unwrap_or(Ordering::Equal),
    }
}
