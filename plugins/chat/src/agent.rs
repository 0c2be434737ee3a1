//! The module `agent`: one client. Launched by the chat as `agent CHAT GATE SOCKET NICK ROOM-SERVICES`.
//!
//! Lines are carried out one after the other, in the order in which they came, also when one has to wait for an
//! answer. What the rooms tell is passed on at once.

use std::collections::BTreeMap;
use std::time::Duration;

use skynet_service::{
    Buffer, Context, Error, Exit, Handle, KIND_CLIENT, KIND_LUA, KIND_TEXT, Local, Message, Result,
    ResultExt, Service, bail,
};

use crate::gate::{self, Socket};
use crate::line::{HELP, Line};
use crate::protocol::{
    AgentNews, ChatRequest, NOBODY, Pool, RoomRequest, decode_home, decode_names, decode_nick,
    decode_rooms, plain,
};
use crate::queue::{Next, Queue, Taken};
use crate::settings::{self, Pace};
use crate::text;

/// Rooms that a client can be in at a time.
const MAX_ROOMS: usize = 16;
/// Messages that may wait for an agent. More than any room has to say at a time: it is a client's own flood that fills a
/// mailbox, and then the gate closes that client.
const MAILBOX: u64 = if cfg!(test) { 1 << 10 } else { 1 << 16 };
/// Rooms that are listed.
const LISTED: usize = 100;
/// How long a room service or the chat may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The service.
#[derive(Debug)]
pub(crate) struct Agent {
    chat: Handle,
    gate: Handle,
    socket: Socket,
    queue: Local<Queue<Buffer>>,
    state: Local<State>,
    /// Requests of room services that wait for the end of this one.
    watching: Local<Vec<Message>>,
}

/// What changes.
#[derive(Debug)]
struct State {
    nick: String,
    /// Where the client is; the last one is the current one.
    rooms: Vec<String>,
    pool: Pool,
}

impl Service for Agent {
    async fn start(cx: &Context, args: &str) -> Result<Self> {
        let words: Vec<_> = args.split_ascii_whitespace().collect();
        let [chat, gate, socket, nick, pool] = words[..] else {
            bail!(
                "found {args:?}, wanted CHAT GATE SOCKET NICK ROOM-SERVICES: agents are launched by \
                 the chat"
            );
        };
        let pace = Pace::read(settings::env(cx))?;
        let agent = Self {
            chat: chat.parse()?,
            gate: gate.parse()?,
            socket: socket.parse().context("the socket")?,
            queue: Local::new(Queue::new(pace, cx.now())),
            state: Local::new(State {
                nick: nick.to_owned(),
                rooms: Vec::new(),
                pool: pool.parse()?,
            }),
            watching: Local::default(),
        };
        cx.set_mailbox_limit(MAILBOX)?;
        cx.monitor(agent.chat);
        agent.tell(
            cx,
            &format!(
                "* Welcome! You are {nick}. Enter a room with /join ROOM; /help lists what else there is.\n"
            ),
        );
        Ok(agent)
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        match message.kind() {
            KIND_CLIENT => self.hear(cx, message.into_buffer()).await,
            KIND_TEXT => {
                self.write(cx, &message);
                Ok(())
            }
            KIND_LUA => {
                let news = AgentNews::decode(&message)?;
                self.learn(cx, news, message);
                Ok(())
            }
            kind => Err(Error::unsupported(format_args!(
                "message of kind {kind} to an agent: wanted {KIND_CLIENT}, {KIND_TEXT} or {KIND_LUA}"
            ))),
        }
    }

    async fn on_exit(&self, cx: &Context, exit: Exit) -> Result<()> {
        if exit.handle == self.chat {
            cx.exit();
        }
        Ok(())
    }
}

