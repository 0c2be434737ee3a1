//! Every target is complete, and its seeds pass.

use std::path::Path;

use skynet_fuzz::{TARGETS, Target, memory::Counting};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn every_seed_passes() {
    for target in TARGETS {
        for seed in (target.seeds)() {
            assert!(seed.len() <= target.max_len, "{}", target.name);
            target.check(&seed);
        }
    }
}

#[test]
fn every_target_has_a_program_a_corpus_and_a_line_in_the_docs() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    let docs = std::fs::read_to_string(folder.join("../docs/testing.md")).unwrap();
    for Target { name, .. } in TARGETS {
        let program = format!("fuzz_targets/{name}.rs");
        let source = std::fs::read_to_string(folder.join(&program)).unwrap();
        assert!(
            source.contains(&format!("libfuzzer!(\"{name}\")")),
            "{program}"
        );
        assert!(
            manifest.contains(&format!("path = \"{program}\"")),
            "{name}"
        );
        assert!(folder.join("corpus").join(name).is_dir(), "{name}");
        assert!(docs.contains(&format!("| `{name}` |")), "{name}");
    }
}
