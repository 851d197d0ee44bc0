//! Values of a rendering. Parameters are borrowed and never copied.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Deref;
use std::rc::Rc;

use serde_json::Value as Json;
use signalbox_model::JsonObject;

use super::meter::{DEEPEST, RenderError, RenderMeter};

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    /// A missing value, whose use is an error.
    Undefined,
    /// The value of an `if` without an `else`: it is shown as nothing, without an error.
    Nothing,
    None,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(TemplateText<'a>),
    List(Rc<List<'a>>),
    Map(Rc<Map<'a>>),
    GivenList(&'a [Json]),
    GivenMap(&'a JsonObject),
}

/// A text: of the template, of a parameter, or made by an operation.
#[derive(Clone, Debug)]
pub(super) enum TemplateText<'a> {
    Given(&'a str),
    Made(Rc<str>),
}

/// A list that the template has made.
#[derive(Debug)]
pub(super) struct List<'a> {
    pub items: Vec<Value<'a>>,
    pub is_tuple: bool,
    depth: u16,
}

/// A map that the template has made.
#[derive(Debug)]
pub(super) struct Map<'a> {
    pub entries: BTreeMap<String, Value<'a>>,
    depth: u16,
}

/// The items of a list, of a parameter or made by the template.
#[derive(Clone, Copy)]
pub(super) enum Items<'v, 'a> {
    Given(&'a [Json]),
    Made(&'v [Value<'a>]),
}

/// The names and values of a map.
pub(super) type Pairs<'v, 'a> = Box<dyn Iterator<Item = (TemplateText<'a>, Value<'a>)> + 'v>;

impl Deref for TemplateText<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Given(text) => text,
            Self::Made(text) => text,
        }
    }
}

impl<'a> Items<'_, 'a> {
    pub fn len(self) -> usize {
        match self {
            Self::Given(items) => items.len(),
            Self::Made(items) => items.len(),
        }
    }

    pub fn get(self, at: usize) -> Option<Value<'a>> {
        match self {
            Self::Given(items) => items.get(at).map(Value::given),
            Self::Made(items) => items.get(at).cloned(),
        }
    }
}

