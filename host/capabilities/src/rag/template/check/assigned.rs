//! Checks whether names have a value where they are read: a name may be set in some branches only, or in a loop whose
//! rounds do not see each other's values.

use std::collections::{HashMap, HashSet};

use super::super::TemplateError;
use super::super::language::{AssignmentTarget, Body, ExpressionKind, ExpressionNode, Filter, Name, Statement, Test};
use super::super::reader::Read;

/// Stands for all fields of `loop`.
const LOOP: Name = Name::MAX;

/// A name that was set.
#[derive(Clone, Debug)]
enum Assigned {
    /// It is set on every path.
    Surely,
    /// It is set when a condition holds. When the template tests one of these names again, the author probably knows.
    Perhaps { tested: HashSet<Name> },
}

type CallScope = HashMap<Name, Assigned>;

struct Walk<'r> {
    read: &'r Read,
    parameters: HashSet<&'r str>,
    scopes: Vec<CallScope>,
    /// The names that the conditions around the current place test.
    tested: Vec<HashSet<Name>>,
    told: HashSet<Name>,
    doubts: Vec<TemplateError>,
}

pub(super) fn doubts(read: &Read, parameters: &[String]) -> Vec<TemplateError> {
    let mut walk = Walk {
        read,
        parameters: parameters.iter().map(String::as_str).collect(),
        scopes: vec![CallScope::new()],
        tested: Vec::new(),
        told: HashSet::new(),
        doubts: Vec::new(),
    };
    walk.body(&read.body);
    walk.doubts.sort_by_key(TemplateError::line);
    walk.doubts
}

/// Every name that is read somewhere.
pub(super) fn names_read(body: &Body) -> HashSet<Name> {
    let mut names = HashSet::new();
    for_each_node(body, &mut |node, _| collect(node, &mut names));
    names
}

/// Calls `see` for every expression of a statement, without its inner expressions, and with the target of a `set`.
fn for_each_node<'b>(body: &'b Body, see: &mut impl FnMut(&'b ExpressionNode, Option<&'b AssignmentTarget>)) {
    for statement in body {
        match statement {
            Statement::Text(_) => {}
            Statement::Emit(node) => see(node, None),
            Statement::Set { target, value } => see(value, Some(target)),
            Statement::If { branches, otherwise } => {
                for (test, body) in branches {
                    see(test, None);
                    for_each_node(body, see);
                }
                for_each_node(otherwise, see);
            }
            Statement::For { over, condition, body, otherwise, .. } => {
                see(over, None);
                condition.iter().for_each(|condition| see(condition, None));
                for_each_node(body, see);
                for_each_node(otherwise, see);
            }
            Statement::Capture { body, .. } => for_each_node(body, see),
            Statement::With { assignments, body } => {
                assignments.iter().for_each(|(_, value)| see(value, None));
                for_each_node(body, see);
            }
        }
    }
}

/// Whether a body reads a name, except to compute the name's next value.
fn uses(body: &Body, name: Name) -> bool {
    let mut names = HashSet::new();
    for_each_node(body, &mut |node, target| {
        if !matches!(target, Some(AssignmentTarget::One(own)) if *own == name) {
            collect(node, &mut names);
        }
    });
    names.contains(&name)
}

/// The names that an expression reads.
fn collect(node: &ExpressionNode, names: &mut HashSet<Name>) {
    match &*node.kind {
        ExpressionKind::Variable(name) => drop(names.insert(*name)),
        ExpressionKind::Loop(_) | ExpressionKind::Cycle(_) => drop(names.insert(LOOP)),
        _ => {}
    }
    parts(node).into_iter().for_each(|part| collect(part, names));
}

