//! Message models as authors write them, in TOML or JSON: everything that is wrong is told, each with its line.

mod fields;
mod json;
#[cfg(test)]
mod tests;
mod toml;

use std::collections::{HashMap, HashSet};

use signalbox_diagnostics::{Lines, Severity, suggestion};
use signalbox_model::{MessageModel, Timestamp};
use thiserror::Error;

use super::version::canonical_version;
use crate::rag::template::{Template, TemplateError, parameter_problem};
use fields::{excerpt, locale_problem, name_problem, version_problem};

pub use fields::is_locale;

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
#[error("{line}: {}{message}", prefix(*.severity))]
pub struct ModelProblem {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, the way out, and in which model.
    pub message: String,
    /// Whether the models can be used all the same.
    pub severity: Severity,
}

/// How a line says that it is no error.
fn prefix(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "",
        Severity::Warning => "warning: ",
    }
}

impl ModelProblem {
    /// Whether it keeps the models from being used.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// What a text of message models says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReadText {
    /// Its models.
    pub models: Vec<WrittenModel>,
    /// What may be meant otherwise than it is written.
    pub warnings: Vec<ModelProblem>,
}

/// A message model, and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct WrittenModel {
    /// The model.
    pub model: MessageModel,
    /// Its first line, from 1.
    pub line: usize,
    /// Which of the text's models it is, from 1.
    pub number: usize,
}

/// A model as it was found, before anybody knows whether it is one.
struct Draft {
    /// Where it begins, in bytes.
    at: usize,
    /// Which it is, from 1, and of how many.
    number: usize,
    count: usize,
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
    /// Each with where it begins, in bytes.
    Texts(Vec<(usize, String)>),
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

/// For whom the models of a text may speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpeaksFor<'a> {
    /// For whatever type each names, and for this one where one names none; none is every type. An operator may.
    Any(Option<&'a str>),
    /// For this type only. So do those of a bundle: what it says, no business of another type ever says.
    Only(&'a str),
}

/// Reads a text of message models. Everything that is wrong is reported, not only the first; warnings with it.
pub fn read_model_text(
    text: &str,
    format: ModelFormat,
    speaks_for: SpeaksFor<'_>,
    now: Timestamp,
) -> Result<ReadText, Vec<ModelProblem>> {
    let lines = Lines::of(text);
    let (drafts, unreadable) = match format {
        ModelFormat::Toml => toml::drafts(text),
        ModelFormat::Json => json::drafts(text),
    };
    let problem = |Unreadable { at, message }| error(lines.at(at), message);
    let mut problems: Vec<ModelProblem> = unreadable.into_iter().map(problem).collect();
    let mut models = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let (line, number) = (lines.at(draft.at), draft.number);
        let mut reading = Reading { text, lines: &lines, format, which: draft.which(), problems: Vec::new() };
        let model = reading.model(draft, speaks_for, now);
        problems.append(&mut reading.problems);
        models.extend(model.map(|model| WrittenModel { model, line, number }));
    }
    problems.extend(repeated(&models));
    problems.sort_by_key(|problem: &ModelProblem| problem.line);
    if problems.iter().any(ModelProblem::is_error) {
        return Err(problems);
    }
    Ok(ReadText { models, warnings: problems })
}

fn error(line: usize, message: String) -> ModelProblem {
    ModelProblem { line, message, severity: Severity::Error }
}

/// Which of a text's models one is, as problems say it.
fn which(number: usize, count: usize) -> Option<String> {
    (count > 1).then(|| format!("model {number} of {count}"))
}

impl Draft {
    /// Its place, code and version, as far as they are there; problems of a text on one line would be told apart by
    /// nothing else.
    fn which(&self) -> String {
        let text = |name: &str| {
            let field = self.fields.iter().find(|field| field.name == name)?;
            match &field.value {
                Found::Text(text) => Some(excerpt(text)),
                _ => None,
            }
        };
        let name = match (text("decisionCode"), text("version")) {
            (Some(code), Some(version)) => Some(format!("`{code}` {version}")),
            (Some(code), None) => Some(format!("`{code}`")),
            (None, _) => None,
        };
        let parts: Vec<String> = which(self.number, self.count).into_iter().chain(name).collect();
        if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
    }
}

fn repeated(models: &[WrittenModel]) -> Vec<ModelProblem> {
    let mut seen = HashMap::new();
    let mut problems = Vec::new();
    for WrittenModel { model, line, number } in models {
        let MessageModel { decision_code, version, business_type, location_context, locale, .. } = model;
        let name = (decision_code, version, business_type, location_context, locale);
        if let Some((first, first_line)) = seen.insert(name, (*number, *line)) {
            let message = format!(
                "model {number}, {decision_code} {version}, stands here again for the same type, place and language; the \
                 first is in line {first_line}, model {first}; leave one out, or give it another version"
            );
            problems.push(error(*line, message));
        }
    }
    problems
}

/// One draft on its way to a model.
struct Reading<'a> {
    text: &'a str,
    lines: &'a Lines,
    format: ModelFormat,
    /// Which model it is, as problems say it at their end.
    which: String,
    problems: Vec<ModelProblem>,
}

