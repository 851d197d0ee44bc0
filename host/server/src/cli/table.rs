//! Tables for people: one line per thing, columns as wide as their cells, and the last column cut to the terminal's
//! width.

use comfy_table::{ColumnConstraint, ContentArrangement, Row, Width, presets};

use super::output;

/// The last column's width where the output is no terminal.
const LAST_COLUMN: usize = 60;
/// The last column's width on a terminal that the other columns fill.
const LEAST_OF_LAST_COLUMN: u16 = 10;

/// A list with a header.
pub struct TextTable {
    inner: comfy_table::Table,
    columns: usize,
    terminal: Option<u16>,
}

impl TextTable {
    /// An empty list with the names of its columns.
    pub fn new(columns: &[&str]) -> Self {
        Self::for_terminal(columns, terminal_width())
    }

    fn for_terminal(columns: &[&str], terminal: Option<u16>) -> Self {
        let mut inner = comfy_table::Table::new();
        inner.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        inner.set_header(columns);
        Self { inner, columns: columns.len(), terminal }
    }

    /// Adds a line. Cells may hold untrusted text, and several lines of it.
    pub fn add(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells = cells.into_iter().enumerate().map(|(index, cell)| {
            let cell = output::printable(&cell.split_whitespace().collect::<Vec<_>>().join(" "));
            let cut = self.terminal.is_none() && index + 1 == self.columns;
            if cut { shorten(&cell, LAST_COLUMN) } else { cell }
        });
        let mut row = Row::from(cells);
        row.max_height(1);
        self.inner.add_row(row);
    }

    /// The lines, without trailing spaces.
    pub fn lines(mut self) -> Vec<String> {
        for (index, column) in self.inner.column_iter_mut().enumerate() {
            column.set_padding((0, if index + 1 == self.columns { 0 } else { 2 }));
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
        if let Some(terminal) = self.terminal {
            let others: u16 = self.inner.column_max_content_widths().iter().rev().skip(1).map(|width| width + 2).sum();
            if let Some(last) = self.inner.column_mut(self.columns.saturating_sub(1)) {
                let width = terminal.saturating_sub(others).max(LEAST_OF_LAST_COLUMN);
                last.set_constraint(ColumnConstraint::UpperBoundary(Width::Fixed(width)));
            }
            self.inner.set_width(terminal.max(others + LEAST_OF_LAST_COLUMN));
        }
        self.inner.lines().map(|line| line.trim_end().to_owned()).collect()
    }

    /// Writes the lines to standard output.
    pub fn print(self) -> anyhow::Result<()> {
        self.lines().iter().try_for_each(|line| output::line(line))
    }
}

fn terminal_width() -> Option<u16> {
    terminal_size::terminal_size_of(std::io::stdout()).map(|(terminal_size::Width(width), _)| width)
}

/// The text on one line, cut to `limit` characters.
pub fn shorten(text: &str, limit: usize) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", words.get(..end).unwrap_or_default()),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(terminal: Option<u16>) -> Vec<String> {
        let mut table = TextTable::for_terminal(&["DECISION", "CODE", "MESSAGE"], terminal);
        table.add(["dec_1".to_owned(), "booking.confirmed".to_owned(), "o masă\npentru 4 ".repeat(10)]);
        table.add(["dec_22".to_owned(), "menu".to_owned(), "ce\u{1b}[31m aveți?".to_owned()]);
        table.lines()
    }

    #[test]
    fn columns_are_as_wide_as_what_they_hold_and_a_line_fits_the_terminal() {
        let lines = table(Some(50));
        assert_eq!(lines[0], "DECISION  CODE               MESSAGE");
        assert!(lines[1].starts_with("dec_1     booking.confirmed  o masă pentru 4 o"), "{lines:?}");
        assert!(lines.iter().all(|line| line.chars().count() <= 50), "{lines:?}");
        assert_eq!(lines.len(), 3, "a line for each thing: {lines:?}");
    }

    #[test]
    fn without_a_terminal_the_last_column_alone_is_cut() {
        let lines = table(None);
        assert!(lines[1].ends_with('…') && lines[1].chars().count() < 100, "{lines:?}");
        assert!(!lines[2].contains('\u{1b}'), "what a stranger wrote reaches the terminal as it is: {lines:?}");
    }
}