/// The direct operands of an expression.
fn parts(node: &ExpressionNode) -> Vec<&ExpressionNode> {
    match &*node.kind {
        ExpressionKind::Constant(_) | ExpressionKind::Variable(_) | ExpressionKind::Loop(_) => Vec::new(),
        ExpressionKind::Attribute(of, _) | ExpressionKind::Not(of) | ExpressionKind::Negative(of) => vec![of],
        ExpressionKind::Item(one, other)
        | ExpressionKind::Arithmetic(_, one, other)
        | ExpressionKind::And(one, other)
        | ExpressionKind::Or(one, other) => {
            vec![one, other]
        }
        ExpressionKind::Slice { of, start, stop, step } => {
            [of].into_iter().chain([start, stop, step].into_iter().flatten()).collect()
        }
        ExpressionKind::Comparison(first, rest) => {
            [first].into_iter().chain(rest.iter().map(|(_, node)| node)).collect()
        }
        ExpressionKind::Choice { test, yes, no } => [test, yes].into_iter().chain(no).collect(),
        ExpressionKind::Filter { of, arguments, .. } | ExpressionKind::Test { of, arguments, .. } => {
            let named = arguments.named.iter().map(|(_, node)| node);
            [of].into_iter().chain(&arguments.positional).chain(named).collect()
        }
        ExpressionKind::Range(nodes)
        | ExpressionKind::Cycle(nodes)
        | ExpressionKind::List(nodes)
        | ExpressionKind::Tuple(nodes) => nodes.iter().collect(),
        ExpressionKind::Map(entries) => entries.iter().flat_map(|(name, value)| [name, value]).collect(),
    }
}

/// Whether an expression only asks whether a value exists, or has a default for it.
fn asks_first(node: &ExpressionNode) -> bool {
    match &*node.kind {
        ExpressionKind::Filter { filter: Filter::Default, of, .. }
        | ExpressionKind::Test { test: Test::Defined | Test::Undefined, of, .. } => {
            matches!(&*of.kind, ExpressionKind::Variable(_))
        }
        _ => false,
    }
}

