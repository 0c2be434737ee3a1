//! The module `chat`: the watchdog. Launched as `chat [HOST:PORT]`, it launches everything else.

use std::collections::BTreeMap;
use std::sync::Arc;

use skynet_service::{
    Context, Error, Exit, Handle, KIND_LUA, Local, Message, Reason, Result, ResultExt, Service,
    This,
};

use crate::desk::{Claim, Desk};
use crate::gate::{self, Report, Socket};
use crate::homes;
use crate::protocol::{AgentNews, ChatRequest, NOBODY, Pool, encode_home, encode_nick};
use crate::settings::{self, Settings};

/// The service: knows who is in the chat, and keeps the rest of it going.
#[derive(Debug)]
pub(crate) struct Chat {
    gate: Handle,
    desk: Local<Desk>,
    /// Replaced as a whole when a room service is: who launches an agent meanwhile notices by that.
    pool: Local<Arc<Pool>>,
    /// Whether the rooms are those of the whole network. Then services of other nodes are in the pool, too.
    is_shared: bool,
    /// The homes of the network's rooms that this chat has launched, by their numbers.
    own: Local<BTreeMap<usize, Handle>>,
}

impl Service for Chat {
    async fn start(cx: &Context, args: &str) -> Result<Self> {
        let settings = Settings::read(args, settings::env(cx))?;
        let mut rooms = Vec::new();
        for _ in 0..settings.rooms {
            rooms.push(match settings.network {
                false => launch_room(cx).await?,
                true => NOBODY,
            });
        }
        let pool = Pool::new(rooms).ok_or_else(|| Error::msg("a chat needs rooms"))?;
        let gate = cx.launch("gate").await?;
        cx.monitor(gate);
        let opened = gate::open(cx, gate, &settings).await;
        if opened.is_err() {
            // Rooms follow this service, a gate that was never opened does not.
            end(cx, gate);
        }
        let address = opened.context(format_args!("chat cannot open {}", settings.address))?;
        let (host, port) = address
            .rsplit_once(':')
            .unwrap_or((&settings.address, "its port"));
        log::info!("chat is open on {address} (try: nc {host} {port})");
        Ok(Self {
            gate,
            desk: Local::new(match settings.network {
                false => Desk::default(),
                true => Desk::with_suffix(format!("@{}", cx.harbor_id())),
            }),
            pool: Local::new(Arc::new(pool)),
            is_shared: settings.network,
            own: Local::default(),
        })
    }

    async fn run(&self, cx: &Context) -> Result<()> {
        let count = self.pool.with(|pool| pool.services().len());
        for index in 0..count {
            if let Some(this) = cx.this::<Self>().filter(|_| self.is_shared) {
                cx.spawn_with(|cx| follow(cx, this, index));
            }
        }
        Ok(())
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        if message.kind() != KIND_LUA {
            return Err(Error::unsupported(format_args!(
                "message of kind {} to the chat: wanted {KIND_LUA}",
                message.kind()
            )));
        }
        if message.source() != self.gate {
            return self.serve(cx, &message).await;
        }
        match Report::decode(&message)? {
            Report::Open { socket, address } => self.welcome(cx, socket, address).await,
            Report::Close { socket, why } => {
                self.farewell(cx, socket, why);
                Ok(())
            }
            Report::Warning { socket, waiting } => {
                log::debug!("client {socket} does not read: {waiting} KiB wait for it");
                Ok(())
            }
        }
    }

    async fn on_exit(&self, cx: &Context, exit: Exit) -> Result<()> {
        let index = self.pool.with(|pool| {
            let mut services = pool.services().iter();
            services.position(|service| *service == exit.handle && !self.is_shared)
        });
        if exit.handle == self.gate {
            // Its clients went with it. Agents and rooms follow this service.
            cx.exit_with(Reason::FAILED, "its gate has ended");
        } else if let Some(index) = index {
            self.replace_room(cx, index).await?;
        } else if let Some(socket) = self.desk.with(|desk| desk.abandon(exit.handle)) {
            log::warn!(
                "agent {} of client {socket} has ended: {}{}{}",
                exit.handle,
                exit.reason,
                if exit.text.is_empty() { "" } else { ": " },
                exit.text
            );
            gate::kick(cx, self.gate, socket)?;
        }
        Ok(())
    }

    fn on_stop(&self, cx: &Context) {
        for index in self.own.with(std::mem::take).into_keys() {
            homes::leave(cx, index);
        }
        end(cx, self.gate);
    }
}

impl Chat {
    /// A client has connected: launches its agent, which then gets its lines.
    async fn welcome(&self, cx: &Context, socket: Socket, address: &str) -> Result<()> {
        let nick = self.desk.with(|desk| desk.arrive(socket));
        let pool = self.pool.with(|pool| Arc::clone(pool));
        let line = format!("agent {} {} {socket} {nick} {pool}", cx.handle(), self.gate);
        let agent = match cx.launch(&line).await {
            Ok(agent) => agent,
            Err(error) => {
                self.desk.with(|desk| desk.depart(socket));
                gate::kick(cx, self.gate, socket)?;
                return Err(Error::from(error).context(format_args!("no agent for {address}")));
            }
        };
        if !self.desk.with(|desk| desk.serve(socket, agent)) {
            tell(cx, agent, AgentNews::Gone);
            return Ok(());
        }
        cx.monitor(agent);
        self.catch_up(cx, agent, &pool);
        log::debug!("client {socket} from {address} is served by {agent}");
        if let Err(error) = gate::forward(cx, self.gate, socket, agent).await {
            // It has gone meanwhile, which the gate reports too.
            log::debug!("client {socket} from {address} was not forwarded: {error}");
        }
        Ok(())
    }

