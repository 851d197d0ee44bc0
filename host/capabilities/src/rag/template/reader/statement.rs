//! Parses statements and their bodies.

use minijinja::machinery::Token;

use super::super::language::{AssignmentTarget, Body, Name, Statement};
use super::{LITERALS, Reader, Reading, WORDS, excerpt};

/// Statements of Jinja that this language does not have, and what to use instead.
const FOREIGN: [(&str, &str); 13] = [
    ("autoescape", "nothing is escaped in messages"),
    ("block", "a message model is one template"),
    ("break", "give the loop a condition: `{% for … in … if … %}`"),
    ("call", "write the text where it is needed"),
    ("continue", "give the loop a condition: `{% for … in … if … %}`"),
    ("do", "expressions have no effects"),
    ("extends", "a message model is one template"),
    ("filter", "apply the filter where the value is written: `{{ … | upper }}`"),
    ("from", "a message model is one template"),
    ("import", "a message model is one template"),
    ("include", "a message model is one template"),
    ("macro", "write the text where it is needed"),
    ("trans", "write a message model for each language"),
];

impl<'s> Reader<'s> {
    /// Statements up to a block that begins with one of these words. Returns the word; an empty text at the template's
    /// end.
    pub(super) fn body(&mut self, ends: &[&str]) -> Reading<(Body, &'s str)> {
        let mut body = Vec::new();
        loop {
            match self.advance()? {
                None if ends.is_empty() => return Ok((body, "")),
                None => {
                    return self
                        .syntax(format!("unexpected end of the template, expected `{{% {} %}}`", ends.join("` or `")));
                }
                Some(Token::TemplateData(text)) => body.push(Statement::Text(text.to_owned())),
                Some(Token::VariableStart) => {
                    let value = self.expression()?;
                    self.require("the end of the expression `}}`", |token| matches!(token, Token::VariableEnd))?;
                    body.push(Statement::Emit(value));
                }
                Some(Token::BlockStart) => {
                    if let Some((Token::Ident(word), _)) = self.next
                        && ends.contains(&word)
                    {
                        self.advance()?;
                        return Ok((body, word));
                    }
                    let statement = self.within(Self::statement)?;
                    self.block_end()?;
                    body.push(statement);
                }
                Some(token) => return self.syntax(format!("unexpected {token}")),
            }
        }
    }

    /// A body in its own scope.
    fn scoped(&mut self, assigned: &[&AssignmentTarget], ends: &[&str]) -> Reading<(Body, &'s str)> {
        self.scopes.push(Vec::new());
        for target in assigned {
            self.assign(target);
        }
        let body = self.body(ends);
        self.leave();
        body
    }

    fn statement(&mut self) -> Reading<Statement> {
        let line = self.line;
        match self.word("a statement")? {
            "if" => self.condition(),
            "for" => self.repetition(),
            "set" => self.assignment(),
            "with" => self.with(),
            word => {
                self.line = line;
                match FOREIGN.iter().find(|(foreign, _)| *foreign == word) {
                    Some((foreign, instead)) => {
                        self.syntax(format!("templates of messages have no `{{% {foreign} %}}`; {instead}"))
                    }
                    None if word.starts_with("end") || ["else", "elif"].contains(&word) => {
                        self.syntax(format!("`{{% {} %}}` closes nothing that is open here", excerpt(word)))
                    }
                    None => self.syntax(format!(
                        "there is no statement `{}`; there are: if, for, set, with, raw",
                        excerpt(word)
                    )),
                }
            }
        }
    }

    fn condition(&mut self) -> Reading<Statement> {
        let (mut branches, mut otherwise) = (Vec::new(), Vec::new());
        loop {
            let test = self.expression()?;
            self.block_end()?;
            let (body, end) = self.body(&["elif", "else", "endif"])?;
            branches.push((test, body));
            if end == "else" {
                self.block_end()?;
                otherwise = self.body(&["endif"])?.0;
            }
            if end != "elif" {
                return Ok(Statement::If { branches, otherwise });
            }
        }
    }

