use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use signalbox_capabilities::llm::TokenParameter;
use signalbox_model::SecretReference;

/// `[llm]`: the language models that plugins may be granted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct LlmConfig {
    /// Models by the name that bundles grant, for example `[llm.models.default]`.
    pub models: BTreeMap<String, ModelConfig>,
}

/// `[llm.models.<name>]`: one language model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "provider", rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum ModelConfig {
    /// Answers written down beforehand: for development and tests.
    Scripted {
        /// The YAML file with the answers; the model's name chooses those that are meant.
        file: PathBuf,
    },
    /// Any endpoint that speaks the OpenAI chat completions API.
    Openai {
        /// For example `https://api.openai.com/v1`; a query such as Azure's `?api-version=` is kept.
        base_url: String,
        /// The model's name at the endpoint.
        model: String,
        /// Reference to the key that the endpoint asks for, if it does.
        #[serde(default)]
        api_key: Option<SecretReference>,
        /// The header that carries the key alone, for example `api-key`; `Authorization: Bearer` when not set.
        #[serde(default)]
        api_key_header: Option<String>,
        /// The longest answer, in tokens, when the plugin does not say.
        #[serde(default = "default_max_tokens")]
        max_tokens: u32,
        /// What the endpoint calls that bound.
        #[serde(default)]
        max_tokens_parameter: TokenParameter,
    },
}

fn default_max_tokens() -> u32 {
    1_024
}