impl Reading<'_> {
    /// The model, when nothing is wrong with it.
    fn model(&mut self, draft: Draft, speaks_for: SpeaksFor<'_>, now: Timestamp) -> Option<MessageModel> {
        let at = draft.at;
        let mut fields = self.known(draft.fields);
        let decision_code = self.required(&mut fields, at, "decisionCode", name_problem);
        let version = self.required(&mut fields, at, "version", version_problem);
        let version = canonical_version(&version).into_owned();
        let template_at = fields.get("messageTemplate").map_or(at, |field| field.at);
        let message_template = self.required(&mut fields, at, "messageTemplate", |_| None);
        let parameters = self.parameters(&mut fields);
        let business_type = self.business_type(&mut fields, speaks_for);
        let model = MessageModel {
            decision_code,
            version,
            message_template,
            parameters: parameters.iter().flatten().map(|(_, name)| name.clone()).collect(),
            business_type,
            location_context: self.optional(&mut fields, "locationContext", name_problem),
            locale: self.optional(&mut fields, "locale", locale_problem),
            usage_count: 0,
            last_used: None,
            created_at: now,
            updated_at: now,
        };
        // Without its parameters a template would be blamed for using them.
        if let Some(parameters) = parameters {
            self.template(&model, template_at, &parameters);
        }
        (!self.problems.iter().any(ModelProblem::is_error)).then_some(model)
    }

    fn template(&mut self, model: &MessageModel, at: usize, parameters: &[(usize, String)]) {
        let read = Template::read(model);
        let (mistakes, doubts) = match &read {
            Ok(template) => (template.mistakes(), template.doubts()),
            Err(errors) => (errors.clone(), Vec::new()),
        };
        for (errors, severity) in [(mistakes, Severity::Error), (doubts, Severity::Warning)] {
            for error in errors {
                let line = self.template_line(at, &error);
                self.tell_in(line, format!("the template: {error}"), severity);
            }
        }
        let Ok(template) = read else { return };
        let mut told = HashSet::new();
        let unused: HashSet<&str> = template.unused().into_iter().collect();
        for (at, name) in parameters.iter().filter(|(_, name)| unused.contains(name.as_str())) {
            if parameter_problem(name).is_none() && told.insert(name) {
                let message = format!(
                    "the template does not use the parameter `{}`, which has to be given all the same; use it, or leave it \
                     out of `parameters`",
                    excerpt(name)
                );
                self.tell_in(self.lines.at(*at), message, Severity::Warning);
            }
        }
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
                let help = suggestion(&name, "its fields", FIELDS);
                self.tell(at, format!("a message model has no `{}`; {help}", excerpt(&name)));
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

    fn parameters(&mut self, fields: &mut HashMap<String, Field>) -> Option<Vec<(usize, String)>> {
        let Some(Field { at, value, .. }) = fields.remove("parameters") else { return Some(Vec::new()) };
        let names = match value {
            Found::Texts(names) => names,
            other => {
                self.tell(at, format!("`parameters` has to be a list of names, not {}", other.kind()));
                return None;
            }
        };
        let mut seen = HashSet::new();
        for (at, name) in &names {
            if let Some(problem) = parameter_problem(name) {
                self.tell(*at, format!("the parameter `{}` {problem}", excerpt(name)));
            } else if !seen.insert(name) {
                let message = format!("the parameter `{}` stands in `parameters` twice; leave one out", excerpt(name));
                self.tell_in(self.lines.at(*at), message, Severity::Warning);
            }
        }
        Some(names)
    }

    fn tell(&mut self, at: usize, message: String) {
        self.tell_in(self.lines.at(at), message, Severity::Error);
    }

    fn tell_in(&mut self, line: usize, message: String, severity: Severity) {
        self.problems.push(ModelProblem { line, message: format!("{message}{}", self.which), severity });
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
