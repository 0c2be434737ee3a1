//! Texts of words with single spaces between them.

/// The text up to the first space, and what is behind it.
pub(crate) fn split_word(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|&byte| byte == b' ') {
        Some(space) => (&text[..space], Some(&text[space + 1..])),
        None => (text, None),
    }
}

/// A socket id: decimal digits and nothing else.
pub(crate) fn parse_id(word: &[u8]) -> Option<u32> {
    // `u32::from_str` would take a plus sign.
    let digits = word.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(word)
        .ok()
        .filter(|_| digits)?
        .parse()
        .ok()
}

/// Text for an error: bytes as they are where they are readable, and not too many of them.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    const SHOWN: usize = 64;
    let more = if bytes.len() > SHOWN { "…" } else { "" };
    format!(
        "\"{}{more}\"",
        bytes[..bytes.len().min(SHOWN)].escape_ascii()
    )
}
