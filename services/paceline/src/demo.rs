//! The demo: three athletes connect, their histories are counted, a live activity is counted at once and
//! copied to the child, all through the public interface and with a simulated Strava.

mod checks;
mod person;
mod scene;
mod simulator;
mod table;

use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::DemoArgs;
use crate::commands::say;
use checks::Checks;
use person::Person;
use scene::Scene;

/// How soon a live activity must show in the totals.
const AT_ONCE: Duration = Duration::from_secs(5);
/// How long a history may take.
const HISTORY: Duration = Duration::from_mins(5);
/// How long the copy may take.
const COPY: Duration = Duration::from_mins(1);

/// Plays the demo; with `--check` it verifies every step and says whether all was right.
pub(crate) async fn run(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    let scene = Scene::set(args).await?;
    let outcome = play(&scene, args.check).await;
    let code = match outcome {
        Ok(checks) if args.check => checks.conclude(),
        Ok(_) => {
            farewell(&scene);
            return Ok(scene.until_stopped().await);
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    };
    scene.clear().await;
    Ok(code)
}

async fn play(scene: &Scene, check: bool) -> anyhow::Result<Checks> {
    let mut checks = Checks::new(check);
    let [guardian, child, third] = scene.people().await?;
    connect_and_import(scene, [&guardian, &child, &third], &mut checks).await?;
    let link = agree(&guardian, &child).await?;
    let name = format!("Morning run with {}", child.name);
    say(format!("\n{} records \"{name}\"; Strava's webhook tells Paceline …", guardian.name));
    let before = guardian.counted().await?;
    let recorded = scene
        .simulator
        .record(&json!({"athlete": guardian.strava, "name": name, "file": "run-venusq-original.fit", "start_date": scene::now()}))
        .await?;
    let took = guardian.wait_for_count(before + 1, AT_ONCE, |_| {}).await;
    match &took {
        Ok(took) => say(format!("  counted {} ms after it was recorded", took.as_millis())),
        Err(error) => say(format!("  not counted: {error:#}")),
    }
    checks.expect("the live activity is in the totals within 5 s", took.is_ok());
    let copies = wait_for_copy(scene, &child).await?;
    checks.expect("the copy is in the child's account, once", copies.len() == 1);
    for copy in &copies {
        say(format!(
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
    checks.expect("the copy is counted for the child", child_counts_copy(scene, &child).await?);
    checks.published(scene, &guardian).await?;
    say(format!("  link {link} can be ended by either side: DELETE /v1/links/{link}"));
    Ok(checks)
}

async fn connect_and_import(
    scene: &Scene,
    people: [&Person; 3],
    checks: &mut Checks,
) -> anyhow::Result<()> {
    for person in people {
        scene.simulator.consents_next(person.strava).await?;
        person.connect().await?;
        let truth = truth(scene, person).await?;
        let bar = scene::progress(&person.name, truth.len());
        let took = person
            .wait_for_count(i64::try_from(truth.len())?, HISTORY, |counted| {
                bar.set_position(counted.unsigned_abs());
            })
            .await;
        bar.finish_and_clear();
        checks.expect(&format!("{}'s whole history is counted", person.name), took.is_ok());
        let took = took?;
        say(format!(
            "{} connected; {} activities counted after {:.1} s",
            person.name,
            truth.len(),
            took.as_secs_f64()
        ));
        checks.totals(person, &truth).await?;
    }
    scene.simulator.consent_page().await?;
    for person in people {
        say(format!("\n{}", table::totals(&person.name, &person.totals().await?)));
    }
    Ok(())
}

/// The activities of an athlete that Strava shows, by the simulator's own account.
async fn truth(scene: &Scene, person: &Person) -> anyhow::Result<Vec<Value>> {
    let all = scene.simulator.activities(person.strava).await?;
    Ok(all.into_iter().filter(|activity| activity["deleted"] != true).collect())
}

/// Guardian and child agree to copies.
async fn agree(guardian: &Person, child: &Person) -> anyhow::Result<String> {
    let link = guardian
        .post(
            "/v1/links",
            &json!({"child": child.athlete, "names": [child.name], "share_heart_rate": false}),
        )
        .await?;
    let id = link["id"].as_str().unwrap_or_default().to_owned();
    child.post(&format!("/v1/links/{id}/accept"), &json!({})).await?;
    say(format!(
        "\n{} and {} agree: activities that name {} are copied",
        guardian.name, child.name, child.name
    ));
    Ok(id)
}

async fn wait_for_copy(scene: &Scene, child: &Person) -> anyhow::Result<Vec<Value>> {
    let began = std::time::Instant::now();
    loop {
        let copies: Vec<Value> = scene
            .simulator
            .activities(child.strava)
            .await?
            .into_iter()
            .filter(|activity| {
                activity["external_id"].as_str().is_some_and(|id| id.starts_with("paceline-"))
            })
            .collect();
        if !copies.is_empty() || began.elapsed() > COPY {
            return Ok(copies);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn child_counts_copy(scene: &Scene, child: &Person) -> anyhow::Result<bool> {
    let truth = i64::try_from(truth(scene, child).await?.len())?;
    Ok(child.wait_for_count(truth, COPY, |_| {}).await.is_ok())
}

fn farewell(scene: &Scene) {
    say("\nLook around (ctrl-c ends it):");
    say(format!("  the interface, ready to try    {}", scene.ready().docs_url));
    say(format!("  the published athlete's year   {}/strava/stats/ytd", scene.ready().url));
    say(format!("  is it well?                    {}/readyz", scene.ready().ops_url));
    say(format!("  Strava's consent page          {}", scene.consent_page_url()));
    say(format!("  the simulator's controls       {}/_sim/docs", scene.simulator.url()));
    for (name, email, password) in scene.accounts() {
        say(format!("  sign in as {name:<12} {email} / {password}"));
    }
}
