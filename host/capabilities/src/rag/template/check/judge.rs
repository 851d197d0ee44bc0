//! Finds out whether an operation works with any values at all. It is tried with examples of unknown values, by the
//! same code that renders, so that check and rendering never differ.

use super::super::RenderSteps;
use super::super::meter::{RenderError, RenderErrorKind, RenderMeter};
use super::super::value::Value;
use super::Checker;
use super::kinds::{TemplateValueKinds, examples};

/// What is known about a value without parameters.
#[derive(Clone, Debug)]
pub(super) enum KnownValue<'a> {
    /// The value itself.
    Value(Value<'a>),
    /// Its possible kinds.
    Kinds(TemplateValueKinds),
}

/// The code of an operation.
pub(super) type Operation<'r, 'a> = &'r dyn Fn(&[Value<'a>], &mut RenderMeter) -> Result<Value<'a>, RenderError>;

/// The most combinations of examples that are tried.
const MOST_TRIALS: usize = 500;

/// The result of trying.
enum Trial<'a> {
    /// It works with these values.
    Works(Vec<Value<'a>>),
    /// It fails with all values.
    Fails(RenderError),
    /// Unknown, because there are too many combinations, or too little work is left.
    Unsure,
}

impl<'a> KnownValue<'a> {
    pub const ANY: Self = Self::Kinds(TemplateValueKinds::ALL);

    pub fn kinds(&self) -> TemplateValueKinds {
        match self {
            Self::Value(value) => TemplateValueKinds::of(value),
            Self::Kinds(kinds) => *kinds,
        }
    }

    pub fn value(&self) -> Option<&Value<'a>> {
        match self {
            Self::Value(value) => Some(value),
            Self::Kinds(_) => None,
        }
    }

    fn examples(&self) -> Vec<Value<'a>> {
        match self {
            Self::Value(value) => vec![value.clone()],
            Self::Kinds(kinds) => {
                examples().into_iter().filter(|value| kinds.meets(TemplateValueKinds::of(value))).collect()
            }
        }
    }
}

impl Checker {
    /// What is known about the result of an operation. Reports an operation that fails for all values of its unknown
    /// operands.
    pub(super) fn operation<'a>(
        &mut self,
        what: &str,
        line: u16,
        operands: &[KnownValue<'a>],
        result: TemplateValueKinds,
        run: Operation<'_, 'a>,
    ) -> KnownValue<'a> {
        let values: Option<Vec<Value<'a>>> = operands.iter().map(|operand| operand.value().cloned()).collect();
        if let Some(values) = values
            && let Some(Ok(value)) = self.run(&values, run)
        {
            return KnownValue::Value(value);
        }
        match self.trial(operands, run) {
            Trial::Works(_) => KnownValue::Kinds(result),
            Trial::Unsure => KnownValue::ANY,
            Trial::Fails(fault) => {
                let fault = self.cause(operands, run).unwrap_or(fault);
                self.tell(what, reason(fault), line);
                KnownValue::ANY
            }
        }
    }

    /// Runs it once; none when too little work is left.
    fn run<'a>(&mut self, values: &[Value<'a>], run: Operation<'_, 'a>) -> Option<Result<Value<'a>, RenderError>> {
        self.left = self.left.checked_sub(1).filter(|left| *left >= RenderSteps::FULL.0)?;
        let mut meter = RenderMeter::new(RenderSteps::FULL);
        let done = run(values, &mut meter);
        self.left -= RenderSteps::FULL.0 - meter.left();
        Some(done)
    }

    fn trial<'a>(&mut self, operands: &[KnownValue<'a>], run: Operation<'_, 'a>) -> Trial<'a> {
        let examples: Vec<Vec<Value<'a>>> = operands.iter().map(KnownValue::examples).collect();
        let combinations = examples.iter().map(Vec::len).try_fold(1_usize, usize::checked_mul);
        let Some(combinations) = combinations.filter(|count| *count <= MOST_TRIALS) else { return Trial::Unsure };
        let mut last = None;
        for number in 0..combinations {
            let mut rest = number;
            let values: Vec<Value<'a>> = examples
                .iter()
                .filter_map(|examples| {
                    let at = rest.checked_rem(examples.len())?;
                    rest /= examples.len();
                    examples.get(at).cloned()
                })
                .collect();
            match self.run(&values, run) {
                Some(Ok(_)) => return Trial::Works(values),
                Some(Err(fault)) => last = last.or(Some(fault)),
                None => return Trial::Unsure,
            }
        }
        last.map_or(Trial::Unsure, Trial::Fails)
    }

    /// The error from the view of the operand that causes it: with another value for this operand, the operation would
    /// work.
    fn cause<'a>(&mut self, operands: &[KnownValue<'a>], run: Operation<'_, 'a>) -> Option<RenderError> {
        for (at, operand) in operands.iter().enumerate() {
            let mut others = operands.to_vec();
            if let Some(other) = others.get_mut(at) {
                *other = KnownValue::ANY;
            }
            let Trial::Works(mut values) = self.trial(&others, run) else { continue };
            if let (Some(value), Some(own)) = (values.get_mut(at), operand.examples().into_iter().next()) {
                *value = own;
                return self.run(&values, run)?.err();
            }
        }
        None
    }
}

fn reason(fault: RenderError) -> String {
    match fault.kind {
        RenderErrorKind::Failed(reason) => reason.into(),
        RenderErrorKind::TooMuch | RenderErrorKind::TooLong => {
            "it takes more work or memory than a message may".to_owned()
        }
    }
}
