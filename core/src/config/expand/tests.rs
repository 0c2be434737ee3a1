//! Tests of the replacement of variables.

use std::ffi::OsString;

use super::{Failure, expand};

#[test]
fn variables_are_replaced() {
    let lookup = |name: &str| {
        let value = match name {
            "HOME" => "/home/me",
            "N" => "4",
            "_x1" => "y",
            "EMPTY" => "",
            "TRICKY" => "a\"b\\c\nd'e",
            "QUOTED" => "a\"b\\c",
            _ => return None,
        };
        Some(OsString::from(value))
    };
    let failure = |line, name: &str, why| {
        Err(Failure {
            line,
            name: name.to_owned(),
            why,
        })
    };
    const QUOTE: Option<&str> =
        Some("its value has a ' in it, which ends a '...' string; use a \"...\" string");
    const BREAK: Option<&str> =
        Some("its value has a line break or control character in it; use a \"...\" string");
    for (text, expected) in [
        ("x = $N", Ok("x = 4")),
        ("x = \"$HOME/log\"", Ok("x = \"/home/me/log\"")),
        ("x = \"${HOME}log\"", Ok("x = \"/home/melog\"")),
        ("x = '$HOME$N'", Ok("x = '/home/me4'")),
        ("\"$N\" = \"$_x1$EMPTY\"", Ok("\"4\" = \"y\"")),
        // What is no variable stays.
        (
            "x = \"$$HOME costs 5$ or $5, ${} ${N ${5} $\"",
            Ok("x = \"$HOME costs 5$ or $5, ${} ${N ${5} $\""),
        ),
        (
            "# $NOPE\nx = $N # $NOPE '\ny = $N",
            Ok("# $NOPE\nx = 4 # $NOPE '\ny = 4"),
        ),
        ("x = \"\\$N\"", Ok("x = \"\\$N\"")),
        // The value fits the string it is put into.
        ("x = \"$TRICKY\"", Ok("x = \"a\\\"b\\\\c\\u000Ad'e\"")),
        (
            "x = \"\"\"\n$TRICKY\"\"\"",
            Ok("x = \"\"\"\na\\\"b\\\\c\\u000Ad'e\"\"\""),
        ),
        ("x = '$QUOTED'", Ok("x = 'a\"b\\c'")),
        ("x = '''\n$TRICKY'''", failure(2, "TRICKY", QUOTE)),
        ("\nx = $TRICKY", failure(2, "TRICKY", BREAK)),
        // Where strings and comments begin and end.
        ("x = \"# \\\" #\" # $NOPE", Ok("x = \"# \\\" #\" # $NOPE")),
        ("x = '# \\' # $NOPE", Ok("x = '# \\' # $NOPE")),
        ("x = \"\" # $NOPE", Ok("x = \"\" # $NOPE")),
        (
            "x = \"\"\"a\"\"b\"\"\"\"\" # $NOPE",
            Ok("x = \"\"\"a\"\"b\"\"\"\"\" # $NOPE"),
        ),
        (
            "x = '''\n# $N\n''' # $NOPE",
            Ok("x = '''\n# 4\n''' # $NOPE"),
        ),
        ("x = \"open\n# $NOPE", Ok("x = \"open\n# $NOPE")),
        // Missing ones are told with their line.
        ("x = 1\n\"\"\"\n\n$NOPE\"\"\"", failure(4, "NOPE", None)),
        ("é = \"$NOPE_ü\"", failure(1, "NOPE_", None)),
        ("\\", Ok("\\")),
        ("\"\\", Ok("\"\\")),
    ] {
        assert_eq!(expand(text, &lookup), expected.map(str::to_owned), "{text}");
    }
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_text_is_refused() {
    use std::os::unix::ffi::OsStringExt;

    let lookup = |_: &str| Some(OsString::from_vec(vec![0xff]));
    let error = expand("x = \"$X\"", &lookup).unwrap_err();
    assert_eq!(error.why, Some("its value is not UTF-8"));
}
