use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::item::EXPIRES_AT;

pub(crate) mod provision;

/// A table as Signalbox needs it. As JSON it holds the input of `aws dynamodb create-table --cli-input-json` under
/// `CreateTable`, and that of `aws dynamodb update-time-to-live --cli-input-json` under `UpdateTimeToLive`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSpec {
    /// Its full name, including the prefix.
    pub name: String,
    /// Attribute of the partition key; every key attribute is text.
    pub partition: &'static str,
    /// Attribute of the sort key, if any.
    pub sort: Option<&'static str>,
    /// Its global secondary indexes; each holds keys only.
    pub indexes: Vec<IndexSpec>,
    /// The attribute with the time at which an item expires, if items expire.
    pub expires: Option<&'static str>,
}

/// A global secondary index that holds keys only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexSpec {
    /// Its name.
    pub name: &'static str,
    /// Attribute of the partition key.
    pub partition: &'static str,
    /// Attribute of the sort key.
    pub sort: &'static str,
}

pub(crate) const BY_BUSINESS: IndexSpec =
    IndexSpec { name: "by-business", partition: "businessId", sort: "createdMoment" };
pub(crate) const BY_CODE: IndexSpec = IndexSpec { name: "by-code", partition: "typeAndCode", sort: "createdMoment" };
/// Sparse: only items with work left have its keys.
pub(crate) const BY_DUE: IndexSpec = IndexSpec { name: "by-due", partition: "queue", sort: "dueMoment" };
/// Sparse: only decisions that wait for a person have its keys.
pub(crate) const BY_REVIEW: IndexSpec = IndexSpec { name: "by-review", partition: "businessId", sort: "reviewMoment" };
/// Sparse: only decisions whose review can expire have its keys.
pub(crate) const BY_REVIEW_EXPIRY: IndexSpec =
    IndexSpec { name: "by-review-expiry", partition: "reviewQueue", sort: "reviewExpiryMoment" };
/// Sparse: only decisions that people on other hosts may have to see have its keys.
pub(crate) const BY_CHANGE: IndexSpec = IndexSpec { name: "by-change", partition: "changeShard", sort: "changeMoment" };
/// Sparse: cancelled schedules are not in it, nor are message models that only earlier versions have stored.
pub(crate) const BY_LIST: IndexSpec = IndexSpec { name: "by-list", partition: "list", sort: "listKey" };

/// Every table's full name.
#[derive(Clone, Debug)]
pub(crate) struct TableNames {
    pub(crate) decisions: String,
    pub(crate) inputs: String,
    pub(crate) journals: String,
    pub(crate) sessions: String,
    pub(crate) message_models: String,
    pub(crate) rows: String,
    pub(crate) schedules: String,
    pub(crate) fires: String,
}

impl TableNames {
    pub(crate) fn new(prefix: &str) -> Self {
        let name = |table: &str| format!("{prefix}{table}");
        Self {
            decisions: name("decisions"),
            inputs: name("inputs"),
            journals: name("journals"),
            sessions: name("sessions"),
            message_models: name("message-models"),
            rows: name("rows"),
            schedules: name("schedules"),
            fires: name("fires"),
        }
    }
}

/// Every table that Signalbox needs, with a prefix such as `signalbox-`.
pub fn tables(prefix: &str) -> Vec<TableSpec> {
    let names = TableNames::new(prefix);
    let table = |name, partition, sort, indexes: &[IndexSpec], expires| TableSpec {
        name,
        partition,
        sort: Some(sort),
        indexes: indexes.to_vec(),
        expires,
    };
    let of_decisions = [BY_BUSINESS, BY_CODE, BY_DUE, BY_REVIEW, BY_REVIEW_EXPIRY, BY_CHANGE];
    vec![
        table(names.decisions, "id", "businessId", &of_decisions, None),
        table(names.inputs, "businessId", "id", &[BY_DUE], Some(EXPIRES_AT)),
        table(names.journals, "decisionId", "part", &[], Some(EXPIRES_AT)),
        table(names.sessions, "businessId", "userId", &[], Some(EXPIRES_AT)),
        table(names.message_models, "decisionCode", "variant", &[BY_LIST], None),
        table(names.rows, "partition", "sort", &[], Some(EXPIRES_AT)),
        table(names.schedules, "businessId", "name", &[BY_LIST], Some(EXPIRES_AT)),
        table(names.fires, "schedule", "nominal", &[BY_DUE], Some(EXPIRES_AT)),
    ]
}

