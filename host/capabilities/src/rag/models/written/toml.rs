use std::ops::Range;

use signalbox_diagnostics::{Problem, parse_toml};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::{Draft, Field, Found, error, which};

/// The largest text, in bytes. Files are limited before they are read.
const LARGEST: usize = 4 << 20;

/// The models of a text: the one at its top level, or those under `[[models]]`.
pub(super) fn drafts(text: &str) -> (Vec<Draft>, Vec<Problem>) {
    let document = match parse_toml(text, LARGEST) {
        Ok(document) => document,
        Err(problems) => return (Vec::new(), problems),
    };
    let (mut fields, mut models) = (Vec::new(), None);
    for (key, value) in document.into_inner() {
        if key.get_ref() == "models" { models = Some((key.span(), value)) } else { fields.push(field(key, value)) }
    }
    let Some((at, models)) = models else {
        return (vec![Draft { at: 0..0, number: 1, count: 1, fields }], Vec::new());
    };
    let beside = |field: &Field| {
        error(&field.name_at, format!("`{}` stands beside [[models]]; it belongs into one of them", field.name))
    };
    let mut wrong: Vec<Problem> = fields.iter().map(beside).collect();
    let mut drafts = Vec::new();
    match models.into_inner() {
        DeValue::Array(items) => {
            let count = items.len();
            for (before, item) in items.into_iter().enumerate() {
                let (at, number) = (item.span(), before + 1);
                match item.into_inner() {
                    DeValue::Table(table) => drafts.push(draft(at, table, number, count)),
                    _ => {
                        let which = which(number, count).map(|which| format!(" ({which})")).unwrap_or_default();
                        wrong.push(error(&at, format!("each of the `models` has to be a table{which}")));
                    }
                }
            }
        }
        _ => wrong.push(error(&at, "`models` has to be tables, each under [[models]]".to_owned())),
    }
    (drafts, wrong)
}

fn draft(at: Range<usize>, table: DeTable<'_>, number: usize, count: usize) -> Draft {
    Draft { at, number, count, fields: table.into_iter().map(|(key, value)| field(key, value)).collect() }
}

fn field(name: Spanned<DeString<'_>>, value: Spanned<DeValue<'_>>) -> Field {
    let at = value.span();
    let value = match value.into_inner() {
        DeValue::String(text) => Found::Text(text.into_owned()),
        DeValue::Array(items) => {
            let texts = items.into_iter().map(|item| {
                let at = item.span();
                match item.into_inner() {
                    DeValue::String(text) => Some((at, text.into_owned())),
                    _ => None,
                }
            });
            texts.collect::<Option<_>>().map_or(Found::Other("a list of something else"), Found::Texts)
        }
        DeValue::Integer(_) | DeValue::Float(_) => Found::Other("a number"),
        DeValue::Boolean(_) => Found::Other("true or false"),
        DeValue::Datetime(_) => Found::Other("a date"),
        DeValue::Table(_) => Found::Other("a table"),
    };
    Field { name_at: name.span(), name: name.into_inner().into_owned(), at, value }
}
