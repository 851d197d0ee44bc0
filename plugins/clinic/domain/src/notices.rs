//! The texts of notifications that leave as actions. Answers get their text from message models; a notification carries
//! its own text, is read on a telephone, and may wait for the approval of a doctor, who reads the same text.

use crate::hours;
use crate::language::Language;
use crate::triage::Urgency;

/// The reminder of an appointment.
pub fn reminder(clinic: &str, doctor: &str, day: &str, minute: u32, phone: &str, language: Language) -> String {
    let time = hours::clock(minute);
    match language {
        Language::Ro => format!(
            "{clinic} vă amintește de programarea de mâine, {day}, ora {time}, la {doctor}.{}",
            call(phone, " Dacă nu mai puteți veni, sunați la ", ".")
        ),
        Language::En => format!(
            "{clinic} reminds you of your appointment tomorrow, {day} at {time}, with {doctor}.{}",
            call(phone, " If you cannot come, call ", ".")
        ),
    }
}

/// Says that results have arrived. It leaves only after a doctor has seen them.
pub fn results(order: &str, outside: usize, phone: &str, language: Language) -> String {
    match (language, outside) {
        (Language::Ro, 0) => format!("Un medic v-a văzut analizele ({order}). Le găsiți la recepție."),
        (Language::En, 0) => format!("A doctor has looked at your results ({order}). They are at the desk for you."),
        (Language::Ro, _) => format!(
            "Un medic v-a văzut analizele ({order}) și dorește să le discute cu dumneavoastră.{}",
            call(phone, " Sunați la ", ".")
        ),
        (Language::En, _) => format!(
            "A doctor has looked at your results ({order}) and would like to talk them over with you.{}",
            call(phone, " Please call ", ".")
        ),
    }
}

/// The advice to a person with symptoms, which a doctor is asked to approve.
pub fn advice(urgency: Urgency, phone: &str, language: Language) -> String {
    let when = match (urgency, language) {
        (Urgency::Emergency, Language::Ro) => "să mergeți acum la urgențe sau să sunați la 112",
        (Urgency::Emergency, Language::En) => "you to go to the emergency department now or to call 112",
        (Urgency::Urgent, Language::Ro) => "să fiți văzut astăzi",
        (Urgency::Urgent, Language::En) => "you to be seen today",
        (Urgency::Soon, Language::Ro) => "să fiți văzut în zilele următoare",
        (Urgency::Soon, Language::En) => "you to be seen within the next days",
        (Urgency::Routine, Language::Ro) => "o consultație obișnuită, la prima programare care vă convine",
        (Urgency::Routine, Language::En) => "an ordinary consultation, whenever it suits you",
    };
    match language {
        Language::Ro => {
            format!("Un medic a citit ce ne-ați scris și recomandă {when}.{}", call(phone, " Telefon: ", "."))
        }
        Language::En => {
            format!("A doctor has read what you wrote and advises {when}.{}", call(phone, " Telephone: ", "."))
        }
    }
}

fn call(phone: &str, before: &str, after: &str) -> String {
    if phone.is_empty() { String::new() } else { format!("{before}{phone}{after}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_notice_is_in_both_languages_and_whole_without_a_telephone() {
        for language in [Language::Ro, Language::En] {
            let mut all = vec![
                reminder("Clinica", "dr. Ionescu", "joi", 600, "", language),
                results("O-1", 0, "", language),
                results("O-1", 2, "", language),
            ];
            let urgencies = [Urgency::Routine, Urgency::Soon, Urgency::Urgent, Urgency::Emergency];
            all.extend(urgencies.map(|urgency| advice(urgency, "", language)));
            for text in all {
                assert!(text.ends_with('.') && !text.contains("  "), "{text}");
            }
        }
        assert!(reminder("C", "dr. I", "joi", 600, "1", Language::Ro).ends_with("sunați la 1."));
    }
}
