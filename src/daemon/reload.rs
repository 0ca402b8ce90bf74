//! The settings read again, by SIGHUP: what can change while the daemon runs, and what waits for a restart.

use std::path::Path;

use tracing::{error, info, warn};

use crate::config::Config;
use crate::service::{Rules, Service};

/// The settings have mistakes, which were told.
pub(super) struct Mistaken;

/// Takes over what can change while running; names what cannot. With a mistake in the files,
/// everything stays as it was.
pub(super) fn reread(path: &Path, config: &mut Config, service: &Service) -> Result<(), Mistaken> {
    let fresh = match Config::load(path) {
        Ok(fresh) => fresh,
        Err(mistakes) => {
            for complaint in &mistakes.complaints {
                error!("{complaint}");
            }
            error!("the settings have mistakes: the old ones stay in force");
            return Err(Mistaken);
        }
    };
    for section in waiting(config, &fresh) {
        warn!("{section} was changed, but takes effect only at a restart");
    }
    service.set_rules(Rules::from(&fresh));
    info!("the settings were read again");
    *config = fresh;
    Ok(())
}

/// What differs between two configurations and takes effect only at a restart.
pub(super) fn waiting(old: &Config, new: &Config) -> Vec<&'static str> {
    let argon2 = |config: &Config| {
        let argon2 = &config.client_passwords.argon2;
        (argon2.seats, argon2.wait, argon2.queue)
    };
    let needs_restart = [
        ("[store]", old.store != new.store),
        ("[control]", old.control != new.control),
        ("[[listen]]", old.listen != new.listen),
        ("[log]", old.log != new.log),
        ("[upstream]", old.upstream != new.upstream),
        ("[sharing]", old.sharing != new.sharing),
        ("[notices]", old.notices != new.notices),
        ("client_passwords.argon2 (seats, wait or queue)", argon2(old) != argon2(new)),
        ("lockout.addresses_max", old.lockout.addresses_max != new.lockout.addresses_max),
    ];
    needs_restart.into_iter().filter_map(|(section, changed)| changed.then_some(section)).collect()
}

/// What is in force: the fresh settings, but for those that need a restart.
pub(super) fn merged(started: &Config, fresh: &Config) -> Config {
    let old = started.clone();
    let mut merged = Config {
        store: old.store,
        control: old.control,
        listen: old.listen,
        log: old.log,
        upstream: old.upstream,
        sharing: old.sharing,
        notices: old.notices,
        ..fresh.clone()
    };
    let (now, then) = (&mut merged.client_passwords.argon2, &started.client_passwords.argon2);
    (now.seats, now.wait, now.queue) = (then.seats, then.wait, then.queue);
    merged.lockout.addresses_max = started.lockout.addresses_max;
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_a_restart_is_not_in_force_before_it() {
        let started = Config::default();
        let mut fresh = Config::default();
        fresh.lockout.failures = 3;
        fresh.lockout.addresses_max = 100;
        fresh.store.path = "/elsewhere".into();
        fresh.client_passwords.argon2.queue = 1;
        let mut expected = Config::default();
        expected.lockout.failures = 3;
        assert_eq!(merged(&started, &fresh), expected);
        assert_ne!(started.fingerprint(), expected.fingerprint());
        let waits = ["[store]", "client_passwords.argon2 (seats, wait or queue)", "lockout.addresses_max"];
        assert_eq!(waiting(&started, &fresh), waits);
        assert!(waiting(&started, &expected).is_empty());
    }
}