impl<'a> Value<'a> {
    /// A parameter, or a part of one.
    pub fn given(json: &'a Json) -> Self {
        match json {
            Json::Null => Self::None,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(value), _) => Self::Integer(value.into()),
                (None, Some(value)) => Self::Integer(value.into()),
                (None, None) => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Self::Text(TemplateText::Given(text)),
            Json::Array(items) => Self::GivenList(items),
            Json::Object(object) => Self::GivenMap(object),
        }
    }

    /// A text whose cost was counted.
    pub fn made(text: impl Into<Rc<str>>) -> Self {
        Self::Text(TemplateText::Made(text.into()))
    }

    /// A list whose cost was counted.
    pub fn list(items: Vec<Value<'a>>, is_tuple: bool) -> Result<Self, RenderError> {
        let depth = deeper(items.iter())?;
        Ok(Self::List(Rc::new(List { items, is_tuple, depth })))
    }

    /// A map whose cost was counted.
    pub fn map(entries: BTreeMap<String, Value<'a>>) -> Result<Self, RenderError> {
        let depth = deeper(entries.values())?;
        Ok(Self::Map(Rc::new(Map { entries, depth })))
    }

    pub fn character(character: char) -> Self {
        Self::made(character.encode_utf8(&mut [0; 4]) as &str)
    }

    pub fn is_undefined(&self) -> bool {
        matches!(self, Self::Undefined | Self::Nothing)
    }

    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The items, when the value is a list.
    pub fn as_list(&self) -> Option<Items<'_, 'a>> {
        match self {
            Self::List(list) => Some(Items::Made(&list.items)),
            Self::GivenList(items) => Some(Items::Given(items)),
            _ => None,
        }
    }

    pub fn is_tuple(&self) -> bool {
        matches!(self, Self::List(list) if list.is_tuple)
    }

    /// The value of a map's entry.
    pub fn entry(&self, name: &str) -> Option<Value<'a>> {
        match self {
            Self::Map(map) => map.entries.get(name).cloned(),
            Self::GivenMap(object) => object.get(name).map(Value::given),
            _ => None,
        }
    }

    /// How many entries a map has.
    pub fn entries(&self) -> Option<usize> {
        match self {
            Self::Map(map) => Some(map.entries.len()),
            Self::GivenMap(object) => Some(object.len()),
            _ => None,
        }
    }

    /// A map's names and values, in order.
    pub fn pairs(&self) -> Option<Pairs<'_, 'a>> {
        match self {
            Self::Map(map) => {
                let pairs = map.entries.iter();
                Some(Box::new(pairs.map(|(name, value)| (TemplateText::Made(name.as_str().into()), value.clone()))))
            }
            Self::GivenMap(object) => {
                let pairs = object.iter();
                Some(Box::new(pairs.map(|(name, value)| (TemplateText::Given(name), Value::given(value)))))
            }
            _ => None,
        }
    }

    /// The name of its kind in messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Undefined | Self::Nothing => "nothing",
            Self::None => "none",
            Self::Bool(_) => "true or false",
            Self::Integer(_) | Self::Float(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(list) if list.is_tuple => "a tuple",
            Self::List(_) | Self::GivenList(_) => "a list",
            Self::Map(_) | Self::GivenMap(_) => "a map",
        }
    }

    /// Fails for a missing value.
    pub fn there(&self) -> Result<(), RenderError> {
        match self {
            Self::Undefined => Err(RenderError::failed("it uses something that is not there")),
            _ => Ok(()),
        }
    }

    /// The value as a condition.
    pub fn holds(&self) -> Result<bool, RenderError> {
        self.there()?;
        Ok(match self {
            Self::Undefined | Self::Nothing | Self::None => false,
            Self::Bool(value) => *value,
            Self::Integer(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(list) => !list.items.is_empty(),
            Self::GivenList(items) => !items.is_empty(),
            Self::Map(map) => !map.entries.is_empty(),
            Self::GivenMap(object) => !object.is_empty(),
        })
    }

    /// The items for a loop: a list's items, a map's names, a text's characters.
    pub fn iterate(&self, meter: &mut RenderMeter) -> Result<Vec<Value<'a>>, RenderError> {
        self.there()?;
        if let Some(items) = self.as_list() {
            meter.places(items.len())?;
            return Ok((0..items.len()).filter_map(|at| items.get(at)).collect());
        }
        if let Some(count) = self.entries() {
            meter.places(count)?;
            if let Self::Map(map) = self {
                meter.text(map.entries.keys().map(String::len).sum())?;
            }
            return Ok(self.pairs().into_iter().flatten().map(|(name, _)| Value::Text(name)).collect());
        }
        match self {
            Self::Nothing | Self::None => Ok(Vec::new()),
            Self::Text(text) => {
                meter.look(text.len())?;
                meter.places(text.len())?;
                Ok(text.chars().map(Value::character).collect())
            }
            other => Err(RenderError::failed(format!("there is nothing to go through in {}", other.kind()))),
        }
    }

    /// Writes the value as it appears in a message.
    pub fn write(&self, out: &mut String, meter: &mut RenderMeter) -> Result<(), RenderError> {
        if let Self::Text(text) = self {
            meter.text(text.len())?;
            out.push_str(text);
            return Ok(());
        }
        self.write_part(out, meter, false, 0)
    }

    /// The value as text, as it appears in a message.
    pub fn to_text(&self, meter: &mut RenderMeter) -> Result<TemplateText<'a>, RenderError> {
        if let Self::Text(text) = self {
            return Ok(text.clone());
        }
        let mut out = String::new();
        self.write(&mut out, meter)?;
        Ok(TemplateText::Made(out.into()))
    }

    fn write_part(
        &self,
        out: &mut String,
        meter: &mut RenderMeter,
        within: bool,
        depth: u16,
    ) -> Result<(), RenderError> {
        let before = out.len();
        match self {
            Self::Undefined | Self::Nothing if within => out.push_str("undefined"),
            Self::Undefined | Self::Nothing => {}
            Self::None => out.push_str("None"),
            Self::Bool(value) => out.push_str(if *value { "True" } else { "False" }),
            Self::Integer(value) => write!(out, "{value}").unwrap_or_default(),
            Self::Float(value) => write_float(*value, within, out),
            Self::Text(text) => return write_quoted(text, out, meter),
            Self::List(_) | Self::GivenList(_) => return self.write_list(out, meter, depth),
            Self::Map(_) | Self::GivenMap(_) => return self.write_map(out, meter, depth),
        }
        meter.text(out.len() - before)
    }

    fn write_list(&self, out: &mut String, meter: &mut RenderMeter, depth: u16) -> Result<(), RenderError> {
        let Some(items) = self.as_list() else { return Ok(()) };
        let depth = meter.down(depth)?;
        let (open, close) = if self.is_tuple() { ('(', ')') } else { ('[', ']') };
        out.push(open);
        for at in 0..items.len() {
            meter.text(2)?;
            if at > 0 {
                out.push_str(", ");
            }
            items.get(at).unwrap_or(Value::None).write_part(out, meter, true, depth)?;
        }
        if self.is_tuple() && items.len() == 1 {
            out.push(',');
        }
        out.push(close);
        Ok(())
    }

    fn write_map(&self, out: &mut String, meter: &mut RenderMeter, depth: u16) -> Result<(), RenderError> {
        let depth = meter.down(depth)?;
        out.push('{');
        for (at, (name, value)) in self.pairs().into_iter().flatten().enumerate() {
            meter.text(4)?;
            if at > 0 {
                out.push_str(", ");
            }
            write_quoted(&name, out, meter)?;
            out.push_str(": ");
            value.write_part(out, meter, true, depth)?;
        }
        out.push('}');
        Ok(())
    }
}

