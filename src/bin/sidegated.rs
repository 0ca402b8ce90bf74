//! The daemon.

use mimalloc::MiMalloc;
use zeroizing_alloc::ZeroAlloc;

/// Whatever memory is given back is wiped: libraries have passwords in buffers of their own, and leave them behind.
#[global_allocator]
static MEMORY: ZeroAlloc<MiMalloc> = ZeroAlloc(MiMalloc);

fn main() -> std::process::ExitCode {
    sidegate::daemon::main()
}
