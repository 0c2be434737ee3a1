//! Plugin files that are only looked at: any bytes, and libraries whose tables are wrong in any field.

use std::collections::HashSet;

use skynet_abi::{
    MAGIC, MAJOR, MAX_MODULES, MINOR, Module, PLUGIN_UNWINDS, Plugin, SHORT_TEXT, short_text,
};
use skynet_core::fuzz::{plugin_file, plugin_file_in_pieces, plugin_tables};
use skynet_core::loader::PluginFile;

use super::so::{Entry, Table, short};
use crate::input::Input;
use crate::memory::within;
use crate::{Bound, Target};

pub(super) const TARGET: Target = Target {
    name: "plugin_file",
    about: "the loader: plugin files that are inspected",
    run,
    seeds,
    tokens: &[
        b"\x7fELF",
        b"skynet_plugin_v1\0",
        b"SKYNET\x1a\n",
        b"\x0b\0\0\0",
        b"\x04\0\0\0",
        b"\x09\0\0\0",
        b"\x01\0\0\0",
        b"\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xff\xff",
        b"\0\0\0\0\0\0\0\x80",
    ],
    max_len: 1 << 16,
    memory: Bound {
        base: 1 << 18,
        per_byte: 100,
    },
};

/// What reading a file may take for each of its bytes, and besides.
const PER_BYTE: usize = 16;
const BESIDES: usize = 96 << 10;

fn run(bytes: &[u8]) {
    let Some((&[kind], rest)) = bytes.split_first_chunk() else {
        return;
    };
    if kind % 2 == 0 {
        check(rest);
        return;
    }
    let mut input = Input::new(rest);
    let table = table(&mut input);
    let library = table.library(kind & 2 == 0);
    let found = check(&library);
    assert_eq!(found.is_some(), is_right(&table), "{table:?}");
    if let Some(file) = found {
        let stated = table.modules.iter().take(table.module_count as usize);
        let names = stated.map(|module| short_text(&module.name));
        assert!(file.module_names().map(Some).eq(names));
    }
}

/// Whole and in pieces the same, and nothing in it that cannot be used.
fn check(bytes: &[u8]) -> Option<PluginFile> {
    let bound = BESIDES + PER_BYTE * bytes.len();
    let whole = within(bound, "a file", || plugin_file(bytes));
    let pieces = within(bound, "a file in pieces", || plugin_file_in_pieces(bytes));
    let file = match (whole, pieces) {
        (Ok(whole), Ok(pieces)) => {
            assert_eq!(whole, pieces);
            whole
        }
        (Err(whole), Err(pieces)) => {
            let text = whole.to_string();
            assert_eq!(text, pieces.to_string());
            assert!(text.len() < 600, "{}", text.len());
            return None;
        }
        (whole, pieces) => panic!("{whole:?} at once, {pieces:?} in pieces"),
    };
    assert_eq!(file.abi.0, MAJOR);
    assert!((0..=MINOR).contains(&file.needs_minor) && file.flags & PLUGIN_UNWINDS != 0);
    assert!((1..=MAX_MODULES).contains(&file.modules.len()));
    let (size, module_size, offset) = plugin_tables(&file);
    assert!(size as usize >= Plugin::LEAST_SIZE && size as usize <= bytes.len());
    assert!(module_size as usize >= Module::LEAST_SIZE && offset as usize >= Plugin::LEAST_SIZE);
    assert!((module_size as usize).is_multiple_of(align_of::<Module>()));
    assert!((offset as usize).is_multiple_of(align_of::<Module>()));
    let end = u64::from(offset) + u64::from(module_size) * file.modules.len() as u64;
    assert!(end <= u64::from(size), "modules behind the table's end");
    let names: HashSet<_> = file.module_names().collect();
    assert_eq!(names.len(), file.modules.len(), "each name once");
    assert!(
        names
            .iter()
            .chain([&file.name.as_str()])
            .all(|name| is_name(name))
    );
    Some(file)
}

fn is_name(name: &str) -> bool {
    let wrong = |c: char| c.is_whitespace() || c.is_control() || c == '/';
    (1..SHORT_TEXT).contains(&name.len()) && !name.contains(wrong)
}

