//! Message models as authors write them, in TOML or JSON: everything that is wrong is told, each with its line.

mod json;
#[cfg(test)]
mod tests;
mod toml;

use std::collections::HashMap;

use signalbox_model::{MessageModel, Timestamp};
use thiserror::Error;

use crate::rag::template::{Template, TemplateError};

/// How a text of message models is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelFormat {
    /// As in bundles: one model at the top level, or several under `[[models]]`.
    Toml,
    /// One object, a list, or an object with a list under `models`.
    Json,
}

/// Something wrong in a text of message models.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {message}")]
pub struct ModelProblem {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, and the way out.
    pub message: String,
}

/// A message model, and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct WrittenModel {
    /// The model.
    pub model: MessageModel,
    /// Its first line, from 1.
    pub line: usize,
}

/// A model as it was found, before anybody knows whether it is one.
struct Draft {
    /// Where it begins, in bytes.
    at: usize,
    fields: Vec<Field>,
}

struct Field {
    name: String,
    /// Where its value begins, in bytes.
    at: usize,
    value: Found,
}

/// What stands in a field.
enum Found {
    Text(String),
    Texts(Vec<String>),
    /// JSON's null: as if the field were not there.
    Nothing,
    /// Something that no field of a model holds, by its name.
    Other(&'static str),
}

/// Where and why a part of a text can be no model.
struct Unreadable {
    at: usize,
    message: String,
}

/// What an author may write.
const FIELDS: [&str; 7] =
    ["decisionCode", "version", "messageTemplate", "parameters", "businessType", "locationContext", "locale"];

/// What only the host writes. Left out of what is read, so that what a command prints as JSON can be read again.
const OWN: [&str; 4] = ["usageCount", "lastUsed", "createdAt", "updatedAt"];

/// The longest name, in bytes.
const LONGEST_NAME: usize = 128;

/// For whom the models of a text may speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpeaksFor<'a> {
    /// For whatever type each names, and for this one where one names none; none is every type. An operator may.
    Any(Option<&'a str>),
    /// For this type only. So do those of a bundle: what it says, no business of another type ever says.
    Only(&'a str),
}

/// Reads a text of message models. Everything that is wrong is reported, not only the first.
pub fn read_model_text(
    text: &str,
    format: ModelFormat,
    speaks_for: SpeaksFor<'_>,
    now: Timestamp,
) -> Result<Vec<WrittenModel>, Vec<ModelProblem>> {
    let lines = Lines::of(text);
    let (drafts, unreadable) = match format {
        ModelFormat::Toml => toml::drafts(text),
        ModelFormat::Json => json::drafts(text),
    };
    let problem = |Unreadable { at, message }| ModelProblem { line: lines.at(at), message };
    let mut problems: Vec<ModelProblem> = unreadable.into_iter().map(problem).collect();
    let mut models = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let line = lines.at(draft.at);
        let mut reading = Reading { text, lines: &lines, format, problems: Vec::new() };
        let model = reading.model(draft, speaks_for, now);
        problems.append(&mut reading.problems);
        models.extend(model.map(|model| WrittenModel { model, line }));
    }
    problems.extend(repeated(&models));
    problems.sort_by_key(|problem: &ModelProblem| problem.line);
    if problems.is_empty() { Ok(models) } else { Err(problems) }
}

/// Whether a text is a language tag as BCP 47 has it.
pub fn is_locale(text: &str) -> bool {
    icu_locale_core::Locale::try_from_str(text).is_ok()
}

fn repeated(models: &[WrittenModel]) -> Vec<ModelProblem> {
    let mut seen = HashMap::new();
    let mut problems = Vec::new();
    for WrittenModel { model, line } in models {
        let MessageModel { decision_code, version, business_type, location_context, locale, .. } = model;
        let name = (decision_code, version, business_type, location_context, locale);
        if let Some(first) = seen.insert(name, *line) {
            let message = format!(
                "{decision_code} {version} stands here again for the same type, place and language; the first is in line \
                 {first}"
            );
            problems.push(ModelProblem { line: *line, message });
        }
    }
    problems
}

/// Where lines begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self(ends.map(|(at, _)| at + 1).collect())
    }

    fn at(&self, offset: usize) -> usize {
        self.0.partition_point(|begin| *begin <= offset) + 1
    }
}

/// One draft on its way to a model.
struct Reading<'a> {
    text: &'a str,
    lines: &'a Lines,
    format: ModelFormat,
    problems: Vec<ModelProblem>,
}

