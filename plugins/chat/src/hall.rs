//! The rooms of one room service: who is in them, and who is told what.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use skynet_service::Handle;

/// Names that are listed to who enters a room.
const LISTED: usize = 20;

/// How members are told.
pub(crate) trait Tell {
    /// Gives one line, without its end, to each of `members`, in this order of calls.
    fn tell(&mut self, members: &[Handle], line: fmt::Arguments<'_>);
}

/// Rooms and their members. A room exists as long as somebody is in it.
#[derive(Debug, Default)]
pub(crate) struct Hall {
    rooms: HashMap<Box<str>, Room>,
    members: HashMap<Handle, Member>,
}

/// The members of a room, in the order in which they came.
type Room = Vec<Handle>;

#[derive(Debug)]
struct Member {
    nick: Box<str>,
    rooms: Vec<Box<str>>,
}

impl Hall {
    /// Puts `who` into a room; everybody in it is told. Returns whether this is the first room that `who` is in.
    pub(crate) fn join(
        &mut self,
        who: Handle,
        name: &str,
        nick: &str,
        out: &mut impl Tell,
    ) -> bool {
        let is_new = !self.members.contains_key(&who);
        let member = self.members.entry(who).or_insert_with(|| Member {
            nick: nick.into(),
            rooms: Vec::new(),
        });
        if member.rooms.iter().any(|room| **room == *name) {
            out.tell(
                &[who],
                format_args!("[{name}] * you are in this room already"),
            );
            return is_new;
        }
        member.rooms.push(name.into());
        let room = self.rooms.entry(name.into()).or_default();
        out.tell(room, format_args!("[{name}] * {nick} has come in"));
        room.push(who);
        let names = Names(self, name);
        out.tell(
            &[who],
            format_args!("[{name}] * you have come in; here are: {names}"),
        );
        is_new
    }

    /// Takes `who` out of a room; everybody in it is told. Returns whether it was the last room that `who` was in.
    pub(crate) fn leave(&mut self, who: Handle, name: &str, out: &mut impl Tell) -> bool {
        let Some(member) = self.members.get_mut(&who) else {
            return false;
        };
        let Some(place) = member.rooms.iter().position(|room| **room == *name) else {
            return false;
        };
        member.rooms.swap_remove(place);
        let is_last = member.rooms.is_empty();
        out.tell(&[who], format_args!("[{name}] * you have left"));
        let nick = member.nick.clone();
        if is_last {
            self.members.remove(&who);
        }
        let told = format_args!("[{name}] * {nick} has left");
        take_out(&mut self.rooms, who, name, told, out);
        is_last
    }

    /// Takes somebody who is no more out of all rooms; everybody there is told. Returns whether `who` was in any.
    pub(crate) fn remove(&mut self, who: Handle, out: &mut impl Tell) -> bool {
        let Some(member) = self.members.remove(&who) else {
            return false;
        };
        for name in &member.rooms {
            let told = format_args!("[{name}] * {} has gone", member.nick);
            take_out(&mut self.rooms, who, name, told, out);
        }
        true
    }

    /// Tells everybody in a room, `who` too, what `who` says. Who is not in it is not heard.
    pub(crate) fn say(&self, who: Handle, name: &str, text: &str, out: &mut impl Tell) {
        let member = self.members.get(&who);
        let member = member.filter(|member| member.rooms.iter().any(|room| **room == *name));
        match (member, self.rooms.get(name)) {
            (Some(member), Some(room)) => {
                out.tell(room, format_args!("[{name}] <{}> {text}", member.nick));
            }
            _ => out.tell(
                &[who],
                format_args!("[{name}] * you are not in this room; nobody got that"),
            ),
        }
    }

    /// Gives somebody another nick; everybody who can see it is told.
    pub(crate) fn rename(&mut self, who: Handle, nick: &str, out: &mut impl Tell) {
        let Some(member) = self.members.get_mut(&who) else {
            return;
        };
        let old = std::mem::replace(&mut member.nick, nick.into());
        for name in &member.rooms {
            if let Some(room) = self.rooms.get(name) {
                out.tell(room, format_args!("[{name}] * {old} is now {nick}"));
            }
        }
    }

    /// The nicks of those in a room, in the order in which they came.
    pub(crate) fn names(&self, room: &str) -> impl Iterator<Item = &str> {
        let room = self.rooms.get(room).map_or(&[][..], Vec::as_slice);
        room.iter()
            .filter_map(|who| self.members.get(who))
            .map(|member| &*member.nick)
    }

