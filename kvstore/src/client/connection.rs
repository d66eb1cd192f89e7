//! One connection to one server.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use bytes::BytesMut;
use redis_protocol::resp2::encode::extend_encode;
use redis_protocol::resp2::types::BytesFrame as Frame;

#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    input: BytesMut,
}

impl Connection {
    pub(super) fn open(address: &str, patience: Duration) -> io::Result<Self> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "no such address");
        for resolved in address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&resolved, patience) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(Self { stream, input: BytesMut::new() });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Sends a command and waits for its answer. After an error, the connection is of no use.
    pub(super) fn ask(&mut self, words: &[&[u8]], patience: Duration) -> io::Result<Frame> {
        let command = Frame::Array(words.iter().map(|word| Frame::BulkString(word.to_vec().into())).collect());
        let mut output = BytesMut::new();
        extend_encode(&mut output, &command, false).map_err(io::Error::other)?;
        self.stream.set_write_timeout(Some(patience))?;
        self.stream.set_read_timeout(Some(patience))?;
        self.stream.write_all(&output)?;
        let mut piece = vec![0; 16 << 10];
        loop {
            match redis_protocol::resp2::decode::decode_bytes_mut(&mut self.input) {
                Ok(Some((frame, _, _))) => return Ok(frame),
                Ok(None) => {}
                Err(problem) => return Err(io::Error::other(problem)),
            }
            match self.stream.read(&mut piece)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => self.input.extend_from_slice(&piece[..count]),
            }
        }
    }
}
