/*
 * skynet.h - the C ABI between a node and its plugins, version 1.1.
 *
 * A plugin is a shared library that exports one data symbol, skynet_plugin_v1: a skynet_plugin header followed by its
 * skynet_modules. The node reads it from the file, maps the library, and calls `load` with its table of functions,
 * skynet_host. Nothing else crosses. The smallest plugin:
 *
 *     #include "skynet.h"
 *
 *     static int32_t create(skynet_context self, skynet_text args, void **instance) {
 *         (void)self; (void)args;
 *         *instance = NULL;
 *         return SKYNET_STATUS_OK;
 *     }
 *     static int32_t deliver(void *instance, skynet_context self, const skynet_message *message) {
 *         (void)instance;
 *         skynet_reply(self, message, message->data, message->len);
 *         return SKYNET_DELIVER_RELEASE;
 *     }
 *     static void release(void *instance, skynet_context self) { (void)instance; (void)self; }
 *
 *     SKYNET_PLUGIN("echo", "1.0", 1, SKYNET_MODULE("echo", create, deliver, release))
 *
 *     cc -shared -fPIC -O2 -fvisibility=hidden -I<here> echo.c -o echo.so
 *
 * Threads: each function of the node says ANY THREAD or OWN TURN. OWN TURN means: on the thread that is inside create,
 * deliver or release of the very service that the context names. From elsewhere it answers SKYNET_STATUS_WRONG_TURN.
 *
 * Ownership: what is passed by pointer is borrowed for the call, unless its comment says otherwise.
 *
 * Exceptions, longjmp and the like must not leave a function of the plugin.
 *
 * Usable as C99 or later and as C++11 or later. Everything is since version 1.0, unless it says otherwise.
 */
#ifndef SKYNET_H
#define SKYNET_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SKYNET_EXPORT __attribute__((visibility("default")))
#define SKYNET_HIDDEN __attribute__((visibility("hidden")))
#else
#define SKYNET_EXPORT
#define SKYNET_HIDDEN
#endif

/* ---- versions ---------------------------------------------------------------------------------------------------- */

/* The first eight bytes of both tables: "SKYNET\x1a\n", read as an integer. */
#define SKYNET_MAGIC UINT64_C(0x0a1a54454e594b53)
/* Incompatible revisions of the ABI; both sides must have the same. */
#define SKYNET_MAJOR 1
/* Grows with every appended entry. */
#define SKYNET_MINOR 1

/* Bytes of an inline text: UTF-8, zero padded, with at least one zero at the end. */
#define SKYNET_SHORT_TEXT 32
/* The most modules one plugin may carry. */
#define SKYNET_MAX_MODULES 256
/* Bytes of a global name on the wire, zero padded. */
#define SKYNET_NAME_SIZE 16
/* The most bytes of a payload that can go to another node. Larger ones are refused with SKYNET_STATUS_TOO_LARGE. */
#define SKYNET_REMOTE_PAYLOAD (0x00ffffff - 12)

/* ---- results ----------------------------------------------------------------------------------------------------- */

/* Done. */
#define SKYNET_STATUS_OK 0
/* From create: the service goes on starting and will call ready. From launch: the outcome comes as a reply. */
#define SKYNET_STATUS_PENDING 1
/* The service, socket or timer that was named has ended, or the calling context's own service has. */
#define SKYNET_STATUS_DEAD (-1)
/* Nothing of that name or id was ever there. */
#define SKYNET_STATUS_NOT_FOUND (-2)
/* A bound was reached: a mailbox, a queue, a table. */
#define SKYNET_STATUS_FULL (-3)
/* An argument has no meaning here. */
#define SKYNET_STATUS_INVALID (-4)
/* Larger than what can be sent. */
#define SKYNET_STATUS_TOO_LARGE (-5)
/* The allocation failed. */
#define SKYNET_STATUS_NO_MEMORY (-6)
/* The function is for the service's own turn and was called from elsewhere. */
#define SKYNET_STATUS_WRONG_TURN (-7)
/* Known, but not offered by this node. */
#define SKYNET_STATUS_UNSUPPORTED (-8)
/* The name or key is taken. */
#define SKYNET_STATUS_EXISTS (-9)
/* The peer's code panicked; the text is in the log. */
#define SKYNET_STATUS_PANICKED (-10)
/* Tried and failed; the text says why. */
#define SKYNET_STATUS_FAILED (-11)
/* The socket no longer takes data in this direction. */
#define SKYNET_STATUS_CLOSED (-12)
/* The node that the message is for is lost, or nobody holds its id. */
#define SKYNET_STATUS_NODE_LOST (-13)

/* From deliver: the node frees the payload. */
#define SKYNET_DELIVER_RELEASE 0
/* From deliver: the service owns the payload now. */
#define SKYNET_DELIVER_KEEP 1
/* From deliver: the service failed and must end; it has said why with exit. The node frees the payload. */
#define SKYNET_DELIVER_FAILED 2

/* ---- messages ---------------------------------------------------------------------------------------------------- */