    fn repetition(&mut self) -> Reading<Statement> {
        let target = self.target()?;
        if !self.skip_word("in")? {
            return self.unexpected("`in`");
        }
        let over = self.without_choice()?;
        self.scopes.push(Vec::new());
        self.assign(&target);
        let condition = if self.skip_word("if")? { Some(self.expression()?) } else { None };
        self.leave();
        if self.is_word("recursive") {
            return self.syntax("templates of messages have no recursive loops");
        }
        self.block_end()?;
        self.loops += 1;
        let body = self.scoped(&[&target], &["else", "endfor"]);
        self.loops -= 1;
        let (body, end) = body?;
        let mut otherwise = Vec::new();
        if end == "else" {
            self.block_end()?;
            otherwise = self.scoped(&[], &["endfor"])?.0;
        }
        Ok(Statement::For { target, over, condition, body, otherwise })
    }

    fn assignment(&mut self) -> Reading<Statement> {
        let target = self.target()?;
        if self.is(|token| matches!(token, Token::Dot)) {
            return self.syntax("only a name can be set, nothing within a value");
        }
        if self.is(|token| matches!(token, Token::Pipe)) {
            return self.syntax("apply the filter where the value is used: `{{ … | upper }}`");
        }
        if self.skip(|token| matches!(token, Token::Assign))? {
            let value = self.expression()?;
            let value = if self.is(|token| matches!(token, Token::Comma)) { self.rest_of_tuple(value)? } else { value };
            self.assign(&target);
            return Ok(Statement::Set { target, value });
        }
        let AssignmentTarget::One(name) = target else { return self.unexpected("`=`") };
        self.block_end()?;
        let (body, _) = self.body(&["endset"])?;
        self.assign(&AssignmentTarget::One(name));
        Ok(Statement::Capture { name, body })
    }

    fn with(&mut self) -> Reading<Statement> {
        let mut assignments = Vec::new();
        self.scopes.push(Vec::new());
        while !self.is(|token| matches!(token, Token::BlockEnd)) {
            if !assignments.is_empty() {
                self.require("`,`", |token| matches!(token, Token::Comma))?;
            }
            let target = self.single_target()?;
            self.require("`=`", |token| matches!(token, Token::Assign))?;
            let value = self.expression()?;
            self.assign(&target);
            assignments.push((target, value));
        }
        self.block_end()?;
        let body = self.body(&["endwith"]);
        self.leave();
        Ok(Statement::With { assignments, body: body?.0 })
    }

    /// One name, or several in parentheses.
    fn single_target(&mut self) -> Reading<AssignmentTarget> {
        if !self.skip(|token| matches!(token, Token::ParenOpen))? {
            return Ok(AssignmentTarget::One(self.assigned_name()?));
        }
        let target = self.within(Self::target)?;
        self.require("`)`", |token| matches!(token, Token::ParenClose))?;
        Ok(target)
    }

    /// One name or several, separated by commas.
    fn target(&mut self) -> Reading<AssignmentTarget> {
        if self.is(|token| matches!(token, Token::ParenOpen)) {
            return self.single_target();
        }
        let mut names = vec![self.assigned_name()?];
        let mut several = false;
        while self.skip(|token| matches!(token, Token::Comma))? {
            several = true;
            if !self.is(|token| matches!(token, Token::Ident(_))) || self.is_word("in") {
                break;
            }
            names.push(self.assigned_name()?);
        }
        match (names.as_slice(), several) {
            ([name], false) => Ok(AssignmentTarget::One(*name)),
            _ => Ok(AssignmentTarget::Each(names)),
        }
    }

    fn assigned_name(&mut self) -> Reading<Name> {
        let name = self.word("a name")?;
        if WORDS.contains(&name) || LITERALS.contains(&name) {
            return self.syntax(format!("nothing can be called `{name}`"));
        }
        self.place(name)
    }
}
