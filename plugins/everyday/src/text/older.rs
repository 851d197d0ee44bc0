//! Romanian in the spelling until 1993, which many people still use: `î` where today's spelling has `â`, and `sînt` for
//! `sunt`. Without diacritics an old `î` is an `i`, so those words are listed here.

/// Prefixes that end in a consonant, before which a word that begins with `î` keeps it: `subînțeles`. Those that end in
/// a vowel (`neînțeles`, `reîncepe`, `bineînțeles`) need no list, because no `â` follows a vowel.
const PREFIXES: [&str; 6] = ["dez", "hiper", "inter", "post", "sub", "super"];

/// Whether an `î` is written `â` today: it is between two letters, and does not begin a word after a prefix. `before`
/// is the folded word up to it.
pub(super) fn is_circumflex_a(before: &str, letter_follows: bool) -> bool {
    let after_consonant = before.ends_with(|last: char| last.is_alphabetic() && !"aeiou".contains(last));
    letter_follows && after_consonant && !PREFIXES.contains(&before)
}

/// Words of today that were spelt with `î`, folded, each with its old spelling without the mark. A `*` matches any
/// ending.
const WORDS: [(&str, &str); 42] = [
    ("briu", "brau"),
    ("brinz*", "branz*"),
    ("cimp*", "camp*"),
    ("cind", "cand"),
    ("cinta*", "canta*"),
    ("cirnat*", "carnat*"),
    ("cit", "cat"),
    ("cita", "cata"),
    ("cite", "cate"),
    ("cuvint*", "cuvant*"),
    ("git", "gat"),
    ("gitul*", "gatul*"),
    ("gind*", "gand*"),
    ("griu", "grau"),
    ("hirtie*", "hartie*"),
    ("intii", "intai"),
    ("linga", "langa"),
    ("miine", "maine"),
    ("miini*", "maini*"),
    ("mina", "mana"),
    ("maninc*", "mananc*"),
    ("minca*", "manca*"),
    ("pamint*", "pamant*"),
    ("piine*", "paine*"),
    ("pina", "pana"),
    ("pintec*", "pantec*"),
    ("poimiine", "poimaine"),
    ("saptamina*", "saptamana*"),
    ("saptamini*", "saptamani*"),
    ("simbata*", "sambata*"),
    ("simbete*", "sambete*"),
    ("singe", "sange"),
    ("singele*", "sangele*"),
    ("singera*", "sangera*"),
    ("singerez*", "sangerez*"),
    ("singereaza", "sangereaza"),
    ("smintin*", "smantan*"),
    ("spinzur*", "spanzur*"),
    ("stinga*", "stanga*"),
    ("strimb*", "stramb*"),
    ("stringe*", "strange*"),
    ("tirziu", "tarziu"),
];

/// Today's word for one that is folded from an older spelling.
pub(super) fn of_today(folded: String) -> String {
    match folded.as_str() {
        "sint" | "sant" => return "sunt".to_owned(),
        "sintem" | "santem" => return "suntem".to_owned(),
        "sinteti" | "santeti" => return "sunteti".to_owned(),
        _ => {}
    }
    let found = WORDS.iter().find_map(|(old, new)| match old.strip_suffix('*') {
        Some(stem) => Some((folded.strip_prefix(stem)?, new.trim_end_matches('*'))),
        None => (folded == *old).then_some(("", *new)),
    });
    match found {
        Some((ending, new)) => format!("{new}{ending}"),
        None => folded,
    }
}

#[cfg(test)]
mod tests {
    use crate::text::words;

    fn folded(text: &str) -> Vec<String> {
        words(text).into_iter().map(|word| word.folded).collect()
    }

    #[test]
    fn an_older_spelling_with_or_without_diacritics_is_read_as_the_one_of_today() {
        let pairs = [
            ("Tușesc cu sînge", "Tușesc cu sânge"),
            ("sîmbătă și mîine, poimîine", "sâmbătă și mâine, poimâine"),
            ("gura strîmbă, sîngerez, sîngerează", "gura strâmbă, sângerez, sângerează"),
            ("pîine cu brînză și smîntînă lîngă cîrnați", "pâine cu brânză și smântână lângă cârnați"),
            ("sîntem patru, nu sînt singur", "suntem patru, nu sunt singur"),
            ("mă spînzur, gîndesc numai la asta de o săptămînă", "mă spânzur, gândesc numai la asta de o săptămână"),
            ("MÎINE CÎND PÎNĂ TÎRZIU", "MÂINE CÂND PÂNĂ TÂRZIU"),
            ("mănînc, gîtul, mîna, mîinile, pîntecul", "mănânc, gâtul, mâna, mâinile, pântecul"),
        ];
        for (old, new) in pairs {
            use unicode_normalization::UnicodeNormalization as _;
            let expected = folded(new);
            assert_eq!(folded(old), expected, "{old}");
            let decomposed: String = old.nfd().collect();
            assert_eq!(folded(&decomposed), expected, "{decomposed}");
            let bare: String = decomposed.chars().filter(char::is_ascii).collect();
            assert_eq!(folded(&bare), expected, "{bare}");
            let bare: String = new.nfd().filter(char::is_ascii).collect();
            assert_eq!(folded(&bare), expected, "{bare}");
        }
    }

    #[test]
    fn a_word_that_begins_with_its_letter_keeps_it_behind_a_prefix_and_at_both_ends() {
        let text = "neînțeles reîncepe reînnoiesc preîntâmpina bineînțeles subînțeles nemaiîntâlnit într-însul împărți hotărî coborî";
        let expected = [
            "neinteles",
            "reincepe",
            "reinnoiesc",
            "preintampina",
            "bineinteles",
            "subinteles",
            "nemaiintalnit",
            "intr",
            "insul",
            "imparti",
            "hotari",
            "cobori",
        ];
        assert_eq!(folded(text), expected);
        assert_eq!(folded("NEÎNȚELES, re\u{ad}i\u{302}ncepe"), ["neinteles", "reincepe"]);
    }

    #[test]
    fn no_other_word_is_taken_for_an_older_spelling() {
        let text = "singur single singer since cinci cine sting mincinos citesc pine tint sinteza sint-etic simbol mine string stinging";
        let told = folded(text);
        let kept: Vec<&str> = told.iter().map(String::as_str).filter(|word| *word != "sunt").collect();
        let words: Vec<&str> = text.split([' ', '-']).filter(|word| *word != "sint").collect();
        assert_eq!(kept, words);
        assert_eq!(folded("maître, Benoît, chaîne, îles"), ["maitre", "benoit", "chaine", "iles"]);
    }
}
