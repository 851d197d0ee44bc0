//! Evaluates expressions.

use std::collections::BTreeMap;

use super::super::compare::{contains, equal, order};
use super::super::language::{Arithmetic, Comparison, Constant, ExpressionKind, ExpressionNode};
use super::super::meter::{RenderError, RenderMeter};
use super::super::value::{TemplateText, Value};
use super::super::{filters, predicates};
use super::{TemplateRun, calculate};

impl<'a> TemplateRun<'a> {
    /// The value of an expression.
    pub(super) fn value(&mut self, node: &'a ExpressionNode) -> Result<Value<'a>, RenderError> {
        self.meter.steps(1)?;
        self.kind(&node.kind).map_err(|fault| fault.at(node.line))
    }

    /// The value of an expression as a condition.
    pub(super) fn holds(&mut self, node: &'a ExpressionNode) -> Result<bool, RenderError> {
        self.value(node)?.holds().map_err(|fault| fault.at(node.line))
    }

    fn kind(&mut self, kind: &'a ExpressionKind) -> Result<Value<'a>, RenderError> {
        match kind {
            ExpressionKind::Constant(constant) => Ok(literal(constant)),
            ExpressionKind::Variable(name) => self.variable(*name),
            ExpressionKind::Loop(field) => Ok(self.loop_field(*field)),
            ExpressionKind::Attribute(of, name) => self.attribute(of, name),
            ExpressionKind::Item(of, at) => self.item(of, at),
            ExpressionKind::Slice { of, start, stop, step } => {
                self.slice(of, [start.as_ref(), stop.as_ref(), step.as_ref()])
            }
            ExpressionKind::Not(node) => Ok(Value::Bool(!self.holds(node)?)),
            ExpressionKind::Negative(node) => calculate::negative(&self.value(node)?),
            ExpressionKind::Arithmetic(arithmetic, left, right) => self.arithmetic(*arithmetic, left, right),
            ExpressionKind::And(left, right) => {
                let left = self.value(left)?;
                if left.holds()? { self.value(right) } else { Ok(left) }
            }
            ExpressionKind::Or(left, right) => {
                let left = self.value(left)?;
                if left.holds()? { Ok(left) } else { self.value(right) }
            }
            ExpressionKind::Comparison(first, rest) => self.comparison(first, rest),
            ExpressionKind::Choice { test, yes, no } => match (self.holds(test)?, no) {
                (true, _) => self.value(yes),
                (false, Some(no)) => self.value(no),
                (false, None) => Ok(Value::Nothing),
            },
            ExpressionKind::Filter { filter, of, arguments } => {
                let of = self.value(of)?;
                let given = self.arguments(arguments)?;
                filters::apply(*filter, of, &given, &mut self.meter)
            }
            ExpressionKind::Test { test, of, arguments } => {
                let of = self.value(of)?;
                let given = self.arguments(arguments)?;
                predicates::holds(*test, &of, &given.positional, &mut self.meter).map(Value::Bool)
            }
            ExpressionKind::Range(nodes) => self.range(nodes),
            ExpressionKind::Cycle(nodes) => {
                let at = self.loops.last().map_or(0, |current| current.at);
                match nodes.get(at.checked_rem(nodes.len()).unwrap_or(0)) {
                    Some(node) => self.value(node),
                    None => Ok(Value::Undefined),
                }
            }
            ExpressionKind::List(nodes) => self.list(nodes, false),
            ExpressionKind::Tuple(nodes) => self.list(nodes, true),
            ExpressionKind::Map(nodes) => self.map(nodes),
        }
    }

    fn attribute(&mut self, of: &'a ExpressionNode, name: &str) -> Result<Value<'a>, RenderError> {
        let of = self.value(of)?;
        self.meter.steps(2)?;
        if of.is_undefined() {
            return Err(RenderError::failed(format!("it uses `{name}` of something that is not there")));
        }
        Ok(of.entry(name).unwrap_or(Value::Undefined))
    }

    fn item(&mut self, of: &'a ExpressionNode, at: &'a ExpressionNode) -> Result<Value<'a>, RenderError> {
        let of = self.value(of)?;
        let at = self.value(at)?;
        self.meter.steps(2)?;
        if of.is_undefined() {
            return Err(RenderError::failed("it uses a part of something that is not there"));
        }
        let place = |length: usize| calculate::place(&at, length);
        let found = if let Some(items) = of.as_list() {
            place(items.len()).and_then(|at| items.get(at))
        } else if let Some(text) = of.as_text() {
            self.meter.look(text.len())?;
            place(text.chars().count()).and_then(|at| text.chars().nth(at)).map(Value::character)
        } else {
            at.as_text().and_then(|name| of.entry(name))
        };
        Ok(found.unwrap_or(Value::Undefined))
    }

    fn slice(
        &mut self,
        of: &'a ExpressionNode,
        bounds: [Option<&'a ExpressionNode>; 3],
    ) -> Result<Value<'a>, RenderError> {
        let of = self.value(of)?;
        of.there()?;
        let mut values = [Value::None, Value::None, Value::None];
        for (bound, value) in bounds.into_iter().zip(&mut values) {
            if let Some(node) = bound {
                *value = self.value(node)?;
            }
        }
        sliced(&of, &values, &mut self.meter)
    }

    fn arithmetic(
        &mut self,
        arithmetic: Arithmetic,
        left: &'a ExpressionNode,
        right: &'a ExpressionNode,
    ) -> Result<Value<'a>, RenderError> {
        let (left, right) = (self.value(left)?, self.value(right)?);
        if arithmetic != Arithmetic::Concatenate {
            return calculate::arithmetic(arithmetic, &left, &right, &mut self.meter);
        }
        concatenated(&left, &right, &mut self.meter)
    }

    /// Comparisons can be chained: `a < b < c` is `a < b and b < c`.
    fn comparison(
        &mut self,
        first: &'a ExpressionNode,
        rest: &'a [(Comparison, ExpressionNode)],
    ) -> Result<Value<'a>, RenderError> {
        let mut left = self.value(first)?;
        for (comparison, node) in rest {
            let right = self.value(node)?;
            left.there()?;
            right.there()?;
            let meter = &mut self.meter;
            let holds = match comparison {
                Comparison::Equal => equal(&left, &right, meter)?,
                Comparison::NotEqual => !equal(&left, &right, meter)?,
                Comparison::Less => order(&left, &right, meter)?.is_lt(),
                Comparison::LessOrEqual => order(&left, &right, meter)?.is_le(),
                Comparison::Greater => order(&left, &right, meter)?.is_gt(),
                Comparison::GreaterOrEqual => order(&left, &right, meter)?.is_ge(),
                Comparison::In => contains(&right, &left, meter)?,
                Comparison::NotIn => !contains(&right, &left, meter)?,
            };
            if !holds {
                return Ok(Value::Bool(false));
            }
            left = right;
        }
        Ok(Value::Bool(true))
    }

