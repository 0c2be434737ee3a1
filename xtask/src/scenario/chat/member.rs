//! Somebody who chats.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::client::{LineClient, PATIENCE};

/// A client with a nick, in a room.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) nick: String,
    pub(super) room: String,
    pub(super) client: LineClient,
}

impl Member {
    /// Connects, takes a nick and enters a room.
    pub(super) fn enter(address: SocketAddr, nick: &str, room: &str) -> Result<Self> {
        let mut client = LineClient::connect(address)?;
        client.expect("Welcome", PATIENCE)?;
        client.send(&format!("/nick {nick}"))?;
        client.expect(&format!("You are {nick} now"), PATIENCE)?;
        client.send(&format!("/join {room}"))?;
        client.expect(&format!("[{room}] * you have come in"), PATIENCE)?;
        Ok(Self {
            nick: nick.to_owned(),
            room: room.to_owned(),
            client,
        })
    }

    /// How what this member says begins, for everybody in the room.
    pub(super) fn prefix(&self) -> String {
        format!("[{}] <{}> ", self.room, self.nick)
    }

    /// Says something.
    pub(super) fn say(&mut self, text: &str) -> Result<()> {
        self.client.send(text)
    }

    /// Reads on until somebody has said something, whose line this is.
    pub(super) fn hear(&mut self, limit: Duration) -> Result<String> {
        let said = format!("[{}] <", self.room);
        let line = self.client.expect(&said, limit)?;
        check_harmless(&line)?;
        Ok(line)
    }

    /// Reads on until the chat itself has told this of the room.
    pub(super) fn see(&mut self, what: &str) -> Result<String> {
        let line = format!("[{}] * {what}", self.room);
        self.client.expect(&line, PATIENCE)
    }
}

/// Nothing that anybody sends may reach another one's terminal as anything but text.
pub(super) fn check_harmless(line: &str) -> Result<()> {
    ensure!(
        !line.chars().any(char::is_control),
        "a line has control characters: {line:?}"
    );
    Ok(())
}
