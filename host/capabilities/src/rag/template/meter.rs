//! Limits the cost of rendering. The cost of an operation depends on the values that it reads and makes. So the limit
//! is the same on every machine and at every time: whether a template renders depends on the template and its
//! parameters alone.

use super::RenderSteps;

/// The most bytes that one rendering may make, in all texts, lists and maps together.
const MOST_MADE: usize = 1 << 20;
/// The deepest nesting of lists and maps.
pub(super) const DEEPEST: u16 = 128;

/// Why rendering stops.
#[derive(Debug)]
pub(super) struct RenderError {
    pub kind: RenderErrorKind,
    /// The template's line; 0 while it is not known.
    pub line: u16,
}

#[derive(Debug)]
pub(super) enum RenderErrorKind {
    TooMuch,
    TooLong,
    Failed(Box<str>),
}

impl RenderError {
    pub fn failed(reason: impl Into<String>) -> Self {
        Self { kind: RenderErrorKind::Failed(reason.into().into_boxed_str()), line: 0 }
    }

    pub fn too_long() -> Self {
        Self { kind: RenderErrorKind::TooLong, line: 0 }
    }

    pub fn at(mut self, line: u16) -> Self {
        if self.line == 0 {
            self.line = line;
        }
        self
    }
}

/// Counts the work that is left.
#[derive(Debug)]
pub(super) struct RenderMeter {
    left: u32,
    made: usize,
}

impl RenderMeter {
    pub fn new(work: RenderSteps) -> Self {
        Self { left: work.0, made: 0 }
    }

    /// How many steps are left.
    pub fn left(&self) -> u32 {
        self.left
    }

    /// Counts steps; one step is about as much work as looking at one small value.
    pub fn steps(&mut self, count: usize) -> Result<(), RenderError> {
        match u32::try_from(count).ok().and_then(|count| self.left.checked_sub(count)) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                self.left = 0;
                Err(RenderError { kind: RenderErrorKind::TooMuch, line: 0 })
            }
        }
    }

    /// Counts bytes that are looked at one by one.
    pub fn look(&mut self, bytes: usize) -> Result<(), RenderError> {
        self.steps(bytes / 4 + 1)
    }

    /// Counts the bytes of a new text, before it is made.
    pub fn text(&mut self, bytes: usize) -> Result<(), RenderError> {
        self.steps(bytes / 32 + 1)?;
        self.make(bytes)
    }

    /// Counts the places of a new list or map, before it is made.
    pub fn places(&mut self, count: usize) -> Result<(), RenderError> {
        self.steps(count.saturating_add(1))?;
        self.make(count.saturating_mul(size_of::<super::value::Value<'_>>()))
    }

    /// Goes one level down into a value.
    pub fn down(&mut self, depth: u16) -> Result<u16, RenderError> {
        self.steps(1)?;
        if depth >= DEEPEST {
            return Err(RenderError::failed(format!("lists and maps may be nested {DEEPEST} levels deep")));
        }
        Ok(depth + 1)
    }

    fn make(&mut self, bytes: usize) -> Result<(), RenderError> {
        self.made = self.made.saturating_add(bytes);
        if self.made > MOST_MADE { Err(RenderError { kind: RenderErrorKind::TooMuch, line: 0 }) } else { Ok(()) }
    }
}
