//! Which file and module a name leads to.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::Arc;
use std::thread;

use super::support::{Lab, SOURCE, deliver, host};
use crate::loader::{LoadError, LoadedModule, LoadedPlugin, Loader, PluginFile, SetupError};

/// Everybody may hold the loader and what it found.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Loader>();
    shared::<LoadedModule>();
};

#[test]
fn a_file_tells_about_itself() {
    let lab = Lab::new();
    let path = lab.compile("x.so", SOURCE, &["-DVERSION=\"7.1 beta\""]);
    let file = PluginFile::read(&path).unwrap();
    assert_eq!(
        (file.name.as_str(), file.version.as_str()),
        ("sample", "7.1 beta")
    );
    assert_eq!(file.module_names().collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(file.abi, (1, 1));
    assert!(!file.modules[0].has_signal);
    assert!(!file.wants_global_symbols());
}

#[test]
fn modules_are_found_by_file_name_then_by_list() {
    let lab = Lab::new();
    lab.compile("libone.so", SOURCE, &["-DANSWER=1", "-DTWO=\"extra\""]);
    lab.compile("zz.so", SOURCE, &["-DANSWER=2", "-DONE=\"three\""]);
    lab.compile("yy.so", SOURCE, &["-DANSWER=3", "-DONE=\"four\""]);
    // Has `extra` too, in a file whose name comes earlier in the path's order: but not for `one`.
    lab.compile("aa.so", SOURCE, &["-DANSWER=4", "-DTWO=\"extra\""]);
    let loader = lab.loader();
    let check = |name: &str, expected: i32| {
        let module = loader.module(name).unwrap();
        assert_eq!(module.name, name);
        assert_eq!(deliver(module) / 1000, expected, "{name}");
    };
    check("one", 1);
    check("three", 2);
    check("four", 3);
    check("two", 3);
    check("extra", 4);
    check("one", 1);
    assert_eq!(loader.plugins().len(), 4);
}

#[test]
fn a_plugin_is_loaded_once_and_keeps_its_own_names() {
    let lab = Lab::new();
    lab.compile("one.so", SOURCE, &["-DANSWER=1"]);
    lab.compile("two.so", SOURCE, &["-DANSWER=2"]);
    let loader = lab.loader();
    let one = loader.module("one").unwrap();
    assert_eq!(deliver(one), 1001);
    assert_eq!(deliver(loader.module("one").unwrap()), 1002);
    assert_eq!(deliver(loader.module("two").unwrap()), 2001);
    assert_eq!(deliver(one), 1003);
    assert_eq!(lab.copies(), ["1-one.so", "2-two.so"]);
}

#[test]
fn the_same_content_under_two_names_is_loaded_once() {
    let lab = Lab::new();
    let first = lab.compile("one.so", SOURCE, &[]);
    fs::copy(first, lab.path("two.so")).unwrap();
    let loader = lab.loader();
    loader.module("one").unwrap();
    loader.module("two").unwrap();
    assert_eq!(loader.plugins().len(), 1);
}

#[test]
fn what_is_not_there_is_told_with_what_was_tried() {
    let lab = Lab::new();
    lab.compile("libx.so", SOURCE, &["-DONE=\"launcher\""]);
    lab.compile("lancher.so", SOURCE, &["-DONE=\"echo\""]);
    fs::write(lab.path("libbad.so"), "no library").unwrap();
    let loader = lab.loader();
    let error = loader.module("lancher").unwrap_err();
    let text = error.to_string();
    let LoadError::NotFound { near, .. } = error else {
        panic!("{text}");
    };
    assert_eq!(near, ["launcher"]);
    for part in [
        "no module `lancher`",
        "lancher.so (has echo, two)",
        "liblancher.so",
        "cservice/lib*.so",
        "libbad.so: not a plugin: found another kind of file",
        "did you mean `launcher`?",
    ] {
        assert!(text.contains(part), "{part:?} in {text}");
    }
}

#[test]
fn names_that_no_module_can_have_are_refused() {
    let lab = Lab::new();
    let loader = lab.loader();
    let long = "x".repeat(32);
    for name in ["", "a b", "../one", "a\nb", "a\0b", long.as_str()] {
        let result = loader.module(name);
        assert!(matches!(result, Err(LoadError::BadName { .. })), "{name:?}");
    }
}

#[test]
fn a_broken_file_of_the_name_is_not_passed_over() {
    let lab = Lab::new();
    fs::write(lab.path("one.so"), "no library").unwrap();
    lab.compile("libone.so", SOURCE, &[]);
    let error = lab.loader().module("one").unwrap_err();
    assert!(matches!(error, LoadError::Refused(_)), "{error}");
    assert!(
        error.to_string().contains("/one.so: not a plugin"),
        "{error}"
    );
}

#[test]
fn patterns_may_have_marks_in_folders() {
    let lab = Lab::new();
    fs::create_dir_all(lab.path("pack")).unwrap();
    lab.compile("pack/pack.so", SOURCE, &["-DANSWER=5"]);
    let cpath = format!("{}/?/?.so", lab.folder.join("cservice").display());
    let loader = Loader::new(&cpath, lab.folder.join("private"), host()).unwrap();
    assert_eq!(deliver(loader.module("two").unwrap()), 5001);
}

#[test]
fn many_threads_get_the_same_module() {
    let lab = Lab::new();
    lab.compile("libx.so", SOURCE, &[]);
    let loader = Arc::new(lab.loader());
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let loader = Arc::clone(&loader);
            let work = move || loader.module("one").unwrap().plugin.serial;
            thread::Builder::new().spawn(work).unwrap()
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), 1);
    }
    assert_eq!(loader.plugins().len(), 1);
}

