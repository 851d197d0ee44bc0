use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ErrorMetadata;
use aws_sdk_dynamodb::operation::batch_get_item::builders::BatchGetItemInputBuilder;
use aws_sdk_dynamodb::operation::batch_get_item::{BatchGetItemError, BatchGetItemOutput};
use aws_sdk_dynamodb::operation::query::builders::QueryInputBuilder;
use aws_sdk_dynamodb::operation::query::{QueryError, QueryOutput};
use aws_sdk_dynamodb::types::KeysAndAttributes;
use dynoxide::DynoxideError;
use dynoxide::actions::batch_get_item::{
    BatchGetItemRequest, BatchGetItemResponse, KeysAndAttributes as EmbeddedKeysAndAttributes,
};
use dynoxide::actions::query::{QueryRequest, QueryResponse};

use super::{Answered, Call, Unsendable};
use crate::embedded::{inward_item, outward_item};

impl Call for QueryInputBuilder {
    type Output = QueryOutput;
    type Error = QueryError;
    type Request = QueryRequest;

    fn send(self, client: &Client) -> impl Future<Output = Answered<Self>> + Send {
        self.send_with(client)
    }

    fn request(self) -> Result<QueryRequest, Unsendable> {
        let input = self.build()?;
        Ok(QueryRequest {
            table_name: input.table_name.unwrap_or_default(),
            index_name: input.index_name,
            key_condition_expression: input.key_condition_expression,
            filter_expression: input.filter_expression,
            projection_expression: input.projection_expression,
            expression_attribute_names: input.expression_attribute_names,
            expression_attribute_values: input.expression_attribute_values.map(inward_item).transpose()?,
            scan_index_forward: input.scan_index_forward.unwrap_or(true),
            limit: input.limit.and_then(|limit| usize::try_from(limit).ok()),
            exclusive_start_key: input.exclusive_start_key.map(inward_item).transpose()?,
            select: input.select.map(|wanted| wanted.as_str().to_owned()),
            consistent_read: input.consistent_read,
            ..QueryRequest::default()
        })
    }

    fn output(response: QueryResponse) -> Result<QueryOutput, Unsendable> {
        let items = response.items.map(|items| items.into_iter().map(outward_item).collect());
        let last = response.last_evaluated_key.map(outward_item);
        Ok(QueryOutput::builder().set_items(items).set_last_evaluated_key(last).build())
    }

    fn error(_: DynoxideError, meta: ErrorMetadata) -> QueryError {
        QueryError::generic(meta)
    }
}

impl Call for BatchGetItemInputBuilder {
    type Output = BatchGetItemOutput;
    type Error = BatchGetItemError;
    type Request = BatchGetItemRequest;

    fn send(self, client: &Client) -> impl Future<Output = Answered<Self>> + Send {
        self.send_with(client)
    }

    fn request(self) -> Result<BatchGetItemRequest, Unsendable> {
        let tables = self.build()?.request_items.unwrap_or_default().into_iter();
        let asked = tables.map(|(table, asked)| {
            let asked = EmbeddedKeysAndAttributes {
                keys: asked.keys.into_iter().map(inward_item).collect::<Result<_, _>>()?,
                projection_expression: asked.projection_expression,
                expression_attribute_names: asked.expression_attribute_names,
                consistent_read: asked.consistent_read,
                ..EmbeddedKeysAndAttributes::default()
            };
            Ok((table, asked))
        });
        let request_items = asked.collect::<Result<_, DynoxideError>>()?;
        Ok(BatchGetItemRequest { request_items, ..BatchGetItemRequest::default() })
    }

    fn output(response: BatchGetItemResponse) -> Result<BatchGetItemOutput, Unsendable> {
        let tables = response.responses.into_iter();
        let found = tables.map(|(table, items)| (table, items.into_iter().map(outward_item).collect()));
        let left = response.unprocessed_keys.into_iter().map(|(table, left)| {
            let left: EmbeddedKeysAndAttributes = serde_json::from_value(left)
                .map_err(|error| DynoxideError::SerializationException(error.to_string()))?;
            let keys = left.keys.into_iter().map(outward_item).collect();
            Ok::<_, Unsendable>((table, KeysAndAttributes::builder().set_keys(Some(keys)).build()?))
        });
        let left = left.collect::<Result<_, _>>()?;
        Ok(BatchGetItemOutput::builder().set_responses(Some(found.collect())).set_unprocessed_keys(Some(left)).build())
    }

    fn error(_: DynoxideError, meta: ErrorMetadata) -> BatchGetItemError {
        BatchGetItemError::generic(meta)
    }
}