/* Kinds 0 to 255 travel between nodes. 13 to 255 are free for users. */
#define SKYNET_KIND_TEXT 0
/* The answer to a call or to TIMEOUT. */
#define SKYNET_KIND_RESPONSE 1
/* A published message; its session is the channel. */
#define SKYNET_KIND_MULTICAST 2
/* A packet of an outside client; its session is the socket id. */
#define SKYNET_KIND_CLIENT 3
/* Control messages of the node. Cannot be sent to another node. */
#define SKYNET_KIND_SYSTEM 4
/* Control messages of the harbor service. Cannot be sent to another node. */
#define SKYNET_KIND_HARBOR 5
/* Skynet's number for socket events. Ours are host-only: SKYNET_KIND_SOCKET. */
#define SKYNET_KIND_SOCKET_WIRE 6
/* A call failed: session is the call's, reason says why, the payload may hold a text. */
#define SKYNET_KIND_ERROR 7
/* Skynet's message queues. */
#define SKYNET_KIND_QUEUE 8
/* Skynet's debug protocol. */
#define SKYNET_KIND_DEBUG 9
/* Values in the skynet.pack encoding: the protocol most services speak. */
#define SKYNET_KIND_LUA 10
/* Skynet's snax services. */
#define SKYNET_KIND_SNAX 11
/* The tag of the next request of the same source. */
#define SKYNET_KIND_TRACE 12
/* Kinds from 256 on come from the node alone and cannot be sent. */
/* A watched service has ended: source is its handle, reason why, the payload may hold a text. */
#define SKYNET_KIND_EXIT 256
/* A timer fired: value is what timer_set was given. */
#define SKYNET_KIND_TIMER 257
/* wake was called: value is what it was given. */
#define SKYNET_KIND_WAKE 258
/* An event of a socket: session is the socket id, reason one of SKYNET_SOCKET_*, value the event's number. */
#define SKYNET_KIND_SOCKET 259

/* The sender waits for exactly one reply with this session. Sent with session 0, the node allocates one. */
#define SKYNET_FLAG_CALL 1
/* Answers the call `session` of `destination`. The node sets it on SKYNET_KIND_RESPONSE and SKYNET_KIND_ERROR. */
#define SKYNET_FLAG_REPLY 2
/* The payload is read-only and counted: several mailboxes may hold it. */
#define SKYNET_FLAG_SHARED 4
/* The destination is `name`: ".local", ":hex", or a global name. */
#define SKYNET_FLAG_BY_NAME 8
/* source is not the sender. With SKYNET_FLAG_CALL the debt of answering passes to the destination. */
#define SKYNET_FLAG_REDIRECTED 16
/* Sending only: data is the start of a host buffer, which the node owns once the function has succeeded. */
#define SKYNET_FLAG_OWNED 32
/* With SKYNET_FLAG_REDIRECTED on a reply: it answers a request that was redirected from node to node, so that its source
 * need not be on the node that was called. From the harbor service only; of others it means nothing. */
#define SKYNET_FLAG_FOREIGN 64

/* Why a call failed or a service ended. */
#define SKYNET_REASON_NONE 0
/* The handler failed; the payload is its text. */
#define SKYNET_REASON_FAILED 1
/* The handler panicked. */
#define SKYNET_REASON_PANICKED 2
/* The callee ended before it answered. */
#define SKYNET_REASON_DEAD 3
/* The callee was killed before it answered. */
#define SKYNET_REASON_KILLED 4
/* There is no such service or name. */
#define SKYNET_REASON_UNKNOWN 5
/* The callee or the node refused the request; the payload may say why. */
#define SKYNET_REASON_REFUSED 6
/* The deadline passed. */
#define SKYNET_REASON_TIMED_OUT 7
/* The node of the callee was lost. */
#define SKYNET_REASON_NODE_LOST 8
/* The callee dropped the request without an answer. */
#define SKYNET_REASON_DROPPED 9
/* The message is larger than what can be sent. */
#define SKYNET_REASON_TOO_LARGE 10
/* The callee has no handler for messages of this kind. */
#define SKYNET_REASON_UNSUPPORTED 11

/* ---- log, options ------------------------------------------------------------------------------------------------ */

/* Failures that somebody should look at. */
#define SKYNET_LEVEL_ERROR 1
/* Things that may become failures. */
#define SKYNET_LEVEL_WARN 2
/* Normal news. */
#define SKYNET_LEVEL_INFO 3
/* Details. */
#define SKYNET_LEVEL_DEBUG 4
/* Every step. */
#define SKYNET_LEVEL_TRACE 5

/* For set_option: the most messages in the service's mailbox, 0 for no bound. Beyond it sends and calls are refused with
 * SKYNET_STATUS_FULL; replies, errors and host-only kinds always pass. */
#define SKYNET_OPTION_MAILBOX_LIMIT 1
/* For set_option: this service carries messages to other nodes; value is this node's harbor id. From then on it gets each
 * message for another node unchanged, and each by global name with SKYNET_FLAG_BY_NAME. Where the configuration leaves
 * the id open (harbor = "auto") the first one given is the node's from then on: later services get handles with it, and
 * those from before, whose handles have 0 there, are found by it too. In a single node the id is 0, and only names are
 * carried. */