/// One level more than the deepest of the parts. Parameters are not searched.
fn deeper<'v, 'a: 'v>(parts: impl Iterator<Item = &'v Value<'a>>) -> Result<u16, RenderError> {
    let depth = |value: &Value<'_>| match value {
        Value::List(list) => list.depth,
        Value::Map(map) => map.depth,
        _ => 0,
    };
    let depth = parts.map(depth).max().unwrap_or(0) + 1;
    if depth > DEEPEST {
        return Err(RenderError::failed(format!("lists and maps may be nested {DEEPEST} levels deep")));
    }
    Ok(depth)
}

fn write_float(value: f64, within: bool, out: &mut String) {
    let before = out.len();
    // Writing to a text cannot fail.
    let _ = match (value.is_finite(), within) {
        (true, true) => write!(out, "{value:?}"),
        (true, false) => write!(out, "{value}"),
        (false, true) => write!(out, "{value:?}"),
        (false, false) if value.is_nan() => write!(out, "NaN"),
        (false, false) => write!(out, "{}inf", if value.is_sign_negative() { "-" } else { "" }),
    };
    if !within && value.is_finite() && !out.get(before..).unwrap_or_default().contains('.') {
        out.push_str(".0");
    }
}

/// A text within a list or map is written in quotes.
fn write_quoted(text: &str, out: &mut String, meter: &mut RenderMeter) -> Result<(), RenderError> {
    meter.look(text.len())?;
    meter.text(text.len().saturating_mul(4).saturating_add(2))?;
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for character in text.chars() {
        // Writing to a text cannot fail.
        let _ = match character {
            '\\' => out.write_str("\\\\"),
            '\n' => out.write_str("\\n"),
            '\r' => out.write_str("\\r"),
            '\t' => out.write_str("\\t"),
            other if other == quote => write!(out, "\\{other}"),
            other if other.is_control() => write!(out, "\\x{:02x}", u32::from(other)),
            other => out.write_char(other),
        };
    }
    out.push(quote);
    Ok(())
}
