//! Derived ids, so that a repetition has the same id as the original.

use sha2::{Digest, Sha256};

use crate::Timestamp;

/// The id of an input with an id from the client; `scope` separates users and triggers.
pub fn input_id(scope: &str, client_id: &str) -> String {
    format!("in_{}", derive(&["input", scope, client_id]))
}

/// The id of the input of a schedule's tick. It is the same whichever process fires the tick, and however often.
/// `nominal` is the time for which the tick was scheduled, not the time at which it fired.
pub fn fire_input_id(business_id: &str, schedule: &str, nominal: Timestamp) -> String {
    format!("in_{}", derive(&["fire", business_id, schedule, &nominal.as_nanosecond().to_string()]))
}

/// The id of a webhook's delivery, from the sender's id. It is the same however often the delivery arrives.
pub fn delivery_id(business_id: &str, hook: &str, sender_id: &str) -> String {
    format!("dlv_{}", derive(&["delivery", business_id, hook, sender_id]))
}

/// The id of the content that a webhook's signature proves. It is the same for every address that receives it. `secret`
/// is the name of the secret that signed it.
pub fn signature_id(secret: &str, signed: &str) -> String {
    format!("sig_{}", derive(&["signature", secret, signed]))
}

/// The id of a Kafka record. It is the same whichever host reads it, and however often. `written_at` distinguishes it
/// from a record with the same offset in a topic that was deleted and created again.
pub fn record_id(topic: &str, partition: i32, offset: i64, written_at: Option<i64>) -> String {
    let written_at = written_at.map(|at| at.to_string()).unwrap_or_default();
    format!("rec_{}", derive(&["record", topic, &partition.to_string(), &offset.to_string(), &written_at]))
}

/// The id of the decision on an input. It does not depend on the generation, so that an input decided by one bundle is
/// not decided again by the next.
pub fn decision_id(business_id: &str, input_id: &str) -> String {
    format!("dec_{}", derive(&["decision", business_id, input_id]))
}

/// The id of a decision's action at a position, the idempotency key of its delivery.
pub fn action_id(decision_id: &str, index: usize) -> String {
    format!("act_{}", derive(&["action", decision_id, &index.to_string()]))
}

/// The id of a decision's response at a position.
pub fn response_id(decision_id: &str, index: usize) -> String {
    format!("rsp_{}", derive(&["response", decision_id, &index.to_string()]))
}

/// A new correlation id, for an input whose sender gave none.
pub fn correlation_id() -> String {
    format!("cor_{}", ulid::Ulid::new())
}

/// 128 bits of SHA-256 over the parts, each preceded by its length, so that different lists of parts do not collide.
fn derive(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let hash: [u8; 32] = hash.finalize().into();
    // Written into an array, because `hex::encode` collects character by character.
    let mut digits = [0; 32];
    let encoded = hash.first_chunk::<16>().and_then(|half| hex::encode_to_slice(half, &mut digits).ok());
    encoded.and_then(|()| std::str::from_utf8(&digits).ok()).unwrap_or_default().to_owned()
}

/// Whether a text is valid as the id of an input or a decision. No record has any other id.
pub fn is_record_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_derived_id_is_one_and_what_could_be_no_key_is_none() {
        assert!(is_record_id(&decision_id("ab", "c")) && is_record_id(&input_id("ws/ana", "m1")));
        for text in ["", "dec 1", "dec/1", "déc", &"d".repeat(65), &"d".repeat(60_000)] {
            assert!(!is_record_id(text), "{}", text.len());
        }
    }

    #[test]
    fn parts_cannot_be_shifted_into_each_other() {
        assert_ne!(decision_id("ab", "c"), decision_id("a", "bc"));
        assert_eq!(decision_id("ab", "c"), decision_id("ab", "c"));
    }

    #[test]
    fn a_tick_has_one_id_for_each_schedule_and_time() {
        let at = |time: &str| time.parse::<Timestamp>().unwrap();
        let id = fire_input_id("ab", "c", at("2026-11-23T08:00:00Z"));
        assert_eq!(id, fire_input_id("ab", "c", at("2026-11-23T10:00:00+02:00")));
        assert_ne!(id, fire_input_id("ab", "c", at("2026-11-23T08:01:00Z")));
        assert_ne!(id, fire_input_id("a", "bc", at("2026-11-23T08:00:00Z")));
    }

    #[test]
    fn ids_of_different_kinds_never_collide() {
        assert_ne!(action_id("dec_1", 0)[4..], response_id("dec_1", 0)[4..]);
    }
}
