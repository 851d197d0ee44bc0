use std::io::Read as _;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::StoreError;
use crate::item::AttributeMap;

/// The largest item. DynamoDB's limit is 400 KB; this leaves room for keys and the backend's overhead.
pub(crate) const ITEM_LIMIT: usize = 380 * 1024;

/// Documents from this size on are compressed. Two uncompressed documents below it fit into one item.
const COMPRESS_FROM: usize = 128 * 1024;

/// From this many bytes on, compression runs on a blocking thread.
const BLOCKING_FROM: usize = 32 * 1024;

/// The fastest level, which compresses JSON well enough.
const LEVEL: i32 = 1;

/// The largest document. It bounds the memory for an item that decompresses to very much.
const UNPACKED_LIMIT: u64 = 64 * 1024 * 1024;

/// A value as JSON in one attribute, compressed when it is long.
pub(crate) async fn pack<T: Serialize>(value: &T) -> Result<AttributeValue, StoreError> {
    let json = serde_json::to_string(value)
        .map_err(|error| StoreError::Invalid(format!("what was to be stored cannot be written as JSON: {error}")))?;
    pack_text(json).await
}

/// A text in one attribute, compressed when it is long.
pub(crate) async fn pack_text(text: String) -> Result<AttributeValue, StoreError> {
    if text.len() < COMPRESS_FROM {
        return Ok(AttributeValue::S(text));
    }
    Ok(AttributeValue::B(Blob::new(compress(text.into_bytes()).await?)))
}

/// The size of a packed attribute in an item.
pub(crate) fn packed_size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::B(blob) => blob.as_ref().len(),
        _ => 0,
    }
}

/// The text of an attribute that [`pack_text`] made; the error says what is wrong with the attribute.
pub(crate) async fn unpack_text(item: &AttributeMap, name: &str) -> Result<String, String> {
    match item.get(name) {
        Some(AttributeValue::S(text)) => Ok(text.clone()),
        Some(AttributeValue::B(blob)) => {
            let bytes = decompress(blob.as_ref().to_vec()).await?;
            String::from_utf8(bytes).map_err(|_| format!("attribute {name} is not UTF-8"))
        }
        Some(_) => Err(format!("attribute {name} is neither text nor bytes")),
        None => Err(format!("attribute {name} is missing")),
    }
}

/// The value of an attribute that [`pack`] made; the error says what is wrong with the attribute.
pub(crate) async fn unpack<T: DeserializeOwned>(item: &AttributeMap, name: &str) -> Result<T, String> {
    let text = unpack_text(item, name).await?;
    serde_json::from_str(&text).map_err(|error| format!("attribute {name}: {}", told(&error)))
}

/// What is wrong with a stored document. It leaves out the content, which the library's own message would quote.
pub(crate) fn told(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let problem = match error.classify() {
        Category::Data if said.starts_with("missing field `") => return said,
        Category::Data => "a value is of another type or form than this version reads",
        Category::Syntax | Category::Eof | Category::Io => "it is no JSON",
    };
    format!("{problem} (line {}, column {})", error.line(), error.column())
}

/// Compresses bytes, on a blocking thread when there are many.
pub(crate) async fn compress(bytes: Vec<u8>) -> Result<Vec<u8>, StoreError> {
    let size = bytes.len();
    let packed = sized(size, move || compressed(&bytes)).await;
    packed.map_err(|reason| StoreError::Invalid(format!("what was to be stored cannot be compressed: {reason}")))
}

/// Undoes [`compress`]; the error says what is wrong with the bytes.
pub(crate) async fn decompress(bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    let size = bytes.len();
    let unpacked = sized(size, move || decompressed(&bytes)).await;
    unpacked.map_err(|reason| format!("it cannot be decompressed: {reason}"))
}

/// Decompresses bytes, to at most the size of the largest document.
pub fn decompressed(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut unpacked = Vec::new();
    let decoder = zstd::stream::read::Decoder::new(bytes)?;
    let read = decoder.take(UNPACKED_LIMIT + 1).read_to_end(&mut unpacked)?;
    if read as u64 > UNPACKED_LIMIT {
        return Err(std::io::Error::other(format!("it unpacks to more than {UNPACKED_LIMIT} bytes")));
    }
    Ok(unpacked)
}

/// Compresses bytes for [`decompressed`].
pub fn compressed(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    zstd::bulk::compress(bytes, LEVEL)
}

/// Runs work on `size` bytes directly when they are few, and otherwise on a blocking thread.
async fn sized<T: Send + 'static>(
    size: usize,
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, String> {
    let result = if size < BLOCKING_FROM {
        work()
    } else {
        // A blocking thread inherits the priority of the thread that starts it, which may be a guest's, and serves
        // other work later. So a task of the runtime starts it.
        let apart = tokio::spawn(async move { tokio::task::spawn_blocking(work).await });
        apart.await.and_then(|done| done).map_err(|error| error.to_string())?
    };
    result.map_err(|error| error.to_string())
}
