//! Sidegate: the side gate of a mail server.
//!
//! Dovecot, Postfix and an administrator ask one kind of question, *may this happen?*, in several
//! dialects. It is answered in one place.
//!
//! ```text
//! bytes ──► proto/ ──► service/ ──► gate/ ──► Answer ──► proto/ ──► bytes
//!           (pure)      (async)     (pure)               (pure)
//!                          │
//!            store/  hasher.rs  upstream.rs  clock.rs  entropy.rs
//! ```
//!
//! # One login, start to end
//!
//! Ann's phone logs in over IMAP; Dovecot writes `AUTH 7 PLAIN service=imap rip=192.0.2.7 resp=…`.
//!
//! 1. `serve/drive.rs` reads bytes; [`proto::auth_client`] takes a line and asks a
//!    [`Question`](gate::question::Question), or closes.
//! 2. `service/login.rs`: the address takes a seat ([`gate::table`]), or is blocked, or waits.
//! 3. Whose name it is ([`gate::identity`]) and the account come from memory or a reader thread
//!    ([`store::StoreHandle::whose`]); [`gate::login::screen`] says what must be proved: one client password, or the main password by
//!    the upstream, or nothing can help.
//!    Client passwords of another system that were not used yet are tried one by one (`service/imported.rs`).
//! 4. `service/proof.rs`: verified before? Else one Argon2 ([`hasher`]). Or [`upstream`] is asked, and then whose mailbox
//!    opened (`service/identity.rs`).
//! 5. A failure goes through the writer ([`store::orders::settle`]): record read, rule applied
//!    ([`gate::record`]), record and events written, one commit for all that wait. Then the seat is
//!    given back, the answer held for the failure delay, and worded by `proto`.
//! 6. Nobody is let in on facts that changed since step 3: they are looked at again.
//!
//! Changes (a new password, a revoke, a lifted block) are an [`Order`](gate::order::Order), carried out by
//! [`store::orders`] in one transaction.
//!
//! # One message, start to end
//!
//! Postfix asks at each step ([`proto::policy`]), `service/sending.rs` decides: is the address blocked, is the login
//! still good, whose is the sender ([`store::senders`]); at DATA the writer lets the message through and counts it, or
//! says which limit it meets and tells that once ([`store::booking`]), and at its end it is booked.
//!
//! # The map
//!
//! - [`gate`]: the rules, pure.
//!   - Words: [`gate::question`] what doors ask and are told · [`gate::order`] what administrators change ·
//!     [`gate::event`] the audit log · [`gate::messages`] texts for people · [`gate::name`], [`gate::domain`], [`gate::address`]
//!     what is parsed at the door
//!   - Logins: [`gate::account`], [`gate::login`] who may use what, [`gate::reason`] why not · [`gate::identity`] whose mailbox it is ·
//!     [`gate::secret`], [`gate::key`] client passwords and selectors, [`gate::pasted`] what pasting adds, [`gate::clean`] text as it may be kept ·
//!     [`gate::foreign`] hashes of other systems, [`gate::import`] what is imported · [`gate::record`] failures and blocks, [`gate::streak`] what led
//!     to them · [`gate::blocks`] blocked sources and networks, [`gate::target`] how they are named, [`gate::translated`]
//!     IPv4 written as IPv6 · [`gate::table`] seats · [`gate::crowd`] proxies nobody declared ·
//!     [`gate::policy`] attempts that Dovecot decides, [`gate::two_doors`] and those that Sidegate decides beside it,
//!     [`gate::outage`] whether it is Dovecot's passdb that fails · [`gate::relayed`] mechanisms of the upstream
//!   - Sending: [`gate::sending`] what Postfix asks · [`gate::sender`], [`gate::alias`], [`gate::delegation`] whose a
//!     sender address is and who else may use it · [`gate::limits`] how much may be sent · [`gate::header`],
//!     [`gate::mailboxes`] the `From:` of a mail · [`gate::sharing`] what Dovecot is told of delegations ·
//!     [`gate::notice`] what owners and administrators are told
//!   - People: [`gate::people`] what a site allows them · [`gate::factor`] second factors and what must be proved before one
//!     changes · [`gate::totp`], [`gate::code`] codes, [`gate::codes_sent`] how many are sent · [`gate::phone`] where to ·
//!     [`gate::passkey`] passkeys · [`gate::recovery`] codes for whoever lost everything, [`gate::reset`] and a reset by an
//!     administrator, [`gate::set_up_code`] what has to be given after it · [`gate::main_password`] where no upstream knows
//!     any · [`gate::mandatory`] who must have two-factor ·
//!     [`gate::throttle`] waits after wrong codes, [`gate::entrance`] and after wrong main passwords · [`gate::session`] who
//!     is signed in, how far · [`gate::visit`] who came in and who was stopped · [`gate::repeats`] forms that are sent
//!     twice · [`gate::seal`] what the store may not read
//! - [`proto`]: bytes and turns, pure. [`proto::auth_client`], [`proto::auth_master`], [`proto::dict`] for Dovecot,
//!   [`proto::policy`], [`proto::socketmap`], [`proto::milter`] for Postfix, [`proto::saslauthd`] for Cyrus SASL;
//!   [`proto::tab`] Dovecot's lines
//! - [`service`]: the only place where rules meet store, hash, upstream and clock
//! - [`store`]: what is on disk; all SQL is in [`store::sqlite`], [`store::presence`] whether a start is the first · [`hasher`]: Argon2 seats ·
//!   [`upstream`]: Dovecot's own auth process · [`claims`]: logins waiting for their mail process ·
//!   [`pace`]: bursts that may be forgotten
//! - [`serve`]: sockets and the one connection loop · [`http`]: Dovecot's auth policy, nginx, Prometheus ·
//!   [`notices`]: mail, webhook and command out · [`sharing`]: the files in which Dovecot reads who shares a mailbox
//! - [`api`]: the control API · [`cli`]: `sidegate` · [`doctor`]: what may be wrong with a mail server and its Sidegate,
//!   pure; `cli/doctor` gathers the facts · [`metrics`]: numbers for monitoring
//! - [`portal`]: `sidegate-portal`, for people: a program and a user of its own, which asks [`api::portal`] and holds
//!   nothing itself. [`portal::pages`] what they see · [`portal::send`] carries a code to a phone or an address ·
//!   [`portal::provider`] asks WeChat, WeCom and DingTalk who somebody is · [`portal::agent`] tells browsers by what they
//!   say, [`portal::place`] where an address is · [`portal::autoconfig`] sets up Thunderbird and Outlook,
//!   [`portal::profile`] iPhone, iPad and Mac
//! - [`daemon`]: `sidegated`, start and stop; how it stops without losing a login: [`serve::stop`] · [`handover`]: the
//!   next image goes on with its sockets and connections · [`systemd`]: what the service manager is told, and keeps ·
//!   [`restore`]: a backup put back
//! - [`config`]: the settings, and every mistake in them · [`secret_file`] keys and passwords ·
//!   [`log`], [`clock`], [`entropy`], [`faults`] panics contained · [`process`]: no core dumps, many open files
//!
//! # What must never be in it
//!
//! No `unsafe`. No socket, clock, randomness, SQL or log in `gate/` and `proto/`. No SQL outside
//! `store/`. No secret in a log, an error or `Debug`. No failure counted for trouble of our own.
//! No answer to a failure, and no acknowledged change, before it is on disk.

pub mod api;
pub mod claims;
pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod doctor;
pub mod entropy;
pub mod faults;
pub mod gate;
pub mod handover;
pub mod hasher;
pub mod http;
pub mod log;
pub mod metrics;
pub mod notices;
pub mod pace;
pub mod portal;
pub mod process;
pub mod proto;
pub mod restore;
pub mod secret_file;
pub mod serve;
pub mod service;
pub mod sharing;
pub mod store;
pub mod systemd;
pub mod upstream;
