//! The address for completions.

use reqwest::Url;

/// `chat/completions` below a base address. A query stays, as Azure needs it (`?api-version=…`); an address that
/// already ends with the resource is not changed.
pub(super) fn completions(base: &str) -> Result<Url, String> {
    let mut url = Url::parse(base.trim()).map_err(|error| format!("`base-url` is no URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("`base-url` begins with `{}:`; it must be http or https", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("`base-url` holds a user or password; name a key with `api-key` instead".to_owned());
    }
    url.set_fragment(None);
    let complete = url.path().trim_end_matches('/').ends_with("/chat/completions");
    let mut path = url.path_segments_mut().map_err(|()| "`base-url` cannot have a path".to_owned())?;
    path.pop_if_empty();
    if !complete {
        path.pop_if_empty().extend(["chat", "completions"]);
    }
    drop(path);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_writing_a_base_address_leads_to_its_completions() {
        let cases = [
            ("https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions"),
            ("https://api.openai.com/v1/", "https://api.openai.com/v1/chat/completions"),
            (" http://ollama:11434 ", "http://ollama:11434/chat/completions"),
            ("http://host/v1/chat/completions", "http://host/v1/chat/completions"),
            ("http://host/v1/chat/completions/", "http://host/v1/chat/completions"),
            ("http://host/v1//", "http://host/v1/chat/completions"),
            ("http://host/v1#top", "http://host/v1/chat/completions"),
            (
                "https://x.openai.azure.com/openai/deployments/gpt?api-version=2024-10-21",
                "https://x.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=2024-10-21",
            ),
            (
                "https://x/openai/deployments/gpt/?api-version=1",
                "https://x/openai/deployments/gpt/chat/completions?api-version=1",
            ),
        ];
        for (base, expected) in cases {
            assert_eq!(completions(base).unwrap().as_str(), expected, "{base}");
        }
    }

    #[test]
    fn an_address_that_cannot_work_is_refused_without_repeating_it() {
        for base in ["", "api.openai.com/v1", "ftp://s3cret/v1", "https://user:s3cret@host/v1", "mailto:s3cret@host"] {
            let why = completions(base).unwrap_err();
            assert!(why.contains("`base-url`") && !why.contains("s3cret"), "{base}: {why}");
        }
    }
}