    fn range(&mut self, nodes: &'a [ExpressionNode]) -> Result<Value<'a>, RenderError> {
        let values = nodes.iter().map(|node| self.value(node)).collect::<Result<Vec<_>, _>>()?;
        ranged(&values, &mut self.meter)
    }

    fn list(&mut self, nodes: &'a [ExpressionNode], is_tuple: bool) -> Result<Value<'a>, RenderError> {
        self.meter.places(nodes.len())?;
        let items = nodes.iter().map(|node| self.value(node)).collect::<Result<Vec<_>, _>>()?;
        Value::list(items, is_tuple)
    }

    fn map(&mut self, nodes: &'a [(ExpressionNode, ExpressionNode)]) -> Result<Value<'a>, RenderError> {
        self.meter.places(nodes.len().saturating_mul(2))?;
        let mut entries = BTreeMap::new();
        for (name, value) in nodes {
            let line = name.line;
            let name = self.value(name)?;
            let Some(name) = name.as_text() else {
                return Err(RenderError::failed(format!("the names of a map are texts, not {}", name.kind())).at(line));
            };
            self.meter.text(name.len())?;
            let (name, value) = (name.to_owned(), self.value(value)?);
            entries.insert(name, value);
        }
        Value::map(entries)
    }

    fn arguments(
        &mut self,
        arguments: &'a super::super::language::Arguments,
    ) -> Result<filters::Given<'a>, RenderError> {
        let mut given = filters::Given {
            positional: Vec::with_capacity(arguments.positional.len()),
            named: Vec::with_capacity(arguments.named.len()),
            filter: arguments.filter,
            test: arguments.test,
        };
        for node in &arguments.positional {
            given.positional.push(self.value(node)?);
        }
        for (name, node) in &arguments.named {
            given.named.push((name, self.value(node)?));
        }
        Ok(given)
    }
}

/// A slice of a value; a bound that is none does not restrict it.
pub(in crate::rag::template) fn sliced<'a>(
    of: &Value<'a>,
    bounds: &[Value<'a>],
    meter: &mut RenderMeter,
) -> Result<Value<'a>, RenderError> {
    of.there()?;
    let mut numbers = [None; 3];
    for (bound, number) in bounds.iter().zip(&mut numbers) {
        *number = match bound {
            Value::None => None,
            value => Some(calculate::integer(value)?),
        };
    }
    if matches!(of, Value::None | Value::Nothing) {
        return Value::list(Vec::new(), false);
    }
    if let Some(text) = of.as_text() {
        meter.look(text.len())?;
        meter.text(text.len().saturating_mul(4))?;
        let characters: Vec<char> = text.chars().collect();
        let places = calculate::slice(characters.len(), numbers)?;
        let chosen: String = places.into_iter().filter_map(|at| characters.get(at)).collect();
        return Ok(Value::made(chosen));
    }
    let Some(items) = of.as_list() else {
        return Err(RenderError::failed(format!("{} has no parts in order", of.kind())));
    };
    meter.places(items.len())?;
    let chosen = calculate::slice(items.len(), numbers)?.into_iter().filter_map(|at| items.get(at));
    Value::list(chosen.collect(), of.is_tuple())
}

/// Two values as one text.
pub(in crate::rag::template) fn concatenated<'a>(
    left: &Value<'a>,
    right: &Value<'a>,
    meter: &mut RenderMeter,
) -> Result<Value<'a>, RenderError> {
    left.there()?;
    right.there()?;
    let mut text = String::new();
    left.write(&mut text, meter)?;
    right.write(&mut text, meter)?;
    Ok(Value::made(text))
}

/// The numbers of `range(…)`.
pub(in crate::rag::template) fn ranged<'a>(
    values: &[Value<'a>],
    meter: &mut RenderMeter,
) -> Result<Value<'a>, RenderError> {
    let numbers = values.iter().map(calculate::integer).collect::<Result<Vec<_>, _>>()?;
    let (start, stop, step) = match *numbers.as_slice() {
        [stop] => (0, stop, 1),
        [start, stop] => (start, stop, 1),
        [start, stop, step] => (start, stop, step),
        _ => return Err(RenderError::failed("`range` takes 1 to 3 numbers")),
    };
    let count = calculate::range_length(start, stop, step)?;
    meter.places(count)?;
    let numbers = (0..count as i128).map(|at| Value::Integer(start + at * step));
    Value::list(numbers.collect(), false)
}

/// The value of a literal.
pub(in crate::rag::template) fn literal(constant: &Constant) -> Value<'_> {
    match constant {
        Constant::None => Value::None,
        Constant::Bool(value) => Value::Bool(*value),
        Constant::Integer(value) => Value::Integer(*value),
        Constant::Float(value) => Value::Float(*value),
        Constant::Text(text) => Value::Text(TemplateText::Given(text)),
    }
}
