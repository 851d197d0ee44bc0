//! Conversations with the clinic bundle, as tests: see `tests/conversations.rs`. This library is empty.
