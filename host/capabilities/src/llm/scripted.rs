use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use regex::{Regex, RegexBuilder};
use signalbox_bindings::signalbox::llm::llm::{Completion, Error, FinishReason, Request, Role};
use signalbox_diagnostics::{Item, Problem, Problems, Report, TomlString, TomlTable, parse_toml, suggestion};
use signalbox_model::composed;
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
    delay: Option<Duration>,
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
    #[error("{}", first_problem(.0))]
    Malformed(Box<Report>),
    /// It has no answers for the model.
    #[error("{} has no model {model} under [[models.…]]; {help}", .path.display())]
    NoModel {
        /// Which file.
        path: PathBuf,
        /// The requested model.
        model: String,
        /// The model that was probably meant, or the models of the script.
        help: String,
    },
}

impl ScriptError {
    /// Everything that is wrong with the text, as a terminal shows it; empty when the message says it all.
    pub fn render(&self, colour: bool) -> String {
        match self {
            Self::Malformed(report) => report.render(colour),
            Self::Unreadable { .. } | Self::NoModel { .. } => String::new(),
        }
    }
}

fn first_problem(report: &Report) -> String {
    let first = report.problems().next();
    let first = first.map(|first| format!("{}:{}:{}: {}", first.file, first.line, first.column, first.message));
    match report.count() {
        0 | 1 => first.unwrap_or_default(),
        count => format!("{}, and {} more", first.unwrap_or_default(), count - 1),
    }
}

impl Scripted {
    /// Reads the answers of one model. A mistake in the rules of another model of the script is an error too.
    pub fn open(path: &Path, model: &str) -> Result<Self, ScriptError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ScriptError::Unreadable { path: path.to_owned(), reason: error.to_string() })?;
        let mut models = read(&text).map_err(|problems| {
            ScriptError::Malformed(Box::new(Report::new(&path.display().to_string(), &text, problems)))
        })?;
        let own = signalbox_model::find_named(&models, model).map(|(name, _)| name.to_owned());
        let help = suggestion(model, "its models", models.keys().map(String::as_str));
        let rules = own.and_then(|own| models.remove(&own)).ok_or_else(|| ScriptError::NoModel {
            path: path.to_owned(),
            model: model.to_owned(),
            help,
        })?;
        Ok(Self { rules })
    }
}

/// The rules of every model of a script, or everything that is wrong with it.
fn read(text: &str) -> Result<BTreeMap<String, Vec<Rule>>, Vec<Problem>> {
    let document = parse_toml(text, text.len())?;
    let mut problems = Problems::default();
    let mut script = TomlTable::new("the script", 0..0, document.get_ref());
    let help = "write rules, each under [[models.default]] or another model's name";
    let models = script.require("models", help, &mut problems);
    let models = models.and_then(|item| item.table("[models]", &mut problems));
    script.finish(&mut problems);
    let mut read = BTreeMap::new();
    for model in models.map_or_else(Vec::new, |models| models.entries()) {
        let tables = model.tables(&format!("[[models.{}]]", model.key), &mut problems);
        let rules = tables.into_iter().enumerate().filter_map(|(index, table)| {
            let name = format!("rule {} of {}", index + 1, model.key);
            rule(&name, table, &mut problems)
        });
        read.insert(model.key.to_owned(), rules.collect());
    }
    if problems.has_errors() { Err(problems.into_list()) } else { Ok(read) }
}

fn rule(name: &str, mut table: TomlTable<'_>, problems: &mut Problems) -> Option<Rule> {
    let span = table.span();
    let condition = table.take("when");
    let otherwise = table.take("otherwise");
    let is_always = otherwise.is_some_and(|item| item.flag(problems) != Some(false));
    let when = match (&condition, is_always) {
        (Some(item), false) => when(item, problems).map(Some),
        (None, true) => Some(None),
        _ => {
            let help = "write `when = { contains = [..] }`, `when = { matches = \"..\" }` or `otherwise = true`";
            problems.add(&span, format!("{name} needs exactly one condition"), help);
            None
        }
    };
    let written = [table.take("reply"), table.take("reply-json"), table.take("error")];
    let answer = match &written {
        [Some(text), None, None] => text.text(problems).map(|text| Answer::Text(text.value)),
        [None, Some(json), None] => json.json(problems).map(|json| Answer::Text(json.to_string())),
        [None, None, Some(error)] => error.text(problems).and_then(|name| error_named(&name, problems)),
        _ => {
            let message = format!("{name} needs exactly one of `reply`, `reply-json` and `error`");
            problems.add(&span, message, "write the answer under one of them");
            None
        }
    };
    let delay = table.take("delay").and_then(|item| item.duration(Duration::ZERO..=Duration::MAX, problems));
    table.finish(problems);
    Some(Rule { when: when?, answer: answer?, delay })
}

fn when(item: &Item<'_>, problems: &mut Problems) -> Option<When> {
    let mut table = item.table("`when`", problems)?;
    let (contains, matches) = (table.take("contains"), table.take("matches"));
    table.finish(problems);
    match (contains, matches) {
        (Some(words), None) => {
            let words = words.texts_with_duplicates(problems);
            Some(When::Contains(words.iter().map(|word| composed(word.value.to_lowercase())).collect()))
        }
        (None, Some(pattern)) => {
            let TomlString { value, span } = pattern.text(problems)?;
            match RegexBuilder::new(&value).case_insensitive(true).build() {
                Ok(pattern) => Some(When::Matches(pattern)),
                Err(error) => {
                    let error = error.to_string();
                    // The lines before the last one draw a caret of their own.
                    let why = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
                    problems.add(&span, format!("`matches` is no regular expression: {why}"), "correct the expression");
                    None
                }
            }
        }
        _ => {
            problems.add(&item.span(), "`when` needs either `contains` or `matches`", "write exactly one of them");
            None
        }
    }
}

const ERRORS: [&str; 7] =
    ["unavailable", "timeout", "rate-limited", "quota-exhausted", "misconfigured", "refused", "malformed-answer"];

fn error_named(name: &TomlString, problems: &mut Problems) -> Option<Answer> {
    let said = || "the script says so".to_owned();
    Some(Answer::Error(match name.value.as_str() {
        "unavailable" => Error::Unavailable(said()),
        "timeout" => Error::Timeout,
        "rate-limited" => Error::RateLimited(Some(1_000)),
        "quota-exhausted" => Error::QuotaExhausted,
        "misconfigured" => Error::Misconfigured(said()),
        "refused" => Error::Refused(said()),
        "malformed-answer" => Error::MalformedAnswer(said()),
        other => {
            problems.add(&name.span, format!("there is no error `{other}`"), suggestion(other, "errors", ERRORS));
            return None;
        }
    }))
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
            tokio::time::sleep(delay).await;
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
        for error in ERRORS {
            read(&format!("[[models.m]]\notherwise = true\nerror = \"{error}\"\n")).unwrap();
            assert!(GUIDE.contains(&format!("`{error}`")), "{error}");
        }
    }
}
