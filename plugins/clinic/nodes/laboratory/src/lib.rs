//! Plugin `laboratory`, node `results`: laboratory results wait for a doctor. Before that the patient is told nothing
//! of them.

use clinic::language;
use clinic::results::{Critical, Flag, ResultSet};
use clinic::{notices, place};
use signalbox_sdk::prelude::*;

/// Asks a doctor to review a result set.
#[decision_node]
pub fn results(context: &Context) -> Result<Step, Failure> {
    let Some(data) = &context.input.content.data else {
        return Err(Failure::invalid("the input has no data; the handler `lab-results` gives a result set"));
    };
    let set: ResultSet = data.read().map_err(Failure::invalid)?;
    set.check().map_err(Failure::invalid)?;
    let critical: Critical = context.setting("critical-values")?.unwrap_or_default();
    let flagged = set.flagged(&critical);
    let worst = flagged.iter().map(|(flag, _)| *flag).max().unwrap_or(Flag::Within);
    let (code, priority) = match worst {
        Flag::Within => ("results.within-range", Priority::Low),
        Flag::Outside => ("results.outside-range", Priority::Medium),
        Flag::Critical => ("results.critical", Priority::High),
    };
    let reference = place::reference(&context.decision_id);
    let reviewers = websocket::Audience::with_permission("review");
    let arrived = json!({ "kind": code, "reference": reference, "order": set.order_id, "patient": set.patient_id });
    websocket::broadcast(&reviewers, &arrived)?;
    let record = json!({
        "reference": reference,
        "laboratory": set.laboratory,
        "order": set.order_id,
        "patient": set.patient_id,
        "collectedAt": set.collected_at,
        "values": set.values,
        "flagged": flagged.iter().map(|(flag, value)| json!({ "code": value.code, "flag": flag })).collect::<Vec<_>>(),
    });
    // The language of a patient without a conversation is unknown, so the clinic's is used.
    let language = language::of_locale(&context.business.locale);
    let text = notices::results(&set.order_id, flagged.len(), &place::phone(context)?, language);
    let notice = json!({ "kind": "results.ready", "order": set.order_id, "text": text });
    let named: Vec<&str> = flagged.iter().take(20).map(|(_, value)| value.code.as_str()).collect();
    let reasoning = format!(
        "order {} of {}: {} of {} values outside of their range{}{}",
        set.order_id,
        set.laboratory,
        flagged.len(),
        set.values.len(),
        if named.is_empty() { "" } else { ": " },
        named.join(", "),
    );
    info!(order = set.order_id, flag = code, "results wait for a doctor");
    let verdict = Verdict::new(code, "results")
        .reasoning(reasoning)
        .metadata(json!({ "order": set.order_id, "patient": set.patient_id }))
        .needs_review();
    Ok(Step::new()
        .act(Action::resource("lab-results", record).priority(priority))
        .act(Action::notify(format!("user:{}", set.patient_id), notice).priority(priority))
        .decide(verdict))
}

#[cfg(test)]
mod tests {
    use signalbox_sdk::testing::{Effect, Host};

    use super::*;

    fn run(host: &Host, values: Value) -> Result<Step, Failure> {
        let set = json!({ "laboratory": "Lab", "orderId": "O-1", "patientId": "ana", "values": values });
        let settings = json!({ "critical-values": { "K": { "low": 2.8, "high": 6.2 } } });
        let context = testing::context().input_type(InputType::Webhook).settings(settings).data(&set).build();
        host.run(|context: &Context, _: ()| results(context), &context, json!({}))
    }

    #[test]
    fn results_wait_for_a_doctor_however_good_they_are() {
        let potassium = |value: f64| json!([{ "code": "K", "value": value, "range": { "low": 3.5, "high": 5.1 } }]);
        for (value, code) in [(4.0, "results.within-range"), (5.5, "results.outside-range"), (6.9, "results.critical")]
        {
            let host = Host::new();
            let step = run(&host, potassium(value)).unwrap();
            let verdict = step.decision.unwrap();
            assert_eq!((verdict.code.as_str(), verdict.requires_human_review), (code, true));
            assert!(step.responses.is_empty(), "nothing is said before a doctor has looked");
            assert_eq!(step.actions[1].target, "user:ana");
            assert!(
                matches!(&host.effects()[..], [Effect::Broadcast { audience, .. }] if *audience == websocket::Audience::with_permission("review"))
            );
        }
    }

    #[test]
    fn what_is_no_result_set_is_invalid() {
        assert!(matches!(run(&Host::new(), json!([])), Err(Failure::Invalid(_))));
        assert!(matches!(run(&Host::new(), json!("none")), Err(Failure::Invalid(_))));
    }
}
