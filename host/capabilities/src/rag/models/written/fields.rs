//! Rules for the fields of a message model.

/// The longest name, in bytes.
const LONGEST_NAME: usize = 128;

/// Whether a text is a language tag of BCP 47.
pub fn is_locale(text: &str) -> bool {
    icu_locale_core::Locale::try_from_str(text).is_ok()
}

/// A text, shortened for a message.
pub(super) fn excerpt(text: &str) -> String {
    text.chars().take(64).collect()
}

pub(super) fn name_problem(text: &str) -> Option<String> {
    let odd = |character: char| character.is_whitespace() || character.is_control();
    let fits = (1..=LONGEST_NAME).contains(&text.len()) && !text.contains(odd);
    (!fits).then(|| format!("has to be 1 to {LONGEST_NAME} bytes without spaces"))
}

pub(super) fn version_problem(text: &str) -> Option<String> {
    let number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()) && part.parse::<u64>().is_ok();
    let fits = text.len() <= LONGEST_NAME && text.split('.').all(number);
    (!fits).then(|| "has to be numbers with dots between them, such as `1.10`".to_owned())
}

pub(super) fn locale_problem(text: &str) -> Option<String> {
    (!is_locale(text)).then(|| format!("`{text}` is no language tag of BCP 47, such as `ro` or `en-GB`"))
}
