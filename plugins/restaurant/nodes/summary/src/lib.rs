//! Node `summary`: sends the counted figures as a text to the connected staff.

use restaurant::summary::{self, Bookings, Complaints};
use restaurant::{calendar, language, place};
use signalbox_sdk::prelude::*;

/// The channels that the node reads. Figures that could not be counted are missing.
#[derive(Deserialize)]
pub struct State {
    #[serde(default)]
    bookings: Bookings,
    #[serde(default)]
    complaints: Complaints,
}

/// Sends the summary of the day.
#[decision_node]
pub fn summary(context: &Context, state: State) -> Result<Step, Failure> {
    let (today, language) = (place::now(context)?.date(), language::of_locale(&context.business.locale));
    let State { bookings, complaints } = state;
    let currency = context.setting::<String>("currency")?.unwrap_or_default();
    let text = summary::text(&calendar::day_name(today, language), &bookings, &complaints, &currency, language);
    let told = json!({
        "kind": "summary.daily",
        "date": today,
        "text": text,
        "bookings": bookings,
        "complaints": complaints,
    });
    websocket::broadcast(&websocket::Audience::staff(), &told)?;
    info!(bookings = bookings.today, complaints = complaints.yesterday, "told the summary of the day");
    Ok(Step::new().decide(Verdict::new("summary.daily", "summary").reasoning(text)))
}

#[cfg(test)]
mod tests {
    use signalbox_sdk::testing::{Effect, Host};

    use super::*;

    #[test]
    fn the_staff_reads_the_summary_in_the_language_of_the_house() {
        let host = Host::new();
        let context = testing::context()
            .business("Trattoria", "ro", "Europe/Bucharest")
            .local_now("2026-11-26T08:00:00+02:00")
            .settings(json!({ "currency": "RON" }));
        let bookings = json!({
            "today": 2, "guests": 6, "cancelled": 0, "first": "12:30", "bills_yesterday": 1, "takings_yesterday": 9950,
        });
        let step = host.run(summary, &context.build(), json!({ "bookings": bookings })).unwrap();
        let [Effect::Broadcast { audience, content }] = &host.effects()[..] else { panic!("one broadcast") };
        assert_eq!(*audience, websocket::Audience::staff());
        let text = content.get::<String>("text").unwrap().unwrap();
        assert!(text.starts_with("Azi, joi, 26 noiembrie: 2 rezervări, 6 persoane, prima la 12:30;"), "{text}");
        assert!(text.contains("99.50 RON"), "{text}");
        assert_eq!(step.decision.unwrap().code, "summary.daily");
    }
}
