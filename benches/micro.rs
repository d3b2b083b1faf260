//! What the pure work costs in time: GB/s of each transform of `wire`, and microseconds of each upload that `rules` decides.
//!
//! `cargo bench -p tidegate-benches --bench micro`. The figures bound what the gateway could reach without a kernel below it.
//! Times differ from machine to machine; `instructions` counts the same cases in a way that does not.

use benches::cases;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

criterion_group!(micro, time_all);
criterion_main!(micro);

fn time_all(criterion: &mut Criterion) {
    for case in cases::all() {
        let (group, name) = case.name.split_once('/').unwrap_or((&case.name, "all"));
        let mut group = criterion.benchmark_group(group);
        if let Some(bytes) = case.bytes {
            group.throughput(Throughput::Bytes(bytes));
        }
        group.bench_function(name, |bencher| bencher.iter(case.prepare()));
        group.finish();
    }
}
