//! Compares, finds and sorts values. The cost is what is looked at.

use std::cmp::Ordering;

use super::meter::{RenderError, RenderMeter};
use super::value::{Pairs, Value};

/// Two numbers of the same kind; true and false count as numbers.
enum Numbers {
    Integers(i128, i128),
    Floats(f64, f64),
}

/// The largest integer up to which a float represents every integer exactly.
const EXACT: i128 = 1 << 53;

fn numbers(one: &Value<'_>, other: &Value<'_>) -> Option<Numbers> {
    let integer = |value: &Value<'_>| match value {
        Value::Bool(value) => Some(i128::from(*value)),
        Value::Integer(value) => Some(*value),
        _ => None,
    };
    let float = |value: &Value<'_>| match value {
        Value::Float(value) => Some(*value),
        value => integer(value).map(|value| value as f64),
    };
    if let (Some(one), Some(other)) = (integer(one), integer(other)) {
        return Some(Numbers::Integers(one, other));
    }
    Some(Numbers::Floats(float(one)?, float(other)?))
}

/// Whether two values are equal.
pub(super) fn equal(one: &Value<'_>, other: &Value<'_>, meter: &mut RenderMeter) -> Result<bool, RenderError> {
    equal_within(one, other, meter, 0)
}

fn equal_within(one: &Value<'_>, other: &Value<'_>, meter: &mut RenderMeter, depth: u16) -> Result<bool, RenderError> {
    meter.steps(1)?;
    if let (Some(one), Some(other)) = (one.as_text(), other.as_text()) {
        meter.steps(one.len().min(other.len()) / 32)?;
        return Ok(one == other);
    }
    if let Some(numbers) = numbers(one, other) {
        return Ok(match numbers {
            Numbers::Integers(one, other) => one == other,
            // An integer that no float represents exactly equals no float.
            Numbers::Floats(one_float, other_float) => {
                let exact = |value: &Value<'_>| !matches!(value, Value::Integer(value) if value.abs() > EXACT);
                one_float == other_float && exact(one) && exact(other)
            }
        });
    }
    if let (Some(ours), Some(theirs)) = (one.as_list(), other.as_list()) {
        let depth = meter.down(depth)?;
        if one.is_tuple() != other.is_tuple() || ours.len() != theirs.len() {
            return Ok(false);
        }
        for at in 0..ours.len() {
            let (Some(ours), Some(theirs)) = (ours.get(at), theirs.get(at)) else { return Ok(false) };
            if !equal_within(&ours, &theirs, meter, depth)? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    if let (Some(ours), Some(theirs)) = (one.entries(), other.entries()) {
        let depth = meter.down(depth)?;
        if ours != theirs {
            return Ok(false);
        }
        for (name, value) in one.pairs().into_iter().flatten() {
            meter.steps(name.len() / 8 + 2)?;
            let Some(theirs) = other.entry(&name) else { return Ok(false) };
            if !equal_within(&value, &theirs, meter, depth)? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    Ok(matches!((one, other), (Value::None, Value::None)) || (one.is_undefined() && other.is_undefined()))
}

/// The order of two values. Values of different kinds have a fixed order.
pub(super) fn order(one: &Value<'_>, other: &Value<'_>, meter: &mut RenderMeter) -> Result<Ordering, RenderError> {
    order_within(one, other, meter, 0)
}

fn order_within(
    one: &Value<'_>,
    other: &Value<'_>,
    meter: &mut RenderMeter,
    depth: u16,
) -> Result<Ordering, RenderError> {
    meter.steps(1)?;
    if let (Some(one), Some(other)) = (one.as_text(), other.as_text()) {
        meter.steps(one.len().min(other.len()) / 32)?;
        return Ok(one.cmp(other));
    }
    if let Some(numbers) = numbers(one, other) {
        return Ok(match numbers {
            Numbers::Integers(one, other) => one.cmp(&other),
            Numbers::Floats(one, other) => one.partial_cmp(&other).unwrap_or_else(|| one.total_cmp(&other)),
        });
    }
    if let (Some(ours), Some(theirs)) = (one.as_list(), other.as_list()) {
        let depth = meter.down(depth)?;
        if one.is_tuple() != other.is_tuple() {
            return Ok(one.is_tuple().cmp(&other.is_tuple()));
        }
        for at in 0..ours.len().min(theirs.len()) {
            let (Some(ours), Some(theirs)) = (ours.get(at), theirs.get(at)) else { break };
            match order_within(&ours, &theirs, meter, depth)? {
                Ordering::Equal => {}
                decided => return Ok(decided),
            }
        }
        return Ok(ours.len().cmp(&theirs.len()));
    }
    match (one.pairs(), other.pairs()) {
        (Some(ours), Some(theirs)) => order_maps(ours, theirs, meter, depth),
        _ => Ok(rank(one).cmp(&rank(other))),
    }
}

/// Compares maps by their names and values, entry by entry.
fn order_maps<'v, 'a: 'v>(
    mut ours: Pairs<'v, 'a>,
    mut theirs: Pairs<'v, 'a>,
    meter: &mut RenderMeter,
    depth: u16,
) -> Result<Ordering, RenderError> {
    let depth = meter.down(depth)?;
    loop {
        let (one, other) = match (ours.next(), theirs.next()) {
            (Some(one), Some(other)) => (one, other),
            (one, other) => return Ok(one.is_some().cmp(&other.is_some())),
        };
        meter.steps(2 + one.0.len().min(other.0.len()) / 32)?;
        match one.0.cmp(&other.0) {
            Ordering::Equal => {}
            decided => return Ok(decided),
        }
        match order_within(&one.1, &other.1, meter, depth)? {
            Ordering::Equal => {}
            decided => return Ok(decided),
        }
    }
}

fn rank(value: &Value<'_>) -> u8 {
    match value {
        Value::Undefined | Value::Nothing => 0,
        Value::None => 1,
        Value::Bool(_) => 2,
        Value::Integer(_) | Value::Float(_) => 3,
        Value::Text(_) => 4,
        Value::List(_) | Value::GivenList(_) => 5,
        Value::Map(_) | Value::GivenMap(_) => 6,
    }
}

/// Whether a text contains another, a list an item, or a map a name.
pub(super) fn contains(whole: &Value<'_>, part: &Value<'_>, meter: &mut RenderMeter) -> Result<bool, RenderError> {
    if let Some(text) = whole.as_text() {
        let part = part.to_text(meter)?;
        meter.look(text.len() + part.len())?;
        return Ok(text.contains(&*part));
    }
    if let Some(items) = whole.as_list() {
        for at in 0..items.len() {
            if let Some(item) = items.get(at)
                && equal(&item, part, meter)?
            {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    if whole.entries().is_some() {
        meter.steps(2)?;
        return Ok(part.as_text().is_some_and(|name| whole.entry(name).is_some()));
    }
    match whole {
        Value::Nothing => Ok(false),
        other => Err(RenderError::failed(format!("there is nothing to look for in {}", other.kind()))),
    }
}

/// The options of sorting.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sorting {
    pub case_sensitive: bool,
    pub reverse: bool,
}

impl Sorting {
    /// The order of two keys. Texts are compared without regard to the case of ASCII letters, unless the options say
    /// otherwise.
    pub fn order(self, one: &Value<'_>, other: &Value<'_>, meter: &mut RenderMeter) -> Result<Ordering, RenderError> {
        let order = match (one.as_text(), other.as_text()) {
            (Some(one), Some(other)) if !self.case_sensitive => {
                meter.look(one.len().min(other.len()))?;
                let lower = |text: &str| text.bytes().map(|byte| byte.to_ascii_lowercase()).collect::<Vec<_>>();
                meter.text(one.len() + other.len())?;
                lower(one).cmp(&lower(other))
            }
            _ => order(one, other, meter)?,
        };
        Ok(if self.reverse { order.reverse() } else { order })
    }

    /// Merge sort: it keeps the order of equal items, a comparison may fail, and comparisons need not be consistent.
    pub fn sort<'a>(
        self,
        mut items: Vec<(Value<'a>, Value<'a>)>,
        meter: &mut RenderMeter,
    ) -> Result<Vec<(Value<'a>, Value<'a>)>, RenderError> {
        let mut width = 1;
        while width < items.len() {
            meter.steps(items.len())?;
            let mut merged = Vec::with_capacity(items.len());
            let mut rest = items.into_iter();
            loop {
                let left: Vec<_> = rest.by_ref().take(width).collect();
                if left.is_empty() {
                    break;
                }
                let right: Vec<_> = rest.by_ref().take(width).collect();
                self.merge(left, right, &mut merged, meter)?;
            }
            items = merged;
            width *= 2;
        }
        Ok(items)
    }

    fn merge<'a>(
        self,
        left: Vec<(Value<'a>, Value<'a>)>,
        right: Vec<(Value<'a>, Value<'a>)>,
        merged: &mut Vec<(Value<'a>, Value<'a>)>,
        meter: &mut RenderMeter,
    ) -> Result<(), RenderError> {
        let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
        while let (Some(one), Some(other)) = (left.peek(), right.peek()) {
            let next = match self.order(&one.0, &other.0, meter)? {
                Ordering::Greater => right.next(),
                _ => left.next(),
            };
            merged.extend(next);
        }
        merged.extend(left);
        merged.extend(right);
        Ok(())
    }
}
