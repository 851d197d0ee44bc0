//! Recognises symptoms of long ago: an illness that a person had years before is no emergency today. A doctor reads of
//! it all the same.

use super::any;
use crate::text::{Word, is_numeric, number_or_article};

/// Words that mean long ago by themselves.
const LONG_AGO: &[&str] = &[
    "anul|luna trecut*",
    "ani|luni in urma",
    "demult|candva",
    "in copilarie",
    "cand eram",
    "antecedente*|istoric*",
    "last year|month",
    "years|months ago",
    "as a child",
    "when i was",
    "history of",
    "in the past",
    "in trecut",
];

/// Words of the past.
const WAS: &[&str] = &[
    "avut|facut|fost|suferit|murit|lesinat|sangerat|vomitat|tusit|pierdut|durut|inghitit|luat",
    "had|suffered|died|was|were|fainted|bled|vomited|coughed",
    "antecedente*|istoric*",
    "history of",
];

/// Words of the present; with one of them in the clause nothing is over.
const IS: &[&str] = &[
    "doare|dor|ustura|simt|simte|sunt|este|e",
    "de cand",
    "mereu|continuu",
    "azi|astazi|aseara|ieri|diseara",
    "today|yesterday|tonight|since|is|hurts|feel|feels|keep|keeps",
];

/// Words of what comes again or goes on; with one of them in the message nothing is over.
const AGAIN: &[&str] =
    &["inca|iar|iarasi", "din nou", "la fel", "de atunci", "still|again|now", "the same", "since then", "back"];

/// Whether a clause speaks of long ago, and neither it nor its message of anything that lasts or is back.
pub(super) fn is_over(words: &[Word], message: &[Word]) -> bool {
    let is_count = |word: &Word| number_or_article(&word.folded).is_some() || is_numeric(&word.folded);
    // `Acum 10 ani` and `acum 20 de ani` are long ago; `acum` alone is now.
    let ago = |at: usize, words: &[Word]| {
        let of = usize::from(folded(words, at + 2) == "de");
        words.get(at + 1).is_some_and(is_count) && is_long(folded(words, at + 2 + of))
    };
    let now = |words: &[Word]| {
        (0..words.len()).any(|at| folded(words, at) == "acum" && !words.get(at + 1).is_some_and(is_count))
    };
    let long_ago = (0..words.len()).any(|at| folded(words, at) == "acum" && ago(at, words)) || any(words, LONG_AGO);
    long_ago && any(words, WAS) && !any(words, IS) && !any(message, AGAIN) && !now(message)
}

fn folded(words: &[Word], at: usize) -> &str {
    words.get(at).map_or("", |word| word.folded.as_str())
}

fn is_long(unit: &str) -> bool {
    matches!(unit, "luna" | "luni" | "an" | "ani")
}