#define SKYNET_OPTION_HARBOR 2

/* For peer_state: messages for the node are taken. So it is at first. */
#define SKYNET_PEER_OPEN 0
/* For peer_state: sends and calls are refused with SKYNET_STATUS_FULL. Replies and errors pass. */
#define SKYNET_PEER_FULL 1
/* For peer_state: a turn that sends or calls is kept until the state changes, at most 30 seconds; then, and elsewhere
 * than in turns, as SKYNET_PEER_FULL. */
#define SKYNET_PEER_FULL_BLOCK 2
/* For peer_state: everything is refused with SKYNET_STATUS_NODE_LOST. */
#define SKYNET_PEER_LOST 3
/* For peer_state: nobody holds this id. As SKYNET_PEER_LOST. */
#define SKYNET_PEER_ABSENT 4

/* ---- sockets ----------------------------------------------------------------------------------------------------- */

/* Events: the reason of a SKYNET_KIND_SOCKET message. */
/* Bytes arrived: the payload; value is their number. */
#define SKYNET_SOCKET_DATA 1
/* Bound, connected or started: the payload is the address "ip:port", value the port. */
#define SKYNET_SOCKET_OPEN 2
/* The peer will send no more (exactly once per socket). What is queued for it is still sent until the owner closes. */
#define SKYNET_SOCKET_CLOSE 3
/* A listener took a connection: value is the new socket's id, the payload the peer's "ip:port". It reads nothing until
 * somebody calls socket_start with its id. */
#define SKYNET_SOCKET_ACCEPT 4
/* Something failed; the payload is a text. A connection is of no further use; a listener goes on. */
#define SKYNET_SOCKET_ERROR 5
/* A datagram: `value` bytes of data, then the sender's address: one byte (1 IPv4, 2 IPv6), two bytes of port in network
 * order, 4 or 16 bytes of address. */
#define SKYNET_SOCKET_UDP 6
/* The output queue passed a mark: value is its size in KiB, 0 when it has drained. */
#define SKYNET_SOCKET_WARNING 7

/* For socket_shutdown: no more reads. */
#define SKYNET_SOCKET_READ 1
/* For socket_shutdown: no more writes once the queue is sent. */
#define SKYNET_SOCKET_WRITE 2
/* For socket_shutdown: both directions. */
#define SKYNET_SOCKET_BOTH 3
/* For socket_shutdown: drop what is queued and reset the connection at once. */
#define SKYNET_SOCKET_ABORT 4

/* For socket_write: after everything that was queued without this. */
#define SKYNET_SOCKET_LOW_PRIORITY 1

/* For socket_set: 1 sends small writes at once. */
#define SKYNET_SOCKET_OPTION_NODELAY 1
/* For socket_set: 1 probes idle connections. */
#define SKYNET_SOCKET_OPTION_KEEPALIVE 2
/* For socket_set: cap of the output queue in bytes, 0 for the node's default. */
#define SKYNET_SOCKET_OPTION_OUTPUT_LIMIT 3
/* For socket_set: what happens at the cap, one of SKYNET_SOCKET_POLICY_*. */
#define SKYNET_SOCKET_OPTION_OUTPUT_POLICY 4
/* For socket_set: milliseconds after which a connection whose peer acknowledges nothing has failed, whether
   something waits to be sent or not. 0 takes the system's own times. It does not notice a peer that is only stopped. */
#define SKYNET_SOCKET_OPTION_DEAD_AFTER 5

/* At the cap: warn, and go on queueing. */
#define SKYNET_SOCKET_POLICY_WARN 0
/* At the cap: reading stops until the queue has drained to half; a write that would pass twice the cap is refused with
 * SKYNET_STATUS_FULL. */
#define SKYNET_SOCKET_POLICY_PAUSE 1
/* At the cap: the connection is reset and an error event tells the owner. */
#define SKYNET_SOCKET_POLICY_CLOSE 2

/* ---- values ------------------------------------------------------------------------------------------------------ */

/* Names one life of one service. A token, never a pointer: it may be copied, kept by threads and used after the service
 * has ended, when every function answers SKYNET_STATUS_DEAD. */
typedef struct skynet_context {
    uint32_t handle;     /* harbor id in the top byte, local number below; 0 is the node itself */
    uint32_t generation; /* tells this life of the handle from later ones */
} skynet_context;

/* Borrowed bytes, valid for the call; UTF-8 where the function says text. Not terminated. */
typedef struct skynet_text {
    const char *data; /* may be null when len is 0 */
    size_t len;
} skynet_text;

/* Bytes in a host buffer that change hands: whoever receives a non-null data frees it with buffer_free. */
typedef struct skynet_buffer {
    void *data; /* null: no result */
    size_t len; /* bytes in use */
} skynet_buffer;

