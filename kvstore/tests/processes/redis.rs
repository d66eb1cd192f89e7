//! The Redis protocol, as any of its clients speaks it.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use redis::{Commands, ErrorKind, RedisResult, ServerErrorKind, Value};

use super::cluster::{Cluster, PATIENCE, Timing};

struct Redis(TcpStream);

impl Redis {
    fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("a server");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        Self(stream)
    }

    /// What is said to a line, up to as many bytes as `expected` has.
    fn expect(&mut self, line: &str, expected: &str) {
        write!(self.0, "{line}\r\n").expect("sent");
        let mut said = vec![0; expected.len()];
        self.0.read_exact(&mut said).expect("an answer");
        assert_eq!(String::from_utf8_lossy(&said), expected, "{line}");
    }

    fn ask(&mut self, line: &str) -> String {
        write!(self.0, "{line}\r\n").expect("sent");
        let mut said = vec![0; 4096];
        let count = self.0.read(&mut said).expect("an answer");
        String::from_utf8_lossy(&said[..count]).into_owned()
    }
}

#[test]
fn redis_clients_get_what_redis_says() {
    let mut cluster = Cluster::start_with(3, Timing::STEADY, &["--insecure"]);
    let leader = cluster.leader();
    let mut redis = Redis::connect(cluster.ports(leader).clients);
    for (line, expected) in [
        ("PING", "+PONG\r\n"),
        ("SET a 1", "+OK\r\n"),
        ("SET a 2 NX", "$-1\r\n"),
        ("SET b 2 XX", "$-1\r\n"),
        ("SET a 3 XX GET", "$1\r\n1\r\n"),
        ("GET a", "$1\r\n3\r\n"),
        ("APPEND a 45", ":3\r\n"),
        ("MGET a b", "*2\r\n$3\r\n345\r\n$-1\r\n"),
        ("EXISTS a a b", ":2\r\n"),
        ("SCAN 0", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n"),
        ("DEL a b", ":1\r\n"),
        ("GET a", "$-1\r\n"),
        ("GET", "-ERR wrong number of arguments for 'get' command\r\n"),
        ("NOTHING", "-ERR unknown command 'NOTHING'\r\n"),
        // In one write: answered in their order, each seeing the ones before.
        ("SET p 1\r\nGET p\r\nSET p 2\r\nGET p", "+OK\r\n$1\r\n1\r\n+OK\r\n$1\r\n2\r\n"),
        ("KV.INSERT 1 hello", "+Done\r\n"),
        ("KV.VIEW 1", "$5\r\nhello\r\n"),
        ("KV.DELETE 1", "+Deleted\r\n"),
        ("KV.VIEW 1", "+Not_Found\r\n"),
    ] {
        redis.expect(line, expected);
    }
    let info = redis.ask("INFO");
    for field in ["raft_role:leader", "raft_term:", &format!("raft_leader:{leader}"), "raft_commit:"] {
        assert!(info.contains(field), "{field}: {info}");
    }
    for key in 0..25 {
        redis.expect(&format!("SET key{key:02} x"), "+OK\r\n");
    }
    let page = redis.ask("SCAN 0 MATCH key0* COUNT 5");
    let cursor = page.split("\r\n").nth(2).expect("a cursor").to_owned();
    assert!(page.contains("key04") && !page.contains("key05"), "{page}");
    assert!(redis.ask(&format!("SCAN {cursor} MATCH key* COUNT 5")).contains("key05"));
    cluster.stop_all();
}

#[test]
fn a_follower_says_where_the_leader_is_or_passes_commands_on() {
    let mut cluster = Cluster::start_with(3, Timing::STEADY, &["--insecure", "--forward"]);
    let leader = cluster.leader_of_all();
    let follower = cluster.servers().into_iter().find(|id| *id != leader).expect("three");
    let mut redis = Redis::connect(cluster.ports(follower).clients);
    redis.expect("SET f 1", "+OK\r\n");
    redis.expect("GET f", "$1\r\n1\r\n");
    cluster.stop_all();
    cluster.flags = vec!["--insecure".to_owned()];
    cluster.servers().into_iter().for_each(|id| cluster.start_server(id));
    let leader = cluster.leader_of_all();
    let follower = cluster.servers().into_iter().find(|id| *id != leader).expect("three");
    let mut redis = Redis::connect(cluster.ports(follower).clients);
    let moved = format!("-MOVED 0 127.0.0.1:{}\r\n", cluster.ports(leader).clients);
    redis.expect("SET f 2", &moved);
    redis.expect("GET f", &moved);
    redis.expect("READONLY", "+OK\r\n");
    redis.expect("GET f", "$1\r\n1\r\n");
    cluster.stop_all();
}

/// A follower of three servers that pass nothing on, and the leader.
fn follower_and_leader(cluster: &Cluster) -> (u64, u64) {
    let leader = cluster.leader_of_all();
    (cluster.servers().into_iter().find(|id| *id != leader).expect("three"), leader)
}

#[test]
fn a_redis_library_sets_reads_and_is_told_where_the_leader_is() {
    let mut cluster = Cluster::start_with(3, Timing::STEADY, &["--insecure"]);
    let (follower, leader) = follower_and_leader(&cluster);
    let connect = |address: &str| {
        let client = redis::Client::open(format!("redis://{address}/")).expect("an address");
        let connection = client.get_connection_with_timeout(PATIENCE).expect("a server");
        connection.set_read_timeout(Some(PATIENCE)).expect("a socket");
        connection
    };
    let mut asked = connect(&format!("127.0.0.1:{}", cluster.ports(follower).clients));
    let refused: RedisResult<()> = asked.set("k", "v");
    let error = refused.expect_err("a follower does not write");
    assert_eq!(error.kind(), ErrorKind::Server(ServerErrorKind::Moved), "{error}");
    let (address, _slot) = error.redirect_node().expect("where to ask");
    assert_eq!(address, format!("127.0.0.1:{}", cluster.ports(leader).clients));
    let mut redis = connect(address);
    let binary = b"two\r\nlines, and \0 and \xff".to_vec();
    assert_eq!(redis.set("k", &binary), Ok(()));
    assert_eq!(redis.get("k"), Ok(binary.clone()));
    assert_eq!(redis.set_nx("n", 1), Ok(true));
    assert_eq!(redis.append("n", 23), Ok(2 + 1));
    assert_eq!(redis.mget(&["n", "nobody"]), Ok((Some(123), None::<i64>)));
    let many: RedisResult<Vec<Value>> = redis::pipe().set("p", 1).get("p").set("p", 2).get("p").query(&mut redis);
    let text = |text: &str| Value::BulkString(text.into());
    assert_eq!(many, Ok(vec![Value::Okay, text("1"), Value::Okay, text("2")]));
    let mut keys: Vec<String> = redis.scan().expect("a page").map(|key| key.expect("a key")).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["k", "n", "p"]);
    assert_eq!(redis.del(&["k", "n", "p", "nobody"]), Ok(3));
    assert_eq!(redis.exists("k"), Ok(false));
    cluster.stop_all();
}

