//! Parses expressions, with minijinja's precedence: choice, or, and, not, comparison, `+ -`, `~`, `* / // %`, `**`,
//! then minus, parts, filters and tests.

use minijinja::machinery::Token;

use super::super::TemplateError;
use super::super::language::{Arguments, Comparison, Constant, ExpressionKind, ExpressionNode, Filter, Test};
use super::operator::{ADD, COMPARE, NOT, OR, Operator};
use super::{Reader, Reading, WORDS};

/// The greatest depth of an expression; chains such as `a ~ b ~ c` count too.
const DEEPEST_NODE: u16 = 100;
/// The most arguments of a call, and minus signs and negations in a row.
pub(super) const MOST_IN_A_ROW: usize = 100;

impl<'s> Reader<'s> {
    pub(super) fn node(&self, kind: ExpressionKind, line: u16, parts: &[u16]) -> Reading<ExpressionNode> {
        let depth = parts.iter().copied().max().unwrap_or(0) + 1;
        if depth > DEEPEST_NODE {
            return self.syntax(format!("the expression is deeper than {DEEPEST_NODE} levels; divide it with `set`"));
        }
        Ok(ExpressionNode { kind: Box::new(kind), line, depth })
    }

    /// Any expression.
    pub(super) fn expression(&mut self) -> Reading<ExpressionNode> {
        self.within(|reader| {
            let line = reader.line;
            let mut value = reader.binary(OR)?;
            while reader.skip_word("if")? {
                let test = reader.binary(OR)?;
                let no = if reader.skip_word("else")? { Some(reader.expression()?) } else { None };
                let depths = [value.depth, test.depth, no.as_ref().map_or(0, |no| no.depth)];
                value = reader.node(ExpressionKind::Choice { test, yes: value, no }, line, &depths)?;
            }
            Ok(value)
        })
    }

    /// An expression that does not include a following `if`.
    pub(super) fn without_choice(&mut self) -> Reading<ExpressionNode> {
        self.within(|reader| reader.binary(OR))
    }

    fn binary(&mut self, least: u8) -> Reading<ExpressionNode> {
        let line = self.line;
        let mut left = if least <= NOT { self.negation()? } else { self.unary()? };
        while let Some((strength, operator)) = self.operator().filter(|(strength, _)| *strength >= least) {
            if matches!(operator, Operator::Compare(_)) {
                left = self.comparison(left, line)?;
                continue;
            }
            self.advance()?;
            let right = self.binary(strength + 1)?;
            let depths = [left.depth, right.depth];
            let kind = match operator {
                Operator::Or => ExpressionKind::Or(left, right),
                Operator::And => ExpressionKind::And(left, right),
                Operator::Arithmetic(arithmetic) => ExpressionKind::Arithmetic(arithmetic, left, right),
                Operator::Compare(_) => return self.unexpected("an operator"),
            };
            left = self.node(kind, line, &depths)?;
        }
        Ok(left)
    }

    fn negation(&mut self) -> Reading<ExpressionNode> {
        let (line, mut count) = (self.line, 0);
        while self.is_word("not") {
            self.advance()?;
            count += 1;
            if count > MOST_IN_A_ROW {
                return self.syntax(format!("`not` stands more than {MOST_IN_A_ROW} times in a row"));
            }
        }
        if count == 0 {
            return self.unary();
        }
        let mut value = self.binary(COMPARE)?;
        for _ in 0..count {
            let depth = value.depth;
            value = self.node(ExpressionKind::Not(value), line, &[depth])?;
        }
        Ok(value)
    }

    fn comparison(&mut self, first: ExpressionNode, line: u16) -> Reading<ExpressionNode> {
        let (mut depths, mut rest) = (vec![first.depth], Vec::new());
        while let Some((_, Operator::Compare(comparison))) = self.operator() {
            self.advance()?;
            if comparison == Comparison::NotIn && !self.skip_word("in")? {
                return self.unexpected("`in`");
            }
            let value = self.binary(ADD)?;
            depths.push(value.depth);
            rest.push((comparison, value));
        }
        self.node(ExpressionKind::Comparison(first, rest), line, &depths)
    }