/* One message, as it is sent and as it is delivered.
 *
 * Delivered: data is borrowed for the call. A deliver that returns SKYNET_DELIVER_KEEP owns the buffer: it may change it
 * (unless SKYNET_FLAG_SHARED), send it on with SKYNET_FLAG_OWNED, or free it, also before it returns. The struct itself
 * is valid for the call only.
 *
 * Sent: fields that a sender need not know are 0. source is ignored unless SKYNET_FLAG_REDIRECTED. Without
 * SKYNET_FLAG_OWNED len bytes are copied. */
typedef struct skynet_message {
    void *data;           /* 16-byte aligned, a hidden 0 byte behind it; may be null when len is 0 */
    size_t len;           /* bytes of the payload */
    const char *name;     /* with SKYNET_FLAG_BY_NAME; not terminated */
    uint32_t name_len;    /* bytes of name */
    uint32_t source;      /* who sent it, or on whose behalf */
    uint32_t destination; /* who gets it */
    int32_t session;      /* pairs a reply with its call; else a number of the sender's choice */
    uint32_t kind;        /* one of SKYNET_KIND_*, or 13 to 255 */
    uint32_t flags;       /* any of SKYNET_FLAG_* */
    uint32_t reason;      /* of an error SKYNET_REASON_*, of a socket event SKYNET_SOCKET_* */
    uint32_t reserved;    /* 0 */
    uint64_t value;       /* the number that a host-only kind carries */
    uint64_t trace;       /* follows a request through services; carried, never interpreted */
    uint64_t deadline;    /* of a call: when it fails, in nanoseconds of now(); 0 for the node's default */
} skynet_message;

/* One part of a socket_write. */
typedef struct skynet_socket_part {
    const void *data; /* first byte to send */
    size_t len;       /* bytes to send */
    void *buffer;     /* the host buffer that data lies in, owned by the node if the function succeeds; null: borrowed */
} skynet_socket_part;

/* The first bytes of both tables: who made it and how much of it is there. */
typedef struct skynet_prelude {
    uint64_t magic;       /* SKYNET_MAGIC */
    uint16_t major;       /* SKYNET_MAJOR this side was built with */
    uint16_t minor;       /* SKYNET_MINOR this side was built with */
    uint16_t needs_minor; /* oldest minor of the peer that this side can work with */
    uint16_t reserved;    /* 0 */
    uint32_t size;        /* bytes of the whole table, this prelude included */
    uint32_t reserved_2;  /* 0 */
} skynet_prelude;

/* ---- the node's functions ---------------------------------------------------------------------------------------- */

/* Valid as long as the process lives. In a later minor a plugin may meet an older node: skynet_adopt leaves entries null
 * that the node does not have. Entries of 1.0 are always there. */
