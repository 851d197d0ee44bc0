//! Templates of message models: Jinja, without access to anything but their parameters, bounded in work and size.

use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use signalbox_model::{JsonObject, MessageModel};
use thiserror::Error;

/// Instructions of the template engine one rendering may use; a long message takes some hundred.
const FUEL: u64 = 50_000;
/// The longest template, in bytes.
const LONGEST_TEMPLATE: usize = 16 * 1024;
/// The longest message, in bytes.
const LONGEST_MESSAGE: usize = 16 * 1024;

/// What is wrong with a template or its parameters.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// It is no Jinja.
    #[error("{reason} (line {line} of the template)")]
    Syntax {
        /// What is wrong.
        reason: String,
        /// The template's line, from 1.
        line: usize,
    },
    /// It uses a parameter that the model does not declare.
    #[error("the template uses `{0}`, which is not among its parameters; add it there or remove it from the template")]
    Undeclared(String),
    /// A parameter is missing.
    #[error("the parameter `{0}` is missing; give it in the response's data")]
    Missing(String),
    /// It is longer than a template may be.
    #[error("the template has {0} bytes; at most {LONGEST_TEMPLATE} are taken")]
    TooLong(usize),
    /// It takes too much work, or makes too long a message.
    #[error("rendering takes too much work or makes a message of over {LONGEST_MESSAGE} bytes")]
    TooMuch,
    /// It fails with these parameters.
    #[error("{0}")]
    Render(String),
}

/// Renders message models.
#[derive(Debug)]
pub struct Templates {
    environment: Environment<'static>,
}

impl Default for Templates {
    fn default() -> Self {
        Self::new()
    }
}

impl Templates {
    /// An engine without loaders: a template can include nothing and read nothing.
    pub fn new() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_fuel(Some(FUEL));
        Self { environment }
    }

    /// Whether a model's template is one, and uses only its parameters.
    pub fn check(&self, model: &MessageModel) -> Result<(), TemplateError> {
        self.problems(model).into_iter().next().map_or(Ok(()), Err)
    }

    /// Everything that is wrong with a model's template.
    pub fn problems(&self, model: &MessageModel) -> Vec<TemplateError> {
        if model.message_template.len() > LONGEST_TEMPLATE {
            return vec![TemplateError::TooLong(model.message_template.len())];
        }
        let template = match self.environment.template_from_str(&model.message_template) {
            Ok(template) => template,
            Err(error) => return vec![syntax(error)],
        };
        let mut used: Vec<String> = template.undeclared_variables(false).into_iter().collect();
        used.sort();
        // What the engine brings, such as `range`, is nobody's parameter.
        let known = |name: &String| {
            model.parameters.contains(name) || self.environment.globals().any(|(global, _)| global == name)
        };
        used.into_iter().filter(|name| !known(name)).map(TemplateError::Undeclared).collect()
    }

    /// The words of a model with these parameters.
    pub fn render(&self, model: &MessageModel, parameters: &JsonObject) -> Result<String, TemplateError> {
        let given = |name: &&String| parameters.get(*name).is_none_or(serde_json::Value::is_null);
        if let Some(missing) = model.parameters.iter().find(given) {
            return Err(TemplateError::Missing(missing.clone()));
        }
        let template = self.environment.template_from_str(&model.message_template).map_err(syntax)?;
        let text = template.render(minijinja::value::Serde(parameters)).map_err(|error| match error.kind() {
            minijinja::ErrorKind::OutOfFuel => TemplateError::TooMuch,
            _ => TemplateError::Render(error.to_string()),
        })?;
        if text.len() > LONGEST_MESSAGE { Err(TemplateError::TooMuch) } else { Ok(text) }
    }
}

fn syntax(error: minijinja::Error) -> TemplateError {
    let reason = match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    };
    TemplateError::Syntax { reason, line: error.line().unwrap_or(1) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn model(template: &str, parameters: &[&str]) -> MessageModel {
        let now = signalbox_model::Timestamp::UNIX_EPOCH;
        MessageModel {
            decision_code: "a".to_owned(),
            version: "1".to_owned(),
            message_template: template.to_owned(),
            parameters: parameters.iter().map(|name| (*name).to_owned()).collect(),
            business_type: None,
            location_context: None,
            locale: None,
            usage_count: 0,
            last_used: None,
            created_at: now,
            updated_at: now,
        }
    }

    fn object(value: serde_json::Value) -> JsonObject {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn a_missing_parameter_is_named() {
        let error = Templates::new().render(&model("{{ name }}", &["name"]), &JsonObject::new()).unwrap_err();
        assert_eq!(error, TemplateError::Missing("name".to_owned()));
    }

    #[test]
    fn every_undeclared_parameter_is_named_and_what_the_engine_brings_is_none() {
        let model = model("{% for n in range(count) %}{{ a }}{{ b }}{% endfor %}", &["count"]);
        let undeclared = ["a", "b"].map(|name| TemplateError::Undeclared(name.to_owned()));
        assert_eq!(Templates::new().problems(&model), undeclared);
    }

    #[test]
    fn text_is_not_escaped_as_html() {
        let text = Templates::new().render(&model("{{ who }} & co", &["who"]), &object(json!({"who": "<Ana>"})));
        assert_eq!(text.unwrap(), "<Ana> & co");
    }

    #[test]
    fn endless_work_and_endless_text_are_stopped() {
        let spin = model("{% for a in range(10000) %}{% for b in range(10000) %}{% endfor %}{% endfor %}", &[]);
        assert_eq!(Templates::new().render(&spin, &JsonObject::new()).unwrap_err(), TemplateError::TooMuch);
        let long = model("{{ word * 100000 }}", &["word"]);
        assert!(Templates::new().render(&long, &object(json!({"word": "abc"}))).is_err());
    }

    #[test]
    fn a_template_reaches_nothing_but_its_parameters() {
        let error = Templates::new().render(&model("{% include 'other' %}", &[]), &JsonObject::new());
        assert!(error.is_err());
    }
}
