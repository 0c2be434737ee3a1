//! The keys of harbor networks.

use std::ops::RangeInclusive;

use super::{DAY, Key, integer, optional, path, seconds};
use crate::config::harbor::{self, HarborId, HarborListen, QueuePolicy, SECRET};
use crate::config::secret::{self, Secret};
use crate::config::value::Value;
use crate::resolver::parse_address;

const IDS: RangeInclusive<u64> = 0..=255;
const MESSAGES: RangeInclusive<u64> = 1..=u32::MAX as u64;
const BYTES: RangeInclusive<u64> = 65536..=1 << 40;
const CONNECTIONS: RangeInclusive<u64> = 1..=65535;
const TIMES: RangeInclusive<f64> = 0.1..=DAY;

/// See [`all`](super::all).
pub(super) static KEYS: &[Key] = &[
    Key {
        name: "harbor",
        wanted: "\"auto\", or an integer from 0 to 255",
        read: |config, value| {
            config.harbor = id(value)?;
            Some(())
        },
        text: |config| Some(config.harbor.to_string()),
    },
    Key {
        name: "address",
        wanted: "an address such as \"127.0.0.1:2526\"",
        read: |config, value| address(&mut config.address, value),
        text: |config| config.address.clone(),
    },
    Key {
        name: "master",
        wanted: "an address such as \"127.0.0.1:2013\"",
        read: |config, value| address(&mut config.master, value),
        text: |config| config.master.clone(),
    },
    Key {
        name: "standalone",
        wanted: "an address such as \"0.0.0.0:2013\"",
        read: |config, value| address(&mut config.standalone, value),
        text: |config| config.standalone.clone(),
    },
    Key {
        name: "harbor_wait",
        wanted: "seconds, from 0 to 86400",
        read: |config, value| {
            config.harbor_wait = value.seconds(&(0.0..=DAY))?;
            Some(())
        },
        text: |config| Some(seconds(config.harbor_wait)),
    },
    Key {
        name: "harbor_join",
        wanted: "seconds, from 0.1 to 86400",
        read: |config, value| {
            config.harbor_join = value.seconds(&TIMES)?;
            Some(())
        },
        text: |config| Some(seconds(config.harbor_join)),
    },
    Key {
        name: "harbor_heartbeat",
        wanted: "seconds, from 0.1 to 86400",
        read: |config, value| {
            config.harbor_heartbeat = value.seconds(&TIMES)?;
            Some(())
        },
        text: |config| Some(seconds(config.harbor_heartbeat)),
    },
    Key {
        name: "harbor_listen",
        wanted: "one of \"always\" and \"startup\"",
        read: |config, value| {
            config.harbor_listen = HarborListen::find(value.text()?)?;
            Some(())
        },
        text: |config| Some(config.harbor_listen.to_string()),
    },
    Key {
        name: "harbor_queue",
        wanted: "an integer from 1 to 4294967295",
        read: |config, value| integer(&mut config.harbor_queue, value, &MESSAGES),
        text: |config| Some(config.harbor_queue.to_string()),
    },
    Key {
        name: "harbor_queue_bytes",
        wanted: "a size such as 65536 or \"64M\", from 64K to 1T",
        read: |config, value| {
            config.harbor_queue_bytes = usize::try_from(value.size(&BYTES)?).ok()?;
            Some(())
        },
        text: |config| Some(config.harbor_queue_bytes.to_string()),
    },
    Key {
        name: "harbor_queue_policy",
        wanted: "one of \"error\", \"drop-oldest\" and \"block\"",
        read: |config, value| {
            config.harbor_queue_policy = QueuePolicy::find(value.text()?)?;
            Some(())
        },
        text: |config| Some(config.harbor_queue_policy.to_string()),
    },
    Key {
        name: "harbor_unproven",
        wanted: "an integer from 1 to 65535",
        read: |config, value| integer(&mut config.harbor_unproven, value, &CONNECTIONS),
        text: |config| Some(config.harbor_unproven.to_string()),
    },
    Key {
        name: SECRET,
        wanted: "a text of 16 to 4096 bytes",
        read: |config, value| {
            config.harbor_secret = match value.text()? {
                "" => None,
                text => Some(Secret::new(text)?),
            };
            Some(())
        },
        // Not among the settings, which are shown to people.
        text: |_| None,
    },
    Key {
        name: harbor::SECRET_FILE,
        wanted: secret::FILE_WANTED,
        read: |config, value| optional(&mut config.harbor_secret_file, value),
        text: |config| path(config.harbor_secret_file.as_ref()),
    },
];

fn id(value: &Value) -> Option<HarborId> {
    if value.text().map(str::trim) == Some("auto") {
        return Some(HarborId::Auto);
    }
    let id = u8::try_from(value.integer(&IDS)?).ok()?;
    Some(HarborId::Fixed(id))
}

/// A text with a host and a port; an empty one unsets the key.
fn address(field: &mut Option<String>, value: &Value) -> Option<()> {
    let mut text = None;
    optional(&mut text, value)?;
    let is_address = |text: &String| parse_address(text).is_ok_and(|found| found.host.is_some());
    if text.as_ref().is_some_and(|text| !is_address(text)) {
        return None;
    }
    *field = text;
    Some(())
}