    /// A value with its signs, parts, filters and tests.
    fn unary(&mut self) -> Reading<ExpressionNode> {
        let mut value = self.signed()?;
        loop {
            let line = self.line;
            if self.skip(|token| matches!(token, Token::Pipe))? {
                value = self.filter(value, line)?;
            } else if self.skip_word("is")? {
                value = self.test(value, line)?;
            } else {
                return Ok(value);
            }
        }
    }

    fn signed(&mut self) -> Reading<ExpressionNode> {
        let (line, mut count) = (self.line, 0);
        while self.skip(|token| matches!(token, Token::Minus))? {
            count += 1;
            if count > MOST_IN_A_ROW {
                return self.syntax(format!("`-` stands more than {MOST_IN_A_ROW} times in a row"));
            }
        }
        let mut value = self.parts()?;
        for _ in 0..count {
            let depth = value.depth;
            value = self.node(ExpressionKind::Negative(value), line, &[depth])?;
        }
        Ok(value)
    }

    /// A value with its parts.
    fn parts(&mut self) -> Reading<ExpressionNode> {
        let mut value = self.primary()?;
        loop {
            let line = self.line;
            if self.skip(|token| matches!(token, Token::Dot))? {
                value = self.attribute(value, line)?;
            } else if self.skip(|token| matches!(token, Token::BracketOpen))? {
                value = self.item(value, line)?;
            } else if self.is(|token| matches!(token, Token::ParenOpen)) {
                return self.syntax("only `range(…)` and `loop.cycle(…)` can be called");
            } else {
                return Ok(value);
            }
        }
    }

    fn attribute(&mut self, value: ExpressionNode, line: u16) -> Reading<ExpressionNode> {
        let depth = value.depth;
        match self.advance()? {
            Some(Token::Ident(name)) => {
                if self.is(|token| matches!(token, Token::ParenOpen)) {
                    return self.no_method(name, line);
                }
                self.node(ExpressionKind::Attribute(value, name.to_owned()), line, &[depth])
            }
            Some(Token::Int(at)) => {
                let at = self.node(ExpressionKind::Constant(Constant::Integer(at.into())), line, &[])?;
                self.node(ExpressionKind::Item(value, at), line, &[depth])
            }
            _ => self.syntax("after a dot comes a name or a number"),
        }
    }

    /// Reports a method call, because values have no methods. The call is parsed, so that errors after it are reported
    /// too.
    fn no_method(&mut self, name: &'s str, line: u16) -> Reading<ExpressionNode> {
        self.arguments("", &[], line)?;
        let way_out = match Filter::named(name) {
            Some(_) => format!("there is a filter of that name: `… | {name}`"),
            None => "values have no methods; filters do what methods do elsewhere".to_owned(),
        };
        let what = format!("method `{}`", super::excerpt(name));
        self.problems.push(TemplateError::Unknown { what, way_out, line: line.into() });
        self.node(ExpressionKind::Constant(Constant::None), line, &[])
    }

    fn item(&mut self, value: ExpressionNode, line: u16) -> Reading<ExpressionNode> {
        let colon = |token: &Token<'_>| matches!(token, Token::Colon);
        let close = |token: &Token<'_>| matches!(token, Token::BracketClose);
        let start = if self.is(colon) { None } else { Some(self.expression()?) };
        if !self.skip(colon)? {
            self.require("`]`", close)?;
            let Some(at) = start else { return self.unexpected("an expression") };
            let depths = [value.depth, at.depth];
            return self.node(ExpressionKind::Item(value, at), line, &depths);
        }
        let stop = if self.is(colon) || self.is(close) { None } else { Some(self.expression()?) };
        let step = if self.skip(colon)? && !self.is(close) { Some(self.expression()?) } else { None };
        self.require("`]`", close)?;
        let depth = |node: &Option<ExpressionNode>| node.as_ref().map_or(0, |node| node.depth);
        let depths = [value.depth, depth(&start), depth(&stop), depth(&step)];
        self.node(ExpressionKind::Slice { of: value, start, stop, step }, line, &depths)
    }

