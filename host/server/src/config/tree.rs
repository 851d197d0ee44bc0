//! The configuration before its keys have a meaning: a tree in which every value says where it was set.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigOrigin {
    /// Bytes of the configuration file.
    File(Range<usize>),
    /// An environment variable.
    Variable(String),
    /// An option of the command line.
    Flag(String),
}

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigNode {
    /// The value.
    pub content: ConfigValue,
    /// Where the value was written.
    pub origin: ConfigOrigin,
    /// Where the key was written: an error about an unknown key points at the key, not at its value.
    pub key_origin: ConfigOrigin,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum ConfigValue {
    /// Keys and values.
    Table(BTreeMap<String, ConfigNode>),
    /// A list.
    Array(Vec<ConfigNode>),
    /// A string, number or boolean with the type that TOML gave it.
    Scalar(toml::Value),
    /// Text from a variable or flag, whose type is what its reader asks for.
    Text(String),
}

impl ConfigNode {
    /// An empty table.
    pub fn empty(origin: ConfigOrigin) -> Self {
        Self { content: ConfigValue::Table(BTreeMap::new()), key_origin: origin.clone(), origin }
    }

    /// The tree of a TOML document.
    pub fn of(document: &Spanned<DeTable<'_>>) -> Self {
        let origin = ConfigOrigin::File(document.span());
        let content = table(document.get_ref(), &|span| ConfigOrigin::File(span));
        Self { content, key_origin: origin.clone(), origin }
    }

    /// Reads an inline TOML value, all of it from one origin; none when the text is not TOML.
    pub fn parse_inline(text: &str, origin: &ConfigOrigin) -> Option<Self> {
        signalbox_diagnostics::check_toml(text, text.len()).ok()?;
        let parsed = DeValue::parse(text).ok()?;
        let content = value(parsed.get_ref(), &|_| origin.clone())?;
        Some(Self { content, origin: origin.clone(), key_origin: origin.clone() })
    }

    /// Puts `node` at `path`, over what is there.
    pub fn set(&mut self, path: &[String], node: ConfigNode) {
        let Some((first, rest)) = path.split_first() else {
            *self = node;
            return;
        };
        // A table that one variable gave as a whole stays when another variable sets a key of it.
        if let ConfigValue::Text(text) = &self.content
            && let Some(written) = Self::parse_inline(text.trim(), &self.origin)
        {
            self.content = written.content;
        }
        if !matches!(self.content, ConfigValue::Table(_)) {
            *self = Self::empty(node.origin.clone());
        }
        if let ConfigValue::Table(children) = &mut self.content {
            let child = children.entry(first.clone()).or_insert_with(|| Self::empty(node.origin.clone()));
            child.set(rest, node);
        }
    }

    /// Takes away what is at `path`; false when nothing is there.
    pub fn remove(&mut self, path: &[String]) -> bool {
        let Some((last, parents)) = path.split_last() else { return false };
        let mut node = self;
        for key in parents {
            let child = match &mut node.content {
                ConfigValue::Table(children) => children.get_mut(key),
                ConfigValue::Array(items) => key.parse::<usize>().ok().and_then(|index| items.get_mut(index)),
                ConfigValue::Scalar(_) | ConfigValue::Text(_) => None,
            };
            let Some(child) = child else { return false };
            node = child;
        }
        match &mut node.content {
            ConfigValue::Table(children) => children.remove(last).is_some(),
            ConfigValue::Array(items) => match last.parse::<usize>() {
                Ok(index) if index < items.len() => {
                    items.remove(index);
                    true
                }
                _ => false,
            },
            ConfigValue::Scalar(_) | ConfigValue::Text(_) => false,
        }
    }

    /// Where the value at `path` was set; a list counts as one value. None for a default.
    pub fn origin_of(&self, path: &[&str]) -> Option<&ConfigOrigin> {
        match (&self.content, path.split_first()) {
            (ConfigValue::Table(children), Some((first, rest))) => children.get(*first)?.origin_of(rest),
            // An inline table in a variable is one text here, and all of its values come from that variable.
            (ConfigValue::Text(_) | ConfigValue::Array(_), _) | (_, None) => Some(&self.origin),
            (ConfigValue::Scalar(_), Some(_)) => None,
        }
    }
}

impl fmt::Display for ConfigOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(_) => write!(f, "the configuration file"),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Flag(flag) => write!(f, "option {flag}"),
        }
    }
}

fn table(entries: &DeTable<'_>, origin: &dyn Fn(Range<usize>) -> ConfigOrigin) -> ConfigValue {
    let children = entries.iter().filter_map(|(key, child)| {
        let content = value(child.get_ref(), origin)?;
        let node = ConfigNode { content, origin: origin(child.span()), key_origin: origin(key.span()) };
        Some((key.get_ref().to_string(), node))
    });
    ConfigValue::Table(children.collect())
}

/// None for a number that no Rust type holds.
fn value(value: &DeValue<'_>, origin: &dyn Fn(Range<usize>) -> ConfigOrigin) -> Option<ConfigValue> {
    let scalar = match value {
        DeValue::Table(entries) => return Some(table(entries, origin)),
        DeValue::Array(items) => {
            let nodes = items.iter().filter_map(|item| {
                let origin_here = origin(item.span());
                let content = self::value(item.get_ref(), origin)?;
                Some(ConfigNode { content, key_origin: origin_here.clone(), origin: origin_here })
            });
            return Some(ConfigValue::Array(nodes.collect()));
        }
        DeValue::String(text) => toml::Value::String(text.to_string()),
        DeValue::Boolean(flag) => toml::Value::Boolean(*flag),
        DeValue::Datetime(moment) => toml::Value::Datetime(*moment),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => toml::Value::Integer(number),
            // Kept as text, so that the section's reader reports what is wrong with it.
            Err(_) => toml::Value::String(number.as_str().to_owned()),
        },
        DeValue::Float(number) => match number.as_str().parse() {
            Ok(number) => toml::Value::Float(number),
            Err(_) => toml::Value::String(number.as_str().to_owned()),
        },
    };
    Some(ConfigValue::Scalar(scalar))
}