    /// Tells a new agent of room services that were replaced while it was launched.
    fn catch_up(&self, cx: &Context, agent: Handle, known: &Pool) {
        let pool = self.pool.with(|pool| Arc::clone(pool));
        let pairs = pool.services().iter().zip(known.services());
        for (index, (&service, _)) in pairs.enumerate().filter(|(_, (new, old))| new != old) {
            tell(cx, agent, AgentNews::Pool { index, service });
        }
    }

    /// A client has gone: its agent ends.
    fn farewell(&self, cx: &Context, socket: Socket, why: Option<&str>) {
        if let Some(why) = why {
            log::info!("client {socket} was closed: {why}");
        }
        if let Some(agent) = self.desk.with(|desk| desk.depart(socket)) {
            tell(cx, agent, AgentNews::Gone);
        }
    }

    /// An agent wants something.
    async fn serve(&self, cx: &Context, message: &Message) -> Result<()> {
        match ChatRequest::decode(message)? {
            ChatRequest::Nick { nick } => {
                match self.desk.with(|desk| desk.claim(message.source(), nick)) {
                    Claim::Granted(nick) => Ok(cx.reply(message, encode_nick(&nick)?)?),
                    Claim::Taken => Err(Error::refused("somebody else has this nick")),
                    Claim::Gone => Err(Error::refused("only agents of clients have nicks")),
                }
            }
            ChatRequest::Home { index } => {
                let home = self.home(cx, index).await?;
                Ok(cx.reply(message, encode_home(home)?)?)
            }
        }
    }

    /// The home with this number, which is made if there is none.
    async fn home(&self, cx: &Context, index: usize) -> Result<Handle> {
        let known = self.pool.with(|pool| pool.services().get(index).copied());
        match known {
            None => Err(Error::refused(format_args!("there is no home {index}"))),
            Some(NOBODY) => self.settle(cx, index).await,
            Some(home) => Ok(home),
        }
    }

    /// Makes a home on this node, unless somebody else was first.
    async fn settle(&self, cx: &Context, index: usize) -> Result<Handle> {
        let room = cx.launch(&format!("room {}", cx.handle())).await?;
        let home = homes::claim(cx, index, room).await;
        match home {
            Ok(home) if home == room => drop(self.own.with(|own| own.insert(index, room))),
            _ => end(cx, room),
        }
        home
    }

    /// A home is known, or gone: tells the agents, who come back to a new one.
    fn set_home(&self, cx: &Context, index: usize, service: Handle) {
        self.pool
            .with(|pool| Arc::make_mut(pool).replace(index, service));
        for agent in self.desk.with(|desk| desk.agents()) {
            tell(cx, agent, AgentNews::Pool { index, service });
        }
    }

    /// A room service has ended: launches another one in its place, and tells the agents, who come back to it.
    async fn replace_room(&self, cx: &Context, index: usize) -> Result<()> {
        let service = match launch_room(cx).await {
            Ok(service) => service,
            Err(error) => {
                let text = format!("a room service has ended, and none came in its place: {error}");
                cx.exit_with(Reason::FAILED, &text);
                return Err(Error::msg(text));
            }
        };
        log::warn!("a room service has ended; {service} is in its place");
        self.set_home(cx, index, service);
        Ok(())
    }
}

/// Knows where a home is, for as long as the chat is there, and sees to it that there is another one when it ends.
async fn follow(cx: Context, this: This<Chat>, index: usize) -> Result<()> {
    loop {
        let home = homes::find(&cx, index).await?;
        this.set_home(&cx, index, home);
        homes::wait_end(&cx, home).await;
        log::warn!("home {index} of rooms, {home}, has ended");
        this.set_home(&cx, index, NOBODY);
        if let Err(error) = succeed(&cx, &this, index, home).await {
            // There is a home again when a client wants one.
            log::warn!("nobody is in its place yet: {error}");
        }
    }
}

/// Puts another home in the place of one that has ended.
async fn succeed(cx: &Context, this: &Chat, index: usize, gone: Handle) -> Result<()> {
    let was_own = this.own.with(|own| own.get(&index) == Some(&gone));
    if !was_own {
        if homes::wait_free(cx, index, gone).await?.is_none() {
            this.settle(cx, index).await?;
        }
        return Ok(());
    }
    let room = cx.launch(&format!("room {}", cx.handle())).await?;
    this.own.with(|own| own.insert(index, room));
    homes::replace(cx, index, room).await
}

/// Ends a service that nobody else has a use for. It may have ended before.
fn end(cx: &Context, service: Handle) {
    if let Err(error) = cx.kill(service) {
        log::debug!("{error}");
    }
}

async fn launch_room(cx: &Context) -> Result<Handle> {
    let room = cx.launch(&format!("room {}", cx.handle())).await?;
    cx.monitor(room);
    Ok(room)
}

/// Tells an agent something. One that has ended needs no news. One whose mailbox is full would go on without them, for
/// ever if they are that its client has gone: it ends, and its client with it.
fn tell(cx: &Context, agent: Handle, news: AgentNews) {
    let bytes = match news.encode() {
        Ok(bytes) => bytes,
        Err(error) => return log::warn!("{news:?} cannot be told: {error}"),
    };
    match cx.send(agent, KIND_LUA, bytes) {
        Err(error) if error.is_full() => {
            log::info!("a client sent more than it may, and its agent {agent} is ended");
            end(cx, agent);
        }
        Err(error) => log::debug!("{news:?} did not reach an agent: {error}"),
        Ok(()) => {}
    }
}
