//! What the targets share: the checks, of which `tests/corpus/checks/` is the
//! only copy.

#[path = "../../tests/corpus/checks/mod.rs"]
pub mod checks;
