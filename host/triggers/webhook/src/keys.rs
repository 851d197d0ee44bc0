//! The secrets that verify deliveries for a business: the business's own, or else those that businesses share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use signalbox_graph::{Inputs, VerifyScheme};
use signalbox_model::{BusinessInfo, find_named};

use crate::HookError;
use crate::verify::{MIN_KEY_BYTES, SigningKey};

/// The secrets of the configuration, opened. When a name has several, all of them are valid.
#[derive(Default)]
pub struct WebhookSecrets {
    /// The secrets that businesses share, by name.
    pub shared: BTreeMap<String, Vec<SecretString>>,
    /// The secrets of single businesses, by business and name.
    pub own: BTreeMap<String, BTreeMap<String, Vec<SecretString>>>,
}

/// The secrets as signing keys.
pub(super) struct Keys {
    shared: BTreeMap<String, Vec<SigningKey>>,
    own: BTreeMap<String, BTreeMap<String, Vec<SigningKey>>>,
}

/// The keys for one hook of one business.
pub(super) struct HookKeys<'a> {
    pub keys: &'a [SigningKey],
    /// Whether they are valid for other businesses too.
    pub shared: bool,
    /// The configuration key of the secret; exactly the businesses that share the secret have the same one.
    pub name: String,
}

impl Keys {
    pub fn new(secrets: WebhookSecrets) -> Self {
        let keys = |secrets: Vec<SecretString>| secrets.into_iter().map(SigningKey::new).collect();
        let named = |secrets: BTreeMap<String, Vec<SecretString>>| {
            secrets.into_iter().map(|(name, secrets)| (name, keys(secrets))).collect()
        };
        Self {
            shared: named(secrets.shared),
            own: secrets.own.into_iter().map(|(business, secrets)| (business, named(secrets))).collect(),
        }
    }

    /// The keys of a secret for a business; none when there is no such secret.
    pub fn of(&self, business_id: &str, secret: &str) -> Option<HookKeys<'_>> {
        let own = self.own.get(business_id).and_then(|own| find_named(own, secret));
        let chosen = match own {
            // Also when the list is empty: an operator who lists a business's own secrets wants no others.
            Some((name, keys)) => {
                HookKeys { keys, shared: false, name: format!("webhooks.business-secrets.{business_id}.{name}") }
            }
            None => {
                let (name, keys) = find_named(&self.shared, secret)?;
                HookKeys { keys, shared: true, name: format!("webhooks.secrets.{name}") }
            }
        };
        Some(chosen).filter(|chosen| !chosen.keys.is_empty())
    }

    /// Whether every hook of a bundle can be verified for every business of its type; `bundle` is what errors call it.
    pub fn check(&self, bundle: &str, inputs: &Inputs, businesses: &[Arc<BusinessInfo>]) -> Result<(), HookError> {
        for (hook, input) in &inputs.webhook {
            let (bundle, hook, secret) = (bundle.to_owned(), hook.clone(), input.verify.secret.clone());
            if businesses.is_empty() && self.of("", &secret).is_none() && !self.is_secret_of_any_business(&secret) {
                return Err(HookError::UnknownSecret { bundle, hook, secret });
            }
            for business in businesses {
                let Some(chosen) = self.of(&business.business_id, &secret) else {
                    if find_named(&self.shared, &secret).is_none() && !self.is_secret_of_any_business(&secret) {
                        return Err(HookError::UnknownSecret { bundle, hook, secret });
                    }
                    let business = business.business_id.clone();
                    return Err(HookError::BusinessSecretMissing { bundle, hook, secret, business });
                };
                check_keys(&chosen, input.verify.scheme, &bundle, &hook)?;
            }
            // A bundle that is deployed later may need them.
            if let Some(chosen) = self.of("", &secret) {
                check_keys(&chosen, input.verify.scheme, &bundle, &hook)?;
            }
        }
        Ok(())
    }

    fn is_secret_of_any_business(&self, secret: &str) -> bool {
        self.own.values().any(|own| find_named(own, secret).is_some())
    }

    /// A sentence for the operator about each secret that businesses share: `hooks` are those of every type.
    pub fn warnings(&self, businesses: &[Arc<BusinessInfo>], hooks: &BTreeMap<String, Arc<Inputs>>) -> Vec<String> {
        let mut warnings = Vec::new();
        for (business_type, inputs) in hooks {
            for (hook, input) in &inputs.webhook {
                let secret = &input.verify.secret;
                let sharing: Vec<&str> = businesses
                    .iter()
                    .filter(|business| business.business_type == *business_type)
                    .map(|business| business.business_id.as_str())
                    .filter(|business| self.of(business, secret).is_some_and(|chosen| chosen.shared))
                    .collect();
                if let [first, _, ..] = sharing.as_slice() {
                    warnings.push(format!(
                        "webhook `{hook}` of {business_type} businesses: {} have no secret `{secret}` of their own and share \
                         the one under [webhooks.secrets], so that whoever can sign for one of them can sign for all; give \
                         each its own, for example under [webhooks.business-secrets.{first}]",
                        join_names(&sharing)
                    ));
                }
            }
        }
        for (business, own) in &self.own {
            let Some(known) = businesses.iter().find(|known| known.business_id == *business) else {
                warnings.push(format!(
                    "[webhooks.business-secrets.{business}] is for a business that is not in the directory; its secrets are \
                     not used"
                ));
                continue;
            };
            let inputs = hooks.get(&known.business_type);
            let used = |name: &str| {
                let mut asked = inputs.iter().flat_map(|inputs| inputs.webhook.values());
                asked.any(|input| find_named(own, &input.verify.secret).is_some_and(|(found, _)| found == name))
            };
            for name in own.keys().filter(|name| !used(name)) {
                warnings.push(format!(
                    "no webhook of {business} uses the secret `{name}` of its [webhooks.business-secrets]"
                ));
            }
        }
        warnings.extend(self.duplicate_secrets());
        warnings
    }

    /// Places of the configuration that hold the same secret; a signature with it does not show which place is meant.
    fn duplicate_secrets(&self) -> Vec<String> {
        let shared = self.shared.iter().map(|(name, keys)| (format!("webhooks.secrets.{name}"), keys));
        let own = self.own.iter().flat_map(|(business, own)| {
            own.iter().map(move |(name, keys)| (format!("webhooks.business-secrets.{business}.{name}"), keys))
        });
        let mut places: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for (place, keys) in shared.chain(own) {
            for key in keys {
                places.entry(key.text().expose_secret()).or_default().insert(place.clone());
            }
        }
        let duplicates = places.into_values().filter(|places| places.len() > 1);
        duplicates
            .map(|places| {
                let places: Vec<&str> = places.iter().map(String::as_str).collect();
                format!(
                    "{} hold the same secret: what is signed with it is believed for all of them",
                    join_names(&places)
                )
            })
            .collect()
    }
}

fn check_keys(chosen: &HookKeys<'_>, scheme: VerifyScheme, bundle: &str, hook: &str) -> Result<(), HookError> {
    for key in chosen.keys {
        let (bundle, hook, secret) = (bundle.to_owned(), hook.to_owned(), chosen.name.clone());
        match key.key(scheme) {
            None => return Err(HookError::NoKey { bundle, hook, secret }),
            Some(key) if key.len() < MIN_KEY_BYTES => {
                return Err(HookError::Short { bundle, hook, secret, bytes: key.len() });
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// The first names, and how many more there are.
fn join_names(names: &[&str]) -> String {
    const SHOWN: usize = 5;
    let shown = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
