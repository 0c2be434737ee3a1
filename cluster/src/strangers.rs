//! Whoever can connect must not be able to fill the log.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What the log is told of connections in a second, but for those that have proven who they are.
const MOST: u32 = 16;

static NEWS: Mutex<News> = Mutex::new(News::new());

/// Whether the log may be told of one more thing now. All connections of the node share it.
pub(crate) fn may_be_told() -> bool {
    let mut news = NEWS.lock().unwrap_or_else(PoisonError::into_inner);
    news.may_be_told(Instant::now())
}

struct News {
    since: Option<Instant>,
    told: u32,
}

impl News {
    const fn new() -> Self {
        Self {
            since: None,
            told: 0,
        }
    }

    fn may_be_told(&mut self, now: Instant) -> bool {
        if (self.since).is_none_or(|since| now >= since + Duration::from_secs(1)) {
            (self.since, self.told) = (Some(now), 0);
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
        let begin = Instant::now();
        let told = |news: &mut News, after| {
            let now = begin + Duration::from_millis(after);
            (0..100).filter(|_| news.may_be_told(now)).count()
        };
        assert_eq!(told(&mut news, 0), 16);
        assert_eq!(told(&mut news, 999), 0);
        assert_eq!(told(&mut news, 1000), 16);
    }
}
