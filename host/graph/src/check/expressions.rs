//! Compiles the conditions and lists of a graph, with what the manifest says about the values that they read.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use signalbox_diagnostics::{Problems, TomlString};
use signalbox_model::HOST_PERMISSIONS;

use super::assemble::within_string;
use crate::definition::{ChannelDefinition, GraphDefinition};
use crate::expression::{Compiled, Expression, ExpressionPurpose, Surroundings, ValueKinds};
use crate::reducer::Reducer;

/// The channels of all graphs of a bundle by name, with the kinds of values that each can hold.
pub(super) struct Declared<'d>(HashMap<&'d str, Vec<ValueKinds>>);

impl<'d> Declared<'d> {
    pub fn new(root: &'d GraphDefinition, subgraphs: &'d [GraphDefinition]) -> Self {
        let mut declared: HashMap<&str, Vec<ValueKinds>> = HashMap::new();
        for channel in std::iter::once(root).chain(subgraphs).flat_map(|graph| &graph.channels) {
            declared.entry(channel.name.value.as_str()).or_default().push(of_reducer(channel.reducer));
        }
        Self(declared)
    }

    /// What the channels of one graph can hold.
    pub fn of(&self, graph: &'d GraphDefinition) -> HashMap<&'d str, ValueKinds> {
        let written: BTreeSet<&str> = graph
            .nodes
            .iter()
            .flat_map(|node| &node.writes)
            .chain(&graph.session)
            .map(|text| text.value.as_str())
            .collect();
        let kinds = |channel: &'d ChannelDefinition| {
            let name = channel.name.value.as_str();
            let everywhere = self.0.get(name).map_or(&[][..], Vec::as_slice);
            // A graph that runs a subgraph may copy a value into this channel from its own channel of the same name.
            let is_given = graph.name.is_some() && everywhere.len() > 1;
            let kinds = match is_given {
                true => everywhere.iter().copied().fold(ValueKinds::NONE, ValueKinds::or),
                false => of_reducer(channel.reducer),
            };
            match &channel.initial {
                // No node changes the initial value.
                Some(initial) if !is_given && !written.contains(name) => ValueKinds::of_json(initial.value()),
                _ => kinds,
            }
        };
        graph.channels.iter().map(|channel| (channel.name.value.as_str(), kinds(channel))).collect()
    }
}

/// The kinds of values that a channel with this reducer can hold.
fn of_reducer(reducer: Reducer) -> ValueKinds {
    match reducer {
        Reducer::Last | Reducer::First => ValueKinds::ANY,
        Reducer::Append => ValueKinds::LIST,
        Reducer::Merge => ValueKinds::MAP,
        Reducer::Sum | Reducer::Min | Reducer::Max => ValueKinds::NUMBER,
    }
}

/// What is known in the place where the expressions of one graph are written.
pub(super) struct Around<'a> {
    pub channels: HashMap<&'a str, ValueKinds>,
    pub permissions: &'a [String],
    /// The text of the manifest.
    pub source: &'a str,
}

impl Around<'_> {
    /// Compiles an expression and reports its problems.
    pub fn compile(&self, text: &TomlString, wanted: ExpressionPurpose, problems: &mut Problems) -> Option<Expression> {
        // Business files say who holds a permission, but only the host and the bundle declare which permissions exist.
        let own = self.permissions.iter().map(String::as_str);
        let permissions: Vec<&str> = HOST_PERMISSIONS.into_iter().chain(own).collect();
        let channels = |name: &str| self.channels.get(name).copied().unwrap_or(ValueKinds::ANY);
        let compiled: Compiled =
            Expression::compile(&text.value, &Surroundings { wanted, channels: &channels, permissions: &permissions });
        let (expression, found) = match compiled {
            Ok((expression, found)) => (Some(expression), found),
            Err(found) => (None, found),
        };
        for problem in found {
            let span: Range<usize> = within_string(self.source, text, problem.at);
            match problem.is_warning {
                true => problems.warn(&span, problem.message, problem.help),
                false => problems.add(&span, problem.message, problem.help),
            }
        }
        expression
    }
}
