//! Text as people type it, made comparable: lower case, without diacritics, cut into words.

/// A word or number of a message, folded, and where it stood in the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Lower case, without diacritics.
    pub folded: String,
    /// As it was written.
    pub written: String,
}

/// Lower case, without the diacritics of Romanian (in both encodings) and of common loan words.
pub fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).map(fold_char).collect()
}

fn fold_char(letter: char) -> char {
    match letter {
        'ă' | 'â' | 'á' | 'à' | 'ä' | 'ã' => 'a',
        'î' | 'í' | 'ì' | 'ï' => 'i',
        'ș' | 'ş' => 's',
        'ț' | 'ţ' => 't',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'ó' | 'ò' | 'ö' | 'ô' => 'o',
        'ú' | 'ù' | 'ü' => 'u',
        '’' => '\'',
        '–' | '—' | '‑' => '-',
        other => other,
    }
}

/// The words of a message. Digits keep what binds them to other digits (`19:30`, `25.12`, `25/12`, `2026-12-25`); a number
/// is parted from letters glued to it (`7pm`), and `p.m.` becomes `pm`.
pub fn words(text: &str) -> Vec<Word> {
    let letters: Vec<char> = text.chars().collect();
    let mut words: Vec<Word> = Vec::new();
    let mut current = String::new();
    for (index, letter) in letters.iter().copied().enumerate() {
        let before = current.chars().last();
        let after = letters.get(index + 1).copied();
        let binds_digits = matches!(letter, ':' | '.' | '/' | '-' | ',')
            && before.is_some_and(|before| before.is_ascii_digit())
            && after.is_some_and(|after| after.is_ascii_digit());
        if letter.is_alphanumeric() || binds_digits {
            let parts = before.is_some_and(|before| before.is_ascii_digit() != letter.is_ascii_digit())
                && before.is_some_and(char::is_alphanumeric)
                && letter.is_alphanumeric();
            if parts {
                push(&mut words, &mut current);
            }
            current.push(letter);
        } else {
            push(&mut words, &mut current);
        }
    }
    push(&mut words, &mut current);
    join_abbreviations(words)
}

fn push(words: &mut Vec<Word>, current: &mut String) {
    if !current.is_empty() {
        let written = std::mem::take(current);
        words.push(Word { folded: fold(&written), written });
    }
}

fn join_abbreviations(words: Vec<Word>) -> Vec<Word> {
    let mut joined: Vec<Word> = Vec::with_capacity(words.len());
    for word in words {
        if word.folded == "m"
            && let Some(last) = joined.last_mut()
            && matches!(last.folded.as_str(), "a" | "p")
        {
            last.folded.push('m');
            continue;
        }
        joined.push(word);
    }
    joined
}

/// Whether a sign, which is one or several folded words, stands in a message. A `*` at its end stands for any ending.
pub fn contains(words: &[Word], sign: &str) -> bool {
    find(words, sign).is_some()
}

/// Where a sign first stands in a message: the position of its first word.
pub fn find(words: &[Word], sign: &str) -> Option<usize> {
    let (sign, any_ending) = sign.strip_suffix('*').map_or((sign, false), |stem| (stem, true));
    let sign: Vec<&str> = sign.split([' ', '\'']).collect();
    let last = sign.len() - 1;
    words.windows(sign.len()).position(|window| {
        window.iter().zip(&sign).enumerate().all(|(position, (word, wanted))| {
            word.folded == *wanted || (any_ending && position == last && word.folded.starts_with(wanted))
        })
    })
}

/// A number from 0 to 9,999, in digits or in words of either language.
pub fn number(word: &str) -> Option<u32> {
    if !word.is_empty() && word.len() <= 4 && word.bytes().all(|byte| byte.is_ascii_digit()) {
        return word.parse().ok();
    }
    let value = match word {
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
        "unsprezece" | "eleven" => 11,
        "doisprezece" | "douasprezece" | "twelve" => 12,
        "treisprezece" | "thirteen" => 13,
        "paisprezece" | "fourteen" => 14,
        "cincisprezece" | "fifteen" => 15,
        "saisprezece" | "sixteen" => 16,
        "saptesprezece" | "seventeen" => 17,
        "optsprezece" | "eighteen" => 18,
        "nouasprezece" | "nineteen" => 19,
        "douazeci" | "twenty" => 20,
        _ => return None,
    };
    Some(value)
}

/// A number, or an article that means one (`o săptămână`, `a week`).
pub fn number_or_article(word: &str) -> Option<u32> {
    match word {
        "o" | "un" | "a" | "an" => Some(1),
        other => number(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> Vec<String> {
        words(text).into_iter().map(|word| word.folded).collect()
    }

    #[test]
    fn both_encodings_of_romanian_letters_fold_to_the_same() {
        assert_eq!(fold("Sâmbătă, peşte și țuică"), "sambata, peste si tuica");
        assert_eq!(fold("ŞŢ ȘȚ"), "st st");
    }

    #[test]
    fn dates_and_times_stay_whole_and_sentences_are_cut() {
        assert_eq!(folded("Mâine la 19:30, 25.12.2026."), ["maine", "la", "19:30", "25.12.2026"]);
        assert_eq!(folded("at 7pm or 7 p.m."), ["at", "7", "pm", "or", "7", "pm"]);
        assert_eq!(folded("2026-12-25 la 8."), ["2026-12-25", "la", "8"]);
        assert_eq!(folded(""), Vec::<String>::new());
    }

    #[test]
    fn a_sign_is_found_as_whole_words_or_by_its_beginning() {
        let message = words("Aș vrea să-mi anulez programarea, n-am timp");
        assert_eq!(find(&message, "anul*"), Some(4));
        assert!(contains(&message, "n'am timp"));
        assert!(!contains(&message, "program"), "a sign without `*` is a whole word");
        assert!(!contains(&[], "anul*"));
    }

    #[test]
    fn numbers_are_read_in_both_languages() {
        assert_eq!(number("patru"), Some(4));
        assert_eq!(number("twelve"), Some(12));
        assert_eq!(number("12"), Some(12));
        assert_eq!(number("12345"), None);
        assert_eq!(number("masa"), None);
    }
}
