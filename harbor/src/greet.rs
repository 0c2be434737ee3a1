//! The first bytes of a connection: who is there, and whether it is one of ours.

use std::time::Duration;

use skynet_harbor_wire::{Cookie, Format, Frame, Go, Hello, Link, LinkRole, MAX_FRAME};
use skynet_service::Context;
use skynet_service::socket::SocketId;

use crate::body::Body;
use crate::connection::{Connection, Greeted, Role, Stage, UNPROVEN_BYTES};
use crate::harbor::Harbor;
use crate::peer::Kind;
use crate::timer::Timer;

/// How long a node that is not known to be one of ours has to say that it is.
const CHANCE: Duration = Duration::from_secs(1);

impl Harbor {
    /// Reads what came on a connection that is not proven yet.
    ///
    /// # Errors
    /// Why it is to be closed.
    pub(crate) fn read_greeting(
        &mut self,
        cx: &Context,
        connection: &mut Connection,
        socket: SocketId,
        mut chunk: &[u8],
    ) -> Result<(), String> {
        connection.unproven_bytes += chunk.len();
        if connection.stage == Stage::IdByte {
            let Some((&id, rest)) = chunk.split_first() else {
                return Ok(());
            };
            chunk = rest;
            self.on_id_byte(cx, connection, socket, id)?;
        }
        while connection.stage != Stage::Up {
            let Some(frame) = connection
                .parser
                .next(&mut chunk)
                .map_err(|error| error.to_string())?
            else {
                return self.check_unproven(cx, connection, socket);
            };
            match frame {
                Frame::Hello(hello) => {
                    let hello = Greeted::from(&hello);
                    self.on_hello(cx, connection, socket, hello)?;
                }
                Frame::Go(go) => self.on_go(cx, connection, socket, &go)?,
                Frame::Data(data) => {
                    let (cookie, body) = (data.cookie, data.body.take());
                    self.on_ordinary(cx, connection, socket, cookie, body)?;
                }
                Frame::Control(_) => return Err("it sends what only follows a GO".to_owned()),
            }
        }
        if connection.stage == Stage::Up && !chunk.is_empty() {
            return self.read_link(cx, connection, socket, chunk);
        }
        Ok(())
    }

    fn on_id_byte(
        &mut self,
        cx: &Context,
        connection: &mut Connection,
        socket: SocketId,
        id: u8,
    ) -> Result<(), String> {
        match connection.role {
            Role::Acceptor => {
                self.check_newcomer(id)?;
                connection.peer = id;
            }
            Role::Dialer | Role::Probe => {
                let expected = connection.peer;
                if id != expected {
                    return Err(format!(
                        "node {expected} was dialled, and it says that it is {id}"
                    ));
                }
            }
        }
        let kind = self.await_peer(cx, id).kind;
        if connection.role == Role::Acceptor {
            self.write(cx, socket, &[self.my_id()]);
        }
        if kind == Kind::Unmodified {
            if self.settings.secret.is_some() {
                return Err("it is unmodified and cannot prove that it knows the secret".to_owned());
            }
            self.up_unmodified(cx, socket, connection);
            return Ok(());
        }
        self.say_hello(cx, connection, socket)?;
        connection.stage = Stage::Hello;
        if kind == Kind::Unknown && self.settings.secret.is_none() {
            // Its first message may be as long as messages are.
            connection.parser.limit(MAX_FRAME);
            Timer::Greeting(socket.0).set(cx, CHANCE);
        }
        Ok(())
    }

    /// Whether a node that dials may be the one that it says.
    fn check_newcomer(&mut self, id: u8) -> Result<(), String> {
        if id == 0 || id == self.my_id() {
            return Err(format!("it says that it is node {id}, which cannot be"));
        }
        let Some(peer) = self.peers.get(id) else {
            return Ok(());
        };
        if peer.kind == Kind::Unmodified && peer.link.is_some() {
            return Err(format!("node {id} is linked already"));
        }
        Ok(())
    }

    fn say_hello(
        &mut self,
        cx: &Context,
        connection: &mut Connection,
        socket: SocketId,
    ) -> Result<(), String> {
        let (id, epoch) = (self.my_id(), self.my_epoch());
        let heartbeat = u32::try_from(self.settings.heartbeat.as_millis());
        let Some(peer) = self.peers.get(connection.peer) else {
            return Err("it is not known any more".to_owned());
        };
        (connection.said_life, connection.said_received) = peer.resumable();
        connection.said_gave_up = peer.gave_up;
        let address = self
            .listener
            .as_ref()
            .map_or("", |listener| &listener.address);
        let hello = Hello {
            id,
            keeps_listening: self.settings.keeps_listening && !address.is_empty(),
            has_secret: self.settings.secret.is_some(),
            gave_up: connection.said_gave_up,
            heartbeat_ms: heartbeat.unwrap_or(u32::MAX),
            epoch,
            known_epoch: connection.said_life,
            last_received: connection.said_received,
            nonce: connection.nonce,
            address,
        };
        let frame = hello.write().map_err(|error| error.to_string())?;
        self.write(cx, socket, &frame);
        Ok(())
    }

