//! Servers in processes of their own, with a proxy on the way from each to each, so that any can be cut off.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::proxy::Proxy;

/// Nothing here takes longer on any machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// How long servers wait for a leader, in milliseconds, and how often one is heard of.
#[derive(Clone, Copy)]
pub(crate) struct Timing {
    election: (u64, u64),
    heartbeat: u64,
}

impl Timing {
    /// Longer than any write takes to become durable on a machine that has much else to do: an election needs some.
    const USUAL: Self = Self { election: (400, 900), heartbeat: 100 };
    /// For who expects the same leader from beginning to end, on whatever machine.
    pub(crate) const STEADY: Self = Self { election: (2_000, 4_000), heartbeat: 200 };

    fn file(self) -> String {
        let Self { election: (start, end), heartbeat } = self;
        format!("{{\"EToutStart\":{start},\"EToutEnd\":{end},\"HTout\":{heartbeat}\n}}")
    }
}

/// Within three of the longest election timeouts there is a leader that takes writes: one until somebody campaigns, one for a
/// vote that is split, and one for all else.
pub(crate) const RESUMES_WITHIN: Duration = Duration::from_millis(3 * Timing::USUAL.election.1);

pub(crate) struct Cluster {
    pub(crate) directory: PathBuf,
    ports: BTreeMap<u64, Ports>,
    children: BTreeMap<u64, Child>,
    /// On the way from the first to the second.
    proxies: BTreeMap<(u64, u64), Proxy>,
    pub(crate) flags: Vec<String>,
}

#[derive(Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) peers: u16,
    pub(crate) clients: u16,
    pub(crate) admin: u16,
}

/// A port that nobody has, and that nobody gets by chance before the server has bound it: from below those that
/// systems hand to outgoing connections (from 32768 on Linux), each once in this process.
fn free_port() -> u16 {
    const LOWEST: u32 = 10_000;
    const COUNT: u32 = 20_000;
    static TRIED: AtomicU32 = AtomicU32::new(0);
    // Tests of two checkouts on one machine begin at different places.
    let first = std::process::id().wrapping_mul(7_919);
    let candidate = || {
        let port = LOWEST + first.wrapping_add(TRIED.fetch_add(1, Ordering::Relaxed)) % COUNT;
        u16::try_from(port).expect("below 30,000")
    };
    (0..COUNT).map(|_| candidate()).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a free port")
}

impl Ports {
    fn free() -> Self {
        Self { peers: free_port(), clients: free_port(), admin: free_port() }
    }
}

impl Cluster {
    pub(crate) fn start(count: u64) -> Self {
        Self::start_with(count, Timing::USUAL, &["--insecure"])
    }

