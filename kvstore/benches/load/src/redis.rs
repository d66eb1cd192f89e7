//! The Redis protocol.

use std::rc::Rc;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::{Course, Problem, Taken, VALUE, Wish};

pub(super) async fn clients(
    wish: &Wish,
    course: &Rc<Course>,
) -> Result<Vec<JoinHandle<Result<Taken, Problem>>>, Problem> {
    let leader = leader(&wish.addresses).await?;
    let mut clients = Vec::new();
    for _ in 0..wish.clients {
        let stream = TcpStream::connect(&leader).await?;
        stream.set_nodelay(true)?;
        clients.push(tokio::task::spawn_local(run(stream, course.clone())));
    }
    Ok(clients)
}

/// So many puts are under way at once.
const AHEAD: u64 = 512;

/// Puts over and over the same keys, each value another one.
pub(super) async fn fill(address: &str, puts: u64, keys: u64) -> Result<(), Problem> {
    let mut stream = TcpStream::connect(address).await?;
    let mut number = 0;
    while number < puts {
        let count = AHEAD.min(puts - number);
        let put = |number: u64| {
            format!("*3\r\n$3\r\nSET\r\n$11\r\nkey{:08}\r\n$100\r\n{number:0100}\r\n", number % keys.max(1))
        };
        let commands: String = (number..number + count).map(put).collect();
        stream.write_all(commands.as_bytes()).await?;
        let expected = b"+OK\r\n".repeat(count as usize);
        let mut said = vec![0; expected.len()];
        stream.read_exact(&mut said).await?;
        if said != expected {
            return Err(format!("refused: {}", String::from_utf8_lossy(&said)).into());
        }
        number += count;
    }
    Ok(())
}

async fn run(mut stream: TcpStream, course: Rc<Course>) -> Result<Taken, Problem> {
    let mut taken = Taken::default();
    let mut said = [0; 256];
    loop {
        let key = course.next_key();
        let mut command = format!("*3\r\n$3\r\nSET\r\n${}\r\n{key}\r\n$100\r\n", key.len()).into_bytes();
        command.extend_from_slice(&VALUE);
        command.extend_from_slice(b"\r\n");
        let begun = Instant::now();
        stream.write_all(&command).await?;
        let mut length = 0;
        while !said[..length].ends_with(b"\r\n") {
            match stream.read(&mut said[length..]).await? {
                0 => return Err("the server hung up".into()),
                count => length += count,
            }
        }
        if &said[..length] != b"+OK\r\n" {
            return Err(format!("refused: {}", String::from_utf8_lossy(&said[..length])).into());
        }
        if !taken.note(&course, begun) {
            return Ok(taken);
        }
    }
}

/// Where the leader listens, as any server says it.
async fn leader(addresses: &[String]) -> Result<String, Problem> {
    for address in addresses {
        let Ok(mut stream) = TcpStream::connect(address).await else { continue };
        stream.write_all(b"*1\r\n$4\r\nINFO\r\n").await?;
        let mut said = vec![0; 4096];
        let count = stream.read(&mut said).await?;
        let text = String::from_utf8_lossy(&said[..count]).into_owned();
        let leader = text.lines().find_map(|line| line.strip_prefix("raft_leader_address:"));
        if let Some(leader) = leader.map(str::trim).filter(|leader| !leader.is_empty()) {
            return Ok(leader.to_owned());
        }
    }
    Err("nobody knows of a leader".into())
}
