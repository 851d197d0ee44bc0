use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, CreateGlobalSecondaryIndexAction, GlobalSecondaryIndex,
    GlobalSecondaryIndexUpdate, IndexStatus, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType, TableDescription, TableStatus, TimeToLiveSpecification, TimeToLiveStatus,
};
use tokio::time::{Instant, sleep};

use super::{IndexSpec, TableSpec};
use crate::StoreError;
use crate::client::{deadlines, failure};

/// Table operations are slow in AWS, and the first call of a client connects and may fetch credentials too.
const ATTEMPT_DEADLINE: Duration = Duration::from_secs(5);
const CALL_DEADLINE: Duration = Duration::from_secs(15);
/// AWS creates a table in seconds, mostly.
const ACTIVE_DEADLINE: Duration = Duration::from_secs(120);
/// A new index is filled from all items of its table first.
const INDEX_DEADLINE: Duration = Duration::from_secs(600);
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// Sees to it that every table is there and fits.
pub(crate) async fn provision(client: &Client, specs: &[TableSpec], create: bool) -> Result<(), StoreError> {
    let (mut missing, mut incomplete) = (Vec::new(), Vec::new());
    for spec in specs {
        match describe(client, &spec.name).await? {
            Some(table) => incomplete.extend(fits(spec, &table)?.into_iter().map(|index| (spec, index))),
            None => missing.push(spec),
        }
    }
    if !create {
        if !missing.is_empty() {
            return Err(StoreError::MissingTables(missing.iter().map(|spec| spec.name.clone()).collect()));
        }
        return match incomplete.first() {
            None => Ok(()),
            Some((spec, index)) => Err(StoreError::WrongTable {
                table: spec.name.clone(),
                problem: format!("it has no index {}", index.name),
            }),
        };
    }
    for spec in &missing {
        create_table(client, spec).await?;
    }
    for spec in specs {
        if missing.iter().any(|created| created.name == spec.name) {
            wait_until_active(client, spec).await?;
        }
        for (_, index) in incomplete.iter().filter(|(table, _)| table.name == spec.name) {
            // One after another: AWS adds one index to a table at a time.
            add_index(client, spec, index).await?;
        }
        // Also for tables that were there: the process that created one may have died before this.
        enable_expiry(client, spec).await?;
    }
    Ok(())
}

fn patient() -> aws_sdk_dynamodb::config::Builder {
    aws_sdk_dynamodb::config::Builder::new().timeout_config(deadlines(ATTEMPT_DEADLINE, CALL_DEADLINE))
}

async fn describe(client: &Client, name: &str) -> Result<Option<TableDescription>, StoreError> {
    let call = client.describe_table().table_name(name).customize().config_override(patient());
    match call.send().await {
        Ok(answer) => Ok(answer.table),
        Err(SdkError::ServiceError(error)) if error.err().is_resource_not_found_exception() => Ok(None),
        Err(error) => Err(failure("DescribeTable", name, error)),
    }
}

/// Whether a table that is there has the keys that the store's calls name, and the indexes that it lacks, as a table of
/// an earlier version does.
fn fits<'a>(spec: &'a TableSpec, table: &TableDescription) -> Result<Vec<&'a IndexSpec>, StoreError> {
    let wrong = |problem: String| StoreError::WrongTable { table: spec.name.clone(), problem };
    let has = |keys: &[KeySchemaElement], partition: &str, sort: Option<&str>| {
        let attribute = |kind: &KeyType| keys.iter().find(|key| key.key_type() == kind).map(|key| key.attribute_name());
        attribute(&KeyType::Hash) == Some(partition) && attribute(&KeyType::Range) == sort
    };
    if !has(table.key_schema(), spec.partition, spec.sort) {
        let sort = spec.sort.unwrap_or("nothing");
        return Err(wrong(format!("its keys must be {} (partition) and {sort} (sort)", spec.partition)));
    }
    let mut missing = Vec::new();
    for index in &spec.indexes {
        let found = table.global_secondary_indexes().iter().find(|found| found.index_name() == Some(index.name));
        let Some(found) = found else {
            missing.push(index);
            continue;
        };
        if !has(found.key_schema(), index.partition, Some(index.sort)) {
            return Err(wrong(format!(
                "the keys of its index {} must be {} (partition) and {} (sort)",
                index.name, index.partition, index.sort
            )));
        }
    }
    Ok(missing)
}

