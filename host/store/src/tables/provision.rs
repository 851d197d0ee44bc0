use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::operation::update_time_to_live::UpdateTimeToLiveError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, CreateGlobalSecondaryIndexAction, GlobalSecondaryIndex,
    GlobalSecondaryIndexDescription, GlobalSecondaryIndexUpdate, IndexStatus, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TableDescription, TableStatus, TimeToLiveSpecification, TimeToLiveStatus,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use tokio::time::{Instant, sleep};

use super::{IndexSpec, TableSpec};
use crate::StoreError;
use crate::client::{deadlines, failure};

/// Operations on tables are slow in AWS, and the first call of a client also connects and may fetch credentials.
const ATTEMPT_DEADLINE: Duration = Duration::from_secs(5);
const CALL_DEADLINE: Duration = Duration::from_secs(15);
/// AWS usually creates a table in seconds.
const ACTIVE_DEADLINE: Duration = Duration::from_secs(120);
/// A new index is first filled with the items of its table.
const INDEX_DEADLINE: Duration = Duration::from_secs(600);
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// Creates or checks every table, and waits until it can be used. Several processes may do this at the same moment: a
/// process waits for what another one has begun and does not repeat it.
pub(crate) async fn provision(client: &Client, specs: &[TableSpec], create: bool) -> Result<(), StoreError> {
    let (mut missing, mut found) = (Vec::new(), Vec::new());
    for spec in specs {
        match describe(client, &spec.name).await? {
            Some(table) => {
                let lacking = fits(spec, &table)?;
                if let Some(index) = lacking.first().filter(|_| !create) {
                    let problem = format!("it has no index {}", index.name);
                    return Err(StoreError::WrongTable { table: spec.name.clone(), problem });
                }
                found.push((spec, Some(table)));
            }
            None => {
                missing.push(spec);
                found.push((spec, None));
            }
        }
    }
    if !create && !missing.is_empty() {
        return Err(StoreError::MissingTables(missing.iter().map(|spec| spec.name.clone()).collect()));
    }
    // All are created before the first is waited for, because AWS creates several at a time.
    for spec in &missing {
        create_table(client, spec).await?;
    }
    for (spec, table) in found {
        let table = match table.filter(is_active) {
            Some(table) => table,
            None => wait_until_active(client, spec).await?,
        };
        if create {
            // One after another, because AWS adds one index to a table at a time.
            for index in fits(spec, &table)? {
                add_index(client, spec, index).await?;
            }
        }
        if !spec.indexes.iter().all(|index| has_active(&table, index)) {
            wait_until_indexed(client, spec).await?;
        }
        if create {
            // Also for existing tables, because the process that created one may have died before it enabled the
            // expiry.
            enable_expiry(client, spec).await?;
        }
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

/// Checks that an existing table has the keys that the store uses, and returns the indexes that it lacks, as a table of
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
    let deadline = Instant::now() + ACTIVE_DEADLINE;
    loop {
        let error = match call.clone().customize().config_override(patient()).send().await {
            Ok(_) => {
                tracing::info!(table = spec.name, "created a table");
                return Ok(());
            }
            Err(error) => error,
        };
        match &error {
            // Another process is creating the table, or an earlier attempt of this call did.
            SdkError::ServiceError(error) if matches!(error.err(), CreateTableError::ResourceInUseException(_)) => {
                return Ok(());
            }
            error if passes(error) && Instant::now() < deadline => sleep(ASK_AGAIN).await,
            _ => return Err(failure(OPERATION, &spec.name, error)),
        }
    }
}

/// Whether AWS asks to try again later, because too many operations on tables are under way.
fn passes<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    let SdkError::ServiceError(error) = error else { return false };
    let code = error.err().code().unwrap_or_default();
    matches!(code, "ResourceInUseException" | "LimitExceededException" | "ThrottlingException" | "Throttling")
}

/// Adds an index to an existing table.
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
    let deadline = Instant::now() + INDEX_DEADLINE;
    loop {
        let error = match call.clone().customize().config_override(patient()).send().await {
            Ok(_) => {
                tracing::info!(table = spec.name, index = index.name, "added an index");
                return Ok(());
            }
            Err(error) => error,
        };
        // Another process is adding the index, or has added it since the check.
        if describe(client, &spec.name).await?.is_some_and(|table| index_of(&table, index).is_some()) {
            return Ok(());
        }
        // Otherwise AWS is changing the table in another way, and this change has to wait.
        if !passes(&error) || Instant::now() > deadline {
            return Err(failure(OPERATION, &spec.name, error));
        }
        sleep(ASK_AGAIN).await;
    }
}

