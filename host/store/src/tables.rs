use serde::Serialize;

/// A table as Signalbox needs it. As JSON it holds the input of `aws dynamodb create-table --cli-input-json` and that
/// of `aws dynamodb update-time-to-live --cli-input-json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableSpec {}

/// Every table that Signalbox needs, by a prefix such as `signalbox-`.
pub fn tables(_prefix: &str) -> Vec<TableSpec> {
    Vec::new()
}
