//! Every named transaction meets the faults of a test, or says in `tools/xtask/unfaulted-transactions.txt` why not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context;
use regex::Regex;

use super::sources::SourceFile;

/// The transactions that no test lets fail, a line each: `crate name  # reason`.
pub(super) const LIST: &str = "tools/xtask/unfaulted-transactions.txt";

/// A call that runs a transaction, and its name.
const RUN: &str = r#"\b(?:run|run_many|run_plain|run_locked)\(\s*(?:ctx,\s*)?"(?P<name>[a-z_]+)""#;
/// A test's list of the transactions that it lets fail.
const TESTED: &str = r"const TRANSACTIONS: [^=]+=\s*\[(?P<names>[^\]]*)\]";
/// A test that starts an app whose transactions of one name fail.
const TESTED_ALONE: &str = r#"(?:start\(&faults, |&faults, &\[|arm_only\(&\[)"(?P<name>[a-z_]+)""#;

/// A transaction: the crate that runs it, and its name.
type Transaction = (String, String);

/// Adds a fault for each transaction that is neither tested nor listed, and for each line that is out of date.
pub(super) fn check(
    root: &Path,
    sources: &[SourceFile],
    faults: &mut Vec<String>,
) -> anyhow::Result<()> {
    let path = root.join(LIST);
    let list = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    compare(sources, &list, faults)
}

fn compare(sources: &[SourceFile], list: &str, faults: &mut Vec<String>) -> anyhow::Result<()> {
    let (run, tested) = (find_run(sources)?, find_tested(sources)?);
    // A transaction of a shared crate is tested by any service.
    let is_tested = |(of, name): &Transaction| match run.get(&(of.clone(), name.clone())) {
        Some(true) => tested.iter().any(|(_, tested)| tested == name),
        _ => tested.contains(&(of.clone(), name.clone())),
    };
    let mut listed = BTreeSet::new();
    for (number, line) in list.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let place = format!("{LIST}:{}", number + 1);
        let (entry, reason) = line.split_once('#').unwrap_or((line, ""));
        let [of, name] = entry.split_whitespace().collect::<Vec<_>>()[..] else {
            faults.push(format!("{place}: a line is `crate name  # reason`"));
            continue;
        };
        let entry = (of.to_owned(), name.to_owned());
        if reason.trim().is_empty() {
            faults.push(format!("{place}: the reason is missing"));
        } else if !run.contains_key(&entry) {
            faults.push(format!("{place}: {of} has no transaction {name}"));
        } else if is_tested(&entry) {
            faults.push(format!("{place}: {name} is tested: remove the line"));
        }
        listed.insert(entry);
    }
    for transaction in run.keys().filter(|it| !listed.contains(*it) && !is_tested(it)) {
        let (of, name) = transaction;
        faults.push(format!(
            "{of}: no test lets the transaction {name} fail\n    name it in tests/it/store_faults.rs, or in {LIST} with the reason"
        ));
    }
    Ok(())
}

/// The transactions in the code, and true for those of a shared crate.
fn find_run(sources: &[SourceFile]) -> anyhow::Result<BTreeMap<Transaction, bool>> {
    let pattern = Regex::new(RUN)?;
    let mut found = BTreeMap::new();
    for source in sources.iter().filter(|source| !source.is_test()) {
        let is_shared = source.path.starts_with("shared");
        if !is_shared && !source.path.starts_with("services") {
            continue;
        }
        for run in pattern.captures_iter(&source.text) {
            found.insert((source.crate_name().to_owned(), run["name"].to_owned()), is_shared);
        }
    }
    Ok(found)
}

fn find_tested(sources: &[SourceFile]) -> anyhow::Result<BTreeSet<Transaction>> {
    let (lists, alone) = (Regex::new(TESTED)?, Regex::new(TESTED_ALONE)?);
    let mut found = BTreeSet::new();
    for source in sources.iter().filter(|source| source.is_test()) {
        let of = source.crate_name().to_owned();
        for list in lists.captures_iter(&source.text) {
            let names = list["names"].split('"').skip(1).step_by(2);
            found.extend(names.map(|name| (of.clone(), name.to_owned())));
        }
        for one in alone.captures_iter(&source.text) {
            found.insert((of.clone(), one["name"].to_owned()));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = r#"
        async fn a() { ctx.database.run("store", athlete, work).await; }
        async fn b() { queue.run_plain(
            "close", work).await; }
    "#;

    fn faults(test: &str, list: &str) -> Vec<String> {
        let sources = [
            ("services/stats/src/a.rs", CODE),
            ("shared/jobs/src/a.rs", r#"fn c() { d.run_plain("settle", work); }"#),
            ("services/stats/tests/it/store_faults.rs", test),
        ];
        let sources: Vec<_> = sources
            .into_iter()
            .map(|(path, text)| SourceFile::parse(path, text.to_owned()).unwrap())
            .collect();
        let mut faults = Vec::new();
        compare(&sources, list, &mut faults).unwrap();
        faults
    }

    #[test]
    fn a_transaction_is_tested_or_listed_with_its_reason() {
        let test = r#"const TRANSACTIONS: [&str; 2] = ["store", "settle"];"#;
        assert_eq!(faults(test, "# a comment\nstats close  # it is small\n"), [""; 0]);
        let missing = faults(test, "");
        assert_eq!(missing.len(), 1);
        assert!(missing[0].starts_with("stats: no test lets the transaction close fail"));
        assert_eq!(faults("", "").len(), 3);
    }

    #[test]
    fn a_line_that_is_out_of_date_is_a_fault() {
        let test = r#"fn f() { faults.arm_only(&["store"]); let a = start(&faults, "close"); }"#;
        let list = "stats store  # tested meanwhile\nstats gone  # renamed\njobs settle\nodd";
        let found = faults(test, list);
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(found[0].contains("store is tested"), "{found:?}");
        assert!(found[1].contains("no transaction gone"), "{found:?}");
        assert!(found[2].contains("reason is missing"), "{found:?}");
    }
}
