//! Telling whether a file changed, and reading one that may change under our hands.

use std::fs::{File, Metadata, OpenOptions};
use std::hash::{DefaultHasher, Hasher};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::refuse::RefuseReason;

/// The largest file that is read.
pub(super) const SIZE_LIMIT: u64 = 512 << 20;

/// So much of a file is in memory at a time.
const PART: usize = 64 << 10;

/// The file systems' clocks tick at most this seldom (FAT: two seconds). A file that changed later than this before it
/// was looked at may change again without showing it.
const COARSEST_TICK: i64 = 2;

/// What the file system tells about one content of a file. The change time cannot be set back by anybody, so a copy
/// that keeps the modification time shows too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    /// Whether an equal identity later on means an equal content.
    settled: bool,
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |passed| {
                i64::try_from(passed.as_secs()).unwrap_or(i64::MAX)
            });
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            settled: !(0..=COARSEST_TICK).contains(&now.saturating_sub(metadata.ctime())),
        }
    }

    /// Whether what was learnt at `self` still holds at `later`.
    pub(super) fn holds_at(&self, later: &Self) -> bool {
        self.settled && self.same(later)
    }

    /// Whether what is learnt now can be relied upon later.
    pub(super) fn is_settled(&self) -> bool {
        self.settled
    }

    fn same(&self, other: &Self) -> bool {
        Self {
            settled: other.settled,
            ..*self
        } == *other
    }
}

/// The identity of the file or folder at `path`; `None` when there is none.
pub(super) fn look(path: &Path) -> Result<Option<Identity>, RefuseReason> {
    match path.metadata() {
        Ok(metadata) => Ok(Some(Identity::of(&metadata))),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Opens a regular file that is not too large.
pub(super) fn open(path: &Path) -> Result<(File, Identity), RefuseReason> {
    // Without O_NONBLOCK a named pipe would hold us here for ever.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(RefuseReason::NotAFile);
    }
    if metadata.len() > SIZE_LIMIT {
        return Err(RefuseReason::TooLarge {
            found: metadata.len(),
            limit: SIZE_LIMIT,
        });
    }
    Ok((file, Identity::of(&metadata)))
}

/// Reads all bytes of a file, provided that nobody wrote to it meanwhile, and gives them to `take` part by part: plugins
/// with debug information are large, and nobody needs all of one at once.
pub(super) fn read(
    path: &Path,
    mut take: impl FnMut(&[u8]) -> Result<(), RefuseReason>,
) -> Result<(Content, Identity), RefuseReason> {
    let (mut file, identity) = open(path)?;
    let mut digest = Digest::new();
    let mut part = Vec::with_capacity(PART);
    while digest.size <= SIZE_LIMIT {
        part.clear();
        (&mut file).take(PART as u64).read_to_end(&mut part)?;
        if part.is_empty() {
            break;
        }
        digest.write(&part);
        take(&part)?;
    }
    let after = Identity::of(&file.metadata()?);
    if !identity.same(&after) || digest.size != identity.size {
        return Err(RefuseReason::Changing);
    }
    Ok((digest.content(), identity))
}

/// Names a content. Two different plugins have the same with a probability of 2^-128.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Content(u64, u64, u64);

/// Makes the name of a content that comes in parts, all but the last of which are [`PART`] bytes.
struct Digest {
    hashers: [DefaultHasher; 2],
    size: u64,
}

impl Digest {
    fn new() -> Self {
        let salted = |salt: u8| {
            let mut hasher = DefaultHasher::new();
            hasher.write_u8(salt);
            hasher
        };
        Self {
            hashers: [salted(0), salted(1)],
            size: 0,
        }
    }

    fn write(&mut self, part: &[u8]) {
        self.hashers
            .iter_mut()
            .for_each(|hasher| hasher.write(part));
        self.size += part.len() as u64;
    }

    fn content(&self) -> Content {
        let [first, second] = &self.hashers;
        Content(first.finish(), second.finish(), self.size)
    }
}
