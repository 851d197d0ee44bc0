//! What is known about an expression's value without parameters.

use std::collections::BTreeMap;

use super::super::compare::contains;
use super::super::language::{Arithmetic, Comparison, Constant, ExpressionKind, ExpressionNode, Test};
use super::super::meter::RenderMeter;
use super::super::predicates;
use super::super::run::{calculate, concatenated, literal, ranged, sliced};
use super::super::value::Value;
use super::Checker;
use super::judge::KnownValue;
use super::kinds::TemplateValueKinds;

/// The items of a literal list or tuple.
pub(super) fn items_of(node: &ExpressionNode) -> Option<&[ExpressionNode]> {
    match &*node.kind {
        ExpressionKind::List(items) | ExpressionKind::Tuple(items) => Some(items),
        _ => None,
    }
}

/// The names of a literal map, when all of them are literals.
fn names_of(node: &ExpressionNode) -> Option<Vec<&str>> {
    let ExpressionKind::Map(entries) = &*node.kind else { return None };
    entries.iter().map(|(name, _)| text_of(name)).collect()
}

fn text_of(node: &ExpressionNode) -> Option<&str> {
    match &*node.kind {
        ExpressionKind::Constant(Constant::Text(text)) => Some(text),
        _ => None,
    }
}

/// The first of these names, for a message.
fn shown(names: &[String]) -> String {
    const MOST: usize = 10;
    let first: Vec<String> = names.iter().take(MOST).map(|name| super::super::reader::excerpt(name)).collect();
    format!("{}{}", first.join(", "), if names.len() > MOST { " and others" } else { "" })
}

