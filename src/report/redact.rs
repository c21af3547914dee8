//! Secrets stay out of everything that is echoed: reports, re-run commands, errors.

/// What stands in a secret's place.
pub const REDACTED: &str = "[redacted]";

/// Whether a property's value must not be shown.
///
/// librdkafka and the Java client between them: `sasl.password`, `ssl.key.password`, `ssl.keystore.password`, `sasl.jaas.config`,
/// `ssl.key.pem`, `ssl.keystore.key`, `sasl.oauthbearer.client.secret`, `sasl.oauthbearer.config` and whatever looks like them.
#[must_use]
pub fn is_secret(property: &str) -> bool {
    let property = property.trim().to_ascii_lowercase().replace(['_', '-'], ".");
    property.split('.').any(|part| {
        matches!(part, "password" | "passwd" | "passphrase" | "pwd" | "secret" | "token" | "credential" | "credentials")
    }) || property.contains("user.info")
        || property.contains("jaas")
        || property.starts_with("ssl.key.")
        || property == "ssl.key"
        || property == "ssl.keystore.key"
        || property.contains("oauthbearer.config")
        || property.contains("oauthbearer.assertion.private")
}

/// `key=value` with the value redacted if it is a secret.
#[must_use]
pub fn assignment(text: &str) -> String {
    match text.split_once('=') {
        Some((key, _)) if is_secret(key) => format!("{key}={REDACTED}"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_redacted_and_other_properties_are_not() {
        for secret in [
            "sasl.password=x",
            "ssl.key.password=x",
            "ssl.keystore.password=x=y",
            "sasl.jaas.config=org.apache.Login required password=\"x\";",
            "ssl.key.pem=x",
            "ssl.key.location=x",
            "sasl_password=x",
            "SASL.PASSWORD=x",
            "sasl.oauthbearer.client.secret=x",
            "passphrase=x",
            "basic.auth.user.info=x:y",
        ] {
            assert!(assignment(secret).ends_with("=[redacted]"), "{secret}");
        }
        for open in ["fetch.max.bytes=1", "sasl.username=me", "ssl.ca.location=/etc/ca.pem", "group.id=a", "nothing"] {
            assert_eq!(assignment(open), open);
        }
    }
}
