//! What every business's chat needs, whatever the business: words, language, days and times as people say them, opening
//! hours. Plain functions over plain data.

pub mod calendar;
pub mod hours;
pub mod language;
pub mod spellings;
pub mod text;
pub mod zone;
