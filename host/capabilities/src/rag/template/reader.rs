//! Parses a text into statements. The tokens come from minijinja. Its parser is not used, because chains of `-`, `not`,
//! `elif` or parentheses make it recurse as deep as the text is long. Names are resolved here, so that unknown names
//! are reported when a template is read.

mod expression;
mod operator;
mod primary;
mod statement;

use std::collections::{HashMap, HashSet};

use minijinja::machinery::{Token, Tokenizer};
use signalbox_diagnostics::nearest;

use super::TemplateError;
use super::language::{AssignmentTarget, Body, Name};

/// The deepest nesting of statements, parentheses, lists and maps.
const DEEPEST: usize = 40;
/// The most names of a template.
const MOST_NAMES: usize = 1_000;

/// Words that cannot be names.
const WORDS: [&str; 8] = ["and", "else", "if", "in", "is", "not", "loop", "self"];
const LITERALS: [&str; 6] = ["true", "True", "false", "False", "none", "None"];

/// A parsed template.
#[derive(Debug)]
pub(super) struct Read {
    pub body: Body,
    pub names: Vec<String>,
}

/// Why parsing stops.
struct Stop(TemplateError);

type Reading<T> = Result<T, Stop>;

struct Reader<'s> {
    tokens: Tokenizer<'s>,
    /// The next token and the one after it, each with its line.
    next: Option<(Token<'s>, u16)>,
    after: Option<(Token<'s>, u16)>,
    /// Why there are no more tokens, unless the text has ended.
    failure: Option<TemplateError>,
    /// The line of the next token.
    line: u16,
    names: Vec<String>,
    places: HashMap<&'s str, Name>,
    /// The names that are assigned, by scope.
    scopes: Vec<Vec<Name>>,
    /// Names that were assigned in a scope that has ended.
    ended: HashSet<Name>,
    parameters: HashSet<&'s str>,
    loops: usize,
    depth: usize,
    problems: Vec<TemplateError>,
}

/// Parses a template with these parameters. Reports everything that is wrong, as far as the text can be parsed.
pub(super) fn read<'s>(template: &'s str, parameters: &'s [String]) -> Result<Read, Vec<TemplateError>> {
    let tokens = Tokenizer::new(template, "template", false, minijinja::syntax::SyntaxConfig::default());
    let mut reader = Reader {
        tokens,
        next: None,
        after: None,
        failure: None,
        line: 1,
        names: Vec::new(),
        places: HashMap::new(),
        scopes: vec![Vec::new()],
        ended: HashSet::new(),
        parameters: parameters.iter().map(String::as_str).collect(),
        loops: 0,
        depth: 0,
        problems: Vec::new(),
    };
    reader.after = reader.pull();
    let body = reader.advance().and_then(|_| reader.body(&[])).map(|(body, _)| body);
    match body {
        Ok(body) if reader.problems.is_empty() => Ok(Read { body, names: reader.names }),
        Ok(_) => Err(reader.problems),
        Err(Stop(error)) => {
            reader.problems.push(error);
            Err(reader.problems)
        }
    }
}

impl<'s> Reader<'s> {
    fn pull(&mut self) -> Option<(Token<'s>, u16)> {
        if self.failure.is_some() {
            return None;
        }
        match self.tokens.next_token() {
            Ok(token) => token.map(|(token, span)| (token, span.start_line)),
            Err(error) => {
                let reason = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
                let line = error.line().unwrap_or(self.line.into());
                self.failure = Some(TemplateError::Syntax { reason, line });
                None
            }
        }
    }

