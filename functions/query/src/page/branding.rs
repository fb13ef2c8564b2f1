//! How the page looks and where it may be shown, as the operator configures it.

use adapters::config::{ConfigError, Vars};

/// Longest name, in characters: it shares a line with the navigation.
const MAX_NAME_CHARS: usize = 100;

const LOGO_URL: &str = "PORTAL_LOGO_URL";
const RETURN_URL: &str = "PORTAL_RETURN_URL";
const ACCENT_COLOR: &str = "PORTAL_ACCENT_COLOR";
const FRAME_ANCESTORS: &str = "PORTAL_FRAME_ANCESTORS";

/// The operator's settings for the page. Without them, it is Ringback's own, and no other page may frame it.
#[derive(Debug, Default)]
pub(crate) struct Branding {
    /// The name in place of Ringback's.
    pub(super) name: Option<String>,
    pub(super) logo_url: Option<String>,
    /// Such as `#3d4fc7`.
    pub(super) accent_color: Option<String>,
    /// Where a user gets a new link once the session has ended.
    pub(super) return_url: Option<String>,
    /// The origins whose pages may frame the portal, as in a content security policy.
    pub(super) frame_ancestors: String,
}

impl Branding {
    /// Reads the variables `PORTAL_…`.
    pub(crate) fn read(vars: &impl Vars) -> Result<Self, ConfigError> {
        let url = |name| {
            checked(vars, name, |url| {
                let is_url = origin(url).is_some() && url.bytes().all(|byte| byte.is_ascii_graphic());
                is_url
                    .then_some(())
                    .ok_or("must be an https:// URL of visible ASCII characters, without credentials")
            })
        };
        let name = checked(vars, "PORTAL_NAME", |name| {
            let is_name = !name.contains(char::is_control) && name.chars().count() <= MAX_NAME_CHARS;
            is_name.then_some(()).ok_or("must have at most 100 characters, without control characters")
        })?;
        let accent_color = checked(vars, ACCENT_COLOR, |color| {
            let digits = color.strip_prefix('#').filter(|digits| digits.len() == 6);
            let is_color = digits.is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
            is_color.then_some(()).ok_or("must be # and six hexadecimal digits, such as #3d4fc7")
        })?;
        let frame_ancestors = checked(vars, FRAME_ANCESTORS, |origins| {
            let all = origins.split(' ').all(|one| origin(one) == Some(one));
            all.then_some(()).ok_or("must be origins such as https://app.example.com, separated by one space")
        })?;
        Ok(Self {
            name,
            logo_url: url(LOGO_URL)?,
            accent_color,
            return_url: url(RETURN_URL)?,
            frame_ancestors: frame_ancestors.unwrap_or_else(|| "'none'".to_owned()),
        })
    }

    /// The origin that the logo comes from.
    pub(super) fn logo_origin(&self) -> Option<&str> {
        origin(self.logo_url.as_deref()?)
    }

    /// The attributes with which the page's script finds the settings, each after a space.
    pub(super) fn attributes(&self) -> String {
        let given = [("name", &self.name), ("logo", &self.logo_url), ("return", &self.return_url)];
        let given = given.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        given.map(|(name, value)| format!(r#" data-{name}="{}""#, escaped(value))).collect()
    }
}

/// An optional value that keeps a rule.
fn checked(
    vars: &impl Vars,
    name: &'static str,
    check: impl FnOnce(&str) -> Result<(), &'static str>,
) -> Result<Option<String>, ConfigError> {
    let value = vars.optional(name);
    value.as_deref().map_or(Ok(()), check).map_err(|rule| ConfigError::new(name, rule))?;
    Ok(value)
}

/// The origin of a URL: `https://host`, with its port if it is given, or `http://` of this machine, where an
/// embedding application is developed. Nothing in an origin can end its place in a content security policy or mean many hosts.
fn origin(url: &str) -> Option<&str> {
    let after_scheme = url.find("://")? + "://".len();
    let end = url[after_scheme..].find(['/', '?', '#']).map_or(url.len(), |length| after_scheme + length);
    let (scheme, authority) = (&url[..after_scheme], &url[after_scheme..end]);
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    let is_host = !host.is_empty()
        && !host.starts_with(['.', '-'])
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
    let is_allowed = match scheme {
        "https://" => is_host,
        "http://" => ["localhost", "127.0.0.1"].contains(&host),
        _ => false,
    };
    (is_allowed && port.is_none_or(|port| port.parse::<u16>().is_ok())).then(|| &url[..end])
}

/// A text as an attribute's value in HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn read(name: &str, value: &str) -> Result<Branding, ConfigError> {
        Branding::read(&BTreeMap::from([(name.to_owned(), value.to_owned())]))
    }

    #[test]
    fn an_error_names_the_variable_and_the_rule() {
        for (name, value) in [
            ("PORTAL_NAME", "A\nb"),
            ("PORTAL_NAME", &"x".repeat(101)),
            (LOGO_URL, "http://cdn.example.com/logo.svg"),
            (LOGO_URL, "https://user@cdn.example.com/logo.svg"),
            (LOGO_URL, "https://cdn.example.com/a b.svg"),
            (LOGO_URL, "https://cdn.example.com;script-src/logo.svg"),
            (LOGO_URL, "//cdn.example.com/logo.svg"),
            (LOGO_URL, "data:image/png;base64,AAAA"),
            (RETURN_URL, "javascript://example.com/%0aalert(1)"),
            (RETURN_URL, "/back"),
            (ACCENT_COLOR, "red"),
            (ACCENT_COLOR, "#12345"),
            (ACCENT_COLOR, "#12345g"),
            (ACCENT_COLOR, "#123456}"),
            (FRAME_ANCESTORS, "*"),
            (FRAME_ANCESTORS, "https://*.example.com"),
            (FRAME_ANCESTORS, "https://app.example.com/"),
            (FRAME_ANCESTORS, "https://app.example.com,https://b.example.com"),
            (FRAME_ANCESTORS, "https://app.example.com  https://b.example.com"),
            (FRAME_ANCESTORS, "https://app.example.com; script-src *"),
            (FRAME_ANCESTORS, "https://app.example.com:99999"),
            (FRAME_ANCESTORS, "http://app.example.com"),
            (FRAME_ANCESTORS, "'self'"),
        ] {
            let error = read(name, value).unwrap_err().to_string();
            assert!(error.starts_with(&format!("the environment variable {name} must ")), "{value}: {error}");
        }
    }

    #[test]
    fn what_is_given_is_found_and_escaped() {
        let name = read("PORTAL_NAME", r#"A & "B" <c>"#).unwrap();
        assert_eq!(name.attributes(), r#" data-name="A &amp; &quot;B&quot; &lt;c&gt;""#);
        let logo = read(LOGO_URL, "https://cdn.example.com:8443/logo.svg?v=1").unwrap();
        assert_eq!(logo.logo_origin(), Some("https://cdn.example.com:8443"));
        let origins = "https://app.example.com http://localhost:3000 http://127.0.0.1";
        assert_eq!(read(FRAME_ANCESTORS, origins).unwrap().frame_ancestors, origins);
        let none = Branding::read(&BTreeMap::new()).unwrap();
        assert_eq!((none.attributes().as_str(), none.frame_ancestors.as_str()), ("", "'none'"));
    }
}
