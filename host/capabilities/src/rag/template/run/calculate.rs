//! Arithmetic like Python's, and so Jinja's: division rounds down, and `/` gives a number with a fraction.

use super::super::language::Arithmetic;
use super::super::meter::{RenderError, RenderMeter};
use super::super::value::Value;

/// Two numbers of one kind.
enum Pair {
    Integers(i128, i128),
    Floats(f64, f64),
}

fn whole(value: &Value<'_>) -> Option<i128> {
    match value {
        Value::Bool(value) => Some(i128::from(*value)),
        Value::Integer(value) => Some(*value),
        _ => None,
    }
}

pub(in crate::rag::template) fn float(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Float(value) => Some(*value),
        other => whole(other).map(|value| value as f64),
    }
}

fn pair(left: &Value<'_>, right: &Value<'_>) -> Option<Pair> {
    match (whole(left), whole(right)) {
        (Some(left), Some(right)) => Some(Pair::Integers(left, right)),
        _ => Some(Pair::Floats(float(left)?, float(right)?)),
    }
}

/// A number without a fraction, for a position or a count.
pub(in crate::rag::template) fn integer(value: &Value<'_>) -> Result<i128, RenderError> {
    let found = match value {
        Value::Float(value) if value.fract() == 0.0 && value.abs() < 9e15 => Some(*value as i128),
        other => whole(other),
    };
    let fits = |value: &i128| i64::try_from(*value).is_ok();
    found.filter(fits).ok_or_else(|| {
        let given = match value {
            Value::Float(_) => "one with a fraction, or too large a one",
            Value::Integer(_) => "too large a one",
            other => other.kind(),
        };
        RenderError::failed(format!("a whole number is needed, not {given}"))
    })
}

/// The position of an index in a value of this length; negative indexes count from the end.
pub(in crate::rag::template) fn place(at: &Value<'_>, length: usize) -> Option<usize> {
    let at = integer(at).ok()?;
    let at = if at < 0 { at + length as i128 } else { at };
    usize::try_from(at).ok().filter(|at| *at < length)
}

/// The positions of a slice.
pub(in crate::rag::template) fn slice(
    length: usize,
    [start, stop, step]: [Option<i128>; 3],
) -> Result<Vec<usize>, RenderError> {
    let (step, length) = (step.unwrap_or(1), length as i128);
    if step == 0 {
        return Err(RenderError::failed("the step of a slice cannot be 0"));
    }
    let (least, most) = if step > 0 { (0, length) } else { (-1, length - 1) };
    let clamp = |bound: i128| if bound < 0 { (bound + length).max(least) } else { bound.min(most) };
    let (mut at, stop) = if step > 0 {
        (start.map_or(0, clamp), stop.map_or(length, clamp))
    } else {
        (start.map_or(length - 1, clamp), stop.map_or(-1, clamp))
    };
    let mut places = Vec::new();
    while if step > 0 { at < stop } else { at > stop } {
        places.extend(usize::try_from(at).ok());
        at += step;
    }
    Ok(places)
}

/// How many numbers a range has.
pub(in crate::rag::template) fn range_length(start: i128, stop: i128, step: i128) -> Result<usize, RenderError> {
    let span = match step.signum() {
        1 => stop - start,
        -1 => start - stop,
        _ => return Err(RenderError::failed("the step of a range cannot be 0")),
    };
    let step = step.abs();
    Ok(usize::try_from((span.max(0) + step - 1) / step).unwrap_or(usize::MAX))
}

pub(in crate::rag::template) fn negative<'a>(value: &Value<'a>) -> Result<Value<'a>, RenderError> {
    match value {
        Value::Integer(value) => {
            let negative = value.checked_neg().map(Value::Integer);
            negative.ok_or_else(|| RenderError::failed("there is no negative of so small a number"))
        }
        Value::Float(value) => Ok(Value::Float(-value)),
        other => Err(RenderError::failed(format!("there is no negative of {}", other.kind()))),
    }
}