async fn create_table(client: &Client, spec: &TableSpec) -> Result<(), StoreError> {
    const OPERATION: &str = "CreateTable";
    let invalid = |error: aws_sdk_dynamodb::error::BuildError| StoreError::Refused {
        table: spec.name.clone(),
        operation: OPERATION,
        reason: error.to_string(),
    };
    let mut call = client
        .create_table()
        .table_name(&spec.name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(key_schema(spec.partition, spec.sort).map_err(invalid)?));
    for name in spec.key_attributes() {
        call = call.attribute_definitions(text_attribute(name).map_err(invalid)?);
    }
    for index in &spec.indexes {
        let keys_only = Projection::builder().projection_type(ProjectionType::KeysOnly).build();
        let keys = key_schema(index.partition, Some(index.sort)).map_err(invalid)?;
        let index = GlobalSecondaryIndex::builder().index_name(index.name).set_key_schema(Some(keys));
        call = call.global_secondary_indexes(index.projection(keys_only).build().map_err(invalid)?);
    }
    match call.customize().config_override(patient()).send().await {
        Ok(_) => {
            tracing::info!(table = spec.name, "created a table");
            Ok(())
        }
        // Another process creates it at this moment, or an earlier try of this call did.
        Err(SdkError::ServiceError(error)) if matches!(error.err(), CreateTableError::ResourceInUseException(_)) => {
            Ok(())
        }
        Err(error) => Err(failure(OPERATION, &spec.name, error)),
    }
}

/// Adds an index to a table that was there, and waits until it is filled.
async fn add_index(client: &Client, spec: &TableSpec, index: &IndexSpec) -> Result<(), StoreError> {
    const OPERATION: &str = "UpdateTable";
    let invalid = |error: aws_sdk_dynamodb::error::BuildError| StoreError::Refused {
        table: spec.name.clone(),
        operation: OPERATION,
        reason: error.to_string(),
    };
    let added = CreateGlobalSecondaryIndexAction::builder()
        .index_name(index.name)
        .set_key_schema(Some(key_schema(index.partition, Some(index.sort)).map_err(invalid)?))
        .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
        .build()
        .map_err(invalid)?;
    let call = client
        .update_table()
        .table_name(&spec.name)
        .attribute_definitions(text_attribute(index.partition).map_err(invalid)?)
        .attribute_definitions(text_attribute(index.sort).map_err(invalid)?)
        .global_secondary_index_updates(GlobalSecondaryIndexUpdate::builder().create(added).build());
    match call.customize().config_override(patient()).send().await {
        Ok(_) => tracing::info!(table = spec.name, index = index.name, "added an index"),
        // Another process adds it at this moment, or has added it since this one looked.
        Err(error) => {
            let error = failure(OPERATION, &spec.name, error);
            let table = describe(client, &spec.name).await?;
            let there = table.is_some_and(|table| {
                table.global_secondary_indexes().iter().any(|found| found.index_name() == Some(index.name))
            });
            if !there {
                return Err(error);
            }
        }
    }
    let deadline = Instant::now() + INDEX_DEADLINE;
    loop {
        let table = describe(client, &spec.name).await?;
        let ready = table.is_some_and(|table| {
            let mut indexes = table.global_secondary_indexes().iter();
            let index = indexes.find(|found| found.index_name() == Some(index.name));
            table.table_status() == Some(&TableStatus::Active)
                && index.is_some_and(|index| index.index_status() == Some(&IndexStatus::Active))
        });
        if ready {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(StoreError::Timeout { table: spec.name.clone(), operation: OPERATION });
        }
        sleep(ASK_AGAIN).await;
    }
}

fn text_attribute(name: &str) -> Result<AttributeDefinition, aws_sdk_dynamodb::error::BuildError> {
    AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build()
}

fn key_schema(
    partition: &str,
    sort: Option<&str>,
) -> Result<Vec<KeySchemaElement>, aws_sdk_dynamodb::error::BuildError> {
    let element = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    let mut keys = vec![element(partition, KeyType::Hash)?];
    if let Some(sort) = sort {
        keys.push(element(sort, KeyType::Range)?);
    }
    Ok(keys)
}

async fn wait_until_active(client: &Client, spec: &TableSpec) -> Result<(), StoreError> {
    let deadline = Instant::now() + ACTIVE_DEADLINE;
    loop {
        let table = describe(client, &spec.name).await?;
        if table.is_some_and(|table| table.table_status() == Some(&TableStatus::Active)) {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(StoreError::Timeout { table: spec.name.clone(), operation: "CreateTable" });
        }
        sleep(ASK_AGAIN).await;
    }
}

async fn enable_expiry(client: &Client, spec: &TableSpec) -> Result<(), StoreError> {
    let Some(attribute) = spec.expires else { return Ok(()) };
    let call = client.describe_time_to_live().table_name(&spec.name).customize().config_override(patient());
    let answer = call.send().await.map_err(|error| failure("DescribeTimeToLive", &spec.name, error))?;
    let status = answer.time_to_live_description().and_then(|description| description.time_to_live_status());
    if matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)) {
        return Ok(());
    }
    let wanted = TimeToLiveSpecification::builder().enabled(true).attribute_name(attribute).build();
    let wanted = wanted.map_err(|error| StoreError::Refused {
        table: spec.name.clone(),
        operation: "UpdateTimeToLive",
        reason: error.to_string(),
    })?;
    let call = client.update_time_to_live().table_name(&spec.name).time_to_live_specification(wanted);
    let answer = call.customize().config_override(patient()).send().await;
    answer.map_err(|error| failure("UpdateTimeToLive", &spec.name, error))?;
    Ok(())
}
