//! Which links may stand in a text.

use super::Unfit;

/// Checks that `link` is https, leads to one of `domains` or a subdomain, and reads the same to every program that follows it.
pub(super) fn check(field: &'static str, link: &str, domains: &[String]) -> Result<(), Unfit> {
    let host = host(link).ok_or(Unfit::NotALink { field })?;
    let ours = |domain: &String| {
        let domain = domain.to_ascii_lowercase();
        host == domain || host.strip_suffix(&domain).is_some_and(|rest| !domain.is_empty() && rest.ends_with('.'))
    };
    if domains.iter().any(ours) { Ok(()) } else { Err(Unfit::ForeignLink { field }) }
}

/// The host of an https link in lower case, if the link consists of the characters of RFC 3986 and its authority is a host name and nothing more.
fn host(link: &str) -> Option<String> {
    const SCHEME: &str = "https://";
    let rest = link.get(..SCHEME.len()).filter(|scheme| scheme.eq_ignore_ascii_case(SCHEME)).map(|_| &link[SCHEME.len()..])?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#@!$&'()*+,;=%".contains(c);
    if !rest.chars().all(allowed) {
        return None;
    }
    let host = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (host.len() <= 253 && host.split('.').all(label)).then(|| host.to_ascii_lowercase())
}
