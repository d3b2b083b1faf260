//! Name servers that lie, and that change what they say.

use std::net::IpAddr;

use rules::url::Url;
use sandbox::peer::{Reply, Then};

use crate::network::PUBLIC;
use crate::spellings::{Verdict, origins};
use crate::table::{Scene, ticket, undone};

/// The addresses in the table.
fn addresses() -> Vec<IpAddr> {
    let urls = origins(80).filter(|(_, verdict)| *verdict == Verdict::Address);
    urls.filter_map(|(origin, _)| Url::parse(&origin).expect("an address").origin.host.parse().ok()).collect()
}

#[tokio::test]
async fn a_name_that_is_a_forbidden_address_is_not_called_alone_or_among_good_ones() {
    let scene = Scene::set().await;
    let all = addresses();
    assert!(all.len() >= 50, "{}", all.len());
    for address in all {
        for answer in [vec![address], vec![PUBLIC, address], vec![address, PUBLIC]] {
            let told = format!("{answer:?}");
            scene.network.answer("evil.example.net", [answer]);
            let store = format!("http://evil.example.net:{}/store", scene.trap.port);
            scene.reply([ticket(&store, ""), undone()]);
            let answer = scene.upload().await;
            assert_eq!(answer.problem(), "upstream-not-allowed", "{told}: {answer:?}");
        }
    }
    scene.assert_untouched("lying names");
}

#[tokio::test]
async fn a_name_that_changes_after_the_check_is_dialled_where_it_was_checked() {
    let scene = Scene::set().await;
    for address in addresses() {
        // The first look-up is the one that is dialled; a second one would see the forbidden address.
        scene.network.answer("evil.example.net", [vec![PUBLIC], vec![address]]);
        let asked = scene.network.asked("evil.example.net");
        let store = scene.honest("evil.example.net", "/store");
        let complete = scene.honest("store.example.net", "/complete");
        // Closed after the answer, so that the next round has to dial again.
        scene.reply([
            ticket(&store, &complete),
            Reply::empty(200).at("/store").then(Then::Close).with("Connection", "close"),
            Reply::empty(200).at("/complete"),
        ]);
        let answer = scene.upload().await;
        assert_eq!(answer.status, 201, "{address}: {answer:?}");
        assert_eq!(scene.network.asked("evil.example.net"), asked + 1, "one look-up per dial");
    }
    scene.assert_untouched("names that change after the check");
}

#[tokio::test]
async fn a_name_that_changes_between_prepare_and_transfer_is_refused_there() {
    let scene = Scene::set().await;
    for address in addresses() {
        let store = scene.honest("api.example.net", "/store");
        // The ticket's connection stands; the transfer dials the same host for itself.
        scene.reply([
            ticket(&store, "").with("Connection", "close").then(Then::Close),
            Reply::empty(200).at("/store").with("Connection", "close").then(Then::Close),
            undone().with("Connection", "close").then(Then::Close),
        ]);
        scene.network.answer("api.example.net", [vec![PUBLIC], vec![address]]);
        let answer = scene.upload().await;
        assert_eq!(answer.problem(), "upstream-not-allowed", "{address}: {answer:?}");
    }
    scene.assert_untouched("names that change between prepare and transfer");
}

#[tokio::test]
async fn a_kept_connection_stays_where_it_was_checked_and_a_new_one_is_checked_again() {
    let scene = Scene::set().await;
    let inside: IpAddr = "169.254.169.254".parse().expect("an address");
    let store = scene.honest("store.example.net", "/store");
    let complete = scene.honest("store.example.net", "/complete");
    let good = || [ticket(&store, &complete), Reply::empty(200).at("/store"), Reply::empty(200).at("/complete")];
    scene.reply(good());
    assert_eq!(scene.upload().await.status, 201);
    // From now on every look-up is a lie, but nothing needs one.
    for name in ["api.example.net", "store.example.net"] {
        scene.network.answer(name, [vec![inside]]);
    }
    let dials = scene.network.honest_dials();
    scene.reply(good());
    assert_eq!(scene.upload().await.status, 201);
    assert_eq!(scene.network.honest_dials(), dials, "the kept connections carried it");
    scene.assert_untouched("kept connections");
    // Once the upstream closes them, the lie is looked up and refused.
    let [first, second, third] = good();
    scene.reply([first.with("Connection", "close").then(Then::Close), second, third]);
    assert_eq!(scene.upload().await.status, 201);
    scene.reply(good());
    assert_eq!(scene.upload().await.problem(), "upstream-not-allowed");
    scene.assert_untouched("connections made again");
}