    fn filter(&mut self, value: ExpressionNode, line: u16) -> Reading<ExpressionNode> {
        let name_line = self.line;
        let name = self.word("the name of a filter")?;
        let filter = Filter::named(name);
        if filter.is_none() {
            self.unknown("filter", name, Filter::NAMES, name_line);
        }
        let (range, keywords) = filter.map_or((0..=MOST_IN_A_ROW, &[] as &[_]), Filter::signature);
        let mut arguments = self.optional_arguments(filter.map(|_| name), keywords, name_line)?;
        let Some(filter) = filter else { return self.node(ExpressionKind::Constant(Constant::None), line, &[]) };
        self.count("filter", name, &arguments, &range, name_line);
        self.resolve(filter, name, &mut arguments, name_line);
        let depth = deepest(&arguments).max(value.depth);
        self.node(ExpressionKind::Filter { filter, of: value, arguments }, line, &[depth])
    }

    /// Resolves the name in the first argument of `map`, `select` and similar filters. It has to be a literal, so that
    /// it can be checked.
    fn resolve(&mut self, filter: Filter, name: &str, arguments: &mut Arguments, line: u16) {
        let place = match filter {
            Filter::Map if !arguments.named.is_empty() => return,
            Filter::Map | Filter::Select | Filter::Reject => 0,
            Filter::Selectattr | Filter::Rejectattr => 1,
            _ => return,
        };
        let what = if filter.tests_items() { "test" } else { "filter" };
        if arguments.positional.len() <= place {
            if filter == Filter::Map {
                let reason = "`map` needs the name of a filter, or `attribute='…'`".to_owned();
                self.problems.push(TemplateError::Syntax { reason, line: line.into() });
            }
            return;
        }
        let given = arguments.positional.remove(place);
        let ExpressionKind::Constant(Constant::Text(given)) = *given.kind else {
            let reason = format!("`{name}` needs the name of a {what} as a text, such as `{name}('…')`");
            self.problems.push(TemplateError::Syntax { reason, line: line.into() });
            return;
        };
        let count = arguments.positional.len() - place;
        let wrong = if what == "test" {
            arguments.test = Test::named(&given);
            match arguments.test {
                None => return self.unknown(what, &given, Test::NAMES, line),
                Some(test) => !test.signature().0.contains(&count),
            }
        } else {
            arguments.filter = Filter::named(&given);
            match arguments.filter {
                None => return self.unknown(what, &given, Filter::NAMES, line),
                Some(inner) if inner == Filter::Map || inner.tests_items() => {
                    let reason = format!("`map` cannot apply `{given}` to each item; use a loop: `{{% for … in … %}}`");
                    return self.problems.push(TemplateError::Syntax { reason, line: line.into() });
                }
                Some(filter) => !filter.signature().0.contains(&count),
            }
        };
        if wrong {
            let reason = format!("`{name}` gives the {what} `{given}` {count} arguments, which it does not take");
            self.problems.push(TemplateError::Syntax { reason, line: line.into() });
        }
    }

