//! Finds parts of a template that can never work, and parts whose result is doubtful, for the template's author. A
//! stored template is rendered as far as possible nevertheless, and is not checked then.

mod assigned;
mod expression;
mod filter;
mod judge;
mod kinds;

use super::TemplateError;
use super::language::{AssignmentTarget, Body, ExpressionNode, Statement};
use super::reader::Read;
use super::value::Value;
use judge::KnownValue;
use kinds::TemplateValueKinds;

/// The most work of a check, in steps. A template of usual length needs some thousand.
const MOST_WORK: u32 = 1_000_000;

/// Finds expressions that fail, or have no meaning, for all parameters.
struct Checker {
    errors: Vec<TemplateError>,
    /// The work that is left. When it is used up, the check ends, because missing a mistake costs less than an endless
    /// check.
    left: u32,
}

/// The parts that can never work, by line.
pub(super) fn mistakes(read: &Read) -> Vec<TemplateError> {
    let mut checker = Checker { errors: Vec::new(), left: MOST_WORK };
    checker.body(&read.body);
    checker.errors.sort_by_key(TemplateError::line);
    checker.errors
}

/// The parts that work with some parameters only, or have no effect, by line.
pub(super) fn doubts(read: &Read, parameters: &[String]) -> Vec<TemplateError> {
    assigned::doubts(read, parameters)
}

/// The parameters that the template does not read.
pub(super) fn unused<'p>(read: &Read, parameters: &'p [String]) -> Vec<&'p str> {
    let used = assigned::names_read(&read.body);
    let is_used = |name: &str| {
        let place = read.names.iter().position(|known| known == name);
        place.and_then(|place| u16::try_from(place).ok()).is_some_and(|place| used.contains(&place))
    };
    parameters.iter().map(String::as_str).filter(|name| !is_used(name)).collect()
}

impl Checker {
    fn tell(&mut self, what: impl Into<String>, reason: impl Into<String>, line: u16) {
        self.errors.push(TemplateError::Never { what: what.into(), reason: reason.into(), line: line.into() });
    }

    fn body(&mut self, body: &Body) {
        body.iter().for_each(|statement| self.statement(statement));
    }

    fn statement(&mut self, statement: &Statement) {
        match statement {
            Statement::Text(_) => {}
            Statement::Emit(node) => {
                if let KnownValue::Value(Value::Undefined) = self.known(node) {
                    self.tell("this expression", "its value is never there", node.line);
                }
            }
            Statement::If { branches, otherwise } => {
                for (test, body) in branches {
                    self.known(test);
                    self.body(body);
                }
                self.body(otherwise);
            }
            Statement::For { target, over, condition, body, otherwise } => {
                self.repetition(target, over, condition.is_some());
                if let Some(condition) = condition {
                    self.known(condition);
                }
                self.body(body);
                self.body(otherwise);
            }
            Statement::Set { target, value } => self.assignment(target, value),
            Statement::Capture { body, .. } => self.body(body),
            Statement::With { assignments, body } => {
                assignments.iter().for_each(|(target, value)| self.assignment(target, value));
                self.body(body);
            }
        }
    }

    fn repetition(&mut self, target: &AssignmentTarget, over: &ExpressionNode, is_chosen: bool) {
        const WHAT: &str = "the loop";
        let known = self.known(over);
        let items = self.operation(WHAT, over.line, &[known], TemplateValueKinds::LIST, &|values, meter| {
            let items = values.first().map_or(Ok(Vec::new()), |value| value.iterate(meter))?;
            Value::list(items, false)
        });
        // The loop's condition may skip every item that cannot be split.
        let (AssignmentTarget::Each(names), KnownValue::Value(items), false) = (target, &items, is_chosen) else {
            return;
        };
        let Some(item) = items.as_list().and_then(|items| items.get(0)) else { return };
        self.division(WHAT, names.len(), &KnownValue::Value(item), over.line);
    }

    fn assignment(&mut self, target: &AssignmentTarget, value: &ExpressionNode) {
        let known = self.known(value);
        let AssignmentTarget::Each(names) = target else { return };
        let what = "the assignment to several names";
        match expression::items_of(value) {
            Some(items) if items.len() != names.len() => {
                let (items, names) = (items.len(), names.len());
                self.tell(what, format!("a list of {items} cannot be divided among {names} names"), value.line);
            }
            Some(_) => {}
            None => self.division(what, names.len(), &known, value.line),
        }
    }

    /// Checks a value that is split among several names.
    fn division(&mut self, what: &str, names: usize, known: &KnownValue<'_>, line: u16) {
        let reason = match known {
            KnownValue::Value(value) => match value.as_list() {
                Some(items) if items.len() == names => return,
                Some(items) => format!("a list of {} cannot be divided among {names} names", items.len()),
                None => format!("{} cannot be divided among names", value.kind()),
            },
            KnownValue::Kinds(kinds) if kinds.meets(TemplateValueKinds::LIST) => return,
            KnownValue::Kinds(kinds) => format!("{} cannot be divided among names", kinds.name()),
        };
        self.tell(what, reason, line);
    }
}
