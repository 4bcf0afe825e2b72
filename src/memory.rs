//! Memory that a training gives back and takes anew in every operation stays with the process meanwhile.
//!
//! A step allocates and frees blocks of tens of megabytes. mimalloc returns them to the system a second later, and the
//! system clears every page it hands out again: a third of the time of the largest backbone. Kept pages cost no more
//! memory than the phase has needed at once, and [`release_pages`] returns them when it ends.
//!
//! The `rmtl` program does this by itself. A program that uses the library gets it with two lines:
//!
//! ```
//! #[global_allocator]
//! static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
//!
//! fn main() {
//!     rmtl::memory::keep_pages();
//!     // … train …
//! }
//! ```
//!
//! Under another allocator both functions do nothing.

use std::ffi::{c_int, c_long};

use libmimalloc_sys::{mi_collect, mi_option_get, mi_option_set};

/// `mi_option_purge_delay` of mimalloc's header, which the bindings leave out: milliseconds until freed pages return to the system.
const PURGE_DELAY: c_int = 15;

/// Longer than any operation waits for its memory, shorter than a forgotten process should hold it.
const MILLISECONDS: c_long = 60_000;

/// Keeps freed pages for a minute instead of a second, unless `MIMALLOC_PURGE_DELAY` says otherwise. Call it before the
/// work begins.
pub fn keep_pages() {
    if std::env::var_os("MIMALLOC_PURGE_DELAY").is_none() {
        #[expect(unsafe_code, reason = "the allocator has no other interface")]
        // SAFETY: sets a number within the allocator; any thread may at any time.
        unsafe {
            mi_option_set(PURGE_DELAY, MILLISECONDS);
        }
    }
}

/// Returns freed pages to the system.
pub fn release_pages() {
    #[expect(unsafe_code, reason = "the allocator has no other interface")]
    // SAFETY: takes nothing and gives nothing; memory in use is not touched.
    unsafe {
        mi_collect(true);
    }
}

/// How long freed pages are kept, in milliseconds.
pub fn purge_delay() -> i64 {
    #[expect(unsafe_code, reason = "the allocator has no other interface")]
    // SAFETY: reads a number within the allocator.
    let delay = unsafe { mi_option_get(PURGE_DELAY) };
    delay as i64
}

/// Pages the system has handed to this process so far, cleared, where it tells (Linux).
pub fn page_faults() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name in parentheses may hold anything; `minflt` is the eighth field after it.
    text.rsplit_once(')')?.1.split_whitespace().nth(7)?.parse().ok()
}

/// The most memory that this process has had at once so far, in bytes, where the system tells (Linux).
pub fn peak() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_is_the_purge_delay() {
        // mimalloc's default, so that a version whose options stand in another order is noticed.
        if std::env::var_os("MIMALLOC_PURGE_DELAY").is_none() {
            assert_eq!(purge_delay(), 1000);
            keep_pages();
            assert_eq!(purge_delay(), MILLISECONDS);
        }
        release_pages();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn touched_pages_are_counted() {
        let before = page_faults().unwrap();
        let block = std::hint::black_box(vec![1_u8; 64 << 20]);
        let faults = page_faults().unwrap() - before;
        // Pages of 4 KiB, or as few as 32 of 2 MiB.
        assert!(faults >= 32, "{faults} pages for {} bytes", block.len());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_peak_is_no_less_than_what_was_held_before() {
        let block = std::hint::black_box(vec![1_u8; 64 << 20]);
        assert!(peak().unwrap() >= block.len() as u64);
        let held = block.len() as u64;
        drop(block);
        release_pages();
        // Other tests allocate, too, and the system counts pages of other threads late: no finer comparison holds.
        assert!(peak().unwrap() >= held);
    }
}