typedef struct skynet_host {
    skynet_prelude prelude;
    /* The node's log level, SKYNET_LEVEL_* or 0 for silence. Read it with a relaxed atomic load, or use skynet_logs. */
    const uint32_t *log_level;

    /* -- buffers: all ANY THREAD -- */
    /* At least `capacity` writable bytes, 16-byte aligned; the caller owns them. Null: no memory, or above 2^40. */
    void *(*buffer_alloc)(size_t capacity);
    /* Makes room for `capacity` bytes and keeps the first `len`. The old pointer is void once a new one is returned; null
     * leaves the old buffer as it is. The caller must own the buffer alone. */
    void *(*buffer_grow)(void *data, size_t len, size_t capacity);
    /* Writable bytes behind data. */
    size_t (*buffer_capacity)(void *data);
    /* Gives up one ownership; the last one frees. Null is ignored. */
    void (*buffer_free)(void *data);
    /* Adds one ownership; from then on the payload is read-only for everybody. Returns data. */
    void *(*buffer_ref)(void *data);
    /* Turns one ownership into sole ownership: data itself if nobody else has it, else a copy of its first `len` bytes.
     * Null, and nothing given up: no memory. */
    void *(*buffer_unique)(void *data, size_t len);

    /* -- messages -- */
    /* Sends one message in the name of the context's service. With SKYNET_FLAG_CALL and session 0 a session is
     * allocated; `session`, if not null, receives it. Calls: OWN TURN. Everything else: ANY THREAD.
     * OK: it lies in the mailbox (or with the harbor service). DEAD: no such service, or the caller's own has ended.
     * NOT_FOUND: unknown name. NODE_LOST: see peer_state. Also FULL, TOO_LARGE, INVALID, NO_MEMORY, WRONG_TURN. On an
     * error nothing was sent, and an owned buffer is still the caller's. */
    int32_t (*send)(skynet_context context, const skynet_message *message, int32_t *session);
    /* Sends one payload to `count` destinations: one allocation for all. `delivered`, if not null, receives how many
     * mailboxes took it; OK when the message is well formed, whoever took it. Not for calls. Ownership as in send.
     * ANY THREAD. */
    int32_t (*send_many)(skynet_context context, const skynet_message *message, const uint32_t *destinations,
                         size_t count, size_t *delivered);
    /* Puts a SKYNET_KIND_WAKE message with `value` into the service's own mailbox. DEAD when it has ended: then nothing
     * happens. ANY THREAD. */
    int32_t (*wake)(skynet_context context, uint64_t value);
    /* Fails each open call that waits on a service of node `harbor`. `failed`, if not null, receives how many. Only for
     * the harbor service. OWN TURN. */
    int32_t (*node_lost)(skynet_context context, uint32_t harbor, uint32_t reason, size_t *failed);

    /* -- the node -- */
    /* Writes one record to the node's log. `target` names the part of the plugin that speaks (may be empty). Records
     * above the node's level are dropped. ANY THREAD; handle 0 and ended services are accepted. */
    void (*log)(skynet_context context, uint32_t level, skynet_text target, skynet_text text);
    /* Nanoseconds of the node's monotonic clock. ANY THREAD. */
    uint64_t (*now)(void);
    /* A text command: LAUNCH, KILL, QUERY, ... (see docs/abi.md). `result` receives a buffer that the caller frees, or
     * null data: no result. UNSUPPORTED: unknown command. On other errors `result` may hold the reason. OWN TURN. */
    int32_t (*command)(skynet_context context, skynet_text command, skynet_text parameter, skynet_buffer *result);

    /* -- the service's life -- */
    /* Launches "module args...". OK: `handle` is a running service. PENDING: it goes on starting, and the reply of
     * `session` (a call of the caller) says how that ended. Otherwise nothing was launched and `error` receives the
     * reason, which the caller frees. Any of the three may be null. OWN TURN. */
    int32_t (*launch)(skynet_context context, skynet_text command, uint32_t *handle, int32_t *session,
                      skynet_buffer *error);
    /* A service whose create answered PENDING has started. (To fail, call exit.) OWN TURN. */
    int32_t (*ready)(skynet_context context);
    /* The service ends when its turn ends. `reason` (SKYNET_REASON_*, 0: a normal end) and `text` go to those who wait on
     * it or watch it. In create before an error return: says why. OWN TURN. */
    int32_t (*exit)(skynet_context context, uint32_t reason, skynet_text text);
    /* One SKYNET_KIND_EXIT message comes when service `handle` ends; at once if it already has. ANY THREAD. */
    int32_t (*watch)(skynet_context context, uint32_t handle);
    /* Takes watch back. ANY THREAD. */
    int32_t (*unwatch)(skynet_context context, uint32_t handle);
    /* Changes a setting of the service, one of SKYNET_OPTION_*. OWN TURN. */
    int32_t (*set_option)(skynet_context context, uint32_t option, uint64_t value);
    /* This turn is about to block: another thread takes over its worker's other services. OWN TURN. */
    int32_t (*blocking_begin)(skynet_context context);
    /* The blocking part is over. OWN TURN. */
    int32_t (*blocking_end)(skynet_context context);

    /* -- timers: ANY THREAD -- */
    /* One SKYNET_KIND_TIMER message with `value` comes, not before `delay` milliseconds have passed. `timer`, if not null,
     * receives an id. */
    int32_t (*timer_set)(skynet_context context, uint64_t delay, uint64_t value, uint64_t *timer);
    /* Cancels a timer. DEAD when it has fired (its message may still lie in the mailbox) or was cancelled. */
    int32_t (*timer_cancel)(skynet_context context, uint64_t timer);

    /* -- sockets: ANY THREAD. Each belongs to one service, which gets its events and with which it ends -- */
    /* Listens on "host:port" or "[v6]:port"; port 0 picks one, backlog 0 takes the default. SOCKET_OPEN or SOCKET_ERROR
     * follows, for a numeric address before any other message; connections are taken after socket_start. */
    int32_t (*socket_listen)(skynet_context context, skynet_text address, uint32_t backlog, int32_t *socket);
    /* Connects; every address of the name is tried within `timeout` milliseconds (0: 30 s). SOCKET_OPEN or SOCKET_ERROR
     * follows. Reading begins at once. */
    int32_t (*socket_connect)(skynet_context context, skynet_text address, uint64_t timeout, int32_t *socket);
    /* Makes the caller the owner and starts (or resumes) reading or taking connections. SOCKET_OPEN follows. Events from
     * before still go to the former owner. DEAD: no such socket. */
    int32_t (*socket_start)(skynet_context context, int32_t socket);
    /* Stops reading or taking connections until socket_start. */
    int32_t (*socket_pause)(skynet_context context, int32_t socket);
    /* Queues `count` parts, in order and not torn apart by other writes; sends at once what the kernel takes. On an error
     * nothing was queued and all buffers are still the caller's. `priority`: 0 or SKYNET_SOCKET_LOW_PRIORITY. */
    int32_t (*socket_write)(skynet_context context, int32_t socket, const skynet_socket_part *parts, size_t count,
                            uint32_t priority);
    /* Sends what is queued, at most `linger` milliseconds long (0: 30 s), then closes. The id is void at once; a
     * SOCKET_CLOSE comes if none came before. */
    int32_t (*socket_close)(skynet_context context, int32_t socket, uint64_t linger);
    /* SKYNET_SOCKET_READ, _WRITE, _BOTH or _ABORT. The id stays valid until socket_close, except with _ABORT. */
    int32_t (*socket_shutdown)(skynet_context context, int32_t socket, uint32_t direction);
    /* Changes a setting of a socket, one of SKYNET_SOCKET_OPTION_*. */
    int32_t (*socket_set)(skynet_context context, int32_t socket, uint32_t option, uint64_t value);
    /* Opens a UDP socket: bound to `address`, or unbound when it is empty. SOCKET_OPEN or SOCKET_ERROR follows. */
    int32_t (*socket_udp)(skynet_context context, skynet_text address, int32_t *socket);
    /* Sets the default destination of a UDP socket. Datagrams from anybody still arrive. */
    int32_t (*socket_udp_connect)(skynet_context context, int32_t socket, skynet_text address);
    /* Sends one datagram to `address` (in the form of SOCKET_UDP events; empty: the default destination). */
    int32_t (*socket_send_to)(skynet_context context, int32_t socket, skynet_text address, skynet_text data);

    /* -- other nodes: only for the harbor service. OWN TURN. Since 1.1 -- */
    /* The open call `session` of the service `caller` is owed by `callee` from now on: the global name that it went to was
     * resolved, or another node has passed the request on. NOT_FOUND: there is no such call. */
    int32_t (*call_moved)(skynet_context context, uint32_t caller, int32_t session, uint32_t callee);
    /* What becomes of messages for node `harbor` (1 to 255), from now on: one of SKYNET_PEER_*. When the harbor service
     * ends, all are SKYNET_PEER_OPEN again. */
    int32_t (*peer_state)(skynet_context context, uint32_t harbor, uint32_t state);
} skynet_host;

