//! The API description against the running program: Schemathesis calls every route with what the description allows and
//! with what it does not.

use std::path::Path;

use tokio::process::Command;

use crate::test_app::{Setup, TestApp};

/// Left out: rules between fields (the days of a range, the names of a guardian) are in no schema, so that a request
/// that fits the schema may be refused. Signing in and out has a lock and ends the session that the others need.
const ARGUMENTS: [&str; 12] = [
    "--checks=all",
    "--exclude-checks=positive_data_acceptance",
    "--exclude-path-regex=session",
    "--phases=examples,coverage,fuzzing",
    "--mode=all",
    "--max-examples=30",
    "--workers=2",
    "--request-timeout=30",
    "--suppress-health-check=all",
    "--seed=1",
    "--no-color",
    "--generation-database=none",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_answers_as_its_description_says_whatever_it_is_asked() {
    let mut app = TestApp::start(Setup::default()).await;
    let admin = app.administrator("Root").await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let program = root.join("target/tools/schemathesis/bin/schemathesis");
    assert!(program.exists(), "`make test` installs {}", program.display());

    let run = Command::new(program)
        .args(["run", &format!("{}/openapi.json", app.base)])
        .args(["--header", &format!("Authorization: Bearer {}", admin.token)])
        .args(ARGUMENTS)
        .current_dir(app.file(""))
        .output();
    let run = run.await.unwrap();

    let told = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{told}{}", String::from_utf8_lossy(&run.stderr));
    assert_eq!(app.readiness().await.0, 200);
    app.stop().await;
}
