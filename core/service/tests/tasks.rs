//! Tasks: spawning, cancelling, waking, the order of their end.
#![allow(clippy::unwrap_used)] // In services and helpers of the tests, too.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use skynet_service::testing::Node;
use skynet_service::{Context, Exit, KIND_TEXT, Local, Message, Reason, Result, Service};

/// What happened, in order, seen from outside the service.
type Story = Arc<Mutex<Vec<String>>>;

static STORIES: Mutex<Vec<(String, Story)>> = Mutex::new(Vec::new());

fn story(name: &str) -> Story {
    let mut stories = STORIES.lock().unwrap();
    if let Some((_, story)) = stories.iter().find(|(found, _)| found == name) {
        return Arc::clone(story);
    }
    let story = Story::default();
    stories.push((name.to_owned(), Arc::clone(&story)));
    story
}

fn tell(story: &Story, text: &str) {
    story.lock().unwrap().push(text.to_owned());
}

struct Noisy(Story, &'static str);

impl Drop for Noisy {
    fn drop(&mut self) {
        tell(&self.0, self.1);
    }
}

struct Tasks {
    story: Story,
    task: Local<Option<skynet_service::TaskHandle>>,
    _noisy: Noisy,
}

impl Service for Tasks {
    async fn start(_cx: &Context, args: &str) -> Result<Self> {
        let story = story(args);
        Ok(Self {
            _noisy: Noisy(Arc::clone(&story), "service dropped"),
            task: Local::default(),
            story,
        })
    }

    async fn run(&self, _cx: &Context) -> Result<()> {
        tell(&self.story, "runs");
        Ok(())
    }

    async fn on_exit(&self, _cx: &Context, exit: Exit) -> Result<()> {
        tell(
            &self.story,
            &format!("{} ended: {}", exit.handle, exit.reason),
        );
        Ok(())
    }

    fn on_stop(&self, _cx: &Context) {
        tell(&self.story, "stops");
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        let story = Arc::clone(&self.story);
        let me = cx.clone();
        match message.text()? {
            "sleepers" => {
                for name in ["one", "two"] {
                    let (me, story) = (cx.clone(), Arc::clone(&story));
                    cx.spawn(async move {
                        let _noisy = Noisy(story, name);
                        me.sleep(Duration::from_secs(60)).await;
                    });
                }
            }
            "abort" => {
                let task = cx.spawn(async move {
                    let _noisy = Noisy(story, "aborted");
                    me.sleep(Duration::from_secs(60)).await;
                });
                self.task.set(Some(task));
            }
            "abort now" => {
                if let Some(task) = self.task.take() {
                    task.abort();
                }
            }
            "interval" => {
                cx.spawn(async move {
                    let mut interval = me.interval(Duration::from_millis(100));
                    for _ in 0..3 {
                        interval.tick().await;
                        tell(&story, &format!("tick {}", me.now().as_millis()));
                    }
                });
            }
            "timeout" => {
                let never = poll_fn(|_| Poll::<()>::Pending);
                let error = cx.timeout(Duration::from_millis(1500), never).await;
                tell(&story, &error.unwrap_err().to_string());
                let soon = cx.timeout(Duration::from_secs(9), async { 7 }).await?;
                tell(&story, &soon.to_string());
            }
            "yield" => {
                for _ in 0..1000 {
                    cx.yield_now().await;
                }
                tell(&story, "yielded");
            }
            "this" => {
                let this = cx
                    .this::<Self>()
                    .ok_or_else(|| skynet_service::Error::msg("a running service finds itself"))?;
                cx.spawn(async move { tell(&this.story, "this") });
            }
            text => {
                let handle = text.parse()?;
                cx.monitor(handle);
                let exit = cx.watch(handle).await;
                tell(&story, &format!("watched {}", exit.reason));
            }
        }
        Ok(())
    }
}

fn told(name: &str) -> Vec<String> {
    std::mem::take(&mut *story(name).lock().unwrap())
}

#[test]
fn tasks_are_dropped_before_the_service() {
    let mut node = Node::new();
    let tasks = node.launch::<Tasks>("drop").unwrap();
    node.send(tasks, KIND_TEXT, "sleepers").unwrap();
    node.run();
    assert_eq!(node.timers(), 2);
    node.kill(tasks);
    let mut told = told("drop");
    told[1..3].sort();
    assert_eq!(told, ["runs", "one", "two", "stops", "service dropped"]);
    assert_eq!(node.timers(), 0);
}

#[test]
fn an_aborted_task_is_dropped_with_its_timer() {
    let mut node = Node::new();
    let tasks = node.launch::<Tasks>("abort").unwrap();
    node.send(tasks, KIND_TEXT, "abort").unwrap();
    node.run();
    assert_eq!(node.timers(), 1);
    node.send(tasks, KIND_TEXT, "abort now").unwrap();
    node.run();
    assert_eq!(told("abort"), ["runs", "aborted"]);
    assert_eq!(node.timers(), 0);
}

#[test]
fn time_passes_as_told() {
    let mut node = Node::new();
    let tasks = node.launch::<Tasks>("time").unwrap();
    node.send(tasks, KIND_TEXT, "interval").unwrap();
    node.advance(Duration::from_millis(250));
    assert_eq!(told("time"), ["runs", "tick 100", "tick 200"]);
    node.advance(Duration::from_secs(1));
    assert_eq!(told("time"), ["tick 300"]);
    node.send(tasks, KIND_TEXT, "timeout").unwrap();
    node.advance(Duration::from_secs(2));
    assert_eq!(told("time"), ["not done within 1.5 s", "7"]);
    assert_eq!(node.timers(), 0, "the timer of a kept limit is cancelled");
}

#[test]
fn a_task_that_never_rests_leaves_turns_to_others() {
    let mut node = Node::new();
    let tasks = node.launch::<Tasks>("yield").unwrap();
    node.send(tasks, KIND_TEXT, "yield").unwrap();
    node.run();
    assert_eq!(told("yield"), ["runs", "yielded"]);
}

#[test]
fn a_service_finds_itself() {
    let mut node = Node::new();
    let tasks = node.launch::<Tasks>("this").unwrap();
    node.send(tasks, KIND_TEXT, "this").unwrap();
    node.run();
    assert_eq!(told("this"), ["runs", "this"]);
    node.kill(tasks);
    assert_eq!(told("this"), ["stops", "service dropped"]);
}

#[test]
fn ends_are_told_to_those_who_watch() {
    let mut node = Node::new();
    let tasks = node.launch::<Tasks>("watch").unwrap();
    let peer = node.peer();
    node.send(tasks, KIND_TEXT, peer.to_string()).unwrap();
    node.run();
    node.end_peer(peer, Reason::FAILED);
    let mut found = told("watch");
    found.sort();
    let expected = [
        format!("{peer} ended: the handler failed"),
        "runs".to_owned(),
        "watched the handler failed".to_owned(),
    ];
    assert_eq!(found, expected);
    node.send(tasks, KIND_TEXT, peer.to_string()).unwrap();
    node.run();
    assert_eq!(told("watch").len(), 2, "at once for one who is gone");
}

/// Hands its waker out.
struct Sleeper;

static WAKERS: Mutex<Vec<Waker>> = Mutex::new(Vec::new());
static POLLS: AtomicUsize = AtomicUsize::new(0);

impl Service for Sleeper {
    async fn start(_cx: &Context, _args: &str) -> Result<Self> {
        Ok(Self)
    }

    async fn handle(&self, cx: &Context, message: Message) -> Result<()> {
        let mut first = true;
        poll_fn(|task| {
            POLLS.fetch_add(1, Ordering::Relaxed);
            if std::mem::take(&mut first) {
                WAKERS.lock().unwrap().push(task.waker().clone());
                return Poll::Pending;
            }
            Poll::Ready(())
        })
        .await;
        Ok(cx.reply(&message, "woken")?)
    }
}

#[test]
fn wakers_work_from_other_threads_and_after_death() {
    let mut node = Node::new();
    let sleeper = node.launch::<Sleeper>("").unwrap();
    let pending = node.begin_call(sleeper, KIND_TEXT, "").unwrap();
    node.run();
    assert!(node.finish_call(&pending).is_none());

    let waker = WAKERS.lock().unwrap().pop().unwrap();
    let stale = waker.clone();
    let threads: Vec<_> = (0..4)
        .map(|number| {
            let waker = waker.clone();
            let builder = std::thread::Builder::new().name(format!("waker {number}"));
            builder.spawn(move || waker.wake()).unwrap()
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    node.run();
    assert_eq!(
        node.finish_call(&pending).unwrap().unwrap().bytes(),
        b"woken"
    );
    assert_eq!(POLLS.load(Ordering::Relaxed), 2, "woken once for all four");

    let second = node.begin_call(sleeper, KIND_TEXT, "").unwrap();
    node.run();
    stale.wake_by_ref();
    node.run();
    assert!(
        node.finish_call(&second).is_none(),
        "a waker of a former task wakes nobody"
    );
    let waker = WAKERS.lock().unwrap().pop().unwrap();
    node.kill(sleeper);
    waker.wake_by_ref();
    stale.wake();
    node.run();
    drop(node);
    waker.wake();
}
