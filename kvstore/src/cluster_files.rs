//! The two files that describe a real cluster: who its servers are, and their timeouts.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Deserializer, de};

/// The most servers of one cluster.
pub const MOST_SERVERS: usize = 64;

/// A cluster as its operator describes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClusterFiles {
    timeouts: Option<Timeouts>,
    peers: Option<Vec<Peer>>,
}

/// The timeouts file: milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "UncheckedTimeouts")]
pub struct Timeouts {
    /// Elections begin after so long a silence: at least the first (`EToutStart`), and less than the second (`EToutEnd`).
    pub election_ms: (u64, u64),
    /// Leaders are heard of so often (`HTout`): below the shortest election timeout.
    pub heartbeat_ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UncheckedTimeouts {
    #[serde(rename = "EToutStart", deserialize_with = "milliseconds")]
    election_start: u64,
    #[serde(rename = "EToutEnd", deserialize_with = "milliseconds")]
    election_end: u64,
    #[serde(rename = "HTout", deserialize_with = "milliseconds")]
    heartbeat: u64,
}

/// The longest timeout that is believed: an hour.
const LONGEST_MS: u64 = 3_600_000;

fn milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let value = u64::deserialize(deserializer)?;
    if (1..=LONGEST_MS).contains(&value) {
        return Ok(value);
    }
    Err(de::Error::custom(format_args!("{value} is not between 1 and {LONGEST_MS} milliseconds")))
}

impl TryFrom<UncheckedTimeouts> for Timeouts {
    type Error = String;

    fn try_from(unchecked: UncheckedTimeouts) -> Result<Self, String> {
        let UncheckedTimeouts { election_start, election_end, heartbeat } = unchecked;
        if election_start >= election_end {
            return Err(format!("EToutEnd: {election_end} is not above EToutStart, {election_start}"));
        }
        if heartbeat >= election_start {
            return Err(format!("HTout: {heartbeat} is not below EToutStart, {election_start}"));
        }
        Ok(Self { election_ms: (election_start, election_end), heartbeat_ms: heartbeat })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PeersFile {
    #[serde(rename = "Peers", deserialize_with = "cluster")]
    peers: Vec<Peer>,
}

/// A server.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// Its id.
    #[serde(rename = "P_id")]
    pub id: u64,
    /// Where it listens for the others.
    #[serde(rename = "Host")]
    pub host: Host,
}

/// Where a server listens: `tcp://host:port`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Host(String);

impl Host {
    /// The address as `host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        self.0.trim_start_matches("tcp://")
    }

    /// The host's name or number alone.
    #[must_use]
    pub fn name(&self) -> &str {
        self.parts().0
    }

    /// The port alone.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.parts().1
    }

    fn parts(&self) -> (&str, u16) {
        // Checked when it was read.
        let (name, port) = self.address().rsplit_once(':').unwrap_or_default();
        (name, port.parse().unwrap_or_default())
    }
}

impl TryFrom<String> for Host {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let address = text.strip_prefix("tcp://").and_then(|rest| rest.rsplit_once(':'));
        match address {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0) => Ok(Self(text)),
            _ => Err(format!("'{text}' is not an address like tcp://127.0.0.1:8002")),
        }
    }
}

fn cluster<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Peer>, D::Error> {
    let peers = Vec::<Peer>::deserialize(deserializer)?;
    if peers.is_empty() || peers.len() > MOST_SERVERS {
        return Err(de::Error::custom(format_args!("{} servers, not 1 to {}", peers.len(), MOST_SERVERS)));
    }
    let (mut ids, mut hosts) = (BTreeSet::new(), BTreeSet::new());
    for peer in &peers {
        if !ids.insert(peer.id) {
            return Err(de::Error::custom(format_args!("P_id {} is there twice", peer.id)));
        }
        if !hosts.insert(&peer.host.0) {
            return Err(de::Error::custom(format_args!("Host {} is there twice", peer.host.0)));
        }
    }
    Ok(peers)
}

impl ClusterFiles {
    /// Reads the timeouts file and the peers file, either of which may be left out.
    ///
    /// # Errors
    /// In one line: the file, the place and the field, and what is wrong there.
    pub fn read(conf: Option<&Path>, peers: Option<&Path>) -> Result<Self, String> {
        let timeouts = conf.map(read_json::<Timeouts>).transpose()?;
        let peers = peers.map(read_json::<PeersFile>).transpose()?.map(|file| file.peers);
        Ok(Self { timeouts, peers })
    }

    /// What the timeouts file says, where there is one.
    #[must_use]
    pub fn timeouts(&self) -> Option<Timeouts> {
        self.timeouts
    }

