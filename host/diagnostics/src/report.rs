//! Everything that is wrong with a text, in one report: each problem with its file, line, column and a caret.

mod source;

use std::fmt;
use std::ops::Range;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, NamedSource,
    SourceCode, SourceSpan, SpanContents,
};
use serde::Serialize;
use signalbox_model::visible;
use source::without_hidden;

/// The most problems that a report shows.
pub const MAX_PROBLEMS: usize = 100;

/// The longest message and the longest help, in characters. Both may repeat a name from the file, which may have any
/// length.
const LONGEST_TEXT: usize = 1_000;

/// How many bytes of a line are drawn on each side of what a caret points at, and how many bytes of what it points at.
const DRAWN: usize = 120;

/// How bad a problem is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The text cannot be used.
    #[default]
    Error,
    /// The text can be used, but its author may have meant something else, or it may fail when it runs.
    Warning,
}

/// One thing that is wrong, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, naming the entry of the file.
    pub message: String,
    /// The bytes of the file it is about.
    pub span: Range<usize>,
    /// The text under the caret.
    pub label: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Problem {
    /// An error about what is at `span`.
    pub fn new(message: impl Into<String>, span: Range<usize>, label: impl Into<String>) -> Self {
        Self { severity: Severity::Error, message: cut(message.into()), span, label: label.into(), help: None }
    }

    /// A warning about what is at `span`.
    pub fn warning(message: impl Into<String>, span: Range<usize>, label: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::new(message, span, label) }
    }

    /// Whether the problem prevents the use of the text.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(cut(help.into()));
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

impl Diagnostic for Problem {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = (!self.label.is_empty()).then(|| self.label.clone());
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(label, self.span.clone()))))
    }
}

/// A problem with its place as a person counts, for `--json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlacedProblem<'a> {
    /// How bad it is.
    pub severity: Severity,
    /// The file.
    pub file: &'a str,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: &'a str,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<&'a str>,
}

/// Every problem of one file, in the file's order.
#[derive(Debug)]
pub struct Report {
    file: String,
    source: NamedSource<String>,
    problems: Vec<Problem>,
}

impl Report {
    /// A report about `file`, whose text is `source`. A span outside the text or inside a character is moved to the
    /// nearest valid place.
    pub fn new(file: &str, source: &str, mut problems: Vec<Problem>) -> Self {
        for problem in &mut problems {
            problem.span = within(source, &problem.span);
        }
        // Names and excerpts come from the file, and a control character in them could act on the reader's terminal.
        for problem in &mut problems {
            problem.message = visible(&problem.message).into_owned();
            problem.label = visible(&problem.label).into_owned();
            problem.help = problem.help.take().map(|help| visible(&help).into_owned());
        }
        problems.sort_by_key(|problem| problem.span.start);
        problems.dedup();
        if problems.len() > MAX_PROBLEMS {
            problems.truncate(MAX_PROBLEMS);
            let end = source.len()..source.len();
            let (message, is_error) =
                ("there are more problems than are told here", problems.iter().any(Problem::is_error));
            let more = if is_error { Problem::new(message, end, "") } else { Problem::warning(message, end, "") };
            problems.push(more.with_help("mend these first"));
        }
        let file = visible(file).into_owned();
        Self { source: NamedSource::new(&file, without_hidden(source)), file, problems }
    }

    /// The report with further problems of the file.
    #[must_use]
    pub fn with(self, more: Vec<Problem>) -> Self {
        let problems = self.problems.into_iter().chain(more).collect();
        Self::new(&self.file, self.source.inner(), problems)
    }

    /// The problems with 1-based line and column.
    pub fn problems(&self) -> impl Iterator<Item = PlacedProblem<'_>> {
        self.places().map(|(problem, place)| PlacedProblem {
            severity: problem.severity,
            file: &self.file,
            line: place.line + 1,
            column: place.column + 1,
            message: &problem.message,
            help: problem.help.as_deref(),
        })
    }

    /// Every problem with its place, found in one pass over the text, because problems come in its order.
    fn places(&self) -> impl Iterator<Item = (&Problem, Place)> {
        let text = self.source.inner();
        let mut place = Place::default();
        self.problems.iter().map(move |problem| {
            let skipped = text.get(place.offset..problem.span.start).unwrap_or_default();
            match skipped.rfind('\n') {
                Some(newline) => {
                    place.line += skipped.bytes().filter(|byte| *byte == b'\n').count();
                    place.line_start = place.offset + newline + 1;
                    place.column = skipped.get(newline + 1..).unwrap_or_default().chars().count();
                }
                None => place.column += skipped.chars().count(),
            }
            place.offset = problem.span.start;
            (problem, place)
        })
    }

    /// How many there are, warnings among them; at least one.
    pub fn count(&self) -> usize {
        self.problems.len()
    }

    /// How many of them are errors.
    pub fn errors(&self) -> usize {
        self.problems.iter().filter(|problem| problem.is_error()).count()
    }

    /// How many of them are warnings.
    pub fn warnings(&self) -> usize {
        self.count() - self.errors()
    }

    /// The report as a terminal shows it.
    pub fn render(&self, colour: bool) -> String {
        let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(100).with_links(false);
        let mut out = String::new();
        for (problem, place) in self.places() {
            let placed =
                InSource { problem, excerpt: Excerpt::around(&self.file, self.source.inner(), problem, place) };
            // Writing to a string cannot fail; a source that miette cannot slice still leaves the message.
            if handler.render_report(&mut out, &placed).is_err() {
                out.push_str(&problem.message);
            }
            out.push('\n');
        }
        out.push_str(&format!("{self}\n"));
        out
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", counted(self.errors(), self.warnings()), self.file)
    }
}

