//! Answers to clients.

use skynet_gate_wire::{Framing, append_client_id};
use skynet_service::{Context, Handle, KIND_CLIENT, Result};

/// Packets of more bytes are answered with their checksum.
const ECHOED: usize = 1000;

/// Answers a packet with a mark and what came, as one packet written through the gate.
pub(crate) fn answer(
    cx: &Context,
    gate: Handle,
    framing: Framing,
    id: u32,
    mark: &str,
    payload: &[u8],
) -> Result<()> {
    let mut text = mark.as_bytes().to_vec();
    if payload.len() > ECHOED {
        let sum = checksum(payload);
        text.extend_from_slice(format!("#{} {sum:016x}", payload.len()).as_bytes());
    } else {
        text.extend_from_slice(payload);
    }
    let mut packet = Vec::new();
    framing.encode(&text, &mut packet)?;
    append_client_id(&mut packet, id);
    Ok(cx.send(gate, KIND_CLIENT, packet)?)
}

/// 64-bit FNV-1a.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
