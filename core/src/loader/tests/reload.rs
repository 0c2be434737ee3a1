//! Files that change while a node runs.

use std::fs;
use std::io::Write;

use super::support::{Lab, SOURCE, deliver};

#[test]
fn a_changed_file_is_loaded_beside_the_old_version() {
    let lab = Lab::new();
    let path = lab.compile("one.so", SOURCE, &["-DANSWER=1"]);
    let first = fs::read(&path).unwrap();
    let next = lab.folder.join("next.so");
    lab.compile_to(&next, SOURCE, &["-DANSWER=2"]);
    let loader = lab.loader();
    let old = loader.module("one").unwrap();
    assert_eq!(deliver(old), 1001);

    // In place, as `cp` does it: the same inode, other bytes.
    fs::write(&path, fs::read(&next).unwrap()).unwrap();
    let new = loader.module("one").unwrap();
    assert_eq!(deliver(new), 2001);
    assert_eq!(deliver(old), 1002);
    assert!(new.plugin.serial > old.plugin.serial);

    // Back again: the content is known.
    let older = lab.folder.join("older.so");
    fs::write(&older, first).unwrap();
    fs::rename(&older, &path).unwrap();
    assert_eq!(deliver(loader.module("one").unwrap()), 1003);
    assert_eq!(loader.plugins().len(), 2);
}

#[test]
fn a_module_may_come_and_go() {
    let lab = Lab::new();
    let loader = lab.loader();
    assert!(loader.module("one").is_err());
    let path = lab.compile("libx.so", SOURCE, &["-DANSWER=1"]);
    let module = loader.module("one").unwrap();
    lab.compile("one.so", SOURCE, &["-DANSWER=2"]);
    assert_eq!(deliver(loader.module("one").unwrap()), 2001);
    fs::remove_file(lab.path("one.so")).unwrap();
    assert_eq!(deliver(loader.module("one").unwrap()), 1001);
    fs::remove_file(&path).unwrap();
    assert!(loader.module("one").is_err());
    assert_eq!(deliver(module), 1002);
}

#[test]
fn a_file_that_is_still_being_written_is_reported() {
    let lab = Lab::new();
    let whole = lab.folder.join("whole.so");
    lab.compile_to(&whole, SOURCE, &["-DANSWER=1"]);
    let bytes = fs::read(&whole).unwrap();
    let loader = lab.loader();

    let mut file = fs::File::create(lab.path("one.so")).unwrap();
    for part in [0, 10, 1000, 3000, bytes.len() - 1] {
        let written = usize::try_from(file.metadata().unwrap().len()).unwrap();
        file.write_all(&bytes[written..part]).unwrap();
        let error = loader.module("one").unwrap_err().to_string();
        let expected = match part {
            0 => "found an empty file",
            _ => "truncated (or still being written)",
        };
        assert!(error.contains(expected), "{part} bytes: {error}");
    }
    file.write_all(&bytes[bytes.len() - 1..]).unwrap();
    assert_eq!(deliver(loader.module("one").unwrap()), 1001);
}

#[test]
fn a_plugin_whose_load_failed_is_not_loaded_again_until_it_changes() {
    let lab = Lab::new();
    let path = lab.compile("one.so", SOURCE, &["-DSTATUS=-11"]);
    let loader = lab.loader();
    for _ in 0..3 {
        let error = loader.module("one").unwrap_err().to_string();
        assert!(
            error.ends_with("its `load` failed with status -11 (failed)"),
            "{error}"
        );
    }
    assert_eq!(lab.copies(), ["1-one.so"]);
    assert!(loader.plugins().is_empty());
    fs::remove_file(&path).unwrap();
    lab.compile("one.so", SOURCE, &[]);
    assert_eq!(deliver(loader.module("one").unwrap()), 1);
}
