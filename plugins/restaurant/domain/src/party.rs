//! For how many, and under which name.

use crate::text::{Word, number, number_or_article};

/// For how many a message asks. `used` marks the words that were read as day or time. `bare` takes a lonely number too,
/// when the guest was just asked for it.
pub fn size(words: &[Word], used: &[bool], bare: bool) -> Option<u32> {
    let count = |index: usize| {
        let free = used.get(index) != Some(&true);
        words
            .get(index)
            .filter(|_| free)
            .and_then(|word| number(&word.folded))
            .filter(|count| (1..=500).contains(count))
    };
    counted_people(words, &count)
        .or_else(|| announced(words, &count))
        .or_else(|| couple(words))
        .or_else(|| if bare { only(words, &count) } else { None })
}

/// `4 persoane`, `two adults and 2 kids`: groups add up.
fn counted_people(words: &[Word], count: &impl Fn(usize) -> Option<u32>) -> Option<u32> {
    let mut grown_ups = None;
    let mut children = None;
    for (index, word) in words.iter().enumerate() {
        let group = match word.folded.as_str() {
            "persoane" | "persoana" | "oameni" | "insi" | "locuri" | "adulti" | "adult" | "people" | "persons"
            | "person" | "guests" | "seats" | "adults" | "pax" => &mut grown_ups,
            "copii" | "copil" | "kids" | "kid" | "children" | "child" => &mut children,
            _ => continue,
        };
        let before = index.checked_sub(1).and_then(|before| {
            count(before).or_else(|| number_or_article(&words.get(before)?.folded).filter(|count| *count == 1))
        });
        // `20 de persoane`
        let before = before.or_else(|| {
            let of = index.checked_sub(1)?;
            if words.get(of)?.folded == "de" { count(of.checked_sub(1)?) } else { None }
        });
        if group.is_none() {
            *group = before;
        }
    }
    match (grown_ups, children) {
        (None, None) => None,
        (grown_ups, children) => Some(grown_ups.unwrap_or(0) + children.unwrap_or(0)),
    }
}

/// `pentru 4`, `masă de 6`, `suntem 5`, `table for two`, `party of 8`, `4 of us`.
fn announced(words: &[Word], count: &impl Fn(usize) -> Option<u32>) -> Option<u32> {
    (0..words.len()).find_map(|index| {
        let number = count(index)?;
        let before = |back: usize| index.checked_sub(back).and_then(|at| words.get(at)).map_or("", |word| &word.folded);
        let after = |ahead: usize| words.get(index + ahead).map_or("", |word| &word.folded);
        let announced =
            matches!(before(1), "pentru" | "for" | "suntem" | "fim" | "fi" | "in" | "noi" | "be" | "are" | "re")
                && !(before(1) == "in" && before(2).is_empty())
                || (matches!(before(1), "de" | "of")
                    && matches!(before(2), "masa" | "grup" | "party" | "table" | "group"));
        let of_us = (after(1), after(2)) == ("of", "us");
        let counts_time = matches!(
            after(1),
            "zile"
                | "zi"
                | "ore"
                | "ora"
                | "minute"
                | "days"
                | "day"
                | "hours"
                | "hour"
                | "weeks"
                | "week"
                | "pm"
                | "am"
        );
        if (announced || of_us) && !counts_time { Some(number) } else { None }
    })
}

/// `eu și soția`, `just me`.
fn couple(words: &[Word]) -> Option<u32> {
    let folded: Vec<&str> = words.iter().map(|word| word.folded.as_str()).collect();
    let has = |phrase: &[&str]| folded.windows(phrase.len()).any(|window| window == phrase);
    let partner =
        ["sotia", "sotul", "iubita", "iubitul", "prietena", "wife", "husband", "girlfriend", "boyfriend", "partner"];
    if partner.iter().any(|word| folded.contains(word))
        && (has(&["si"]) || has(&["and"]) || has(&["cu"]) || has(&["with"]))
    {
        return Some(2);
    }
    if has(&["just", "me"]) || has(&["doar", "eu"]) || has(&["numai", "eu"]) || folded.contains(&"singur") {
        return Some(1);
    }
    None
}

