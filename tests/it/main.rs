//! The one test program beside `tests/real`: a module per feature.

#![expect(clippy::unwrap_used, reason = "a test may end where it stands")]

mod abuse;
mod administration;
mod backups;
mod codecs;
mod config;
mod control;
mod crash;
mod daemon;
mod directory;
mod doctor;
mod empty;
mod events;
mod exactly_ten;
mod explain;
mod guide;
mod hooks;
mod hostile;
mod http;
mod identity;
mod import;
mod imported;
mod kept;
mod keys;
mod lockout;
#[path = "../real/manager.rs"]
mod manager;
mod manual;
mod memory;
mod milter;
mod notices;
mod observe;
mod offers;
mod openapi;
mod packages;
mod passwords;
mod people;
mod people_admin;
mod people_bounds;
mod portal_config;
mod portal_send;
mod portal_web;
mod restart;
mod secrecy;
mod sending;
mod sessions;
mod sim;
mod systemd;
mod terminal;
mod tidy;
mod top;
mod transcripts;
mod trouble;
mod wire;
mod world;
