//! Finds the parts of an expression in its source. The parser gives only the position of each part's token.

use std::ops::Range;

use cel::Program;
use cel::common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue, operators};

/// The longest part of a source that a message repeats, in characters.
const LONGEST_EXCERPT: usize = 60;

/// Finds parts in a source.
pub(super) struct Places<'p> {
    source: &'p str,
    program: &'p Program,
}

impl<'p> Places<'p> {
    pub fn new(source: &'p str, program: &'p Program) -> Self {
        Self { source, program }
    }

    /// The place of a node with everything inside it.
    pub fn of(&self, node: &IdedExpr) -> Option<Range<usize>> {
        let mut whole = self.of_text(node.id)?;
        self.widen(node, &mut whole);
        Some(self.balanced(whole))
    }

    /// The source text of a node, for a message.
    pub fn text(&self, node: &IdedExpr) -> String {
        let written = self.of(node).and_then(|place| self.source.get(place)).unwrap_or("…");
        match written.char_indices().nth(LONGEST_EXCERPT) {
            Some((end, _)) => format!("{}…", written.get(..end).unwrap_or_default()),
            None => written.to_owned(),
        }
    }

    /// The place of a node's token, which is the whole node for a text or a name.
    pub fn of_text(&self, node: u64) -> Option<Range<usize>> {
        let (start, last) = self.program.source_info().offset_for(node)?;
        let (start, end) = (usize::try_from(start).ok()?, usize::try_from(last).ok()?.checked_add(1)?);
        self.source.get(start..end)?;
        (start < end).then_some(start..end)
    }

    fn widen(&self, node: &IdedExpr, whole: &mut Range<usize>) {
        if let Some(own) = self.of_text(node.id) {
            *whole = whole.start.min(own.start)..whole.end.max(own.end);
        }
        match &node.expr {
            Expr::Unspecified | Expr::Ident(_) | Expr::Struct(_) => {}
            Expr::Literal(literal) => {
                // The sign of a negative number is a separate token.
                let is_negative = match literal {
                    LiteralValue::Int(number) => *number.inner() < 0,
                    LiteralValue::Double(number) => *number.inner() < 0.0,
                    _ => false,
                };
                if is_negative {
                    self.begin("-", whole);
                }
            }
            Expr::Select(select) => {
                self.widen(&select.operand, whole);
                self.reach(&select.field, whole);
            }
            Expr::Call(call) => {
                match (call.func_name.as_str(), call.args.as_slice()) {
                    (
                        operators::OPT_SELECT,
                        [operand, IdedExpr { expr: Expr::Literal(LiteralValue::String(field)), .. }],
                    ) => {
                        self.widen(operand, whole);
                        self.reach("?", whole);
                        self.reach(field.inner(), whole);
                        return;
                    }
                    // The token of a call is its bracket, and the name stands before it.
                    (name, _) if call.target.is_none() => self.begin(name, whole),
                    _ => {}
                }
                call.target.iter().map(Box::as_ref).chain(&call.args).for_each(|part| self.widen(part, whole));
            }
            Expr::List(list) => list.elements.iter().for_each(|part| self.widen(part, whole)),
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.widen(&entry.key, whole);
                        self.widen(&entry.value, whole);
                    }
                }
            }
            Expr::Comprehension(inner) => {
                self.widen(&inner.iter_range, whole);
                self.widen(&inner.loop_step, whole);
            }
        }
    }

    /// Extends the place to the left by this word.
    fn begin(&self, word: &str, whole: &mut Range<usize>) {
        let before = self.source.get(..whole.start).unwrap_or_default().trim_end();
        if let Some(before) = before.strip_suffix(word) {
            whole.start = before.len();
        }
    }

    /// Extends the place to the right by the name of the field after the dot.
    fn reach(&self, field: &str, whole: &mut Range<usize>) {
        let rest = self.source.get(whole.end..).unwrap_or_default();
        let spaces = rest.len() - rest.trim_start().len();
        if rest.trim_start().starts_with(field) {
            whole.end += spaces + field.len();
        }
    }

    /// Extends the place to the brackets that belong to it.
    fn balanced(&self, whole: Range<usize>) -> Range<usize> {
        let Range { mut start, end } = whole.clone();
        let (mut open, mut quote, mut escaped) = (0_usize, None, false);
        let from = self.source.get(start..).unwrap_or_default();
        for (at, character) in from.char_indices().map(|(at, character)| (whole.start + at, character)) {
            if at >= end && open == 0 {
                return start..end;
            }
            match (quote, character) {
                (Some(_), _) if escaped => escaped = false,
                (Some(_), '\\') => escaped = true,
                (Some(mark), _) if mark == character => quote = None,
                (Some(_), _) => {}
                (None, '"' | '\'') => quote = Some(character),
                (None, '(' | '[' | '{') => open += 1,
                (None, ')' | ']' | '}') if open > 0 => {
                    open -= 1;
                    if at >= end && open == 0 {
                        return start..at + character.len_utf8();
                    }
                }
                // A bracket that was opened before the place.
                (None, ')' | ']' | '}') if at < end => {
                    let before = self.source.get(..start).and_then(|before| before.rfind(['(', '[', '{']));
                    start = before.unwrap_or(start);
                }
                (None, _) => {}
            }
        }
        start..end
    }
}
