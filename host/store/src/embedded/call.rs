use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use dynoxide::actions::transact_write_items::{TransactWriteItem, TransactWriteItemsRequest};
use dynoxide::{Database, DynoxideError};
use tokio::sync::oneshot;

use super::DatabaseOperation;

/// The most parts of a transaction in DynamoDB.
const PARTS: usize = 100;

const PANICKED: &str = "the embedded store panicked";

/// Sends the caller the database's result, or the error that makes the result unreliable.
pub(super) type Tell = Box<dyn FnOnce(Result<(), DynoxideError>) + Send>;

/// A call in the queue of the database.
pub(super) trait EmbeddedCall: Send {
    fn is_waited_for(&self) -> bool;
    /// Whether the call may change what is stored.
    fn writes(&self) -> bool;
    /// The call as parts of a transaction, if it can be one.
    fn parts(&self) -> Option<Vec<TransactWriteItem>>;
    /// Runs the call; its result is sent once it is synced.
    fn run(self: Box<Self>, database: &Database, trouble: &mut Trouble) -> Tell;
    /// The parts of the call have been written in a transaction.
    fn written(self: Box<Self>) -> Tell;
    /// The call is not run, because of this error.
    fn refuse(self: Box<Self>, error: DynoxideError);
}

/// An error of the database that leaves the content of its files unknown.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    pub(super) reason: Option<String>,
}

/// Parts of SQLite's messages for such errors: I/O errors, a damaged file or a file that is no database, and a file
/// that cannot be opened or written any more. A full disk is not among them, because the write then did not happen.
const GRAVE: [&str; 6] = [
    "I/O error",
    "malformed",
    "not a valid database",
    "not a database",
    "readonly database",
    "unable to open database file",
];

impl Trouble {
    fn note(&mut self, error: &DynoxideError) {
        if error.status_code() != 500 {
            return;
        }
        let text = error.to_string();
        if text == PANICKED || GRAVE.iter().any(|grave| text.contains(grave)) {
            self.reason.get_or_insert(text);
        }
    }
}

pub(super) struct QueuedCall<O: DatabaseOperation> {
    pub(super) operation: O,
    pub(super) answer: oneshot::Sender<dynoxide::Result<O::Response>>,
}

impl<O: DatabaseOperation> EmbeddedCall for QueuedCall<O> {
    fn is_waited_for(&self) -> bool {
        !self.answer.is_closed()
    }

    fn writes(&self) -> bool {
        O::WRITES
    }

    fn parts(&self) -> Option<Vec<TransactWriteItem>> {
        self.operation.parts()
    }

    fn run(self: Box<Self>, database: &Database, trouble: &mut Trouble) -> Tell {
        let Self { operation, answer } = *self;
        let said = caught(|| operation.run(database));
        if let Err(error) = &said {
            trouble.note(error);
        }
        told(answer, said)
    }

    fn refuse(self: Box<Self>, error: DynoxideError) {
        let _ = self.answer.send(Err(error));
    }

    fn written(self: Box<Self>) -> Tell {
        told(self.answer, Ok(O::Response::default()))
    }
}

fn told<R: Send + 'static>(answer: oneshot::Sender<dynoxide::Result<R>>, said: dynoxide::Result<R>) -> Tell {
    Box::new(move |synced| {
        // The caller may have stopped waiting.
        let _ = answer.send(synced.and(said));
    })
}

/// Writes what several calls want to write in one transaction, because a commit costs as much as the writes in it.
/// Returns the positions of these calls. When one of them is refused, nothing is written and no positions are returned;
/// the caller then runs each call by itself to find out which is refused.
pub(super) fn write_together(
    database: &Database,
    calls: &[Box<dyn EmbeddedCall>],
    trouble: &mut Trouble,
) -> HashSet<usize> {
    let (mut transact_items, mut places) = (Vec::new(), HashSet::new());
    for (place, call) in calls.iter().enumerate() {
        let Some(parts) = call.parts() else { continue };
        if transact_items.len() + parts.len() > PARTS {
            break;
        }
        transact_items.extend(parts);
        places.insert(place);
    }
    if places.len() < 2 {
        return HashSet::new();
    }
    let request = TransactWriteItemsRequest { transact_items, ..TransactWriteItemsRequest::default() };
    match caught(|| database.transact_write_items(request)) {
        Ok(_) => places,
        Err(error) => {
            trouble.note(&error);
            HashSet::new()
        }
    }
}

fn caught<R>(operation: impl FnOnce() -> dynoxide::Result<R>) -> dynoxide::Result<R> {
    catch_unwind(AssertUnwindSafe(operation)).unwrap_or_else(|_| {
        tracing::error!("the embedded store panicked");
        Err(DynoxideError::InternalServerError(PANICKED.to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use dynoxide::AttributeValue;
    use dynoxide::actions::get_item::GetItemRequest;
    use dynoxide::actions::put_item::{PutItemRequest, PutItemResponse};
    use serde_json::json;
    use std::collections::HashMap;

    use super::*;

    type Answer = oneshot::Receiver<dynoxide::Result<PutItemResponse>>;

    fn database() -> Database {
        let database = Database::memory().unwrap();
        let table = json!({
            "TableName": "things",
            "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
            "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
            "BillingMode": "PAY_PER_REQUEST",
        });
        database.create_table(serde_json::from_value(table).unwrap()).unwrap();
        database
    }

    fn key(id: &str) -> HashMap<String, AttributeValue> {
        HashMap::from([("id".to_owned(), AttributeValue::S(id.to_owned()))])
    }

    fn put(id: &str) -> (Box<dyn EmbeddedCall>, Answer) {
        let operation = PutItemRequest {
            table_name: "things".to_owned(),
            item: key(id),
            condition_expression: Some("attribute_not_exists(id)".to_owned()),
            ..PutItemRequest::default()
        };
        let (answer, answered) = oneshot::channel();
        (Box::new(QueuedCall { operation, answer }), answered)
    }

    fn is_there(database: &Database, id: &str) -> bool {
        let request = GetItemRequest { table_name: "things".to_owned(), key: key(id), ..GetItemRequest::default() };
        database.get_item(request).unwrap().item.is_some()
    }

    #[test]
    fn writes_that_wait_are_done_together() {
        let database = database();
        let ((first, _first), (second, _second)) = (put("a"), put("b"));
        assert_eq!(write_together(&database, &[first, second], &mut Trouble::default()), HashSet::from([0, 1]));
        assert!(is_there(&database, "a") && is_there(&database, "b"));
    }

    #[test]
    fn one_that_is_refused_leaves_the_others_to_be_run_by_themselves() {
        let database = database();
        let (there, _there) = put("a");
        there.run(&database, &mut Trouble::default())(Ok(()));
        let ((first, _first), (again, mut answered)) = (put("b"), put("a"));
        let calls = [first, again];
        assert_eq!(write_together(&database, &calls, &mut Trouble::default()), HashSet::new());
        assert!(!is_there(&database, "b"));
        for call in calls {
            call.run(&database, &mut Trouble::default())(Ok(()));
        }
        assert!(is_there(&database, "b"));
        let refused = answered.try_recv().unwrap();
        assert!(matches!(refused, Err(DynoxideError::ConditionalCheckFailedException(..))), "{refused:?}");
    }

    #[test]
    fn one_alone_is_not_put_into_a_transaction() {
        let database = database();
        let (only, _only) = put("a");
        assert_eq!(write_together(&database, &[only], &mut Trouble::default()), HashSet::new());
        assert!(!is_there(&database, "a"));
    }
}