impl Checker {
    /// What is known about the value of an expression. Reports what can never work in it.
    pub(super) fn known<'a>(&mut self, node: &'a ExpressionNode) -> KnownValue<'a> {
        let line = node.line;
        match &*node.kind {
            ExpressionKind::Constant(constant) => KnownValue::Value(literal(constant)),
            ExpressionKind::Variable(_) | ExpressionKind::Loop(_) => KnownValue::ANY,
            ExpressionKind::Cycle(nodes) => {
                nodes.iter().for_each(|node| drop(self.known(node)));
                KnownValue::ANY
            }
            ExpressionKind::Attribute(of, name) => self.attribute(of, name, line),
            ExpressionKind::Item(of, at) => self.item(of, at, line),
            ExpressionKind::Slice { of, start, stop, step } => self.slice(of, [start, stop, step], line),
            ExpressionKind::Not(of) => {
                self.known(of);
                KnownValue::Kinds(TemplateValueKinds::BOOL)
            }
            ExpressionKind::Negative(of) => {
                let of = self.known(of);
                self.operation("the sign `-`", line, &[of], TemplateValueKinds::NUMBER, &|values, _| {
                    values.first().map_or(Ok(Value::None), calculate::negative)
                })
            }
            ExpressionKind::Arithmetic(arithmetic, left, right) => {
                let (left, right) = (self.known(left), self.known(right));
                self.arithmetic(*arithmetic, left, right, line)
            }
            ExpressionKind::And(left, right) | ExpressionKind::Or(left, right) => {
                let (left, right) = (self.known(left), self.known(right));
                KnownValue::Kinds(left.kinds().or(right.kinds()))
            }
            ExpressionKind::Comparison(first, rest) => {
                self.known(first);
                for (comparison, node) in rest {
                    let right = self.known(node);
                    if matches!(comparison, Comparison::In | Comparison::NotIn) {
                        self.membership(right, node.line);
                    }
                }
                KnownValue::Kinds(TemplateValueKinds::BOOL)
            }
            ExpressionKind::Choice { test, yes, no } => {
                self.known(test);
                let yes = self.known(yes).kinds();
                KnownValue::Kinds(yes.or(no.as_ref().map_or(TemplateValueKinds::ABSENT, |no| self.known(no).kinds())))
            }
            ExpressionKind::Filter { filter, of, arguments } => self.filter(*filter, of, arguments, line),
            ExpressionKind::Test { test, of, arguments } => {
                let mut operands = vec![self.known(of)];
                operands.extend(arguments.positional.iter().map(|node| self.known(node)));
                self.test(*test, &operands, line);
                KnownValue::Kinds(TemplateValueKinds::BOOL)
            }
            ExpressionKind::Range(nodes) => {
                let operands: Vec<KnownValue<'a>> = nodes.iter().map(|node| self.known(node)).collect();
                self.operation("`range`", line, &operands, TemplateValueKinds::LIST, &ranged)
            }
            ExpressionKind::List(nodes) => self.list(nodes, false),
            ExpressionKind::Tuple(nodes) => self.list(nodes, true),
            ExpressionKind::Map(entries) => self.map(entries),
        }
    }

    fn arithmetic<'a>(
        &mut self,
        arithmetic: Arithmetic,
        left: KnownValue<'a>,
        right: KnownValue<'a>,
        line: u16,
    ) -> KnownValue<'a> {
        let kinds = [left.kinds(), right.kinds()];
        let all_in = |wanted: TemplateValueKinds| kinds.iter().any(|kinds| kinds.within(wanted));
        let result = match arithmetic {
            Arithmetic::Concatenate => TemplateValueKinds::TEXT,
            Arithmetic::Add if all_in(TemplateValueKinds::TEXT) => TemplateValueKinds::TEXT,
            Arithmetic::Add if all_in(TemplateValueKinds::LIST) => TemplateValueKinds::LIST,
            Arithmetic::Add if all_in(TemplateValueKinds::NUMBER.or(TemplateValueKinds::BOOL)) => {
                TemplateValueKinds::NUMBER
            }
            Arithmetic::Add | Arithmetic::Multiply => {
                TemplateValueKinds::NUMBER.or(TemplateValueKinds::TEXT).or(TemplateValueKinds::LIST)
            }
            _ => TemplateValueKinds::NUMBER,
        };
        let what = format!("the operator `{}`", calculate::sign(arithmetic));
        self.operation(&what, line, &[left, right], result, &|values, meter| match values {
            [left, right] if arithmetic == Arithmetic::Concatenate => concatenated(left, right, meter),
            [left, right] => calculate::arithmetic(arithmetic, left, right, meter),
            _ => Ok(Value::None),
        })
    }

    /// Reports an `in` on a value that cannot contain anything.
    fn membership(&mut self, whole: KnownValue<'_>, line: u16) {
        self.operation("`in`", line, &[whole], TemplateValueKinds::BOOL, &|values, meter| {
            let whole = values.first().unwrap_or(&Value::None);
            contains(whole, &Value::made("a"), meter).map(Value::Bool)
        });
    }

    pub(super) fn test<'a>(&mut self, test: Test, operands: &[KnownValue<'a>], line: u16) {
        let what = format!("the test `{}`", test.name());
        self.operation(
            &what,
            line,
            operands,
            TemplateValueKinds::BOOL,
            &|values: &[Value<'a>], meter: &mut RenderMeter| {
                let Some((value, arguments)) = values.split_first() else { return Ok(Value::None) };
                predicates::holds(test, value, arguments, meter).map(Value::Bool)
            },
        );
    }

    fn attribute<'a>(&mut self, of: &'a ExpressionNode, name: &str, line: u16) -> KnownValue<'a> {
        let known = self.known(of);
        self.part(of, &known, Some(name), line).unwrap_or(KnownValue::ANY)
    }

    fn item<'a>(&mut self, of: &'a ExpressionNode, at: &'a ExpressionNode, line: u16) -> KnownValue<'a> {
        let (known, place) = (self.known(of), self.known(at));
        if let KnownValue::Value(Value::Text(name)) = &place {
            return self.part(of, &known, Some(name), line).unwrap_or(KnownValue::ANY);
        }
        if !known.kinds().meets(TemplateValueKinds::LIST.or(TemplateValueKinds::TEXT))
            || !place.kinds().meets(TemplateValueKinds::NUMBER.or(TemplateValueKinds::BOOL))
        {
            // Only the kinds of the names may be known.
            if !known.kinds().meets(TemplateValueKinds::MAP) || !place.kinds().meets(TemplateValueKinds::TEXT) {
                self.part(of, &known, None, line);
            }
            return KnownValue::ANY;
        }
        let length = match &known {
            KnownValue::Value(value) => {
                let text = || value.as_text().map(|text| text.chars().count());
                value.as_list().map(super::super::value::Items::len).or_else(text)
            }
            KnownValue::Kinds(_) => items_of(of).map(<[ExpressionNode]>::len),
        };
        let (Some(length), KnownValue::Value(place)) = (length, place) else { return KnownValue::ANY };
        if calculate::place(&place, length).is_none() {
            self.tell("the part in brackets", format!("there are {length}, counted from 0"), line);
        }
        KnownValue::ANY
    }

    /// The part of a value with this name. Reports it when the value can never have the part.
    fn part<'a>(
        &mut self,
        of: &ExpressionNode,
        known: &KnownValue<'a>,
        name: Option<&str>,
        line: u16,
    ) -> Option<KnownValue<'a>> {
        let what = name.map_or_else(|| "the part in brackets".to_owned(), |name| format!("the part `{name}`"));
        let names: Option<Vec<String>> = match known {
            KnownValue::Value(value) => {
                if let Some(found) = name.and_then(|name| value.entry(name)) {
                    return Some(KnownValue::Value(found));
                }
                value.pairs().map(|pairs| pairs.map(|(name, _)| name.to_string()).collect())
            }
            KnownValue::Kinds(_) => names_of(of).map(|names| names.into_iter().map(str::to_owned).collect()),
        };
        let reason = match (names, name) {
            (Some(names), Some(name)) if names.iter().any(|known| known == name) => return None,
            (Some(names), Some(_)) if names.is_empty() => "the map has no parts".to_owned(),
            (Some(names), Some(_)) => format!("the map has {}", shown(&names)),
            (Some(_), None) => "the parts of a map are named by texts".to_owned(),
            (None, Some(_)) if known.kinds().meets(TemplateValueKinds::MAP.or(TemplateValueKinds::ABSENT)) => {
                return None;
            }
            (None, None) if known.kinds().meets(TemplateValueKinds::ABSENT) => return None,
            (None, Some(_)) => format!("{} has no parts with names", known.kinds().name()),
            (None, None) if known.kinds().meets(TemplateValueKinds::LIST.or(TemplateValueKinds::TEXT)) => {
                format!("the parts of {} are numbered", known.kinds().name())
            }
            (None, None) if known.kinds().meets(TemplateValueKinds::MAP) => {
                "the parts of a map are named by texts".to_owned()
            }
            (None, None) => format!("{} has no parts", known.kinds().name()),
        };
        self.tell(what, reason, line);
        None
    }

    fn slice<'a>(
        &mut self,
        of: &'a ExpressionNode,
        bounds: [&'a Option<ExpressionNode>; 3],
        line: u16,
    ) -> KnownValue<'a> {
        let mut operands = vec![self.known(of)];
        for bound in bounds {
            operands.push(bound.as_ref().map_or(KnownValue::Value(Value::None), |bound| self.known(bound)));
        }
        if let Some(KnownValue::Value(Value::Integer(0))) = operands.get(3) {
            self.tell("the slice", "its step cannot be 0", line);
            return KnownValue::ANY;
        }
        self.operation(
            "the slice",
            line,
            &operands,
            TemplateValueKinds::TEXT.or(TemplateValueKinds::LIST),
            &|values, meter| {
                let [of, bounds @ ..] = values else { return Ok(Value::None) };
                sliced(of, bounds, meter)
            },
        )
    }

    fn list<'a>(&mut self, nodes: &'a [ExpressionNode], is_tuple: bool) -> KnownValue<'a> {
        let items: Vec<KnownValue<'a>> = nodes.iter().map(|node| self.known(node)).collect();
        let values: Option<Vec<Value<'a>>> = items.iter().map(|item| item.value().cloned()).collect();
        let list = values.and_then(|values| Value::list(values, is_tuple).ok());
        list.map_or(KnownValue::Kinds(TemplateValueKinds::LIST), KnownValue::Value)
    }

    fn map<'a>(&mut self, entries: &'a [(ExpressionNode, ExpressionNode)]) -> KnownValue<'a> {
        let mut values = Some(BTreeMap::new());
        for (name, value) in entries {
            let (line, name, value) = (name.line, self.known(name), self.known(value));
            if !name.kinds().meets(TemplateValueKinds::TEXT) {
                let reason = format!("the names of a map are texts, not {}", name.kinds().name());
                self.tell("the map", reason, line);
            }
            match (&mut values, name.value().and_then(Value::as_text), value) {
                (Some(values), Some(name), KnownValue::Value(value)) => drop(values.insert(name.to_owned(), value)),
                _ => values = None,
            }
        }
        let map = values.and_then(|values| Value::map(values).ok());
        map.map_or(KnownValue::Kinds(TemplateValueKinds::MAP), KnownValue::Value)
    }
}
