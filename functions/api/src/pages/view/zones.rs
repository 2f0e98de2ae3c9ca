//! The time zones to choose from.

use std::sync::LazyLock;

/// Those of most people here, by the names that they know them by.
pub const US: [(&str, &str); 7] = [
    ("America/New_York", "Eastern – New York"),
    ("America/Chicago", "Central – Chicago"),
    ("America/Denver", "Mountain – Denver"),
    ("America/Phoenix", "Arizona – Phoenix"),
    ("America/Los_Angeles", "Pacific – Los Angeles"),
    ("America/Anchorage", "Alaska – Anchorage"),
    ("Pacific/Honolulu", "Hawaii – Honolulu"),
];

/// Others of the IANA database, by region. Its older names are left out: `US/Eastern` is New York.
static REGIONS: LazyLock<Vec<(String, Vec<String>)>> = LazyLock::new(|| {
    const KNOWN: [&str; 10] = ["Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"];
    let all = jiff::tz::db().available().map(|name| name.to_string()).collect::<Vec<_>>();
    let of = |region: &str| {
        let inside = |name: &&String| name.strip_prefix(region).is_some_and(|rest| rest.starts_with('/'));
        let mut names = all.iter().filter(inside).filter(|name| US.iter().all(|(us, _)| us != name)).cloned().collect::<Vec<_>>();
        names.sort();
        names
    };
    KNOWN.into_iter().map(|region| (region.to_owned(), of(region))).collect()
});

/// Regions, and the full names of their zones.
pub fn regions() -> &'static [(String, Vec<String>)] {
    &REGIONS
}
