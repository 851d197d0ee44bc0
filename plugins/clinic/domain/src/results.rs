//! Laboratory results: values compared with the laboratory's own reference ranges. Only a doctor interprets them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The results of one order, as the handler passes them on.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResultSet {
    /// The laboratory.
    pub laboratory: String,
    /// The laboratory's id of the order.
    pub order_id: String,
    /// The patient's id.
    pub patient_id: String,
    /// When the sample was taken, as the laboratory writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collected_at: Option<String>,
    /// The measured values.
    pub values: Vec<Measurement>,
}

/// One measured value.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Measurement {
    /// The code of the measurement, for example `K`.
    pub code: String,
    /// The name of the measurement.
    #[serde(default)]
    pub name: String,
    /// The value.
    pub value: f64,
    /// The unit.
    #[serde(default)]
    pub unit: String,
    /// The laboratory's reference range.
    #[serde(default)]
    pub range: Range,
}

/// A reference range; a bound may be missing.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Range {
    /// The lower bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// The upper bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
}

/// Ranges by code, from the setting `critical-values`: a value outside of its range needs action at once.
pub type Critical = BTreeMap<String, Range>;

/// Where a value lies.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flag {
    /// Within its range, or without one.
    Within,
    /// Outside of its range.
    Outside,
    /// Outside of the clinic's critical range.
    Critical,
}

impl Measurement {
    /// Where the value lies. The critical range is separate: a value outside of it needs action at once.
    pub fn flag(&self, critical: &Critical) -> Flag {
        let outside = |range: &Range| {
            range.low.is_some_and(|low| self.value < low) || range.high.is_some_and(|high| self.value > high)
        };
        match critical.get(&self.code) {
            Some(range) if outside(range) => Flag::Critical,
            _ if outside(&self.range) => Flag::Outside,
            _ => Flag::Within,
        }
    }
}

impl ResultSet {
    /// The values outside of their range, the gravest first, each with its flag.
    pub fn flagged(&self, critical: &Critical) -> Vec<(Flag, &Measurement)> {
        let flags = self.values.iter().map(|value| (value.flag(critical), value));
        let mut flagged: Vec<_> = flags.filter(|(flag, _)| *flag != Flag::Within).collect();
        flagged.sort_by_key(|(flag, _)| std::cmp::Reverse(*flag));
        flagged
    }

    /// What is wrong with it, in words for the laboratory.
    pub fn check(&self) -> Result<(), String> {
        let blank = |what: &str| Err(format!("`{what}` is empty"));
        if self.order_id.trim().is_empty() || self.order_id.len() > 128 {
            return Err("`orderId` has not 1 to 128 bytes".to_owned());
        }
        let order = &self.order_id;
        if self.patient_id.trim().is_empty() {
            return blank("patientId").map_err(|why| format!("order `{order}`: {why}"));
        }
        if self.values.is_empty() || self.values.len() > 200 {
            return Err(format!("order `{order}` has {} values, not 1 to 200", self.values.len()));
        }
        for value in &self.values {
            let place = format!("order `{order}`, value `{}`", value.code);
            if value.code.trim().is_empty() {
                return blank("code").map_err(|why| format!("order `{order}`: {why}"));
            }
            let bounds = [Some(value.value), value.range.low, value.range.high];
            if bounds.into_iter().flatten().any(|number| !number.is_finite()) {
                return Err(format!("{place} has a number that is none"));
            }
            if let (Some(low), Some(high)) = (value.range.low, value.range.high)
                && low > high
            {
                return Err(format!("{place}: its range goes from {low} to {high}"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(values: serde_json::Value) -> ResultSet {
        let set = json!({ "laboratory": "Lab", "orderId": "O-1", "patientId": "ana", "values": values });
        serde_json::from_value(set).unwrap()
    }

    #[test]
    fn values_are_held_against_their_range_and_against_what_is_critical() {
        let critical = Critical::from([("K".to_owned(), Range { low: Some(2.8), high: Some(6.2) })]);
        let set = set(json!([
            { "code": "GLU", "value": 99.0, "range": { "low": 70, "high": 99 } },
            { "code": "LDL", "value": 160, "range": { "high": 130 } },
            { "code": "K", "value": 6.5, "range": { "low": 3.5, "high": 5.1 } },
            { "code": "NOTE", "value": 1 },
        ]));
        let flagged: Vec<_> = set.flagged(&critical).iter().map(|(flag, value)| (*flag, value.code.clone())).collect();
        assert_eq!(flagged, [(Flag::Critical, "K".to_owned()), (Flag::Outside, "LDL".to_owned())]);
        assert_eq!(set.values[2].flag(&Critical::new()), Flag::Outside, "critical is what the clinic calls so");
    }

    #[test]
    fn malformed_sets_are_named() {
        let cases = [
            (json!([]), "0 values"),
            (json!([{ "code": " ", "value": 1 }]), "`code`"),
            (json!([{ "code": "K", "value": 1, "range": { "low": 5, "high": 3 } }]), "from 5 to 3"),
        ];
        for (values, expected) in cases {
            let why = set(values).check().unwrap_err();
            assert!(why.contains(expected) && why.contains("O-1"), "{why}");
        }
        let mut nameless = set(json!([{ "code": "K", "value": 1 }]));
        nameless.patient_id = "  ".to_owned();
        assert!(nameless.check().unwrap_err().contains("`patientId`"));
    }
}
