//! Apache Kafka, resolved by its Maven coordinates and run as one combined KRaft node.

use std::path::Path;
use std::process::Command;

use anyhow::Context;

use super::{Owned, cache, free_port, must, spawn, wait_for_port};
use crate::codegen::root;

/// Starts a broker of its own in the scratch folder.
pub(crate) fn start(scratch: &Path) -> anyhow::Result<(String, Owned)> {
    let jars = jars()?;
    let folder = scratch.join("kafka");
    std::fs::create_dir_all(&folder)?;
    let (port, controller) = (free_port()?, free_port()?);
    let properties = folder.join("server.properties");
    std::fs::write(&properties, configuration(&folder, port, controller))?;
    let id = must(java(&jars).args(["kafka.tools.StorageTool", "random-uuid"]))?;
    must(
        java(&jars)
            .args(["kafka.tools.StorageTool", "format", "-t", id.trim(), "-c"])
            .arg(&properties),
    )?;
    let log = folder.join("broker.log");
    let mut owned = spawn(java(&jars).arg("kafka.Kafka").arg(&properties), &log)?;
    wait_for_port(&mut owned, port, &log)?;
    Ok((format!("127.0.0.1:{port}"), owned))
}

fn java(jars: &str) -> Command {
    let mut command = Command::new("java");
    command.args(["-Xmx768m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", jars]);
    command
}

/// The broker's jars, fetched once into target/.
fn jars() -> anyhow::Result<String> {
    let folder = cache().join("kafka");
    let done = folder.join(".complete");
    if !done.exists() {
        std::fs::create_dir_all(&folder)?;
        must(
            Command::new("mvn")
                .args(["-q", "-B", "dependency:copy-dependencies", "-DincludeScope=runtime"])
                .arg(format!("-DoutputDirectory={}", folder.display()))
                .arg("-f")
                .arg(root().join("deploy/test-servers/pom.xml")),
        )
        .context("cannot fetch Apache Kafka by its Maven coordinates")?;
        std::fs::write(&done, "")?;
    }
    Ok(format!("{}/*", folder.display()))
}

fn configuration(folder: &Path, port: u16, controller: u16) -> String {
    format!(
        "process.roles=broker,controller\n\
         node.id=1\n\
         controller.quorum.voters=1@127.0.0.1:{controller}\n\
         listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
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
