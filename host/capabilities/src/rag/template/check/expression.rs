//! What is known of an expression's value before there are parameters.

use std::collections::BTreeMap;

use super::super::compare::contains;
use super::super::language::{Arithmetic, Comparison, Constant, Kind, Node, Test};
use super::super::meter::Meter;
use super::super::predicates;
use super::super::run::{calculate, concatenated, literal, ranged, sliced};
use super::super::value::Value;
use super::Checker;
use super::judge::Known;
use super::kinds::Kinds;

/// The items of a list or tuple that stands in the template.
pub(super) fn items_of(node: &Node) -> Option<&[Node]> {
    match &*node.kind {
        Kind::List(items) | Kind::Tuple(items) => Some(items),
        _ => None,
    }
}

/// The names of a map that stands in the template, when all of them are written out.
fn names_of(node: &Node) -> Option<Vec<&str>> {
    let Kind::Map(entries) = &*node.kind else { return None };
    entries.iter().map(|(name, _)| text_of(name)).collect()
}

fn text_of(node: &Node) -> Option<&str> {
    match &*node.kind {
        Kind::Constant(Constant::Text(text)) => Some(text),
        _ => None,
    }
}

/// The first of these names.
fn shown(names: &[String]) -> String {
    const MOST: usize = 10;
    let first: Vec<String> = names.iter().take(MOST).map(|name| super::super::reader::excerpt(name)).collect();
    format!("{}{}", first.join(", "), if names.len() > MOST { " and others" } else { "" })
}