    fn test(&mut self, value: ExpressionNode, line: u16) -> Reading<ExpressionNode> {
        let negated = self.skip_word("not")?;
        let name_line = self.line;
        let name = self.word("the name of a test")?;
        let test = Test::named(name);
        if test.is_none() {
            self.unknown("test", name, Test::NAMES, name_line);
        }
        let mut arguments = self.optional_arguments(test.map(|_| name), &[], name_line)?;
        if arguments.positional.is_empty() && self.begins_argument() {
            // `is divisibleby 3`, without parentheses.
            arguments.positional.push(self.signed()?);
        }
        let Some(test) = test else { return self.node(ExpressionKind::Constant(Constant::None), line, &[]) };
        self.count("test", name, &arguments, &test.signature().0, name_line);
        let depth = deepest(&arguments).max(value.depth);
        let tested = self.node(ExpressionKind::Test { test, of: value, arguments }, line, &[depth])?;
        if !negated {
            return Ok(tested);
        }
        let depth = tested.depth;
        self.node(ExpressionKind::Not(tested), line, &[depth])
    }

    fn begins_argument(&self) -> bool {
        match self.next.as_ref().map(|(token, _)| token) {
            Some(Token::Ident(name)) => !WORDS.contains(name) || *name == "loop",
            Some(
                Token::Str(_)
                | Token::String(_)
                | Token::Int(_)
                | Token::Float(_)
                | Token::Minus
                | Token::BracketOpen
                | Token::BraceOpen,
            ) => true,
            _ => false,
        }
    }

    pub(super) fn count(
        &mut self,
        what: &str,
        name: &str,
        arguments: &Arguments,
        range: &std::ops::RangeInclusive<usize>,
        line: u16,
    ) {
        let count = arguments.positional.len();
        if !range.contains(&count) {
            let (least, most) = (range.start(), range.end());
            let wanted = if least == most { most.to_string() } else { format!("{least} to {most}") };
            let reason = format!("the {what} `{name}` takes {wanted} arguments without a name, not {count}");
            self.problems.push(TemplateError::Syntax { reason, line: line.into() });
        }
    }

    /// `name` is none when the filter or test is unknown; then any keyword argument is accepted.
    fn optional_arguments(
        &mut self,
        name: Option<&str>,
        keywords: &'static [&'static str],
        line: u16,
    ) -> Reading<Arguments> {
        if !self.is(|token| matches!(token, Token::ParenOpen)) {
            return Ok(Arguments::default());
        }
        self.arguments(name.unwrap_or_default(), keywords, line)
    }

    pub(super) fn arguments(&mut self, name: &str, keywords: &'static [&'static str], line: u16) -> Reading<Arguments> {
        let close = |token: &Token<'_>| matches!(token, Token::ParenClose);
        self.require("`(`", |token| matches!(token, Token::ParenOpen))?;
        let mut arguments = Arguments::default();
        let mut count = 0;
        while !self.skip(close)? {
            if count > 0 {
                self.require("`,`", |token| matches!(token, Token::Comma))?;
                if self.skip(close)? {
                    break;
                }
            }
            count += 1;
            if count > MOST_IN_A_ROW {
                return self.syntax(format!("more than {MOST_IN_A_ROW} arguments"));
            }
            if self.is(|token| matches!(token, Token::Mul | Token::Pow)) {
                return self.syntax("arguments cannot be taken from a list or map");
            }
            match self.keyword()? {
                Some(keyword) => {
                    let value = self.expression()?;
                    match keywords.iter().find(|known| **known == keyword) {
                        Some(known) => arguments.named.push((known, value)),
                        None if name.is_empty() => {}
                        None => self.unknown(&format!("argument of `{name}`"), keyword, keywords, line),
                    }
                }
                None if !arguments.named.is_empty() => {
                    return self.syntax("an argument without a name comes before those with one");
                }
                None => {
                    let value = self.expression()?;
                    arguments.positional.push(value);
                }
            }
        }
        Ok(arguments)
    }
}

/// The depth of the deepest argument.
pub(super) fn deepest(arguments: &Arguments) -> u16 {
    let positional = arguments.positional.iter().map(|node| node.depth);
    positional.chain(arguments.named.iter().map(|(_, node)| node.depth)).max().unwrap_or(0)
}
