//! Sidegate.
