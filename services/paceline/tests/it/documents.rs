//! Documents and code name the same things: tests, problems, routes.

use std::path::{Path, PathBuf};

/// Every Rust file below this folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The code of the services and of what they share.
fn code() -> String {
    let mut files = Vec::new();
    for folder in ["services", "shared"] {
        sources(&root().join(folder), &mut files);
    }
    files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
}

fn document(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

#[test]
fn every_test_that_the_threat_model_names_exists() {
    let (code, model) = (code(), document("THREAT_MODEL.md"));
    let rows = model.lines().filter(|line| line.starts_with("| ") && line.ends_with(" |"));
    let named = rows.filter_map(|row| row.split(" | ").nth(3)).flat_map(|cell| cell.split('`'));
    let tests: Vec<&str> = named.filter(|name| name.len() > 20 && !name.contains(' ')).collect();

    assert!(tests.len() > 40, "{tests:?}");
    let unknown = |name: &&&str| !code.contains(&format!("fn {name}("));
    assert_eq!(tests.iter().filter(unknown).collect::<Vec<_>>(), Vec::<&&str>::new());
}

#[test]
fn every_problem_of_the_services_is_explained() {
    let (code, explained) = (code(), document("docs/problems.md"));
    let made = code.split("Problem::new(StatusCode::").skip(1);
    let arguments = made.filter_map(|made| made.split(')').next());
    let is_lower = |byte: u8| byte == b'-' || byte.is_ascii_lowercase();
    let of_a_problem = |code: &&str| !code.is_empty() && code.bytes().all(is_lower);
    let codes: Vec<&str> = arguments
        .filter_map(|arguments| arguments.split('"').nth(1))
        .filter(of_a_problem)
        .collect();

    assert!(codes.len() > 15, "{codes:?}");
    let unknown = |code: &&&str| !explained.contains(&format!("| `{code}` |"));
    assert_eq!(codes.iter().filter(unknown).collect::<Vec<_>>(), Vec::<&&str>::new());
}

#[test]
fn every_route_of_ours_is_in_the_overview() {
    let interface: serde_json::Value =
        serde_json::from_str(&document("services/paceline/openapi.json")).unwrap();
    let overview = document("docs/api.md");
    let mut missing = Vec::new();
    for (path, methods) in interface["paths"].as_object().unwrap() {
        let methods = methods.as_object().unwrap().keys().map(|method| method.to_uppercase());
        for method in methods.filter(|_| path.starts_with("/v1/")) {
            if method != "HEAD" && !overview.contains(&format!("`{method} {path}")) {
                missing.push(format!("{method} {path}"));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}
