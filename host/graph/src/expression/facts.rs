//! Finds out, before evaluation, which kinds of values and which texts each part of an expression may have. An
//! operation that can only fail and a comparison that can never hold are reported when the bundle is loaded.
//!
//! A part that may be right is not reported: an unknown value may be of every kind and have every text.

use std::collections::BTreeMap;
use std::ops::Range;

use cel::Program;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SelectExpr, operators};

use super::fact::{Fact, of_literal, result};
use super::kinds::ValueKinds;
use super::known_values::{How, Texts, misspelt};
use super::pattern::Pattern;
use super::place::Places;
use super::signatures::{form, functions, gives, sign};
use super::{ExpressionProblem, ExpressionPurpose, Surroundings};

/// One pass over the tree of an expression that uses only valid names.
pub(super) struct Facts<'p> {
    places: Places<'p>,
    surroundings: &'p Surroundings<'p>,
    patterns: &'p BTreeMap<String, Pattern>,
    scope: Vec<(&'p str, Fact<'p>)>,
    problems: Vec<ExpressionProblem>,
}

/// Every operation in the expression that can only fail.
pub(super) fn problems<'p>(
    source: &'p str,
    program: &'p Program,
    surroundings: &'p Surroundings<'p>,
    patterns: &'p BTreeMap<String, Pattern>,
) -> Vec<ExpressionProblem> {
    let places = Places::new(source, program);
    let mut facts = Facts { places, surroundings, patterns, scope: Vec::new(), problems: Vec::new() };
    let whole = program.expression();
    let fact = facts.of(whole);
    facts.whole(whole, &fact);
    facts.problems
}

impl<'p> Facts<'p> {
    fn whole(&mut self, node: &IdedExpr, fact: &Fact<'p>) {
        let (what, wanted, named) = match self.surroundings.wanted {
            ExpressionPurpose::Condition => ("condition", ValueKinds::BOOL, "true or false"),
            ExpressionPurpose::List => ("`for-each`", ValueKinds::LIST, "a list"),
        };
        let written = self.places.text(node);
        if fact.kinds != ValueKinds::NONE && !fact.kinds.meets(wanted) {
            let help = if wanted == ValueKinds::BOOL {
                into_condition(&written, fact.kinds)
            } else if fact.kinds == ValueKinds::STRING {
                format!("make a list of it, for example `{written}.split(\",\")`")
            } else {
                "name a list, for example `state.tables` or `input.data.items`".to_owned()
            };
            let message = format!("the {what} gives {}, and must give {named}", fact.kinds.named());
            self.problem(node, message, help);
        }
    }

    fn of(&mut self, node: &'p IdedExpr) -> Fact<'p> {
        match &node.expr {
            Expr::Unspecified | Expr::Struct(_) => Fact::unknown(),
            Expr::Literal(literal) => of_literal(literal, node.id),
            Expr::Ident(name) => self.variable(name),
            Expr::Select(select) => self.select(node, select),
            Expr::Call(call) => self.call(node, call),
            Expr::List(list) => {
                let within = list.elements.iter().map(|element| self.of(element)).fold(Fact::none(), Fact::or);
                Fact::list(if list.optional_indices.is_empty() { within } else { Fact::unknown() })
            }
            Expr::Map(map) => {
                let (mut keys, mut values) = (Fact::none(), Fact::none());
                for entry in &map.entries {
                    let EntryExpr::MapEntry(entry) = &entry.expr else { continue };
                    let (key, value) = (self.of(&entry.key), self.of(&entry.value));
                    if key.kinds != ValueKinds::NONE && !key.kinds.meets(ValueKinds::KEY) {
                        let message = format!("{} is no key of a map", key.kinds.named());
                        let help = "a key is a string, a whole number, true or false".to_owned();
                        self.problem(&entry.key, message, help);
                    }
                    keys = keys.or(key);
                    values = values.or(if entry.optional { Fact::unknown() } else { value });
                }
                Fact { within: Some(Box::new(values)), keys: Some(Box::new(keys)), ..Fact::of(ValueKinds::MAP) }
            }
            Expr::Comprehension(inner) => self.comprehension(inner),
        }
    }

    fn bound(&self, name: &str) -> Option<&Fact<'p>> {
        self.scope.iter().rev().find(|(bound, _)| *bound == name).map(|(_, fact)| fact)
    }

