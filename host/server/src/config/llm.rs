use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use signalbox_capabilities::llm::TokenParameter;
use signalbox_model::SecretReference;

/// `[llm]`: the language models that plugins may use.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct LlmConfig {
    /// The language models, each a table `[llm.models.<name>]` with the name that grants of bundles use.
    pub models: BTreeMap<String, ModelConfig>,
}

/// `[llm.models.<name>]`: one language model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "provider", rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum ModelConfig {
    /// Answers from a file, for development and tests.
    Scripted {
        /// The YAML file with the answers. The host uses the answers that the file lists under the name of this model.
        file: PathBuf,
    },
    /// An endpoint with the OpenAI chat completions API.
    Openai {
        /// The URL of the endpoint, for example `https://api.openai.com/v1`. The host keeps a query of the URL in every
        /// request, for example `https://NAME.openai.azure.com/openai/deployments/DEPLOYMENT?api-version=2024-10-21`.
        base_url: String,
        /// The name of the model at the endpoint.
        model: String,
        /// Reference to the API key, if the endpoint requires one.
        #[serde(default)]
        api_key: Option<SecretReference>,
        /// The name of the header that carries only the API key, for example `api-key` for Azure. If it is not set, the
        /// host sends the key as `Authorization: Bearer`.
        #[serde(default)]
        api_key_header: Option<String>,
        /// The longest answer, in tokens. A plugin may ask for a shorter one. The tokens that a reasoning model spends
        /// before it answers count too.
        #[serde(default = "default_max_tokens")]
        max_tokens: u32,
        /// The name of the request parameter that carries `max-tokens`: `auto`, `max-completion-tokens` or
        /// `max-tokens`.
        #[serde(default)]
        max_tokens_parameter: TokenParameter,
    },
}

fn default_max_tokens() -> u32 {
    1_024
}
