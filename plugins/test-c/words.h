/* Texts as the test services read and write them: words between blanks. */
#ifndef WORDS_H
#define WORDS_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "skynet.h"

/* Bytes that are left to be read. */
typedef struct words {
    const char *at, *end;
} words;

static inline words words_of(const void *data, size_t len) {
    words all;
    all.at = data;
    all.end = all.at == NULL ? NULL : all.at + len;
    return all;
}

/* Takes the next word; empty when there is none. One blank behind it is taken too. */
static inline skynet_text next_word(words *all) {
    const char *begin = all->at;
    skynet_text word;
    while (all->at < all->end && *all->at != ' ') all->at++;
    word = skynet_bytes(begin, (size_t)(all->at - begin));
    if (all->at < all->end) all->at++;
    return word;
}

/* What no word has been taken of. */
static inline skynet_text rest_of(const words *all) { return skynet_bytes(all->at, (size_t)(all->end - all->at)); }

/* Takes the next word as a number; 0 when it is none. */
static inline uint64_t next_number(words *all) {
    const skynet_text word = next_word(all);
    uint64_t number = 0;
    for (size_t i = 0; i < word.len && word.data[i] >= '0' && word.data[i] <= '9'; i++)
        number = number * 10 + (uint64_t)(word.data[i] - '0');
    return number;
}

/* Whether that is the word. */
static inline int word_is(skynet_text word, const char *text) {
    return word.len == strlen(text) && memcmp(word.data, text, word.len) == 0;
}

/* The handle that ":hex" means; 0 when the word is none. */
static inline uint32_t word_handle(skynet_text word) {
    uint32_t handle = 0;
    if (word.len < 2 || word.data[0] != ':') return 0;
    for (size_t i = 1; i < word.len; i++) {
        const char c = word.data[i];
        handle = handle * 16 + (uint32_t)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
    }
    return handle;
}

/* A message to ":handle" or ".name". */
static inline skynet_message message_to_name(skynet_text name, uint32_t kind, skynet_text payload) {
    skynet_message message = skynet_message_to(0, kind, payload.data, payload.len);
    message.flags = SKYNET_FLAG_BY_NAME;
    message.name = name.data;
    message.name_len = (uint32_t)name.len;
    return message;
}

/* Answers a call with a formatted text of at most 1023 bytes. */
static inline void reply_text(skynet_context self, const skynet_message *to, const char *format, ...) {
    char text[1024];
    va_list arguments;
    int len;
    va_start(arguments, format);
    len = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (len < 0) len = 0;
    skynet_reply(self, to, text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1);
}

#endif
