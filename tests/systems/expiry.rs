//! A URL or policy that has ended is not used: the step that gave it runs once more.

use harness::{Rig, content};
use sandbox::{Exchange, Fault, FaultKind, Options, Step, System};

use crate::stored::assert_stored;
use crate::upload::Upload;

const LEARNING: [System; 3] = [System::Kustomer, System::TeamworkDesk, System::AmazonConnect];

#[tokio::test]
async fn a_stale_place_is_asked_for_again() {
    let (rig, sandbox) = Rig::shipped(Options { keep_objects: true, ..Options::default() }).await;
    for system in LEARNING {
        sandbox.clear();
        sandbox.script(Fault::once(system, Step::Prepare, FaultKind::Expired));
        let upload = Upload::to(system, content::bytes(1000));
        assert_stored(&sandbox, &upload, &upload.send(&rig).await);
        let steps: Vec<_> = sandbox.journal().iter().map(|exchange| exchange.step).collect();
        let expected: &[Step] = match system {
            System::Kustomer => &[Step::Prepare, Step::Prepare, Step::Store],
            System::TeamworkDesk => &[Step::Prepare, Step::Prepare, Step::Store, Step::Finalize],
            // What the first Start began is deleted before the second.
            _ => &[Step::Prepare, Step::Undo, Step::Prepare, Step::Store, Step::Finalize],
        };
        assert_eq!(steps, expected, "{system}");
    }
}

#[tokio::test]
async fn a_place_that_is_stale_twice_is_the_upstreams_fault() {
    let (rig, sandbox) = Rig::shipped(Options::default()).await;
    for system in LEARNING {
        sandbox.clear();
        sandbox.script(Fault::once(system, Step::Prepare, FaultKind::Expired).times(2));
        let answer = Upload::to(system, content::bytes(1000)).send(&rig).await;
        let problem = answer.json();
        assert_eq!((answer.status, answer.problem().as_str()), (502, "upstream-misbehaved"), "{problem}");
        assert_eq!((&problem["step"], &problem["committed"]), (&"store".into(), &"no".into()));
        let touched = |exchange: &Exchange| matches!(exchange.step, Step::Store | Step::Finalize);
        assert!(!sandbox.journal().iter().any(touched), "{system}");
    }
}
