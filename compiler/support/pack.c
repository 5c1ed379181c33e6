/* The packed form is that of LZ4 blocks, a sequence of
 *   token      high four bits: literals; low four bits: length of the match - 4; 15 goes on with bytes up to one < 255
 *   literals   as they are
 *   offset     two bytes, low first: how far back the match begins; absent behind the last literals
 * https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md */
#include "support/pack.h"

#include <stdint.h>
#include <string.h>

enum { MATCH_LEAST = 4, REACH = 65535, HASH_BITS = 16 };

typedef struct Packer {
    unsigned char *out;
    size_t count;
} Packer;

static uint32_t word_at(const char *text) {
    uint32_t word;
    memcpy(&word, text, sizeof word);
    return word;
}

static void put_length(Packer *p, size_t length) {
    if (length < 15) return;
    for (length -= 15; length >= 255; length -= 255) p->out[p->count++] = 255;
    p->out[p->count++] = (unsigned char)length;
}

/* `match` 0: the last literals */
static void put_sequence(Packer *p, const char *literals, size_t count, size_t match, size_t offset) {
    size_t more = match ? match - MATCH_LEAST : 0;
    p->out[p->count++] = (unsigned char)((count < 15 ? count : 15) << 4 | (more < 15 ? more : 15));
    put_length(p, count);
    memcpy(p->out + p->count, literals, count);
    p->count += count;
    if (!match) return;
    p->out[p->count++] = (unsigned char)offset;
    p->out[p->count++] = (unsigned char)(offset >> 8);
    put_length(p, more);
}

unsigned char *pack_bytes(Arena *arena, const char *text, size_t length, size_t *packed) {
    Packer p = {arena_alloc(arena, length + length / 128 + 64), 0};
    size_t *seen = ARENA_ARRAY(arena, size_t, 1 << HASH_BITS); /* position + 1 */
    size_t at = 0, begin = 0;
    while (at + MATCH_LEAST <= length) {
        uint32_t word = word_at(text + at), slot = word * 2654435761u >> (32 - HASH_BITS);
        size_t from = seen[slot];
        seen[slot] = at + 1;
        if (!from || at - (from - 1) > REACH || word_at(text + from - 1) != word) {
            at++;
            continue;
        }
        size_t match = MATCH_LEAST, offset = at - (from - 1);
        while (at + match < length && text[at + match] == text[at + match - offset]) match++;
        put_sequence(&p, text + begin, at - begin, match, offset);
        begin = at += match;
    }
    put_sequence(&p, text + begin, length - begin, 0, 0);
    *packed = p.count;
    return p.out;
}

static bool take_length(const unsigned char *packed, size_t bytes, size_t *at, size_t *length) {
    if (*length < 15) return true;
    unsigned char more = 255;
    while (more == 255) {
        if (*at >= bytes) return false;
        *length += more = packed[(*at)++];
    }
    return true;
}

bool pack_restore(const unsigned char *packed, size_t bytes, char *text, size_t length) {
    size_t at = 0, done = 0;
    while (at < bytes) {
        unsigned char token = packed[at++];
        size_t count = token >> 4, match = token & 15;
        if (!take_length(packed, bytes, &at, &count) || count > bytes - at || count > length - done) return false;
        memcpy(text + done, packed + at, count);
        at += count;
        done += count;
        if (at == bytes) break;
        if (bytes - at < 2) return false;
        size_t offset = packed[at] | (size_t)packed[at + 1] << 8;
        at += 2;
        if (!take_length(packed, bytes, &at, &match)) return false;
        match += MATCH_LEAST;
        if (!offset || offset > done || match > length - done) return false;
        for (; match; match--, done++) text[done] = text[done - offset];
    }
    return done == length;
}
