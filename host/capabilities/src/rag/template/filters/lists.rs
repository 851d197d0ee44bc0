use std::cmp::Ordering;

use super::super::compare::{Sorting, equal};
use super::super::meter::{RenderError, RenderMeter};
use super::super::predicates;
use super::super::run::calculate;
use super::super::value::{TemplateText, Value};
use super::Given;

/// A part of a value by its path, such as `dish.price`.
pub(super) fn part<'a>(value: &Value<'a>, path: &str, meter: &mut RenderMeter) -> Result<Value<'a>, RenderError> {
    let mut value = value.clone();
    for name in path.split('.') {
        meter.steps(2)?;
        let item = || value.as_list().zip(name.parse::<usize>().ok()).and_then(|(items, at)| items.get(at));
        value = value.entry(name).or_else(item).unwrap_or(Value::Undefined);
    }
    Ok(value)
}

/// Each item with its sort key: the item itself, or the part that `attribute` names.
fn keyed<'a>(
    value: &Value<'a>,
    given: &Given<'a>,
    meter: &mut RenderMeter,
) -> Result<Vec<(Value<'a>, Value<'a>)>, RenderError> {
    let attribute = given.text(usize::MAX, "attribute")?;
    let items = value.iterate(meter)?;
    meter.places(items.len().saturating_mul(2))?;
    let keyed = items.into_iter().map(|item| match attribute {
        Some(path) => part(&item, path, meter).map(|key| (key, item)),
        None => Ok((item.clone(), item)),
    });
    keyed.collect()
}

fn sorting(given: &Given<'_>) -> Result<Sorting, RenderError> {
    Ok(Sorting {
        case_sensitive: given.switch(usize::MAX, "case_sensitive")?,
        reverse: given.switch(usize::MAX, "reverse")?,
    })
}

pub(super) fn join<'a>(
    value: &Value<'a>,
    given: &Given<'a>,
    meter: &mut RenderMeter,
) -> Result<Value<'a>, RenderError> {
    let between = match given.at(0, "d") {
        Some(between) => between.to_text(meter)?,
        None => TemplateText::Given(""),
    };
    let attribute = given.text(1, "attribute")?;
    let mut out = String::new();
    for (at, item) in value.iterate(meter)?.into_iter().enumerate() {
        if at > 0 {
            meter.text(between.len())?;
            out.push_str(&between);
        }
        let item = match attribute {
            Some(path) => part(&item, path, meter)?,
            None => item,
        };
        item.write(&mut out, meter)?;
    }
    Ok(Value::made(out))
}

pub(super) fn length<'a>(value: &Value<'a>, meter: &mut RenderMeter) -> Result<Value<'a>, RenderError> {
    let length = match (value.as_text(), value.as_list()) {
        (Some(text), _) => {
            meter.look(text.len())?;
            Some(text.chars().count())
        }
        (None, Some(items)) => Some(items.len()),
        (None, None) if matches!(value, Value::Nothing) => Some(0),
        (None, None) => value.entries(),
    };
    let length = length.ok_or_else(|| RenderError::failed(format!("{} has no length", value.kind())))?;
    Ok(Value::Integer(length as i128))
}

pub(super) fn first<'a>(value: &Value<'a>) -> Result<Value<'a>, RenderError> {
    let first = match (value.as_text(), value.as_list()) {
        (Some(text), _) => text.chars().next().map(Value::character),
        (None, Some(items)) => items.get(0),
        (None, None) => match value.pairs() {
            Some(mut pairs) => pairs.next().map(|(name, _)| Value::Text(name)),
            None => return Err(RenderError::failed(format!("there is no first of {}", value.kind()))),
        },
    };
    Ok(first.unwrap_or(Value::Undefined))
}

pub(super) fn last<'a>(value: &Value<'a>, meter: &mut RenderMeter) -> Result<Value<'a>, RenderError> {
    let last = match (value.as_text(), value.as_list()) {
        (Some(text), _) => text.chars().next_back().map(Value::character),
        (None, Some(items)) => items.len().checked_sub(1).and_then(|at| items.get(at)),
        (None, None) if value.entries().is_some() => value.iterate(meter)?.pop(),
        (None, None) => return Err(RenderError::failed(format!("there is no last of {}", value.kind()))),
    };
    Ok(last.unwrap_or(Value::Undefined))
}

pub(super) fn reverse<'a>(value: &Value<'a>, meter: &mut RenderMeter) -> Result<Value<'a>, RenderError> {
    if let Some(text) = value.as_text() {
        meter.look(text.len())?;
        meter.text(text.len())?;
        return Ok(Value::made(text.chars().rev().collect::<String>()));
    }
    if matches!(value, Value::None) {
        return Err(RenderError::failed("there is nothing to reverse in none"));
    }
    let mut items = value.iterate(meter)?;
    items.reverse();
    Value::list(items, false)
}

fn pairs<'a>(value: &Value<'a>, meter: &mut RenderMeter) -> Result<Vec<(Value<'a>, Value<'a>)>, RenderError> {
    if matches!(value, Value::Nothing) {
        return Ok(Vec::new());
    }
    let Some(count) = value.entries() else {
        return Err(RenderError::failed(format!("a map is needed, not {}", value.kind())));
    };
    meter.places(count.saturating_mul(4))?;
    if let Value::Map(map) = value {
        meter.text(map.entries.keys().map(String::len).sum())?;
    }
    Ok(value.pairs().into_iter().flatten().map(|(name, value)| (Value::Text(name), value)).collect())
}

