//! The possible spellings of one text, for tests: texts that look the same must be understood the same.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Spellings of a text, each with its name. The first are canonically equal to the text; the others look the same, or
/// differ in what keyboards and word processors change.
pub fn of(text: &str) -> Vec<(&'static str, String)> {
    let each = |change: &dyn Fn(char) -> String| text.chars().map(change).collect::<String>();
    let inside_words = |filling: char| {
        let letters: Vec<char> = text.chars().collect();
        let mut filled = String::new();
        for (index, letter) in letters.iter().enumerate() {
            filled.push(*letter);
            if letter.is_alphabetic() && letters.get(index + 1).is_some_and(|next| next.is_alphabetic()) {
                filled.push(filling);
            }
        }
        filled
    };
    let cedillas = each(&|letter| match letter {
        'ș' => "ş".to_owned(),
        'ț' => "ţ".to_owned(),
        'Ș' => "Ş".to_owned(),
        'Ț' => "Ţ".to_owned(),
        other => other.to_string(),
    });
    // `î` inside words, the spelling until 1993: `sînge`.
    let older = {
        let mut before = ' ';
        let letters = text.nfc().map(|letter| {
            let inside = before.is_alphabetic();
            before = letter;
            match letter {
                'â' if inside => 'î',
                'Â' if inside => 'Î',
                other => other,
            }
        });
        letters.collect::<String>()
    };
    let bare = |text: &str| text.nfd().filter(|letter| !is_combining_mark(*letter)).collect::<String>();
    let full_width = each(&|letter| match letter {
        letter if letter.is_ascii_alphanumeric() => {
            char::from_u32(u32::from(letter) + 0xfee0).unwrap_or(letter).to_string()
        }
        other => other.to_string(),
    });
    let mut spellings = vec![("composed", text.nfc().collect()), ("decomposed", text.nfd().collect())];
    for seed in 1..=4 {
        spellings.push(("composed here and there", here_and_there(text, seed)));
    }
    spellings.extend([
        ("cedillas", cedillas.clone()),
        ("decomposed cedillas", cedillas.nfd().collect()),
        ("no-break spaces", text.replace(' ', "\u{a0}")),
        ("narrow no-break spaces", text.replace(' ', "\u{202f}")),
        ("soft hyphens", inside_words('\u{ad}')),
        ("zero-width joiners", inside_words('\u{200d}')),
        ("zero-width non-joiners", inside_words('\u{200c}')),
        ("word joiners", inside_words('\u{2060}')),
        ("a mark of byte order", format!("\u{feff}{text}")),
        ("full width", full_width),
        ("capitals", text.to_uppercase()),
        ("decomposed capitals", text.to_uppercase().nfd().collect()),
        ("Turkish capitals", each(&|letter| if letter == 'i' { "İ".to_owned() } else { letter.to_string() })),
        ("ligatures", text.replace("fi", "\u{fb01}").replace("fl", "\u{fb02}")),
        ("older spelling", older.clone()),
        ("decomposed older spelling", older.nfd().collect()),
        ("older spelling in capitals", older.to_uppercase()),
        ("older spelling without diacritics", bare(&older)),
        ("without diacritics", bare(text)),
        ("curly quotes", text.replace('\'', "\u{2019}")),
        ("no-break hyphens", text.replace('-', "\u{2011}")),
    ]);
    spellings
}

/// Composes some of the letters; the same ones for the same seed.
fn here_and_there(text: &str, seed: u64) -> String {
    let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut spelt = String::new();
    for letter in text.nfc() {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        if random & 1 == 0 { spelt.push(letter) } else { spelt.extend(std::iter::once(letter).nfd()) }
    }
    spelt
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language;
    use crate::text::words;

    const CORPUS: [&str; 24] = [
        "Tușesc cu sânge de sâmbătă",
        "Mâine suntem trei, fără pâine și brânză",
        "Am gura strâmbă și sângerez, nu-mi simt mâna stângă",
        "Am febră",
        "Are dureri în gât",
        "Bineînțeles că reîncepem, am fost neînțeles",
        "Când vă pot suna? Până târziu, o săptămână întreagă",
        "A fost rece",
        "Aș vrea o masă pentru 4 persoane mâine la 19:30, pe numele Popescu",
        "Tușesc cu sânge și mă doare pieptul",
        "Mâncarea a fost rece și ospătarul nepoliticos, vreau banii înapoi!",
        "Bună ziua! La ce oră deschideți sâmbătă?",
        "Vreau să anulez rezervarea de mâine, n-am timp",
        "sunt alergic la pește, aveți ceva fără lapte?",
        "Într-o jumătate de oră, la nouă fără un sfert",
        "Țuică și plăcintă pentru douăzeci și cinci de persoane",
        "Îmi pare rău, n-aș putea veni înainte de 20h30",
        "I can't make it, please call off my 7:30 p.m. table",
        "What's the office's first-floor menu? I'd like five dishes",
        "My mother can't breathe, I'm afraid",
        "there was a hair in my fish, I want my money back",
        "peste două zile, pe 25.12.2026, între 3-4 persoane",
        "O programare la dermatolog joi după-amiază",
        "Mă doare capul de trei zile și am febră 39,5",
    ];

    #[test]
    fn words_and_language_are_the_same_in_every_spelling() {
        let folded = |text: &str| words(text).into_iter().map(|word| word.folded).collect::<Vec<_>>();
        for text in CORPUS {
            let (expected, spoken) = (folded(text), language::detect(text));
            for (name, spelling) in of(text) {
                assert_eq!(folded(&spelling), expected, "{name}: {spelling}");
                assert_eq!(language::detect(&spelling), spoken, "{name}: {spelling}");
            }
        }
    }

    #[test]
    fn what_was_written_is_kept_and_only_composed() {
        let decomposed: String = "pe numele Ștefan Țuțea".nfd().collect();
        let written: Vec<String> = words(&decomposed).into_iter().map(|word| word.written).collect();
        assert_eq!(written, ["pe", "numele", "Ștefan", "Țuțea"]);
    }
}
