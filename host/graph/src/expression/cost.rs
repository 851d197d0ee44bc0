//! Estimates the highest cost of an evaluation before it begins. CEL cannot limit an evaluation that is under way, so
//! the cost of the expression's tree is computed from the sizes of the values that it reads.
//!
//! Loops do not nest (`walk` refuses that), so every cost inside a loop is the sum of a constant and of multiples of
//! the element's size. Summed over all elements of a list, these sizes are at most the list's own size. That keeps the
//! cost of `state.orders.exists(o, o.name == "x")` linear, while that of `state.orders.exists(o, state.orders == [o])`
//! is recognised as quadratic.

use std::collections::BTreeMap;

use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators};

use super::pattern::Pattern;

/// The cost of looking at one value; looking at one byte of text costs 1.
const NODE: u64 = 32;

/// The largest size that a value may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Measure {
    /// The value and all values inside it.
    pub nodes: u64,
    /// Bytes of text, including keys.
    pub bytes: u64,
    /// Elements of a list, or entries of a map, on the first level.
    pub items: u64,
}

impl Measure {
    /// The cost of making a value of this size.
    pub fn work(self) -> u64 {
        self.nodes.saturating_mul(NODE).saturating_add(self.bytes)
    }
}

/// The sizes of the values that an expression can name.
pub(super) struct Sizes<'e> {
    pub channels: BTreeMap<&'e str, Measure>,
    pub input: BTreeMap<&'e str, Measure>,
    pub permissions: Measure,
    pub patterns: &'e BTreeMap<String, Pattern>,
}

/// A constant plus multiples of the size of the current element of a loop.
#[derive(Clone, Copy, Debug, Default)]
struct Amount {
    fixed: u64,
    per_node: u64,
    per_byte: u64,
}

impl Amount {
    const fn fixed(fixed: u64) -> Self {
        Self { fixed, per_node: 0, per_byte: 0 }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            fixed: self.fixed.saturating_add(other.fixed),
            per_node: self.per_node.saturating_add(other.per_node),
            per_byte: self.per_byte.saturating_add(other.per_byte),
        }
    }

    fn times(self, factor: u64) -> Self {
        Self {
            fixed: self.fixed.saturating_mul(factor),
            per_node: self.per_node.saturating_mul(factor),
            per_byte: self.per_byte.saturating_mul(factor),
        }
    }

    fn or(self, other: Self) -> Self {
        Self {
            fixed: self.fixed.max(other.fixed),
            per_node: self.per_node.max(other.per_node),
            per_byte: self.per_byte.max(other.per_byte),
        }
    }

    /// The amount for one element that is as large as the whole list.
    fn at_most(self, list: Measure) -> u64 {
        let nodes = self.per_node.saturating_mul(list.nodes);
        self.fixed.saturating_add(nodes).saturating_add(self.per_byte.saturating_mul(list.bytes))
    }

    /// The sum of the amount over all elements of a list.
    fn over(self, list: Measure) -> u64 {
        Self { fixed: self.fixed.saturating_mul(list.items), ..self }.at_most(list)
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Size {
    nodes: Amount,
    bytes: Amount,
    items: Amount,
}

impl Size {
    /// The size of a number, a truth value or a type.
    const SCALAR: Self = Self { nodes: Amount::fixed(1), bytes: Amount::fixed(24), items: Amount::fixed(0) };

    fn known(measure: Measure) -> Self {
        Self {
            nodes: Amount::fixed(measure.nodes),
            bytes: Amount::fixed(measure.bytes),
            items: Amount::fixed(measure.items),
        }
    }

    /// The size of a part of this value, or of something that is no larger than a part.
    fn part(self) -> Self {
        Self { items: self.nodes, ..self }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            nodes: self.nodes.plus(other.nodes),
            bytes: self.bytes.plus(other.bytes),
            items: self.items.plus(other.items),
        }
    }

    fn or(self, other: Self) -> Self {
        Self { nodes: self.nodes.or(other.nodes), bytes: self.bytes.or(other.bytes), items: self.items.or(other.items) }
    }

    fn work(self) -> Amount {
        self.nodes.times(NODE).plus(self.bytes)
    }
}

#[derive(Clone, Copy, Debug)]
struct Estimate {
    work: Amount,
    size: Size,
}

/// The loop around a part of an expression.
struct Loop<'e> {
    variables: [&'e str; 2],
    accumulator: &'e str,
    list: Measure,
}

