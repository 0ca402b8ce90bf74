//! Sidegate.
pub mod clock;
pub mod entropy;
pub mod gate;
pub mod hasher;
pub mod proto;
pub mod store;
