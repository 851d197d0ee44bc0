//! Reads message models as authors write them, in TOML or JSON, and reports every problem with its place.

mod fields;
mod json;
#[cfg(test)]
mod tests;
mod toml;

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use signalbox_diagnostics::{Lines, Problem, suggestion};
use signalbox_model::{MessageModel, Timestamp};

use super::version::canonical_version;
use crate::rag::template::{Template, TemplateError, parameter_problem};
use fields::{excerpt, locale_problem, name_problem, version_problem};

pub use fields::is_locale;

/// The format of a text of message models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelFormat {
    /// As in bundles: one model at the top level, or several under `[[models]]`.
    Toml,
    /// One object, a list, or an object with a list under `models`.
    Json,
}

/// The content of a text of message models.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReadText {
    /// Its models.
    pub models: Vec<WrittenModel>,
    /// Warnings: the models can be used, but their author may have meant something else.
    pub warnings: Vec<Problem>,
}

/// A message model and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct WrittenModel {
    /// The model.
    pub model: MessageModel,
    /// Its first line, from 1.
    pub line: usize,
    /// The bytes of the text at which its problems are reported.
    pub at: Range<usize>,
    /// The model's number in the text, from 1.
    pub number: usize,
}

/// A model before its fields are checked.
struct Draft {
    /// The bytes of the text at which problems of the whole model are reported.
    at: Range<usize>,
    /// Its number, from 1, and the number of models in the text.
    number: usize,
    count: usize,
    fields: Vec<Field>,
}

struct Field {
    name: String,
    /// The bytes of its name in the text.
    name_at: Range<usize>,
    /// The bytes of its value in the text.
    at: Range<usize>,
    value: Found,
}

/// The value of a field.
enum Found {
    Text(String),
    /// Texts, each with its bytes in the text of the models.
    Texts(Vec<(Range<usize>, String)>),
    /// JSON's null, which counts as a missing field.
    Nothing,
    /// A value of a type that no field of a model has; with the name of the type.
    Other(&'static str),
}

/// The fields that an author may write.
const FIELDS: [&str; 7] =
    ["decisionCode", "version", "messageTemplate", "parameters", "businessType", "locationContext", "locale"];

/// The fields that only the host writes. Reading ignores them, so that the JSON output of a command can be read again.
const OWN: [&str; 4] = ["usageCount", "lastUsed", "createdAt", "updatedAt"];

/// The business types that the models of a text may be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpeaksFor<'a> {
    /// The type that each model names, and this type for a model that names none; none is every type. For texts from an
    /// operator.
    Any(Option<&'a str>),
    /// This type only. For the models of a bundle, which must not be used for businesses of another type.
    Only(&'a str),
}

/// Reads a text of message models. Reports everything that is wrong, and warnings, in the text's order.
pub fn read_model_text(
    text: &str,
    format: ModelFormat,
    speaks_for: SpeaksFor<'_>,
    now: Timestamp,
) -> Result<ReadText, Vec<Problem>> {
    let lines = Lines::of(text);
    let (drafts, mut problems) = match format {
        ModelFormat::Toml => toml::drafts(text),
        ModelFormat::Json => json::drafts(text),
    };
    let mut models = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let (line, at, number) = (lines.at(draft.at.start), draft.at.clone(), draft.number);
        let mut reading = Reading { text, format, which: draft.which(), problems: Vec::new() };
        let model = reading.model(draft, speaks_for, now);
        problems.append(&mut reading.problems);
        models.extend(model.map(|model| WrittenModel { model, line, at, number }));
    }
    problems.extend(repeated(&models));
    problems.sort_by_key(|problem: &Problem| problem.span.start);
    if problems.iter().any(Problem::is_error) {
        return Err(problems);
    }
    Ok(ReadText { models, warnings: problems })
}

fn error(at: &Range<usize>, message: String) -> Problem {
    Problem::new(message, at.clone(), "here")
}

/// Which of the text's models it is, for problems.
fn which(number: usize, count: usize) -> Option<String> {
    (count > 1).then(|| format!("model {number} of {count}"))
}

impl Draft {
    /// The model's number, code and version, if it has them. In a text on one line, only these distinguish the problems
    /// of its models.
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

fn repeated(models: &[WrittenModel]) -> Vec<Problem> {
    let mut seen = HashMap::new();
    let mut problems = Vec::new();
    for WrittenModel { model, line, at, number } in models {
        let MessageModel { decision_code, version, business_type, location_context, locale, .. } = model;
        let name = (decision_code, version, business_type, location_context, locale);
        if let Some((first, first_line)) = seen.insert(name, (*number, *line)) {
            let message = format!(
                "model {number}, {decision_code} {version}, stands here again for the same type, place and language; the \
                 first is in line {first_line}, model {first}; leave one out, or give it another version"
            );
            problems.push(error(at, message));
        }
    }
    problems
}

/// Turns one draft into a model.
struct Reading<'a> {
    text: &'a str,
    format: ModelFormat,
    /// Which model it is, for the end of a problem's message.
    which: String,
    problems: Vec<Problem>,
}

impl Reading<'_> {
    /// The model, when it has no errors.
    fn model(&mut self, draft: Draft, speaks_for: SpeaksFor<'_>, now: Timestamp) -> Option<MessageModel> {
        let at = draft.at;
        let mut fields = self.known(draft.fields);
        let decision_code = self.required(&mut fields, &at, "decisionCode", name_problem);
        let version = self.required(&mut fields, &at, "version", version_problem);
        let version = canonical_version(&version).into_owned();
        let template_at = fields.get("messageTemplate").map_or(at.clone(), |field| field.at.clone());
        let message_template = self.required(&mut fields, &at, "messageTemplate", |_| None);
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
        // Without the parameters, their use in the template would be reported as an error.
        if let Some(parameters) = parameters {
            self.template(&model, &template_at, &parameters);
        }
        (!self.problems.iter().any(Problem::is_error)).then_some(model)
    }

