//! Whoever can connect must not be able to fill the log.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What the log is told of connections in a second, but for those that have proven who they are.
const MOST: u32 = 16;

static NEWS: Mutex<News> = Mutex::new(News::new());

/// Whether the log may be told of one more thing, at `now` on the node's clock. All connections of the node share it.
pub(crate) fn may_be_told(now: Duration) -> bool {
    let mut news = NEWS.lock().unwrap_or_else(PoisonError::into_inner);
    news.may_be_told(now)
}

struct News {
    since: Duration,
    told: u32,
}

impl News {
    const fn new() -> Self {
        Self {
            since: Duration::ZERO,
            told: 0,
        }
    }

    fn may_be_told(&mut self, now: Duration) -> bool {
        // Tests have clocks that begin anew.
        if now >= self.since + Duration::from_secs(1) || now < self.since {
            (self.since, self.told) = (now, 0);
        }
        self.told += 1;
        self.told <= MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_much_is_told_in_each_second() {
        let mut news = News::new();
        let told = |news: &mut News, now| {
            let told = (0..100).filter(|_| news.may_be_told(Duration::from_millis(now)));
            told.count()
        };
        assert_eq!(told(&mut news, 5000), 16);
        assert_eq!(told(&mut news, 5999), 0);
        assert_eq!(told(&mut news, 6000), 16);
    }
}
