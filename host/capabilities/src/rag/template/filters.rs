//! The filters: `… | name`.

mod lists;
mod numbers;
mod texts;

use super::language::{Filter, Test};
use super::meter::{RenderError, RenderMeter};
use super::value::Value;

/// The arguments of a filter.
pub(super) struct Given<'a> {
    pub positional: Vec<Value<'a>>,
    pub named: Vec<(&'static str, Value<'a>)>,
    pub filter: Option<Filter>,
    pub test: Option<Test>,
}

impl<'a> Given<'a> {
    /// The argument at a position, or with this name.
    fn at(&self, place: usize, name: &str) -> Option<&Value<'a>> {
        let named = || self.named.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
        let found = self.positional.get(place).or_else(named);
        found.filter(|value| !matches!(value, Value::None))
    }

    fn named(&self, name: &str) -> Option<&Value<'a>> {
        self.at(usize::MAX, name)
    }

    /// The value of a boolean argument.
    fn switch(&self, place: usize, name: &str) -> Result<bool, RenderError> {
        self.at(place, name).map_or(Ok(false), Value::holds)
    }

    /// A text argument; none when it is missing.
    fn text(&self, place: usize, name: &'static str) -> Result<Option<&str>, RenderError> {
        let Some(value) = self.at(place, name) else { return Ok(None) };
        match value.as_text() {
            Some(text) => Ok(Some(text)),
            None => Err(RenderError::failed(format!("the argument `{name}` has to be a text, not {}", value.kind()))),
        }
    }
}

/// The result of a filter for a value.
pub(super) fn apply<'a>(
    filter: Filter,
    value: Value<'a>,
    given: &Given<'a>,
    meter: &mut RenderMeter,
) -> Result<Value<'a>, RenderError> {
    meter.steps(1)?;
    if filter != Filter::Default {
        value.there()?;
    }
    match filter {
        Filter::Default => default(value, given),
        Filter::Bool => value.holds().map(Value::Bool),
        // Templates escape nothing, so `safe` has no effect.
        Filter::Safe | Filter::String => value.to_text(meter).map(Value::Text),
        Filter::Abs => numbers::absolute(&value),
        Filter::Int => numbers::int(&value, given, meter),
        Filter::Float => numbers::float(&value, given, meter),
        Filter::Round => numbers::round(&value, given, meter),
        Filter::Sum => numbers::sum(&value, given, meter),
        Filter::Capitalize => texts::capitalize(&value, meter),
        Filter::Lower => texts::lower(&value, meter),
        Filter::Upper => texts::upper(&value, meter),
        Filter::Title => texts::title(&value, meter),
        Filter::Trim => texts::trim(&value, given, meter),
        Filter::Replace => texts::replace(&value, given, meter),
        Filter::Split => texts::split(&value, given, meter),
        Filter::Lines => texts::lines(&value, meter),
        Filter::Indent => texts::indent(&value, given, meter),
        Filter::Format => texts::format(&value, given, meter),
        Filter::Join => lists::join(&value, given, meter),
        Filter::Length => lists::length(&value, meter),
        Filter::First => lists::first(&value),
        Filter::Last => lists::last(&value, meter),
        Filter::Reverse => lists::reverse(&value, meter),
        Filter::List => value.iterate(meter).and_then(|items| Value::list(items, false)),
        Filter::Items => lists::items(&value, meter),
        Filter::Dictsort => lists::dictsort(&value, given, meter),
        Filter::Sort => lists::sort(&value, given, meter),
        Filter::Unique => lists::unique(&value, given, meter),
        Filter::Min => lists::extreme(&value, given, meter, std::cmp::Ordering::Less),
        Filter::Max => lists::extreme(&value, given, meter, std::cmp::Ordering::Greater),
        Filter::Map => lists::map(&value, given, meter),
        Filter::Select => lists::select(&value, given, meter, false, false),
        Filter::Reject => lists::select(&value, given, meter, false, true),
        Filter::Selectattr => lists::select(&value, given, meter, true, false),
        Filter::Rejectattr => lists::select(&value, given, meter, true, true),
    }
}

/// The default for a value that does not exist, or with `true` also for a value that is false.
fn default<'a>(value: Value<'a>, given: &Given<'a>) -> Result<Value<'a>, RenderError> {
    let also_false = given.positional.get(1).map_or(Ok(false), Value::holds)?;
    if value.is_undefined() || (also_false && !value.holds()?) {
        return Ok(given.positional.first().cloned().unwrap_or(Value::Text(super::value::TemplateText::Given(""))));
    }
    Ok(value)
}
