//! The portal: web pages on which people prove who they are, and look after their second factors, devices and client
//! passwords.
//!
//! ```text
//! browser ──► server ──► handlers ──► control ──► sidegated
//!                           │  └────► pages (what comes back)
//!                           └───────► send, provider (means)
//! ```
//!
//! - `start`: the program, `sidegate-portal` · `server`: connections, cookies, forms, headers, and the `Context` of each
//!   request · `handlers`: what is done, a file for each group of pages · `control`: asking the daemon, which judges
//!   everything and holds all that must survive
//! - [`pages`]: what people see, pure · [`agent`]: which browser it is · [`place`]: where an address is
//! - [`autoconfig`], [`profile`]: what mail programs are told, so that nobody types hosts and ports
//! - `means`: settings and secrets become [`send`], which carries codes as `deliver` has it, and [`provider`], which asks
//!   WeChat, WeCom and DingTalk who somebody is
//! - [`autoconfig`] sets up Thunderbird and Outlook, [`profile`] iPhone, iPad and Mac · [`place`]: where an address is
//!
//! What must never be in it: a store, a decision, a secret that outlives its request.

pub mod agent;
pub mod autoconfig;
mod control;
mod deliver;
mod handlers;
mod means;
pub mod pages;
pub mod place;
pub mod profile;
pub mod provider;
pub mod send;
mod server;
mod start;

pub use start::{CONFIG_DEFAULT, command, main};
