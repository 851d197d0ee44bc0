//! Makes text from outside safe to display: characters that control a terminal, reorder a line or are invisible are
//! shown as escapes.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::RangeInclusive;

/// Invisible characters that change the display of the text around them, in order: format characters (`Cf`: text
/// direction, joiners, tags), characters that are ignorable by default (variation selectors, fillers), line separators,
/// and private-use characters, which each font draws differently.
const HIDDEN: &[RangeInclusive<char>] = &[
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{600}'..='\u{605}',
    '\u{61c}'..='\u{61c}',
    '\u{6dd}'..='\u{6dd}',
    '\u{70f}'..='\u{70f}',
    '\u{890}'..='\u{891}',
    '\u{8e2}'..='\u{8e2}',
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180b}'..='\u{180f}',
    '\u{200b}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    // The Braille pattern without a dot.
    '\u{2800}'..='\u{2800}',
    '\u{3164}'..='\u{3164}',
    '\u{e000}'..='\u{f8ff}',
    '\u{fe00}'..='\u{fe0f}',
    '\u{feff}'..='\u{feff}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{fff0}'..='\u{fffb}',
    '\u{110bd}'..='\u{110bd}',
    '\u{110cd}'..='\u{110cd}',
    '\u{13430}'..='\u{1343f}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0000}'..='\u{e0fff}',
    '\u{f0000}'..='\u{10ffff}',
];

/// The most marks over one letter; a language may need several. More of them reach into the lines above and below.
const MOST_MARKS: usize = 4;

/// Whether a character controls the display, reorders text or is invisible.
pub fn is_hidden(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_control();
    }
    let after = HIDDEN.partition_point(|range| *range.end() < character);
    character.is_control() || HIDDEN.get(after).is_some_and(|range| range.contains(&character))
}

/// A text for display: line breaks stay, every other hidden character is written like `\u{202e}`.
pub fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, |character| character != '\n', |out, character| out.extend(character.escape_default()))
}

/// Like [`visible`], on one line.
pub fn visible_line(text: &str) -> Cow<'_, str> {
    escaped(text, |_| true, |out, character| out.extend(character.escape_default()))
}

/// JSON in which every hidden character of a string is written like `\u202e`, which is equal JSON. Line breaks stay,
/// because JSON has them only outside of strings.
pub fn visible_json(json: &str) -> Cow<'_, str> {
    escaped(
        json,
        |character| character != '\n',
        |out, character| {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        },
    )
}

fn escaped(text: &str, may_escape: impl Fn(char) -> bool, escape: impl Fn(&mut String, char)) -> Cow<'_, str> {
    let mut marks = 0;
    let mut out: Option<String> = None;
    for (place, character) in text.char_indices() {
        marks = if is_mark(character) { marks + 1 } else { 0 };
        if (is_hidden(character) || marks > MOST_MARKS) && may_escape(character) {
            escape(out.get_or_insert_with(|| text.get(..place).unwrap_or_default().to_owned()), character);
        } else if let Some(out) = &mut out {
            out.push(character);
        }
    }
    out.map_or(Cow::Borrowed(text), Cow::Owned)
}

/// Marks that fonts stack above and below a letter of any script.
fn is_mark(character: char) -> bool {
    matches!(character,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

/// The name of a hidden character or an unusual space, with its number.
pub fn name_of_hidden(character: char) -> String {
    let name = match character {
        '\0' => "null",
        '\t' => "tab",
        '\n' | '\r' => "line break",
        '\u{1b}' => "escape",
        '\u{a0}' => "no-break space",
        '\u{ad}' => "soft hyphen",
        '\u{200b}' => "zero-width space",
        '\u{200c}' => "zero-width non-joiner",
        '\u{200d}' => "zero-width joiner",
        '\u{200e}' | '\u{200f}' | '\u{61c}' => "direction mark",
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => "direction override",
        '\u{2028}' | '\u{2029}' => "line separator",
        '\u{2060}' => "word joiner",
        '\u{202f}' => "narrow no-break space",
        '\u{fe00}'..='\u{fe0f}' => "variation selector",
        '\u{feff}' => "byte order mark",
        '\u{fffd}' => "replacement character",
        '\u{e0000}'..='\u{e007f}' => "tag character",
        _ if character.is_whitespace() => "unusual space",
        _ if character.is_control() => "control character",
        _ => "invisible character",
    };
    format!("{name} U+{:04X}", u32::from(character))
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    #[test]
    fn whatever_unicode_calls_a_format_or_ignorable_character_is_hidden_and_no_letter_is() {
        let hidden =
            Regex::new(r"[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Default_Ignorable_Code_Point}\p{Bidi_Control}]").unwrap();
        let visible = Regex::new(r"[[\p{L}\p{N}\p{P}\p{S}\p{Zs}]&&\P{Default_Ignorable_Code_Point}]").unwrap();
        for character in '\0'..=char::MAX {
            let text = character.to_string();
            if hidden.is_match(&text) {
                assert!(is_hidden(character), "{:x}", u32::from(character));
            }
            if visible.is_match(&text) && character != '\u{2800}' {
                assert!(!is_hidden(character), "{:x}", u32::from(character));
            }
        }
    }

    #[test]
    fn what_a_person_writes_stays_as_it_is() {
        for text in
            ["o masă pentru 4, mâine", "o masa\u{306} pentru", "שלום, 3", "寿司 🍣", "a\nb", "l’été – 5 €", "🇷🇴"]
        {
            assert!(matches!(visible(text), Cow::Borrowed(same) if same == text), "{text}");
            assert!(matches!(visible_json(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }

    #[test]
    fn what_reorders_hides_or_commands_is_shown() {
        let cases = [
            ("\u{202e}txet", "\\u{202e}txet"),
            ("a\u{2066}b\u{2069}", "a\\u{2066}b\\u{2069}"),
            ("a\u{200b}b\u{feff}", "a\\u{200b}b\\u{feff}"),
            ("a\u{e0041}", "a\\u{e0041}"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("a\rb", "a\\rb"),
            ("👩\u{200d}🍳", "👩\\u{200d}🍳"),
            ("e\u{301}\u{301}\u{301}\u{301}\u{301}", "e\u{301}\u{301}\u{301}\u{301}\\u{301}"),
        ];
        for (text, shown) in cases {
            assert_eq!(visible(text), shown);
        }
        assert_eq!(visible("a\nb"), "a\nb");
        assert_eq!(visible_line("a\nb\u{2028}"), "a\\nb\\u{2028}");
    }

    #[test]
    fn json_says_the_same_without_hidden_characters() {
        let text = "a\u{202e}b\u{e0041}\u{7f}\u{9b}\u{2028}ă";
        let json = serde_json::to_string(text).unwrap();
        let shown = visible_json(&json);
        assert_eq!(shown, r#""a\u202eb\udb40\udc41\u007f\u009b\u2028ă""#);
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
    }
}
