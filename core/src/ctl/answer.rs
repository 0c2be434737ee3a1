//! What a node answers to a request.

/// An answer, without its first line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Answer<'a> {
    /// It was done: what there is to say.
    Done(&'a str),
    /// It was not: why.
    Failed(&'a str),
}

impl<'a> Answer<'a> {
    /// Reads all that came until the node closed; `None` when it closed too early.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        match text.split_once('\n')? {
            ("ok", text) => Some(Self::Done(text)),
            ("error", text) => Some(Self::Failed(text.trim_end())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        let check = |text: &str, expected: Option<Answer<'_>>| {
            assert_eq!(Answer::parse(text), expected, "{text:?}");
        };
        check("ok\n", Some(Answer::Done("")));
        check("ok\none\ntwo\n", Some(Answer::Done("one\ntwo\n")));
        check("error\nwrong\n", Some(Answer::Failed("wrong")));
        check("", None);
        check("ok", None);
        check("okay\n", None);
    }
}