#[test]
fn a_plugin_that_hangs_in_load_hangs_nobody_else() {
    let lab = Lab::new();
    let pipe = lab.folder.join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    // Opening the pipe for reading takes until somebody opens it for writing.
    let source = format!("#include <fcntl.h>\n{SOURCE}");
    let status = format!("-DSTATUS=(open(\"{}\", O_RDONLY) < 0)", pipe.display());
    lab.compile("one.so", &source, &[&status]);
    lab.compile("libx.so", SOURCE, &["-DONE=\"other\""]);
    let loader = Arc::new(lab.loader());
    let hanging = Arc::clone(&loader);
    let work = move || hanging.module("one").unwrap().plugin.serial;
    let hanging = thread::Builder::new().spawn(work).unwrap();
    while lab.copies().is_empty() {
        thread::yield_now();
    }
    assert_eq!(loader.module("other").unwrap().plugin.serial, 2);
    assert!(!hanging.is_finished());
    fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    assert_eq!(hanging.join().unwrap(), 1);
}

#[test]
fn the_private_folder_is_the_owners_alone_and_is_tidied() {
    let lab = Lab::new();
    let private = lab.folder.join("private");
    fs::create_dir(&private).unwrap();
    fs::set_permissions(&private, fs::Permissions::from_mode(0o777)).unwrap();
    fs::write(private.join("3-old.so"), "").unwrap();
    fs::write(private.join("notes"), "").unwrap();
    lab.compile("one.so", SOURCE, &[]);
    let loader = lab.loader();
    let mode = private.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    assert_eq!(lab.copies(), ["notes"]);
    let module = loader.module("one").unwrap();
    assert_eq!(lab.copies(), ["1-one.so", "notes"]);
    loader.remove_copies();
    assert_eq!(lab.copies(), ["notes"]);
    assert_eq!(deliver(module), 1);
}

#[test]
fn loaders_that_cannot_work_are_refused() {
    let lab = Lab::new();
    let file = lab.folder.join("file");
    fs::write(&file, "").unwrap();
    let check = |cpath: &str, folder, expected: &str| {
        let error: SetupError = Loader::new(cpath, folder, host()).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    };
    check("", lab.folder.join("p"), "found no pattern");
    check(
        "cservice/x.so",
        lab.folder.join("p"),
        "found `cservice/x.so`",
    );
    check("?.so", file.clone(), "folder for copies of plugins");
    let link = lab.folder.join("link");
    std::os::unix::fs::symlink(lab.folder.join("cservice"), &link).unwrap();
    check("?.so", link, "found a link");
}

#[test]
fn tables_of_the_program_itself_become_plugins() {
    let lab = Lab::new();
    lab.compile("one.so", SOURCE, &[]);
    let loader = lab.loader();
    let real = loader.module("one").unwrap();
    let mut name = [0; skynet_abi::SHORT_TEXT];
    name[..2].copy_from_slice(b"in");
    let mut table = skynet_abi::Module {
        name,
        state_version: 3,
        flags: 0,
        create: Some(real.create),
        deliver: Some(real.deliver),
        signal: None,
        release: Some(real.release),
        quiesce: None,
        save: None,
        restore: None,
    };
    let plugin = LoadedPlugin::builtin("inside", &[table]).unwrap();
    assert_eq!(plugin.module("in").unwrap().state_version, 3);
    table.release = None;
    let error = LoadedPlugin::builtin("inside", &[table]).unwrap_err();
    assert_eq!(error.to_string(), "module `in` has no function `release`");
}
