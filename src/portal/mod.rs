//! The portal: web pages on which people prove who they are, and look after their second factors, devices and client
//! passwords.

pub mod agent;
pub mod pages;
pub mod provider;
pub mod send;
