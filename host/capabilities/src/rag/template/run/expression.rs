//! Expressions: each gives one value.

use std::collections::BTreeMap;

use super::super::compare::{contains, equal, order};
use super::super::language::{Arithmetic, Comparison, Constant, Kind, Node};
use super::super::meter::{Fault, Meter};
use super::super::value::{Text, Value};
use super::super::{filters, predicates};
use super::{Run, calculate};

impl<'a> Run<'a> {
    /// The value of an expression.
    pub(super) fn value(&mut self, node: &'a Node) -> Result<Value<'a>, Fault> {
        self.meter.steps(1)?;
        self.kind(&node.kind).map_err(|fault| fault.at(node.line))
    }

    /// Whether it holds as a condition.
    pub(super) fn holds(&mut self, node: &'a Node) -> Result<bool, Fault> {
        self.value(node)?.holds().map_err(|fault| fault.at(node.line))
    }

    fn kind(&mut self, kind: &'a Kind) -> Result<Value<'a>, Fault> {
        match kind {
            Kind::Constant(constant) => Ok(literal(constant)),
            Kind::Variable(name) => self.variable(*name),
            Kind::Loop(field) => Ok(self.loop_field(*field)),
            Kind::Attribute(of, name) => self.attribute(of, name),
            Kind::Item(of, at) => self.item(of, at),
            Kind::Slice { of, start, stop, step } => self.slice(of, [start.as_ref(), stop.as_ref(), step.as_ref()]),
            Kind::Not(node) => Ok(Value::Bool(!self.holds(node)?)),
            Kind::Negative(node) => calculate::negative(&self.value(node)?),
            Kind::Arithmetic(arithmetic, left, right) => self.arithmetic(*arithmetic, left, right),
            Kind::And(left, right) => {
                let left = self.value(left)?;
                if left.holds()? { self.value(right) } else { Ok(left) }
            }
            Kind::Or(left, right) => {
                let left = self.value(left)?;
                if left.holds()? { Ok(left) } else { self.value(right) }
            }
            Kind::Comparison(first, rest) => self.comparison(first, rest),
            Kind::Choice { test, yes, no } => match (self.holds(test)?, no) {
                (true, _) => self.value(yes),
                (false, Some(no)) => self.value(no),
                (false, None) => Ok(Value::Nothing),
            },
            Kind::Filter { filter, of, arguments } => {
                let of = self.value(of)?;
                let given = self.arguments(arguments)?;
                filters::apply(*filter, of, &given, &mut self.meter)
            }
            Kind::Test { test, of, arguments } => {
                let of = self.value(of)?;
                let given = self.arguments(arguments)?;
                predicates::holds(*test, &of, &given.positional, &mut self.meter).map(Value::Bool)
            }
            Kind::Range(nodes) => self.range(nodes),
            Kind::Cycle(nodes) => {
                let at = self.loops.last().map_or(0, |current| current.at);
                match nodes.get(at.checked_rem(nodes.len()).unwrap_or(0)) {
                    Some(node) => self.value(node),
                    None => Ok(Value::Undefined),
                }
            }
            Kind::List(nodes) => self.list(nodes, false),
            Kind::Tuple(nodes) => self.list(nodes, true),
            Kind::Map(nodes) => self.map(nodes),
        }
    }

    fn attribute(&mut self, of: &'a Node, name: &str) -> Result<Value<'a>, Fault> {
        let of = self.value(of)?;
        self.meter.steps(2)?;
        if of.is_undefined() {
            return Err(Fault::failed(format!("it uses `{name}` of something that is not there")));
        }
        Ok(of.entry(name).unwrap_or(Value::Undefined))
    }

    fn item(&mut self, of: &'a Node, at: &'a Node) -> Result<Value<'a>, Fault> {
        let of = self.value(of)?;
        let at = self.value(at)?;
        self.meter.steps(2)?;
        if of.is_undefined() {
            return Err(Fault::failed("it uses a part of something that is not there"));
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

    fn slice(&mut self, of: &'a Node, bounds: [Option<&'a Node>; 3]) -> Result<Value<'a>, Fault> {
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

    fn arithmetic(&mut self, arithmetic: Arithmetic, left: &'a Node, right: &'a Node) -> Result<Value<'a>, Fault> {
        let (left, right) = (self.value(left)?, self.value(right)?);
        if arithmetic != Arithmetic::Concatenate {
            return calculate::arithmetic(arithmetic, &left, &right, &mut self.meter);
        }
        concatenated(&left, &right, &mut self.meter)
    }

    /// As in mathematics: `a < b < c` is `a < b and b < c`.
    fn comparison(&mut self, first: &'a Node, rest: &'a [(Comparison, Node)]) -> Result<Value<'a>, Fault> {
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

    fn range(&mut self, nodes: &'a [Node]) -> Result<Value<'a>, Fault> {
        let values = nodes.iter().map(|node| self.value(node)).collect::<Result<Vec<_>, _>>()?;
        ranged(&values, &mut self.meter)
    }

    fn list(&mut self, nodes: &'a [Node], is_tuple: bool) -> Result<Value<'a>, Fault> {
        self.meter.places(nodes.len())?;
        let items = nodes.iter().map(|node| self.value(node)).collect::<Result<Vec<_>, _>>()?;
        Value::list(items, is_tuple)
    }

    fn map(&mut self, nodes: &'a [(Node, Node)]) -> Result<Value<'a>, Fault> {
        self.meter.places(nodes.len().saturating_mul(2))?;
        let mut entries = BTreeMap::new();
        for (name, value) in nodes {
            let line = name.line;
            let name = self.value(name)?;
            let Some(name) = name.as_text() else {
                return Err(Fault::failed(format!("the names of a map are texts, not {}", name.kind())).at(line));
            };
            self.meter.text(name.len())?;
            let (name, value) = (name.to_owned(), self.value(value)?);
            entries.insert(name, value);
        }
        Value::map(entries)
    }

    fn arguments(&mut self, arguments: &'a super::super::language::Arguments) -> Result<filters::Given<'a>, Fault> {
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

/// A part in order; a bound that is none is not there.
pub(in crate::rag::template) fn sliced<'a>(
    of: &Value<'a>,
    bounds: &[Value<'a>],
    meter: &mut Meter,
) -> Result<Value<'a>, Fault> {
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
        return Err(Fault::failed(format!("{} has no parts in order", of.kind())));
    };
    meter.places(items.len())?;
    let chosen = calculate::slice(items.len(), numbers)?.into_iter().filter_map(|at| items.get(at));
    Value::list(chosen.collect(), of.is_tuple())
}

/// Two values as one text.
pub(in crate::rag::template) fn concatenated<'a>(
    left: &Value<'a>,
    right: &Value<'a>,
    meter: &mut Meter,
) -> Result<Value<'a>, Fault> {
    left.there()?;
    right.there()?;
    let mut text = String::new();
    left.write(&mut text, meter)?;
    right.write(&mut text, meter)?;
    Ok(Value::made(text))
}

/// The numbers of `range(…)`.
pub(in crate::rag::template) fn ranged<'a>(values: &[Value<'a>], meter: &mut Meter) -> Result<Value<'a>, Fault> {
    let numbers = values.iter().map(calculate::integer).collect::<Result<Vec<_>, _>>()?;
    let (start, stop, step) = match *numbers.as_slice() {
        [stop] => (0, stop, 1),
        [start, stop] => (start, stop, 1),
        [start, stop, step] => (start, stop, step),
        _ => return Err(Fault::failed("`range` takes 1 to 3 numbers")),
    };
    let count = calculate::range_length(start, stop, step)?;
    meter.places(count)?;
    let numbers = (0..count as i128).map(|at| Value::Integer(start + at * step));
    Value::list(numbers.collect(), false)
}

/// What a literal means.
pub(in crate::rag::template) fn literal(constant: &Constant) -> Value<'_> {
    match constant {
        Constant::None => Value::None,
        Constant::Bool(value) => Value::Bool(*value),
        Constant::Integer(value) => Value::Integer(*value),
        Constant::Float(value) => Value::Float(*value),
        Constant::Text(text) => Value::Text(Text::Given(text)),
    }
}
