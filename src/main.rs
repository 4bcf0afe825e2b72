//! The `rmtl` program.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    rmtl::memory::keep_pages();
    rmtl::cli::main()
}
