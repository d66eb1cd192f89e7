//! etcd's own protocol: gRPC over HTTP/2.

use std::rc::Rc;
use std::time::Instant;

use http::uri::PathAndQuery;
use prost::Message;
use tokio::task::JoinHandle;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;

use super::{Course, Problem, Taken, VALUE, Wish};

/// As in `etcdserverpb`: what is needed of it.
#[derive(Clone, PartialEq, Message)]
struct PutRequest {
    #[prost(bytes, tag = "1")]
    key: Vec<u8>,
    #[prost(bytes, tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct PutResponse {
    #[prost(message, optional, tag = "1")]
    header: Option<ResponseHeader>,
}

#[derive(Clone, PartialEq, Message)]
struct StatusRequest {}

#[derive(Clone, PartialEq, Message)]
struct StatusResponse {
    #[prost(message, optional, tag = "1")]
    header: Option<ResponseHeader>,
    #[prost(uint64, tag = "4")]
    leader: u64,
}

#[derive(Clone, PartialEq, Message)]
struct ResponseHeader {
    #[prost(uint64, tag = "2")]
    member_id: u64,
}

pub(super) async fn clients(
    wish: &Wish,
    course: &Rc<Course>,
) -> Result<Vec<JoinHandle<Result<Taken, Problem>>>, Problem> {
    let leader = leader(&wish.addresses).await?;
    let mut connections = Vec::new();
    for _ in 0..wish.connections {
        connections.push(connect(&leader).await?);
    }
    let clients = (0..wish.clients).map(|client| {
        let connection = connections[client % connections.len()].clone();
        tokio::task::spawn_local(run(connection, course.clone()))
    });
    Ok(clients.collect())
}

async fn run(connection: Grpc<Channel>, course: Rc<Course>) -> Result<Taken, Problem> {
    let mut taken = Taken::default();
    let mut connection = connection;
    loop {
        let request = PutRequest { key: course.next_key().into_bytes(), value: VALUE.to_vec() };
        let begun = Instant::now();
        let _: PutResponse = ask(&mut connection, "/etcdserverpb.KV/Put", request).await?;
        if !taken.note(&course, begun) {
            return Ok(taken);
        }
    }
}

async fn connect(address: &str) -> Result<Grpc<Channel>, Problem> {
    let channel = Endpoint::from_shared(format!("http://{address}"))?.tcp_nodelay(true).connect().await?;
    Ok(Grpc::new(channel))
}

async fn ask<Q, A>(connection: &mut Grpc<Channel>, path: &'static str, question: Q) -> Result<A, Problem>
where
    Q: Message + 'static,
    A: Message + Default + 'static,
{
    connection.ready().await?;
    let codec: ProstCodec<Q, A> = ProstCodec::default();
    let answer = connection.unary(tonic::Request::new(question), PathAndQuery::from_static(path), codec).await?;
    Ok(answer.into_inner())
}

/// Where the leader listens: that server says its own name for it.
async fn leader(addresses: &[String]) -> Result<String, Problem> {
    for address in addresses {
        let Ok(mut connection) = connect(address).await else { continue };
        let status: StatusResponse = ask(&mut connection, "/etcdserverpb.Maintenance/Status", StatusRequest {}).await?;
        let own = status.header.map(|header| header.member_id);
        if own == Some(status.leader) {
            return Ok(address.clone());
        }
    }
    Err("nobody leads".into())
}
