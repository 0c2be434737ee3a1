//! The module `room`: a service that some of the rooms live in. Launched by the chat as `room CHAT`.

use std::collections::HashSet;
use std::fmt::{self, Write as _};

use skynet_service::{
    Buffer, Context, Error, Exit, Handle, KIND_LUA, KIND_TEXT, Local, Message, Result, ResultExt,
    Service, This,
};

use crate::hall::{Hall, Tell};
use crate::homes;
use crate::protocol::{RoomRequest, encode_names, encode_rooms};

/// The service. Its members are agents, by their handles; one that ends is out of all its rooms.
#[derive(Debug)]
pub(crate) struct Room {
    hall: Local<Hall>,
    chat: Handle,
    /// Agents of other nodes whose end is waited for.
    watched: Local<HashSet<Handle>>,
    /// Requests of those that wait for the end of this service.
    watching: Local<Vec<Message>>,
}

impl Service for Room {
    async fn start(cx: &Context, args: &str) -> Result<Self> {
        let chat = args.parse().context("launch it as `room CHAT`")?;
        cx.monitor(chat);
        Ok(Self {
            hall: Local::default(),
            chat,
            watched: Local::default(),
            watching: Local::default(),
        })
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        if message.kind() != KIND_LUA {
            return Err(Error::unsupported(format_args!(
                "message of kind {} to a room service: wanted {KIND_LUA}",
                message.kind()
            )));
        }
        self.carry_out(cx, message)
    }

    async fn on_exit(&self, cx: &Context, exit: Exit) -> Result<()> {
        if exit.handle == self.chat {
            cx.exit();
        } else {
            self.hall
                .with(|hall| hall.remove(exit.handle, &mut Mail(cx)));
        }
        Ok(())
    }
}

impl Room {
    fn carry_out(&self, cx: &Context, message: Message) -> Result<()> {
        let who = message.source();
        let out = &mut Mail(cx);
        let hall = &self.hall;
        let mut answer = Vec::new();
        match RoomRequest::decode(&message)? {
            RoomRequest::Join { room, nick } => {
                if hall.with(|hall| hall.join(who, room, nick, out)) {
                    self.watch(cx, who);
                }
            }
            RoomRequest::Leave { room } => {
                if hall.with(|hall| hall.leave(who, room, out)) {
                    unwatch(cx, who);
                }
            }
            RoomRequest::Quit => {
                if hall.with(|hall| hall.remove(who, out)) {
                    unwatch(cx, who);
                }
            }
            RoomRequest::Say { room, text } => hall.with(|hall| hall.say(who, room, text, out)),
            RoomRequest::Nick { nick } => hall.with(|hall| hall.rename(who, nick, out)),
            RoomRequest::Who { room } => {
                answer = hall.with(|hall| encode_names(&hall.names(room).collect::<Vec<_>>()))?;
            }
            RoomRequest::Rooms => answer = hall.with(|hall| encode_rooms(&hall.rooms()))?,
            RoomRequest::Watch => {
                self.watching.with(|watching| watching.push(message));
                return Ok(());
            }
        }
        Ok(cx.reply(&message, answer)?)
    }

    /// Sees to it that a member is taken out when it ends. One of another node stays watched until then, in or out.
    fn watch(&self, cx: &Context, who: Handle) {
        if !cx.is_remote(who) {
            return cx.monitor(who);
        }
        let Some(this) = cx.this::<Self>() else {
            return;
        };
        if self.watched.with(|watched| watched.insert(who)) {
            cx.spawn_with(|cx| see_end(cx, this, who));
        }
    }
}

async fn see_end(cx: Context, this: This<Room>, who: Handle) {
    homes::wait_end(&cx, who).await;
    this.watched.with(|watched| watched.remove(&who));
    this.hall.with(|hall| hall.remove(who, &mut Mail(&cx)));
}

fn unwatch(cx: &Context, who: Handle) {
    if !cx.is_remote(who) {
        cx.unmonitor(who);
    }
}

/// Tells members by messages: one buffer for all of them.
struct Mail<'a>(&'a Context);

impl Tell for Mail<'_> {
    fn tell(&mut self, members: &[Handle], line: fmt::Arguments<'_>) {
        if members.is_empty() {
            return;
        }
        let mut text = Buffer::with_capacity(128);
        // Writing to a buffer cannot fail.
        let _ = writeln!(text, "{line}");
        // A member that has ended misses it, and is taken out when the news of its end comes.
        if let Err(error) = self.0.send_many(members, KIND_TEXT, text) {
            log::error!("a line for {} members was lost: {error}", members.len());
        }
    }
}