impl TableSpec {
    /// Every key attribute of the table and its indexes, each once.
    pub(crate) fn key_attributes(&self) -> Vec<&'static str> {
        let own = std::iter::once(self.partition).chain(self.sort);
        let mut all: Vec<_> = own.chain(self.indexes.iter().flat_map(|index| [index.partition, index.sort])).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// A table with the field names of the AWS command line.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Printed<'a> {
    create_table: CreateTable<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    update_time_to_live: Option<Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CreateTable<'a> {
    table_name: &'a str,
    attribute_definitions: Vec<Value>,
    key_schema: Vec<Value>,
    billing_mode: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    global_secondary_indexes: Vec<Value>,
}

impl Serialize for TableSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let attribute = |name: &&str| json!({ "AttributeName": name, "AttributeType": "S" });
        let index = |index: &IndexSpec| {
            json!({
                "IndexName": index.name,
                "KeySchema": key_schema(index.partition, Some(index.sort)),
                "Projection": { "ProjectionType": "KEYS_ONLY" },
            })
        };
        let printed = Printed {
            create_table: CreateTable {
                table_name: &self.name,
                attribute_definitions: self.key_attributes().iter().map(attribute).collect(),
                key_schema: key_schema(self.partition, self.sort),
                billing_mode: "PAY_PER_REQUEST",
                global_secondary_indexes: self.indexes.iter().map(index).collect(),
            },
            update_time_to_live: self.expires.map(|attribute| {
                json!({
                    "TableName": self.name,
                    "TimeToLiveSpecification": { "AttributeName": attribute, "Enabled": true },
                })
            }),
        };
        printed.serialize(serializer)
    }
}

fn key_schema(partition: &str, sort: Option<&str>) -> Vec<Value> {
    let partition = json!({ "AttributeName": partition, "KeyType": "HASH" });
    let sort = sort.map(|sort| json!({ "AttributeName": sort, "KeyType": "RANGE" }));
    std::iter::once(partition).chain(sort).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_prints_as_the_input_of_the_aws_command_line() {
        let inputs = tables("p-").into_iter().find(|table| table.name == "p-inputs").unwrap();
        assert_eq!(
            serde_json::to_value(inputs).unwrap(),
            json!({
                "CreateTable": {
                    "TableName": "p-inputs",
                    "AttributeDefinitions": [
                        { "AttributeName": "businessId", "AttributeType": "S" },
                        { "AttributeName": "dueMoment", "AttributeType": "S" },
                        { "AttributeName": "id", "AttributeType": "S" },
                        { "AttributeName": "queue", "AttributeType": "S" },
                    ],
                    "KeySchema": [
                        { "AttributeName": "businessId", "KeyType": "HASH" },
                        { "AttributeName": "id", "KeyType": "RANGE" },
                    ],
                    "BillingMode": "PAY_PER_REQUEST",
                    "GlobalSecondaryIndexes": [{
                        "IndexName": "by-due",
                        "KeySchema": [
                            { "AttributeName": "queue", "KeyType": "HASH" },
                            { "AttributeName": "dueMoment", "KeyType": "RANGE" },
                        ],
                        "Projection": { "ProjectionType": "KEYS_ONLY" },
                    }],
                },
                "UpdateTimeToLive": {
                    "TableName": "p-inputs",
                    "TimeToLiveSpecification": { "AttributeName": "expiresAt", "Enabled": true },
                },
            })
        );
    }
}
