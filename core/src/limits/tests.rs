use super::{raise_file_limit, unix};

#[test]
fn the_soft_limit_becomes_the_hard_one() {
    let first = raise_file_limit().unwrap();
    let limit = unix::file_limit().unwrap();
    assert_eq!(first.now, limit.rlim_max);
    assert_eq!(limit.rlim_cur, limit.rlim_max);
    assert!(first.before <= first.now);

    let second = raise_file_limit().unwrap();
    assert_eq!((second.before, second.now), (first.now, first.now));
}