impl Walk<'_> {
    fn body(&mut self, body: &Body) {
        body.iter().for_each(|statement| self.statement(statement));
    }

    fn statement(&mut self, statement: &Statement) {
        match statement {
            Statement::Text(_) => {}
            Statement::Emit(node) => self.expression(node),
            Statement::If { branches, otherwise } => self.condition(branches, otherwise),
            Statement::For { target, over, condition, body, otherwise } => {
                self.expression(over);
                self.scopes.push(CallScope::new());
                self.assign(target);
                condition.iter().for_each(|condition| self.expression(condition));
                self.body(body);
                self.lost(target, body);
                self.scopes.pop();
                self.scopes.push(CallScope::new());
                self.body(otherwise);
                self.scopes.pop();
            }
            Statement::Set { target, value } => {
                self.expression(value);
                self.assign(target);
            }
            Statement::Capture { name, body } => {
                self.body(body);
                self.assign(&AssignmentTarget::One(*name));
            }
            Statement::With { assignments, body } => {
                self.scopes.push(CallScope::new());
                for (target, value) in assignments {
                    self.expression(value);
                    self.assign(target);
                }
                self.body(body);
                self.scopes.pop();
            }
        }
    }

    fn assign(&mut self, target: &AssignmentTarget) {
        let names = match target {
            AssignmentTarget::One(name) => std::slice::from_ref(name),
            AssignmentTarget::Each(names) => names,
        };
        if let Some(scope) = self.scopes.last_mut() {
            scope.extend(names.iter().map(|name| (*name, Assigned::Surely)));
        }
    }

    /// A name that is set in every branch is set surely; one that is set in some branches is set perhaps.
    fn condition(&mut self, branches: &[(ExpressionNode, Body)], otherwise: &Body) {
        let before = self.scopes.last().cloned().unwrap_or_default();
        let (mut tested, mut ends) = (HashSet::new(), Vec::with_capacity(branches.len() + 1));
        for (test, _) in branches {
            collect(test, &mut tested);
        }
        for (at, (test, body)) in branches.iter().enumerate() {
            // A later condition is evaluated only when the earlier ones did not hold.
            self.tested.push(if at == 0 { HashSet::new() } else { tested.clone() });
            self.expression(test);
            self.tested.pop();
            ends.push(self.branch(&before, &tested, body));
        }
        ends.push(self.branch(&before, &tested, otherwise));
        let names: HashSet<Name> = ends.iter().flat_map(|end| end.keys().copied()).collect();
        tested.extend(names.iter().filter(|name| !before.contains_key(name)));
        let mut merged = CallScope::new();
        for name in names {
            let ways: Vec<Option<&Assigned>> = ends.iter().map(|end| end.get(&name)).collect();
            let surely = ways.iter().all(|way| matches!(way, Some(Assigned::Surely)));
            let assigned = if surely {
                Assigned::Surely
            } else {
                let earlier = ways.iter().flatten().filter_map(|way| match way {
                    Assigned::Perhaps { tested } => Some(tested),
                    Assigned::Surely => None,
                });
                Assigned::Perhaps { tested: earlier.flatten().chain(&tested).copied().collect() }
            };
            merged.insert(name, assigned);
        }
        if let Some(scope) = self.scopes.last_mut() {
            *scope = merged;
        }
    }

    /// The names that are set at the end of a branch.
    fn branch(&mut self, before: &CallScope, tested: &HashSet<Name>, body: &Body) -> CallScope {
        if let Some(scope) = self.scopes.last_mut() {
            scope.clone_from(before);
        }
        self.tested.push(tested.clone());
        self.body(body);
        self.tested.pop();
        self.scopes.last().cloned().unwrap_or_default()
    }

    fn expression(&mut self, node: &ExpressionNode) {
        match &*node.kind {
            ExpressionKind::Variable(name) => self.reads(*name, node.line),
            // The tested value is the first operand.
            _ if asks_first(node) => parts(node).into_iter().skip(1).for_each(|part| self.expression(part)),
            ExpressionKind::Choice { test: asked, yes, no } => {
                self.expression(asked);
                self.after(asked, [yes].into_iter().chain(no));
            }
            ExpressionKind::And(asked, other) | ExpressionKind::Or(asked, other) => {
                self.expression(asked);
                self.after(asked, [other]);
            }
            _ => parts(node).into_iter().for_each(|part| self.expression(part)),
        }
    }

    /// Expressions that are evaluated only when another one holds.
    fn after<'n>(&mut self, asked: &ExpressionNode, then: impl IntoIterator<Item = &'n ExpressionNode>) {
        let mut names = HashSet::new();
        collect(asked, &mut names);
        self.tested.push(names);
        then.into_iter().for_each(|node| self.expression(node));
        self.tested.pop();
    }

    fn name(&self, name: Name) -> &str {
        self.read.names.get(usize::from(name)).map(String::as_str).unwrap_or_default()
    }

    fn reads(&mut self, name: Name, line: u16) {
        let mut perhaps = None;
        for scope in self.scopes.iter().rev() {
            match scope.get(&name) {
                Some(Assigned::Surely) => return,
                Some(Assigned::Perhaps { tested }) => perhaps = perhaps.or(Some(tested)),
                None => {}
            }
        }
        let Some(tested) = perhaps else { return };
        let is_tested = self.tested.iter().any(|around| !around.is_disjoint(tested));
        if is_tested || self.parameters.contains(self.name(name)) || !self.told.insert(name) {
            return;
        }
        let name = super::super::reader::excerpt(self.name(name));
        self.doubts.push(TemplateError::PerhapsUnset { name, line: line.into() });
    }

    /// Reports names that a loop sets without effect: neither the next round nor the text after the loop sees the
    /// value, although a name with the same spelling outside suggests it. Other languages compute sums in this way.
    fn lost(&mut self, target: &AssignmentTarget, body: &Body) {
        let own = |name: &Name| match target {
            AssignmentTarget::One(one) => one == name,
            AssignmentTarget::Each(names) => names.contains(name),
        };
        let within = self.scopes.len().saturating_sub(1);
        let mut told = HashSet::new();
        for (names, line) in assignments(body) {
            for name in names.iter().filter(|name| !own(name)) {
                let outside = self.scopes.iter().take(within).any(|scope| scope.contains_key(name));
                let is_known = outside || self.parameters.contains(self.name(*name));
                if is_known && !uses(body, *name) && told.insert(*name) {
                    let name = super::super::reader::excerpt(self.name(*name));
                    self.doubts.push(TemplateError::Lost { name, line: line.into() });
                }
            }
        }
    }
}

/// The names that a loop's body sets in the loop's own scope, each with its line.
fn assignments(body: &Body) -> Vec<(&[Name], u16)> {
    let mut found = Vec::new();
    for statement in body {
        match statement {
            Statement::Set { target: AssignmentTarget::One(name), value } => {
                found.push((std::slice::from_ref(name), value.line));
            }
            Statement::Set { target: AssignmentTarget::Each(names), value } => {
                found.push((names.as_slice(), value.line))
            }
            Statement::If { branches, otherwise } => {
                branches.iter().for_each(|(_, body)| found.extend(assignments(body)));
                found.extend(assignments(otherwise));
            }
            _ => {}
        }
    }
    found
}
