//! A TCP proxy in front of a server: it forwards, records, and can be cut.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A running proxy.
pub(crate) struct TcpProxy {
    /// Its address.
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<u8>>>,
    connected: watch::Sender<bool>,
    _task: JoinSet<()>,
}

#[derive(Clone)]
struct Forwarder {
    target: SocketAddr,
    seen: Option<Arc<Mutex<Vec<u8>>>>,
    /// Bytes of a Kafka broker's advertised address and their replacement.
    rewrites: Arc<Vec<(Vec<u8>, Vec<u8>)>>,
    connected: watch::Receiver<bool>,
}

impl TcpProxy {
    /// Forwards and records everything.
    pub(crate) async fn recording(target: SocketAddr) -> Self {
        Self::open(target, true, false).await
    }

    /// Forwards everything.
    pub(crate) async fn plain(target: SocketAddr) -> Self {
        Self::open(target, false, false).await
    }

    /// Forwards everything; a broker's advertised address is replaced by the proxy's.
    pub(crate) async fn of_broker(target: SocketAddr) -> Self {
        Self::open(target, false, true).await
    }

    async fn open(target: SocketAddr, records: bool, is_broker: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::<Mutex<Vec<u8>>>::default();
        let (connected, watched) = watch::channel(true);
        let rewrites = if is_broker { rewrites(target.port(), address.port()) } else { Vec::new() };
        let forwarder = Forwarder {
            target,
            seen: records.then(|| seen.clone()),
            rewrites: Arc::new(rewrites),
            connected: watched,
        };
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut forwarders = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                forwarders.spawn(forwarder.clone().carry(client));
            }
        });
        Self { address, seen, connected, _task: task }
    }

    /// Closes every connection, and every new one at once.
    pub(crate) fn cut(&self) {
        self.connected.send_replace(false);
    }

    /// Forwards again.
    pub(crate) fn mend(&self) {
        self.connected.send_replace(true);
    }

    /// Everything recorded.
    pub(crate) fn seen(&self) -> Vec<u8> {
        self.seen.lock().unwrap().clone()
    }
}

impl Forwarder {
    async fn carry(mut self, client: TcpStream) {
        if !*self.connected.borrow_and_update() {
            return;
        }
        let Ok(server) = TcpStream::connect(self.target).await else { return };
        let ((from_client, to_client), (from_server, to_server)) =
            (client.into_split(), server.into_split());
        let mut connected = self.connected.clone();
        tokio::select! {
            () = async { drop(connected.wait_for(|connected| !connected).await); } => {}
            () = async {
                tokio::join!(self.pass(from_client, to_server, false), self.pass(from_server, to_client, true));
            } => {}
        }
    }

    async fn pass(
        &self,
        mut from: impl AsyncReadExt + Unpin,
        mut to: impl AsyncWriteExt + Unpin,
        is_answer: bool,
    ) {
        let mut buffer = vec![0; 64 * 1024];
        let mut whole = Vec::new();
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            let part = &buffer[..count];
            if let Some(seen) = &self.seen {
                seen.lock().unwrap().extend_from_slice(part);
            }
            let passed = if is_answer && !self.rewrites.is_empty() {
                whole.extend_from_slice(part);
                let mut ready = frames(&mut whole);
                self.rewrite(&mut ready);
                to.write_all(&ready).await
            } else {
                to.write_all(part).await
            };
            if passed.is_err() {
                break;
            }
        }
        drop(to.shutdown().await);
    }

    fn rewrite(&self, bytes: &mut [u8]) {
        for (old, new) in self.rewrites.iter() {
            let mut at = 0;
            while let Some(found) = bytes[at..].windows(old.len()).position(|window| window == old)
            {
                bytes[at + found..][..old.len()].copy_from_slice(new);
                at += found + old.len();
            }
        }
    }
}

/// The whole frames (four bytes of length, then as many) at the front.
fn frames(bytes: &mut Vec<u8>) -> Vec<u8> {
    let mut end = 0;
    while let Some(length) = bytes.get(end..end + 4) {
        let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
        if bytes.len() < end + 4 + length {
            break;
        }
        end += 4 + length;
    }
    bytes.drain(..end).collect()
}

/// Answers hold host and port next to each other.
fn rewrites(real: u16, shown: u16) -> Vec<(Vec<u8>, Vec<u8>)> {
    let hosts: [&[u8]; 2] = [b"127.0.0.1", b"localhost"];
    let of = |host: &[u8], port: u16| [host, &u32::from(port).to_be_bytes()[..]].concat();
    hosts.iter().map(|host| (of(host, real), of(host, shown))).collect()
}
