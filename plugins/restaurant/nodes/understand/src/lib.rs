//! Node `understand`: finds the language and intent of a guest's message. A language model is asked first; when it does
//! not answer, or answers nonsense, the rules decide.

use std::time::Duration;

use restaurant::booking;
use restaurant::channels::Conversation;
use restaurant::complaint::{self, Severity};
use restaurant::intent::{self, Guess, Intent};
use restaurant::language::{self, Language};
use restaurant::{menu, place};
use signalbox_sdk::prelude::*;

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

/// The rules' guess, given the last question to the guest.
fn by_rules(context: &Context, text: &str, conversation: &Conversation) -> Result<Guess, Failure> {
    let dishes: Vec<String> = place::menu(context)?.iter().flat_map(menu::telling_words).collect();
    let guess = intent::guess(text, &dishes);
    let may_be_about_a_table = matches!(guess.intent, Intent::Unclear | Intent::Greeting | Intent::Booking);
    if !may_be_about_a_table {
        return Ok(guess);
    }
    let (now, hours) = (place::now(context)?, place::hours(context)?);
    let request = booking::read(text, now, &hours, &conversation.request, conversation.awaited);
    let confidence = match (conversation.awaited, request.heard.len()) {
        (_, 0) => return Ok(guess),
        (Some(awaited), _) if request.heard.contains(&awaited) => 0.9,
        (Some(_), _) => 0.8,
        (None, 1) if guess.intent != Intent::Booking => return Ok(guess),
        (None, heard) => (0.6 + 0.1 * heard as f64).max(guess.confidence),
    };
    Ok(Guess { intent: Intent::Booking, confidence })
}

fn ask_model(text: &str, language: Language, conversation: &Conversation) -> Result<Answer, llm::Error> {
    let names = intent::NAMES;
    let schema = json!({
        "type": "object",
        "properties": {
            "intent": { "type": "string", "enum": names },
            "confidence": { "type": "number", "minimum": 0, "maximum": 1 },
        },
        "required": ["intent", "confidence"],
        "additionalProperties": false,
    });
    let mut task = format!(
        "A guest writes to a restaurant, in {}. Say what they want: one of {}. \
         `person` is a wish to talk to a human, `unclear` everything that fits nowhere.",
        language.tag(),
        names.join(", "),
    );
    if let Some(awaited) = conversation.awaited {
        task.push_str(&format!(" They were just asked for the {} of a booking.", awaited.name()));
    }
    let answer: Answer = llm::Request::new("default")
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

/// The model's answer, corrected by the rules. The model may not overrule that a person was hurt.
fn weigh(text: &str, answer: Answer, by_rules: Guess) -> Guess {
    if by_rules.intent == Intent::Complaint && complaint::assess(text).severity == Severity::Critical {
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
