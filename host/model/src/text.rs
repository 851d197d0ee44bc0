use icu_normalizer::ComposingNormalizerBorrowed;

/// A text in Unicode's composed form (NFC). A letter such as `ș` may arrive as one character or as `s` and a combining
/// comma, and a search for a word has to find both.
pub fn composed(text: String) -> String {
    const NFC: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfc();
    if NFC.is_normalized(&text) { text } else { NFC.normalize(&text).into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_the_same_text_becomes_the_same() {
        let spellings = ["Tușesc cu sânge", "Tus\u{326}esc cu sa\u{302}nge", "Tușesc cu sa\u{302}nge"];
        for spelling in spellings {
            assert_eq!(composed(spelling.to_owned()), "Tușesc cu sânge");
        }
        assert_eq!(composed("ş ș ﬁ １".to_owned()), "ş ș ﬁ １", "what looks different stays different");
    }
}
