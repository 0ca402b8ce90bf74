//! Sidegate.
pub mod api;
pub mod claims;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod entropy;
pub mod gate;
pub mod hasher;
pub mod log;
pub mod proto;
pub mod serve;
pub mod service;
pub mod store;
pub mod upstream;
