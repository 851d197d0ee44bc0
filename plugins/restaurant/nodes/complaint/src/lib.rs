//! The nodes `complaint` and `count-complaints`: one plugin, because rows belong to a plugin. `complaint` assesses how
//! bad a complaint is, looks up earlier decisions on similar ones, and proposes an offer. A person has the last word.

use restaurant::channels::Outcome;
use restaurant::complaint::{self, Complaint, Severity, Subject};
use restaurant::language::{self, Language};
use restaurant::{place, tables};
use signalbox_sdk::prelude::*;
use signalbox_sdk::rag::PastDecision;

/// How many decisions on the same kind of complaint are looked at.
const LOOK_BACK: u32 = 10;

mod ledger;

/// The channels that the nodes read; each node declares its own in the bundle.
#[derive(Deserialize)]
pub struct State {
    language: Option<Language>,
}

/// The offer that a coordinator is asked to approve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Offer {
    Apology,
    Voucher { percent: u32 },
    Refund,
    CallNow,
}

/// Runs the node that the bundle names.
#[decision_node]
pub fn complaint(context: &Context, state: State) -> Result<Step, Failure> {
    if context.node == "count-complaints" {
        return ledger::count(context);
    }
    let language = state.language.unwrap_or_else(|| language::of_locale(&context.business.locale));
    propose(context, language)
}

/// Assesses a complaint and proposes an offer.
fn propose(context: &Context, language: Language) -> Result<Step, Failure> {
    let text = context.text()?;
    let complaint = complaint::assess(text);
    let code = format!("complaint.{}", complaint.subject.name());
    let past = match rag::find_similar_decisions(&code, LOOK_BACK) {
        Ok(past) => past,
        // A complaint must reach a person even when earlier decisions cannot be read.
        Err(error) => {
            warn!(error = error, "similar complaints are not known, going on without them");
            Vec::new()
        }
    };
    let precedent = Precedent::of(&past);
    let offer = offer(&complaint, &precedent);
    let confidence = precedent.confidence(complaint.signs.len());
    let reference = tables::code(&context.decision_id);
    let priority = if complaint.severity == Severity::Critical { Priority::High } else { Priority::Medium };
    let reasoning = format!(
        "{:?} complaint about {} ({}); {}; proposes {offer:?}",
        complaint.severity,
        complaint.subject.name(),
        if complaint.signs.is_empty() { "no known sign".to_owned() } else { complaint.signs.join(", ") },
        precedent.in_words(),
    );
    if complaint.severity == Severity::Critical {
        let reviewers = websocket::Audience::with_permission("review");
        websocket::broadcast(
            &reviewers,
            &json!({ "kind": "complaint.critical", "reference": reference, "text": text }),
        )?;
    }
    ledger::record(context, &complaint);
    let record = json!({
        "reference": reference,
        "user": place::guest(context),
        "subject": complaint.subject,
        "severity": complaint.severity,
        "offer": offer,
        "text": text,
    });
    let data = json!({
        "reference": reference,
        "phone": context.setting::<String>("phone")?.unwrap_or_default(),
    });
    info!(code = code, severity = format!("{:?}", complaint.severity), "weighed a complaint");
    let verdict = Verdict::new(&code, "complaint")
        .confidence(confidence)
        .reasoning(&reasoning)
        .metadata(json!({ "offer": offer, "precedents": precedent.known, "language": language }))
        .needs_review();
    Ok(Step::new()
        .update("outcome", &Outcome::new(&code, data, reasoning).decided())?
        .act(Action::resource("complaint", record).priority(priority))
        .decide(verdict))
}

/// People's decisions on similar complaints.
struct Precedent {
    known: usize,
    upheld: usize,
    rejected: usize,
}

impl Precedent {
    fn of(past: &[PastDecision]) -> Self {
        let count = |outcomes: &[&str]| past.iter().filter(|past| outcomes.contains(&past.outcome.as_str())).count();
        Self { known: past.len(), upheld: count(&["approved", "edited"]), rejected: count(&["rejected"]) }
    }

    /// Approved decisions raise the confidence; rejected ones lower it.
    fn confidence(&self, signs: usize) -> f64 {
        let by_signs = (0.45 + 0.1 * signs.min(3) as f64).min(0.75);
        let reviewed = self.upheld + self.rejected;
        if reviewed == 0 {
            return by_signs;
        }
        let agreement = self.upheld as f64 / reviewed as f64;
        let weight = reviewed.min(5) as f64 / 10.0;
        let confidence = by_signs * (1.0 - weight) + agreement * weight;
        (confidence * 100.0).round() / 100.0
    }

    /// Whether people usually rejected the offer.
    fn usually_rejected(&self) -> bool {
        self.rejected >= 3 && self.rejected > 2 * self.upheld
    }

    fn in_words(&self) -> String {
        format!("{} similar before, {} upheld, {} rejected", self.known, self.upheld, self.rejected)
    }
}

fn offer(complaint: &Complaint, precedent: &Precedent) -> Offer {
    match complaint.severity {
        Severity::Critical => Offer::CallNow,
        _ if precedent.usually_rejected() => Offer::Apology,
        Severity::Serious if complaint.wants_refund || complaint.subject == Subject::Money => Offer::Refund,
        Severity::Serious => Offer::Voucher { percent: 20 },
        Severity::Minor if complaint.subject == Subject::Other => Offer::Apology,
        Severity::Minor => Offer::Voucher { percent: 10 },
    }
}

#[cfg(test)]
mod tests;
