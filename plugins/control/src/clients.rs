//! The clients: a thread that waits for them, and one for each while it is there.
//!
//! All of it blocks, so that a node to which nobody talks makes no wake-ups, and nothing of it can hold up the node.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use skynet_service::log;

use crate::inbox::{Inbox, Job};
use crate::line::{Answer, Assembly, Line, encode};
use crate::request::Request;

/// Clients at once.
const MAX_CLIENTS: usize = 16;
/// How long a client may take to say what it wants, and to read the answer.
const CLIENT_PATIENCE: Duration = Duration::from_secs(10);
/// How long a request may take. A launch that takes longer goes on, unwatched.
const ANSWER_PATIENCE: Duration = Duration::from_secs(25);
/// How long to wait when the system has no resources for another connection.
const PAUSE: Duration = Duration::from_millis(250);

/// Serves clients until `inbox` is closed and the listener shut down.
pub(crate) fn listen(listener: UnixListener, inbox: Arc<Inbox>) -> io::Result<()> {
    thread::Builder::new()
        .name("control".to_owned())
        .spawn(move || accept(&listener, &inbox))
        .map(|_| ())
}

fn accept(listener: &UnixListener, inbox: &Arc<Inbox>) {
    let clients = Arc::new(AtomicUsize::new(0));
    let mut is_failing = false;
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                is_failing = false;
                admit(stream, inbox, &clients);
            }
            Err(_) if inbox.is_closed() => return,
            Err(error) => {
                if !std::mem::replace(&mut is_failing, true) {
                    log::warn!("the control socket takes no clients: {error}; still trying");
                }
                thread::sleep(PAUSE);
            }
        }
    }
}

/// One of the clients that are there.
struct Seat(Arc<AtomicUsize>);

