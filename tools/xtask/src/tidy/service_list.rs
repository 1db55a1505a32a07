//! The files outside the program that mention every service by name.

use std::path::Path;

use anyhow::Context;

use super::sources::SourceFile;

/// Texts that a file must hold for every service; `NAME` stands for its name.
const MENTIONS: [(&str, &[&str]); 4] = [
    ("deny.toml", &[r#"{ crate = "NAME", wrappers = ["paceline"]"#]),
    (
        "docker-compose.yml",
        &[
            "\n  NAME:\n    <<: *paceline\n",
            "command: [run, NAME]",
            "NAME: { condition: service_healthy }",
            "volumes: [NAME:/data]",
        ],
    ),
    ("deploy/compose/gateway.conf", &["proxy_pass http://NAME:8080;"]),
    ("docs/operations.md", &["| `NAME.db` |", "`paceline_NAME`", "`NAME.database`"]),
];

/// The crate whose measurements run every service.
const BENCH: &str = "tools/bench";

/// Adds a fault for every file that does not mention one of the services.
pub(super) fn check(
    root: &Path,
    services: &[String],
    sources: &[SourceFile],
    faults: &mut Vec<String>,
) -> anyhow::Result<()> {
    for (file, mentions) in MENTIONS {
        let text = std::fs::read_to_string(root.join(file))
            .with_context(|| format!("cannot read {file}"))?;
        check_text(file, &text, mentions, services, faults);
    }
    let bench: Vec<&str> = sources
        .iter()
        .filter(|source| source.path.starts_with(BENCH))
        .map(|source| source.text.as_str())
        .collect();
    check_text(BENCH, &bench.join("\n"), &[r#""NAME""#], services, faults);
    Ok(())
}

/// Lists the services by their folders: all but the program that puts them together.
pub(super) fn list_services(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut services = Vec::new();
    for entry in std::fs::read_dir(root.join("services"))? {
        let entry = entry?;
        if entry.path().join("Cargo.toml").exists() && entry.file_name() != "paceline" {
            services.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    services.sort();
    Ok(services)
}

fn check_text(
    file: &str,
    text: &str,
    mentions: &[&str],
    services: &[String],
    faults: &mut Vec<String>,
) {
    for service in services {
        for mention in mentions {
            let mention = mention.replace("NAME", service);
            if !text.contains(&mention) {
                faults.push(format!(
                    "{file}: nothing for the service {service}: add `{}` as the other services have it",
                    mention.trim()
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_does_not_mention_a_service_is_a_fault_that_names_it() {
        let mut faults = Vec::new();
        let services = ["stats".to_owned(), "lake".to_owned()];
        let text = "proxy_pass http://stats:8080;";
        check_text("gateway.conf", text, &["http://NAME:8080;"], &services, &mut faults);
        assert_eq!(
            faults,
            [
                "gateway.conf: nothing for the service lake: add `http://lake:8080;` as the other services have it"
            ]
        );
    }

    #[test]
    fn the_folders_of_services_are_the_services() {
        let services = list_services(&crate::command::root()).unwrap();
        assert!(services.contains(&"stats".to_owned()));
        assert!(!services.contains(&"paceline".to_owned()));
    }
}
