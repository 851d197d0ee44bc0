//! Names that do not exist, and the existing names that the author most likely meant.

use std::borrow::Cow;

use signalbox_model::folded_name;

/// The longest word for which another is suggested, because a comparison takes time proportional to the product of both
/// lengths.
const LONGEST_WORD: usize = 64;

/// The most names in a list of what exists.
const MOST_LISTED: usize = 30;

/// The start of a text that may be of any length, for a message.
pub fn excerpt(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(200) {
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}

/// The candidate that the author most likely meant. A difference in case, or between `-` and `_`, counts little.
pub fn nearest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if wanted.len() > LONGEST_WORD {
        return None;
    }
    let folded = folded_name(wanted);
    // A candidate of very different length was not meant. Letters of other scripts have up to four bytes.
    let alike = |candidate: &&str| {
        let (one, other) = (candidate.chars().count(), wanted.chars().count());
        candidate.len() <= LONGEST_WORD && one.abs_diff(other) <= one.max(other) / 3
    };
    candidates
        .into_iter()
        .filter(alike)
        .map(|candidate| (strsim::damerau_levenshtein(&folded, &folded_name(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.chars().count().max(wanted.chars().count()) / 3)
        .min_by_key(|(distance, candidate)| (*distance, *candidate != wanted))
        .map(|(_, candidate)| candidate)
}

/// The names in quotes, for a message.
pub fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut names = names.into_iter();
    let quoted: Vec<String> = names.by_ref().take(MOST_LISTED).map(|name| format!("`{}`", excerpt(name))).collect();
    let more = names.count();
    match (quoted.is_empty(), more) {
        (true, _) => "none".to_owned(),
        (false, 0) => quoted.join(", "),
        (false, more) => format!("{} and {more} more", quoted.join(", ")),
    }
}

/// `did you mean …`, or else the list of what exists.
pub fn suggestion<'a>(wanted: &str, kind: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    match nearest(wanted, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("{kind} are {}", listed(names)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_another_spelling_is_the_nearest() {
        for wanted in ["time_zone", "TimeZone", "timezone", "TIME-ZONE", "time-zoen"] {
            assert_eq!(nearest(wanted, ["name", "time-zone", "type"]), Some("time-zone"), "{wanted}");
        }
        assert_eq!(nearest("locationcontext", ["locale", "locationContext"]), Some("locationContext"));
    }

    #[test]
    fn of_equally_near_names_the_one_in_the_same_spelling_is_suggested() {
        assert_eq!(nearest("Last", ["LASt", "Last"]), Some("Last"));
    }

    #[test]
    fn no_name_is_suggested_for_one_that_is_like_none() {
        for wanted in ["colour", "x", "", &"time-zone".repeat(20)] {
            assert_eq!(nearest(wanted, ["name", "time-zone", "y"]), None, "{wanted}");
        }
    }

    #[test]
    fn what_there_is_is_listed_when_nothing_is_near_and_never_without_end() {
        assert_eq!(suggestion("nmae", "keys", ["name"]), "did you mean `name`?");
        assert_eq!(suggestion("colour", "keys", ["name", "type"]), "keys are `name`, `type`");
        let names: Vec<String> = (0..100).map(|number| format!("name-{number}")).collect();
        assert!(suggestion("colour", "keys", names.iter().map(String::as_str)).ends_with("`name-29` and 70 more"));
    }
}