impl Reading<'_> {
    /// The model, when nothing is wrong with it.
    fn model(&mut self, draft: Draft, speaks_for: SpeaksFor<'_>, now: Timestamp) -> Option<MessageModel> {
        let at = draft.at;
        let mut fields = self.known(draft.fields);
        let decision_code = self.required(&mut fields, at, "decisionCode", name_problem);
        let version = self.required(&mut fields, at, "version", version_problem);
        let template_at = fields.get("messageTemplate").map_or(at, |field| field.at);
        let message_template = self.required(&mut fields, at, "messageTemplate", |_| None);
        let parameters = self.parameters(&mut fields);
        let business_type = self.business_type(&mut fields, speaks_for);
        let model = MessageModel {
            decision_code,
            version,
            message_template,
            parameters: parameters.clone().unwrap_or_default(),
            business_type,
            location_context: self.optional(&mut fields, "locationContext", name_problem),
            locale: self.optional(&mut fields, "locale", locale_problem),
            usage_count: 0,
            last_used: None,
            created_at: now,
            updated_at: now,
        };
        // Without its parameters a template would be blamed for using them.
        let errors = if parameters.is_some() { Template::read(&model).err().unwrap_or_default() } else { Vec::new() };
        for error in errors {
            let line = self.template_line(template_at, &error);
            self.problems.push(ModelProblem { line, message: format!("the template: {error}") });
        }
        self.problems.is_empty().then_some(model)
    }

    /// The fields that a model has, by name.
    fn known(&mut self, found: Vec<Field>) -> HashMap<String, Field> {
        let mut fields = HashMap::with_capacity(found.len());
        for field in found {
            let name = field.name.clone();
            let own = self.format == ModelFormat::Json && OWN.contains(&name.as_str());
            if own || matches!(field.value, Found::Nothing) {
                continue;
            }
            let at = field.at;
            if !FIELDS.contains(&name.as_str()) {
                self.tell(at, format!("a message model has no `{name}`; it has {}", FIELDS.join(", ")));
            } else if fields.insert(name.clone(), field).is_some() {
                self.tell(at, format!("`{name}` stands in this model twice"));
            }
        }
        fields
    }

    /// A text that has to be there; empty when it is not or is wrong, which has been told then.
    fn required(
        &mut self,
        fields: &mut HashMap<String, Field>,
        at: usize,
        name: &str,
        problem: fn(&str) -> Option<String>,
    ) -> String {
        if !fields.contains_key(name) {
            self.tell(at, format!("this model needs a `{name}`"));
        }
        self.optional(fields, name, problem).unwrap_or_default()
    }

    fn optional(
        &mut self,
        fields: &mut HashMap<String, Field>,
        name: &str,
        problem: fn(&str) -> Option<String>,
    ) -> Option<String> {
        let Field { at, value, .. } = fields.remove(name)?;
        match value {
            Found::Text(text) => match problem(&text) {
                None => return Some(text),
                Some(problem) => self.tell(at, format!("`{name}` {problem}")),
            },
            other => self.tell(at, format!("`{name}` has to be a text, not {}", other.kind())),
        }
        None
    }

    /// The type that a model speaks for.
    fn business_type(&mut self, fields: &mut HashMap<String, Field>, speaks_for: SpeaksFor<'_>) -> Option<String> {
        let at = fields.get("businessType").map_or(0, |field| field.at);
        let named = self.optional(fields, "businessType", name_problem);
        match speaks_for {
            SpeaksFor::Any(otherwise) => named.or_else(|| otherwise.map(str::to_owned)),
            SpeaksFor::Only(own) => {
                if let Some(other) = named.filter(|named| named != own) {
                    let message = format!(
                        "`businessType` is `{other}`, and a bundle for `{own}` speaks for businesses of type `{own}` only; \
                         leave `businessType` out, or let the operator import the model with `signalbox models import` \
                         (what an earlier version stored of it is taken away with `signalbox models remove`)"
                    );
                    self.tell(at, message);
                }
                Some(own.to_owned())
            }
        }
    }

    fn parameters(&mut self, fields: &mut HashMap<String, Field>) -> Option<Vec<String>> {
        let Some(Field { at, value, .. }) = fields.remove("parameters") else { return Some(Vec::new()) };
        match value {
            Found::Texts(names) => Some(names),
            other => {
                self.tell(at, format!("`parameters` has to be a list of names, not {}", other.kind()));
                None
            }
        }
    }

    fn tell(&mut self, at: usize, message: String) {
        self.problems.push(ModelProblem { line: self.lines.at(at), message });
    }

    /// The line of the file in which a template goes wrong.
    fn template_line(&self, at: usize, error: &TemplateError) -> usize {
        let begins = self.lines.at(at);
        let written = self.text.get(at..).unwrap_or_default();
        let Some(rest) = written.strip_prefix("\"\"\"").or_else(|| written.strip_prefix("'''")) else {
            // On one line of the file, however many it has itself.
            return begins;
        };
        let first = begins + usize::from(rest.starts_with('\n') || rest.starts_with("\r\n"));
        let within = error.line().unwrap_or(1);
        first + within - 1
    }
}

impl Found {
    fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Texts(_) => "a list",
            Self::Nothing => "nothing",
            Self::Other(kind) => kind,
        }
    }
}

fn name_problem(text: &str) -> Option<String> {
    let odd = |character: char| character.is_whitespace() || character.is_control();
    let fits = (1..=LONGEST_NAME).contains(&text.len()) && !text.contains(odd);
    (!fits).then(|| format!("has to be 1 to {LONGEST_NAME} bytes without spaces"))
}

fn version_problem(text: &str) -> Option<String> {
    let number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()) && part.parse::<u64>().is_ok();
    let fits = text.len() <= LONGEST_NAME && text.split('.').all(number);
    (!fits).then(|| "has to be numbers with dots between them, such as `1.10`".to_owned())
}

fn locale_problem(text: &str) -> Option<String> {
    (!is_locale(text)).then(|| format!("`{text}` is no language tag of BCP 47, such as `ro` or `en-GB`"))
}
