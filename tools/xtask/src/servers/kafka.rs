//! Apache Kafka, resolved by its Maven coordinates and run as one combined KRaft node.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use super::cache;
use super::process::{ServerProcess, find_free_port};
use crate::command::{self, root};

/// Starts a broker with its data in the scratch folder, and returns its address.
pub(super) fn start(scratch: &Path) -> anyhow::Result<(String, ServerProcess)> {
    let jars = format!("{}/*", fetch_jars()?.display());
    let folder = scratch.join("kafka");
    std::fs::create_dir_all(&folder)?;
    let (port, controller_port) = (find_free_port()?, find_free_port()?);
    let properties = folder.join("server.properties");
    std::fs::write(&properties, format_properties(&folder, port, controller_port))?;
    let id = command::capture(java(&jars).args(["kafka.tools.StorageTool", "random-uuid"]))?;
    command::capture(
        java(&jars)
            .args(["kafka.tools.StorageTool", "format", "-t", id.trim(), "-c"])
            .arg(&properties),
    )?;
    let log = folder.join("broker.log");
    let mut process = ServerProcess::spawn(java(&jars).arg("kafka.Kafka").arg(&properties), &log)?;
    process.wait_for_port(port, &log)?;
    Ok((format!("127.0.0.1:{port}"), process))
}

/// Finds the version in the name of the jar of Kafka's client.
pub(super) fn version() -> anyhow::Result<String> {
    let mut names = std::fs::read_dir(fetch_jars()?)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names
        .find_map(|name| {
            Some(name.strip_prefix("kafka-clients-")?.strip_suffix(".jar")?.to_owned())
        })
        .context("Kafka's client is not among its jars")
}

fn java(jars: &str) -> Command {
    let mut command = Command::new("java");
    command.args(["-Xmx768m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", jars]);
    command
}

/// The folder of the broker's jars, fetched on first use.
fn fetch_jars() -> anyhow::Result<PathBuf> {
    let folder = cache().join("kafka");
    let complete = folder.join(".complete");
    if !complete.exists() {
        std::fs::create_dir_all(&folder)?;
        command::capture(
            Command::new("mvn")
                .args(["-q", "-B", "dependency:copy-dependencies", "-DincludeScope=runtime"])
                .arg(format!("-DoutputDirectory={}", folder.display()))
                .arg("-f")
                .arg(root().join("deploy/test-servers/pom.xml")),
        )
        .context("cannot fetch Apache Kafka by its Maven coordinates")?;
        std::fs::write(&complete, "")?;
    }
    Ok(folder)
}

fn format_properties(folder: &Path, port: u16, controller_port: u16) -> String {
    format!(
        "process.roles=broker,controller\n\
         node.id=1\n\
         controller.quorum.voters=1@127.0.0.1:{controller_port}\n\
         listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{port}\n\
         controller.listener.names=CONTROLLER\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n\
         log.dirs={}\n\
         offsets.topic.replication.factor=1\n\
         offsets.topic.num.partitions=1\n\
         transaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\n\
         share.coordinator.state.topic.replication.factor=1\n\
         share.coordinator.state.topic.min.isr=1\n\
         group.initial.rebalance.delay.ms=0\n\
         auto.create.topics.enable=false\n",
        folder.join("logs").display()
    )
}
