//! Every failpoint is listed, and every listed one exists.

use std::collections::BTreeSet;
use std::path::Path;

fn collect_names(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect_names(&path, names);
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for rest in text.split(".failpoint(\"").skip(1) {
            names.insert(rest.split('"').next().unwrap().to_owned());
        }
    }
}

#[test]
fn the_list_of_failpoints_matches_the_code() {
    let mut names = BTreeSet::new();
    collect_names(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut names);

    let listed: BTreeSet<_> = ingest::FAILPOINTS.into_iter().map(str::to_owned).collect();

    assert_eq!(names, listed);
}
