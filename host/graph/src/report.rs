//! Everything that is wrong with a manifest, in one report: each problem with its file, line, column and a caret.

use std::fmt;
use std::ops::Range;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};
use serde::Serialize;
use signalbox_model::{is_hidden, visible};

/// How bad a problem is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// A bundle with it is not loaded.
    #[default]
    Error,
    /// A bundle with it is loaded, and may fail where it runs.
    Warning,
}

/// One thing that is wrong, and the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, naming the thing.
    pub message: String,
    /// The bytes of the file it is about.
    pub span: Range<usize>,
    /// What stands under the caret.
    pub label: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Problem {
    /// An error about what is at `span`.
    pub fn new(message: impl Into<String>, span: Range<usize>, label: impl Into<String>) -> Self {
        Self { severity: Severity::Error, message: message.into(), span, label: label.into(), help: None }
    }

    /// A warning about what is at `span`.
    pub fn warning(message: impl Into<String>, span: Range<usize>, label: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::new(message, span, label) }
    }

    /// Whether it keeps a bundle from being loaded.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Adds the way out.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
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
    /// A report about `file`, whose text is `source`. Spans outside the text, or inside a character, are drawn back to
    /// where they make sense.
    pub fn new(file: &str, source: &str, mut problems: Vec<Problem>) -> Self {
        for problem in &mut problems {
            problem.span = within(source, &problem.span);
        }
        // Names and excerpts are somebody else's text, and this is read on a terminal.
        for problem in &mut problems {
            problem.message = visible(&problem.message).into_owned();
            problem.label = visible(&problem.label).into_owned();
            problem.help = problem.help.take().map(|help| visible(&help).into_owned());
        }
        problems.sort_by_key(|problem| problem.span.start);
        problems.dedup();
        let file = visible(file).into_owned();
        Self { source: NamedSource::new(&file, without_hidden(source)), file, problems }
    }

    /// The same with more problems of the file.
    #[must_use]
    pub fn with(self, more: Vec<Problem>) -> Self {
        let problems = self.problems.into_iter().chain(more).collect();
        Self::new(&self.file, self.source.inner(), problems)
    }

    /// The problems with 1-based line and column.
    pub fn problems(&self) -> impl Iterator<Item = PlacedProblem<'_>> {
        self.problems.iter().map(|problem| {
            let before = self.source.inner().get(..problem.span.start).unwrap_or_default();
            let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
            PlacedProblem {
                severity: problem.severity,
                file: &self.file,
                line: before.matches('\n').count() + 1,
                column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
                message: &problem.message,
                help: problem.help.as_deref(),
            }
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

    /// The report as a person reads it in a terminal.
    pub fn render(&self, colour: bool) -> String {
        let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(100).with_links(false);
        let mut out = String::new();
        for problem in &self.problems {
            let placed = InSource { problem, source: &self.source };
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

/// A problem with the source that its caret needs.
#[derive(Debug)]
struct InSource<'a> {
    problem: &'a Problem,
    source: &'a NamedSource<String>,
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
        self.problem.labels()
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self.source)
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

/// The source as a terminal may show it, with every byte where it was, so that spans still fit.
fn without_hidden(source: &str) -> String {
    let mut shown = String::with_capacity(source.len());
    let mut characters = source.chars().peekable();
    while let Some(character) = characters.next() {
        let ends_line = character == '\n' || (character == '\r' && characters.peek() == Some(&'\n'));
        if !is_hidden(character) || character == '\t' || ends_line {
            shown.push(character);
            continue;
        }
        shown.push_str(match character.len_utf8() {
            1 => "?",
            2 => "??",
            3 => "\u{fffd}",
            _ => "\u{fffd}?",
        });
    }
    shown
}

#[cfg(test)]
mod tests {
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
