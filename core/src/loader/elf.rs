//! Finds the plugin symbol in an ELF file. The only file that knows the format.
// Addresses are 64 bits wide here already, but not on a 32-bit machine.
#![allow(clippy::useless_conversion)]

use object::elf;
use object::endian::Endianness;
use object::read::ReadRef;
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader, Sym};
use skynet_abi::SYMBOL;

use super::image::Image;
use super::refuse::RefuseReason;

#[cfg(target_pointer_width = "64")]
type Header = elf::FileHeader64<Endianness>;
#[cfg(target_pointer_width = "32")]
type Header = elf::FileHeader32<Endianness>;
type Section = <Header as FileHeader>::SectionHeader;
type Symbol = <Header as FileHeader>::Sym;

/// What this build can load, for error texts.
const WANTED: &str = "an ELF shared library for this machine";

/// The bytes of the plugin symbol, and where it will lie in memory.
///
/// `data` may be hostile: every offset is checked, and no more than a small multiple of the file is read.
pub(super) fn find<'data, R: ReadRef<'data>>(data: R) -> Result<Image<'data>, RefuseReason> {
    let len = data
        .len()
        .map_err(|()| malformed("the file's length is unknown"))?;
    let header = header(data, len)?;
    let endian = header.endian().map_err(malformed)?;
    check_extent(header, endian, data, len)?;

    let sections = header.section_headers(endian, data).map_err(malformed)?;
    let (index, dynamic) = sections
        .iter()
        .enumerate()
        .find(|(_, section)| section.sh_type(endian) == elf::SHT_DYNSYM)
        .ok_or(RefuseReason::NoSymbol)?;
    let symbol = symbol(sections, dynamic, endian, data)?;
    let (address, size) = (
        u64::from(symbol.st_value(endian)),
        u64::from(symbol.st_size(endian)),
    );

    let (bytes, base) = mapped_bytes(header, endian, data, address, size)?;
    let relocated = relocated(sections, index, endian, data, len, address..address + size)?;
    Ok(Image {
        bytes,
        offset: address - base,
        relocated,
    })
}

fn malformed(what: impl ToString) -> RefuseReason {
    RefuseReason::Malformed(what.to_string())
}

fn header<'data, R: ReadRef<'data>>(data: R, len: u64) -> Result<&'data Header, RefuseReason> {
    let not = |found: &str| RefuseReason::NotALibrary {
        found: found.to_owned(),
        wanted: WANTED,
    };
    if len == 0 {
        return Err(not("an empty file"));
    }
    let magic = data
        .read_bytes_at(0, len.min(4))
        .map_err(|()| malformed("the first bytes cannot be read"))?;
    if magic != elf::ELFMAG {
        return Err(not("another kind of file"));
    }
    if len < size_of::<Header>() as u64 {
        return Err(RefuseReason::Truncated {
            what: "the ELF header",
            end: size_of::<Header>() as u64,
            found: len,
        });
    }
    let header =
        Header::parse(data).map_err(|_| not("an ELF file of another word size or version"))?;
    let native = if cfg!(target_endian = "little") {
        Endianness::Little
    } else {
        Endianness::Big
    };
    let endian = header.endian().map_err(malformed)?;
    if endian != native {
        return Err(not("an ELF file of the other byte order"));
    }
    if header.e_type(endian) != elf::ET_DYN {
        return Err(not("an ELF file that is no shared library"));
    }
    let machine = header.e_machine(endian);
    let fits = if cfg!(target_arch = "x86_64") {
        machine == elf::EM_X86_64
    } else if cfg!(target_arch = "aarch64") {
        machine == elf::EM_AARCH64
    } else if cfg!(target_arch = "riscv64") {
        machine == elf::EM_RISCV
    } else {
        true
    };
    if !fits {
        return Err(not(&format!(
            "an ELF file for another machine ({machine:?})"
        )));
    }
    Ok(header)
}

/// Everything that will be mapped, and the section table, must lie inside the file: a truncated library would be
/// mapped all the same, and kill the process when the missing pages are touched.
fn check_extent<'data, R: ReadRef<'data>>(
    header: &'data Header,
    endian: Endianness,
    data: R,
    len: u64,
) -> Result<(), RefuseReason> {
    let inside = |what, start: u64, size: u64| {
        let end = start.saturating_add(size);
        if end > len {
            return Err(RefuseReason::Truncated {
                what,
                end,
                found: len,
            });
        }
        Ok(())
    };
    inside(
        "the section table",
        u64::from(header.e_shoff(endian)),
        u64::from(header.e_shentsize(endian)) * u64::from(header.e_shnum(endian)),
    )?;
    inside(
        "the segment table",
        u64::from(header.e_phoff(endian)),
        u64::from(header.e_phentsize(endian)) * u64::from(header.e_phnum(endian)),
    )?;
    for segment in header.program_headers(endian, data).map_err(malformed)? {
        if segment.p_type(endian) == elf::PT_LOAD {
            let (start, size) = segment.file_range(endian);
            inside("a segment", start, size)?;
        }
    }
    Ok(())
}

