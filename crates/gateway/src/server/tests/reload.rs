//! Another configuration while connections are open.

use super::*;

fn listeners(http2: &[bool]) -> Vec<Listener> {
    http2.iter().map(|http2| Listener { address: LOCAL, tls: None, http2: *http2 }).collect()
}

fn reload(gateway: &Gateway, config: Config) -> Result<i64, StartError> {
    gateway.reload(Arc::new(config), &Arc::default()).map(|reloaded| reloaded.generation)
}

async fn refuses_connections(address: SocketAddr) {
    let refused = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, refused).await.expect("the listener closes");
}

#[tokio::test]
async fn listeners_that_stay_keep_their_socket_and_their_connections() {
    let gateway = start(config());
    let before = gateway.addresses();
    let mut open = connect(&gateway).await;
    open.write_all(GET).await.expect("the request can be sent");
    answer(&mut open, "listener=0").await;

    let more = Config { listeners: listeners(&[true, false]), ..config() };
    assert_eq!(reload(&gateway, more).expect("it can be used"), 2);
    let after = gateway.addresses();
    assert_eq!((after.len(), after[0]), (2, before[0]));
    open.write_all(GET).await.expect("the connection is open");
    answer(&mut open, "listener=0").await;
    // What comes from now on is served as it says now.
    assert_eq!(over_http2(connect(&gateway).await).await, "tls=false http2=true listener=0");
    let mut second = connect_to(after[1]).await;
    second.write_all(GET_AND_CLOSE).await.expect("the request can be sent");
    assert!(rest(&mut second).await.ends_with("http2=false listener=1"));
    assert!(metric(&gateway, "tidegate_config_generation 2"));
    assert!(metric(&gateway, "tidegate_config_last_reload_successful 1"));
}

#[tokio::test]
async fn a_listener_that_is_gone_answers_what_is_under_way_and_nothing_more() {
    let release = Arc::new(Notify::new());
    let gateway =
        start_with(Config { listeners: listeners(&[false, false]), ..config() }, holding(Arc::clone(&release)));
    let gone = gateway.addresses()[1];
    let mut idle = connect_to(gone).await;
    idle.write_all(GET).await.expect("the request can be sent");
    eventually(|| gateway.app().uploads.len() == 1).await;
    release.notify_one();
    answer(&mut idle, "stored").await;
    let mut uploading = connect_to(gone).await;
    uploading.write_all(GET).await.expect("the request can be sent");
    eventually(|| gateway.app().uploads.len() == 1).await;

    reload(&gateway, config()).expect("it can be used");
    refuses_connections(gone).await;
    assert_eq!(rest(&mut idle).await, "");
    release.notify_one();
    let stored = rest(&mut uploading).await;
    assert!(stored.ends_with("stored") && stored.contains("\r\nconnection: close\r\n"), "{stored}");

    let mut other = connect(&gateway).await;
    other.write_all(GET).await.expect("the request can be sent");
    eventually(|| gateway.app().uploads.len() == 1).await;
    release.notify_one();
    let stored = answer(&mut other, "stored").await;
    assert!(!stored.contains("connection: close"), "the other listener goes on: {stored}");
}

#[tokio::test]
async fn what_cannot_be_used_changes_nothing() {
    let gateway = start(config());
    let address = gateway.addresses()[0];
    let missing = ListenerTls {
        cert: "/nonexistent/cert.pem".to_owned(),
        key: "/nonexistent/key.pem".to_owned(),
        client_ca: None,
    };
    let mut broken = Config { listeners: listeners(&[false, false]), ..config() };
    broken.listeners.push(Listener { address: LOCAL, tls: Some(missing), http2: false });
    broken.limits.memory = 1;
    let refused = reload(&gateway, broken).expect_err("there is no such certificate");
    assert!(matches!(refused, StartError::Tls { .. }), "{refused:?}");
    assert!(metric(&gateway, "tidegate_config_last_reload_successful 0"));
    assert!(metric(&gateway, "tidegate_config_generation 1"));
    assert_eq!(gateway.addresses(), [address]);
    assert!(exchange(&gateway, GET_AND_CLOSE).await.starts_with("HTTP/1.1 200 OK"));
    assert_eq!(reload(&gateway, config()).expect("it can be used"), 2);
    assert!(metric(&gateway, "tidegate_config_last_reload_successful 1"));
}

#[tokio::test]
async fn an_address_that_is_taken_is_no_listener() {
    let (gateway, other) = (start(config()), start(config()));
    let taken = Listener { address: other.addresses()[0], tls: None, http2: false };
    let refused = reload(&gateway, Config { listeners: vec![taken], ..config() }).expect_err("it is taken");
    assert!(matches!(refused, StartError::Bind { .. }), "{refused:?}");
    assert!(exchange(&gateway, GET_AND_CLOSE).await.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn a_certificate_that_was_replaced_is_shown() {
    let _installed_before = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let (folder, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let (files, trusts_first) = certificate(&folder);
    let with_tls =
        Config { listeners: vec![Listener { address: LOCAL, tls: Some(files.clone()), http2: false }], ..config() };
    let gateway = start(with_tls.clone());
    let mut open = handshake(&gateway, &trusts_first, &[]).await;

    let (new, trusts_second) = certificate(&other);
    std::fs::copy(&new.cert, &files.cert).and_then(|_| std::fs::copy(&new.key, &files.key)).expect("they are replaced");
    reload(&gateway, with_tls).expect("it can be used");
    let mut fresh = handshake(&gateway, &trusts_second, &[]).await;
    for stream in [&mut open, &mut fresh] {
        stream.write_all(GET_AND_CLOSE).await.expect("the connection is open");
        assert!(rest(stream).await.ends_with("tls=true http2=false listener=0"));
    }
}

#[tokio::test]
async fn limits_change_with_the_configuration() {
    let with = |connections| Config { limits: Limits { connections, ..config().limits }, ..config() };
    let gateway = start(with(1));
    let ask = async |stream: &mut TcpStream| {
        stream.write_all(GET).await.expect("the request can be sent");
        answer(stream, "listener=0").await;
    };
    let is_refused = async || exchange(&gateway, GET).await.starts_with("HTTP/1.1 503 ");
    let mut first = connect(&gateway).await;
    ask(&mut first).await;
    assert!(is_refused().await);
    reload(&gateway, with(3)).expect("it can be used");
    let (mut second, mut third) = (connect(&gateway).await, connect(&gateway).await);
    ask(&mut second).await;
    ask(&mut third).await;
    assert!(is_refused().await);

    reload(&gateway, with(2)).expect("it can be used");
    drop(third);
    eventually(|| metric(&gateway, "tidegate_connections{listener=\"127.0.0.1:0\"} 2")).await;
    assert!(is_refused().await, "there are still two");
    drop(second);
    eventually(|| metric(&gateway, "tidegate_connections{listener=\"127.0.0.1:0\"} 1")).await;
    ask(&mut connect(&gateway).await).await;
}

#[tokio::test]
async fn what_takes_a_restart_is_told() {
    let gateway = start(config());
    let mut changed = config();
    changed.log.format = LogFormat::Json;
    changed.clients.remembered += 1;
    let reloaded = gateway.reload(Arc::new(changed), &Arc::default()).expect("it can be used");
    assert_eq!(reloaded, Reloaded { generation: 2, needs_restart: vec!["log.format", "fair-use.clients"] });
}