fn tuples<'a>(pairs: Vec<(Value<'a>, Value<'a>)>) -> Result<Value<'a>, RenderError> {
    let tuples = pairs.into_iter().map(|(name, value)| Value::list(vec![name, value], true));
    Value::list(tuples.collect::<Result<_, _>>()?, false)
}

pub(super) fn items<'a>(value: &Value<'a>, meter: &mut RenderMeter) -> Result<Value<'a>, RenderError> {
    tuples(pairs(value, meter)?)
}

pub(super) fn dictsort<'a>(
    value: &Value<'a>,
    given: &Given<'a>,
    meter: &mut RenderMeter,
) -> Result<Value<'a>, RenderError> {
    let by_value = given.text(usize::MAX, "by")? == Some("value");
    let swap = |(one, other)| if by_value { (other, one) } else { (one, other) };
    let pairs = pairs(value, meter)?.into_iter().map(swap).collect();
    let sorted = sorting(given)?.sort(pairs, meter)?;
    tuples(sorted.into_iter().map(swap).collect())
}

pub(super) fn sort<'a>(
    value: &Value<'a>,
    given: &Given<'a>,
    meter: &mut RenderMeter,
) -> Result<Value<'a>, RenderError> {
    let sorted = sorting(given)?.sort(keyed(value, given, meter)?, meter)?;
    Value::list(sorted.into_iter().map(|(_, item)| item).collect(), false)
}

pub(super) fn extreme<'a>(
    value: &Value<'a>,
    given: &Given<'a>,
    meter: &mut RenderMeter,
    wanted: Ordering,
) -> Result<Value<'a>, RenderError> {
    let sorting = sorting(given)?;
    let mut found: Option<(Value<'a>, Value<'a>)> = None;
    for (key, item) in keyed(value, given, meter)? {
        let better = match &found {
            Some((best, _)) => sorting.order(&key, best, meter)? == wanted,
            None => true,
        };
        if better {
            found = Some((key, item));
        }
    }
    Ok(found.map_or(Value::Undefined, |(_, item)| item))
}

pub(super) fn unique<'a>(
    value: &Value<'a>,
    given: &Given<'a>,
    meter: &mut RenderMeter,
) -> Result<Value<'a>, RenderError> {
    let case_sensitive = given.switch(usize::MAX, "case_sensitive")?;
    let (mut seen, mut unique): (Vec<Value<'a>>, Vec<Value<'a>>) = (Vec::new(), Vec::new());
    for (key, item) in keyed(value, given, meter)? {
        let key = match key.as_text() {
            Some(_) if !case_sensitive => super::texts::lower(&key, meter)?,
            _ => key,
        };
        let mut known = false;
        for other in &seen {
            known = known || equal(&key, other, meter)?;
        }
        if !known {
            seen.push(key);
            unique.push(item);
        }
    }
    Value::list(unique, false)
}

pub(super) fn map<'a>(value: &Value<'a>, given: &Given<'a>, meter: &mut RenderMeter) -> Result<Value<'a>, RenderError> {
    let items = value.iterate(meter)?;
    meter.places(items.len())?;
    let mut mapped = Vec::with_capacity(items.len());
    if let Some(filter) = given.filter {
        let inner = Given { positional: given.positional.clone(), named: Vec::new(), filter: None, test: None };
        for item in items {
            mapped.push(super::apply(filter, item, &inner, meter)?);
        }
        return Value::list(mapped, false);
    }
    let Some(attribute) = given.named("attribute") else {
        return Err(RenderError::failed("`map` needs the name of a filter, or `attribute='…'`"));
    };
    for item in items {
        let found = match attribute.as_text() {
            Some(path) => part(&item, path, meter)?,
            None => {
                let items = item.as_list();
                items.and_then(|items| items.get(calculate::place(attribute, items.len())?)).unwrap_or(Value::Undefined)
            }
        };
        let default = || given.named("default").cloned().unwrap_or(Value::Undefined);
        mapped.push(if found.is_undefined() { default() } else { found });
    }
    Value::list(mapped, false)
}

pub(super) fn select<'a>(
    value: &Value<'a>,
    given: &Given<'a>,
    meter: &mut RenderMeter,
    by_attribute: bool,
    reject: bool,
) -> Result<Value<'a>, RenderError> {
    let attribute = if by_attribute { given.text(0, "attribute")? } else { None };
    let arguments = given.positional.get(usize::from(by_attribute)..).unwrap_or_default();
    let items = value.iterate(meter)?;
    meter.places(items.len())?;
    let mut selected = Vec::new();
    for item in items {
        let tested = match attribute {
            Some(path) => part(&item, path, meter)?,
            None => item.clone(),
        };
        let holds = match given.test {
            Some(test) => predicates::holds(test, &tested, arguments, meter)?,
            None => !tested.is_undefined() && tested.holds()?,
        };
        if holds != reject {
            selected.push(item);
        }
    }
    Value::list(selected, false)
}
