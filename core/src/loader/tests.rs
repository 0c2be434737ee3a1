//! Real libraries, compiled by the system's C compiler.

mod hostile;
mod load;
mod refuse;
mod reload;
mod state;
mod support;
