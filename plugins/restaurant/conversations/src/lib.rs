//! Conversations with the restaurant bundle, as tests: see `tests/conversations.rs`. This library is empty.
