//! The stories told with the real programs: Dovecot, Postfix, nginx and fail2ban of the distribution, privately configured, and the
//! daemon between them as an administrator would run it. Dovecot is 2.3 and 2.4: most stories are told with each. In one of
//! them people use the portal, with Chromium.
//!
//! A story owns a [`site::Site`]: a folder under the temporary directory and a loopback address of its own, so that
//! stories run side by side and never touch a mail server of this machine. Every file in `conf/` that an administrator
//! includes is used here as it stands; where a test must turn a path or a port of it, the place says so.
//!
//! Needs root (Dovecot and Postfix do) and the programs themselves. Where they are missing a story says SKIPPED on
//! standard error and passes; with `CI` in the environment it fails instead.

mod cli;
mod client;
mod dovecot;
mod held;
mod manager;
mod plan;
mod postfix;
mod process;
mod series;
mod site;
mod stories;
