//! Commands passed on to the leader (`--forward`), each client's over a connection of its own.

use bytes::{Bytes as Wire, BytesMut};
use raft_core::NodeId;
use redis_protocol::resp2::types::BytesFrame as Frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tracing::debug;

use super::clients::{Clients, LONGEST_ANSWER, SLOWEST, encode, unknown};
use super::commands;

/// The connection to whoever led last.
#[derive(Debug, Default)]
pub(super) struct WayToLeader(Option<(NodeId, TcpStream)>);

impl WayToLeader {
    /// Asks the leader in the client's place, over a connection of its own, and returns what it says.
    pub(super) async fn pass_on(&mut self, server: &Clients, command: &[Wire]) -> Wire {
        let said = |frame: &Frame| {
            let mut output = BytesMut::new();
            encode(&mut output, frame);
            output.freeze()
        };
        let Some(leader) = server.leadership.borrow().leader else {
            return said(&commands::error("CLUSTERDOWN no leader is known"));
        };
        if self.0.as_ref().is_none_or(|(known, _)| *known != leader) {
            let address = server.book.get(leader).map(|addresses| addresses.clients).unwrap_or_default();
            match timeout(SLOWEST, TcpStream::connect(&address)).await {
                Ok(Ok(stream)) => self.0 = Some((leader, stream)),
                // Nothing was sent.
                _ => return said(&commands::error("CLUSTERDOWN the leader cannot be reached")),
            }
        }
        let Some((_, stream)) = &mut self.0 else { return said(&unknown()) };
        let asked = Frame::Array(command.iter().cloned().map(Frame::BulkString).collect());
        match timeout(LONGEST_ANSWER, relay(stream, &said(&asked))).await {
            Ok(Some(answer)) => answer,
            _ => {
                self.0 = None;
                said(&unknown())
            }
        }
    }
}

/// Sends a command and returns the bytes of its answer.
async fn relay(stream: &mut TcpStream, command: &[u8]) -> Option<Wire> {
    stream.write_all(command).await.ok()?;
    let mut answer = BytesMut::new();
    loop {
        if stream.read_buf(&mut answer).await.ok()? == 0 {
            return None;
        }
        let whole = answer.clone().freeze();
        match redis_protocol::resp2::decode::decode_bytes(&whole) {
            Ok(Some((_, length))) if length == whole.len() => return Some(whole),
            Ok(None) => {}
            _ => {
                debug!("the leader's answer makes no sense");
                return None;
            }
        }
    }
}
