//! An allocator that counts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The system's allocator, counted. The benches that use it run on one thread: the counters need not agree with each other at any
/// moment in between.
pub struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static LIVE: AtomicU64 = AtomicU64::new(0);
static PEAK: AtomicU64 = AtomicU64::new(0);

fn grow(bytes: usize) {
    ALLOCATIONS.fetch_add(1, Relaxed);
    let live = LIVE.fetch_add(bytes as u64, Relaxed) + bytes as u64;
    PEAK.fetch_max(live, Relaxed);
}

fn shrink(bytes: usize) {
    LIVE.fetch_sub(bytes as u64, Relaxed);
}

// SAFETY: every method hands its arguments on to `System` as they are and returns what that returns, so that its guarantees are
// this one's; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`, which is that of `System.alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: the caller keeps the contract of `alloc_zeroed`, which is that of `System.alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        shrink(layout.size());
        // SAFETY: the caller says that `block` is from this allocator with this layout; all of those are from `System`.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // While it is moved, the old block and the new one may both be there: counted as if they always were.
        grow(size);
        shrink(layout.size());
        // SAFETY: the caller says that `block` is from this allocator with this layout, and that `size` is legal.
        unsafe { System.realloc(block, layout, size) }
    }
}

/// What a piece of code has allocated.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Most bytes at a time, without what was there before.
    pub peak_bytes: u64,
    /// Calls that allocate or grow.
    pub allocations: u64,
}

/// Runs something and counts. [`Counting`] has to be the program's allocator.
pub fn counted<T>(run: impl FnOnce() -> T) -> (T, Usage) {
    let (before, allocations) = (LIVE.load(Relaxed), ALLOCATIONS.load(Relaxed));
    PEAK.store(before, Relaxed);
    let result = run();
    let usage = Usage { peak_bytes: PEAK.load(Relaxed) - before, allocations: ALLOCATIONS.load(Relaxed) - allocations };
    (result, usage)
}
