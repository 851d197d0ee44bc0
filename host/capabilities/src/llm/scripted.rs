use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::Value;
use signalbox_bindings::signalbox::llm::llm::{Completion, Error, FinishReason, Request, Role};
use signalbox_model::{HumanDuration, composed};
use thiserror::Error;

use super::Provider;

/// A provider with answers from a TOML file, for development and tests. The first rule whose condition matches the last
/// user message answers. Without a matching rule the model is unavailable, as a real model may be.
#[derive(Debug)]
pub struct Scripted {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    when: Option<When>,
    answer: Answer,
    delay: Option<HumanDuration>,
}

#[derive(Debug)]
enum When {
    Contains(Vec<String>),
    Matches(Regex),
}

#[derive(Debug)]
enum Answer {
    Text(String),
    Error(Error),
}

/// Why a script cannot be used.
#[derive(Debug, Error)]
pub enum ScriptError {
    /// The file cannot be read.
    #[error("cannot read the script {}: {reason}", .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// It is not a valid script.
    #[error("{} is not a script of model answers: {reason}", .path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// It has no answers for the model.
    #[error("{} has no model {model} under [[models.…]]; it has {known}", .path.display())]
    NoModel {
        /// Which file.
        path: PathBuf,
        /// The requested model.
        model: String,
        /// The models of the script.
        known: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct WrittenScript {
    models: BTreeMap<String, Vec<WrittenRule>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct WrittenRule {
    when: Option<WrittenWhen>,
    #[serde(default)]
    otherwise: bool,
    reply: Option<String>,
    reply_json: Option<Value>,
    error: Option<WrittenError>,
    delay: Option<HumanDuration>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct WrittenWhen {
    contains: Option<Vec<String>>,
    matches: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WrittenError {
    Unavailable,
    Timeout,
    RateLimited,
    QuotaExhausted,
    Misconfigured,
    Refused,
    MalformedAnswer,
}

impl Scripted {
    /// Reads the answers of one model.
    pub fn open(path: &Path, model: &str) -> Result<Self, ScriptError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ScriptError::Unreadable { path: path.to_owned(), reason: error.to_string() })?;
        let malformed = |reason: String| ScriptError::Malformed { path: path.to_owned(), reason };
        let mut script: WrittenScript = toml::from_str(&text).map_err(|error| malformed(error.to_string()))?;
        let known = script.models.keys().cloned().collect::<Vec<_>>().join(", ");
        let own = signalbox_model::find_named(&script.models, model).map(|(name, _)| name.to_owned());
        let written = own.and_then(|own| script.models.remove(&own)).ok_or_else(|| ScriptError::NoModel {
            path: path.to_owned(),
            model: model.to_owned(),
            known,
        })?;
        let rules = written
            .into_iter()
            .enumerate()
            .map(|(index, rule)| {
                rule.check().map_err(|reason| malformed(format!("rule {} of {model}: {reason}", index + 1)))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { rules })
    }
}

impl WrittenRule {
    fn check(self) -> Result<Rule, String> {
        let when = match (self.when, self.otherwise) {
            (None, true) => None,
            (Some(WrittenWhen { contains: Some(words), matches: None }), false) => {
                Some(When::Contains(words.iter().map(|word| composed(word.to_lowercase())).collect()))
            }
            (Some(WrittenWhen { contains: None, matches: Some(pattern) }), false) => Some(When::Matches(
                RegexBuilder::new(&pattern).case_insensitive(true).build().map_err(|error| error.to_string())?,
            )),
            _ => {
                return Err(
                    "it needs `when = { contains = [..] }`, `when = { matches = \"..\" }` or `otherwise = true`".into(),
                );
            }
        };
        let answer = match (self.reply, self.reply_json, self.error) {
            (Some(text), None, None) => Answer::Text(text),
            (None, Some(json), None) => Answer::Text(json.to_string()),
            (None, None, Some(error)) => Answer::Error(error.to_wit()),
            _ => return Err("it needs exactly one of `reply`, `reply-json` and `error`".into()),
        };
        Ok(Rule { when, answer, delay: self.delay })
    }
}

impl WrittenError {
    fn to_wit(&self) -> Error {
        match self {
            Self::Unavailable => Error::Unavailable("the script says so".to_owned()),
            Self::Timeout => Error::Timeout,
            Self::RateLimited => Error::RateLimited(Some(1_000)),
            Self::QuotaExhausted => Error::QuotaExhausted,
            Self::Misconfigured => Error::Misconfigured("the script says so".to_owned()),
            Self::Refused => Error::Refused("the script says so".to_owned()),
            Self::MalformedAnswer => Error::MalformedAnswer("the script says so".to_owned()),
        }
    }
}

impl Rule {
    fn applies(&self, message: &str) -> bool {
        match &self.when {
            None => true,
            Some(When::Contains(words)) => {
                let message = composed(message.to_lowercase());
                words.iter().any(|word| message.contains(word))
            }
            Some(When::Matches(pattern)) => pattern.is_match(message),
        }
    }
}

#[async_trait::async_trait]
impl Provider for Scripted {
    async fn complete(&self, request: &Request) -> Result<Completion, Error> {
        let asked = request.messages.iter().rev().find(|message| message.role == Role::User);
        let asked = asked.map_or("", |message| message.content.as_str());
        let Some(rule) = self.rules.iter().find(|rule| rule.applies(asked)) else {
            return Err(Error::Unavailable("no rule of the script matches".to_owned()));
        };
        if let Some(delay) = rule.delay {
            tokio::time::sleep(delay.0).await;
        }
        match &rule.answer {
            Answer::Error(error) => Err(error.clone()),
            Answer::Text(text) => Ok(Completion {
                text: text.clone(),
                finish_reason: FinishReason::Stop,
                input_tokens: words(request.messages.iter().map(|message| message.content.as_str())),
                output_tokens: words([text.as_str()]),
                model: "scripted".to_owned(),
            }),
        }
    }
}

/// Counts words as tokens, because a script has no tokenizer.
fn words<'a>(texts: impl IntoIterator<Item = &'a str>) -> u32 {
    let count: usize = texts.into_iter().map(|text| text.split_whitespace().count()).sum();
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use signalbox_bindings::signalbox::llm::llm::Message;

    use super::*;

    const GUIDE: &str = include_str!("../../../../docs/guide/scripted-models.md");

    #[tokio::test]
    async fn the_guides_example_answers_as_the_guide_says() {
        let example = GUIDE.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("llm.toml");
        std::fs::write(&file, example).unwrap();
        let model = Scripted::open(&file, "default").unwrap();
        let ask = async |text: &str| {
            let messages = vec![Message { role: Role::User, content: text.to_owned() }];
            let request = Request {
                model: "default".to_owned(),
                messages,
                max_tokens: None,
                temperature: None,
                response_schema: None,
                timeout: None,
            };
            model.complete(&request).await.map(|completion| completion.text)
        };
        assert_eq!(ask("A TABLE for two").await.unwrap(), r#"{"confidence":0.96,"intent":"booking"}"#);
        assert_eq!(ask("Salut!").await.unwrap(), "Hello!");
        assert!(matches!(ask("slow, please").await, Err(Error::Timeout)));
        assert!(matches!(ask("anything else").await, Err(Error::Unavailable(_))));
        let error = Scripted::open(&file, "large").unwrap_err().to_string();
        assert!(error.contains("has no model large"), "{error}");
    }

    #[test]
    fn the_guide_has_every_key_and_every_error_of_a_script() {
        for word in ["contains", "matches", "otherwise", "reply", "reply-json", "error", "delay"] {
            assert!(GUIDE.contains(&format!("`{word}")) || GUIDE.contains(&format!("{{ {word} =")), "{word}");
        }
        for error in ["unavailable", "timeout", "rate-limited", "quota-exhausted", "malformed-answer"] {
            let script = format!("[[models.m]]\notherwise = true\nerror = \"{error}\"\n");
            toml::from_str::<WrittenScript>(&script).unwrap();
            assert!(GUIDE.contains(&format!("`{error}`")), "{error}");
        }
    }
}