    /// The servers that the peers file names, where there is one.
    #[must_use]
    pub fn peers(&self) -> Option<&[Peer]> {
        self.peers.as_deref()
    }

    /// The cluster in a few words.
    #[must_use]
    pub fn describe(&self) -> String {
        let servers: Vec<String> =
            self.peers.iter().flatten().map(|peer| format!("{} at {}", peer.id, peer.host.address())).collect();
        let timeouts = self.timeouts.map(|Timeouts { election_ms, heartbeat_ms }| {
            format!("elections after {} to {} ms, heartbeats every {heartbeat_ms} ms", election_ms.0, election_ms.1)
        });
        let servers = (!servers.is_empty()).then(|| format!("servers {}", servers.join(", ")));
        [servers, timeouts].into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

fn read_json<'de, T: Deserialize<'de>>(path: &Path) -> Result<T, String> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|error| format!("{shown}: {error}"))?;
    parse_json(&text).map_err(|problem| format!("{shown}:{problem}"))
}

/// Parses `text`; an error starts with the line and column, and names the field.
fn parse_json<'de, T: Deserialize<'de>>(text: &str) -> Result<T, String> {
    let mut deserializer = serde_json::Deserializer::from_reader(text.as_bytes());
    let parsed = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let field = error.path().to_string();
        let problem = error.into_inner();
        let place = format!("{}:{}", problem.line(), problem.column());
        let words = problem.to_string();
        let words = words.rsplit_once(" at line ").map_or(words.as_str(), |(words, _)| words);
        if matches!(field.as_str(), "." | "?") {
            format!("{place}: {words}")
        } else {
            format!("{place}: {field}: {words}")
        }
    })?;
    deserializer
        .end()
        .map_err(|problem| format!("{}:{}: something follows the end", problem.line(), problem.column()))?;
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONF: &str = "{\"EToutStart\":150,\"EToutEnd\":400,\"HTout\":50\n}";

    fn conf_error(text: &str) -> String {
        parse_json::<Timeouts>(text).expect_err("must be refused")
    }

    fn peers_error(text: &str) -> String {
        parse_json::<PeersFile>(text).map(|_| ()).expect_err("must be refused")
    }

    #[test]
    fn timeouts_are_taken_as_they_are() {
        let timeouts = parse_json::<Timeouts>(CONF).unwrap();
        assert_eq!(timeouts, Timeouts { election_ms: (150, 400), heartbeat_ms: 50 });
    }

    #[test]
    fn an_error_names_the_line_and_the_field() {
        assert!(conf_error("{\"EToutStart\":150,\n\"EToutEnd\":\"x\",\"HTout\":50}").starts_with("2:14: EToutEnd: "));
        assert!(conf_error("{\"EToutStart\":150,\n\"EToutEnd\":-1,\"HTout\":50}").starts_with("2:"));
        assert!(conf_error("{\"EToutStart\":0,\"EToutEnd\":1,\"HTout\":50}").contains("EToutStart: 0 is not between"));
        assert!(conf_error("{\"EToutStart\":150,\"EToutEnd\":400}").contains("HTout"));
        assert!(conf_error("{\"EToutStart\":150,\"EToutEnd\":400,\"HTout\":50,\n\"More\":1}").contains("More"));
        assert!(conf_error(&CONF[..20]).starts_with("1:20: EOF"));
        assert_eq!(conf_error("{\"EToutStart\":150\n\"HTout\":50}"), "2:1: expected `,` or `}`");
        assert!(conf_error(&format!("{CONF} x")).contains("something follows the end"));
    }

    #[test]
    fn timeouts_that_cannot_work_are_refused() {
        assert!(conf_error("{\"EToutStart\":400,\"EToutEnd\":400,\"HTout\":50}").contains("EToutEnd"));
        assert!(conf_error("{\"EToutStart\":150,\"EToutEnd\":400,\"HTout\":150}").contains("HTout"));
    }

    #[test]
    fn servers_have_their_own_ids_and_addresses() {
        let twice = |field: &str| {
            let (id, port) = if field == "id" { (1, 2) } else { (2, 1) };
            format!(
                "{{\"Peers\":[{{\"P_id\":1,\"Host\":\"tcp://a:1\"}},\n{{\"P_id\":{id},\"Host\":\"tcp://a:{port}\"}}]}}"
            )
        };
        assert!(peers_error(&twice("id")).contains("P_id 1 is there twice"));
        assert!(peers_error(&twice("host")).contains("tcp://a:1 is there twice"));
        assert!(peers_error("{\"Peers\":[]}").contains("0 servers"));
        assert!(peers_error("{\"Peers\":[{\"P_id\":1,\"Host\":\"127.0.0.1\"}]}").contains("Peers[0].Host"));
    }
}
