//! Checks the names in an expression, and collects those that it reads.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use cel::Program;
use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue};
use signalbox_diagnostics::{listed, suggestion};

use super::ExpressionProblem;
use super::cost::literal_text;
use super::pattern::Pattern;
use super::place::Places;
use super::signatures::{MACROS, form, functions};

const VARIABLES: [&str; 3] = ["state", "input", "permissions"];
/// The types that `type(x)` may be compared with.
const TYPES: [&str; 10] = ["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"];
const INPUT_FIELDS: [&str; 5] = ["text", "type", "source", "data", "locationId"];

/// One pass over the tree of an expression.
pub(super) struct Walk<'p> {
    source: &'p str,
    program: &'p Program,
    pub channels: BTreeSet<String>,
    /// Channels that the expression tests with `has(…)`.
    pub asked: BTreeSet<String>,
    pub input_fields: BTreeSet<String>,
    pub reads_permissions: bool,
    /// Every pattern of a `matches`, compiled.
    pub patterns: BTreeMap<String, Pattern>,
    pub problems: Vec<ExpressionProblem>,
}

impl<'p> Walk<'p> {
    pub fn new(source: &'p str, program: &'p Program) -> Self {
        Self {
            source,
            program,
            channels: BTreeSet::new(),
            asked: BTreeSet::new(),
            input_fields: BTreeSet::new(),
            reads_permissions: false,
            patterns: BTreeMap::new(),
            problems: Vec::new(),
        }
    }

    pub fn visit(&mut self, node: &'p IdedExpr, bound: &mut Vec<&'p str>, in_loop: bool) {
        match &node.expr {
            Expr::Unspecified | Expr::Literal(_) => {}
            Expr::Ident(name) => self.variable(node, name, bound),
            Expr::Select(select) => match &select.operand.expr {
                Expr::Ident(name) if name == "state" && !bound.contains(&"state") => {
                    self.channels.insert(select.field.clone());
                    if select.test {
                        self.asked.insert(select.field.clone());
                    }
                }
                Expr::Ident(name) if name == "input" && !bound.contains(&"input") => {
                    self.input_fields.insert(select.field.clone());
                    if !INPUT_FIELDS.contains(&select.field.as_str()) {
                        let help = suggestion(&select.field, "fields of `input`", INPUT_FIELDS);
                        self.problem(node, format!("`input` has no field `{}`", select.field), help, &select.field);
                    }
                }
                _ => self.visit(&select.operand, bound, in_loop),
            },
            Expr::Call(call) => self.call(node, call, bound, in_loop),
            Expr::List(list) => list.elements.iter().for_each(|element| self.visit(element, bound, in_loop)),
            Expr::Map(map) => map.entries.iter().for_each(|entry| self.entry(&entry.expr, bound, in_loop)),
            Expr::Struct(found) => {
                let help = "use a map: {\"key\": value}".to_owned();
                self.problem(node, format!("there is no type `{}`", found.type_name), help, &found.type_name);
            }
            Expr::Comprehension(inner) => {
                if in_loop {
                    let help = "let a node compute it into a channel".to_owned();
                    self.problem(node, "a loop inside a loop may take too long".to_owned(), help, "");
                }
                self.visit(&inner.iter_range, bound, in_loop);
                self.visit(&inner.accu_init, bound, in_loop);
                let depth = bound.len();
                bound.extend([inner.iter_var.as_str(), inner.accu_var.as_str()]);
                bound.extend(inner.iter_var2.as_deref());
                for part in [&inner.loop_cond, &inner.loop_step, &inner.result] {
                    self.visit(part, bound, true);
                }
                bound.truncate(depth);
            }
        }
    }

    fn entry(&mut self, entry: &'p EntryExpr, bound: &mut Vec<&'p str>, in_loop: bool) {
        match entry {
            EntryExpr::StructField(field) => self.visit(&field.value, bound, in_loop),
            EntryExpr::MapEntry(entry) => {
                self.visit(&entry.key, bound, in_loop);
                self.visit(&entry.value, bound, in_loop);
            }
        }
    }

    fn call(&mut self, node: &'p IdedExpr, call: &'p CallExpr, bound: &mut Vec<&'p str>, in_loop: bool) {
        let name = call.func_name.as_str();
        let operator = !name.starts_with(|c: char| c.is_ascii_alphabetic());
        let is_macro = MACROS.into_iter().any(|(known, _)| known == name);
        if is_macro {
            self.problem(node, format!("`{name}` is no loop as it is written here"), form(name), name);
        } else if !operator && !functions().any(|known| known == name) {
            let names = functions().chain(MACROS.into_iter().map(|(name, _)| name));
            self.problem(node, format!("there is no function `{name}`"), suggestion(name, "functions", names), name);
        }
        if name == "matches" {
            self.pattern(node, call);
        }
        // A channel whose name has a dash can only be written as `state["my-channel"]`.
        if name == "_[_]"
            && let [IdedExpr { expr: Expr::Ident(root), .. }, IdedExpr { expr: Expr::Literal(literal), .. }] =
                call.args.as_slice()
            && root == "state"
            && let LiteralValue::String(channel) = literal
        {
            self.channels.insert(channel.inner().to_owned());
            return;
        }
        for part in call.target.iter().map(Box::as_ref).chain(&call.args) {
            self.visit(part, bound, in_loop);
        }
    }