    pub(crate) fn start_with(count: u64, timing: Timing, flags: &[&str]) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("kvstore-processes-{}-{number}", std::process::id()));
        fs::create_dir_all(&directory).expect("a directory");
        fs::write(directory.join("conf.json"), timing.file()).expect("a file");
        fs::write(directory.join("secret"), "open sesame 123").expect("a file");
        let mut cluster = Self {
            ports: (1..=count).map(|id| (id, Ports::free())).collect(),
            directory,
            children: BTreeMap::new(),
            proxies: BTreeMap::new(),
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
        };
        for id in 1..=count {
            cluster.start_server(id);
        }
        cluster.leader();
        cluster
    }

    pub(crate) fn servers(&self) -> Vec<u64> {
        self.ports.keys().copied().collect()
    }

    pub(crate) fn ports(&self, id: u64) -> Ports {
        self.ports[&id]
    }

    pub(crate) fn add_ports(&mut self, id: u64) -> Ports {
        *self.ports.entry(id).or_insert_with(Ports::free)
    }

    /// Each server's own peers file: the others are behind proxies.
    fn write_peers(&mut self, own: u64) -> PathBuf {
        let mut peers = Vec::new();
        for (id, ports) in self.ports.clone() {
            let port = if id == own {
                ports.peers
            } else {
                self.proxies.entry((own, id)).or_insert_with(|| Proxy::start(ports.peers)).port()
            };
            peers.push(format!("{{\"P_id\":{id},\"Host\":\"tcp://127.0.0.1:{port}\"}}"));
        }
        let path = self.directory.join(format!("peers-{own}.json"));
        fs::write(&path, format!("{{\"Peers\":[{}]}}", peers.join(","))).expect("a file");
        path
    }

    pub(crate) fn start_server(&mut self, id: u64) {
        let flags = self.flags.clone();
        self.start_server_with(id, &flags.iter().map(String::as_str).collect::<Vec<_>>());
    }

    pub(crate) fn start_server_with(&mut self, id: u64, flags: &[&str]) {
        let peers = self.write_peers(id);
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.directory.join(format!("log-{id}")))
            .expect("a file");
        let child = self
            .serve(id, id, peers)
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the program");
        self.children.insert(id, child);
    }

    fn serve(&self, id: u64, directory_of: u64, peers: PathBuf) -> Command {
        let ports = self.ports[&id];
        let mut command = Command::new(env!("CARGO_BIN_EXE_kvstore"));
        command
            .arg("serve")
            .args(["--id", &id.to_string()])
            .args([PathBuf::from("--peers"), peers])
            .args([PathBuf::from("--conf"), self.directory.join("conf.json")])
            .args([PathBuf::from("--data"), self.data(directory_of)])
            .args(["--clients", &format!("127.0.0.1:{}", ports.clients)])
            .args(["--admin", &format!("127.0.0.1:{}", ports.admin)])
            .args(["--segment-mib", "1"]);
        command
    }

    /// What a server says, and whether it ends well, where another has its directory.
    pub(crate) fn serve_in_directory_of(&mut self, other: u64, id: u64) -> (bool, String) {
        let peers = self.write_peers(id);
        let output = self.serve(id, other, peers).arg("--insecure").output().expect("the program");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    pub(crate) fn data(&self, id: u64) -> PathBuf {
        self.directory.join(format!("data-{id}"))
    }

    pub(crate) fn pid(&self, id: u64) -> u32 {
        self.children[&id].id()
    }

    pub(crate) fn log(&self, id: u64) -> String {
        fs::read_to_string(self.directory.join(format!("log-{id}"))).unwrap_or_default()
    }

    /// Where all listen for clients.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.ports.values().map(|ports| format!("127.0.0.1:{}", ports.clients)).collect()
    }

    pub(crate) fn kill(&mut self, id: u64) {
        if let Some(mut child) = self.children.remove(&id) {
            child.kill().expect("a process");
            child.wait().expect("a process");
        }
    }

    fn signal(&self, id: u64, signal: &str) {
        let pid = self.children[&id].id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().expect("kill").success());
    }

    pub(crate) fn pause(&self, id: u64) {
        self.signal(id, "-STOP");
    }

    pub(crate) fn resume(&self, id: u64) {
        self.signal(id, "-CONT");
    }

    /// Nothing reaches the server from others, nor others from it. Clients do.
    pub(crate) fn cut_off(&self, id: u64) {
        let is_its = |(from, to): &(u64, u64)| *from == id || *to == id;
        self.proxies.iter().filter(|(way, _)| is_its(way)).for_each(|(_, proxy)| proxy.cut());
    }

    pub(crate) fn heal(&self) {
        self.proxies.values().for_each(Proxy::heal);
    }

    /// Whoever says that it leads, in the highest term.
    pub(crate) fn leader(&self) -> u64 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let leads = |id: &u64| {
                let status = self.get(*id, "/status")?;
                let status: serde_json::Value = serde_json::from_str(&status).ok()?;
                (status["role"] == "leader").then(|| (status["term"].as_u64(), *id))
            };
            if let Some((_, leader)) = self.ports.keys().filter_map(leads).max() {
                return leader;
            }
            assert!(Instant::now() < deadline, "nobody leads: {}", self.all_logs());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The leader, once all servers know it.
    pub(crate) fn leader_of_all(&self) -> u64 {
        let mut known = None;
        until("all know one leader", || {
            let leader = self.leader();
            known = Some(leader);
            let knows = |id: &u64| self.status(*id).is_some_and(|status| status["leader"] == leader);
            self.children.keys().all(knows)
        });
        known.expect("it was just found")
    }

    pub(crate) fn all_logs(&self) -> String {
        self.ports.keys().map(|id| format!("--- {id}\n{}", self.log(*id))).collect()
    }

    pub(crate) fn status(&self, id: u64) -> Option<serde_json::Value> {
        serde_json::from_str(&self.get(id, "/status")?).ok()
    }

    /// A page of the operators' port.
    pub(crate) fn get(&self, id: u64, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.ports[&id].admin)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
    }

    /// What `kvstore admin` prints, and whether it succeeded.
    pub(crate) fn admin(&self, arguments: &[&str]) -> (bool, String) {
        let servers: Vec<String> = self.ports.values().map(|ports| format!("127.0.0.1:{}", ports.admin)).collect();
        let output = Command::new(env!("CARGO_BIN_EXE_kvstore"))
            .args(["admin", "--servers", &servers.join(",")])
            .args(arguments)
            .output()
            .expect("the program");
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        (output.status.success(), text.into_owned())
    }

    /// Has an operator ask until it is so: who asks while leadership changes is told to ask again, or that nobody knows.
    pub(crate) fn admin_until(&self, arguments: &[&str], what: &str, is: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is(self) {
            let (_, text) = self.admin(arguments);
            let next = Instant::now() + Duration::from_secs(5);
            while !is(self) && Instant::now() < next {
                std::thread::sleep(Duration::from_millis(20));
            }
            assert!(Instant::now() < deadline, "never: {what}; {text}\n{}", self.all_logs());
        }
    }

    /// With what code the process of a server has ended, if it has.
    pub(crate) fn has_ended(&mut self, id: u64) -> Option<Option<i32>> {
        let status = self.children.get_mut(&id).expect("started").try_wait().expect("a process")?;
        self.children.remove(&id);
        Some(status.code())
    }

    /// Waits until the process of a server ends by itself, and says with what code.
    pub(crate) fn wait_for_end(&mut self, id: u64) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(code) = self.has_ended(id) {
                return code;
            }
            assert!(Instant::now() < deadline, "it does not end: {}", self.log(id));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// All stop when they are told to, with exit code 0.
    pub(crate) fn stop_all(&mut self) {
        for id in self.children.keys().copied().collect::<Vec<_>>() {
            self.signal(id, "-TERM");
            assert_eq!(self.wait_for_end(id), Some(0), "{}", self.log(id));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for child in self.children.values_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}

/// Waits until `is` is so.
pub(crate) fn until(what: &str, mut is: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
