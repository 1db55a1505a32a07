//! The demo: three athletes connect, their histories are counted, a live activity is counted at once and
//! copied to the child, all through the public interface and with a simulated Strava.

mod checks;
mod environment;
mod simulator;
mod table;
mod user;

use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::DemoArgs;
use crate::output::print_line;
use checks::Checks;
use environment::DemoEnvironment;
use user::DemoUser;

/// Time limit for a live activity to show in the totals.
const LIVE_TIMEOUT: Duration = Duration::from_secs(5);
/// Time limit for a history.
const HISTORY_TIMEOUT: Duration = Duration::from_mins(5);
/// Time limit for the copy.
const COPY_TIMEOUT: Duration = Duration::from_mins(1);

/// Runs the demo; with `--check` it verifies every step and exits with 1 if one failed.
pub(crate) async fn run(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    let environment = DemoEnvironment::start(args).await?;
    let outcome = run_steps(&environment, args.check).await;
    let code = match outcome {
        Ok(checks) if args.check => checks.exit_code(),
        Ok(_) => {
            print_addresses(&environment);
            return environment.run_until_stopped().await;
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    };
    environment.stop().await;
    Ok(code)
}

async fn run_steps(environment: &DemoEnvironment, check: bool) -> anyhow::Result<Checks> {
    let mut checks = Checks::new(check);
    let [guardian, child, third] = environment.sign_in_users().await?;
    connect_and_import(environment, [&guardian, &child, &third], &mut checks).await?;
    let link = link_accounts(&guardian, &child).await?;
    let name = format!("Morning run with {}", child.name);
    print_line(format!(
        "\n{} records \"{name}\"; Strava's webhook tells Paceline …",
        guardian.name
    ));
    let before = guardian.counted().await?;
    let recorded = environment
        .simulator
        .record(&json!({"athlete": guardian.strava, "name": name, "file": "run-venusq-original.fit", "start_date": environment::now()}))
        .await?;
    let took = guardian.wait_for_count(before + 1, LIVE_TIMEOUT, |_| {}).await;
    match &took {
        Ok(took) => print_line(format!("  counted {} ms after it was recorded", took.as_millis())),
        Err(error) => print_line(format!("  not counted: {error:#}")),
    }
    checks.expect("the live activity is in the totals within 5 s", took.is_ok());
    let copies = wait_for_copy(environment, &child).await?;
    checks.expect("the copy is in the child's account, once", copies.len() == 1);
    for copy in &copies {
        print_line(format!(
            "  copied to {}'s account: \"{}\" ({})",
            child.name,
            copy["name"].as_str().unwrap_or("?"),
            copy["id"]
        ));
    }
    checks.expect(
        "the copy carries the activity's title",
        copies.iter().all(|copy| copy["name"] == recorded["name"]),
    );
    checks
        .expect("the copy is counted for the child", child_counts_copy(environment, &child).await?);
    checks.published(environment, &guardian).await?;
    print_line(format!("  link {link} can be ended by either side: DELETE /v1/links/{link}"));
    Ok(checks)
}

async fn connect_and_import(
    environment: &DemoEnvironment,
    users: [&DemoUser; 3],
    checks: &mut Checks,
) -> anyhow::Result<()> {
    let [_, child, _] = users;
    for user in users {
        environment.simulator.grant_consent_for(user.strava).await?;
        user.connect(user.strava == child.strava).await?;
        let expected = expected(environment, user).await?;
        let bar = environment::progress(&user.name, expected.len());
        let took = user
            .wait_for_count(i64::try_from(expected.len())?, HISTORY_TIMEOUT, |counted| {
                bar.set_position(counted.unsigned_abs());
            })
            .await;
        bar.finish_and_clear();
        checks.expect(&format!("{}'s whole history is counted", user.name), took.is_ok());
        let took = took?;
        print_line(format!(
            "{} connected; {} activities counted after {:.1} s",
            user.name,
            expected.len(),
            took.as_secs_f64()
        ));
        checks.totals(user, &expected).await?;
    }
    environment.simulator.show_consent_page().await?;
    for user in users {
        print_line(format!("\n{}", table::totals(&user.name, &user.totals().await?)));
    }
    Ok(())
}

/// The activities of an athlete as the simulator stores them.
async fn expected(environment: &DemoEnvironment, user: &DemoUser) -> anyhow::Result<Vec<Value>> {
    let all = environment.simulator.activities(user.strava).await?;
    Ok(all.into_iter().filter(|activity| activity["deleted"] != true).collect())
}

/// Guardian and child agree to copies.
async fn link_accounts(guardian: &DemoUser, child: &DemoUser) -> anyhow::Result<String> {
    let invitation = json!({"role": "child", "name": child.name});
    let invitation = child.post("/v1/links/invitations", &invitation).await?;
    let redemption =
        json!({"code": invitation["code"], "name": guardian.name, "names": [child.name]});
    let link = guardian.post("/v1/links", &redemption).await?;
    let id = link["id"].as_str().unwrap_or_default().to_owned();
    child.post(&format!("/v1/links/{id}/accept"), &json!({})).await?;
    print_line(format!(
        "\n{} and {} agree: activities that name {} are copied",
        guardian.name, child.name, child.name
    ));
    Ok(id)
}

async fn wait_for_copy(
    environment: &DemoEnvironment,
    child: &DemoUser,
) -> anyhow::Result<Vec<Value>> {
    let began = std::time::Instant::now();
    loop {
        let copies: Vec<Value> = environment
            .simulator
            .activities(child.strava)
            .await?
            .into_iter()
            .filter(|activity| {
                activity["external_id"].as_str().is_some_and(|id| id.starts_with("paceline-"))
            })
            .collect();
        if !copies.is_empty() || began.elapsed() > COPY_TIMEOUT {
            return Ok(copies);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn child_counts_copy(
    environment: &DemoEnvironment,
    child: &DemoUser,
) -> anyhow::Result<bool> {
    let expected = i64::try_from(expected(environment, child).await?.len())?;
    Ok(child.wait_for_count(expected, COPY_TIMEOUT, |_| {}).await.is_ok())
}

fn print_addresses(environment: &DemoEnvironment) {
    print_line("\nLook around (ctrl-c ends it):");
    print_line(format!("  the interface, ready to try    {}", environment.ready().docs_url));
    print_line(format!(
        "  the published athlete's year   {}/strava/stats/ytd",
        environment.ready().url
    ));
    print_line(format!("  is it well?                    {}/readyz", environment.ready().ops_url));
    print_line(format!("  Strava's consent page          {}", environment.consent_page_url()));
    print_line(format!(
        "  the simulator's controls       {}/_sim/docs",
        environment.simulator.url()
    ));
    for (name, email, password) in environment.accounts() {
        print_line(format!("  sign in as {name:<12} {email} / {password}"));
    }
}
