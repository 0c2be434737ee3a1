//! Shared libraries with a plugin's table in them, as small as can be and wrong wherever that is wanted.

use std::mem::offset_of;

use skynet_abi::{MAGIC, MAJOR, Module, PLUGIN_UNWINDS, Plugin, Prelude, SHORT_TEXT, SYMBOL};

/// The table, field by field. Pointers are any non-zero bytes: the file is never loaded.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) magic: u64,
    pub(super) major: u16,
    pub(super) needs_minor: u16,
    pub(super) size: u32,
    pub(super) flags: u64,
    pub(super) name: [u8; SHORT_TEXT],
    pub(super) version: [u8; SHORT_TEXT],
    pub(super) load: bool,
    pub(super) module_count: u32,
    pub(super) module_size: u32,
    pub(super) module_offset: u32,
    /// What really lies there, where there is room for it.
    pub(super) modules: Vec<Entry>,
    /// Bytes of the symbol.
    pub(super) symbol: u32,
}

/// One module.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) name: [u8; SHORT_TEXT],
    /// Which of create, deliver, signal and release there are.
    pub(super) functions: [bool; 4],
}

/// Where the functions of an [`Entry`] lie.
const FUNCTIONS: [usize; 4] = [
    offset_of!(Module, create),
    offset_of!(Module, deliver),
    offset_of!(Module, signal),
    offset_of!(Module, release),
];

/// A text with zeros behind it.
pub(super) fn short(text: &str) -> [u8; SHORT_TEXT] {
    let mut bytes = [0; SHORT_TEXT];
    let len = text.len().min(SHORT_TEXT);
    bytes[..len].copy_from_slice(&text.as_bytes()[..len]);
    bytes
}

impl Table {
    /// One that is right, with these modules.
    pub(super) fn new(modules: &[&str]) -> Self {
        let count = modules.len() as u32;
        let size = size_of::<Plugin>() as u32 + count * size_of::<Module>() as u32;
        Self {
            magic: MAGIC,
            major: MAJOR,
            needs_minor: 0,
            size,
            flags: PLUGIN_UNWINDS,
            name: short("fuzz"),
            version: short("1.0"),
            load: true,
            module_count: count,
            module_size: size_of::<Module>() as u32,
            module_offset: size_of::<Plugin>() as u32,
            modules: modules
                .iter()
                .map(|name| Entry {
                    name: short(name),
                    functions: [true, true, false, true],
                })
                .collect(),
            symbol: size,
        }
    }

    /// Its bytes, and where pointers lie in it.
    fn bytes(&self) -> (Vec<u8>, Vec<u64>) {
        let mut bytes = vec![0; self.symbol as usize];
        let mut pointers = Vec::new();
        let mut put = |at: usize, field: &[u8]| {
            if let Some(place) = bytes.get_mut(at..at.saturating_add(field.len())) {
                place.copy_from_slice(field);
            }
        };
        put(offset_of!(Prelude, magic), &self.magic.to_ne_bytes());
        put(offset_of!(Prelude, major), &self.major.to_ne_bytes());
        put(
            offset_of!(Prelude, needs_minor),
            &self.needs_minor.to_ne_bytes(),
        );
        put(offset_of!(Prelude, size), &self.size.to_ne_bytes());
        put(offset_of!(Plugin, flags), &self.flags.to_ne_bytes());
        put(offset_of!(Plugin, name), &self.name);
        put(offset_of!(Plugin, version), &self.version);
        put(
            offset_of!(Plugin, module_count),
            &self.module_count.to_ne_bytes(),
        );
        put(
            offset_of!(Plugin, module_size),
            &self.module_size.to_ne_bytes(),
        );
        put(
            offset_of!(Plugin, module_offset),
            &self.module_offset.to_ne_bytes(),
        );
        if self.load {
            pointers.push(offset_of!(Plugin, load));
        }
        for (index, module) in self.modules.iter().enumerate() {
            let at = self.module_offset as usize + index * self.module_size as usize;
            put(at, &module.name);
            let there = FUNCTIONS.iter().zip(module.functions);
            pointers.extend(
                there
                    .filter(|(_, is_there)| *is_there)
                    .map(|(offset, _)| at + offset),
            );
        }
        let pointers = pointers.into_iter().map(|at| at as u64).collect();
        (bytes, pointers)
    }

