//! An unmodified master, which does by itself what the original does.

use std::collections::BTreeMap;
use std::io::{BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::judge;
use super::packet::{self, Value, packet};
use crate::client::PATIENCE;
use crate::deadline::Deadline;

/// A running master. It ends, with its connections, when it is dropped.
#[derive(Debug)]
pub(crate) struct StockMaster {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    table: Mutex<Table>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Table {
    /// Everybody who was ever here; `None` is down, and never comes back.
    slaves: BTreeMap<u8, Option<TcpStream>>,
    names: BTreeMap<String, u32>,
    /// What may not have come.
    wrong: Vec<String>,
    is_over: bool,
}

impl StockMaster {
    /// Listens on an address of its own.
    pub(crate) fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        thread::Builder::new()
            .name("stock-master".into())
            .spawn(move || theirs.listen(&listener))?;
        Ok(Self { address, shared })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until a slave has said who it is.
    pub(crate) fn wait_slave(&self, id: u8, limit: Duration) -> Result<()> {
        let is_there = |table: &Table| matches!(table.slaves.get(&id), Some(Some(_))).then_some(());
        self.wait(&format!("slave {id}"), limit, is_there)
    }

    /// Waits until the connection of a slave has ended.
    pub(crate) fn wait_gone(&self, id: u8, limit: Duration) -> Result<()> {
        let is_gone = |table: &Table| matches!(table.slaves.get(&id), Some(None)).then_some(());
        self.wait(&format!("the end of slave {id}"), limit, is_gone)
    }

    /// Waits until a name is bound, and tells to what.
    pub(crate) fn wait_name(&self, name: &str, limit: Duration) -> Result<u32> {
        self.wait(&format!("name {name}"), limit, |table| {
            table.names.get(name).copied()
        })
    }

    /// Cuts the connection of a slave.
    pub(crate) fn cut(&self, id: u8) -> Result<()> {
        let table = self.shared.lock();
        let stream = table.slaves.get(&id).and_then(Option::as_ref);
        Ok(stream.context("no such slave")?.shutdown(Shutdown::Both)?)
    }

    /// Fails when anything came that no slave may send.
    pub(crate) fn check(&self) -> Result<()> {
        let table = self.shared.lock();
        ensure!(table.wrong.is_empty(), "the master found {:?}", table.wrong);
        Ok(())
    }

    fn wait<T>(
        &self,
        what: &str,
        limit: Duration,
        look: impl Fn(&Table) -> Option<T>,
    ) -> Result<T> {
        let deadline = Deadline::after(limit);
        let mut table = self.shared.lock();
        loop {
            ensure!(table.wrong.is_empty(), "the master found {:?}", table.wrong);
            if let Some(found) = look(&table) {
                return Ok(found);
            }
            let left = deadline.remaining(what)?;
            table = self
                .shared
                .changed
                .wait_timeout(table, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

impl Drop for StockMaster {
    fn drop(&mut self) {
        self.shared.lock().is_over = true;
        for stream in self.shared.lock().slaves.values().flatten() {
            // Fails when the slave has gone.
            let _ = stream.shutdown(Shutdown::Both);
        }
        // Wakes the thread that listens, which then ends.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Table> {
        // Changes of the table are single steps, so it is right even behind a panic.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listen(self: Arc<Self>, listener: &TcpListener) {
        for stream in listener.incoming() {
            if self.lock().is_over {
                return;
            }
            let Ok(stream) = stream else { continue };
            let shared = Arc::clone(&self);
            let served = thread::Builder::new()
                .name("stock-master".into())
                .spawn(move || shared.serve(stream));
            if let Err(error) = served {
                self.lock().wrong.push(format!("no thread: {error}"));
            }
        }
    }

    fn serve(&self, stream: TcpStream) {
        let mut id = None;
        if let Err(error) = self.try_serve(stream, &mut id) {
            let mut table = self.lock();
            if !table.is_over {
                table.wrong.push(format!("slave {id:?}: {error:#}"));
            }
        }
        if let Some(id) = id {
            let mut table = self.lock();
            table.slaves.insert(id, None);
            table.tell(&packet(&["D".into(), id.into()]));
        }
        self.changed.notify_all();
    }

    /// Reads until the connection ends. `own` is set once the slave is in the table.
    fn try_serve(&self, stream: TcpStream, own: &mut Option<u8>) -> Result<()> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut input = BufReader::new(stream.try_clone()?);
        let mut is_first = true;
        // A reset is an end, too.
        while let Ok(Some(payload)) = packet::read(&mut input) {
            let values = packet::parse(&payload)?;
            judge::from_slave(&values, is_first).with_context(|| format!("{values:?}"))?;
            is_first = false;
            let mut table = self.lock();
            match (values[0].text(), &values[1..]) {
                (Some("H"), [id, address, ..]) => {
                    let id = u8::try_from(id.integer().unwrap_or_default())?;
                    if table.slaves.contains_key(&id) {
                        return Ok(());
                    }
                    table.welcome(id, address, &stream)?;
                    *own = Some(id);
                }
                (Some("R"), [name, handle]) => table.register(name, handle)?,
                (Some("Q"), [name]) => {
                    let known = table.names.get(name.text().unwrap_or_default());
                    if let Some(handle) = known {
                        let answer = packet(&["N".into(), name.clone(), (*handle).into()]);
                        (&stream).write_all(&answer)?;
                    }
                }
                other => bail!("{other:?}"),
            }
            drop(table);
            self.changed.notify_all();
        }
        Ok(())
    }
}

impl Table {
    fn welcome(&mut self, id: u8, address: &Value, mut stream: &TcpStream) -> Result<()> {
        let count = self.slaves.values().flatten().count() as i64;
        self.tell(&packet(&["C".into(), id.into(), address.clone()]));
        stream.write_all(&packet(&["W".into(), count.into()]))?;
        self.slaves.insert(id, Some(stream.try_clone()?));
        Ok(())
    }

    /// The first binding stays, but everybody is told of the one that was asked for.
    fn register(&mut self, name: &Value, handle: &Value) -> Result<()> {
        let text = name.text().unwrap_or_default().to_owned();
        let number = u32::try_from(handle.integer().unwrap_or_default())?;
        self.names.entry(text).or_insert(number);
        self.tell(&packet(&["N".into(), name.clone(), handle.clone()]));
        Ok(())
    }

    /// Tells everybody.
    fn tell(&self, bytes: &[u8]) {
        for mut slave in self.slaves.values().flatten() {
            // One that has just gone gets nothing.
            let _ = slave.write_all(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::vectors::{self, bytes};
    use super::super::{Hello, StockSlave, frame};
    use super::*;

    #[test]
    fn two_unmodified_slaves_meet_at_an_unmodified_master() {
        let master = StockMaster::start().unwrap();
        let (mut one, none) = StockSlave::join(master.address(), 1, Hello::No).unwrap();
        assert!(none.is_empty());
        let mut seven = StockSlave::begin(master.address(), 7).unwrap();
        assert_eq!(seven.welcome().unwrap(), 1);
        let found = std::thread::scope(|scope| {
            let dialled = scope.spawn(|| one.dial_newcomer(7, Hello::No));
            let accepted = seven.accept(Hello::No).unwrap();
            (dialled.join().unwrap().unwrap(), accepted)
        });
        let (to_seven, (id, to_one)) = found;
        assert_eq!(id, 1);
        seven.close_door();

        seven.register("PYNAME", 0x0700_0020).unwrap();
        seven.expect_begin(&bytes(vectors::N)).unwrap();
        one.expect_begin(&bytes(vectors::N)).unwrap();
        assert_eq!(one.query("PYNAME").unwrap(), 0x0700_0020);
        assert_eq!(master.wait_name("PYNAME", PATIENCE).unwrap(), 0x0700_0020);

        to_one.send(&bytes(vectors::CALL)).unwrap();
        let call = to_seven
            .expect_call(10, &bytes(vectors::CALL)[4..16])
            .unwrap();
        to_seven
            .reply(&call, &bytes("0a 01 1c 74 77 6f 09"))
            .unwrap();
        to_one.expect(&bytes(vectors::REPLY)).unwrap();
        to_one.expect_nothing().unwrap();

        drop((seven, to_one));
        to_seven.expect_end(PATIENCE).unwrap();
        one.expect_begin(&packet(&["D".into(), 7_u8.into()]))
            .unwrap();
        one.check().unwrap();
        master.check().unwrap();
        let again = StockSlave::begin(master.address(), 7).unwrap();
        again.expect_end(PATIENCE).unwrap();
    }

    #[test]
    fn what_may_not_come_is_found() {
        let master = StockMaster::start().unwrap();
        let (one, _) = StockSlave::join(master.address(), 1, Hello::No).unwrap();
        one.send(&packet(&["B".into(), 1_u8.into()])).unwrap();
        let error = master.wait_name("NEVER", PATIENCE).unwrap_err().to_string();
        assert!(error.contains("does not know this B"), "{error}");
        assert!(master.check().is_err());

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seven = StockSlave::begin(StockMaster::start().unwrap().address(), 7).unwrap();
        let check = |sent: &[u8], hello| {
            let dialled = std::thread::scope(|scope| {
                let dialled = scope.spawn(|| seven.dial(2, address, hello));
                let (mut stream, _) = listener.accept().unwrap();
                stream.write_all(&[2]).unwrap();
                stream.write_all(sent).unwrap();
                dialled.join().unwrap()
            });
            dialled.and_then(|peer| peer.next(PATIENCE)).unwrap_err()
        };
        check(&bytes(vectors::TOO_LONG), Hello::No);
        check(
            &frame(b"GO", 0x0200_0000, 0x0700_0001, 0x7fff_fffe),
            Hello::No,
        );
        check(&bytes(vectors::CALL), Hello::Once);
        check(&[0x80, 0, 0, 9, 2, 0, 0, 0, 0, 0, 0, 0, 0], Hello::No);
    }
}