/* ---- what a plugin exports --------------------------------------------------------------------------------------- */

/* Panics unwind in this build. A build that aborts on panic is refused. C plugins set it: they do not panic. */
#define SKYNET_PLUGIN_UNWINDS 1
/* Libraries that this plugin loads need its symbols: it is opened RTLD_GLOBAL. Otherwise RTLD_LOCAL. */
#define SKYNET_PLUGIN_GLOBAL_SYMBOLS 2

/* Takes over the node's table. Called once per loaded library, before anything else. 0, or an error: refused. */
typedef int32_t (*skynet_load_fn)(const skynet_host *host);
/* Makes an instance. `args` is the text behind the module's name in LAUNCH. Runs in the new service's own turn, on the
 * thread that launches it. Writes the instance and returns OK or PENDING, or returns an error (after exit with the
 * reason, if it can say one) and has freed everything. */
typedef int32_t (*skynet_create_fn)(skynet_context context, skynet_text args, void **instance);
/* Handles one message: one of SKYNET_DELIVER_*. Never concurrent for one instance, but on any worker thread. */
typedef int32_t (*skynet_deliver_fn)(void *instance, skynet_context context, const skynet_message *message);
/* The text command SIGNAL. May run at the same time as deliver, on any thread; never during or after release. */
typedef void (*skynet_signal_fn)(void *instance, skynet_context context, int32_t signal);
/* Frees the instance, in a last turn of its own. */
typedef void (*skynet_release_fn)(void *instance, skynet_context context);
/* Reserved for live upgrade: finish what is in the air, start nothing new. */
typedef int32_t (*skynet_quiesce_fn)(void *instance, skynet_context context);
/* Reserved for live upgrade: write the state into a host buffer, which the node then owns. */
typedef int32_t (*skynet_save_fn)(void *instance, skynet_context context, skynet_buffer *state);
/* Reserved for live upgrade: like create, from the state that save of version `state_version` wrote. */
typedef int32_t (*skynet_restore_fn)(skynet_context context, uint32_t state_version, skynet_text state,
                                     void **instance);

/* The header of the exported symbol; module_count modules follow it. */
typedef struct skynet_plugin {
    skynet_prelude prelude;          /* its size covers the modules too */
    uint64_t flags;                  /* any of SKYNET_PLUGIN_* */
    char name[SKYNET_SHORT_TEXT];    /* without blanks */
    char version[SKYNET_SHORT_TEXT]; /* for people */
    skynet_load_fn load;             /* required */
    uint32_t module_count;           /* 1 to SKYNET_MAX_MODULES */
    uint32_t module_size;            /* bytes from one module to the next */
    uint32_t module_offset;          /* bytes from the start of the symbol to the first module */
    uint32_t reserved;               /* 0 */
} skynet_plugin;

/* One kind of service. */
typedef struct skynet_module {
    char name[SKYNET_SHORT_TEXT]; /* what LAUNCH calls it; without blanks */
    uint32_t state_version;       /* the version of what save writes */
    uint32_t flags;               /* 0 */
    skynet_create_fn create;      /* required */
    skynet_deliver_fn deliver;    /* required */
    skynet_signal_fn signal;      /* optional */
    skynet_release_fn release;    /* required */
    skynet_quiesce_fn quiesce;    /* optional, reserved */
    skynet_save_fn save;          /* optional, reserved */
    skynet_restore_fn restore;    /* optional, reserved */
} skynet_module;

