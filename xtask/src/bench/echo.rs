//! The least that an echo server can do: one thread, epoll, read, write.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};

/// Which entry of the epoll set is the listener, and which one tells the server to end.
const LISTENER: u64 = u64::MAX;
const STOP: u64 = u64::MAX - 1;

/// A running echo server. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
    stop: Option<std::io::PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens on a port of the system's choice.
    pub(super) fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let (stopped, stop) = std::io::pipe()?;
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(
            &epoll,
            &listener,
            EventData::new_u64(LISTENER),
            EventFlags::IN,
        )?;
        epoll::add(&epoll, &stopped, EventData::new_u64(STOP), EventFlags::IN)?;
        let thread = thread::Builder::new().name("echo".into()).spawn(move || {
            // The pipe must stay open for as long as epoll watches it.
            let _stopped = stopped;
            if let Err(error) = serve(&epoll, &listener) {
                eprintln!("error: the echo server ended: {error:#}");
            }
        })?;
        Ok(Self {
            address,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Closing the pipe is the signal.
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // Its errors have been printed.
            let _ = thread.join();
        }
    }
}

fn serve(epoll: &OwnedFd, listener: &TcpListener) -> Result<()> {
    let mut connections: Vec<Option<TcpStream>> = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut events = Vec::with_capacity(1024);
    loop {
        events.clear();
        wait(epoll, &mut events)?;
        for event in &events {
            match event.data.u64() {
                STOP => return Ok(()),
                LISTENER => accept(epoll, listener, &mut connections)?,
                index => {
                    let slot = usize::try_from(index)
                        .ok()
                        .and_then(|at| connections.get_mut(at));
                    let slot = slot.context("epoll names a connection that was never added")?;
                    if let Some(stream) = slot
                        && !echo(stream, &mut buffer)
                    {
                        // Closing it removes it from the set.
                        *slot = None;
                    }
                }
            }
        }
    }
}

/// Waits for events, without end.
pub(super) fn wait(epoll: &OwnedFd, events: &mut Vec<Event>) -> Result<()> {
    match epoll::wait(epoll, rustix::buffer::spare_capacity(events), None) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn accept(
    epoll: &OwnedFd,
    listener: &TcpListener,
    connections: &mut Vec<Option<TcpStream>>,
) -> Result<()> {
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nodelay(true)?;
                stream.set_nonblocking(true)?;
                let data = EventData::new_u64(connections.len() as u64);
                epoll::add(epoll, &stream, data, EventFlags::IN)?;
                connections.push(Some(stream));
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error).context("cannot accept"),
        }
    }
}

/// One read and one write; whether the connection goes on. Requests are small and one at a time, so the
/// write always fits.
fn echo(stream: &mut TcpStream, buffer: &mut [u8]) -> bool {
    match stream.read(buffer) {
        Ok(0) => false,
        Ok(count) => stream.write_all(&buffer[..count]).is_ok(),
        Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_echoes_and_ends() {
        let server = Server::start().unwrap();
        let mut clients: Vec<_> = (0..3)
            .map(|_| TcpStream::connect(server.address()).unwrap())
            .collect();
        let mut check = |index: usize, text: &[u8]| {
            clients[index].write_all(text).unwrap();
            let mut found = vec![0; text.len()];
            clients[index].read_exact(&mut found).unwrap();
            assert_eq!(found, text);
        };
        check(0, b"one");
        check(2, b"three");
        check(1, b"two");
        clients.remove(0);
        drop(server);
        assert!(matches!(clients[0].read(&mut [0]), Ok(0) | Err(_)));
    }
}
