//! The portal: pages on which people prove who they are and look after their account.

pub mod provider;
pub mod send;
