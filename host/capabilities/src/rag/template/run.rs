//! Rendering: statements write, and expressions return values. Every operation is paid for before it runs.

pub(super) mod calculate;
mod expression;

pub(super) use expression::{concatenated, literal, ranged, sliced};

use signalbox_model::JsonObject;

use super::LONGEST_MESSAGE;
use super::language::{AssignmentTarget, Body, ExpressionNode, LoopField, Name, Statement};
use super::meter::{RenderError, RenderMeter};
use super::reader::Read;
use super::value::Value;

/// One rendering.
pub(super) struct TemplateRun<'a> {
    read: &'a Read,
    parameters: &'a JsonObject,
    meter: RenderMeter,
    /// The assigned names, the latest at the end.
    variables: Vec<(Name, Value<'a>)>,
    /// The index at which each scope begins among them.
    scopes: Vec<usize>,
    loops: Vec<Loop<'a>>,
}

/// A running loop.
struct Loop<'a> {
    items: Vec<Value<'a>>,
    at: usize,
}

impl<'a> TemplateRun<'a> {
    pub fn new(read: &'a Read, parameters: &'a JsonObject, meter: RenderMeter) -> Self {
        Self { read, parameters, meter, variables: Vec::new(), scopes: vec![0], loops: Vec::new() }
    }

    /// Renders the message.
    pub fn message(mut self) -> Result<String, RenderError> {
        let mut out = String::new();
        self.body(&self.read.body, &mut out)?;
        Ok(out)
    }

    fn body(&mut self, body: &'a Body, out: &mut String) -> Result<(), RenderError> {
        body.iter().try_for_each(|statement| self.statement(statement, out))
    }

    fn statement(&mut self, statement: &'a Statement, out: &mut String) -> Result<(), RenderError> {
        self.meter.steps(1)?;
        match statement {
            Statement::Text(text) => {
                self.meter.text(text.len())?;
                out.push_str(text);
                within_limit(out)
            }
            Statement::Emit(node) => self.emit(node, out),
            Statement::If { branches, otherwise } => {
                for (test, body) in branches {
                    if self.holds(test)? {
                        return self.body(body, out);
                    }
                }
                self.body(otherwise, out)
            }
            Statement::For { target, over, condition, body, otherwise } => {
                let items = self.items(target, over, condition.as_ref())?;
                if items.is_empty() { self.scoped(otherwise, out) } else { self.repeat(target, items, body, out) }
            }
            Statement::Set { target, value } => {
                let line = value.line;
                let value = self.value(value)?;
                self.assign(target, value).map_err(|fault| fault.at(line))
            }
            Statement::Capture { name, body } => {
                let mut captured = String::new();
                self.body(body, &mut captured)?;
                self.set(*name, Value::made(captured))
            }
            Statement::With { assignments, body } => {
                self.scopes.push(self.variables.len());
                for (target, value) in assignments {
                    let line = value.line;
                    let value = self.value(value)?;
                    self.assign(target, value).map_err(|fault| fault.at(line))?;
                }
                self.body(body, out)?;
                self.leave();
                Ok(())
            }
        }
    }

    fn emit(&mut self, node: &'a ExpressionNode, out: &mut String) -> Result<(), RenderError> {
        let value = self.value(node)?;
        let written = value.there().and_then(|()| value.write(out, &mut self.meter)).and_then(|()| within_limit(out));
        written.map_err(|fault| fault.at(node.line))
    }

