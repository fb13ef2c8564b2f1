//! What a stack keeps, and which parameters it obeys.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::functions::Egress;
use crate::private::tests::mode;

fn options(data: Option<&Path>, parameters: &[(&str, &str)]) -> Options {
    Options {
        data: data.map(Path::to_owned),
        ports: [0; 3],
        clock: Clock::system(),
        run_mode: RunMode::InProcess,
        calls: Calls::OverSockets,
        parameters: parameters.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        invokes: false,
    }
}

async fn refusal(options: Options) -> String {
    Stack::start(options).await.err().expect("is refused").to_string()
}

/// Adds a destination; returns the status.
async fn add_destination(stack: &Stack, url: &str) -> u16 {
    let (_, key) = stack.create_account("Acme").await.unwrap();
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    let body = json!({"name": "CRM", "url": url}).to_string();
    let request = client.post(stack.url("/v1/destinations")).header("x-api-key", key).body(body);
    request.send().await.unwrap().status().as_u16()
}

/// A value other than the default for each parameter, and the variable that shows it; none for what AWS alone obeys.
const PARAMETERS: [(&str, &str, Option<&str>); 28] = [
    ("AlarmTopicArn", "arn:aws:sns:us-east-1:000000000000:alarms", None),
    ("AllowedNetworks", "10.20.0.0/16", Some("ALLOWED_NETWORKS")),
    ("ApiRateLimit", "7", Some("API_RATE_LIMIT")),
    ("Architecture", "x86_64", None),
    ("BatchingSeconds", "1", None),
    ("CertificateArn", "arn:aws:acm:us-east-1:000000000000:certificate/1", None),
    ("ConversationRetentionDays", "7", Some("CONVERSATION_RETENTION_DAYS")),
    ("DeliveryRateLimit", "7", Some("DELIVERY_RATE_LIMIT")),
    ("DeliveryRetentionDays", "7", Some("DELIVERY_RETENTION_DAYS")),
    ("DisableAfterHours", "7", Some("DISABLE_AFTER_HOURS")),
    ("DispatchMemory", "256", None),
    ("DomainName", "hooks.example.com", None),
    ("EventBusName", "mine", None),
    ("KmsKeyArn", "arn:aws:kms:us-east-1:000000000000:key/mine", None),
    ("LogLevel", "DEBUG", None),
    ("LogRetentionDays", "7", None),
    ("MaximumConcurrency", "7", None),
    ("PortalAccentColor", "#3d4fc7", Some("PORTAL_ACCENT_COLOR")),
    ("PortalFrameAncestors", "https://app.example.com http://localhost:3000", Some("PORTAL_FRAME_ANCESTORS")),
    ("PortalLogoUrl", "https://cdn.example.com/logo.svg", Some("PORTAL_LOGO_URL")),
    ("PortalName", "Acme", Some("PORTAL_NAME")),
    ("PortalReturnUrl", "http://localhost:3000/webhooks", Some("PORTAL_RETURN_URL")),
    ("PublicUrl", "https://hooks.example.com", Some("PUBLIC_URL")),
    ("SecurityGroupIds", "sg-1", None),
    ("SettleSeconds", "7", Some("SETTLE_SECONDS")),
    ("Stage", "production", None),
    ("SubnetIds", "subnet-1", None),
    ("TrustedCertificate", "", Some("TRUSTED_CERTIFICATE")),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_parameter_is_obeyed_or_refused_by_name() {
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let certificate = Authority::new().unwrap().certificate_base64().unwrap();
    let in_template = include_str!("../../../template.yaml");
    let in_template =
        in_template.split_once("\nParameters:\n").unwrap().1.split_once("\n\nRules:").unwrap().0;
    let names = in_template.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let mut names: Vec<_> = names.map(|line| line.trim().trim_end_matches(':')).collect();
    names.retain(|name| !name.starts_with('#'));
    names.sort_unstable();
    assert_eq!(names, PARAMETERS.map(|(name, ..)| name));

    for (name, value, variable) in PARAMETERS {
        let value = if name == "TrustedCertificate" { &certificate } else { value };
        let given = options(None, &[(name, value)]);
        match variable {
            Some(variable) => {
                let stack = Stack::start(given).await.unwrap();
                assert_eq!(stack.environment.get(variable).map(String::as_str), Some(value), "{name}");
            }
            None if name == "MaximumConcurrency" => {
                Stack::start(given).await.unwrap();
                let template = Template::read(&Parameters::from([(name.into(), value.into())])).unwrap();
                assert!(template.mappings.iter().any(|mapping| mapping.maximum_concurrency == 7));
            }
            None => {
                let error = refusal(given).await;
                assert!(error.contains(name) && error.contains("no effect on one machine"), "{error}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_network_that_is_allowed_is_taken_beside_this_machine() {
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let closed = Stack::start(options(None, &[])).await.unwrap();
    let open = Stack::start(options(None, &[("AllowedNetworks", "10.20.0.0/16")])).await.unwrap();
    for (stack, url, status) in [
        (&closed, "https://10.20.0.1/hooks", 422),
        (&open, "https://10.20.0.1/hooks", 201),
        (&open, "https://crm.internal/hooks", 201),
        (&open, "https://localhost:4001/hooks", 201),
        (&open, "https://127.0.0.1:4001/hooks", 201),
        (&open, "https://10.21.0.1/hooks", 422),
        (&open, "https://169.254.169.254/", 422),
    ] {
        assert_eq!(add_destination(stack, url).await, status, "{url}");
    }
}

#[tokio::test]
async fn a_value_that_the_template_does_not_allow_is_refused_with_the_rule() {
    for (name, value, rule) in [
        ("MaximumConcurrency", "1", "must be 2 to 1000"),
        ("ApiRateLimit", "-1", "must be 0 to 10000"),
        ("ApiRateLimit", "many", "must be a number"),
        ("DeliveryRetentionDays", "6", "must be 7 to 365"),
        ("DeliveryRetentionDays", "", "must be a number"),
        ("PortalAccentColor", "red", "must match ^(#[0-9a-fA-F]{6})?$"),
        ("PortalFrameAncestors", "https://*.example.com", "must match ^((https://"),
        ("PortalLogoUrl", "http://cdn.example.com/logo.svg", "must match ^((https://"),
        ("PortalName", &"x".repeat(101), "must have at most 100 characters"),
        ("PublicUrl", "http://hooks.example.com", "must match ^(https://"),
        ("PublicUrl", "https://hooks.example.com/?a=b", "must match ^(https://"),
        ("AllowedNetworks", "internal", "must match ^[0-9a-fA-F:./, ]*$"),
        ("AllowedNetworks", &"10.20.0.0/16,".repeat(100), "must have at most 1000 characters"),
        ("TrustedCertificate", "-----BEGIN CERTIFICATE-----", "must match ^[0-9a-zA-Z+/]*=*$"),
        ("Stage", "prod", "must be one of development, staging, production"),
        ("Stage", "", "must be one of development"),
        ("LogLevel", "TRACE", "must be one of INFO, DEBUG"),
        ("Stagee", "development", "is not a parameter"),
    ] {
        let error = refusal(options(None, &[(name, value)])).await;
        assert_eq!(error.find(&format!("template.yaml: {name}: {rule}")), Some(0), "{name}={value}: {error}");
    }
    let run_mode = RunMode::AsProcesses { directory: PathBuf::new(), egress: Egress::PublicOnly, log: None };
    let error = refusal(Options { run_mode, ..options(None, &[("MaximumConcurrency", "51")]) }).await;
    assert!(error.ends_with("must be at most 50 if functions are processes"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_is_its_owners_alone() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data");
    for run in ["first", "second"] {
        Stack::start(options(Some(&data), &[])).await.unwrap().stop().await;
        assert_eq!(mode(&data), 0o700, "{run}");
        let files: Vec<_> = fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(files.len() >= 5, "{files:?}");
        for file in files {
            assert_eq!(mode(&file), 0o600, "{run} {}", file.display());
            if file.to_string_lossy().contains(".sqlite") {
                // As an earlier version left it.
                fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
            }
        }
        fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[tokio::test]
async fn a_directory_that_cannot_keep_data_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let broken = directory.path().join("broken");
    fs::create_dir_all(broken.join("dynamodb.sqlite")).unwrap();
    for path in [Path::new("/proc/x"), &file, &file.join("below"), &broken] {
        let error = refusal(options(Some(path), &[])).await;
        assert!(error.contains(&format!("cannot keep data in {}", path.display())), "{error}");
    }
}