impl Seat {
    fn take(clients: &Arc<AtomicUsize>) -> Option<Self> {
        // Relaxed: the number alone matters. Only the accepting thread adds to it.
        if clients.load(Ordering::Relaxed) >= MAX_CLIENTS {
            return None;
        }
        clients.fetch_add(1, Ordering::Relaxed);
        Some(Self(Arc::clone(clients)))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn admit(stream: UnixStream, inbox: &Arc<Inbox>, clients: &Arc<AtomicUsize>) {
    let Some(seat) = Seat::take(clients) else {
        turn_away(stream, &format!("{MAX_CLIENTS} clients are there already"));
        return;
    };
    let inbox = Arc::clone(inbox);
    let spawned = thread::Builder::new()
        .name("control-client".to_owned())
        .spawn(move || {
            let _seat = seat;
            // A client that has gone, or does not read, is no concern of the node.
            drop(serve(stream, &inbox));
        });
    if let Err(error) = spawned {
        log::warn!("no thread for a client of the control socket: {error}");
    }
}

/// Refuses a client without waiting for it.
fn turn_away(mut stream: UnixStream, reason: &str) {
    if stream.set_nonblocking(true).is_ok() {
        drop(stream.write_all(format!("error\n{reason}\n").as_bytes()));
    }
}

fn serve(mut stream: UnixStream, inbox: &Inbox) -> io::Result<()> {
    let line = match read_line(&mut stream, Instant::now() + CLIENT_PATIENCE)? {
        Line::Complete(line) => line,
        Line::Refused(reason) => return answer(&mut stream, &Err(reason)),
        Line::Gone => return Ok(()),
    };
    match Request::parse(&line) {
        Ok(Request::Stop) => {
            // Told first: the node does not wait for its clients.
            answer(&mut stream, &Ok("the node stops\n".to_owned()))?;
            drop(stream);
            inbox.put(Job::Stop);
            Ok(())
        }
        Ok(request) => answer(&mut stream, &ask(inbox, request)),
        Err(error) => answer(&mut stream, &Err(error.to_string())),
    }
}

fn read_line(stream: &mut UnixStream, deadline: Instant) -> io::Result<Line> {
    let mut line = Assembly::default();
    let mut piece = [0; 4096];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(too_slow());
        }
        stream.set_read_timeout(Some(left))?;
        let count = match stream.read(&mut piece) {
            Ok(0) => return Ok(line.end()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if is_timeout(&error) => return Ok(too_slow()),
            Err(error) => return Err(error),
        };
        if let Some(line) = line.add(&piece[..count]) {
            return Ok(line);
        }
    }
}

fn too_slow() -> Line {
    let seconds = CLIENT_PATIENCE.as_secs();
    Line::Refused(format!("no request within {seconds} seconds"))
}

/// What a socket's read and write time-outs look like.
fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

fn ask(inbox: &Inbox, request: Request) -> Answer {
    let (reply, answer) = mpsc::sync_channel(1);
    if !inbox.put(Job::Ask(request, reply)) {
        return Err("the control service has ended".to_owned());
    }
    answer
        .recv_timeout(ANSWER_PATIENCE)
        .unwrap_or_else(|error| {
            Err(match error {
                mpsc::RecvTimeoutError::Timeout => format!(
                    "not done after {} seconds; it goes on",
                    ANSWER_PATIENCE.as_secs()
                ),
                mpsc::RecvTimeoutError::Disconnected => {
                    "the control service has ended before it answered".to_owned()
                }
            })
        })
}

fn answer(stream: &mut UnixStream, answer: &Answer) -> io::Result<()> {
    write(stream, encode(answer).as_bytes())
}

/// Writes all, in the time that a client has for it.
fn write(stream: &mut UnixStream, mut bytes: &[u8]) -> io::Result<()> {
    let deadline = Instant::now() + CLIENT_PATIENCE;
    while !bytes.is_empty() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_write_timeout(Some(left))?;
        match stream.write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::Shutdown;

    use super::*;
    use crate::line::MAX_LINE;

    /// What `serve` answers to `request`, with nobody behind the inbox.
    fn exchange(request: &[u8]) -> String {
        let (mut client, server) = UnixStream::pair().unwrap();
        let inbox = Inbox::default();
        inbox.close();
        let serving = thread::Builder::new()
            .spawn(move || serve(server, &inbox))
            .unwrap();
        // The server may hang up in the middle of it.
        drop(client.write_all(request));
        drop(client.shutdown(Shutdown::Write));
        let mut text = Vec::new();
        drop(client.read_to_end(&mut text));
        drop(serving.join().unwrap());
        String::from_utf8(text).unwrap()
    }

    fn check(request: &[u8], expected: &str) {
        let found = exchange(request);
        assert!(found.contains(expected), "{found:?}");
    }

    #[test]
    fn clients_are_answered_whatever_they_send() {
        assert_eq!(exchange(b""), "");
        check(b"list\n", "error\nthe control service has ended\n");
        check(b"list", "error\nthe request has no line feed\n");
        check(b"fly\n", "error\nthere is no command \"fly\"");
        check(b"\xff\xfe\n", "error\nthe request is not UTF-8\n");
        check(b"list\nlist\nlist\n", "error\nthe control");
        check(b"stop\n", "ok\nthe node stops\n");
    }

    #[test]
    fn endless_lines_are_refused() {
        let (mut client, mut server) = UnixStream::pair().unwrap();
        let reading = thread::Builder::new()
            .spawn(move || read_line(&mut server, Instant::now() + CLIENT_PATIENCE))
            .unwrap();
        drop(client.write_all(&vec![b'x'; MAX_LINE + 4096]));
        let line = reading.join().unwrap().unwrap();
        assert!(matches!(line, Line::Refused(reason) if reason.contains("65536 bytes")));
    }

    #[test]
    fn silent_clients_are_not_waited_for() {
        let (_client, mut server) = UnixStream::pair().unwrap();
        let line = read_line(&mut server, Instant::now() + Duration::from_millis(1)).unwrap();
        assert_eq!(line, too_slow());
    }

    #[test]
    fn seats_are_bounded_and_given_back() {
        let clients = Arc::new(AtomicUsize::new(0));
        let seats: Vec<_> = (0..MAX_CLIENTS)
            .map(|_| Seat::take(&clients).unwrap())
            .collect();
        assert!(Seat::take(&clients).is_none());
        drop(seats);
        assert!(Seat::take(&clients).is_some());
    }
}