    /// Compiles a pattern here, once, so that no decision waits for it.
    fn pattern(&mut self, node: &'p IdedExpr, call: &'p CallExpr) {
        let written = match (&call.target, call.args.as_slice()) {
            (Some(_), [pattern]) | (None, [_, pattern]) => literal_text(pattern),
            _ => None,
        };
        let Some(written) = written else {
            let help = "write the pattern as a string, or let a node compare".to_owned();
            self.problem(node, "the pattern of `matches` is computed".to_owned(), help, "matches");
            return;
        };
        if self.patterns.contains_key(written) {
            return;
        }
        match Pattern::compile(written) {
            Ok(pattern) => {
                self.patterns.insert(written.to_owned(), pattern);
            }
            Err(message) => {
                let help =
                    "write a shorter one, `[0-9]` for `\\d` and `[a-z]` for `\\pL`, or let a node compare".to_owned();
                let at = self.source.find(written).map(|start| start..start + written.len());
                match at.filter(|at| !at.is_empty()) {
                    Some(at) => {
                        self.problems.push(ExpressionProblem { at: Some(at), ..ExpressionProblem::new(message, help) });
                    }
                    None => self.problem(node, message, help, "matches"),
                }
            }
        }
    }

    fn variable(&mut self, node: &'p IdedExpr, name: &'p str, bound: &[&'p str]) {
        if name.starts_with('@') || bound.contains(&name) {
            return;
        }
        match name {
            "state" => {
                let help = "write `state.` and its name, or `state[\"its-name\"]`".to_owned();
                self.problem(node, "`state` must be followed by the name of a channel".to_owned(), help, name);
            }
            "input" => {
                let help = format!("write `input.` and a field: {}", listed(INPUT_FIELDS));
                self.problem(node, "`input` must be followed by the name of a field".to_owned(), help, name);
            }
            "permissions" => self.reads_permissions = true,
            _ if TYPES.contains(&name) => {}
            _ => {
                let help = suggestion(name, "variables", VARIABLES);
                let help = match self.source.contains(&format!("-{name}")) {
                    true => format!("{help} (a channel with a `-` in its name is `state[\"its-name\"]`)"),
                    false => format!("{help} (a channel is `state.{name}`)"),
                };
                self.problem(node, format!("there is no variable `{name}`"), help, name);
            }
        }
    }

    fn problem(&mut self, node: &IdedExpr, message: String, help: String, written: &str) {
        let at = word(self.source, written).or_else(|| Places::new(self.source, self.program).of(node));
        self.problems.push(ExpressionProblem { at, ..ExpressionProblem::new(message, help) });
    }
}

/// The position of a name as a whole word: in `max + x` it finds the `x` at the end, not the one in `max`.
fn word(source: &str, name: &str) -> Option<Range<usize>> {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '_';
    let whole = |start: &usize| {
        let before = source.get(..*start).and_then(|before| before.chars().next_back());
        let after = source.get(*start + name.len()..).and_then(|after| after.chars().next());
        !before.is_some_and(part_of_name) && !after.is_some_and(part_of_name)
    };
    let start = source.match_indices(name).map(|(start, _)| start).find(whole)?;
    (!name.is_empty()).then(|| start..start + name.len())
}

#[cfg(test)]
mod tests {
    use super::super::known_values::{INPUT_TYPES, SOURCES};
    use super::*;

    #[test]
    fn the_guide_has_every_name_that_an_expression_may_use() {
        let guide = include_str!("../../../../docs/guide/bundle.md");
        for function in functions().chain(MACROS.into_iter().map(|(name, _)| name)) {
            assert!(guide.contains(&format!("`{function}`")), "docs/guide/bundle.md lacks the function {function}");
        }
        for field in INPUT_FIELDS {
            assert!(guide.contains(&format!("| `input.{field}` |")), "docs/guide/bundle.md lacks input.{field}");
        }
        for value in INPUT_TYPES.into_iter().chain(SOURCES) {
            assert!(guide.contains(&format!("`{value}`")), "docs/guide/bundle.md lacks the value {value}");
        }
        let limits = format!("{} bytes and {} brackets", super::super::MAX_SOURCE_BYTES, super::super::MAX_NESTING);
        assert!(guide.contains(&limits), "docs/guide/bundle.md lacks: {limits}");
        // The guide must list exactly the characters that `too_much` counts.
        let (_, counted) = guide.split_once("brackets and operators: each ").unwrap();
        let (counted, not_counted) = counted.split_once("counts, inside of strings too, while ").unwrap();
        let (not_counted, _) = not_counted.split_once(" and closing brackets do not").unwrap();
        let signs = |text: &'static str| text.split('`').skip(1).step_by(2);
        let is_refused = |sign: &str| super::super::too_much(&format!("{sign} ").repeat(33)).is_some();
        assert_eq!(signs(counted).filter(|sign| !is_refused(sign)).collect::<Vec<_>>(), Vec::<&str>::new());
        assert_eq!(signs(not_counted).filter(|sign| is_refused(sign)).collect::<Vec<_>>(), Vec::<&str>::new());
        assert_eq!((signs(counted).count(), signs(not_counted).count()), (14, 4));
        for variable in VARIABLES {
            assert!(guide.contains(&format!("| `{variable}")), "docs/guide/bundle.md lacks the variable {variable}");
        }
    }

    #[test]
    fn a_caret_stands_under_whole_names() {
        assert_eq!(word("maxx + x", "x"), Some(7..8));
        assert_eq!(word("ăx x", "x"), Some(4..5));
        assert_eq!(word("max", "x"), None);
        assert_eq!(word("max", ""), None);
    }
}