fn only(words: &[Word], count: &impl Fn(usize) -> Option<u32>) -> Option<u32> {
    let mut numbers = (0..words.len()).filter_map(count);
    match (numbers.next(), numbers.next()) {
        (Some(only), None) if words.len() <= 3 => Some(only),
        _ => None,
    }
}

/// The name after `pe numele`, `under the name`, `my name is`, as it was written.
pub fn name(words: &[Word]) -> Option<String> {
    let folded: Vec<&str> = words.iter().map(|word| word.folded.as_str()).collect();
    let announcements: [&[&str]; 7] = [
        &["pe", "numele"],
        &["pe", "nume"],
        &["numele", "meu", "este"],
        &["numele", "meu", "e"],
        &["the", "name"],
        &["name", "is"],
        &["name", "of"],
    ];
    let start = announcements.iter().find_map(|phrase| {
        folded.windows(phrase.len()).position(|window| window == *phrase).map(|at| at + phrase.len())
    })?;
    let start = start + usize::from(matches!(folded.get(start), Some(&"of" | &"is" | &"de")));
    let name: Vec<&str> = words
        .iter()
        .skip(start)
        .take_while(|word| word.written.chars().next().is_some_and(char::is_uppercase))
        .take(3)
        .map(|word| word.written.as_str())
        .collect();
    if name.is_empty() { None } else { Some(name.join(" ")) }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::calendar;
    use crate::text::words;

    fn read(text: &str) -> Option<u32> {
        let words = words(text);
        let when = calendar::read_words(&words, date(2026, 11, 25).at(15, 0, 0, 0));
        size(&words, &when.used, false)
    }

    #[test]
    fn the_size_of_a_party_is_read_in_both_languages() {
        let cases = [
            ("o masă pentru 4 persoane mâine la 19:30", 4),
            ("masa pentru 4", 4),
            ("A table for two, please", 2),
            ("table for 6 tomorrow at 7 pm", 6),
            ("suntem cinci", 5),
            ("vom fi 8", 8),
            ("o masă de 6 la 8 seara", 6),
            ("party of 12", 12),
            ("there will be 3 of us", 3),
            ("20 de persoane", 20),
            ("2 adulți și 2 copii", 4),
            ("two adults and three kids", 5),
            ("o persoană", 1),
            ("eu și soția", 2),
            ("just me", 1),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn times_and_days_are_no_people() {
        for text in
            ["pentru mâine la 19:30", "for 7 pm", "peste 2 zile", "pe 25 decembrie", "la 8", "for 3 days", "0 persoane"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_lonely_number_counts_only_when_it_was_asked_for() {
        assert_eq!(size(&words("4"), &[false], false), None);
        assert_eq!(size(&words("4"), &[false], true), Some(4));
        assert_eq!(size(&words("cred ca doi"), &[], true), Some(2));
        assert_eq!(size(&words("4 5"), &[], true), None);
    }

    #[test]
    fn a_name_is_kept_as_it_was_written() {
        assert_eq!(name(&words("pe numele Ștefan Popescu, mulțumesc")).as_deref(), Some("Ștefan Popescu"));
        assert_eq!(name(&words("under the name Smith please")).as_deref(), Some("Smith"));
        assert_eq!(name(&words("under the name of Ana")).as_deref(), Some("Ana"));
        assert_eq!(name(&words("ce nume frumos")), None);
    }

    #[test]
    fn any_words_give_no_party_or_one_of_a_possible_size() {
        const WORDS: [&str; 20] = [
            "la", "pentru", "suntem", "o", "masa", "de", "4", "19:30", "9999", "0", "persoane", "copii", "adults",
            "for", "two", "mâine", "25.12", "half", "seara", "table",
        ];
        let mut random = 0x2545_F491_4F6C_DD1D_u64;
        let mut pick = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            usize::try_from(random % WORDS.len() as u64).unwrap()
        };
        for _ in 0..20_000 {
            let sentence = (0..1 + pick() % 9).map(|_| WORDS[pick()]).collect::<Vec<_>>().join(" ");
            let used: Vec<bool> = words(&sentence).iter().map(|_| pick() % 2 == 0).collect();
            let guests = size(&words(&sentence), &used, true);
            assert!(guests.is_none_or(|guests| (1..=1_000).contains(&guests)), "{sentence}: {guests:?}");
        }
    }
}