/// The entry of the plugin symbol in the table of dynamic symbols.
fn symbol<'data, R: ReadRef<'data>>(
    sections: &'data [Section],
    dynamic: &'data Section,
    endian: Endianness,
    data: R,
) -> Result<&'data Symbol, RefuseReason> {
    let symbols: &[Symbol] = dynamic.data_as_array(endian, data).map_err(malformed)?;
    let strings = sections
        .get(dynamic.sh_link(endian) as usize)
        .ok_or_else(|| malformed("the dynamic symbols have no names"))?
        .data(endian, data)
        .map_err(malformed)?;
    let named = |symbol: &&Symbol| {
        let start = symbol.st_name(endian) as usize;
        strings
            .get(start..)
            .and_then(|rest| rest.strip_prefix(SYMBOL.as_bytes()))
            .is_some_and(|rest| rest.first() == Some(&0))
    };
    let symbol = symbols
        .iter()
        .filter(named)
        .find(|symbol| !symbol.is_undefined(endian) && !symbol.is_local())
        .ok_or(RefuseReason::NoSymbol)?;
    if symbol.st_type() != elf::STT_OBJECT {
        let found = match symbol.st_type() {
            elf::STT_FUNC => "a function".to_owned(),
            elf::STT_TLS => "a thread-local variable".to_owned(),
            other => format!("{other:?}"),
        };
        return Err(RefuseReason::BadSymbol { found });
    }
    Ok(symbol)
}

/// The file's bytes for `address..address + size`, and the address of the first mapped byte.
fn mapped_bytes<'data, R: ReadRef<'data>>(
    header: &'data Header,
    endian: Endianness,
    data: R,
    address: u64,
    size: u64,
) -> Result<(&'data [u8], u64), RefuseReason> {
    let end = address
        .checked_add(size)
        .ok_or_else(|| malformed("the plugin symbol ends behind the address space"))?;
    let segments = header.program_headers(endian, data).map_err(malformed)?;
    let loads = || segments.iter().filter(|s| s.p_type(endian) == elf::PT_LOAD);
    let base = loads()
        .map(|segment| u64::from(segment.p_vaddr(endian)))
        .min()
        .ok_or_else(|| malformed("no segment is loaded"))?;
    for segment in loads() {
        let first = u64::from(segment.p_vaddr(endian));
        let (offset, in_file) = segment.file_range(endian);
        let in_memory = first.saturating_add(u64::from(segment.p_memsz(endian)));
        if address < first || end > in_memory {
            continue;
        }
        if end > first.saturating_add(in_file) {
            return Err(RefuseReason::BadSymbol {
                found: "memory that is zero at first".to_owned(),
            });
        }
        let bytes = data
            .read_bytes_at(offset + (address - first), size)
            .map_err(|()| malformed("the plugin symbol cannot be read"))?;
        return Ok((bytes, base));
    }
    Err(malformed("the plugin symbol lies in no loaded segment"))
}

/// Where in `range` the loader will store addresses, relative to its start. (Addresses that packed relocations store
/// are non-zero in the file itself.)
fn relocated<'data, R: ReadRef<'data>>(
    sections: &'data [Section],
    dynamic: usize,
    endian: Endianness,
    data: R,
    len: u64,
    range: std::ops::Range<u64>,
) -> Result<Vec<u64>, RefuseReason> {
    let mut places = Vec::new();
    let mut budget = len;
    for section in sections {
        let kind = section.sh_type(endian);
        let wanted = kind == elf::SHT_RELA || kind == elf::SHT_REL;
        let link = section.sh_link(endian) as usize;
        // Static libraries' relocations have another symbol table; relocations without symbols may have none.
        if !wanted || (link != dynamic && link != 0) {
            continue;
        }
        budget = budget
            .checked_sub(u64::from(section.sh_size(endian)))
            .ok_or_else(|| malformed("relocations larger than the file"))?;
        if let Some((relocations, _)) = section.rela(endian, data).map_err(malformed)? {
            places.extend(
                relocations
                    .iter()
                    .map(|r| u64::from(r.r_offset.get(endian))),
            );
        }
        if let Some((relocations, _)) = section.rel(endian, data).map_err(malformed)? {
            places.extend(
                relocations
                    .iter()
                    .map(|r| u64::from(r.r_offset.get(endian))),
            );
        }
    }
    places.retain(|place| range.contains(place));
    for place in &mut places {
        *place -= range.start;
    }
    // In order: a hostile file may have any number of them, and they are asked for again and again.
    places.sort_unstable();
    Ok(places)
}
