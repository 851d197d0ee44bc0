use dynoxide::Database;
use dynoxide::actions::batch_get_item::{BatchGetItemRequest, BatchGetItemResponse};
use dynoxide::actions::get_item::{GetItemRequest, GetItemResponse};
use dynoxide::actions::put_item::{PutItemRequest, PutItemResponse};
use dynoxide::actions::query::{QueryRequest, QueryResponse};
use dynoxide::actions::transact_write_items::{
    TransactPut, TransactWriteItem, TransactWriteItemsRequest, TransactWriteItemsResponse,
};
use dynoxide::actions::update_item::{UpdateItemRequest, UpdateItemResponse};

/// An operation of the database.
pub(crate) trait DatabaseOperation: Send + Sized + 'static {
    /// The result of the operation; the default is that of a write that returns nothing.
    type Response: Default + Send + 'static;
    /// Whether the operation may change what is stored.
    const WRITES: bool;

    fn run(self, database: &Database) -> dynoxide::Result<Self::Response>;

    /// The operation as parts of a transaction, if its result would be empty.
    fn parts(&self) -> Option<Vec<TransactWriteItem>> {
        None
    }
}

impl DatabaseOperation for GetItemRequest {
    type Response = GetItemResponse;
    const WRITES: bool = false;

    fn run(self, database: &Database) -> dynoxide::Result<GetItemResponse> {
        database.get_item(self)
    }
}

impl DatabaseOperation for PutItemRequest {
    type Response = PutItemResponse;
    const WRITES: bool = true;

    fn run(self, database: &Database) -> dynoxide::Result<PutItemResponse> {
        database.put_item(self)
    }

    fn parts(&self) -> Option<Vec<TransactWriteItem>> {
        if self.return_values.is_some() {
            return None;
        }
        let put = TransactPut {
            table_name: self.table_name.clone(),
            item: self.item.clone(),
            condition_expression: self.condition_expression.clone(),
            expression_attribute_names: self.expression_attribute_names.clone(),
            expression_attribute_values: self.expression_attribute_values.clone(),
            return_values_on_condition_check_failure: None,
        };
        Some(vec![TransactWriteItem { put: Some(put), ..TransactWriteItem::default() }])
    }
}

impl DatabaseOperation for UpdateItemRequest {
    type Response = UpdateItemResponse;
    const WRITES: bool = true;

    fn run(self, database: &Database) -> dynoxide::Result<UpdateItemResponse> {
        database.update_item(self)
    }
}

impl DatabaseOperation for QueryRequest {
    type Response = QueryResponse;
    const WRITES: bool = false;

    fn run(self, database: &Database) -> dynoxide::Result<QueryResponse> {
        database.query(self)
    }
}

impl DatabaseOperation for BatchGetItemRequest {
    type Response = BatchGetItemResponse;
    const WRITES: bool = false;

    fn run(self, database: &Database) -> dynoxide::Result<BatchGetItemResponse> {
        database.batch_get_item(self)
    }
}

impl DatabaseOperation for TransactWriteItemsRequest {
    type Response = TransactWriteItemsResponse;
    const WRITES: bool = true;

    fn run(self, database: &Database) -> dynoxide::Result<TransactWriteItemsResponse> {
        database.transact_write_items(self)
    }

    fn parts(&self) -> Option<Vec<TransactWriteItem>> {
        // With a token, the transaction is remembered as a whole and cannot be joined with others.
        self.client_request_token.is_none().then(|| self.transact_items.clone())
    }
}
