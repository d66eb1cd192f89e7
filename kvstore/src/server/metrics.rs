//! What operators watch, in Prometheus' text format.

use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts, since the server started.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    pub(super) commands: Counter,
    pub(super) reads: Counter,
    pub(super) messages_sent: Counter,
    pub(super) messages_received: Counter,
    pub(super) messages_dropped: Counter,
    pub(super) connections_refused: Counter,
    pub(super) clients: Counter,
    pub(super) snapshots: Counter,
    pub(super) fsyncs: Histogram,
    pub(super) answers: Histogram,
}

#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The upper bounds of the buckets, in microseconds.
const BUCKETS_US: [u64; 13] =
    [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000];

/// How long something took.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    buckets: [Counter; BUCKETS_US.len()],
    count: Counter,
    sum_us: Counter,
}

impl Histogram {
    pub(super) fn observe(&self, took: Duration) {
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if let Some(bucket) = BUCKETS_US.iter().position(|bound| took_us <= *bound) {
            self.buckets[bucket].add(1);
        }
        self.count.add(1);
        self.sum_us.add(took_us);
    }

    fn write(&self, name: &str, about: &str, out: &mut String) -> fmt::Result {
        writeln!(out, "# HELP {name} {about}\n# TYPE {name} histogram")?;
        let mut below = 0;
        for (bound_us, bucket) in BUCKETS_US.iter().zip(&self.buckets) {
            below += bucket.get();
            writeln!(out, "{name}_bucket{{le=\"{}\"}} {below}", seconds(*bound_us))?;
        }
        let count = self.count.get();
        writeln!(out, "{name}_bucket{{le=\"+Inf\"}} {count}")?;
        writeln!(out, "{name}_sum {}\n{name}_count {count}", seconds(self.sum_us.get()))
    }
}

fn seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

impl Metrics {
    /// All of them, with these gauges before.
    pub(super) fn text(&self, gauges: &[(&str, &str, u64)]) -> String {
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = self.write(gauges, &mut out);
        out
    }

    fn write(&self, gauges: &[(&str, &str, u64)], out: &mut String) -> fmt::Result {
        for (name, about, value) in gauges {
            writeln!(out, "# HELP {name} {about}\n# TYPE {name} gauge\n{name} {value}")?;
        }
        let counters = [
            ("kvstore_commands_total", "Commands that clients asked for.", &self.commands),
            ("kvstore_reads_total", "Reads that clients asked for.", &self.reads),
            ("kvstore_peer_messages_sent_total", "Messages put on the wire.", &self.messages_sent),
            ("kvstore_peer_messages_received_total", "Messages that came.", &self.messages_received),
            ("kvstore_peer_messages_dropped_total", "Messages that found a full queue.", &self.messages_dropped),
            (
                "kvstore_connections_refused_total",
                "Connections closed for what came over them.",
                &self.connections_refused,
            ),
            ("kvstore_client_connections_total", "Connections of clients.", &self.clients),
            ("kvstore_snapshots_total", "Snapshots taken here.", &self.snapshots),
        ];
        for (name, about, counter) in counters {
            writeln!(out, "# HELP {name} {about}\n# TYPE {name} counter\n{name} {}", counter.get())?;
        }
        self.fsyncs.write("kvstore_batch_seconds", "From a batch's begin until it is durable.", out)?;
        self.answers.write("kvstore_answer_seconds", "From a request until its answer.", out)
    }
}
