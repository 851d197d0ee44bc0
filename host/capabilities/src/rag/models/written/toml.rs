use signalbox_diagnostics::{Problem, parse_toml};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Draft, Field, Found, Unreadable, which};

/// The largest text, in bytes. Files are limited before they are read.
const LARGEST: usize = 4 << 20;

/// The models of a text: the one at its top level, or those under `[[models]]`.
pub(super) fn drafts(text: &str) -> (Vec<Draft>, Vec<Unreadable>) {
    let document = match parse_toml(text, LARGEST) {
        Ok(document) => document,
        Err(problems) => return (Vec::new(), problems.into_iter().map(unreadable).collect()),
    };
    let (mut fields, mut models) = (Vec::new(), None);
    for (key, value) in document.into_inner() {
        let name = key.into_inner();
        if name == "models" { models = Some(value) } else { fields.push(field(&name, value)) }
    }
    let Some(models) = models else { return (vec![Draft { at: 0, number: 1, count: 1, fields }], Vec::new()) };
    let beside = |field: &Field| Unreadable {
        at: field.at,
        message: format!("`{}` stands beside [[models]]; it belongs into one of them", field.name),
    };
    let mut wrong: Vec<Unreadable> = fields.iter().map(beside).collect();
    let (at, mut drafts) = (models.span().start, Vec::new());
    match models.into_inner() {
        DeValue::Array(items) => {
            let count = items.len();
            for (before, item) in items.into_iter().enumerate() {
                let (at, number) = (item.span().start, before + 1);
                match item.into_inner() {
                    DeValue::Table(table) => drafts.push(draft(at, table, number, count)),
                    _ => {
                        let which = which(number, count).map(|which| format!(" ({which})")).unwrap_or_default();
                        wrong
                            .push(Unreadable { at, message: format!("each of the `models` has to be a table{which}") });
                    }
                }
            }
        }
        _ => wrong.push(Unreadable { at, message: "`models` has to be tables, each under [[models]]".to_owned() }),
    }
    (drafts, wrong)
}

fn unreadable(problem: Problem) -> Unreadable {
    let Problem { message, span, help, .. } = problem;
    Unreadable { at: span.start, message: help.map_or(message.clone(), |help| format!("{message}; {help}")) }
}

fn draft(at: usize, table: DeTable<'_>, number: usize, count: usize) -> Draft {
    Draft { at, number, count, fields: table.into_iter().map(|(key, value)| field(key.get_ref(), value)).collect() }
}

fn field(name: &str, value: Spanned<DeValue<'_>>) -> Field {
    let at = value.span().start;
    let value = match value.into_inner() {
        DeValue::String(text) => Found::Text(text.into_owned()),
        DeValue::Array(items) => {
            let texts = items.into_iter().map(|item| {
                let at = item.span().start;
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
    Field { name: name.to_owned(), at, value }
}
