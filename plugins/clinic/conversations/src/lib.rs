//! Conversations with the clinic bundle, as tests: see `tests/conversations.rs`. There is nothing to use here.
