//! The tests of `is …`.

use super::compare::{contains, equal, order};
use super::language::{Arithmetic, Test};
use super::meter::{RenderError, RenderMeter};
use super::run::calculate;
use super::value::Value;

/// Whether a value passes a test.
pub(super) fn holds<'a>(
    test: Test,
    value: &Value<'a>,
    arguments: &[Value<'a>],
    meter: &mut RenderMeter,
) -> Result<bool, RenderError> {
    meter.steps(1)?;
    let other = arguments.first().unwrap_or(&Value::Undefined);
    Ok(match test {
        Test::Boolean => matches!(value, Value::Bool(_)),
        Test::Defined => !value.is_undefined(),
        Test::Undefined => value.is_undefined(),
        Test::None => matches!(value, Value::None),
        Test::True => matches!(value, Value::Bool(true)),
        Test::False => matches!(value, Value::Bool(false)),
        Test::Number => matches!(value, Value::Bool(_) | Value::Integer(_) | Value::Float(_)),
        Test::Integer => matches!(value, Value::Integer(_)),
        Test::Float => matches!(value, Value::Float(_)),
        Test::String => value.as_text().is_some(),
        Test::Sequence => value.is_undefined() || value.as_list().is_some(),
        Test::Mapping => value.entries().is_some(),
        Test::Iterable => !matches!(value, Value::Bool(_) | Value::Integer(_) | Value::Float(_)),
        Test::Odd => remainder(value, 2)?.is_some_and(|remainder| remainder != 0),
        Test::Even => remainder(value, 2)?.is_some_and(|remainder| remainder == 0),
        Test::Divisibleby => divides(value, other, meter)?,
        Test::Startingwith => {
            let (value, other) = (value.to_text(meter)?, other.to_text(meter)?);
            meter.look(other.len())?;
            value.starts_with(&*other)
        }
        Test::Endingwith => {
            let (value, other) = (value.to_text(meter)?, other.to_text(meter)?);
            meter.look(other.len())?;
            value.ends_with(&*other)
        }
        Test::Lower => cased(value, char::is_lowercase, char::is_uppercase, meter)?,
        Test::Upper => cased(value, char::is_uppercase, char::is_lowercase, meter)?,
        Test::Equal => equal(value, other, meter)?,
        Test::NotEqual => !equal(value, other, meter)?,
        Test::Less => order(value, other, meter)?.is_lt(),
        Test::LessOrEqual => order(value, other, meter)?.is_le(),
        Test::Greater => order(value, other, meter)?.is_gt(),
        Test::GreaterOrEqual => order(value, other, meter)?.is_ge(),
        Test::In => {
            other.there()?;
            contains(other, value, meter)?
        }
    })
}

fn remainder(value: &Value<'_>, by: i128) -> Result<Option<i128>, RenderError> {
    value.there()?;
    Ok(calculate::integer(value).ok().map(|value| value % by))
}

fn divides(value: &Value<'_>, by: &Value<'_>, meter: &mut RenderMeter) -> Result<bool, RenderError> {
    match calculate::arithmetic(Arithmetic::Remainder, value, by, meter)? {
        Value::Integer(remainder) => Ok(remainder == 0),
        Value::Float(remainder) => Ok(remainder == 0.0),
        _ => Ok(false),
    }
}

/// Whether a text has letters with case, and all of them have the wanted case.
fn cased(
    value: &Value<'_>,
    wanted: fn(char) -> bool,
    unwanted: fn(char) -> bool,
    meter: &mut RenderMeter,
) -> Result<bool, RenderError> {
    let Some(text) = value.as_text() else { return Ok(false) };
    meter.look(text.len())?;
    let neither = |character: char| {
        let changes = character.to_lowercase().chain(character.to_uppercase()).any(|mapped| mapped != character);
        !wanted(character) && changes
    };
    Ok(!text.chars().any(|character| unwanted(character) || neither(character)) && text.chars().any(wanted))
}