/* ---- helpers ----------------------------------------------------------------------------------------------------- */

/* The node's functions, once `load` has run. SKYNET_PLUGIN defines it. */
extern SKYNET_HIDDEN skynet_host skynet_node;

/* Copies the node's table into `mine`: what this side knows of it, and nulls where the node's is shorter. */
static inline int32_t skynet_adopt(skynet_host *mine, const skynet_host *theirs) {
    /* Everything that version 1.0 has; later entries may be missing. */
    const size_t least = offsetof(skynet_host, socket_send_to) + sizeof(theirs->socket_send_to);
    size_t len;
    if (theirs == NULL || theirs->prelude.magic != SKYNET_MAGIC) return SKYNET_STATUS_INVALID;
    if (theirs->prelude.major != SKYNET_MAJOR || theirs->prelude.needs_minor > SKYNET_MINOR)
        return SKYNET_STATUS_UNSUPPORTED;
    len = theirs->prelude.size;
    if (len < least) return SKYNET_STATUS_UNSUPPORTED;
    memset(mine, 0, sizeof *mine);
    memcpy(mine, theirs, len < sizeof *mine ? len : sizeof *mine);
    return SKYNET_STATUS_OK;
}

/* Borrows `len` bytes. */
static inline skynet_text skynet_bytes(const void *data, size_t len) {
    skynet_text text;
    text.data = (const char *)data;
    text.len = len;
    return text;
}

/* Borrows a terminated string. */
static inline skynet_text skynet_str(const char *string) { return skynet_bytes(string, strlen(string)); }

/* A message to fill in: a borrowed payload, everything else as given or 0. */
static inline skynet_message skynet_message_to(uint32_t destination, uint32_t kind, const void *data, size_t len) {
    skynet_message message;
    memset(&message, 0, sizeof message);
    message.destination = destination;
    message.kind = kind;
    message.data = (void *)(uintptr_t)data;
    message.len = len;
    return message;
}

/* Sends a copy of `len` bytes. ANY THREAD. */
static inline int32_t skynet_send(skynet_context self, uint32_t destination, uint32_t kind, const void *data,
                                  size_t len) {
    const skynet_message message = skynet_message_to(destination, kind, data, len);
    return skynet_node.send(self, &message, NULL);
}

/* Sends a host buffer without copying. On an error the caller still owns it. ANY THREAD. */
static inline int32_t skynet_send_owned(skynet_context self, uint32_t destination, uint32_t kind, void *buffer,
                                        size_t len) {
    skynet_message message = skynet_message_to(destination, kind, buffer, len);
    message.flags = SKYNET_FLAG_OWNED;
    return skynet_node.send(self, &message, NULL);
}

/* Calls: a reply or an error with `*session` will come to deliver. OWN TURN. */
static inline int32_t skynet_call(skynet_context self, uint32_t destination, uint32_t kind, const void *data,
                                  size_t len, int32_t *session) {
    skynet_message message = skynet_message_to(destination, kind, data, len);
    message.flags = SKYNET_FLAG_CALL;
    return skynet_node.send(self, &message, session);
}

/* Whether somebody waits for an answer. */
static inline int skynet_is_call(const skynet_message *message) { return (message->flags & SKYNET_FLAG_CALL) != 0; }

/* Answers a call with a copy of `len` bytes; nothing happens if the message is no call. ANY THREAD. */
static inline int32_t skynet_reply(skynet_context self, const skynet_message *to, const void *data, size_t len) {
    skynet_message message = skynet_message_to(to->source, SKYNET_KIND_RESPONSE, data, len);
    if (!skynet_is_call(to)) return SKYNET_STATUS_OK;
    message.session = to->session;
    message.flags = SKYNET_FLAG_REPLY;
    return skynet_node.send(self, &message, NULL);
}

/* Fails a call with a reason and a text. ANY THREAD. */
static inline int32_t skynet_reply_error(skynet_context self, const skynet_message *to, uint32_t reason,
                                         const char *text) {
    skynet_message message = skynet_message_to(to->source, SKYNET_KIND_ERROR, text, strlen(text));
    if (!skynet_is_call(to)) return SKYNET_STATUS_OK;
    message.session = to->session;
    message.flags = SKYNET_FLAG_REPLY;
    message.reason = reason;
    return skynet_node.send(self, &message, NULL);
}

/* Answers a call with a host buffer (NULL: an empty answer), which is the node's in any case from then on. An answer that
 * is refused becomes an error for the caller, so that nobody waits in vain. ANY THREAD. */
