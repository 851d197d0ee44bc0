use super::super::language::Arithmetic;
use super::super::meter::{RenderError, RenderMeter};
use super::super::run::calculate;
use super::super::value::Value;
use super::Given;
use super::lists::part;

/// The most digits after the point.
const MOST_DIGITS: i128 = 30;

pub(super) fn absolute<'a>(value: &Value<'a>) -> Result<Value<'a>, RenderError> {
    match value {
        Value::Integer(value) => {
            let absolute = value.checked_abs().map(Value::Integer);
            absolute.ok_or_else(|| RenderError::failed("so small a number is too large without its sign for `abs`"))
        }
        Value::Float(value) => Ok(Value::Float(value.abs())),
        other => Err(RenderError::failed(format!("`abs` takes a number, not {}", other.kind()))),
    }
}

/// The number, or the default when the text is not a number.
fn or_default<'a>(number: Option<Value<'a>>, value: &Value<'_>, given: &Given<'a>) -> Result<Value<'a>, RenderError> {
    let default = || given.at(0, "default").cloned();
    number.or_else(default).ok_or_else(|| RenderError::failed(format!("there is no number in {}", value.kind())))
}

pub(super) fn int<'a>(value: &Value<'a>, given: &Given<'a>, meter: &mut RenderMeter) -> Result<Value<'a>, RenderError> {
    let number = match value {
        Value::Nothing | Value::None => Some(given.at(0, "default").cloned().unwrap_or(Value::Integer(0))),
        Value::Bool(value) => Some(Value::Integer(i128::from(*value))),
        Value::Integer(value) => Some(Value::Integer(*value)),
        Value::Float(value) => Some(Value::Integer(*value as i128)),
        Value::Text(text) => {
            meter.look(text.len())?;
            let integer = text.parse::<i128>().ok();
            integer.or_else(|| text.parse::<f64>().ok().map(|value| value as i128)).map(Value::Integer)
        }
        _ => None,
    };
    or_default(number, value, given)
}

pub(super) fn float<'a>(
    value: &Value<'a>,
    given: &Given<'a>,
    meter: &mut RenderMeter,
) -> Result<Value<'a>, RenderError> {
    let number = match value {
        Value::Nothing | Value::None => Some(given.at(0, "default").cloned().unwrap_or(Value::Float(0.0))),
        Value::Text(text) => {
            meter.look(text.len())?;
            text.parse::<f64>().ok().map(Value::Float)
        }
        value => calculate::float(value).map(Value::Float),
    };
    or_default(number, value, given)
}

/// Rounds to so many digits after the point: half to even, or up with `ceil` and down with `floor`.
pub(super) fn round<'a>(
    value: &Value<'a>,
    given: &Given<'a>,
    meter: &mut RenderMeter,
) -> Result<Value<'a>, RenderError> {
    let digits = given.at(0, "precision").map_or(Ok(0), calculate::integer)?;
    let Some(precision) = usize::try_from(digits).ok().filter(|_| digits <= MOST_DIGITS) else {
        return Err(RenderError::failed(format!("`round` takes 0 to {MOST_DIGITS} digits")));
    };
    let method = given.text(1, "method")?.unwrap_or("common");
    if !["common", "ceil", "floor"].contains(&method) {
        let method: String = method.chars().take(64).collect();
        return Err(RenderError::failed(format!("`round` takes the method common, ceil or floor, not `{method}`")));
    }
    let value = match value {
        Value::Integer(value) => return Ok(Value::Integer(*value)),
        Value::Float(value) => *value,
        other => return Err(RenderError::failed(format!("`round` takes a number, not {}", other.kind()))),
    };
    if method == "common" {
        meter.look(400)?;
        let rounded = format!("{value:.precision$}").parse().unwrap_or(value);
        return Ok(Value::Float(rounded));
    }
    let factor = format!("1e{precision}").parse::<f64>().unwrap_or(1.0);
    let scaled = value * factor;
    if !scaled.is_finite() {
        return Ok(Value::Float(value));
    }
    let rounded = if method == "ceil" { scaled.ceil() } else { scaled.floor() };
    // A negative zero is shown as zero.
    Ok(Value::Float((rounded + 0.0) / factor))
}

pub(super) fn sum<'a>(value: &Value<'a>, given: &Given<'a>, meter: &mut RenderMeter) -> Result<Value<'a>, RenderError> {
    let attribute = given.text(0, "attribute")?.map(str::to_owned);
    let mut sum = given.at(1, "start").cloned().unwrap_or(Value::Integer(0));
    for item in value.iterate(meter)? {
        let item = match &attribute {
            Some(path) => part(&item, path, meter)?,
            None => item,
        };
        if item.is_undefined() {
            continue;
        }
        if calculate::float(&sum).is_some() && calculate::float(&item).is_none() {
            return Err(RenderError::failed(format!("`sum` adds numbers, not {}", item.kind())));
        }
        sum = calculate::arithmetic(Arithmetic::Add, &sum, &item, meter)?;
    }
    Ok(sum)
}