    /// Takes the next token.
    fn advance(&mut self) -> Reading<Option<Token<'s>>> {
        let after = self.pull();
        let taken = std::mem::replace(&mut self.next, std::mem::replace(&mut self.after, after));
        if let Some((_, line)) = &self.next {
            self.line = *line;
        }
        match (taken, &self.failure) {
            (Some((token, _)), _) => Ok(Some(token)),
            (None, Some(failure)) if self.next.is_none() => Err(Stop(failure.clone())),
            (None, _) => Ok(None),
        }
    }

    fn syntax<T>(&self, reason: impl Into<String>) -> Reading<T> {
        Err(Stop(TemplateError::Syntax { reason: reason.into(), line: self.line.into() }))
    }

    fn unexpected<T>(&self, wanted: &str) -> Reading<T> {
        match (&self.next, &self.failure) {
            (Some((Token::Ident(name), _)), _) => {
                self.syntax(format!("unexpected `{}`, expected {wanted}", excerpt(name)))
            }
            (Some((token, _)), _) => self.syntax(format!("unexpected {token}, expected {wanted}")),
            (None, Some(failure)) => Err(Stop(failure.clone())),
            (None, None) => self.syntax(format!("unexpected end of the template, expected {wanted}")),
        }
    }

    fn is(&self, wanted: impl Fn(&Token<'s>) -> bool) -> bool {
        self.next.as_ref().is_some_and(|(token, _)| wanted(token))
    }

    fn is_word(&self, word: &str) -> bool {
        self.is(|token| matches!(token, Token::Ident(name) if *name == word))
    }

    /// Takes the next token if it is this one.
    fn skip(&mut self, wanted: impl Fn(&Token<'s>) -> bool) -> Reading<bool> {
        let found = self.is(wanted);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn skip_word(&mut self, word: &str) -> Reading<bool> {
        let found = self.is_word(word);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn require(&mut self, name: &str, wanted: impl Fn(&Token<'s>) -> bool) -> Reading<()> {
        if self.skip(wanted)? { Ok(()) } else { self.unexpected(name) }
    }

    fn block_end(&mut self) -> Reading<()> {
        self.require("the end of the block `%}`", |token| matches!(token, Token::BlockEnd))
    }

    /// Takes a name, which has to come next.
    fn word(&mut self, wanted: &str) -> Reading<&'s str> {
        match self.next {
            Some((Token::Ident(name), _)) => {
                self.advance()?;
                Ok(name)
            }
            _ => self.unexpected(wanted),
        }
    }

    /// Goes one level down for the duration of `inner`.
    fn within<T>(&mut self, inner: impl FnOnce(&mut Self) -> Reading<T>) -> Reading<T> {
        if self.depth >= DEEPEST {
            return self.syntax(format!("the template is nested deeper than {DEEPEST} levels"));
        }
        self.depth += 1;
        let given = inner(self);
        self.depth -= 1;
        given
    }

    /// Reports an unknown name, and goes on.
    fn unknown(&mut self, what: &str, name: &str, known: &[&str], line: u16) {
        let name = excerpt(name);
        let way_out = match (nearest(&name, known.iter().copied()), known) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, []) => "its arguments have no names: give them in their order".to_owned(),
            (None, known) => format!("there are: {}", known.join(", ")),
        };
        self.problems.push(TemplateError::Unknown { what: format!("{what} `{name}`"), way_out, line: line.into() });
    }

    fn place(&mut self, name: &'s str) -> Reading<Name> {
        if let Some(place) = self.places.get(name) {
            return Ok(*place);
        }
        let place = match Name::try_from(self.names.len()) {
            Ok(place) if self.names.len() < MOST_NAMES => place,
            _ => return self.syntax(format!("the template uses more than {MOST_NAMES} names")),
        };
        self.names.push(name.to_owned());
        self.places.insert(name, place);
        Ok(place)
    }

    /// A name that is read here.
    fn used(&mut self, name: &'s str, line: u16) -> Reading<Name> {
        let place = self.place(name)?;
        let assigned = self.scopes.iter().any(|scope| scope.contains(&place));
        if !assigned && !self.parameters.contains(name) {
            // Reported once, and not wherever it is used.
            if let Some(root) = self.scopes.first_mut() {
                root.push(place);
            }
            let (name, line) = (excerpt(name), line.into());
            self.problems.push(match self.ended.contains(&place) {
                true => TemplateError::Ended { name, line },
                false => TemplateError::Undeclared { name, line },
            });
        }
        Ok(place)
    }

    /// Leaves the innermost scope.
    fn leave(&mut self) {
        self.ended.extend(self.scopes.pop().unwrap_or_default());
    }

    fn assign(&mut self, target: &AssignmentTarget) {
        if let Some(scope) = self.scopes.last_mut() {
            match target {
                AssignmentTarget::One(name) => scope.push(*name),
                AssignmentTarget::Each(names) => scope.extend(names),
            }
        }
    }
}

/// Why a text cannot be a name; none when it can.
pub(super) fn name_problem(name: &str) -> Option<&'static str> {
    let letter = |character: char| character.is_ascii_alphabetic() || character == '_';
    let is_name = name.starts_with(letter) && name.chars().all(|next| letter(next) || next.is_ascii_digit());
    if !is_name {
        return Some("is no name that a template can use: it needs letters from a to z, digits or `_`, no digit first");
    }
    (WORDS.contains(&name) || LITERALS.contains(&name))
        .then_some("is a word of the templates' language, so that no template can use it; call it otherwise")
}

/// A name, shortened for an error.
pub(super) fn excerpt(name: &str) -> String {
    name.chars().take(64).collect()
}