/// What `redis-cli` prints for one command.
fn redis_cli(port: u16, arguments: &[&str]) -> String {
    let mut command = Command::new("redis-cli");
    command.args(["-p", &port.to_string()]).args(arguments).stdin(Stdio::null());
    let output = command.output().expect("the program");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    text.trim_end().to_owned()
}

#[test]
fn redis_cli_sets_reads_and_follows_the_leader() {
    if Command::new("redis-cli").arg("--version").stdout(Stdio::null()).status().is_err() {
        // Not by `eprintln!`, which only a failing test shows.
        let _ =
            writeln!(io::stderr(), "SKIPPED redis_cli_sets_reads_and_follows_the_leader: redis-cli is not installed");
        return;
    }
    let mut cluster = Cluster::start_with(3, Timing::STEADY, &["--insecure"]);
    let (follower, leader) = follower_and_leader(&cluster);
    let (follower, leader) = (cluster.ports(follower).clients, cluster.ports(leader).clients);
    for (port, arguments, expected) in [
        (leader, &["PING"][..], "PONG"),
        (leader, &["SET", "a", "1"], "OK"),
        (leader, &["GET", "a"], "1"),
        (leader, &["APPEND", "a", "2"], "2"),
        (leader, &["SET", "a", "9", "NX"], ""),
        (follower, &["GET", "a"], &format!("MOVED 0 127.0.0.1:{leader}")),
        (follower, &["-c", "GET", "a"], "12"),
        (follower, &["-c", "SET", "b", "hello"], "OK"),
        (follower, &["-c", "MGET", "a", "b"], "12\nhello"),
        (leader, &["--scan"], "a\nb"),
        (follower, &["-c", "DEL", "a", "b"], "2"),
    ] {
        assert_eq!(redis_cli(port, arguments), expected, "redis-cli -p {port} {arguments:?}");
    }
    assert!(redis_cli(leader, &["INFO"]).contains("raft_role:leader"));
    cluster.stop_all();
}