/// Every operator except `~`.
pub(in crate::rag::template) fn arithmetic<'a>(
    arithmetic: Arithmetic,
    left: &Value<'a>,
    right: &Value<'a>,
    meter: &mut RenderMeter,
) -> Result<Value<'a>, RenderError> {
    match arithmetic {
        Arithmetic::Add => {
            if let (Some(left), Some(right)) = (left.as_text(), right.as_text()) {
                meter.text(left.len() + right.len())?;
                return Ok(Value::made([left, right].concat()));
            }
            if let (Some(ours), Some(theirs)) = (left.as_list(), right.as_list())
                && left.is_tuple() == right.is_tuple()
            {
                meter.places(ours.len() + theirs.len())?;
                let ours_first = (0..ours.len()).filter_map(|at| ours.get(at));
                let items = ours_first.chain((0..theirs.len()).filter_map(|at| theirs.get(at))).collect();
                return Value::list(items, left.is_tuple());
            }
        }
        Arithmetic::Multiply => {
            if let Some(repeated) = repeated(left, right, meter).or_else(|| repeated(right, left, meter)) {
                return repeated;
            }
        }
        _ => {}
    }
    let Some(pair) = pair(left, right) else {
        return Err(RenderError::failed(format!(
            "`{}` does not go with {} and {}",
            sign(arithmetic),
            left.kind(),
            right.kind()
        )));
    };
    let result = match pair {
        Pair::Integers(left, right) => integers(arithmetic, left, right),
        Pair::Floats(left, right) => floats(arithmetic, left, right),
    };
    result.ok_or_else(|| {
        let divides = matches!(arithmetic, Arithmetic::Divide | Arithmetic::FloorDivide | Arithmetic::Remainder);
        let why = if divides && float(right) == Some(0.0) {
            "cannot divide by 0"
        } else {
            "has no result with these numbers: it is too large, or there is none"
        };
        RenderError::failed(format!("`{}` {why}", sign(arithmetic)))
    })
}

/// A text or list, repeated.
fn repeated<'a>(
    whole: &Value<'a>,
    times: &Value<'_>,
    meter: &mut RenderMeter,
) -> Option<Result<Value<'a>, RenderError>> {
    let length = whole.as_text().map(str::len).or_else(|| whole.as_list().map(super::super::value::Items::len))?;
    let mut repeat = || {
        let times = usize::try_from(integer(times)?.max(0)).unwrap_or(usize::MAX);
        let total = length.saturating_mul(times);
        if let Some(text) = whole.as_text() {
            meter.text(total)?;
            return Ok(Value::made(if total == 0 { String::new() } else { text.repeat(times) }));
        }
        meter.places(total)?;
        let Some(items) = whole.as_list() else { return Ok(Value::None) };
        let places = (0..if total == 0 { 0 } else { times }).flat_map(|_| 0..length);
        Value::list(places.filter_map(|at| items.get(at)).collect(), whole.is_tuple())
    };
    Some(repeat())
}

fn integers<'a>(arithmetic: Arithmetic, left: i128, right: i128) -> Option<Value<'a>> {
    let floor = || {
        let (quotient, remainder) = (left.checked_div(right)?, left.checked_rem(right)?);
        let down = remainder != 0 && (remainder < 0) != (right < 0);
        Some(if down { (quotient - 1, remainder + right) } else { (quotient, remainder) })
    };
    let integer = match arithmetic {
        Arithmetic::Add => left.checked_add(right),
        Arithmetic::Subtract => left.checked_sub(right),
        Arithmetic::Multiply => left.checked_mul(right),
        Arithmetic::FloorDivide => floor().map(|(quotient, _)| quotient),
        Arithmetic::Remainder => floor().map(|(_, remainder)| remainder),
        Arithmetic::Divide => return floats(arithmetic, left as f64, right as f64),
        Arithmetic::Power if right < 0 => {
            return (left != 0).then(|| Value::Float((left as f64).powf(right as f64)));
        }
        Arithmetic::Power => u32::try_from(right).ok().and_then(|right| left.checked_pow(right)),
        Arithmetic::Concatenate => None,
    };
    integer.map(Value::Integer)
}

fn floats<'a>(arithmetic: Arithmetic, left: f64, right: f64) -> Option<Value<'a>> {
    let float = match arithmetic {
        Arithmetic::Add => left + right,
        Arithmetic::Subtract => left - right,
        Arithmetic::Multiply => left * right,
        Arithmetic::Divide if right != 0.0 => left / right,
        Arithmetic::FloorDivide if right != 0.0 => floor_division(left, right).0,
        Arithmetic::Remainder if right != 0.0 => floor_division(left, right).1,
        Arithmetic::Power if left != 0.0 || right >= 0.0 => left.powf(right),
        _ => return None,
    };
    Some(Value::Float(float))
}

fn floor_division(left: f64, right: f64) -> (f64, f64) {
    let mut remainder = left % right;
    let mut quotient = (left - remainder) / right;
    if remainder == 0.0 {
        remainder = 0.0_f64.copysign(right);
    } else if (remainder < 0.0) != (right < 0.0) {
        remainder += right;
        quotient -= 1.0;
    }
    let floored = quotient.floor();
    quotient = match quotient {
        0.0 => 0.0_f64.copysign(left / right),
        quotient if quotient - floored > 0.5 => floored + 1.0,
        _ => floored,
    };
    (quotient, remainder)
}

/// The spelling of an operator.
pub(in crate::rag::template) fn sign(arithmetic: Arithmetic) -> &'static str {
    match arithmetic {
        Arithmetic::Add => "+",
        Arithmetic::Subtract => "-",
        Arithmetic::Multiply => "*",
        Arithmetic::Divide => "/",
        Arithmetic::FloorDivide => "//",
        Arithmetic::Remainder => "%",
        Arithmetic::Power => "**",
        Arithmetic::Concatenate => "~",
    }
}
