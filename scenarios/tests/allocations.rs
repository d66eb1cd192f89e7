//! How often a run asks for memory: a measure of its speed that is the same on every machine, however loaded, so that it can
//! be held.
//!
//! A feature that clones what it might borrow, or collects what it might walk, shows here long before it shows in a time.
//! Instructions would show more, and cannot be counted without tools.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use scenarios::catalogue::{self, bench_plan};
use scenarios::raft_core_subject::RaftCore;
use sim::choices::Choices;
use sim::{RunReport, run_plan};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: all of it is the system's allocator; a cell without a destructor is counted up beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        unsafe { System.realloc(memory, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often `run` asked for memory, and what it did.
fn counted(run: impl FnOnce() -> RunReport) -> (u64, RunReport) {
    let before = ALLOCATIONS.get();
    let report = run();
    assert_eq!(report.failure, None);
    (ALLOCATIONS.get() - before, report)
}

/// A command is one allocation, which the leader's disk and all followers share, and makes for seven deliveries. The rest
/// is what is sent once more after a loss, windows that begin anew, and logs that grow. Measured: 31 in a hundred.
#[test]
fn the_fixed_workload_asks_for_memory_for_one_delivery_in_three_at_most() {
    let plan = bench_plan::<RaftCore>(&mut Choices::new(1).plan(), 20_000);
    let (allocations, report) = counted(|| run_plan::<RaftCore>(&plan, 1).expect("the plan makes sense"));
    let (deliveries, percent) = (report.totals.deliveries, 100 * allocations / report.totals.deliveries);
    assert!(deliveries > 20_000, "{deliveries}");
    assert!(percent <= 33, "{allocations} allocations for {deliveries} deliveries: {percent} in a hundred");
}

/// Everything that the swarm turns on together: clients' requests and answers are boxed, snapshots are copied, nodes start
/// anew. Measured: 53 in a hundred.
#[test]
fn the_default_swarm_asks_for_memory_for_two_events_in_three_at_most() {
    let swarm = catalogue::find::<RaftCore>(catalogue::DEFAULT, None).expect("it is there");
    let (mut allocations, mut events) = (0, 0);
    for seed in 0..30 {
        let plan = swarm.plan(seed);
        let (of_run, report) = counted(|| run_plan::<RaftCore>(&plan, seed).expect("the plan makes sense"));
        allocations += of_run;
        events += report.totals.events;
    }
    let percent = 100 * allocations / events;
    assert!(percent <= 66, "{allocations} allocations for {events} events: {percent} in a hundred");
}
