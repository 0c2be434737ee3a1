//! Services that do everything at random and check what the runtime promises. Whatever does not hold goes into the log,
//! as an error that begins with `stress violation [rule]`; the last events of the services involved follow it.
//!
//! `test_stress_director SEED ACTORS` keeps so many `test_stress_actor` alive, and one `test_stress_door`. Actors find
//! each other by names; they send, call, hold, pass on, share, launch, kill, watch, set timers, have foreign threads wake,
//! send and answer for them, talk through the door, and end in every way. `test_stress_task` does the callee's part with
//! tasks, `test_stress_brief` hardly lives at all, and `test_stress_undertaker` hears of every end.

mod actor;
mod brief;
mod connections;
mod director;
mod door;
mod figures;
mod ghost;
mod graves;
mod mode;
mod payloads;
mod promises;
mod random;
mod request;
mod task;
mod trail;
mod undertaker;

use skynet_service::export;

export! {
    raw test_stress_actor: actor::Actor,
    raw test_stress_brief: brief::Brief,
    raw test_stress_director: director::Director,
    raw test_stress_door: door::Door,
    raw test_stress_undertaker: undertaker::Undertaker,
    test_stress_task: task::Task,
}
