//! Accounts of users and administrators.

use std::path::PathBuf;

use strava_sim::GUARDIAN_ID;
use testkit::eventually;

use super::{TIMEOUT, TestApp, TestUser};

impl TestApp {
    /// An account for one of Strava's athletes, signed in.
    pub(crate) async fn user(&self, name: &str, strava: i64) -> TestUser {
        self.account(name, strava, &[]).await
    }

    /// An administrator's account, signed in.
    pub(crate) async fn administrator(&self, name: &str) -> TestUser {
        self.account(name, GUARDIAN_ID, &["--admin"]).await
    }

    async fn account(&self, name: &str, strava: i64, options: &[&str]) -> TestUser {
        let email = format!("{}@example.org", name.to_lowercase());
        let arguments = [&["add", email.as_str()], options].concat();
        let mut adding = self.spawn_process("users", &arguments, &[]);
        let status = adding.wait_for_exit(TIMEOUT).await;
        assert!(status.success(), "{}", adding.output());
        let output = eventually(TIMEOUT, "the password is shown", async || {
            let output = adding.output();
            let at = output.find("password: ").map(|at| at + "password: ".len());
            at.and_then(|at| output[at..].split_whitespace().next().map(str::to_owned))
                .ok_or(output)
        })
        .await;
        TestUser::sign_in(self, name, strava, (&email, &output)).await
    }

    /// The stored objects of an athlete.
    pub(crate) fn objects_of(&self, athlete: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.data().join("objects/athletes").join(athlete)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { found.push(path) }
            }
        }
        found
    }
}
