//! The roles and docs/permissions.md: what `make doors` took away once is what the template still grants.

use std::collections::BTreeSet;

use super::{functions, list, read, set, short, statements};

/// What the roles of functions allow: function, statement, action.
fn granted() -> BTreeSet<String> {
    let functions = set(functions().iter().map(|(id, _)| short(id)));
    let roles = statements().into_iter().filter(|(function, _)| functions.contains(function));
    set(roles.flat_map(|(function, statement)| {
        let sid = statement["Sid"].as_str().unwrap_or_else(|| panic!("{function}: {statement} has no Sid")).to_owned();
        let actions = list(&statement["Action"]).into_iter();
        actions.map(move |action| format!("{function} {sid} {}", action.as_str().unwrap_or_else(|| panic!("{action} of {sid} is no action"))))
    }))
}

/// The same of the table, but for its head.
fn written() -> BTreeSet<String> {
    let document = read("docs/permissions.md");
    let rows = document.lines().filter(|line| line.starts_with("| ")).skip(1);
    set(rows.map(|row| row.split('|').skip(1).take(3).map(str::trim).collect::<Vec<_>>().join(" ")))
}

#[test]
fn the_table_of_permissions_has_every_permission_of_every_function_and_no_other() {
    let (granted, written) = (granted(), written());
    let missing = granted.difference(&written).collect::<Vec<_>>();
    let too_much = written.difference(&granted).collect::<Vec<_>>();
    assert!(
        missing.is_empty() && too_much.is_empty(),
        "`make doors` makes docs/permissions.md: it lacks {missing:#?} and should not have {too_much:#?}"
    );
}
