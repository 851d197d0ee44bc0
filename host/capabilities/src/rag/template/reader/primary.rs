//! Parses the operands of expressions: names, literals, calls, lists and maps.

use minijinja::machinery::Token;
use signalbox_diagnostics::nearest;

use super::super::TemplateError;
use super::super::language::{Constant, ExpressionKind, ExpressionNode, Filter, LoopField};
use super::expression::{MOST_IN_A_ROW, deepest};
use super::{Reader, Reading, WORDS};

impl<'s> Reader<'s> {
    /// The name of a keyword argument.
    pub(super) fn keyword(&mut self) -> Reading<Option<&'s str>> {
        let (Some((Token::Ident(name), _)), Some((Token::Assign, _))) = (&self.next, &self.after) else {
            return Ok(None);
        };
        let name = *name;
        self.advance()?;
        self.advance()?;
        Ok(Some(name))
    }

    pub(super) fn primary(&mut self) -> Reading<ExpressionNode> {
        let line = self.line;
        let constant = |constant| ExpressionKind::Constant(constant);
        let kind = match self.advance()? {
            Some(Token::Ident(name)) => return self.named(name, line),
            Some(Token::Str(text)) => constant(Constant::Text(self.more_text(text.to_owned())?)),
            Some(Token::String(text)) => constant(Constant::Text(self.more_text(text.into_string())?)),
            Some(Token::Int(value)) => constant(Constant::Integer(value.into())),
            Some(Token::Int128(value)) => match i128::try_from(*value) {
                Ok(value) => constant(Constant::Integer(value)),
                Err(_) => return self.syntax("the number is too large"),
            },
            Some(Token::Float(value)) => constant(Constant::Float(value)),
            Some(Token::ParenOpen) => return self.parentheses(line),
            Some(Token::BracketOpen) => {
                let items = self.several(|token| matches!(token, Token::BracketClose))?;
                let depths: Vec<u16> = items.iter().map(|item| item.depth).collect();
                return self.node(ExpressionKind::List(items), line, &depths);
            }
            Some(Token::BraceOpen) => return self.map(line),
            Some(token) => return self.syntax(format!("unexpected {token}, expected an expression")),
            None => return self.unexpected("an expression"),
        };
        self.node(kind, line, &[])
    }

    /// Joins adjacent texts.
    fn more_text(&mut self, mut text: String) -> Reading<String> {
        while self.is(|token| matches!(token, Token::Str(_) | Token::String(_))) {
            match self.advance()? {
                Some(Token::Str(more)) => text.push_str(more),
                Some(Token::String(more)) => text.push_str(&more),
                _ => {}
            }
        }
        Ok(text)
    }

    fn named(&mut self, name: &'s str, line: u16) -> Reading<ExpressionNode> {
        let constant = match name {
            "true" | "True" => Some(Constant::Bool(true)),
            "false" | "False" => Some(Constant::Bool(false)),
            "none" | "None" => Some(Constant::None),
            _ => None,
        };
        if let Some(constant) = constant {
            return self.node(ExpressionKind::Constant(constant), line, &[]);
        }
        if name == "loop" {
            return self.loop_part(line);
        }
        if WORDS.contains(&name) {
            return self.syntax(format!("unexpected `{name}`, expected an expression"));
        }
        if self.is(|token| matches!(token, Token::ParenOpen)) {
            return self.call(name, line);
        }
        let place = self.used(name, line)?;
        self.node(ExpressionKind::Variable(place), line, &[])
    }

    fn call(&mut self, name: &'s str, line: u16) -> Reading<ExpressionNode> {
        // An unknown function may have any arguments.
        let arguments = self.arguments(if name == "range" { name } else { "" }, &[], line)?;
        if name != "range" {
            let name = super::excerpt(name);
            let way_out = match (nearest(&name, ["range"]), Filter::named(&name)) {
                (Some(near), _) => format!("did you mean `{near}`?"),
                (None, Some(_)) => format!("there is a filter of that name: `… | {name}`"),
                (None, None) => "there is: range".to_owned(),
            };
            self.problems.push(TemplateError::Unknown {
                what: format!("function `{name}`"),
                way_out,
                line: line.into(),
            });
            return self.node(ExpressionKind::Constant(Constant::None), line, &[]);
        }
        self.count("function", "range", &arguments, &(1..=3), line);
        let depth = deepest(&arguments);
        self.node(ExpressionKind::Range(arguments.positional), line, &[depth])
    }

    /// `loop.…`
    fn loop_part(&mut self, line: u16) -> Reading<ExpressionNode> {
        if self.loops == 0 {
            return self.syntax("`loop` is there within a `for` only");
        }
        if !self.skip(|token| matches!(token, Token::Dot))? {
            return self.syntax("`loop` is used with one of its parts, such as `loop.index`");
        }
        let name_line = self.line;
        let name = self.word("a part of `loop`")?;
        if name == "cycle" && self.is(|token| matches!(token, Token::ParenOpen)) {
            let arguments = self.arguments("loop.cycle", &[], name_line)?;
            self.count("function", "loop.cycle", &arguments, &(1..=MOST_IN_A_ROW), name_line);
            let depth = deepest(&arguments);
            return self.node(ExpressionKind::Cycle(arguments.positional), line, &[depth]);
        }
        match LoopField::named(name) {
            Some(field) => self.node(ExpressionKind::Loop(field), line, &[]),
            None => {
                self.unknown("part of `loop`", name, LoopField::NAMES, name_line);
                self.node(ExpressionKind::Constant(Constant::None), line, &[])
            }
        }
    }

    fn parentheses(&mut self, line: u16) -> Reading<ExpressionNode> {
        let close = |token: &Token<'_>| matches!(token, Token::ParenClose);
        if self.skip(close)? {
            return self.node(ExpressionKind::Tuple(Vec::new()), line, &[]);
        }
        let value = self.expression()?;
        if self.skip(close)? {
            return Ok(value);
        }
        self.require("`)`", |token| matches!(token, Token::Comma))?;
        let mut items = vec![value];
        items.extend(self.several(close)?);
        let depths: Vec<u16> = items.iter().map(|item| item.depth).collect();
        self.node(ExpressionKind::Tuple(items), line, &depths)
    }

    /// The rest of a tuple without parentheses, in a `set`.
    pub(super) fn rest_of_tuple(&mut self, first: ExpressionNode) -> Reading<ExpressionNode> {
        let (line, mut items) = (first.line, vec![first]);
        while self.skip(|token| matches!(token, Token::Comma))? {
            if self.is(|token| matches!(token, Token::BlockEnd)) {
                break;
            }
            items.push(self.expression()?);
        }
        let depths: Vec<u16> = items.iter().map(|item| item.depth).collect();
        self.node(ExpressionKind::Tuple(items), line, &depths)
    }

    /// Expressions separated by commas, up to a closing bracket.
    fn several(&mut self, close: fn(&Token<'_>) -> bool) -> Reading<Vec<ExpressionNode>> {
        let mut items = Vec::new();
        while !self.skip(close)? {
            if !items.is_empty() {
                self.require("`,`", |token| matches!(token, Token::Comma))?;
                if self.skip(close)? {
                    break;
                }
            }
            items.push(self.expression()?);
        }
        Ok(items)
    }

    fn map(&mut self, line: u16) -> Reading<ExpressionNode> {
        let close = |token: &Token<'_>| matches!(token, Token::BraceClose);
        let (mut entries, mut depths) = (Vec::new(), Vec::new());
        while !self.skip(close)? {
            if !entries.is_empty() {
                self.require("`,`", |token| matches!(token, Token::Comma))?;
                if self.skip(close)? {
                    break;
                }
            }
            let name = self.expression()?;
            self.require("`:`", |token| matches!(token, Token::Colon))?;
            let value = self.expression()?;
            depths.extend([name.depth, value.depth]);
            entries.push((name, value));
        }
        self.node(ExpressionKind::Map(entries), line, &depths)
    }
}