fn is_active(table: &TableDescription) -> bool {
    table.table_status() == Some(&TableStatus::Active)
}

fn index_of<'a>(table: &'a TableDescription, index: &IndexSpec) -> Option<&'a GlobalSecondaryIndexDescription> {
    table.global_secondary_indexes().iter().find(|found| found.index_name() == Some(index.name))
}

fn has_active(table: &TableDescription, index: &IndexSpec) -> bool {
    index_of(table, index).is_some_and(|found| found.index_status() == Some(&IndexStatus::Active))
}

/// Waits until every index is filled, including indexes that other processes added.
async fn wait_until_indexed(client: &Client, spec: &TableSpec) -> Result<(), StoreError> {
    let deadline = Instant::now() + INDEX_DEADLINE;
    loop {
        let table = describe(client, &spec.name).await?;
        if table.is_some_and(|table| is_active(&table) && spec.indexes.iter().all(|index| has_active(&table, index))) {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(StoreError::Timeout { table: spec.name.clone(), operation: "UpdateTable" });
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

async fn wait_until_active(client: &Client, spec: &TableSpec) -> Result<TableDescription, StoreError> {
    let deadline = Instant::now() + ACTIVE_DEADLINE;
    loop {
        // A table that another process has just begun to create may be unknown for a moment.
        if let Some(table) = describe(client, &spec.name).await?.filter(is_active) {
            return Ok(table);
        }
        if Instant::now() > deadline {
            return Err(StoreError::Timeout { table: spec.name.clone(), operation: "CreateTable" });
        }
        sleep(ASK_AGAIN).await;
    }
}

async fn enable_expiry(client: &Client, spec: &TableSpec) -> Result<(), StoreError> {
    const OPERATION: &str = "UpdateTimeToLive";
    let Some(attribute) = spec.expires else { return Ok(()) };
    let wanted = TimeToLiveSpecification::builder().enabled(true).attribute_name(attribute).build();
    let wanted = wanted.map_err(|error| StoreError::Refused {
        table: spec.name.clone(),
        operation: OPERATION,
        reason: error.to_string(),
    })?;
    let deadline = Instant::now() + ACTIVE_DEADLINE;
    loop {
        if expires_by(client, spec, attribute).await? {
            return Ok(());
        }
        let call = client.update_time_to_live().table_name(&spec.name).time_to_live_specification(wanted.clone());
        let error = match call.customize().config_override(patient()).send().await {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        if !is_being_changed(&error) || Instant::now() > deadline {
            return Err(failure(OPERATION, &spec.name, error));
        }
        // Another process was faster, which the next check shows, or AWS requires some time between two changes.
        sleep(ASK_AGAIN).await;
    }
}

/// Whether items expire by this attribute, or will soon; an error when they expire by another attribute.
async fn expires_by(client: &Client, spec: &TableSpec, attribute: &str) -> Result<bool, StoreError> {
    let call = client.describe_time_to_live().table_name(&spec.name).customize().config_override(patient());
    let answer = call.send().await.map_err(|error| failure("DescribeTimeToLive", &spec.name, error))?;
    let Some(found) = answer.time_to_live_description() else { return Ok(false) };
    if !matches!(found.time_to_live_status(), Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)) {
        return Ok(false);
    }
    match found.attribute_name().filter(|found| *found != attribute) {
        None => Ok(true),
        Some(other) => {
            let problem = format!("its items expire by {other}; they must by {attribute}");
            Err(StoreError::WrongTable { table: spec.name.clone(), problem })
        }
    }
}

/// Whether setting the time to live failed because another process is setting or has set it. AWS reports that, and
/// changes in quick succession, as an invalid request.
fn is_being_changed(error: &SdkError<UpdateTimeToLiveError, HttpResponse>) -> bool {
    let SdkError::ServiceError(service) = error else { return false };
    let message = service.err().message().unwrap_or_default();
    let said = ["already enabled", "multiple times", "is active"].iter().any(|said| message.contains(said));
    passes(error) || service.err().code() == Some("ValidationException") && said
}
