//! The rules. Nothing here opens a socket, reads a clock, draws a random number, touches SQL or
//! logs: everything is handed in, and what comes out is a value for somebody else to carry out.

pub mod account;
pub mod address;
pub mod alias;
pub mod code;
pub mod crowd;
pub mod delegation;
pub mod event;
pub mod factor;
pub mod foreign;
pub mod header;
pub mod import;
pub mod key;
pub mod limits;
pub mod login;
pub mod mailboxes;
pub mod mandatory;
pub mod messages;
pub mod name;
pub mod notice;
pub mod order;
pub mod policy;
pub mod question;
pub mod record;
pub mod seal;
pub mod secret;
pub mod sender;
pub mod sending;
pub mod session;
pub mod sharing;
pub mod table;
pub mod throttle;
pub mod totp;
