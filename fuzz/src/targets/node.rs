//! A node, and the functions that a plugin in it would call.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::ptr;
use std::sync::OnceLock;

use skynet_abi::{Buffer, Context, Host, Message, SocketPart, Text};
use skynet_core::fuzz::Node;

/// There is one in a process.
static NODE: OnceLock<Node> = OnceLock::new();

/// What a callback may call. Pointers that it passes lead where the ABI says; numbers may be anything.
#[derive(Clone, Copy)]
pub(super) struct Plugin {
    pub(super) context: Context,
    host: &'static Host,
}

/// Runs `body` as a callback of a new service; shows `see` what its mailbox holds then.
pub(super) fn in_turn(body: impl FnOnce(Plugin), see: impl FnMut(&Message)) {
    let node = NODE.get_or_init(start);
    let host = node.host();
    node.in_turn(|context| body(Plugin { context, host }), see);
}

fn start() -> Node {
    let folder = std::env::temp_dir().join(format!("skynet-fuzz-{}", std::process::id()));
    let node = Node::start(&folder);
    // Nothing is put there, and nobody would clean it up when this process dies.
    drop(std::fs::remove_dir_all(&folder));
    node.unwrap_or_else(|error| panic!("no node in {}: {error}", folder.display()))
}

/// One function of the host's table, which has all of them.
macro_rules! call {
    ($plugin:expr, $function:ident($($argument:expr),*)) => {{
        let function = $plugin.host.$function.expect("the table is complete");
        // SAFETY: what is passed is what the ABI asks of a plugin: pointers to what lives during the call.
        unsafe { function($($argument),*) }
    }};
}

impl Plugin {
    /// A text command: its status and its answer.
    pub(super) fn command(self, name: &str, parameter: &str) -> (i32, Option<String>) {
        let (name, parameter) = (Text::new(name.as_bytes()), Text::new(parameter.as_bytes()));
        let mut answer = Buffer::NULL;
        let status = call!(
            self,
            command(self.context, name, parameter, &raw mut answer)
        );
        if answer.data.is_null() {
            return (status, None);
        }
        assert!(answer.len <= self.capacity(answer.data));
        // SAFETY: the node wrote `len` bytes into the buffer, which is ours.
        let bytes = unsafe { std::slice::from_raw_parts(answer.data, answer.len) };
        let text = String::from_utf8(bytes.to_vec()).expect("answers are texts");
        self.free(answer.data);
        (status, Some(text))
    }

    pub(super) fn alloc(self, capacity: usize) -> *mut u8 {
        call!(self, buffer_alloc(capacity))
    }

    pub(super) fn capacity(self, data: *mut u8) -> usize {
        call!(self, buffer_capacity(data))
    }

    pub(super) fn free(self, data: *mut u8) {
        call!(self, buffer_free(data));
    }

    pub(super) fn share(self, data: *mut u8) {
        assert_eq!(call!(self, buffer_ref(data)), data);
    }

    pub(super) fn grow(self, data: *mut u8, len: usize, capacity: usize) -> *mut u8 {
        call!(self, buffer_grow(data, len, capacity))
    }

    pub(super) fn unique(self, data: *mut u8, len: usize) -> *mut u8 {
        call!(self, buffer_unique(data, len))
    }

    pub(super) fn send(self, message: &Message) -> (i32, i32) {
        let mut session = 0;
        let status = call!(
            self,
            send(self.context, ptr::from_ref(message), &raw mut session)
        );
        (status, session)
    }

    pub(super) fn send_many(self, message: &Message, handles: &[u32]) -> (i32, usize) {
        let mut delivered = 0;
        let (message, count) = (ptr::from_ref(message), handles.len());
        let status = call!(
            self,
            send_many(
                self.context,
                message,
                handles.as_ptr(),
                count,
                &raw mut delivered
            )
        );
        (status, delivered)
    }

    pub(super) fn log(self, level: u32, target: &[u8], text: &[u8]) {
        call!(
            self,
            log(self.context, level, Text::new(target), Text::new(text))
        );
    }

