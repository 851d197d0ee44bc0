//! Numbers in digits and in words.

use super::Word;

/// A number from 0 to 9,999, in digits or in words of either language.
pub fn number(word: &str) -> Option<u32> {
    if !word.is_empty() && word.len() <= 4 && word.bytes().all(|byte| byte.is_ascii_digit()) {
        return word.parse().ok();
    }
    let value = match word {
        "zero" => 0,
        "unu" | "una" | "one" => 1,
        "doi" | "doua" | "two" => 2,
        "trei" | "three" => 3,
        "patru" | "four" => 4,
        "cinci" | "five" => 5,
        "sase" | "six" => 6,
        "sapte" | "seven" => 7,
        "opt" | "eight" => 8,
        "noua" | "nine" => 9,
        "zece" | "ten" => 10,
        "unsprezece" | "unspe" | "eleven" => 11,
        "doisprezece" | "douasprezece" | "doispe" | "twelve" => 12,
        "treisprezece" | "treispe" | "thirteen" => 13,
        "paisprezece" | "paispe" | "fourteen" => 14,
        "cincisprezece" | "cinspe" | "fifteen" => 15,
        "saisprezece" | "saispe" | "sixteen" => 16,
        "saptesprezece" | "saptespe" | "seventeen" => 17,
        "optsprezece" | "optspe" | "eighteen" => 18,
        "nouasprezece" | "nouaspe" | "nineteen" => 19,
        "douazeci" | "twenty" => 20,
        "treizeci" | "thirty" => 30,
        "patruzeci" | "forty" => 40,
        "cincizeci" | "fifty" => 50,
        "saizeci" | "sixty" => 60,
        "saptezeci" | "seventy" => 70,
        "optzeci" | "eighty" => 80,
        "nouazeci" | "ninety" => 90,
        "suta" | "hundred" => 100,
        _ => return None,
    };
    Some(value)
}

/// Whether a word is any number, also one that cannot count people or hours: `-3`, `2,5`, `3-4`, `99999`.
pub fn is_numeric(word: &str) -> bool {
    number(word).is_some() || word.bytes().any(|byte| byte.is_ascii_digit())
}

/// A number, or an article that means one (`o săptămână`, `a week`).
pub fn number_or_article(word: &str) -> Option<u32> {
    match word {
        "o" | "un" | "a" | "an" => Some(1),
        other => number(other),
    }
}

/// Joins number words to one number: `douăzeci și cinci`, `twenty-five`.
pub(super) fn join(words: Vec<Word>) -> Vec<Word> {
    let mut joined: Vec<Word> = Vec::with_capacity(words.len());
    for word in words {
        let unit = number(&word.folded).filter(|unit| (1..10).contains(unit) && !starts_with_digit(&word));
        let and = joined.last().is_some_and(|last| last.folded == "si");
        let tens = joined.len().checked_sub(1 + usize::from(and)).and_then(|at| joined.get(at)).and_then(|word| {
            let romanian = word.folded.ends_with("zeci");
            let tens = number(&word.folded).filter(|tens| *tens >= 20 && tens % 10 == 0);
            tens.filter(|_| !starts_with_digit(word) && romanian == and)
        });
        let (Some(unit), Some(tens)) = (unit, tens) else {
            joined.push(word);
            continue;
        };
        let and = if and { joined.pop() } else { None };
        if let Some(last) = joined.last_mut() {
            let and = and.map(|and| format!("{} ", and.written)).unwrap_or_default();
            last.written = format!("{} {and}{}", last.written, word.written);
            last.folded = (tens + unit).to_string();
        }
    }
    joined
}

fn starts_with_digit(word: &Word) -> bool {
    word.folded.starts_with(|first: char| first.is_ascii_digit())
}