    fn variable(&self, name: &str) -> Fact<'p> {
        if let Some(fact) = self.bound(name) {
            return fact.clone();
        }
        match name {
            "permissions" => Fact::list(Fact::text(Texts::of_permissions(self.surroundings.permissions))),
            "state" | "input" => Fact::of(ValueKinds::MAP),
            // `walk` has refused every other name except those of types.
            _ => Fact::of(ValueKinds::TYPE),
        }
    }

    /// Whether a node is `state` or `input` itself.
    fn is_root(&self, node: &IdedExpr, root: &str) -> bool {
        matches!(&node.expr, Expr::Ident(name) if name == root) && self.bound(root).is_none()
    }

    fn select(&mut self, node: &'p IdedExpr, select: &'p SelectExpr) -> Fact<'p> {
        let field = select.field.as_str();
        let found = if self.is_root(&select.operand, "state") {
            Fact::of((self.surroundings.channels)(field))
        } else if self.is_root(&select.operand, "input") {
            match field {
                "data" => Fact::of(ValueKinds::MAP),
                _ => Fact::text(Texts::of_field(field)),
            }
        } else {
            let operand = self.of(&select.operand);
            if operand.kinds != ValueKinds::NONE && !operand.kinds.meets(ValueKinds::MAP.or(ValueKinds::OPTIONAL)) {
                let written = self.places.text(&select.operand);
                let message = format!("`{written}` is {}, which has no field `{field}`", operand.kinds.named());
                let help = match functions().any(|function| function == field) {
                    true => form(field),
                    false => "only a map has fields".to_owned(),
                };
                self.problem(node, message, help);
            }
            operand.within.filter(|_| operand.kinds == ValueKinds::MAP).map_or_else(Fact::unknown, |within| *within)
        };
        if select.test { Fact::of(ValueKinds::BOOL) } else { found }
    }

    fn comprehension(&mut self, inner: &'p ComprehensionExpr) -> Fact<'p> {
        let range = self.of(&inner.iter_range);
        if range.kinds != ValueKinds::NONE && !range.kinds.meets(ValueKinds::LIST.or(ValueKinds::MAP)) {
            let written = self.places.text(&inner.iter_range);
            let message = format!("a loop goes through `{written}`, which is {}", range.kinds.named());
            let help = match range.kinds == ValueKinds::STRING {
                true => format!("make a list of it, for example `{written}.split(\" \")`"),
                false => "name a list, for example `state.orders.exists(order, order.paid)`".to_owned(),
            };
            self.problem(&inner.iter_range, message, help);
        }
        let element = match range.kinds {
            ValueKinds::LIST => range.within,
            ValueKinds::MAP => range.keys,
            _ => None,
        };
        let element = element.map_or_else(Fact::unknown, |element| *element);
        let start = self.of(&inner.accu_init);
        let depth = self.scope.len();
        // The loop's variables are the keys and values of a map, or the positions and elements of a list.
        let first = if inner.iter_var2.is_some() { Fact::unknown() } else { element };
        self.scope.extend(inner.iter_var2.as_deref().map(|name| (name, Fact::unknown())));
        self.scope.extend([(inner.iter_var.as_str(), first), (inner.accu_var.as_str(), start.clone())]);
        let step = self.of(&inner.loop_step);
        self.scope.push((inner.accu_var.as_str(), start.or(step)));
        let result = self.of(&inner.result);
        self.scope.truncate(depth);
        result
    }

    fn call(&mut self, node: &'p IdedExpr, call: &'p CallExpr) -> Fact<'p> {
        let name = call.func_name.as_str();
        if let (operators::INDEX, [root, IdedExpr { expr: Expr::Literal(LiteralValue::String(channel)), .. }]) =
            (name, call.args.as_slice())
            && self.is_root(root, "state")
        {
            return Fact::of((self.surroundings.channels)(channel.inner()));
        }
        let nodes: Vec<&'p IdedExpr> = call.target.iter().map(Box::as_ref).chain(&call.args).collect();
        let facts: Vec<Fact<'p>> = nodes.iter().map(|part| self.of(part)).collect();
        match (name, nodes.as_slice(), facts.as_slice()) {
            (operators::NOT_STRICTLY_FALSE, ..) => return Fact::of(ValueKinds::BOOL),
            (operators::LOGICAL_AND | operators::LOGICAL_OR, ..) => {
                nodes.iter().zip(&facts).for_each(|(part, fact)| self.want_condition(part, fact));
                return Fact::of(ValueKinds::BOOL);
            }
            (operators::CONDITIONAL, [condition, ..], [fact, one, other]) => {
                self.want_condition(condition, fact);
                return one.clone().or(other.clone());
            }
            ("dyn", _, [_]) => return Fact::unknown(),
            (_, [left, right], [one, other]) => self.pair(node, name, (left, one), (right, other)),
            _ => {}
        }
        let kinds: Vec<ValueKinds> = facts.iter().map(|fact| fact.kinds).collect();
        if kinds.contains(&ValueKinds::NONE) {
            return Fact::unknown();
        }
        let given = gives(name, call.target.is_some(), &kinds);
        if given == ValueKinds::NONE {
            self.no_such_call(node, call, &nodes, &kinds);
            return Fact::unknown();
        }
        result(name, given, facts)
    }

    /// Checks an operand of `&&`, `||` and `? :`, and the condition of a loop.
    fn want_condition(&mut self, node: &IdedExpr, fact: &Fact<'p>) {
        if fact.kinds != ValueKinds::NONE && !fact.kinds.meets(ValueKinds::BOOL) {
            let written = self.places.text(node);
            let message = format!("`{written}` is {} where true or false is needed", fact.kinds.named());
            self.problem(node, message, into_condition(&written, fact.kinds));
        }
    }

    /// Reports two values that can never be equal, and a text that equals none of a few known values.
    fn pair(
        &mut self,
        node: &'p IdedExpr,
        name: &str,
        (left, one): (&'p IdedExpr, &Fact<'p>),
        (right, other): (&'p IdedExpr, &Fact<'p>),
    ) {
        let is_order =
            matches!(name, operators::LESS | operators::LESS_EQUALS | operators::GREATER | operators::GREATER_EQUALS);
        if is_order
            && let Some((known, _)) = [(left, one), (right, other)].iter().find(|(_, of)| of.texts.are_of_fields())
        {
            let message = format!("`{}` has a few known values, which have no order", self.places.text(known));
            self.problem(node, message, "compare it with `==`, or with several by `in [\"…\", \"…\"]`".to_owned());
        }
        let are_equal = matches!(name, operators::EQUALS | operators::NOT_EQUALS);
        // For a list that is compared with another list, or with a text by mistake.
        let elements = |fact: &Fact<'p>| fact.elements().map(|within| within.texts.clone());
        let (of_one, of_other) = (elements(one), elements(other));
        if (are_equal || name == "contains") && (of_one.is_some() || of_other.is_some()) {
            let one = of_one.unwrap_or_else(|| one.texts.clone());
            let other = of_other.unwrap_or_else(|| other.texts.clone());
            self.texts(node, (left, &one), (right, &other), How::Equals);
        } else if let Some(how) = How::of(name) {
            self.texts(node, (left, &one.texts), (right, &other.texts), how);
        }
        let sought = match name {
            operators::EQUALS | operators::NOT_EQUALS => Some((left, one, right, other)),
            operators::IN if other.kinds == ValueKinds::LIST => {
                other.within.as_deref().map(|within| (left, one, right, within))
            }
            operators::IN if other.kinds == ValueKinds::MAP => {
                other.keys.as_deref().map(|keys| (left, one, right, keys))
            }
            operators::INDEX if one.kinds == ValueKinds::MAP => {
                one.keys.as_deref().map(|keys| (right, other, left, keys))
            }
            _ => None,
        };
        let Some((left, one, right, other)) = sought else { return };
        self.texts(node, (left, &one.texts), (right, &other.texts), How::Equals);
        if one.kinds != ValueKinds::NONE && other.kinds != ValueKinds::NONE && !one.kinds.can_equal(other.kinds) {
            let (left, right) = (self.places.text(left), self.places.text(right));
            let (one, other) = (one.kinds.named(), other.kinds.named());
            let message = match name {
                operators::IN => format!("`{left}` is {one}, and `{right}` holds {other}: it is never in it"),
                operators::INDEX => format!("`{left}` is {one}, and the keys of `{right}` are {other}"),
                _ => format!("`{left}` is {one} and `{right}` is {other}: they are never equal"),
            };
            let help = if one == "null" || other == "null" {
                "a text that is missing is `\"\"`, and `has(…)` asks whether there is a field".to_owned()
            } else if are_equal && one == "a list" {
                format!("ask for an element with `{right} in {left}`")
            } else if are_equal && other == "a list" {
                format!("ask for an element with `{left} in {right}`")
            } else {
                "compare values of one kind: `string(…)`, `int(…)` and `double(…)` convert".to_owned()
            };
            self.problem(node, message, help);
        }
    }

    fn texts(&mut self, node: &IdedExpr, left: (&IdedExpr, &Texts<'p>), right: (&IdedExpr, &Texts<'p>), how: How) {
        if !left.1.are_known() && !right.1.are_known() {
            return;
        }
        let names = (self.places.text(left.0), self.places.text(right.0));
        for found in misspelt((left.1, right.1), (&names.0, &names.1), how, self.patterns) {
            let at = found.node.and_then(|text| self.places.of_text(text)).or_else(|| self.places.of(node));
            let problem = ExpressionProblem {
                at,
                is_warning: found.is_warning,
                ..ExpressionProblem::new(found.message, found.help)
            };
            if !self.problems.contains(&problem) {
                self.problems.push(problem);
            }
        }
    }

    /// Reports a function or an operator that does not take such values.
    fn no_such_call(&mut self, node: &IdedExpr, call: &CallExpr, nodes: &[&IdedExpr], kinds: &[ValueKinds]) {
        let name = call.func_name.as_str();
        let is_function = name.starts_with(|c: char| c.is_ascii_alphabetic());
        let given: Vec<String> = kinds.iter().map(|kinds| kinds.named()).collect();
        let (of, rest) = match (call.target.is_some(), given.split_first()) {
            (true, Some((target, rest))) => (format!(" on {target}"), rest),
            _ => (String::new(), given.as_slice()),
        };
        let message = match (is_function, rest) {
            (true, []) => format!("`{name}` cannot be called{of} with nothing in its brackets"),
            (true, rest) => format!("`{name}` cannot be called{of} with {}", rest.join(", ")),
            (false, rest) => format!("`{}` cannot be used with {}", sign(name), rest.join(" and ")),
        };
        let help = match (name, nodes, kinds) {
            ("contains", [list, sought], [ValueKinds::LIST | ValueKinds::MAP, _]) => {
                format!("write `{} in {}`", self.places.text(sought), self.places.text(list))
            }
            _ => form(name),
        };
        self.problem(node, message, help);
    }

    fn problem(&mut self, node: &IdedExpr, message: String, help: String) {
        let at: Option<Range<usize>> = self.places.of(node);
        self.problems.push(ExpressionProblem { at, ..ExpressionProblem::new(message, help) });
    }
}

/// Suggests how to make a condition of a value of these kinds.
fn into_condition(written: &str, kinds: ValueKinds) -> String {
    if kinds.is_only(ValueKinds::STRING) {
        format!("compare it, for example `{written} != \"\"`")
    } else if kinds.is_only(ValueKinds::NUMBER) {
        format!("compare it, for example `{written} > 0`")
    } else if kinds.is_only(ValueKinds::LIST.or(ValueKinds::MAP)) {
        format!("ask for its size, for example `size({written}) > 0`, or for what is in it")
    } else {
        "compare it with something, for example `state.intent == \"book\"`".to_owned()
    }
}

#[cfg(test)]
mod tests;