/// The highest cost of evaluating the expression, in bytes of text looked at, without making the values that it reads.
pub(super) fn work(expression: &IdedExpr, sizes: &Sizes<'_>) -> u64 {
    let found = sizes.price(expression, None);
    found.work.plus(found.size.work()).fixed
}

impl Sizes<'_> {
    fn price(&self, node: &IdedExpr, around: Option<&Loop<'_>>) -> Estimate {
        let leaf = |size: Size| Estimate { work: Amount::fixed(NODE), size };
        match &node.expr {
            Expr::Unspecified | Expr::Struct(_) => leaf(Size::SCALAR),
            Expr::Literal(literal) => leaf(of_literal(literal)),
            Expr::Ident(name) => leaf(self.variable(name, around)),
            Expr::Select(select) => {
                let named = |root: &str| {
                    matches!(&select.operand.expr, Expr::Ident(name) if name == root)
                        && !around.is_some_and(|around| around.variables.contains(&root))
                };
                let field = select.field.as_str();
                let found = if named("state") {
                    leaf(Size::known(self.channels.get(field).copied().unwrap_or_default()))
                } else if named("input") {
                    leaf(Size::known(self.input.get(field).copied().unwrap_or_default()))
                } else {
                    let inner = self.price(&select.operand, around);
                    Estimate { work: inner.work.plus(Amount::fixed(NODE)), size: inner.size.part() }
                };
                if select.test { Estimate { size: Size::SCALAR, ..found } } else { found }
            }
            Expr::Call(call) => self.call(call, around),
            Expr::List(list) => {
                let parts = list.elements.iter().map(|element| self.price(element, around));
                gathered(parts, list.elements.len())
            }
            Expr::Map(map) => {
                let parts = map.entries.iter().flat_map(|entry| match &entry.expr {
                    EntryExpr::MapEntry(entry) => {
                        vec![self.price(&entry.key, around), self.price(&entry.value, around)]
                    }
                    EntryExpr::StructField(field) => vec![self.price(&field.value, around)],
                });
                gathered(parts, map.entries.len())
            }
            Expr::Comprehension(inner) => self.comprehension(inner, around),
        }
    }

    fn variable(&self, name: &str, around: Option<&Loop<'_>>) -> Size {
        match around {
            Some(around) if around.variables.contains(&name) => {
                let (per_node, per_byte) =
                    (Amount { per_node: 1, ..Amount::default() }, Amount { per_byte: 1, ..Amount::default() });
                Size { nodes: per_node, bytes: per_byte, items: per_node }
            }
            // What the loop has collected is paid for where it is added.
            Some(around) if around.accumulator == name => Size::default(),
            _ if name == "permissions" => Size::known(self.permissions),
            _ => Size::SCALAR,
        }
    }

    fn comprehension(&self, inner: &ComprehensionExpr, around: Option<&Loop<'_>>) -> Estimate {
        let (range, start) = (self.price(&inner.iter_range, around), self.price(&inner.accu_init, around));
        let outside = around.map(|around| around.list).unwrap_or_default();
        let list = Measure {
            nodes: range.size.nodes.at_most(outside),
            bytes: range.size.bytes.at_most(outside),
            items: range.size.items.at_most(outside),
        };
        let within = Loop {
            variables: [&inner.iter_var, inner.iter_var2.as_deref().unwrap_or(&inner.iter_var)],
            accumulator: &inner.accu_var,
            list,
        };
        let (condition, step) =
            (self.price(&inner.loop_cond, Some(&within)), self.price(&inner.loop_step, Some(&within)));
        let result = self.price(&inner.result, Some(&within));
        // Each round copies its element and opens a scope for it.
        let element = self.variable(&inner.iter_var, Some(&within)).work().plus(Amount::fixed(2 * NODE));
        let round = condition.work.plus(step.work).plus(step.size.work()).plus(element);
        let work = Amount::fixed(round.over(list))
            .plus(range.work)
            .plus(start.work)
            .plus(Amount::fixed(result.work.at_most(list)));
        let size = if matches!(inner.accu_init.expr, Expr::List(_)) {
            Size {
                nodes: Amount::fixed(step.size.nodes.over(list).saturating_add(1)),
                bytes: Amount::fixed(step.size.bytes.over(list)),
                items: Amount::fixed(list.items),
            }
        } else {
            Size::SCALAR
        };
        Estimate { work, size }
    }

    fn call(&self, call: &CallExpr, around: Option<&Loop<'_>>) -> Estimate {
        let parts: Vec<Estimate> =
            call.target.iter().map(Box::as_ref).chain(&call.args).map(|part| self.price(part, around)).collect();
        let paid = parts.iter().fold(Amount::fixed(NODE), |sum, part| sum.plus(part.work));
        let of = |position: usize| parts.get(position).map(|part| part.size).unwrap_or_default();
        let all = parts.iter().fold(Size::default(), |sum, part| sum.plus(part.size));
        let list = around.map(|around| around.list).unwrap_or_default();
        // An error of CEL holds a copy of the operands, so every operator costs at least as much as copying them.
        let (work, size) = match call.func_name.as_str() {
            operators::LOGICAL_AND | operators::LOGICAL_OR | operators::LOGICAL_NOT | operators::NOT_STRICTLY_FALSE => {
                (Amount::default(), Size::SCALAR)
            }
            operators::CONDITIONAL => (Amount::default(), of(1).or(of(2))),
            operators::EQUALS | operators::NOT_EQUALS => (smaller(of(0), of(1), list).work(), Size::SCALAR),
            operators::INDEX => match call.args.get(1).map(|index| &index.expr) {
                Some(Expr::Literal(LiteralValue::String(_) | LiteralValue::Int(_) | LiteralValue::UInt(_))) => {
                    (Amount::default(), self.channel_by_index(call).unwrap_or_else(|| of(0).part()))
                }
                _ => (all.work(), of(0).part()),
            },
            operators::ADD => (all.work(), all),
            "size" | "type" | "dyn" | "has" => {
                (of(0).bytes, if call.func_name == "dyn" { of(0) } else { Size::SCALAR })
            }
            "indexOf" | "lastIndexOf" => (product(of(0).bytes, of(1).bytes, list).plus(all.work()), Size::SCALAR),
            "split" => {
                let pieces = of(0).bytes.plus(Amount::fixed(1));
                let size = Size { nodes: pieces.plus(Amount::fixed(1)), bytes: of(0).bytes, items: pieces };
                (size.work().plus(all.work()), size)
            }
            "matches" => {
                let pattern = call.args.last().and_then(literal_text).and_then(|text| self.patterns.get(text));
                let per_byte = pattern.map_or(1, |pattern| pattern.work(1));
                (all.work().plus(of(0).bytes.times(per_byte)), Size::SCALAR)
            }
            "charAt" | "substring" | "trim" | "lowerAscii" | "upperAscii" | "reverse" | "string" | "bytes" => {
                (all.work().times(2), of(0).plus(Size::SCALAR).part())
            }
            operators::OPT_INDEX | operators::OPT_SELECT => (all.work(), of(0).part()),
            // The other operators and functions return a number or a truth value.
            _ => (all.work(), Size::SCALAR),
        };
        Estimate { work: paid.plus(work), size }
    }

    /// `state["my-channel"]`
    fn channel_by_index(&self, call: &CallExpr) -> Option<Size> {
        let [IdedExpr { expr: Expr::Ident(root), .. }, index] = call.args.as_slice() else { return None };
        let channel = literal_text(index).filter(|_| root == "state")?;
        Some(Size::known(self.channels.get(channel).copied().unwrap_or_default()))
    }
}