    /// A library that exports it; with relocations for its pointers, or with the pointers in it.
    pub(super) fn library(&self, relocated: bool) -> Vec<u8> {
        let (mut table, pointers) = self.bytes();
        if !relocated {
            for at in &pointers {
                if let Some(place) = table.get_mut(*at as usize..*at as usize + size_of::<usize>())
                {
                    place[0] = 1;
                }
            }
        }
        library(&table, if relocated { &pointers } else { &[] })
    }
}

/// The smallest library that exports `table` as the plugin symbol, with relocations for pointers at these offsets in it.
pub(super) fn library(table: &[u8], pointers: &[u64]) -> Vec<u8> {
    const EHDR: u64 = 64;
    const PHDR: u64 = 56;
    const SHDR: usize = 64;
    const SYM: u64 = 24;
    const RELA: u64 = 24;
    let machine: u16 = match std::env::consts::ARCH {
        "aarch64" => 183,
        "riscv64" => 243,
        _ => 62,
    };
    let names = [b"\0", SYMBOL.as_bytes(), b"\0"].concat();
    let symbols_at = EHDR + PHDR;
    let names_at = symbols_at + 2 * SYM;
    let relocations_at = (names_at + names.len() as u64).next_multiple_of(16);
    let table_at = (relocations_at + RELA * pointers.len() as u64).next_multiple_of(16);
    let sections_at = (table_at + table.len() as u64).next_multiple_of(16);

    let mut file = Vec::new();
    let ident = [
        0x7f,
        b'E',
        b'L',
        b'F',
        2,
        if cfg!(target_endian = "little") { 1 } else { 2 },
        1,
    ];
    file.extend_from_slice(&ident);
    file.resize(16, 0);
    for half in [3, machine] {
        file.extend_from_slice(&half.to_ne_bytes());
    }
    file.extend_from_slice(&1_u32.to_ne_bytes());
    words(&mut file, &[0, EHDR, sections_at]);
    file.extend_from_slice(&0_u32.to_ne_bytes());
    for half in [EHDR as u16, PHDR as u16, 1, SHDR as u16, 4, 0] {
        file.extend_from_slice(&half.to_ne_bytes());
    }
    // One segment: all of the file, where it lies.
    file.extend_from_slice(&1_u32.to_ne_bytes());
    file.extend_from_slice(&6_u32.to_ne_bytes());
    words(&mut file, &[0, 0, 0, sections_at, sections_at, 4096]);
    // Symbols: none, and ours: global data of the last section's number, which nobody looks at.
    file.resize((symbols_at + SYM) as usize, 0);
    file.extend_from_slice(&1_u32.to_ne_bytes());
    file.extend_from_slice(&[1 << 4 | 1, 0]);
    file.extend_from_slice(&3_u16.to_ne_bytes());
    words(&mut file, &[table_at, table.len() as u64]);
    file.extend_from_slice(&names);
    file.resize(relocations_at as usize, 0);
    for at in pointers {
        words(&mut file, &[table_at + at, 8, 0]);
    }
    file.resize(table_at as usize, 0);
    file.extend_from_slice(table);
    file.resize(sections_at as usize, 0);
    let relocations = RELA * pointers.len() as u64;
    file.resize(file.len() + SHDR, 0);
    section(&mut file, 11, symbols_at, 2 * SYM, 2, SYM);
    section(&mut file, 3, names_at, names.len() as u64, 0, 0);
    section(&mut file, 4, relocations_at, relocations, 1, RELA);
    file
}

fn section(file: &mut Vec<u8>, kind: u32, offset: u64, size: u64, link: u32, entry: u64) {
    file.extend_from_slice(&0_u32.to_ne_bytes());
    file.extend_from_slice(&kind.to_ne_bytes());
    words(file, &[2, offset, offset, size]);
    file.extend_from_slice(&link.to_ne_bytes());
    file.extend_from_slice(&1_u32.to_ne_bytes());
    words(file, &[8, entry]);
}

fn words(file: &mut Vec<u8>, words: &[u64]) {
    for word in words {
        file.extend_from_slice(&word.to_ne_bytes());
    }
}
