//! Callers that hold connections and send next to nothing.

use std::time::Duration;

use futures::future::join_all;
use reqwest::StatusCode;
use testkit::Process;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::test_app::{Setup, TIMEOUT, TestApp};

/// More connections than the program may have files open.
const CALLERS: usize = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operations_port_answers_while_slow_callers_hold_the_public_one() {
    let folder = tempfile::tempdir().unwrap();
    let few_files = "ulimit -n 256; exec \"$0\" \"$@\"";
    let words = ["-c", few_files, env!("CARGO_BIN_EXE_paceline"), "up", "--listen", "127.0.0.1:0"];
    let rest = ["--ops-listen", "127.0.0.1:0", "--data-dir", folder.path().to_str().unwrap()];
    let mut program = Process::start("/bin/sh", words.into_iter().chain(rest), []);
    let ready = program.wait_until_ready(TIMEOUT).await;
    let (url, ops) = (ready["url"].as_str().unwrap(), ready["ops_url"].as_str().unwrap());
    let address = url.trim_start_matches("http://").trim_end_matches('/');

    let callers = join_all((0..CALLERS).map(|_| async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!("POST /v1/session HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{{");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    }));
    let callers = callers.await;

    let http = telemetry::http_client(Duration::from_secs(10)).unwrap();
    for path in ["/livez", "/readyz", "/metrics"] {
        let answer = http.get(format!("{}{path}", ops.trim_end_matches('/')));
        let answer = answer.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
    }
    drop(callers);
    let page = http.get(url).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    program.terminate().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_with_a_wrong_secret_is_refused_before_its_body_arrives() {
    let mut app = TestApp::start(Setup::default()).await;
    let address = app.base.trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let head =
        format!("POST /webhook/guess HTTP/1.1\r\nhost: {address}\r\ncontent-length: 60000\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();

    let mut answer = vec![0; 64];
    let read = timeout(Duration::from_secs(10), stream.read(&mut answer)).await;

    let read = read.expect("it does not wait for the body").unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 404"), "{:?}", &answer[..read]);
    app.stop().await;
}