    fn on_hello(
        &mut self,
        cx: &Context,
        connection: &mut Connection,
        socket: SocketId,
        greeted: Greeted,
    ) -> Result<(), String> {
        if connection.stage != Stage::Hello {
            return Err("it says HELLO a second time".to_owned());
        }
        let id = connection.peer;
        if greeted.id != id {
            return Err(format!("it says that it is node {}", greeted.id));
        }
        if greeted.has_secret != self.settings.secret.is_some() {
            return Err(if greeted.has_secret {
                "it has a secret, and this node has none".to_owned()
            } else {
                "this node has a secret, and it has none".to_owned()
            });
        }
        if let Some(peer) = self.peers.get(id) {
            let (told, ended) = (peer.told, peer.ended);
            if greeted.epoch == ended || (told != 0 && told != greeted.epoch) {
                return Err("it is a life of that node that the master does not know".to_owned());
            }
        }
        let proof = self.settings.secret.as_ref().map(|secret| {
            self.link(connection, &greeted)
                .prove(secret, end(connection.role))
        });
        let go = Go {
            id: self.my_id(),
            proof,
        };
        self.write(cx, socket, &go.write());
        connection.stage = Stage::Go(Box::new(greeted));
        Ok(())
    }

    fn on_go(
        &mut self,
        cx: &Context,
        connection: &mut Connection,
        socket: SocketId,
        go: &Go,
    ) -> Result<(), String> {
        let Stage::Go(greeted) = &connection.stage else {
            return Err("it says GO before HELLO".to_owned());
        };
        let greeted = greeted.clone();
        if let Some(secret) = &self.settings.secret {
            let prover = match end(connection.role) {
                LinkRole::Dialer => LinkRole::Acceptor,
                LinkRole::Acceptor => LinkRole::Dialer,
            };
            let link = self.link(connection, &greeted);
            let is_proven = go
                .proof
                .is_some_and(|proof| link.verify(secret, prover, &proof));
            if !is_proven {
                return Err("it does not know the secret".to_owned());
            }
        }
        connection.parser.switch(Format::Extended);
        self.up_ours(cx, socket, connection, &greeted)
    }

    /// An ordinary message came where a HELLO might have.
    fn on_ordinary(
        &mut self,
        cx: &Context,
        connection: &mut Connection,
        socket: SocketId,
        cookie: Cookie,
        body: Body,
    ) -> Result<(), String> {
        if !self.may_be_unmodified(connection) {
            return Err("it sends messages before it has said who it is".to_owned());
        }
        self.up_unmodified(cx, socket, connection);
        connection.count = 1;
        self.deliver_first(cx, connection.peer, cookie, body);
        Ok(())
    }

    fn check_unproven(
        &mut self,
        cx: &Context,
        connection: &mut Connection,
        socket: SocketId,
    ) -> Result<(), String> {
        if connection.unproven_bytes <= UNPROVEN_BYTES {
            return Ok(());
        }
        if !self.may_be_unmodified(connection) {
            return Err("it sends too much before it has proven who it is".to_owned());
        }
        // No greeting is that long: a large message has begun.
        self.up_unmodified(cx, socket, connection);
        Ok(())
    }

    /// Whether the other end may be an unmodified node that says nothing of itself. One that nobody has told of dials only
    /// a node that is about to join.
    fn may_be_unmodified(&mut self, connection: &Connection) -> bool {
        let is_joining = self.gathering_until == Duration::MAX;
        connection.stage == Stage::Hello
            && self.settings.secret.is_none()
            && self.peers.get(connection.peer).is_some_and(|peer| {
                peer.kind != Kind::Ours && (is_joining || !peer.address.is_empty())
            })
    }

    /// The master says that a node is unmodified. It may have dialled before that was known: it will say nothing of itself.
    pub(crate) fn settle_unmodified(&mut self, cx: &Context, id: u8) {
        let connections = self.connections.iter();
        let waiting: Vec<_> = connections
            .filter(|(_, connection)| connection.peer == id)
            .map(|(socket, _)| *socket)
            .collect();
        for socket in waiting {
            self.on_chance(cx, socket);
        }
    }

    /// A connection has had its chance to say that it is one of ours.
    pub(crate) fn on_chance(&mut self, cx: &Context, socket: SocketId) {
        let Some(mut connection) = self.connections.remove(&socket) else {
            return;
        };
        if self.may_be_unmodified(&connection) {
            self.up_unmodified(cx, socket, &mut connection);
        }
        self.connections.insert(socket, connection);
    }

    fn link(&self, connection: &Connection, greeted: &Greeted) -> Link {
        let (mine, theirs) = (connection.nonce, greeted.nonce);
        let (my_id, my_epoch) = (self.my_id(), self.my_epoch());
        if connection.role == Role::Acceptor {
            Link {
                dialer_nonce: theirs,
                acceptor_nonce: mine,
                dialer_id: connection.peer,
                acceptor_id: my_id,
                dialer_epoch: greeted.epoch,
                acceptor_epoch: my_epoch,
            }
        } else {
            Link {
                dialer_nonce: mine,
                acceptor_nonce: theirs,
                dialer_id: my_id,
                acceptor_id: connection.peer,
                dialer_epoch: my_epoch,
                acceptor_epoch: greeted.epoch,
            }
        }
    }

    fn write(&self, cx: &Context, socket: SocketId, bytes: &[u8]) {
        if let Err(error) = cx.socket_write(socket, bytes) {
            // An event says so, too.
            skynet_service::log::debug!("{error}");
        }
    }
}

const fn end(role: Role) -> LinkRole {
    match role {
        Role::Acceptor => LinkRole::Acceptor,
        Role::Dialer | Role::Probe => LinkRole::Dialer,
    }
}
