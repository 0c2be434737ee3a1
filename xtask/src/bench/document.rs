//! A document of which parts are written by machine: those between `<!-- begin NAME -->` and `<!-- end NAME -->`, each
//! mark on a line of its own. Everything else is by hand and stays.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// A document that was read.
#[derive(Debug)]
pub(super) struct Document {
    file: PathBuf,
    text: String,
}

impl Document {
    /// Reads a document, and checks that it has these sections.
    pub(super) fn read(file: &Path, sections: &[&str]) -> Result<Self> {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("{} cannot be read", file.display()))?;
        for section in sections {
            find(&text, section).with_context(|| format!("in {}", file.display()))?;
        }
        Ok(Self {
            file: file.to_owned(),
            text,
        })
    }

    /// Writes a section anew.
    pub(super) fn replace(&mut self, section: &str, content: &str) -> Result<()> {
        let (begin, end) = find(&self.text, section)?;
        let content = format!("\n{}\n\n", content.trim());
        self.text.replace_range(begin..end, &content);
        Ok(())
    }

    /// Writes it where it was read from.
    pub(super) fn write(&self) -> Result<()> {
        std::fs::write(&self.file, &self.text)
            .with_context(|| format!("{} cannot be written", self.file.display()))
    }
}

/// Where the content of a section begins and ends.
fn find(text: &str, section: &str) -> Result<(usize, usize)> {
    let (opening, closing) = (
        format!("<!-- begin {section} -->\n"),
        format!("<!-- end {section} -->"),
    );
    let begin = only(text, &opening)? + opening.len();
    let end = only(text, &closing)?;
    if end < begin {
        bail!("{:?} comes before {:?}", closing, opening.trim_end());
    }
    Ok((begin, end))
}

/// Where a mark stands, of which there must be one.
fn only(text: &str, mark: &str) -> Result<usize> {
    let mut places = text.match_indices(mark).map(|(place, _)| place);
    let shown = mark.trim_end();
    let first = places
        .next()
        .with_context(|| format!("there is no line {shown:?}"))?;
    if places.next().is_some() {
        bail!("{shown:?} is there more than once");
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::TempFolder;

    const TEXT: &str = "by hand\n<!-- begin a -->\nold\n<!-- end a -->\nby hand too\n\
                        <!-- begin b -->\n<!-- end b -->\n";

    #[test]
    fn what_is_written_by_hand_stays() {
        let folder = TempFolder::new("document").unwrap();
        let file = folder.path().join("d.md");
        std::fs::write(&file, TEXT).unwrap();
        let check = |section: &str, content: &str, expected: &str| {
            let mut document = Document::read(&file, &[section]).unwrap();
            document.replace(section, content).unwrap();
            document.write().unwrap();
            assert_eq!(std::fs::read_to_string(&file).unwrap(), expected);
        };
        let once = "by hand\n<!-- begin a -->\n\nnew\n\n<!-- end a -->\nby hand too\n\
                    <!-- begin b -->\n<!-- end b -->\n";
        check("a", "new\n", once);
        check("a", "new", once);
        let twice = once.replace("begin b -->\n", "begin b -->\n\nmore\n\n");
        check("b", "\nmore", &twice);
    }

    #[test]
    fn marks_that_are_wrong_are_told() {
        let check = |text: &str, expected: &str| {
            let error = find(text, "a").unwrap_err().to_string();
            assert_eq!(error, expected, "{text:?}");
        };
        check("", r#"there is no line "<!-- begin a -->""#);
        check("<!-- begin a -->\n", r#"there is no line "<!-- end a -->""#);
        check(
            "<!-- begin a -->\n<!-- begin a -->\n<!-- end a -->",
            r#""<!-- begin a -->" is there more than once"#,
        );
        check(
            "<!-- end a -->\n<!-- begin a -->\n",
            r#""<!-- end a -->" comes before "<!-- begin a -->""#,
        );
        let folder = TempFolder::new("document").unwrap();
        let file = folder.path().join("d.md");
        assert!(Document::read(&file, &["a"]).is_err());
        std::fs::write(&file, TEXT).unwrap();
        assert!(Document::read(&file, &["a", "b"]).is_ok());
        let error = format!("{:#}", Document::read(&file, &["a", "c"]).unwrap_err());
        assert!(error.contains("d.md: there is no line"), "{error}");
    }
}
