//! Conversations with the restaurant bundle, as tests: see `tests/conversations.rs`. There is nothing to use here.
