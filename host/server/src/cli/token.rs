mod unknown;

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use jsonwebtoken::{EncodingKey, Header};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use serde_json::json;
use signalbox_http::{AuthConfig, KeyConfig};
use signalbox_model::{BUSINESS_ID_RULE, BusinessAccess, HumanDuration, is_business_id, is_hidden, user_id_problem};

use super::{Configured, output};
use crate::config::secrets;
use crate::shutdown;

/// Mints a token for development with the HS256 key of the configuration.
///
/// Warns of businesses, roles and locations that the business directory does not have, but mints the token all the
/// same, because they may be added later. Refuses unless `[auth] development = true`, and when tokens are verified with
/// public keys: then tokens come from the issuer that has the private keys.
///
/// Example: signalbox token --user ana --business trattoria-roma:coordinator --expires 8h
#[derive(Debug, Args)]
pub struct Options {
    /// The user that the token is for.
    #[arg(long)]
    user: String,
    /// A business the user may see with the user's roles there, as ID, ID:ROLE,ROLE or ID:ROLE@LOCATION,LOCATION;
    /// without roles the user is a `coordinator`, without locations the user sees all of them; may be repeated.
    #[arg(long, required = true, value_name = "ID[:ROLES][@LOCATIONS]")]
    business: Vec<String>,
    /// How long the token is valid.
    #[arg(long, default_value = "1h", value_name = "DURATION")]
    expires: HumanDuration,
    /// Prints JSON for programs: the token and when it expires.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    jti: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    businesses: &'a BTreeMap<String, BusinessAccess>,
}

/// Mints the token.
pub fn run(configured: &Configured, options: &Options) -> anyhow::Result<ExitCode> {
    let user = &options.user;
    // The same check that a host makes of every token.
    if let Some(problem) = user_id_problem(user) {
        bail!("--user {problem}");
    }
    let businesses = businesses(&options.business)?;
    let loaded = configured.load()?;
    let auth = &loaded.config.auth;
    let key = development_key(auth)?;
    let secret = secrets::open("auth.keys", &key.key)?;
    let now = jiff::Timestamp::now();
    let expires = now.checked_add(options.expires.0).context("--expires is too far away")?;
    let claims = Claims {
        iss: &auth.issuer,
        aud: &auth.audience,
        sub: user,
        jti: signalbox_model::correlation_id().replace("cor_", "dev_"),
        iat: now.as_second(),
        nbf: now.as_second(),
        exp: expires.as_second(),
        businesses: &businesses,
    };
    let header = Header { kid: key.kid.clone(), ..Header::new(key.algorithm.into()) };
    let encoding = EncodingKey::from_secret(secret.expose_secret().as_bytes());
    let token = jsonwebtoken::encode(&header, &claims, &encoding).context("signing the token")?;
    for note in unknown::notes(&loaded, &businesses) {
        output::problem(&output::printable(&format!("warning: {note}\n")));
    }
    if options.json {
        output::json(&json!({ "token": token, "expiresAt": expires }))?;
    } else {
        output::line(&token)?;
    }
    Ok(shutdown::DONE)
}

/// The one key that may mint tokens, if the configuration allows it.
fn development_key(auth: &AuthConfig) -> anyhow::Result<&KeyConfig> {
    if !auth.development {
        bail!(
            "this configuration is not for development: tokens come from your issuer. To mint them here, set \
             `[auth] development = true`, never in production"
        );
    }
    if let Some(jwks) = &auth.jwks {
        bail!(
            "tokens are verified with the keys that {} publishes; only that issuer can mint them. For development \
             configure an HS256 key under [[auth.keys]] instead of [auth.jwks]",
            jwks.url
        );
    }
    if let Some(public) = auth.keys.iter().find(|key| !key.algorithm.is_shared()) {
        bail!(
            "tokens are verified with the public key in {}; only whoever has the private one can mint them. For \
             development configure an HS256 key alone under [[auth.keys]]",
            public.key
        );
    }
    auth.keys.first().context("no key is configured: add [[auth.keys]] with algorithm = \"HS256\" and a key")
}

/// Reads the values of `--business`; each must name another business.
fn businesses(texts: &[String]) -> anyhow::Result<BTreeMap<String, BusinessAccess>> {
    let mut businesses = BTreeMap::new();
    for text in texts {
        let (id, access) = access(text)?;
        if businesses.insert(id.clone(), access).is_some() {
            bail!("--business names {id} twice; name it once, with all of its roles and locations");
        }
    }
    Ok(businesses)
}

/// Reads `ID[:ROLE,ROLE][@LOCATION,LOCATION]`.
fn access(text: &str) -> anyhow::Result<(String, BusinessAccess)> {
    let (rest, locations) = match text.split_once('@') {
        Some((rest, locations)) => (rest, Some(names(locations))),
        None => (text, None),
    };
    let (id, roles) = match rest.split_once(':') {
        Some((id, roles)) => (id, names(roles)),
        None => (rest, vec!["coordinator".to_owned()]),
    };
    if id.is_empty() || roles.is_empty() || locations.as_ref().is_some_and(Vec::is_empty) {
        bail!("`{text}` is not ID[:ROLE,ROLE][@LOCATION,LOCATION], for example trattoria-roma:coordinator");
    }
    if !is_business_id(id) {
        bail!("`{id}` can be no business: an id has {BUSINESS_ID_RULE}");
    }
    let mut named = roles.iter().chain(locations.iter().flatten());
    if let Some(name) = named.find(|name| name.chars().any(is_hidden)) {
        bail!("`{name}` has characters that cannot be seen, which no role or location is found by; write it anew");
    }
    Ok((id.to_owned(), BusinessAccess { roles, locations }))
}

fn names(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_is_read_as_it_is_written() {
        let read = |text: &str| access(text).map(|(id, access)| (id, access.roles.join("+"), access.locations));
        let one = |text: &str| text.to_owned();
        assert_eq!(read("roma").unwrap(), (one("roma"), one("coordinator"), None));
        assert_eq!(read("roma:owner,cook").unwrap(), (one("roma"), one("owner+cook"), None));
        assert_eq!(
            read("roma:cook@centru,port").unwrap(),
            (one("roma"), one("cook"), Some(vec![one("centru"), one("port")]))
        );
        assert_eq!(read("roma@centru").unwrap(), (one("roma"), one("coordinator"), Some(vec![one("centru")])));
        assert!(read("ro ma").unwrap_err().to_string().contains("1 to 64 letters"));
        assert!(read("roma:co\u{202e}ok").unwrap_err().to_string().contains("cannot be seen"));
        let twice = businesses(&["roma".to_owned(), "roma:cook".to_owned()]);
        assert!(twice.unwrap_err().to_string().contains("names roma twice"));
        for wrong in ["", ":cook", "roma:", "roma@"] {
            assert!(read(wrong).unwrap_err().to_string().contains("trattoria-roma:coordinator"), "{wrong}");
        }
    }
}