impl Agent {
    /// A line has come. The first one to come carries out those that come while it is at work, too.
    async fn hear(&self, cx: &Context, line: Buffer) -> Result<()> {
        match self.queue.with(|queue| queue.push(line)) {
            Taken::Begin => {}
            Taken::Queued | Taken::Closed => return Ok(()),
            Taken::Overflow => {
                log::info!(
                    "client {} sent more than it may, and is closed",
                    self.socket
                );
                self.say_goodbye(cx, "* You sent far too much. Good bye.\n");
                return Ok(());
            }
        }
        loop {
            match self.queue.with(|queue| queue.next(cx.now())) {
                Next::Line(line) => self.carry_out(cx, &line).await,
                Next::Wait { pause, warn } => {
                    if warn {
                        self.tell(cx, "* Not so fast: your lines have to wait.\n");
                    }
                    cx.sleep(pause).await;
                }
                Next::Idle => return Ok(()),
                Next::Over => {
                    cx.exit();
                    return Ok(());
                }
            }
        }
    }

    /// There is news.
    fn learn(&self, cx: &Context, news: AgentNews, message: Message) {
        match news {
            AgentNews::Gone => {
                if self.queue.with(Queue::finish) {
                    cx.exit();
                }
            }
            AgentNews::Pool { index, service } => self.return_to(cx, index, service),
            AgentNews::Watch => self.watching.with(|watching| watching.push(message)),
        }
    }

    async fn carry_out(&self, cx: &Context, line: &[u8]) {
        match Line::parse(line) {
            Ok(Line::Nothing) => {}
            Ok(Line::Say(text)) => self.say(cx, &text),
            Ok(Line::Nick(name)) => self.rename(cx, name).await,
            Ok(Line::Join(room)) => self.join(cx, room).await,
            Ok(Line::Leave(room)) => self.leave(cx, room).await,
            Ok(Line::Rooms) => self.list_rooms(cx).await,
            Ok(Line::Who(room)) => self.list_members(cx, room).await,
            Ok(Line::Help) => self.tell(cx, HELP),
            Ok(Line::Quit) => self.quit(cx).await,
            Ok(Line::Wrong(text)) | Err(text) => self.tell(cx, &format!("* {text}\n")),
        }
    }

    fn say(&self, cx: &Context, text: &str) {
        match self.current() {
            Some(room) => self.ask(cx, &room, RoomRequest::Say { room: &room, text }),
            None => self.tell(
                cx,
                "* You are in no room yet: /join ROOM. Nobody got that.\n",
            ),
        }
    }

    async fn join(&self, cx: &Context, room: &str) {
        let Some(room) = self.checked(cx, text::room(room)) else {
            return;
        };
        // Before the client is in it: it comes back by itself when the home of a room that it is in changes.
        if let Err(error) = self.home(cx, &room).await {
            log::warn!("room {room} has no home: {error}");
            return self.tell(cx, &format!("* {room} does not answer.\n"));
        }
        enum Change {
            New(String),
            Back,
            Same,
            Full,
        }
        let change = self.state.with(|state| {
            let place = state.rooms.iter().position(|found| *found == room);
            match place {
                Some(place) if place + 1 == state.rooms.len() => Change::Same,
                Some(place) => {
                    state.rooms[place..].rotate_left(1);
                    Change::Back
                }
                None if state.rooms.len() >= MAX_ROOMS => Change::Full,
                None => {
                    state.rooms.push(room.clone());
                    Change::New(state.nick.clone())
                }
            }
        });
        match change {
            Change::New(nick) => {
                let request = RoomRequest::Join {
                    room: &room,
                    nick: &nick,
                };
                self.request(cx, &room, request).await;
            }
            Change::Same => self.tell(cx, &format!("[{room}] * you are in this room already\n")),
            Change::Back => self.tell(
                cx,
                &format!("[{room}] * you are in this room already, and talk to it now\n"),
            ),
            Change::Full => self.tell(
                cx,
                &format!("* You are in {MAX_ROOMS} rooms: /leave one of them first.\n"),
            ),
        }
    }

    async fn leave(&self, cx: &Context, room: Option<&str>) {
        let Some(room) = self.named_or_current(cx, room) else {
            return;
        };
        let (left, current) = self.state.with(|state| {
            let place = state.rooms.iter().position(|found| *found == room);
            if let Some(place) = place {
                state.rooms.remove(place);
            }
            (place.is_some(), state.rooms.last().cloned())
        });
        if !left {
            self.tell(cx, &format!("* You are not in {room}.\n"));
            return;
        }
        match self.state.with(|state| state.pool.service(&room)) {
            NOBODY => self.tell(cx, &format!("[{room}] * you have left\n")),
            _ => {
                let request = RoomRequest::Leave { room: &room };
                self.request(cx, &room, request).await;
            }
        }
        if let Some(current) = current {
            self.tell(cx, &format!("* You talk to {current} now.\n"));
        }
    }

