//! What may be printed of a value.

/// The value as it may be shown: secrets as `***`, passwords in addresses too.
pub(crate) fn shown(key: &str, value: &str) -> String {
    let name = key.rsplit('.').next().unwrap_or(key);
    let secret = ["secret", "password", "credential", "token", "api_key", "signature_key"];
    if value.is_empty() {
        return String::new();
    }
    if secret.iter().any(|word| name.contains(word))
        && !name.ends_with("_url")
        && !name.ends_with("_file")
    {
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
