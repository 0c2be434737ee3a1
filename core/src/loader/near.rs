//! Names that look alike.

/// At most three of `names` that are close to `wanted`, the closest first.
pub(super) fn near<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let limit = (wanted.chars().count() / 3).max(1);
    let mut close: Vec<(usize, &str)> = names
        .map(|name| (distance(wanted, name), name))
        .filter(|&(distance, _)| distance <= limit)
        .collect();
    close.sort_unstable();
    close.dedup();
    close
        .into_iter()
        .take(3)
        .map(|(_, name)| name.to_owned())
        .collect()
}

/// How many characters must be changed, added or removed to make one text of the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &b) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_names_are_offered() {
        let check = |wanted: &str, expected: &[&str]| {
            let names = ["echo", "logger", "launcher", "slave", "master"];
            assert_eq!(near(wanted, names.into_iter()), expected, "{wanted}");
        };
        check("ech", &["echo"]);
        check("eco", &["echo"]);
        check("loger", &["logger"]);
        check("lancher", &["launcher"]);
        check("slaev", &[]);
        check("zzz", &[]);
    }
}
