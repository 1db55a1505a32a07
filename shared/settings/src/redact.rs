//! What may be printed of a value.

/// The value as it may be shown: secrets as `***`, passwords in addresses too.
pub(crate) fn shown(key: &str, value: &str) -> String {
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
            // An address that takes no password has none to hide.
            let _ = url.set_password(Some("***"));
            url.to_string()
        }
        _ => value.to_owned(),
    }
}
