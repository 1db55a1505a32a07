//! Memory of the program while many people sign in, and afterwards.

use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use testkit::eventually;

use crate::test_app::{Setup, TIMEOUT, TestApp};

/// Number of sign-ins at once.
const ATTEMPTS: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sign_ins_at_once_take_little_memory_and_give_it_back() {
    let mut app = TestApp::start(Setup::default()).await;
    let id = app.program().id().unwrap();
    assert_eq!(sign_in(&app.http, &app.base, "first@example.org").await, 401);
    let before = memory_mib(id, "VmRSS:");

    let emails: Vec<_> = (0..ATTEMPTS).map(|number| format!("{number}@example.org")).collect();
    let sign_ins = emails.iter().map(|email| sign_in(&app.http, &app.base, email));
    let answers = futures::future::join_all(sign_ins).await;

    assert!(answers.iter().all(|status| *status == 401), "{answers:?}");
    let peak = memory_mib(id, "VmHWM:");
    assert!(peak < before + 80, "{before} MiB grew to {peak} MiB");
    eventually(TIMEOUT, "the memory is given back", async || {
        let after = memory_mib(id, "VmRSS:");
        if after < before + 25 { Ok(()) } else { Err(format!("{after} MiB, before: {before}")) }
    })
    .await;
    app.stop().await;
}

/// Signs in with a wrong password, again for as long as too many others do; returns the status.
async fn sign_in(http: &Client, base: &str, email: &str) -> u16 {
    loop {
        let body = json!({"email": email, "password": "a wrong password"});
        let answer = http.post(format!("{base}/v1/session")).json(&body).send().await.unwrap();
        let status = answer.status().as_u16();
        let problem: Value = answer.json().await.unwrap();
        if !problem["type"].as_str().unwrap().ends_with("/busy") {
            return status;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A field of the process's status, in MiB.
fn memory_mib(id: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}
