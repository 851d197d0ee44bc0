use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use signalbox_model::Timestamp;

/// The parts of a key as one text. Each part is preceded by its length, so that different lists of parts never give the
/// same text, whatever characters they contain.
pub(crate) fn compose(parts: &[&str]) -> String {
    let mut key = String::with_capacity(parts.iter().map(|part| part.len() + 5).sum());
    for part in parts {
        key.push_str(&part.len().to_string());
        key.push(':');
        key.push_str(part);
    }
    key
}

/// The parts of a text that [`compose`] made; none for any other text.
pub(crate) fn decompose(mut key: &str) -> Option<Vec<&str>> {
    let mut parts = Vec::new();
    while !key.is_empty() {
        let (length, rest) = key.split_once(':')?;
        let (part, rest) = rest.split_at_checked(length.parse().ok()?)?;
        parts.push(part);
        key = rest;
    }
    Some(parts)
}

/// A sort key that orders by time and then by id. The time has a fixed number of digits, so that the order of the text
/// is the order of time.
pub(crate) fn moment(at: Timestamp, id: &str) -> String {
    format!("{}#{id}", instant(at))
}

/// A time in a fixed number of digits.
pub(crate) fn instant(at: Timestamp) -> String {
    format!("{at:.9}")
}

/// The time in a sort key that [`moment`] made.
pub(crate) fn time_of(moment: &str) -> Option<Timestamp> {
    moment.split_once('#')?.0.parse().ok()
}

/// Sort keys from `lower` (included) to `upper` (excluded), in byte order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyRange {
    lower: Option<String>,
    upper: Option<String>,
}

impl KeyRange {
    /// The bounds that are set.
    pub(crate) fn bounds(&self) -> impl Iterator<Item = &str> {
        self.lower.as_deref().into_iter().chain(self.upper.as_deref())
    }

    /// Every key that starts with `prefix`.
    pub(crate) fn prefix(prefix: &str) -> Self {
        Self::default().from(prefix.to_owned()).until(after_prefix(prefix))
    }

    /// Excludes the keys before `lower`.
    pub(crate) fn from(mut self, lower: String) -> Self {
        // DynamoDB does not accept an empty key, and an empty bound restricts nothing.
        if !lower.is_empty() {
            self.lower = self.lower.max(Some(lower));
        }
        self
    }

    /// Excludes `key` and the keys before it.
    pub(crate) fn after(self, key: &str) -> Self {
        self.from(format!("{key}\0"))
    }

    /// Excludes `upper` and the keys after it; none restricts nothing.
    pub(crate) fn until(mut self, upper: Option<String>) -> Self {
        self.upper = match (self.upper, upper) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        let lower = self.lower.as_deref().unwrap_or_default();
        self.upper.as_deref().is_some_and(|upper| upper <= lower)
    }

    pub(crate) fn contains(&self, key: &str) -> bool {
        self.lower.as_deref().is_none_or(|lower| lower <= key) && self.upper.as_deref().is_none_or(|upper| key < upper)
    }

    /// The part of a key condition that restricts the sort key `#sort`; empty when there is no bound. DynamoDB has no
    /// condition that includes one bound and excludes the other, so a key that equals the upper bound may be returned
    /// too.
    pub(crate) fn condition(&self, values: &mut HashMap<String, AttributeValue>) -> &'static str {
        if let Some(lower) = &self.lower {
            values.insert(":lower".to_owned(), AttributeValue::S(lower.clone()));
        }
        if let Some(upper) = &self.upper {
            values.insert(":upper".to_owned(), AttributeValue::S(upper.clone()));
        }
        match (&self.lower, &self.upper) {
            (Some(_), Some(_)) => " AND #sort BETWEEN :lower AND :upper",
            (Some(_), None) => " AND #sort >= :lower",
            (None, Some(_)) => " AND #sort < :upper",
            (None, None) => "",
        }
    }
}

/// The first text after every text that starts with `prefix`; none when there is no such text. UTF-8 orders bytes like
/// characters, so it is the prefix with its last character replaced by the next one.
pub(crate) fn after_prefix(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        let next = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32);
        if let Some(next) = next {
            text.push(next);
            return Some(text);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_order_of_moments_is_the_order_of_time() {
        let times =
            ["2026-11-23T17:25:57Z", "2026-11-23T17:25:57.1Z", "2026-11-23T17:25:57.12Z", "2026-11-23T17:25:58Z"];
        let moments: Vec<String> = times.iter().map(|time| moment(time.parse().unwrap(), "id")).collect();
        assert!(moments.is_sorted(), "{moments:?}");
        for (time, moment) in times.iter().zip(&moments) {
            assert_eq!(time_of(moment), Some(time.parse().unwrap()));
        }
    }

    #[test]
    fn the_text_after_a_prefix_skips_surrogates_and_the_last_character() {
        assert_eq!(after_prefix("a").as_deref(), Some("b"));
        assert_eq!(after_prefix("\u{D7FF}").as_deref(), Some("\u{E000}"));
        assert_eq!(after_prefix("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(after_prefix("\u{10FFFF}"), None);
        assert_eq!(after_prefix(""), None);
    }

    proptest! {
        #[test]
        fn a_prefix_range_holds_exactly_the_texts_with_that_prefix(prefix in any::<String>(), text in any::<String>()) {
            let range = KeyRange::prefix(&prefix);
            prop_assert_eq!(range.contains(&text), text.starts_with(&prefix));
            let joined = prefix.clone() + &text;
            prop_assert!(range.contains(&joined));
        }

        #[test]
        fn parts_never_compose_to_the_key_of_other_parts(
            a in proptest::collection::vec("[0-9:#a\\x00é]{0,6}", 0..4),
            b in proptest::collection::vec("[0-9:#a\\x00é]{0,6}", 0..4),
        ) {
            let left: Vec<&str> = a.iter().map(String::as_str).collect();
            let right: Vec<&str> = b.iter().map(String::as_str).collect();
            prop_assert_eq!(compose(&left) == compose(&right), a == b);
            let composed = compose(&left);
            prop_assert_eq!(decompose(&composed), Some(left));
        }
    }
}
