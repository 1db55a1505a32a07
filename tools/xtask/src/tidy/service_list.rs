//! The files outside the program that mention every service by name.

use std::path::Path;

use anyhow::{Context, bail};
use syn::visit::{self, Visit};

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

/// The file with the program's list of services.
const PROGRAM_LIST: &str = "services/paceline/src/compose/services.rs";

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

/// Lists the services of the program in the order of its one list.
///
/// # Errors
///
/// The file does not hold the list, or the list is empty.
pub(super) fn list_services(sources: &[SourceFile]) -> anyhow::Result<Vec<String>> {
    let program = sources
        .iter()
        .find(|source| source.path == Path::new(PROGRAM_LIST))
        .with_context(|| format!("cannot find {PROGRAM_LIST}"))?;
    let mut found = ServiceEntries::default();
    for item in &program.syntax.items {
        if let syn::Item::Static(list) = item
            && list.ident == "SERVICES"
        {
            found.visit_expr(&list.expr);
        }
    }
    if found.names.is_empty() {
        bail!("{PROGRAM_LIST}: SERVICES has no entry `ServiceEntry::new::<NAME::Service>`");
    }
    Ok(found.names)
}

/// The services named by `ServiceEntry::new::<NAME::Service>`.
#[derive(Default)]
struct ServiceEntries {
    names: Vec<String>,
}

impl<'ast> Visit<'ast> for ServiceEntries {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> =
            path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        match names.as_slice() {
            [name, service] if service == "Service" => self.names.push(name.clone()),
            _ => visit::visit_path(self, path),
        }
    }
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

    fn services_in(text: &str) -> anyhow::Result<Vec<String>> {
        list_services(&[SourceFile::parse(PROGRAM_LIST, text.into()).unwrap()])
    }

    #[test]
    fn the_services_are_those_of_the_programs_list_in_its_order() {
        let services = services_in(
            "static SERVICES: [ServiceEntry; 2] = [
                 ServiceEntry::new::<stats::Service>(start::stats),
                 ServiceEntry::new::<identity::Service>(start::identity).enabled_if(local),
                 // ServiceEntry::new::<lake::Service>(start::lake),
             ];
             static OTHERS: [ServiceEntry; 1] = [ServiceEntry::new::<other::Service>(start::other)];",
        );
        assert_eq!(services.unwrap(), ["stats", "identity"]);
    }

    #[test]
    fn a_program_without_a_list_of_services_is_an_error() {
        assert!(services_in("static SERVICES: [ServiceEntry; 0] = [];").is_err());
        assert!(list_services(&[]).is_err());
    }
}
