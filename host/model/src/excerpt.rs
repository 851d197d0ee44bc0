use std::borrow::Cow;

/// What an error repeats of the path to a field, in characters.
pub const LONGEST_PLACE: usize = 200;

/// What an error says is wrong there, which may quote a stranger too.
pub const LONGEST_PROBLEM: usize = 400;

/// A text for an error that repeats a stranger's words: of one that has more characters than `limit`, the middle is
/// left out. Beginning and end stay, because the end is where readers of JSON say what they expected instead.
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
