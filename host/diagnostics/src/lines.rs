//! Lines of a text by their places.

/// Where the lines of a text begin.
#[derive(Debug)]
pub struct Lines(Vec<usize>);

impl Lines {
    /// The lines of a text.
    pub fn of(text: &str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self(ends.map(|(at, _)| at + 1).collect())
    }

    /// The line of a byte offset, from 1.
    pub fn at(&self, offset: usize) -> usize {
        self.0.partition_point(|begin| *begin <= offset) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_from_behind_a_line_break_to_the_next_and_what_is_behind_the_text_is_in_the_last() {
        let lines = Lines::of("ab\n\ncd");
        assert_eq!([0, 2, 3, 4, 5, 6, 100].map(|at| lines.at(at)), [1, 1, 2, 3, 3, 3, 3]);
        assert_eq!(Lines::of("").at(0), 1);
    }
}
