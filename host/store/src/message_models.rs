use std::cmp::Ordering;
use std::collections::HashMap;

use aws_sdk_dynamodb::operation::update_item::UpdateItemInput;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use signalbox_model::{MessageModel, Timestamp};

use crate::client::{Query, failure, key};
use crate::document::{ITEM_LIMIT, pack, packed_size, unpack};
use crate::item::{AttributeMap, number, text};
use crate::key::{KeyRange, compose, decompose, instant};
use crate::listing::{Pages, all_of};
use crate::tables::BY_LIST;
use crate::{Page, Store, StoreError, unknown};

const CODE: &str = "decisionCode";
const VARIANT: &str = "variant";
const BODY: &str = "body";
const USAGE: &str = "usageCount";
const LAST_USED: &str = "lastUsed";

/// The partition of the index that lists all message models. It is written only when a model is new.
const LIST: &str = "message-models";
/// The longest name of a model, because it has to fit into one key of an index.
const NAME_LIMIT: usize = 1_024;

/// Identifies a message model among those of its decision code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelName {
    /// Its version, as it was written when it was stored.
    pub version: String,
    /// The business type that it is for.
    pub business_type: Option<String>,
    /// The location that it is for.
    pub location_context: Option<String>,
    /// Its language.
    pub locale: Option<String>,
}

impl ModelName {
    fn of(item: &AttributeMap) -> Option<Self> {
        let parts = decompose(text(item, VARIANT)?)?;
        let [version, business_type, location_context, locale] = parts.as_slice() else { return None };
        let part = |part: &str| part.strip_prefix('=').map(str::to_owned);
        Some(Self {
            version: (*version).to_owned(),
            business_type: part(business_type),
            location_context: part(location_context),
            locale: part(locale),
        })
    }
}

/// The result of storing a message model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is new.
    Created,
    /// The same model was stored already.
    Unchanged,
    /// A stored model had another content.
    Replaced,
}

impl Store {
    /// Stores a message model under its code, version, business type, location and locale. A stored model keeps its
    /// creation time and usage.
    pub async fn put_message_model(&self, model: &MessageModel) -> Result<Put, StoreError> {
        let table = &self.names().message_models;
        let variant = variant(model);
        let listed = compose(&[&model.decision_code, &variant]);
        if listed.len() > NAME_LIMIT {
            let what = format!("message model {} {}", model.decision_code, model.version);
            return Err(StoreError::Invalid(format!(
                "the names of {what} are longer than {NAME_LIMIT} bytes together"
            )));
        }
        let (mut stored, mut put) = (model.clone(), Put::Created);
        let item = self.item(table, key((CODE, &model.decision_code), (VARIANT, &variant))).await?;
        let item = item.filter(|item| item.contains_key(BODY));
        if let Some(item) = &item {
            let found = self.message_model(item).await?;
            put = match same_words(&stored, &found) {
                true => Put::Unchanged,
                false => Put::Replaced,
            };
            match put {
                Put::Unchanged if item.contains_key(BY_LIST.partition) => return Ok(put),
                // An earlier version has stored it without listing it.
                Put::Unchanged => stored = found,
                _ => stored.created_at = found.created_at,
            }
        }
        // The usage count has its own attribute, so that a new text and a count at the same moment do not overwrite
        // each other.
        stored.usage_count = 0;
        stored.last_used = None;
        let unreadable = |reason| self.unreadable_model(&model.decision_code, &variant, reason);
        let body = unknown::kept(item.as_ref(), BODY, &stored).await.map_err(unreadable)?;
        let body = pack(&body).await?;
        let size = packed_size(&body);
        if size > ITEM_LIMIT {
            let what = format!("message model {} {}", model.decision_code, model.version);
            return Err(StoreError::TooLarge { what, table: table.clone(), size, limit: ITEM_LIMIT });
        }
        let call = UpdateItemInput::builder()
            .table_name(table)
            .set_key(Some(key((CODE, &model.decision_code), (VARIANT, &variant))))
            .update_expression(
                "SET #body = :body, #list = :list, #listed = :listed, #usage = if_not_exists(#usage, :none)",
            )
            .expression_attribute_names("#body", BODY)
            .expression_attribute_names("#list", BY_LIST.partition)
            .expression_attribute_names("#listed", BY_LIST.sort)
            .expression_attribute_names("#usage", USAGE)
            .expression_attribute_values(":list", AttributeValue::S(LIST.to_owned()))
            .expression_attribute_values(":listed", AttributeValue::S(listed))
            .expression_attribute_values(":body", body)
            .expression_attribute_values(":none", AttributeValue::N("0".to_owned()))
            .return_values(ReturnValue::None);
        self.send(call).await.map_err(|error| failure("UpdateItem", table, error))?;
        Ok(put)
    }

    /// The message models of all decision codes, in no particular order; `limit` is from 1 to 100. A page may hold
    /// fewer although a next page exists, and a new model may take a moment to appear.
    pub async fn all_message_models(&self, cursor: Option<&str>, limit: u32) -> Result<Page<MessageModel>, StoreError> {
        let mut pages = Pages::of_all(&self.names().message_models, LIST, [CODE, VARIANT], cursor, limit)?;
        while let Some(found) = pages.next(self).await? {
            // A removed model leaves an item without a body.
            for item in found.iter().filter(|item| item.contains_key(BODY)) {
                pages.add(self.message_model(item).await.map(Some))?;
            }
        }
        Ok(pages.end().sealed(&all_of(LIST)))
    }

