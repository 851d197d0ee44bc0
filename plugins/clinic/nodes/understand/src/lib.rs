//! Node `understand`: finds the language and intent of a patient's message. A language model is asked first; when it
//! does not answer, or answers nonsense, the rules decide.

use std::time::Duration;

use clinic::channels::{Awaited, Conversation};
use clinic::intent::{self, Guess, Intent};
use clinic::language::{self, Language};
use clinic::symptoms;
use clinic::text::words;
use clinic::{calendar, place};
use signalbox_sdk::prelude::*;

/// From this confidence on the rules have found a complaint.
const SURE: f64 = 0.7;

/// The channels that the node reads.
#[derive(Deserialize)]
pub struct State {
    conversation: Option<Conversation>,
}

/// The answer that the model must give.
#[derive(Deserialize)]
struct Answer {
    intent: Intent,
    confidence: f64,
}

/// Finds language and intent.
#[decision_node]
pub fn understand(context: &Context, state: State) -> Result<Step, Failure> {
    let text = context.text()?;
    let conversation = state.conversation.unwrap_or_default();
    let spoken = language::detect(text).or(conversation.language);
    let language = spoken.unwrap_or_else(|| language::of_locale(&context.business.locale));
    let by_rules = by_rules(context, text, &conversation)?;
    let (guess, source) = match ask_model(text, language, &conversation) {
        Ok(answer) => (weigh(text, answer, by_rules), "language model"),
        Err(error) => {
            warn!(error = error, "the language model did not help, the rules decide");
            (by_rules, "rules")
        }
    };
    let note = format!("{source}: {:?} in {} ({:.2})", guess.intent, language.tag(), guess.confidence);
    info!(intent = format!("{:?}", guess.intent), source = source, "understood the message");
    Ok(Step::new()
        .update("language", &language)?
        .update("intent", &guess.intent)?
        .update("certainty", &guess.confidence)?
        .update("notes", &note)?)
}

/// The rules' guess, given the last question to the patient.
fn by_rules(context: &Context, text: &str, conversation: &Conversation) -> Result<Guess, Failure> {
    let guess = intent::guess(text);
    let open = matches!(guess.intent, Intent::Agreement | Intent::Refusal | Intent::Greeting | Intent::Unclear);
    let Some(awaited) = conversation.awaited.filter(|_| open) else { return Ok(guess) };
    let (said, when) = (words(text), calendar::read(text, place::now(context)?));
    let says_when = when.says_something();
    Ok(match awaited {
        _ if says_when => Guess { intent: Intent::Appointment, confidence: 0.85 },
        Awaited::Wish | Awaited::Agreement if intent::agrees(&said) => {
            Guess { intent: Intent::Appointment, confidence: 0.9 }
        }
        _ => guess,
    })
}

fn ask_model(text: &str, language: Language, conversation: &Conversation) -> Result<Answer, llm::Error> {
    let schema = json!({
        "type": "object",
        "properties": {
            "intent": { "type": "string", "enum": intent::NAMES },
            "confidence": { "type": "number", "minimum": 0, "maximum": 1 },
        },
        "required": ["intent", "confidence"],
        "additionalProperties": false,
    });
    let mut task = format!(
        "A patient writes to the desk of a clinic, in {}. Say what they want: one of {}. `symptoms` is a person who says \
         how they feel, `person` a wish to talk to a human, `unclear` everything that fits nowhere. Never diagnose.",
        language.tag(),
        intent::NAMES.join(", "),
    );
    if conversation.awaited.is_some() {
        task.push_str(" They were just offered an appointment; a yes to it is `appointment`.");
    }
    let answer: Answer = llm::Request::new("clinic")
        .system(task)
        .user(text)
        .temperature(0.0)
        .max_tokens(60)
        .timeout(Duration::from_millis(2_500))
        .ask_json(&schema)?;
    if (0.0..=1.0).contains(&answer.confidence) {
        Ok(answer)
    } else {
        Err(llm::Error::MalformedAnswer(format!("a confidence of {}", answer.confidence)))
    }
}

/// The model's answer, corrected by the rules. The model may overrule neither an emergency nor a complaint that the
/// rules have found: where the two differ, a person reads the message.
fn weigh(text: &str, answer: Answer, by_rules: Guess) -> Guess {
    let complains = by_rules.intent == Intent::Symptoms;
    let talked_away = match answer.intent {
        Intent::Greeting | Intent::Agreement | Intent::Refusal | Intent::Unclear => complains,
        Intent::Hours | Intent::Contact => complains && by_rules.confidence >= SURE,
        _ => false,
    };
    if talked_away || symptoms::read(text).iter().any(|symptom| symptom.is_alarming(text)) {
        return by_rules;
    }
    if answer.intent == by_rules.intent {
        let agreed = answer.confidence.max(by_rules.confidence) + 0.05;
        Guess { intent: answer.intent, confidence: agreed.min(0.98) }
    } else if by_rules.intent == Intent::Unclear {
        Guess { intent: answer.intent, confidence: answer.confidence }
    } else {
        Guess { intent: answer.intent, confidence: answer.confidence * 0.8 }
    }
}

#[cfg(test)]
mod tests;
