//! The functions reserved for live upgrade, called once as a node of a later minor will.
#![allow(unsafe_code)]

use std::fs;
use std::mem::ManuallyDrop;
use std::path::Path;
use std::ptr;

use skynet_abi::{Buffer, Context, Message, STATUS_FAILED, STATUS_OK, Text};

use super::support::{Lab, host};
use crate::loader::{LoadedModule, Loader};

/// A buffer of the node; tests leak it.
unsafe extern "C" fn buffer_alloc(capacity: usize) -> *mut u8 {
    ManuallyDrop::new(vec![0_u128; capacity.div_ceil(16)])
        .as_mut_ptr()
        .cast()
}

unsafe extern "C" fn exit(_context: Context, _reason: u32, _text: Text) -> i32 {
    STATUS_OK
}

fn module(lab: &Lab) -> &'static LoadedModule {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/test-c/state.c");
    let source = fs::read_to_string(source).unwrap();
    lab.compile("test-state.so", &source, &[]);
    let mut table = *host();
    table.buffer_alloc = Some(buffer_alloc);
    table.exit = Some(exit);
    let table = Box::leak(Box::new(table));
    let loader = Loader::new(&lab.cpath(), lab.folder.join("private"), table).unwrap();
    loader.module("test-state").unwrap()
}

fn save(module: &LoadedModule, instance: *mut std::ffi::c_void) -> &'static [u8] {
    let mut state = Buffer::NULL;
    // SAFETY: the instance is the module's own.
    let status = unsafe { module.save.unwrap()(instance, Context::default(), &mut state) };
    assert_eq!(status, STATUS_OK);
    // SAFETY: the plugin wrote so many bytes into the buffer, which is never freed.
    unsafe { std::slice::from_raw_parts(state.data, state.len) }
}

#[test]
fn state_goes_from_one_instance_to_another() {
    let lab = Lab::new();
    let module = module(&lab);
    assert_eq!(module.state_version, 3);
    let cx = Context::default();
    let mut old = ptr::null_mut();
    // SAFETY: the functions are called in the order that the ABI promises.
    let created = unsafe { (module.create)(cx, Text::EMPTY, &mut old) };
    assert_eq!(created, STATUS_OK);
    for _ in 0..5 {
        // SAFETY: as above.
        unsafe { (module.deliver)(old, cx, &Message::EMPTY) };
    }
    // SAFETY: as above.
    let quiesced = unsafe { module.quiesce.unwrap()(old, cx) };
    assert_eq!(quiesced, STATUS_OK);
    let state = save(module, old);
    // SAFETY: as above.
    unsafe { (module.release)(old, cx) };
    assert_eq!(state, 5_u64.to_ne_bytes());

    let restore = module.restore.unwrap();
    let mut new = ptr::null_mut();
    // SAFETY: as above.
    let refused = unsafe { restore(cx, 2, Text::new(state), &mut new) };
    assert_eq!(refused, STATUS_FAILED);
    // SAFETY: as above.
    let restored = unsafe { restore(cx, 3, Text::new(state), &mut new) };
    assert_eq!(restored, STATUS_OK);
    assert_eq!(save(module, new), state);
    // SAFETY: as above.
    unsafe { (module.release)(new, cx) };
}