    fn template(&mut self, model: &MessageModel, at: &Range<usize>, parameters: &[(Range<usize>, String)]) {
        let read = Template::read(model);
        let (mistakes, doubts) = match &read {
            Ok(template) => (template.mistakes(), template.doubts()),
            Err(errors) => (errors.clone(), Vec::new()),
        };
        for error in mistakes {
            self.tell(&self.template_line(at, &error), format!("the template: {error}"));
        }
        for doubt in doubts {
            self.warn(&self.template_line(at, &doubt), format!("the template: {doubt}"));
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
                self.warn(at, message);
            }
        }
    }

    /// The known fields of a model, by name.
    fn known(&mut self, found: Vec<Field>) -> HashMap<String, Field> {
        let mut fields = HashMap::with_capacity(found.len());
        for field in found {
            let name = field.name.clone();
            let own = self.format == ModelFormat::Json && OWN.contains(&name.as_str());
            if own || matches!(field.value, Found::Nothing) {
                continue;
            }
            let at = field.name_at.clone();
            if !FIELDS.contains(&name.as_str()) {
                let message = format!("a message model has no `{}`{}", excerpt(&name), self.which);
                self.problems.push(error(&at, message).with_help(suggestion(&name, "its fields", FIELDS)));
            } else if fields.insert(name.clone(), field).is_some() {
                self.tell(&at, format!("`{name}` stands in this model twice"));
            }
        }
        fields
    }

    /// A required text; empty when it is missing or wrong, which is then reported.
    fn required(
        &mut self,
        fields: &mut HashMap<String, Field>,
        at: &Range<usize>,
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
                Some(problem) => self.tell(&at, format!("`{name}` {problem}")),
            },
            other => self.tell(&at, format!("`{name}` has to be a text, not {}", other.kind())),
        }
        None
    }

    /// The business type that a model is for.
    fn business_type(&mut self, fields: &mut HashMap<String, Field>, speaks_for: SpeaksFor<'_>) -> Option<String> {
        let at = fields.get("businessType").map_or(0..0, |field| field.at.clone());
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
                    self.tell(&at, message);
                }
                Some(own.to_owned())
            }
        }
    }

    fn parameters(&mut self, fields: &mut HashMap<String, Field>) -> Option<Vec<(Range<usize>, String)>> {
        let Some(Field { at, value, .. }) = fields.remove("parameters") else { return Some(Vec::new()) };
        let names = match value {
            Found::Texts(names) => names,
            other => {
                self.tell(&at, format!("`parameters` has to be a list of names, not {}", other.kind()));
                return None;
            }
        };
        let mut seen = HashSet::new();
        for (at, name) in &names {
            if let Some(problem) = parameter_problem(name) {
                self.tell(at, format!("the parameter `{}` {problem}", excerpt(name)));
            } else if !seen.insert(name) {
                let message = format!("the parameter `{}` stands in `parameters` twice; leave one out", excerpt(name));
                self.warn(at, message);
            }
        }
        Some(names)
    }

    fn tell(&mut self, at: &Range<usize>, message: String) {
        self.problems.push(error(at, format!("{message}{}", self.which)));
    }

    fn warn(&mut self, at: &Range<usize>, message: String) {
        self.problems.push(Problem::warning(format!("{message}{}", self.which), at.clone(), "here"));
    }

    /// The line of the file at which a template has an error; `at` is the place of the whole template.
    fn template_line(&self, at: &Range<usize>, error: &TemplateError) -> Range<usize> {
        let written = self.text.get(at.clone()).unwrap_or_default();
        let Some(rest) = written.strip_prefix("\"\"\"").or_else(|| written.strip_prefix("'''")) else {
            // The whole template is on one line of the file.
            return at.clone();
        };
        // A line break after the opening quotes is no part of the template.
        let rest = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n')).unwrap_or(rest);
        let mut begin = at.start + written.len() - rest.len();
        let mut lines = rest.split_inclusive('\n');
        for line in lines.by_ref().take(error.line().unwrap_or(1) - 1) {
            begin += line.len();
        }
        let line = lines.next().unwrap_or_default().trim_end();
        begin..begin + line.len()
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
