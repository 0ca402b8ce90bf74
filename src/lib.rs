//! Sidegate.
pub mod clock;
pub mod entropy;
pub mod gate;
pub mod hasher;
