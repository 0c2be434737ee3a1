use super::*;

/// Frames that can be told apart: a letter, the lane, a number, and how many bytes.
struct Test {
    lane: u64,
    number: usize,
}

impl Test {
    fn write(&self, out: &mut Bytes, what: char, len: usize) {
        let text = format!("{what} {} {} {len}\n", self.lane, self.number);
        out.0.extend_from_slice(text.as_bytes());
    }
}

impl Head for Test {
    const SINGLE_MAX: usize = 100;
    fn single(&self, out: &mut Bytes, body: &[u8]) {
        self.write(out, 's', body.len());
    }
    fn begin(&self, out: &mut Bytes, total: usize) {
        self.write(out, 'b', total);
    }
    fn part(&self, out: &mut Bytes, bytes: &[u8], last: bool) {
        self.write(out, if last { 'l' } else { 'p' }, bytes.len());
    }
}

fn body(len: usize) -> Body {
    Body::new(Buffer::from(&vec![b'x'; len + 3][..]), 3)
}

fn lines(outbox: &mut Outbox<Test>) -> Vec<String> {
    let mut text = Vec::new();
    while let Some(chunk) = outbox.next_chunk() {
        text.extend_from_slice(&chunk);
    }
    let text = String::from_utf8(text).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn what_is_small_is_written_as_it_comes() {
    let mut outbox = Outbox::default();
    for number in 0..3 {
        outbox.push(1, Test { lane: 1, number }, body(number));
    }
    assert_eq!(lines(&mut outbox), ["s 1 0 0", "s 1 1 1", "s 1 2 2"]);
    assert!(outbox.is_empty() && outbox.bytes() == 0);
}

#[test]
fn others_pass_between_the_parts_and_the_own_lane_waits() {
    let mut outbox = Outbox::default();
    outbox.push(1, Test { lane: 1, number: 0 }, body(3 * PART));
    outbox.push(1, Test { lane: 1, number: 1 }, body(1));
    outbox.push(2, Test { lane: 2, number: 0 }, body(2));
    assert_eq!(
        lines(&mut outbox),
        [
            "s 2 0 2",
            &format!("b 1 0 {}", 3 * PART),
            &format!("p 1 0 {PART}"),
            &format!("p 1 0 {PART}"),
            &format!("l 1 0 {PART}"),
            "s 1 1 1",
        ]
    );
    assert!(outbox.is_empty() && outbox.bytes() == 0);
}

#[test]
fn lanes_take_turns() {
    let mut outbox = Outbox::default();
    for lane in 1..=2 {
        outbox.push(lane, Test { lane, number: 0 }, body(PART + 1));
    }
    let lines = lines(&mut outbox);
    let lanes: Vec<_> = lines.iter().map(|line| line.as_bytes()[2] - b'0').collect();
    assert_eq!(lanes, [1, 1, 2, 2, 1, 2]);
}

#[test]
fn a_large_one_does_not_overtake_what_came_before_it() {
    let mut outbox = Outbox::default();
    // More than one chunk of small ones.
    let count = 3 * BATCH / 8;
    for number in 0..count {
        outbox.push(1, Test { lane: 1, number }, body(1));
    }
    outbox.push(
        1,
        Test {
            lane: 1,
            number: count,
        },
        body(101),
    );
    let lines = lines(&mut outbox);
    let numbers: Vec<usize> = lines
        .iter()
        .map(|line| line.split(' ').nth(2).unwrap().parse().unwrap())
        .collect();
    assert!(numbers.is_sorted());
    assert_eq!(lines.len(), count + 2);
    assert!(outbox.is_empty() && outbox.bytes() == 0);
}

#[test]
fn no_more_than_some_begin() {
    let mut outbox = Outbox::default();
    for lane in 0..40 {
        outbox.push(lane, Test { lane, number: 0 }, body(4 * PART));
    }
    let (mut open, mut most) = (0, 0);
    for line in lines(&mut outbox) {
        match line.as_bytes()[0] {
            b'b' => open += 1,
            b'l' => open -= 1,
            _ => {}
        }
        most = most.max(open);
    }
    assert_eq!((open, most), (0, ACTIVE));
}