impl Checker {
    /// What is known of the value of an expression; what can never work in it is told.
    pub(super) fn known<'a>(&mut self, node: &'a Node) -> Known<'a> {
        let line = node.line;
        match &*node.kind {
            Kind::Constant(constant) => Known::Value(literal(constant)),
            Kind::Variable(_) | Kind::Loop(_) => Known::ANY,
            Kind::Cycle(nodes) => {
                nodes.iter().for_each(|node| drop(self.known(node)));
                Known::ANY
            }
            Kind::Attribute(of, name) => self.attribute(of, name, line),
            Kind::Item(of, at) => self.item(of, at, line),
            Kind::Slice { of, start, stop, step } => self.slice(of, [start, stop, step], line),
            Kind::Not(of) => {
                self.known(of);
                Known::Kinds(Kinds::BOOL)
            }
            Kind::Negative(of) => {
                let of = self.known(of);
                self.operation("the sign `-`", line, &[of], Kinds::NUMBER, &|values, _| {
                    values.first().map_or(Ok(Value::None), calculate::negative)
                })
            }
            Kind::Arithmetic(arithmetic, left, right) => {
                let (left, right) = (self.known(left), self.known(right));
                self.arithmetic(*arithmetic, left, right, line)
            }
            Kind::And(left, right) | Kind::Or(left, right) => {
                let (left, right) = (self.known(left), self.known(right));
                Known::Kinds(left.kinds().or(right.kinds()))
            }
            Kind::Comparison(first, rest) => {
                self.known(first);
                for (comparison, node) in rest {
                    let right = self.known(node);
                    if matches!(comparison, Comparison::In | Comparison::NotIn) {
                        self.membership(right, node.line);
                    }
                }
                Known::Kinds(Kinds::BOOL)
            }
            Kind::Choice { test, yes, no } => {
                self.known(test);
                let yes = self.known(yes).kinds();
                Known::Kinds(yes.or(no.as_ref().map_or(Kinds::ABSENT, |no| self.known(no).kinds())))
            }
            Kind::Filter { filter, of, arguments } => self.filter(*filter, of, arguments, line),
            Kind::Test { test, of, arguments } => {
                let mut operands = vec![self.known(of)];
                operands.extend(arguments.positional.iter().map(|node| self.known(node)));
                self.test(*test, &operands, line);
                Known::Kinds(Kinds::BOOL)
            }
            Kind::Range(nodes) => {
                let operands: Vec<Known<'a>> = nodes.iter().map(|node| self.known(node)).collect();
                self.operation("`range`", line, &operands, Kinds::LIST, &ranged)
            }
            Kind::List(nodes) => self.list(nodes, false),
            Kind::Tuple(nodes) => self.list(nodes, true),
            Kind::Map(entries) => self.map(entries),
        }
    }

    fn arithmetic<'a>(&mut self, arithmetic: Arithmetic, left: Known<'a>, right: Known<'a>, line: u16) -> Known<'a> {
        let kinds = [left.kinds(), right.kinds()];
        let all_in = |wanted: Kinds| kinds.iter().any(|kinds| kinds.within(wanted));
        let result = match arithmetic {
            Arithmetic::Concatenate => Kinds::TEXT,
            Arithmetic::Add if all_in(Kinds::TEXT) => Kinds::TEXT,
            Arithmetic::Add if all_in(Kinds::LIST) => Kinds::LIST,
            Arithmetic::Add if all_in(Kinds::NUMBER.or(Kinds::BOOL)) => Kinds::NUMBER,
            Arithmetic::Add | Arithmetic::Multiply => Kinds::NUMBER.or(Kinds::TEXT).or(Kinds::LIST),
            _ => Kinds::NUMBER,
        };
        let what = format!("the operator `{}`", calculate::sign(arithmetic));
        self.operation(&what, line, &[left, right], result, &|values, meter| match values {
            [left, right] if arithmetic == Arithmetic::Concatenate => concatenated(left, right, meter),
            [left, right] => calculate::arithmetic(arithmetic, left, right, meter),
            _ => Ok(Value::None),
        })
    }

    /// Whether anything can be looked for in a value.
    fn membership(&mut self, whole: Known<'_>, line: u16) {
        self.operation("`in`", line, &[whole], Kinds::BOOL, &|values, meter| {
            let whole = values.first().unwrap_or(&Value::None);
            contains(whole, &Value::made("a"), meter).map(Value::Bool)
        });
    }

    pub(super) fn test<'a>(&mut self, test: Test, operands: &[Known<'a>], line: u16) {
        let what = format!("the test `{}`", test.name());
        self.operation(&what, line, operands, Kinds::BOOL, &|values: &[Value<'a>], meter: &mut Meter| {
            let Some((value, arguments)) = values.split_first() else { return Ok(Value::None) };
            predicates::holds(test, value, arguments, meter).map(Value::Bool)
        });
    }

    fn attribute<'a>(&mut self, of: &'a Node, name: &str, line: u16) -> Known<'a> {
        let known = self.known(of);
        self.part(of, &known, Some(name), line).unwrap_or(Known::ANY)
    }

    fn item<'a>(&mut self, of: &'a Node, at: &'a Node, line: u16) -> Known<'a> {
        let (known, place) = (self.known(of), self.known(at));
        if let Known::Value(Value::Text(name)) = &place {
            return self.part(of, &known, Some(name), line).unwrap_or(Known::ANY);
        }
        if !known.kinds().meets(Kinds::LIST.or(Kinds::TEXT)) || !place.kinds().meets(Kinds::NUMBER.or(Kinds::BOOL)) {
            // Names may be known by nothing but their kind.
            if !known.kinds().meets(Kinds::MAP) || !place.kinds().meets(Kinds::TEXT) {
                self.part(of, &known, None, line);
            }
            return Known::ANY;
        }
        let length = match &known {
            Known::Value(value) => {
                let text = || value.as_text().map(|text| text.chars().count());
                value.as_list().map(super::super::value::Items::len).or_else(text)
            }
            Known::Kinds(_) => items_of(of).map(<[Node]>::len),
        };
        let (Some(length), Known::Value(place)) = (length, place) else { return Known::ANY };
        if calculate::place(&place, length).is_none() {
            self.tell("the part in brackets", format!("there are {length}, counted from 0"), line);
        }
        Known::ANY
    }

    /// The part of a value that has this name, or none; that it never has it is told.
    fn part<'a>(&mut self, of: &Node, known: &Known<'a>, name: Option<&str>, line: u16) -> Option<Known<'a>> {
        let what = name.map_or_else(|| "the part in brackets".to_owned(), |name| format!("the part `{name}`"));
        let names: Option<Vec<String>> = match known {
            Known::Value(value) => {
                if let Some(found) = name.and_then(|name| value.entry(name)) {
                    return Some(Known::Value(found));
                }
                value.pairs().map(|pairs| pairs.map(|(name, _)| name.to_string()).collect())
            }
            Known::Kinds(_) => names_of(of).map(|names| names.into_iter().map(str::to_owned).collect()),
        };
        let reason = match (names, name) {
            (Some(names), Some(name)) if names.iter().any(|known| known == name) => return None,
            (Some(names), Some(_)) if names.is_empty() => "the map has no parts".to_owned(),
            (Some(names), Some(_)) => format!("the map has {}", shown(&names)),
            (Some(_), None) => "the parts of a map are named by texts".to_owned(),
            (None, Some(_)) if known.kinds().meets(Kinds::MAP.or(Kinds::ABSENT)) => return None,
            (None, None) if known.kinds().meets(Kinds::ABSENT) => return None,
            (None, Some(_)) => format!("{} has no parts with names", known.kinds().name()),
            (None, None) if known.kinds().meets(Kinds::LIST.or(Kinds::TEXT)) => {
                format!("the parts of {} are numbered", known.kinds().name())
            }
            (None, None) if known.kinds().meets(Kinds::MAP) => "the parts of a map are named by texts".to_owned(),
            (None, None) => format!("{} has no parts", known.kinds().name()),
        };
        self.tell(what, reason, line);
        None
    }

    fn slice<'a>(&mut self, of: &'a Node, bounds: [&'a Option<Node>; 3], line: u16) -> Known<'a> {
        let mut operands = vec![self.known(of)];
        for bound in bounds {
            operands.push(bound.as_ref().map_or(Known::Value(Value::None), |bound| self.known(bound)));
        }
        if let Some(Known::Value(Value::Integer(0))) = operands.get(3) {
            self.tell("the slice", "its step cannot be 0", line);
            return Known::ANY;
        }
        self.operation("the slice", line, &operands, Kinds::TEXT.or(Kinds::LIST), &|values, meter| {
            let [of, bounds @ ..] = values else { return Ok(Value::None) };
            sliced(of, bounds, meter)
        })
    }

    fn list<'a>(&mut self, nodes: &'a [Node], is_tuple: bool) -> Known<'a> {
        let items: Vec<Known<'a>> = nodes.iter().map(|node| self.known(node)).collect();
        let values: Option<Vec<Value<'a>>> = items.iter().map(|item| item.value().cloned()).collect();
        let list = values.and_then(|values| Value::list(values, is_tuple).ok());
        list.map_or(Known::Kinds(Kinds::LIST), Known::Value)
    }

    fn map<'a>(&mut self, entries: &'a [(Node, Node)]) -> Known<'a> {
        let mut values = Some(BTreeMap::new());
        for (name, value) in entries {
            let (line, name, value) = (name.line, self.known(name), self.known(value));
            if !name.kinds().meets(Kinds::TEXT) {
                let reason = format!("the names of a map are texts, not {}", name.kinds().name());
                self.tell("the map", reason, line);
            }
            match (&mut values, name.value().and_then(Value::as_text), value) {
                (Some(values), Some(name), Known::Value(value)) => drop(values.insert(name.to_owned(), value)),
                _ => values = None,
            }
        }
        let map = values.and_then(|values| Value::map(values).ok());
        map.map_or(Known::Kinds(Kinds::MAP), Known::Value)
    }
}
