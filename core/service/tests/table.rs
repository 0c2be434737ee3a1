//! Each entry of the node's table has a wrapper in the SDK.
#![allow(clippy::unwrap_used)] // In services and helpers of the tests, too.

use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use skynet_service::abi::layout::STRUCTS;
use skynet_service::testing::{Node, calls};
use skynet_service::{
    Buffer, Context, Handle, KIND_TEXT, Local, Message, OnPanic, PeerState, Reason, Result,
    Service, log,
};

/// Uses everything that others do not use.
struct Everything;

static SIGNAL: AtomicI32 = AtomicI32::new(-1);
static CONTEXT: Mutex<Option<Context>> = Mutex::new(None);

impl Service for Everything {
    async fn start(cx: &Context, _args: &str) -> Result<Self> {
        cx.sleep(Duration::from_millis(1)).await;
        cx.on_signal(|number| SIGNAL.store(number, Ordering::Relaxed));
        *CONTEXT.lock().unwrap() = Some(cx.clone());
        Ok(Self)
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        if message.bytes() != b"go" {
            return Ok(());
        }
        let mut shared = Buffer::from("shared");
        shared.share().as_mut_slice()[0] = b'x';
        shared.extend_from_slice(&[0; 100]);
        shared.extend_from_slice(&[0; 10_000]);
        assert!(Buffer::with_capacity(10).capacity() >= 10);

        let me = cx.handle();
        assert_eq!(cx.send_many(&[me, me, Handle(99)], 50, shared)?, 2);
        assert_eq!(cx.mailbox_length(), 2);
        cx.register(".everything")?;
        assert!(cx.register(".everything").is_err());
        assert!(cx.register("global").is_err());
        cx.name(".also", me)?;
        assert_eq!(cx.query(".also"), Some(me));
        assert_eq!(cx.query(".nobody"), None);
        cx.set_env("key", "some value")?;
        assert_eq!(cx.env("key").as_deref(), Some("some value"));
        assert!(cx.set_env("key", "other").is_err());
        assert!(cx.command("NONSENSE", "").is_err());
        assert_eq!(cx.blocking(|| 7), 7);
        cx.set_mailbox_limit(1000)?;
        cx.become_harbor(1)?;
        let lost = cx.call(Handle(0x0200_0001), KIND_TEXT, "far away");
        let session = lost.session().unwrap();
        assert!(cx.call_moved(me, session, Handle(0x0200_0002))?);
        assert!(!cx.call_moved(me, 4242, Handle(0x0200_0002))?);
        let failed = cx.node_lost(2, Reason::NODE_LOST)?;
        cx.set_peer_state(2, PeerState::Lost)?;
        let refused = cx.send(Handle(0x0200_0001), KIND_TEXT, "").unwrap_err();
        assert!(refused.is_node_lost(), "{refused}");
        log::info!("{failed} call lost");
        drop(lost);

        let launched = cx.launch("child slowly").await?;
        let watch = cx.watch(launched);
        cx.kill(launched)?;
        assert_eq!(watch.await.reason, Reason::KILLED);
        drop(cx.watch(Handle(4242)));
        let error = cx.launch("child fails").await.unwrap_err();
        assert!(error.to_string().contains("it fails"), "{error}");
        let error = cx.launch("stranger").await.unwrap_err();
        assert!(error.to_string().contains("no module"), "{error}");
        let quick = cx.launch_now("child quick")?;
        cx.command("SIGNAL", &format!("{me} 5"))?;
        cx.kill(quick)?;

        let id = cx.socket_udp("")?;
        cx.socket_udp_connect(id, "127.0.0.1:1")?;
        cx.socket_send_to(id, None, b"x")?;
        cx.socket_close(id, Duration::ZERO)?;
        let listener = cx.socket_listen("127.0.0.1:5555", 16)?;
        cx.socket_start(listener)?;
        let stream = cx.socket_connect("127.0.0.1:5555", Duration::from_secs(1))?;
        cx.socket_write(stream, b"x")?;
        cx.socket_write_low(stream, Buffer::from("y"))?;
        cx.socket_write_slices(stream, &[b"a", b"b"])?;
        cx.socket_set(stream, 1, 1)?;
        cx.socket_pause(stream)?;
        cx.socket_shutdown(stream, 2)?;
        cx.socket_close(stream, Duration::ZERO)?;
        assert!(cx.socket_write(stream, b"x").is_err());
        let timer = cx.timer_set(Duration::from_secs(1), 1)?;
        cx.timer_cancel(timer);
        cx.wake(1);
        assert!(cx.now() > Duration::ZERO);
        cx.reply(&message, "done")?;
        cx.exit();
        Ok(())
    }
}

struct Child;

impl Service for Child {
    const ON_PANIC: OnPanic = OnPanic::Request;

    async fn start(cx: &Context, args: &str) -> Result<Self> {
        if args != "quick" {
            cx.sleep(Duration::from_millis(10)).await;
        }
        if args == "fails" {
            skynet_service::bail!("it fails");
        }
        Ok(Self)
    }

    async fn handle(&self, _cx: &Context, _message: Message) -> Result<()> {
        Ok(())
    }
}

#[test]
fn every_entry_is_used() {
    let mut node = Node::new();
    node.module::<Child>("child");
    let everything = node.launch::<Everything>("").unwrap();
    let pending = node.begin_call(everything, KIND_TEXT, "go").unwrap();
    node.advance(Duration::from_millis(100));
    assert_eq!(
        node.finish_call(&pending).unwrap().unwrap().bytes(),
        b"done",
        "{:?}",
        node.logs()
    );
    assert_eq!(SIGNAL.load(Ordering::Relaxed), 5);
    assert!(!node.is_alive(everything));
    assert!(
        node.logs().iter().any(|log| log.text == "1 call lost"
            && log.handle == everything
            && log.target == "table")
    );

    let used = calls();
    for (path, _) in STRUCTS {
        let Some(entry) = path.strip_prefix("Host.") else {
            continue;
        };
        if !matches!(entry, "prelude" | "log_level") {
            assert!(used.contains_key(entry), "no wrapper uses {entry}");
        }
    }

    let context = CONTEXT.lock().unwrap().take().unwrap();
    assert!(context.send(Handle(1), KIND_TEXT, "x").is_err(), "dead");
    assert!(!context.wake(1) && !context.is_own_turn());
}

#[test]
fn locals_belong_to_the_service_that_uses_them_first() {
    static SHARED: Local<u32> = Local::new(1);
    struct First;
    impl Service for First {
        async fn start(_cx: &Context, _args: &str) -> Result<Self> {
            Ok(Self)
        }
        async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
            let nested = SHARED.try_with(|_| SHARED.try_with(|_| ()).is_none());
            Ok(cx.reply(&message, format!("{nested:?}"))?)
        }
    }
    let mut node = Node::new();
    assert!(SHARED.try_with(|_| ()).is_none(), "not in a turn");
    let first = node.launch::<First>("").unwrap();
    let second = node.launch::<First>("").unwrap();
    assert_eq!(
        node.call(first, KIND_TEXT, "").unwrap().bytes(),
        b"Some(true)"
    );
    assert_eq!(node.call(second, KIND_TEXT, "").unwrap().bytes(), b"None");
    let mut own = Local::new(Arc::new(5));
    assert_eq!(**own.get_mut(), 5);
    assert_eq!(*own.into_inner(), 5);
}
