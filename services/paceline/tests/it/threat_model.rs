//! The threat model names tests; they must exist.

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

#[test]
fn every_test_that_the_threat_model_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for folder in ["services", "shared"] {
        sources(&root.join(folder), &mut files);
    }
    let code: String = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let model = std::fs::read_to_string(root.join("THREAT_MODEL.md")).unwrap();
    let rows = model.lines().filter(|line| line.starts_with("| ") && line.ends_with(" |"));
    let named = rows.filter_map(|row| row.split(" | ").nth(3)).flat_map(|cell| cell.split('`'));
    let tests: Vec<&str> = named.filter(|name| name.len() > 20 && !name.contains(' ')).collect();

    assert!(tests.len() > 40, "{tests:?}");
    let unknown = |name: &&&str| !code.contains(&format!("fn {name}("));
    assert_eq!(tests.iter().filter(unknown).collect::<Vec<_>>(), Vec::<&&str>::new());
}
