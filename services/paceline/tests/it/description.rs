//! The description of the HTTP interface.

use testkit::Process;

use crate::test_app::TIMEOUT;

/// Renew it with `cargo run --bin paceline -- openapi > services/paceline/openapi.json`.
#[tokio::test]
async fn the_committed_description_of_the_interface_is_the_programs() {
    let mut program = Process::start(env!("CARGO_BIN_EXE_paceline"), ["openapi"], []);
    assert!(program.wait_for_exit(TIMEOUT).await.success());
    let committed: serde_json::Value =
        serde_json::from_str(include_str!("../../openapi.json")).unwrap();

    let described = testkit::eventually(TIMEOUT, "it has written everything", async || {
        serde_json::from_str::<serde_json::Value>(&program.output())
    })
    .await;

    assert_eq!(described["info"]["title"], "Paceline");
    assert_eq!(
        described, committed,
        "renew services/paceline/openapi.json, and look at what changed"
    );
}
