//! Several chats that share their rooms, with a stand-in for the service that knows the network's names. They are on one
//! node here: what is different between nodes is for the scenario.

use std::collections::HashMap;

use skynet_seri::{pack, unpack_prefix};
use skynet_service::{Context, Error, Handle, Message, RawMessage, RawService, Result, bail};

use super::World;
use crate::chat::Chat;

/// Keeps names: `QUERYNAME` waits until there is one.
#[derive(Default)]
struct Names {
    bound: HashMap<String, u32>,
    waiting: Vec<(String, Message)>,
}

impl RawService for Names {
    fn start(cx: &Context, _args: &str) -> Result<Self> {
        cx.register(".cslave")?;
        Ok(Self::default())
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        let ((command, name, handle), _) =
            unpack_prefix::<(&str, &str, Option<u32>)>(message.bytes())?;
        let name = name.to_owned();
        match (command, handle) {
            ("REGISTER", Some(_)) if self.bound.contains_key(&name) => {
                let holder = Handle(self.bound[&name]);
                Err(Error::refused(format!("name {name} is taken by {holder}")))
            }
            ("REGISTER" | "MOVE", Some(handle)) => {
                self.bound.insert(name.clone(), handle);
                for (_, waiting) in self.waiting.extract_if(.., |(wanted, _)| *wanted == name) {
                    cx.reply(&waiting, pack(&(handle,))?)?;
                }
                Ok(cx.reply(message, ())?)
            }
            ("QUERYNAME", _) => match self.bound.get(&name) {
                Some(handle) => Ok(cx.reply(message, pack(&(*handle,))?)?),
                None => {
                    self.waiting.push((name, message.keep()));
                    Ok(())
                }
            },
            ("UNREGISTER", _) => {
                self.bound.remove(&name);
                Ok(())
            }
            _ => bail!("{command}"),
        }
    }
}

/// Two chats on one node; the first one is the current one.
fn two() -> (World, (Handle, Handle)) {
    let mut world = World::prepared(&[("network", "true"), ("rooms", "2")]);
    world.node.launch_raw::<Names>("").unwrap();
    let mut fronts = [(); 2].map(|()| {
        let chat = world.node.launch::<Chat>("").unwrap();
        (chat, *world.node.services().last().unwrap())
    });
    fronts.reverse();
    let [other, first] = fronts;
    (world.chat, world.gate) = first;
    (world, other)
}

#[test]
fn clients_of_two_chats_meet_in_a_room() {
    let (mut world, other) = two();
    world.connect(1);
    world.check(
        1,
        "/rooms",
        &[(1, "* There are no rooms yet: /join ROOM makes one.")],
    );
    world.check(1, "/who bar", &[(1, "* Nobody is in bar.")]);
    world.check(1, "/nick bob", &[(1, "* You are bob@0 now.")]);
    world.check(
        1,
        "/join bar",
        &[(1, "[bar] * you have come in; here are: bob@0")],
    );
    (world.chat, world.gate) = other;
    world.connect(2);
    world.check(
        2,
        "/join bar",
        &[
            (1, "[bar] * guest1@0 has come in"),
            (2, "[bar] * you have come in; here are: bob@0, guest1@0"),
        ],
    );
    world.check(
        2,
        "hi",
        &[(1, "[bar] <guest1@0> hi"), (2, "[bar] <guest1@0> hi")],
    );
    world.check(2, "/rooms", &[(2, "* bar (2)")]);
}

#[test]
fn a_home_that_ends_is_replaced_for_everybody() {
    let (mut world, other) = two();
    world.connect(1);
    world.line(1, "/join bar");
    (world.chat, world.gate) = other;
    world.connect(2);
    world.line(2, "/join bar");
    let home = *world.node.services().iter().rev().nth(1).unwrap();
    world.node.kill(home);
    world.node.run();
    let seen = world.seen();
    for client in [1, 2] {
        let lines: Vec<_> = seen.iter().filter(|(to, _)| *to == client).collect();
        assert!(
            lines
                .iter()
                .any(|(_, line)| line.contains("had to begin anew")),
            "{seen:?}"
        );
    }
    let seen = world.line(2, "again");
    assert_eq!(seen.len(), 2, "{seen:?}");
}