    pub(super) fn launch(self, command: &[u8]) -> i32 {
        let (mut handle, mut session, mut error) = (0, 0, Buffer::NULL);
        let status = call!(
            self,
            launch(
                self.context,
                Text::new(command),
                &raw mut handle,
                &raw mut session,
                &raw mut error
            )
        );
        self.free(error.data);
        status
    }

    pub(super) fn exit(self, reason: u32, text: &[u8]) -> i32 {
        call!(self, exit(self.context, reason, Text::new(text)))
    }

    /// Functions of numbers alone, by their place here.
    pub(super) fn numbers(self, function: usize, a: u64, b: u64) -> i32 {
        let context = self.context;
        let (socket, word) = (a as i32, a as u32);
        match function {
            0 => call!(self, wake(context, a)),
            1 => call!(self, node_lost(context, word, b as u32, ptr::null_mut())),
            2 => call!(self, watch(context, word)),
            3 => call!(self, unwatch(context, word)),
            4 => call!(self, set_option(context, word, b)),
            5 => call!(self, timer_cancel(context, a)),
            6 => self.timer(a, b),
            7 => call!(self, socket_start(context, socket)),
            8 => call!(self, socket_pause(context, socket)),
            9 => call!(self, socket_close(context, socket, b)),
            10 => call!(self, socket_shutdown(context, socket, b as u32)),
            11 => call!(self, socket_set(context, socket, b as u32, a)),
            12 => call!(self, ready(context)),
            13 => call!(self, blocking_begin(context)),
            14 => call!(self, blocking_end(context)),
            15 => call!(self, call_moved(context, word, b as i32, (b >> 32) as u32)),
            16 => call!(self, peer_state(context, word, b as u32)),
            _ => {
                // A token of another life, or of nobody.
                let other = Context {
                    handle: word,
                    generation: b as u32,
                };
                if other == context {
                    return 0;
                }
                call!(self, wake(other, b))
            }
        }
    }

    /// How many of [`numbers`](Self::numbers) there are.
    pub(super) const NUMBERS: usize = 18;

    fn timer(self, delay: u64, value: u64) -> i32 {
        let mut timer = 0;
        let status = call!(self, timer_set(self.context, delay, value, &raw mut timer));
        if status == 0 {
            assert_ne!(timer, 0);
            assert_eq!(call!(self, timer_cancel(self.context, timer)), 0);
            assert_ne!(call!(self, timer_cancel(self.context, timer)), 0);
        }
        status
    }

    pub(super) fn write(self, socket: i32, parts: &[SocketPart], priority: u32) -> i32 {
        call!(
            self,
            socket_write(self.context, socket, parts.as_ptr(), parts.len(), priority)
        )
    }

    pub(super) fn send_to(self, socket: i32, address: &[u8], data: &[u8]) -> i32 {
        call!(
            self,
            socket_send_to(self.context, socket, Text::new(address), Text::new(data))
        )
    }
}

/// Writes `bytes` to the start of a buffer that has room for them and is ours alone.
pub(super) fn fill(buffer: *mut u8, bytes: &[u8]) {
    // SAFETY: callers have just made the buffer, with this capacity.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), buffer, bytes.len()) };
}

/// What a message carries: payload and name.
pub(super) fn contents(message: &Message) -> (&[u8], &[u8]) {
    // SAFETY: the node lends both to whoever sees the message.
    let payload = unsafe { slice(message.data.cast(), message.len) };
    // SAFETY: as above.
    let name = unsafe { slice(message.name.cast(), message.name_len as usize) };
    (payload, name)
}

/// # Safety
/// `data` is null, or readable for `len` bytes for as long as the result is used.
unsafe fn slice<'a>(data: *const c_void, len: usize) -> &'a [u8] {
    if data.is_null() || len == 0 {
        return &[];
    }
    // SAFETY: as the caller says.
    unsafe { std::slice::from_raw_parts(data.cast(), len) }
}
