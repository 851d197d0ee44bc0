//! What is known about the results of filters, and arguments that they never accept.

use super::super::filters::{self, Given};
use super::super::language::{Arguments, ExpressionNode, Filter, Test};
use super::super::meter::RenderMeter;
use super::super::run::calculate;
use super::super::value::Value;
use super::Checker;
use super::judge::KnownValue;
use super::kinds::TemplateValueKinds;

/// Arguments by their position and by their name.
struct Taken<'a> {
    positional: Vec<KnownValue<'a>>,
    named: Vec<(&'static str, KnownValue<'a>)>,
}

impl<'a> Taken<'a> {
    fn at(&self, place: usize, name: &str) -> Option<&KnownValue<'a>> {
        let named = || self.named.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
        self.positional.get(place).or_else(named)
    }
}

impl Filter {
    /// The boolean arguments: the position of each, and its name.
    fn switches(self) -> &'static [(usize, &'static str)] {
        const NAMED: usize = usize::MAX;
        match self {
            Self::Default => &[(1, "")],
            Self::Indent => &[(1, "first"), (2, "blank")],
            Self::Dictsort | Self::Sort => &[(NAMED, "case_sensitive"), (NAMED, "reverse")],
            Self::Max | Self::Min | Self::Unique => &[(NAMED, "case_sensitive")],
            _ => &[],
        }
    }

    /// The position of the argument with this name.
    fn place_of(self, name: &str) -> Option<usize> {
        let names: &[&str] = match self {
            Self::Float | Self::Int => &["default"],
            Self::Indent => &["width", "first", "blank"],
            Self::Join => &["d", "attribute"],
            Self::Round => &["precision", "method"],
            Self::Sum => &["attribute", "start"],
            _ => &[],
        };
        names.iter().position(|known| *known == name)
    }

    /// The kinds of its result.
    fn gives(self, has_default: bool) -> TemplateValueKinds {
        match self {
            Self::Capitalize
            | Self::Format
            | Self::Indent
            | Self::Join
            | Self::Lower
            | Self::Replace
            | Self::Safe
            | Self::String
            | Self::Title
            | Self::Trim
            | Self::Upper => TemplateValueKinds::TEXT,
            Self::Dictsort
            | Self::Items
            | Self::Lines
            | Self::List
            | Self::Map
            | Self::Reject
            | Self::Rejectattr
            | Self::Select
            | Self::Selectattr
            | Self::Sort
            | Self::Split
            | Self::Unique => TemplateValueKinds::LIST,
            Self::Abs | Self::Length | Self::Round => TemplateValueKinds::NUMBER,
            Self::Int | Self::Float if !has_default => TemplateValueKinds::NUMBER,
            Self::Bool => TemplateValueKinds::BOOL,
            Self::Reverse => TemplateValueKinds::TEXT.or(TemplateValueKinds::LIST),
            Self::Default | Self::First | Self::Float | Self::Int | Self::Last | Self::Max | Self::Min | Self::Sum => {
                TemplateValueKinds::ALL
            }
        }
    }
}