    async fn rename(&self, cx: &Context, nick: &str) {
        let Some(nick) = self.checked(cx, text::nick(nick)) else {
            return;
        };
        let request = match (ChatRequest::Nick { nick }).encode() {
            Ok(request) => request,
            Err(error) => return self.tell(cx, &format!("* That is no nick: {error}\n")),
        };
        let answer = cx
            .call_timeout(self.chat, KIND_LUA, request, PATIENCE)
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                return self.tell(cx, &format!("* You cannot be {nick}: {}\n", plain(&error)));
            }
        };
        // As a whole it may be longer than what was asked for.
        let nick = &decode_nick(&answer).unwrap_or_else(|_| nick.to_owned());
        self.state.with(|state| state.nick.clone_from(nick));
        self.tell(cx, &format!("* You are {nick} now.\n"));
        for service in self.my_services() {
            self.send(cx, service, RoomRequest::Nick { nick }, "your rooms");
        }
    }

    async fn quit(&self, cx: &Context) {
        for service in self.my_services() {
            // Whether it answers or not: what was said before is on its way to the client by then.
            if let Err(error) = request(cx, service, RoomRequest::Quit).await {
                log::debug!("a room service misses that its member quits: {error}");
            }
        }
        self.say_goodbye(cx, "* Good bye.\n");
    }

    async fn list_members(&self, cx: &Context, room: Option<&str>) {
        let Some(room) = self.named_or_current(cx, room) else {
            return;
        };
        let service = self.state.with(|state| state.pool.service(&room));
        let names = match service {
            // Nobody has ever wanted a room of this home.
            NOBODY => Ok(Vec::new()),
            service => {
                let answer = request(cx, service, RoomRequest::Who { room: &room }).await;
                answer.and_then(|reply| Ok(decode_names(&reply)?))
            }
        };
        let text = match names {
            Err(error) => format!("* {room} does not answer: {error}\n"),
            Ok(names) if names.is_empty() => format!("* Nobody is in {room}.\n"),
            Ok(names) => format!("* In {room}: {}\n", names.join(", ")),
        };
        self.tell(cx, &text);
    }

    async fn list_rooms(&self, cx: &Context) {
        let mut rooms = BTreeMap::new();
        let mut text = String::new();
        let mut services = self.state.with(|state| state.pool.services().to_vec());
        services.retain(|service| *service != NOBODY);
        for service in services {
            let answer = request(cx, service, RoomRequest::Rooms).await;
            match answer.and_then(|reply| Ok(decode_rooms(&reply)?)) {
                Ok(found) => rooms.extend(found),
                Err(error) => text.push_str(&format!("* Some rooms do not answer: {error}\n")),
            }
        }
        if rooms.is_empty() && text.is_empty() {
            text.push_str("* There are no rooms yet: /join ROOM makes one.\n");
        }
        for (room, members) in rooms.iter().take(LISTED) {
            text.push_str(&format!("* {room} ({members})\n"));
        }
        if rooms.len() > LISTED {
            text.push_str(&format!("* … and {} more\n", rooms.len() - LISTED));
        }
        self.tell(cx, &text);
    }

    /// A room service was replaced: the client enters its rooms again there.
    fn return_to(&self, cx: &Context, index: usize, service: Handle) {
        let change = self.state.with(|state| {
            if state.pool.services().get(index) == Some(&service) {
                return None;
            }
            state.pool.replace(index, service);
            let rooms = state.rooms.iter();
            let rooms = rooms.filter(|room| state.pool.index(room) == index);
            Some((state.nick.clone(), rooms.cloned().collect::<Vec<_>>()))
        });
        let Some((nick, rooms)) = change else {
            return;
        };
        for room in rooms {
            if service == NOBODY {
                self.tell(
                    cx,
                    &format!("[{room}] * this room is gone; wait a moment\n"),
                );
                continue;
            }
            self.tell(
                cx,
                &format!("[{room}] * this room had to begin anew; the last lines may be lost\n"),
            );
            let request = RoomRequest::Join {
                room: &room,
                nick: &nick,
            };
            self.ask(cx, &room, request);
        }
    }

    /// Asks the service of a room for something, and waits until it is done: what follows is told after it.
    async fn request(&self, cx: &Context, room: &str, wish: RoomRequest<'_>) {
        let asked = match self.home(cx, room).await {
            Ok(service) => request(cx, service, wish).await.map(|_| ()),
            Err(error) => Err(error),
        };
        if let Err(error) = asked {
            log::warn!("room {room} did not do as it was asked: {error}");
            self.tell(cx, &format!("* {room} does not answer.\n"));
        }
    }

    /// The service that a room lives in. If none is known, the chat finds one.
    async fn home(&self, cx: &Context, room: &str) -> Result<Handle> {
        let (index, service) = self
            .state
            .with(|state| (state.pool.index(room), state.pool.service(room)));
        if service != NOBODY {
            return Ok(service);
        }
        let question = ChatRequest::Home { index }.encode()?;
        let answer = cx
            .call_timeout(self.chat, KIND_LUA, question, PATIENCE)
            .await?;
        let home = decode_home(&answer)?;
        self.state.with(|state| state.pool.replace(index, home));
        Ok(home)
    }

    /// Asks the service of a room for something that needs no answer.
    fn ask(&self, cx: &Context, room: &str, request: RoomRequest<'_>) {
        let service = self.state.with(|state| state.pool.service(room));
        self.send(cx, service, request, room);
    }

    fn send(&self, cx: &Context, service: Handle, request: RoomRequest<'_>, whose: &str) {
        let sent = match service {
            NOBODY => Err(Error::msg("its home is gone")),
            service => request
                .encode()
                .map_err(Error::from)
                .and_then(|bytes| Ok(cx.send(service, KIND_LUA, bytes)?)),
        };
        if let Err(error) = sent {
            log::warn!("{whose} did not get a request: {error}");
            self.tell(cx, &format!("* That did not reach {whose}: try again.\n"));
        }
    }

    /// The services of the rooms that the client is in.
    fn my_services(&self) -> Vec<Handle> {
        let mut services: Vec<_> = self.state.with(|state| {
            let rooms = state.rooms.iter();
            rooms.map(|room| state.pool.service(room)).collect()
        });
        services.retain(|service| *service != NOBODY);
        services.sort_unstable();
        services.dedup();
        services
    }

    fn current(&self) -> Option<String> {
        self.state.with(|state| state.rooms.last().cloned())
    }

    /// The room that is named, or else the current one; if there is none, the client is told.
    fn named_or_current(&self, cx: &Context, room: Option<&str>) -> Option<String> {
        if let Some(room) = room {
            return self.checked(cx, text::room(room));
        }
        let current = self.current();
        if current.is_none() {
            self.tell(cx, "* You are in no room: name one, or /join one.\n");
        }
        current
    }

    /// A name, or nothing after the client was told what is wrong with it.
    fn checked<T>(&self, cx: &Context, name: Result<T, text::NameError>) -> Option<T> {
        name.inspect_err(|error| self.tell(cx, &format!("* No: {error}.\n")))
            .ok()
    }

    /// Says a last thing and has the gate close the connection. The chat learns of that, and ends this agent.
    fn say_goodbye(&self, cx: &Context, text: &str) {
        self.queue.with(Queue::close);
        self.tell(cx, text);
        if let Err(error) = gate::kick(cx, self.gate, self.socket) {
            log::warn!("client {} was not closed: {error}", self.socket);
        }
    }

    /// Shows the client a text of whole lines.
    fn tell(&self, cx: &Context, text: &str) {
        self.write(cx, text.as_bytes());
    }

    fn write(&self, cx: &Context, lines: &[u8]) {
        if let Err(error) = gate::write(cx, self.gate, self.socket, lines) {
            log::debug!("client {} missed a line: {error}", self.socket);
        }
    }
}

/// Asks a room service something.
async fn request(
    cx: &Context,
    service: Handle,
    request: RoomRequest<'_>,
) -> Result<skynet_service::Reply> {
    Ok(cx
        .call_timeout(service, KIND_LUA, request.encode()?, PATIENCE)
        .await?)
}