impl std::error::Error for Report {}

impl Diagnostic for Report {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.problems.iter().map(|problem| problem as &dyn Diagnostic)))
    }
}

/// Where a problem begins, counted from 0.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    offset: usize,
    line: usize,
    line_start: usize,
    column: usize,
}

/// The part of a file that is drawn with a caret. It never fills more than some lines of a terminal, however long the
/// lines of the file are.
#[derive(Debug)]
struct Excerpt<'a> {
    file: &'a str,
    text: &'a str,
    line: usize,
    column: usize,
    /// What the caret points at, within the text.
    span: Range<usize>,
}

impl<'a> Excerpt<'a> {
    fn around(file: &'a str, source: &'a str, problem: &Problem, place: Place) -> Self {
        let Range { start, end } = problem.span.clone();
        let end = source.floor_char_boundary(end.min(start + DRAWN)).max(start);
        let before = source.get(..place.line_start).unwrap_or_default();
        let line_before =
            before.strip_suffix('\n').map_or(0, |before| before.rfind('\n').map_or(0, |newline| newline + 1));
        let after = source.get(end..).unwrap_or_default();
        let line_end = after.find('\n').map_or(source.len(), |length| end + length);
        let line_after = source
            .get(line_end + 1..)
            .map_or(source.len(), |rest| rest.find('\n').map_or(source.len(), |length| line_end + 1 + length));
        let from_line_before = start - line_before <= 2 * DRAWN;
        let (from, line, column) = if from_line_before {
            (line_before, place.line - usize::from(line_before < place.line_start), 0)
        } else if start - place.line_start <= DRAWN {
            (place.line_start, place.line, 0)
        } else {
            let from = source.ceil_char_boundary(start - DRAWN);
            let shown = source.get(from..start).unwrap_or_default().chars().count();
            (from, place.line, place.column.saturating_sub(shown))
        };
        let to = if line_after - end <= 2 * DRAWN {
            line_after
        } else {
            line_end.min(source.floor_char_boundary(end + DRAWN))
        };
        Self { file, text: source.get(from..to).unwrap_or_default(), line, column, span: start - from..end - from }
    }
}

impl SourceCode for Excerpt<'_> {
    fn read_span<'s>(
        &'s self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'s> + 's>, MietteError> {
        let found = self.text.read_span(span, lines_before, lines_after)?;
        let column = found.column() + if found.line() == 0 { self.column } else { 0 };
        Ok(Box::new(MietteSpanContents::new_named(
            self.file.to_owned(),
            found.data(),
            *found.span(),
            found.line() + self.line,
            column,
            found.line_count(),
        )))
    }
}

/// Shortens a text that is too long by its middle. The end stays, because it says what is wrong with the name before
/// it.
fn cut(text: String) -> String {
    let length = text.chars().count();
    if length <= LONGEST_TEXT {
        return text;
    }
    let head: String = text.chars().take(LONGEST_TEXT / 2).collect();
    let tail: String = text.chars().skip(length - LONGEST_TEXT / 4).collect();
    format!("{head}…{tail}")
}

/// A problem with the source that its caret needs.
#[derive(Debug)]
struct InSource<'a> {
    problem: &'a Problem,
    excerpt: Excerpt<'a>,
}

impl fmt::Display for InSource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

impl std::error::Error for InSource<'_> {}

impl Diagnostic for InSource<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        self.problem.severity()
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.problem.help()
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = (!self.problem.label.is_empty()).then(|| self.problem.label.clone());
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(label, self.excerpt.span.clone()))))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.excerpt)
    }
}

/// For example `2 problems and 1 warning`.
pub fn counted(errors: usize, warnings: usize) -> String {
    let of = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    match (errors, warnings) {
        (errors, 0) => of(errors, "problem"),
        (0, warnings) => of(warnings, "warning"),
        (errors, warnings) => format!("{} and {}", of(errors, "problem"), of(warnings, "warning")),
    }
}

fn within(source: &str, span: &Range<usize>) -> Range<usize> {
    let start = source.floor_char_boundary(span.start);
    let end = source.ceil_char_boundary(span.end.max(start));
    start..end
}

#[cfg(test)]
mod tests {
    use signalbox_model::is_hidden;

    use super::*;

    #[test]
    fn a_report_of_strangers_text_commands_no_terminal_and_still_points_at_the_place() {
        let source = "a = 1\r\nname = \"\u{202e}gnp\u{1b}[2J\u{e0041}\u{9b}\" # ă\n";
        let shown = without_hidden(source);
        assert_eq!(shown.len(), source.len());
        let start = source.find('#').unwrap();
        assert!(shown[start..].starts_with("# ă"), "{shown}");
        let problem = Problem::new("`\u{202e}gnp` is unknown", start..start + 1, "\u{1b}[2J").with_help("\u{200b}");
        let report = Report::new("bun\u{202e}dle.toml", source, vec![problem]);
        let text = report.render(false);
        assert!(!text.chars().any(|character| is_hidden(character) && character != '\n'), "{text:?}");
        assert!(text.contains("\\u{202e}gnp") && text.contains(":2:"), "{text}");
    }
}
