//! Every service in a process of its own, over Kafka and MariaDB, behind a gateway: as in a cluster.

use std::net::SocketAddr;

use serde_json::json;
use strava_sim::{CHILD_ID, GUARDIAN_ID};
use testkit::{Process, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::test_app::issuer::Issuer;
use crate::test_app::{Databases, Setup, TIMEOUT, TestApp, TestUser, Topics, free_port};

const SERVICES: [&str; 4] = ["token", "ingest", "stats", "duplication"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_service_in_a_process_of_its_own_does_the_same_work() {
    let (topics, databases) = (Topics::new(), Databases::new().await);
    let issuer = Issuer::start().await;
    let ops = format!("127.0.0.1:{}", free_port());
    let mut app = TestApp::new(Setup::default()).await;
    app.settings = Setup::default()
        .on(&topics)
        .set("PACELINE_DATABASE__URL", databases.url())
        .set("PACELINE_AUTH__ISSUER", Issuer::NAME)
        .set("PACELINE_AUTH__JWKS_URL", &issuer.keys_url)
        .set("PACELINE_INTERNAL__CREDENTIAL", "between our services")
        .set("PACELINE_INTERNAL__TOKEN_URL", format!("http://{ops}/"))
        .set("PACELINE_OBJECTS__URL", format!("file:{}", app.file("objects").display()))
        .settings;
    let ports: Vec<_> = SERVICES.iter().map(|_| free_port()).collect();
    let gateway = Gateway::open(ports.clone()).await;
    app.base = format!("http://{}", gateway.address);
    let mut processes = Vec::new();
    for (service, port) in SERVICES.iter().zip(&ports) {
        processes.push(run(
            &app,
            service,
            *port,
            if *service == "token" { &ops } else { "127.0.0.1:0" },
        ));
    }
    for process in &mut processes {
        process.wait_until_ready(TIMEOUT).await;
    }
    eventually(TIMEOUT, "Strava knows the gateway", async || {
        let all = app.sim_get("webhooks/subscriptions").await;
        if all.to_string().contains(&app.base) { Ok(()) } else { Err(all) }
    })
    .await;

    let guardian = TestUser::with_token(&app, "Ana", GUARDIAN_ID, &token(&issuer, 1));
    let child = TestUser::with_token(&app, "Milla", CHILD_ID, &token(&issuer, 2));
    for user in [&guardian, &child] {
        user.connect(&app).await;
        user.assert_totals_match(&app).await;
    }
    guardian.links(&child).await;
    app.record(GUARDIAN_ID, "Run with Milla").await;
    app.assert_copies(CHILD_ID, &["Run with Milla".to_owned()]).await;
    app.assert_all_totals_match(&[&guardian, &child]).await;

    for process in &mut processes {
        process.terminate().await;
        assert!(process.wait_for_exit(TIMEOUT).await.success(), "{}", process.output());
    }
    topics.remove().await;
    databases.remove().await;
}

fn token(issuer: &Issuer, number: u32) -> String {
    let now = kernel::Clock::now(&kernel::SystemClock::new()).as_secs();
    issuer.sign(&json!({
        "sub": format!("0192f0a0-0000-7000-8000-00000000000{number}"), "iss": Issuer::NAME,
        "token_use": "access", "client_id": "web", "exp": now + 3_600, "iat": now,
    }))
}

fn run(app: &TestApp, service: &str, port: u16, ops: &str) -> Process {
    let (data, listen) = (app.file(service), format!("127.0.0.1:{port}"));
    let (public, strava) = (format!("{}/", app.base), format!("{}/", app.strava));
    let words = [
        "run",
        service,
        "--listen",
        &listen,
        "--ops-listen",
        ops,
        "--data-dir",
        data.to_str().unwrap(),
        "--public-url",
        &public,
        "--strava-url",
        &strava,
    ];
    let common =
        [("PACELINE_STRAVA__CLIENT_ID", "1"), ("PACELINE_STRAVA__CLIENT_SECRET", "sim-secret")];
    let settings = app.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Process::start(env!("CARGO_BIN_EXE_paceline"), words, common.into_iter().chain(settings))
}

/// Forwards each request to the service that serves its path.
struct Gateway {
    address: SocketAddr,
    _task: JoinSet<()>,
}

impl Gateway {
    async fn open(ports: Vec<u16>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut requests = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let ports = ports.clone();
                requests.spawn(async move { drop(pass(client, &ports).await) });
            }
        });
        Self { address, _task: task }
    }
}

/// One request: a connection serves no second one, which may be somebody else's.
async fn pass(mut client: TcpStream, ports: &[u16]) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut buffer = [0; 8192];
    let end = loop {
        let count = client.read(&mut buffer).await?;
        head.extend_from_slice(&buffer[..count]);
        if let Some(at) = head.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if count == 0 {
            return Ok(());
        }
    };
    let path = String::from_utf8_lossy(&head).split(' ').nth(1).unwrap_or("/").to_owned();
    let mut server = TcpStream::connect(("127.0.0.1", ports[service_of(&path)])).await?;
    server.write_all(&head[..end]).await?;
    server.write_all(b"\r\nconnection: close").await?;
    server.write_all(&head[end..]).await?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}

fn service_of(path: &str) -> usize {
    let prefixes: [&[&str]; 4] = [
        &["/strava/authorize", "/strava/callback", "/callback", "/v1/me/connections"],
        &[
            "/webhook",
            "/strava/refresh-data",
            "/v1/me/activities",
            "/v1/me/imports",
            "/v1/me/journal",
        ],
        &["/v1/me/stats", "/strava/stats", "/api/distance"],
        &["/v1/links", "/v1/copies", "/v1/rules"],
    ];
    prefixes.iter().position(|own| own.iter().any(|prefix| path.starts_with(prefix))).unwrap()
}
