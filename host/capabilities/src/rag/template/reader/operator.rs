//! Operators and their precedence.

use minijinja::machinery::Token;

use super::super::language::{Arithmetic, Comparison};
use super::Reader;

/// An operator between two values: its precedence and its operation.
pub(super) enum Operator {
    Or,
    And,
    Compare(Comparison),
    Arithmetic(Arithmetic),
}

pub(super) const OR: u8 = 1;
pub(super) const AND: u8 = 2;
pub(super) const NOT: u8 = 3;
pub(super) const COMPARE: u8 = 4;
pub(super) const ADD: u8 = 5;
pub(super) const CONCATENATE: u8 = 6;
pub(super) const MULTIPLY: u8 = 7;
pub(super) const POWER: u8 = 8;

impl Reader<'_> {
    /// The next operator.
    pub(super) fn operator(&self) -> Option<(u8, Operator)> {
        let compare = |comparison| Some((COMPARE, Operator::Compare(comparison)));
        let calculate = |strength, arithmetic| Some((strength, Operator::Arithmetic(arithmetic)));
        match self.next.as_ref().map(|(token, _)| token)? {
            Token::Ident("or") => Some((OR, Operator::Or)),
            Token::Ident("and") => Some((AND, Operator::And)),
            Token::Ident("in") => compare(Comparison::In),
            Token::Ident("not") => compare(Comparison::NotIn),
            Token::Eq => compare(Comparison::Equal),
            Token::Ne => compare(Comparison::NotEqual),
            Token::Lt => compare(Comparison::Less),
            Token::Lte => compare(Comparison::LessOrEqual),
            Token::Gt => compare(Comparison::Greater),
            Token::Gte => compare(Comparison::GreaterOrEqual),
            Token::Plus => calculate(ADD, Arithmetic::Add),
            Token::Minus => calculate(ADD, Arithmetic::Subtract),
            Token::Tilde => calculate(CONCATENATE, Arithmetic::Concatenate),
            Token::Mul => calculate(MULTIPLY, Arithmetic::Multiply),
            Token::Div => calculate(MULTIPLY, Arithmetic::Divide),
            Token::FloorDiv => calculate(MULTIPLY, Arithmetic::FloorDivide),
            Token::Mod => calculate(MULTIPLY, Arithmetic::Remainder),
            Token::Pow => calculate(POWER, Arithmetic::Power),
            _ => None,
        }
    }
}
