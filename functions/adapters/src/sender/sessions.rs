//! TLS sessions that are resumed, so that most handshakes need no certificate.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustls::NamedGroup;
use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::pki_types::ServerName;

/// The number of servers whose sessions are kept: destinations of a busy process.
const SERVERS: usize = 256;

/// Tickets of a server. A ticket resumes one session, and a batch opens ten connections at once.
const TICKETS: usize = 16;

/// The entries of [`ClientSessionMemoryCache`] for each server.
const ENTRIES: usize = 8;

/// Tickets by their server, the oldest first.
type Tickets = HashMap<ServerName<'static>, VecDeque<Tls13ClientSessionValue>>;

/// Keeps more tickets of TLS 1.3 than rustls does by itself: eight of each of 32 servers.
pub(super) struct Sessions {
    tickets: Mutex<Tickets>,
    others: ClientSessionMemoryCache,
}

impl Sessions {
    pub(super) fn new() -> Self {
        Self { tickets: Mutex::default(), others: ClientSessionMemoryCache::new(SERVERS * ENTRIES) }
    }

    fn tickets(&self) -> MutexGuard<'_, Tickets> {
        self.tickets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").finish_non_exhaustive()
    }
}

impl ClientSessionStore for Sessions {
    fn insert_tls13_ticket(&self, server: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        let mut servers = self.tickets();
        if servers.len() >= SERVERS && !servers.contains_key(&server) {
            // Any will do: it costs its next connections a full handshake.
            let forgotten = servers.keys().next().cloned();
            forgotten.and_then(|server| servers.remove(&server));
        }
        let tickets = servers.entry(server).or_default();
        if tickets.len() >= TICKETS {
            tickets.pop_front();
        }
        tickets.push_back(ticket);
    }

    fn take_tls13_ticket(&self, server: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.tickets().get_mut(server)?.pop_back()
    }

    fn set_kx_hint(&self, server: ServerName<'static>, group: NamedGroup) {
        self.others.set_kx_hint(server, group);
    }

    fn kx_hint(&self, server: &ServerName<'_>) -> Option<NamedGroup> {
        self.others.kx_hint(server)
    }

    fn set_tls12_session(&self, server: ServerName<'static>, session: Tls12ClientSessionValue) {
        self.others.set_tls12_session(server, session);
    }

    fn tls12_session(&self, server: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.others.tls12_session(server)
    }

    fn remove_tls12_session(&self, server: &ServerName<'static>) {
        self.others.remove_tls12_session(server);
    }
}