impl Checker {
    pub(super) fn filter<'a>(
        &mut self,
        filter: Filter,
        of: &'a ExpressionNode,
        arguments: &'a Arguments,
        line: u16,
    ) -> KnownValue<'a> {
        let of = self.known(of);
        let taken = Taken {
            positional: arguments.positional.iter().map(|node| self.known(node)).collect(),
            named: arguments.named.iter().map(|(name, node)| (*name, self.known(node))).collect(),
        };
        let told = self.errors.len();
        self.twice(filter, &taken, line);
        self.switches(filter, &taken, line);
        self.choices(filter, &taken, line);
        if self.errors.len() > told {
            return KnownValue::Kinds(filter.gives(true));
        }
        if filter == Filter::Map || filter.tests_items() {
            self.each(filter, of, &taken, arguments, line);
            return KnownValue::Kinds(TemplateValueKinds::LIST);
        }
        self.applied(filter, of, taken, line)
    }

    /// Reports an argument that is given twice, because only one value would count.
    fn twice(&mut self, filter: Filter, taken: &Taken<'_>, line: u16) {
        let what = format!("the filter `{}`", filter.name());
        for (at, (name, _)) in taken.named.iter().enumerate() {
            let again = taken.named.iter().take(at).any(|(before, _)| before == name);
            let placed = filter.place_of(name).is_some_and(|place| place < taken.positional.len());
            if again || placed {
                self.tell(&what, format!("its argument `{name}` is given twice"), line);
            }
        }
        if filter == Filter::Map && !taken.named.is_empty() && !taken.positional.is_empty() {
            self.tell(&what, "it takes the name of a filter or `attribute='…'`, not both", line);
        }
    }

    /// Checks boolean arguments. A text such as `'false'` would count as true.
    fn switches(&mut self, filter: Filter, taken: &Taken<'_>, line: u16) {
        for (place, name) in filter.switches() {
            let Some(KnownValue::Value(value)) = taken.at(*place, name) else { continue };
            if matches!(value, Value::Bool(_) | Value::None | Value::Integer(0 | 1)) {
                continue;
            }
            let argument = if name.is_empty() { "second argument".to_owned() } else { format!("argument `{name}`") };
            let reason = format!("its {argument} has to be true or false, not {}", value.kind());
            self.tell(format!("the filter `{}`", filter.name()), reason, line);
        }
    }

    /// Checks arguments that have a meaning for some values only; other values would be ignored.
    fn choices(&mut self, filter: Filter, taken: &Taken<'_>, line: u16) {
        let what = format!("the filter `{}`", filter.name());
        let value = |name: &str| taken.at(usize::MAX, name).and_then(KnownValue::value);
        match filter {
            Filter::Dictsort => {
                let by = value("by").and_then(Value::as_text).filter(|by| !["key", "value"].contains(by));
                if let Some(by) = by {
                    let by: String = by.chars().take(64).collect();
                    self.tell(what, format!("it sorts by='key' or by='value', not by='{by}'"), line);
                }
            }
            Filter::Map if !taken.named.is_empty() => match value("attribute") {
                Some(Value::Text(_)) => {}
                Some(number) if calculate::integer(number).is_ok() => {}
                None if taken.at(usize::MAX, "attribute").is_some() => {}
                Some(other) => {
                    let reason = format!("its argument `attribute` has to be a text or a number, not {}", other.kind());
                    self.tell(what, reason, line);
                }
                None => self.tell(what, "it needs the name of a filter, or `attribute='…'`", line),
            },
            Filter::Selectattr | Filter::Rejectattr => {
                if let Some(kinds) = taken
                    .positional
                    .first()
                    .map(KnownValue::kinds)
                    .filter(|kinds| !kinds.meets(TemplateValueKinds::TEXT))
                {
                    let reason = format!("its first argument names a part as a text, and is {}", kinds.name());
                    self.tell(what, reason, line);
                }
            }
            _ => {}
        }
    }

    /// A filter that goes through items, and what it does with each of them.
    fn each<'a>(&mut self, filter: Filter, of: KnownValue<'a>, taken: &Taken<'a>, arguments: &Arguments, line: u16) {
        let what = format!("the filter `{}`", filter.name());
        self.operation(
            &what,
            line,
            &[of],
            TemplateValueKinds::LIST,
            &|values: &[Value<'a>], meter: &mut RenderMeter| {
                let items = values.first().map_or(Ok(Vec::new()), |value| value.iterate(meter))?;
                Value::list(items, false)
            },
        );
        if let Some(inner) = arguments.filter {
            let taken = Taken { positional: taken.positional.clone(), named: Vec::new() };
            self.switches(inner, &taken, line);
            self.applied(inner, KnownValue::ANY, taken, line);
        }
        if let Some(test) = arguments.test {
            let skipped = usize::from(matches!(filter, Filter::Selectattr | Filter::Rejectattr));
            self.inner_test(test, taken.positional.get(skipped..).unwrap_or_default(), line);
        }
    }

    fn inner_test<'a>(&mut self, test: Test, arguments: &[KnownValue<'a>], line: u16) {
        let operands: Vec<KnownValue<'a>> = [KnownValue::ANY].into_iter().chain(arguments.iter().cloned()).collect();
        self.test(test, &operands, line);
    }

    /// The result of a filter, found by trying it.
    fn applied<'a>(&mut self, filter: Filter, of: KnownValue<'a>, taken: Taken<'a>, line: u16) -> KnownValue<'a> {
        let count = taken.positional.len();
        let names: Vec<&'static str> = taken.named.iter().map(|(name, _)| *name).collect();
        let gives = filter.gives(count > 0 || !names.is_empty());
        let mut operands = vec![of];
        operands.extend(taken.positional);
        operands.extend(taken.named.into_iter().map(|(_, value)| value));
        let was_known = operands.iter().all(|operand| operand.value().is_some());
        if filter == Filter::Format && !simplified(&mut operands) {
            return KnownValue::Kinds(gives);
        }
        let what = format!("the filter `{}`", filter.name());
        let known = self.operation(&what, line, &operands, gives, &|values: &[Value<'a>], meter: &mut RenderMeter| {
            let Some((value, arguments)) = values.split_first() else { return Ok(Value::None) };
            let (positional, named) = arguments.split_at_checked(count).unwrap_or((arguments, &[]));
            let named = names.iter().copied().zip(named.iter().cloned()).collect();
            let given = Given { positional: positional.to_vec(), named, filter: None, test: None };
            filters::apply(filter, value.clone(), &given, meter)
        });
        match known {
            KnownValue::Value(_) if !was_known => KnownValue::Kinds(gives),
            known => known,
        }
    }
}

/// Replaces unknown numbers of `format` by 1, because one number represents all numbers in every field; so not all
/// combinations have to be tried. False when the pattern is not known, because it may have any fields.
fn simplified(operands: &mut [KnownValue<'_>]) -> bool {
    let Some((pattern, values)) = operands.split_first_mut() else { return false };
    if pattern.value().is_none() && pattern.kinds().meets(TemplateValueKinds::TEXT) {
        return false;
    }
    for value in values {
        if value.value().is_none() && value.kinds().meets(TemplateValueKinds::NUMBER) {
            *value = KnownValue::Value(Value::Integer(1));
        }
    }
    true
}
