//! The `rmtl` program.

use std::process::ExitCode;

// Pages stay with the process: clearing them anew in every training step costs a tenth of it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    rmtl::cli::main()
}
