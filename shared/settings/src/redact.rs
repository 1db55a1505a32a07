//! Redaction of values before they are printed.

/// Replaces a secret, or the password in a URL, by `***`.
pub(crate) fn redact_value(key: &str, value: &str) -> String {
    let name = key.rsplit('.').next().unwrap_or(key);
    let secret = ["secret", "password", "credential", "token", "api_key", "signature_key"];
    if value.is_empty() {
        return String::new();
    }
    let is_secret =
        name == "key" || name.ends_with("_key") || secret.iter().any(|word| name.contains(word));
    if is_secret && !["_url", "_file", "_s", "_id"].iter().any(|end| name.ends_with(end)) {
        return "***".to_owned();
    }
    match url::Url::parse(value) {
        Ok(mut url) if url.password().is_some() => {
            // Fails only for a URL that cannot have a password.
            let _ = url.set_password(Some("***"));
            url.to_string()
        }
        _ => value.to_owned(),
    }
}
