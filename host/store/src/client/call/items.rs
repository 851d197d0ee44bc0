use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ErrorMetadata;
use aws_sdk_dynamodb::operation::get_item::builders::GetItemInputBuilder;
use aws_sdk_dynamodb::operation::get_item::{GetItemError, GetItemOutput};
use aws_sdk_dynamodb::operation::put_item::builders::PutItemInputBuilder;
use aws_sdk_dynamodb::operation::put_item::{PutItemError, PutItemOutput};
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemInputBuilder;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use aws_sdk_dynamodb::types::error::ConditionalCheckFailedException;
use dynoxide::DynoxideError;
use dynoxide::actions::get_item::{GetItemRequest, GetItemResponse};
use dynoxide::actions::put_item::{PutItemRequest, PutItemResponse};
use dynoxide::actions::update_item::{UpdateItemRequest, UpdateItemResponse};

use super::{Answered, Call, Unsendable};
use crate::embedded::{inward_item, outward_item};

impl Call for GetItemInputBuilder {
    type Output = GetItemOutput;
    type Error = GetItemError;
    type Request = GetItemRequest;

    fn send(self, client: &Client) -> impl Future<Output = Answered<Self>> + Send {
        self.send_with(client)
    }

    fn request(self) -> Result<GetItemRequest, Unsendable> {
        let input = self.build()?;
        Ok(GetItemRequest {
            table_name: input.table_name.unwrap_or_default(),
            key: inward_item(input.key.unwrap_or_default())?,
            consistent_read: input.consistent_read,
            projection_expression: input.projection_expression,
            expression_attribute_names: input.expression_attribute_names,
            ..GetItemRequest::default()
        })
    }

    fn output(response: GetItemResponse) -> Result<GetItemOutput, Unsendable> {
        Ok(GetItemOutput::builder().set_item(response.item.map(outward_item)).build())
    }

    fn error(_: DynoxideError, meta: ErrorMetadata) -> GetItemError {
        GetItemError::generic(meta)
    }
}

impl Call for PutItemInputBuilder {
    type Output = PutItemOutput;
    type Error = PutItemError;
    type Request = PutItemRequest;

    fn send(self, client: &Client) -> impl Future<Output = Answered<Self>> + Send {
        self.send_with(client)
    }

    fn request(self) -> Result<PutItemRequest, Unsendable> {
        let input = self.build()?;
        Ok(PutItemRequest {
            table_name: input.table_name.unwrap_or_default(),
            item: inward_item(input.item.unwrap_or_default())?,
            return_values: input.return_values.map(|wanted| wanted.as_str().to_owned()),
            condition_expression: input.condition_expression,
            expression_attribute_names: input.expression_attribute_names,
            expression_attribute_values: input.expression_attribute_values.map(inward_item).transpose()?,
            return_values_on_condition_check_failure: input
                .return_values_on_condition_check_failure
                .map(|wanted| wanted.as_str().to_owned()),
            ..PutItemRequest::default()
        })
    }

    fn output(response: PutItemResponse) -> Result<PutItemOutput, Unsendable> {
        Ok(PutItemOutput::builder().set_attributes(response.attributes.map(outward_item)).build())
    }

    fn error(error: DynoxideError, meta: ErrorMetadata) -> PutItemError {
        match condition_failed(error, &meta) {
            Some(failed) => PutItemError::ConditionalCheckFailedException(failed),
            None => PutItemError::generic(meta),
        }
    }
}

impl Call for UpdateItemInputBuilder {
    type Output = UpdateItemOutput;
    type Error = UpdateItemError;
    type Request = UpdateItemRequest;

    fn send(self, client: &Client) -> impl Future<Output = Answered<Self>> + Send {
        self.send_with(client)
    }

    fn request(self) -> Result<UpdateItemRequest, Unsendable> {
        let input = self.build()?;
        Ok(UpdateItemRequest {
            table_name: input.table_name.unwrap_or_default(),
            key: inward_item(input.key.unwrap_or_default())?,
            update_expression: input.update_expression,
            condition_expression: input.condition_expression,
            expression_attribute_names: input.expression_attribute_names,
            expression_attribute_values: input.expression_attribute_values.map(inward_item).transpose()?,
            return_values: input.return_values.map(|wanted| wanted.as_str().to_owned()),
            return_values_on_condition_check_failure: input
                .return_values_on_condition_check_failure
                .map(|wanted| wanted.as_str().to_owned()),
            ..UpdateItemRequest::default()
        })
    }

    fn output(response: UpdateItemResponse) -> Result<UpdateItemOutput, Unsendable> {
        Ok(UpdateItemOutput::builder().set_attributes(response.attributes.map(outward_item)).build())
    }

    fn error(error: DynoxideError, meta: ErrorMetadata) -> UpdateItemError {
        match condition_failed(error, &meta) {
            Some(failed) => UpdateItemError::ConditionalCheckFailedException(failed),
            None => UpdateItemError::generic(meta),
        }
    }
}

fn condition_failed(error: DynoxideError, meta: &ErrorMetadata) -> Option<ConditionalCheckFailedException> {
    let DynoxideError::ConditionalCheckFailedException(message, item) = error else { return None };
    let failed = ConditionalCheckFailedException::builder().message(message).set_item(item.map(outward_item));
    Some(failed.meta(meta.clone()).build())
}