/// A table of which any field may be wrong.
fn table(input: &mut Input<'_>) -> Table {
    let names = ["echo", "gate", "db", "a", "echo", "x y", "", "very/long"];
    let count = input.below(5);
    let chosen: Vec<_> = (0..count)
        .map(|_| names[input.below(names.len())])
        .collect();
    let mut table = Table::new(&chosen);
    let (module, plugin) = (size_of::<Module>() as u64, size_of::<Plugin>() as u64);
    for _ in 0..input.below(4) {
        match input.below(12) {
            0 => table.magic = input.edge(&[MAGIC]),
            1 => table.major = input.any(),
            2 => table.needs_minor = input.edge(&[u64::from(MINOR)]) as u16,
            3 => table.size = input.edge(&[plugin, u64::from(table.symbol)]) as u32,
            4 => table.flags = input.any(),
            5 => table.name = text(input),
            6 => table.version = text(input),
            7 => table.load = input.any(),
            8 => table.module_count = input.edge(&[count as u64, 256, u64::from(u32::MAX)]) as u32,
            9 => {
                table.module_size =
                    input.edge(&[module, module + 8, u64::from(u32::MAX) - 7]) as u32
            }
            10 => {
                table.module_offset =
                    input.edge(&[plugin, plugin + 8, u64::from(u32::MAX) - 7]) as u32
            }
            _ => {
                if let Some(module) = table.modules.last_mut() {
                    *module = Entry {
                        name: text(input),
                        functions: input.any(),
                    };
                }
            }
        }
    }
    // Not always as long as it says, and never very long.
    let stated = table.size.min(40_000);
    table.symbol = match input.below(4) {
        0 => input.edge(&[0, 24, plugin, u64::from(stated)]) as u32 % 40_000,
        _ => stated,
    };
    table
}

fn text(input: &mut Input<'_>) -> [u8; SHORT_TEXT] {
    match input.below(4) {
        0 => short("name"),
        1 => input.any(),
        2 => [b'x'; SHORT_TEXT],
        _ => short(&input.text(SHORT_TEXT)),
    }
}

/// Whether a plugin with this table can be loaded, as the reference of the ABI has it.
fn is_right(table: &Table) -> bool {
    let word = align_of::<Module>() as u32;
    let end = u64::from(table.module_offset)
        + u64::from(table.module_count) * u64::from(table.module_size);
    let header = table.magic == MAGIC
        && table.major == MAJOR
        && (0..=MINOR).contains(&table.needs_minor)
        && table.size as usize >= Plugin::LEAST_SIZE
        && table.size <= table.symbol
        && table.flags & PLUGIN_UNWINDS != 0
        && table.load
        && short_text(&table.name).is_some_and(is_name)
        && (table.version[0] == 0
            || short_text(&table.version).is_some_and(|text| !text.contains(char::is_control)));
    let modules = table.module_count >= 1
        && table.module_count as usize <= MAX_MODULES
        // Modules that are stated beyond those that are there have no names.
        && table.module_count as usize <= table.modules.len()
        && table.module_size as usize >= Module::LEAST_SIZE
        && table.module_size.is_multiple_of(word)
        && table.module_offset as usize >= Plugin::LEAST_SIZE
        && table.module_offset.is_multiple_of(word)
        && end <= u64::from(table.size);
    let mut seen = HashSet::new();
    let stated = table.modules.iter().take(table.module_count as usize);
    header
        && modules
        && stated.into_iter().all(|module| {
            let [create, deliver, _, release] = module.functions;
            create
                && deliver
                && release
                && short_text(&module.name)
                    .is_some_and(|name| is_name(name) && seen.insert(name.to_owned()))
        })
}

fn seeds() -> Vec<Vec<u8>> {
    let raw = |library: Vec<u8>| [vec![0], library].concat();
    let many: Vec<_> = (0..40).map(|number| format!("module-{number}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let mut seeds = vec![
        raw(Table::new(&["echo"]).library(true)),
        raw(Table::new(&["echo", "gate"]).library(false)),
        raw(Table::new(&many).library(true)),
        raw(Table::new(&["echo", "echo"]).library(true)),
        raw(b"#!/bin/sh\n".to_vec()),
        raw(b"\x7fELF".to_vec()),
    ];
    // Tables with a field or two changed.
    for (index, bytes) in super::sample::random(48, 64).enumerate() {
        seeds.push([&[1 + 2 * (index % 2) as u8][..], &bytes].concat());
    }
    seeds
}