    /// All message models for a decision code, in no particular order.
    pub async fn message_models(&self, decision_code: &str) -> Result<Vec<MessageModel>, StoreError> {
        let query = Query::all(&self.names().message_models, (CODE, decision_code), VARIANT);
        let items = self.query(&query, |_| true).await?;
        Ok(self.readable_models(items).await)
    }

    /// The first message models for a decision code that `wants` accepts, at most `most`, in the order of `order`. Only
    /// these are decompressed; the others are skipped by their names. With a `version`, only models of that version are
    /// considered.
    pub async fn first_message_models(
        &self,
        decision_code: &str,
        version: Option<&str>,
        most: usize,
        wants: impl Fn(&ModelName) -> bool,
        order: impl Fn(&ModelName, &ModelName) -> Ordering,
    ) -> Result<Vec<MessageModel>, StoreError> {
        let mut query = Query::all(&self.names().message_models, (CODE, decision_code), VARIANT);
        if let Some(version) = version {
            query.range = KeyRange::prefix(&compose(&[version]));
        }
        let is_wanted =
            |item: &AttributeMap| item.contains_key(BODY) && ModelName::of(item).is_some_and(|name| wants(&name));
        let items = self.query(&query, is_wanted).await?;
        let mut named: Vec<(ModelName, AttributeMap)> =
            items.into_iter().filter_map(|item| Some((ModelName::of(&item)?, item))).collect();
        named.sort_by(|(one, _), (other, _)| order(one, other));
        let mut models = Vec::new();
        for (_, item) in named {
            if models.len() >= most {
                break;
            }
            models.append(&mut self.readable_models(vec![item]).await);
        }
        Ok(models)
    }

    /// Removes a message model; false when it was not stored. When it is stored again, it has its former usage count.
    pub async fn remove_message_model(&self, model: &MessageModel) -> Result<bool, StoreError> {
        let table = &self.names().message_models;
        let call = UpdateItemInput::builder()
            .table_name(table)
            .set_key(Some(key((CODE, &model.decision_code), (VARIANT, &variant(model)))))
            .update_expression("REMOVE #body, #list, #listed")
            .condition_expression("attribute_exists(#body)")
            .expression_attribute_names("#body", BODY)
            .expression_attribute_names("#list", BY_LIST.partition)
            .expression_attribute_names("#listed", BY_LIST.sort);
        match self.send(call).await.map_err(|error| failure("UpdateItem", table, error)) {
            Ok(_) => Ok(true),
            Err(StoreError::ConditionFailed { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn readable_models(&self, items: Vec<AttributeMap>) -> Vec<MessageModel> {
        let mut models = Vec::with_capacity(items.len());
        // A removed model leaves an item without a body.
        for item in items.into_iter().filter(|item| item.contains_key(BODY)) {
            // A model that cannot be read was counted and logged, and must not hide the others.
            if let Ok(model) = self.message_model(&item).await {
                models.push(model);
            }
        }
        models
    }

    /// Adds `n` to a model's usage, and notes when it was used last.
    pub async fn count_usage(&self, model: &MessageModel, n: u64, at: Timestamp) -> Result<(), StoreError> {
        let table = &self.names().message_models;
        let values = HashMap::from([
            (":n".to_owned(), AttributeValue::N(n.to_string())),
            (":at".to_owned(), AttributeValue::S(instant(at))),
        ]);
        let call = UpdateItemInput::builder()
            .table_name(table)
            .set_key(Some(key((CODE, &model.decision_code), (VARIANT, &variant(model)))))
            .update_expression("SET #last = :at ADD #usage :n")
            .condition_expression("attribute_exists(#body)")
            .expression_attribute_names("#last", LAST_USED)
            .expression_attribute_names("#usage", USAGE)
            .expression_attribute_names("#body", BODY)
            .set_expression_attribute_values(Some(values));
        match self.send(call).await.map_err(|error| failure("UpdateItem", table, error)) {
            Ok(_) => Ok(()),
            Err(StoreError::ConditionFailed { table, .. }) => {
                let what = format!("message model {} {}", model.decision_code, model.version);
                Err(StoreError::NotFound { what, table })
            }
            Err(error) => Err(error),
        }
    }

    async fn message_model(&self, item: &AttributeMap) -> Result<MessageModel, StoreError> {
        let named = |name| text(item, name).unwrap_or("unknown");
        let unreadable = |reason| self.unreadable_model(named(CODE), named(VARIANT), reason);
        let mut model: MessageModel = unpack(item, BODY).await.map_err(unreadable)?;
        model.usage_count = number(item, USAGE).unwrap_or_default();
        model.last_used = text(item, LAST_USED).and_then(|at| at.parse().ok());
        Ok(model)
    }

    fn unreadable_model(&self, decision_code: &str, variant: &str, reason: String) -> StoreError {
        let what = format!("message model {variant} for {decision_code}");
        self.unreadable(&self.names().message_models, what, reason)
    }
}

fn same_words(one: &MessageModel, other: &MessageModel) -> bool {
    one.message_template == other.message_template && one.parameters == other.parameters
}

/// The sort key, which identifies a model among those of one code. An unset part differs from an empty one.
fn variant(model: &MessageModel) -> String {
    let part = |part: &Option<String>| part.as_ref().map_or_else(String::new, |part| format!("={part}"));
    let (business_type, location) = (part(&model.business_type), part(&model.location_context));
    compose(&[&model.version, &business_type, &location, &part(&model.locale)])
}
