//! Rules for the chat of any business: words, language, days and times in everyday language, opening hours. Plain
//! functions over plain data.

pub mod calendar;
pub mod hours;
pub mod language;
pub mod spellings;
pub mod text;
pub mod zone;
