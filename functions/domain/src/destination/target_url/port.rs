//! Which ports a URL may name.

/// The port of HTTPS and its usual alternative.
const HTTPS: [u16; 2] = [443, 8443];

/// First port above those of the system's services: RFC 6335, 6.
const FIRST_USER_PORT: u16 = 1024;

/// Services above [`FIRST_USER_PORT`] that webhooks must not reach: some execute whatever they receive, and customers
/// could use us to scan for the others. The well-known ones among the bad ports of
/// <https://fetch.spec.whatwg.org/#port-blocking>, and databases, caches, queues and remote control.
const BLOCKED_SERVICES: [(u16, &str); 36] = [
    (1080, "SOCKS"),
    (1433, "SQL Server"),
    (1521, "Oracle"),
    (1723, "PPTP"),
    (2049, "NFS"),
    (2222, "SSH"),
    (2375, "Docker"),
    (2376, "Docker"),
    (2379, "etcd"),
    (2380, "etcd"),
    (3128, "Squid"),
    (3306, "MySQL"),
    (3389, "Remote Desktop"),
    (5060, "SIP"),
    (5061, "SIP"),
    (5432, "PostgreSQL"),
    (5671, "AMQP"),
    (5672, "AMQP"),
    (5900, "VNC"),
    (5984, "CouchDB"),
    (5985, "WinRM"),
    (5986, "WinRM"),
    (6000, "X11"),
    (6379, "Redis"),
    (6380, "Redis"),
    (6443, "Kubernetes"),
    (6667, "IRC"),
    (6697, "IRC"),
    (9042, "Cassandra"),
    (9092, "Kafka"),
    (9200, "Elasticsearch"),
    (9300, "Elasticsearch"),
    (10080, "Amanda"),
    (10250, "Kubernetes"),
    (11211, "Memcached"),
    (27017, "MongoDB"),
];

/// Checks a port. `local`: the host is this machine, where any user port may be a test's receiver.
pub(super) fn check(port: u16, local: bool) -> Result<(), String> {
    if HTTPS.contains(&port) {
        return Ok(());
    }
    if port < FIRST_USER_PORT {
        return Err(format!("names port {port}, but only 443, 8443 and ports from 1024 are allowed"));
    }
    match BLOCKED_SERVICES.iter().find(|(blocked, _)| *blocked == port) {
        Some((_, service)) if !local => Err(format!("names port {port}, which belongs to {service}")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_of_web_servers_are_taken() {
        for port in [443, 8443, 1024, 3000, 8080, 10443, 65535] {
            assert_eq!(check(port, false), Ok(()), "{port}");
        }
    }

    #[test]
    fn ports_of_other_services_are_refused() {
        for port in [0, 1, 22, 25, 80, 444, 1023] {
            assert!(check(port, false).is_err(), "{port}");
            assert!(check(port, true).is_err(), "{port}");
        }
        assert_eq!(check(6379, false).unwrap_err(), "names port 6379, which belongs to Redis");
        assert_eq!(check(6379, true), Ok(()), "a test's receiver");
    }
}