/// The text of a literal.
pub(super) fn literal_text(node: &IdedExpr) -> Option<&str> {
    match &node.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

fn of_literal(literal: &LiteralValue) -> Size {
    let bytes = match literal {
        LiteralValue::String(text) => text.inner().len(),
        LiteralValue::Bytes(bytes) => bytes.inner().len(),
        _ => return Size::SCALAR,
    };
    Size { nodes: Amount::fixed(1), bytes: Amount::fixed(bytes as u64), items: Amount::default() }
}

fn gathered(parts: impl Iterator<Item = Estimate>, count: usize) -> Estimate {
    let empty = Size { nodes: Amount::fixed(1), ..Size::default() };
    let start = Estimate { work: Amount::fixed(NODE), size: empty };
    let mut all = parts.fold(start, |sum, part| Estimate {
        work: sum.work.plus(part.work).plus(part.size.work()),
        size: sum.size.plus(part.size),
    });
    all.size.items = Amount::fixed(count as u64);
    all
}

/// A comparison of two values ends at the end of the smaller one.
fn smaller(one: Size, other: Size, list: Measure) -> Size {
    if one.work().at_most(list) <= other.work().at_most(list) { one } else { other }
}

/// The product of two amounts: each byte of one with each byte of the other.
fn product(these: Amount, those: Amount, list: Measure) -> Amount {
    let (these_at_most, those_at_most) = (these.at_most(list), those.at_most(list));
    if these_at_most <= those_at_most { those.times(these_at_most) } else { these.times(those_at_most) }
}