static inline int32_t skynet_reply_owned(skynet_context self, const skynet_message *to, void *buffer, size_t len) {
    skynet_message message = skynet_message_to(to->source, SKYNET_KIND_RESPONSE, buffer, len);
    int32_t status = SKYNET_STATUS_OK;
    message.session = to->session;
    message.flags = SKYNET_FLAG_REPLY | (buffer != NULL ? SKYNET_FLAG_OWNED : 0u);
    if (skynet_is_call(to)) {
        status = skynet_node.send(self, &message, NULL);
        if (status == SKYNET_STATUS_OK) return status;
        if (status != SKYNET_STATUS_DEAD)
            skynet_reply_error(self, to, SKYNET_REASON_FAILED, "the answer could not be sent");
    }
    skynet_node.buffer_free(buffer);
    return status;
}

/* Passes a delivered message on without copying: the destination answers the original caller. The result is what deliver
 * must return; when the message could not be passed on, a caller gets an error. OWN TURN. */
static inline int32_t skynet_forward(skynet_context self, const skynet_message *message, uint32_t destination) {
    skynet_message onward = *message;
    onward.destination = destination;
    onward.flags = (message->flags & (SKYNET_FLAG_CALL | SKYNET_FLAG_SHARED)) | SKYNET_FLAG_REDIRECTED;
    onward.name = NULL;
    onward.name_len = 0;
    if (message->data != NULL) onward.flags |= SKYNET_FLAG_OWNED;
    if (skynet_node.send(self, &onward, NULL) != SKYNET_STATUS_OK) {
        skynet_reply_error(self, message, SKYNET_REASON_UNKNOWN, "the request could not be passed on");
        return SKYNET_DELIVER_RELEASE;
    }
    return message->data != NULL ? SKYNET_DELIVER_KEEP : SKYNET_DELIVER_RELEASE;
}

/* Whether records of that level are wanted: cheaper than formatting one in vain. ANY THREAD. */
static inline int skynet_logs(uint32_t level) {
#if defined(__GNUC__)
    return level <= __atomic_load_n(skynet_node.log_level, __ATOMIC_RELAXED);
#else
    return level <= *(const volatile uint32_t *)skynet_node.log_level;
#endif
}

/* Writes a text to the node's log. ANY THREAD. */
static inline void skynet_log(skynet_context self, uint32_t level, const char *text) {
    if (skynet_logs(level)) skynet_node.log(self, level, skynet_str(""), skynet_str(text));
}

/* Says why create failed; for `return skynet_refuse(...)`. OWN TURN. */
static inline int32_t skynet_refuse(skynet_context self, const char *why) {
    skynet_node.exit(self, SKYNET_REASON_FAILED, skynet_str(why));
    return SKYNET_STATUS_FAILED;
}

/* Ends the service because of an error; for `return skynet_fail(...)` in deliver. OWN TURN. */
static inline int32_t skynet_fail(skynet_context self, const char *why) {
    skynet_node.exit(self, SKYNET_REASON_FAILED, skynet_str(why));
    return SKYNET_DELIVER_FAILED;
}

/* ---- definition of the exported symbol --------------------------------------------------------------------------- */

/* One module without the optional functions. `name` is a literal of at most 31 bytes. */
#define SKYNET_MODULE(name, create, deliver, release) \
    SKYNET_MODULE_FULL(name, 0, create, deliver, NULL, release, NULL, NULL, NULL)

/* One module with everything; optional functions may be NULL. */
#define SKYNET_MODULE_FULL(name, state_version, create, deliver, signal, release, quiesce, save, restore) \
    { name, state_version, 0, create, deliver, signal, release, quiesce, save, restore }

/* Defines the exported symbol for a plugin of `count` modules, which follow: once per plugin, at file scope. */
#define SKYNET_PLUGIN(name, version, count, ...)                                                             \
    static int32_t skynet_plugin_load(const skynet_host *host) { return skynet_adopt(&skynet_node, host); } \
    SKYNET_PLUGIN_FULL(name, version, SKYNET_PLUGIN_UNWINDS, skynet_plugin_load, count, __VA_ARGS__)

/* The same with flags and a load function of your own, which should begin with skynet_adopt(&skynet_node, host). */
#define SKYNET_PLUGIN_FULL(name, version, flags, load, count, ...)                                              \
    SKYNET_HIDDEN skynet_host skynet_node;                                                                      \
    struct skynet_plugin_table {                                                                                \
        skynet_plugin plugin;                                                                                   \
        skynet_module modules[count];                                                                           \
    };                                                                                                          \
    SKYNET_EXTERN SKYNET_EXPORT const struct skynet_plugin_table skynet_plugin_v1;                              \
    const struct skynet_plugin_table skynet_plugin_v1 = {                                                       \
        {{SKYNET_MAGIC, SKYNET_MAJOR, SKYNET_MINOR, 0, 0, (uint32_t)sizeof(struct skynet_plugin_table), 0},     \
         flags, name, version, load, count, (uint32_t)sizeof(skynet_module),                                    \
         (uint32_t)offsetof(struct skynet_plugin_table, modules), 0},                                           \
        {__VA_ARGS__}};

#ifdef __cplusplus
#define SKYNET_EXTERN extern "C"
}
#else
#define SKYNET_EXTERN extern
#endif

#endif /* SKYNET_H */
