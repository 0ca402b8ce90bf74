//! What both daemons do to themselves before they read a secret.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use nix::sys::prctl::set_dumpable;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Uid, geteuid, setgid, setgroups, setuid};
use tracing::warn;

/// No core dumps, no debugger of the same user, and no file that others may read.
///
/// # Errors
/// The kernel does not allow it.
pub fn guard_secrets() -> nix::Result<()> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    set_dumpable(false)?;
    umask(Mode::from_bits_truncate(0o077));
    Ok(())
}

/// As many open files as may be: every login process and every browser holds a connection, and the soft limit is often
/// 1024.
pub fn raise_descriptors() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
        && let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
    {
        warn!(%error, soft, "the limit of open files stays as it is");
    }
}

/// Root becomes the user and group that a folder belongs to, for good: whoever owns it may put a link where root is about
/// to write, and what root leaves there the daemon could not open. Anybody else stays who they are.
///
/// # Errors
/// There is no such folder, or the kernel does not allow it.
pub fn become_owner_of(folder: &Path) -> io::Result<()> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let about = folder.metadata()?;
    let (uid, gid) = (Uid::from_raw(about.uid()), Gid::from_raw(about.gid()));
    if uid.is_root() {
        return Ok(());
    }
    setgroups(&[gid])?;
    setgid(gid)?;
    setuid(uid)?;
    Ok(())
}
