//! What a client is told to wait is enough, whatever the limits are.

use proptest::prelude::*;

use super::*;

fn any_allowance() -> impl Strategy<Value = Allowance> {
    let rate = (1_u32..50, prop::sample::select(vec![1_u64, 60, 3600]), 1_u32..20)
        .prop_map(|(count, per, burst)| RequestRate { count, per: Duration::from_secs(per), burst });
    let quota = (prop::option::of(1_u64..20), prop::option::of(500_u64..5000), 1_u64..100_000)
        .prop_map(|(requests, bytes, per)| Quota { requests, bytes, per: Duration::from_secs(per) });
    (prop::option::of(rate), prop::collection::vec(quota, 0..4)).prop_map(|(requests, quotas)| Allowance {
        requests,
        quotas,
        ..Allowance::default()
    })
}

proptest! {
    #[test]
    fn after_the_time_that_it_was_told_a_client_is_let_in(
        route in any_allowance(),
        client in any_allowance(),
        asks in prop::collection::vec((0_u64..500, 0_u64..30_000, 0_u64..500), 1..60),
    ) {
        let stage = Stage::new(route, client);
        for (announced, pause, received) in asks {
            match stage.ask(&address(1), Some(announced)) {
                Ok(grant) => {
                    let mut meter = grant.meter(&HeldBack::default());
                    let chunk = vec![7; usize::try_from(received.min(announced)).expect("it is small")];
                    meter.take(chunk.into()).expect("no more came than was announced");
                }
                Err(failure) => {
                    prop_assert_eq!(failure.problem, Problem::RateLimited);
                    let told = failure.retry_after_seconds().expect("a client is told when to come back");
                    prop_assert!(told >= 1);
                    stage.pass(Duration::from_secs(told));
                    prop_assert!(stage.ask(&address(1), Some(announced)).is_ok(), "{} after {told} s", failure.detail);
                }
            }
            stage.pass(Duration::from_millis(pause));
        }
    }
}
