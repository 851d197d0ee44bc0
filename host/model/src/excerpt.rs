use std::borrow::Cow;

/// How many characters of the path to a field an error repeats.
pub const LONGEST_PLACE: usize = 200;

/// How many characters of the problem of a field an error repeats; it may quote the sender.
pub const LONGEST_PROBLEM: usize = 400;

/// A text from a sender, shortened for an error message: when it has more than `limit` characters, its middle is left
/// out. The end stays, because JSON libraries say at the end what they expected.
pub fn excerpt(text: &str, limit: usize) -> Cow<'_, str> {
    let characters = text.chars().count();
    if characters <= limit {
        return Cow::Borrowed(text);
    }
    let kept = limit.saturating_sub(1);
    let tail = kept / 2;
    let start = text.chars().take(kept - tail);
    let end = text.chars().skip(characters - tail);
    Cow::Owned(start.chain(['…']).chain(end).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_keeps_its_beginning_and_its_end_and_is_as_long_as_allowed() {
        assert_eq!(excerpt("beginning, middle, end", 9), "begi… end");
        assert_eq!(excerpt("șțăîșțăî", 5), "șț…ăî");
        assert_eq!(excerpt("ab", 1), "…");
        assert_eq!(excerpt("ab", 0), "…");
    }

    #[test]
    fn a_text_that_is_short_enough_stays_as_it_is() {
        assert!(matches!(excerpt("șase", 4), Cow::Borrowed("șase")));
        assert!(matches!(excerpt("", 0), Cow::Borrowed("")));
    }
}
