//! Endpoints that are not ours: another emulator, or AWS.

use std::collections::BTreeMap;

use adapters::config::Vars;

/// What an SDK needs to be let in.
const CREDENTIALS: [&str; 4] =
    ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION"];

/// Where DynamoDB and SQS are, if not on this machine's own endpoints.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Elsewhere {
    pub(crate) dynamodb: Option<String>,
    pub(crate) sqs: Option<String>,
    pub(crate) credentials: BTreeMap<String, String>,
    pub(crate) prefix: String,
}

impl Elsewhere {
    /// As AWS's own tools are told: `AWS_ENDPOINT_URL` for all services, `AWS_ENDPOINT_URL_SQS` for one.
    #[must_use]
    pub fn read(vars: &impl Vars) -> Self {
        let all = vars.optional("AWS_ENDPOINT_URL");
        let dynamodb = vars.optional("AWS_ENDPOINT_URL_DYNAMODB").or_else(|| all.clone());
        let sqs = vars.optional("AWS_ENDPOINT_URL_SQS").or(all);
        let given = CREDENTIALS.into_iter().filter_map(|name| Some((name.to_owned(), vars.optional(name)?)));
        let prefix = if dynamodb.is_some() || sqs.is_some() { "ringback-" } else { "" };
        Self { dynamodb, sqs, credentials: given.collect(), prefix: prefix.to_owned() }
    }

    /// With other names for what is made there than `ringback-` and the logical id.
    #[must_use]
    pub fn named(self, prefix: String) -> Self {
        if self.is_nowhere() { self } else { Self { prefix, ..self } }
    }

    /// Whether nothing is: the usual case.
    #[must_use]
    pub fn is_nowhere(&self) -> bool {
        self.dynamodb.is_none() && self.sqs.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(vars: &[(&str, &str)]) -> Elsewhere {
        let vars: BTreeMap<_, _> =
            vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Elsewhere::read(&vars)
    }

    #[test]
    fn one_url_is_for_all_services_and_a_services_own_goes_before_it() {
        assert!(read(&[("AWS_REGION", "eu-west-1")]).is_nowhere());
        let all = read(&[("AWS_ENDPOINT_URL", "http://a"), ("AWS_ENDPOINT_URL_SQS", "http://b")]);
        assert_eq!((all.dynamodb.as_deref(), all.sqs.as_deref()), (Some("http://a"), Some("http://b")));
        let one = read(&[("AWS_ENDPOINT_URL_DYNAMODB", "http://a"), ("AWS_ACCESS_KEY_ID", "k")]);
        assert_eq!((one.dynamodb.as_deref(), one.sqs.as_deref()), (Some("http://a"), None));
        assert_eq!(one.credentials["AWS_ACCESS_KEY_ID"], "k");
    }
}
