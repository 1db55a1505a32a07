//! Every place where a test may kill the process is listed, and every listed one is there.

use std::collections::BTreeSet;
use std::path::Path;

fn named(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            named(&path, found);
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for rest in text.split(".gap(\"").skip(1) {
            found.insert(rest.split('"').next().unwrap().to_owned());
        }
    }
}

#[test]
fn the_list_of_failpoints_is_the_truth() {
    let mut found = BTreeSet::new();
    named(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);

    let listed: BTreeSet<_> = ingest::FAILPOINTS.into_iter().map(str::to_owned).collect();

    assert_eq!(found, listed);
}
