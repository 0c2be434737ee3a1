use super::{decode, encode};

#[test]
fn addresses_survive_both_ways() {
    fn check(text: &str, expected: &[u8]) {
        let address = text.parse().unwrap();
        assert_eq!(&*encode(address), expected);
        assert_eq!(decode(expected), Some(address));
    }
    check("127.0.0.1:56368", b"\x01\xdc\x30\x7f\x00\x00\x01");
    check(
        "[::1]:80",
        b"\x02\x00\x50\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01",
    );
}
