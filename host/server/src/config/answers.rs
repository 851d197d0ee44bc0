use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use signalbox_capabilities::AnswerLimits;
use signalbox_model::HumanSize;

/// The least that one answer may have: a row of a plugin's table fits into it.
const LEAST: u64 = 512 << 10;
/// The most that the journal of one decision may have: what is stored of it can still be read.
const MOST: u64 = 48 << 20;

/// `[answers]`: how much memory the host uses for the requests of plugins and the answers to them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct AnswersConfig {
    /// The largest answer to one call of a plugin, at least 512 KiB. The host ends a page of rows before it grows
    /// larger.
    pub per_call: HumanSize,
    /// The most bytes of the journal of one decision, which holds all requests of its plugins and the answers to them.
    /// It may be at most 48 MiB.
    pub per_decision: HumanSize,
    /// The most bytes of the journals of all decisions of one business that are under way. For further calls, plugins
    /// get the error `unavailable`.
    pub per_business: HumanSize,
    /// The most bytes of the journals of all decisions that are under way. For further calls, plugins get the error
    /// `unavailable`.
    pub per_host: HumanSize,
}

impl Default for AnswersConfig {
    fn default() -> Self {
        let AnswerLimits { per_call, per_decision, per_business, per_host } = AnswerLimits::default();
        let size = |bytes: usize| HumanSize(bytes as u64);
        Self {
            per_call: size(per_call),
            per_decision: size(per_decision),
            per_business: size(per_business),
            per_host: size(per_host),
        }
    }
}

impl AnswersConfig {
    /// The limits, if they make sense together.
    pub fn resolve(&self) -> Result<AnswerLimits, String> {
        let ascending = [
            ("the size of a row", HumanSize(LEAST)),
            ("answers.per-call", self.per_call),
            ("answers.per-decision", self.per_decision),
            ("answers.per-business", self.per_business),
            ("answers.per-host", self.per_host),
        ];
        for (one, other) in ascending.iter().zip(ascending.iter().skip(1)) {
            if other.1.0 < one.1.0 {
                return Err(format!("{} is {}, less than {} ({})", other.0, other.1, one.0, one.1));
            }
        }
        if self.per_decision.0 > MOST {
            let most = HumanSize(MOST);
            return Err(format!("answers.per-decision is {}, more than {most}", self.per_decision));
        }
        let bytes = |size: HumanSize| usize::try_from(size.0).unwrap_or(usize::MAX);
        Ok(AnswerLimits {
            per_call: bytes(self.per_call),
            per_decision: bytes(self.per_decision),
            per_business: bytes(self.per_business),
            per_host: bytes(self.per_host),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_that_contradict_each_other_are_refused_and_named() {
        let with = |change: fn(&mut AnswersConfig)| {
            let mut config = AnswersConfig::default();
            change(&mut config);
            config.resolve()
        };
        assert_eq!(with(|_| {}), Ok(AnswerLimits::default()));
        let small = with(|config| config.per_call = HumanSize(1 << 10)).unwrap_err();
        assert!(small.contains("answers.per-call is 1KiB, less than the size of a row (512KiB)"), "{small}");
        let turned = with(|config| config.per_host = HumanSize(1 << 20)).unwrap_err();
        assert!(turned.contains("answers.per-host is 1MiB, less than answers.per-business (64MiB)"), "{turned}");
        assert!(with(|config| config.per_decision = HumanSize(64 << 20)).unwrap_err().contains("more than 48MiB"));
    }
}