    /// The items of a loop.
    fn items(
        &mut self,
        target: &AssignmentTarget,
        over: &'a ExpressionNode,
        condition: Option<&'a ExpressionNode>,
    ) -> Result<Vec<Value<'a>>, RenderError> {
        let whole = self.value(over)?;
        let all = whole.iterate(&mut self.meter).map_err(|fault| fault.at(over.line))?;
        let Some(condition) = condition else { return Ok(all) };
        let mut items = Vec::new();
        let begin = self.variables.len();
        self.scopes.push(begin);
        for item in all {
            self.variables.truncate(begin);
            self.assign(target, item.clone()).map_err(|fault| fault.at(over.line))?;
            if self.holds(condition)? {
                items.push(item);
            }
        }
        self.leave();
        Ok(items)
    }

    fn repeat(
        &mut self,
        target: &'a AssignmentTarget,
        items: Vec<Value<'a>>,
        body: &'a Body,
        out: &mut String,
    ) -> Result<(), RenderError> {
        let count = items.len();
        self.loops.push(Loop { items, at: 0 });
        let begin = self.variables.len();
        self.scopes.push(begin);
        for at in 0..count {
            self.meter.steps(1)?;
            // The next round does not see the names that this round has set.
            self.variables.truncate(begin);
            let item = self.loops.last_mut().and_then(|current| {
                current.at = at;
                current.items.get(at).cloned()
            });
            self.assign(target, item.unwrap_or(Value::Undefined))?;
            self.body(body, out)?;
        }
        self.leave();
        self.loops.pop();
        Ok(())
    }

    fn scoped(&mut self, body: &'a Body, out: &mut String) -> Result<(), RenderError> {
        self.scopes.push(self.variables.len());
        self.body(body, out)?;
        self.leave();
        Ok(())
    }

    fn leave(&mut self) {
        let begin = self.scopes.pop().unwrap_or(0);
        self.variables.truncate(begin);
    }

    fn assign(&mut self, target: &AssignmentTarget, value: Value<'a>) -> Result<(), RenderError> {
        match target {
            AssignmentTarget::One(name) => self.set(*name, value),
            AssignmentTarget::Each(names) => {
                let Some(items) = value.as_list() else {
                    return Err(RenderError::failed(format!("{} cannot be divided among names", value.kind())));
                };
                if items.len() != names.len() {
                    let (items, names) = (items.len(), names.len());
                    return Err(RenderError::failed(format!(
                        "a list of {items} cannot be divided among {names} names"
                    )));
                }
                for (at, name) in names.iter().enumerate() {
                    self.set(*name, items.get(at).unwrap_or(Value::Undefined))?;
                }
                Ok(())
            }
        }
    }

    fn set(&mut self, name: Name, value: Value<'a>) -> Result<(), RenderError> {
        let begin = self.scopes.last().copied().unwrap_or(0);
        let own = self.variables.get_mut(begin..).unwrap_or_default();
        self.meter.steps(1 + own.len() / 8)?;
        match own.iter_mut().find(|(known, _)| *known == name) {
            Some((_, current)) => *current = value,
            None => self.variables.push((name, value)),
        }
        Ok(())
    }

    fn variable(&mut self, name: Name) -> Result<Value<'a>, RenderError> {
        self.meter.steps(1 + self.variables.len() / 8)?;
        if let Some((_, value)) = self.variables.iter().rev().find(|(known, _)| *known == name) {
            return Ok(value.clone());
        }
        let name = self.read.names.get(usize::from(name)).map(String::as_str).unwrap_or_default();
        Ok(self.parameters.get(name).map_or(Value::Undefined, Value::given))
    }

    fn loop_field(&self, field: LoopField) -> Value<'a> {
        let Some(Loop { items, at }) = self.loops.last() else { return Value::Undefined };
        let (at, count) = (*at, items.len());
        let number = |value: usize| Value::Integer(value as i128);
        let item = |at: Option<usize>| at.and_then(|at| items.get(at).cloned()).unwrap_or(Value::Undefined);
        match field {
            // Jinja counts the nesting of recursive loops here, which this language does not have.
            LoopField::Depth => number(1),
            LoopField::Depth0 => number(0),
            LoopField::First => Value::Bool(at == 0),
            LoopField::Index => number(at + 1),
            LoopField::Index0 => number(at),
            LoopField::Last => Value::Bool(at + 1 == count),
            LoopField::Length => number(count),
            LoopField::Nextitem => item(at.checked_add(1)),
            LoopField::Previtem => item(at.checked_sub(1)),
            LoopField::Revindex => number(count.saturating_sub(at)),
            LoopField::Revindex0 => number(count.saturating_sub(at + 1)),
        }
    }
}

fn within_limit(out: &str) -> Result<(), RenderError> {
    if out.len() > LONGEST_MESSAGE { Err(RenderError::too_long()) } else { Ok(()) }
}