    /// The rooms, and how many are in each.
    pub(crate) fn rooms(&self) -> BTreeMap<&str, usize> {
        let rooms = self.rooms.iter();
        rooms.map(|(name, room)| (&**name, room.len())).collect()
    }
}

/// Takes `who` out of one room, which vanishes when nobody is left to be told.
fn take_out(
    rooms: &mut HashMap<Box<str>, Room>,
    who: Handle,
    name: &str,
    told: fmt::Arguments<'_>,
    out: &mut impl Tell,
) {
    let Some(room) = rooms.get_mut(name) else {
        return;
    };
    room.retain(|member| *member != who);
    if room.is_empty() {
        rooms.remove(name);
    } else {
        out.tell(room, told);
    }
}

/// The nicks in a room for people: not more than fit on a screen's line or two.
struct Names<'a>(&'a Hall, &'a str);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(hall, room) = self;
        let mut names = hall.names(room);
        for (index, name) in names.by_ref().take(LISTED).enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{name}")?;
        }
        match names.count() {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOB: Handle = Handle(1);
    const EVE: Handle = Handle(2);
    const ZOE: Handle = Handle(3);

    /// Lines with those who got them.
    #[derive(Default)]
    struct Told(Vec<(Vec<u32>, String)>);

    impl Tell for Told {
        fn tell(&mut self, members: &[Handle], line: fmt::Arguments<'_>) {
            if !members.is_empty() {
                let members = members.iter().map(|member| member.0).collect();
                self.0.push((members, line.to_string()));
            }
        }
    }

    impl Told {
        #[track_caller]
        fn check(&mut self, expected: &[(&[u32], &str)]) {
            let found = std::mem::take(&mut self.0);
            let expected: Vec<_> = expected
                .iter()
                .map(|(members, line)| (members.to_vec(), (*line).to_owned()))
                .collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn members_see_who_comes_talks_and_goes() {
        let (mut hall, mut told) = (Hall::default(), Told::default());
        assert!(hall.join(BOB, "bar", "bob", &mut told));
        told.check(&[(&[1], "[bar] * you have come in; here are: bob")]);
        assert!(hall.join(EVE, "bar", "eve", &mut told));
        told.check(&[
            (&[1], "[bar] * eve has come in"),
            (&[2], "[bar] * you have come in; here are: bob, eve"),
        ]);
        hall.say(BOB, "bar", "hello", &mut told);
        told.check(&[(&[1, 2], "[bar] <bob> hello")]);
        hall.rename(BOB, "rob", &mut told);
        told.check(&[(&[1, 2], "[bar] * bob is now rob")]);
        assert!(hall.leave(BOB, "bar", &mut told));
        told.check(&[
            (&[1], "[bar] * you have left"),
            (&[2], "[bar] * rob has left"),
        ]);
        hall.say(BOB, "bar", "hello?", &mut told);
        told.check(&[(&[1], "[bar] * you are not in this room; nobody got that")]);
    }

    #[test]
    fn one_can_be_in_several_rooms_and_once_in_each() {
        let (mut hall, mut told) = (Hall::default(), Told::default());
        assert!(hall.join(BOB, "bar", "bob", &mut told));
        assert!(!hall.join(BOB, "pub", "bob", &mut told));
        hall.join(EVE, "pub", "eve", &mut told);
        told.check(&[
            (&[1], "[bar] * you have come in; here are: bob"),
            (&[1], "[pub] * you have come in; here are: bob"),
            (&[1], "[pub] * eve has come in"),
            (&[2], "[pub] * you have come in; here are: bob, eve"),
        ]);
        assert!(!hall.join(BOB, "pub", "bob", &mut told));
        told.check(&[(&[1], "[pub] * you are in this room already")]);
        assert_eq!(hall.rooms(), BTreeMap::from([("bar", 1), ("pub", 2)]));
        hall.remove(BOB, &mut told);
        told.check(&[(&[2], "[pub] * bob has gone")]);
        assert_eq!(hall.names("pub").collect::<Vec<_>>(), ["eve"]);
    }

    #[test]
    fn empty_rooms_and_their_members_vanish() {
        let (mut hall, mut told) = (Hall::default(), Told::default());
        hall.join(BOB, "bar", "bob", &mut told);
        hall.join(BOB, "pub", "bob", &mut told);
        assert!(!hall.leave(BOB, "bar", &mut told));
        assert!(hall.leave(BOB, "pub", &mut told));
        assert!(!hall.leave(BOB, "pub", &mut told));
        hall.join(EVE, "bar", "eve", &mut told);
        assert!(hall.remove(EVE, &mut told));
        assert!(!hall.remove(ZOE, &mut told));
        hall.rename(ZOE, "zoë", &mut told);
        assert!(hall.rooms.is_empty() && hall.members.is_empty());
    }

    #[test]
    fn long_lists_are_cut() {
        let (mut hall, mut told) = (Hall::default(), Told::default());
        for number in 0..22 {
            hall.join(Handle(number), "bar", &format!("n{number}"), &mut told);
        }
        let (_, line) = told.0.pop().unwrap();
        assert!(line.contains("here are: n0, n1,"), "{line}");
        assert!(line.ends_with("n19 and 2 more"), "{line}");
    }
}
