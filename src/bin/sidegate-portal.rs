//! The portal.

use std::alloc::System;

use zeroizing_alloc::ZeroAlloc;

/// Whatever memory is given back is wiped: libraries have passwords in buffers of their own, and leave them behind.
#[global_allocator]
static MEMORY: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> std::process::ExitCode {
    sidegate::portal::main()
}
