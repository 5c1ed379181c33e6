/* Reads the text form of tensor IR; the grammar stands in text.c. The first mistake is reported and ends the reading:
 * the form is written by a machine and read by tests. */
#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "tir/text.h"

typedef struct Parser {
    Arena *arena;
    DiagSink *sink;
    uint32_t file;
    const char *text;
    size_t at, end;
    size_t token; /* begin of what was read last */
    TirFunction *f;
    jmp_buf stop;
} Parser;

static Span parse_span(const Parser *p) {
    return (Span){p->file, (uint32_t)p->token, (uint32_t)(p->at > p->token ? p->at : p->token + 1)};
}

_Noreturn static void parse_fail(Parser *p, const char *text) {
    diag_report(p->sink, DIAG_E0601, parse_span(p), "%s", text);
    longjmp(p->stop, 1);
}

static void parse_blank(Parser *p) {
    for (; p->at < p->end; p->at++) {
        char c = p->text[p->at];
        if (c == '#') {
            while (p->at < p->end && p->text[p->at] != '\n') p->at++;
        } else if (c != ' ' && c != '\n' && c != '\t' && c != '\r')
            break;
    }
    if (p->at > p->end) p->at = p->end;
    p->token = p->at;
}

static char parse_peek(Parser *p) {
    parse_blank(p);
    return p->at < p->end ? p->text[p->at] : '\0';
}

static bool parse_try(Parser *p, char c) {
    if (parse_peek(p) != c) return false;
    p->at++;
    return true;
}

static void parse_char(Parser *p, char c) {
    if (!parse_try(p, c)) parse_fail(p, arena_format(p->arena, "expected '%c'", c));
}

/* Length of the word at the reading place; 0 if there is none. */
static size_t parse_word_length(Parser *p) {
    parse_blank(p);
    size_t length = 0;
    while (p->at + length < p->end && tir_name_char(p->text[p->at + length], length == 0)) length++;
    return length;
}

static bool parse_try_word(Parser *p, const char *word) {
    size_t length = parse_word_length(p);
    if (length != strlen(word) || memcmp(p->text + p->at, word, length) != 0) return false;
    p->at += length;
    return true;
}

static void parse_word(Parser *p, const char *word) {
    if (!parse_try_word(p, word)) parse_fail(p, arena_format(p->arena, "expected %s", word));
}

/* One of `count` words, by its number. */
static unsigned parse_choice(Parser *p, const char *const *words, unsigned count, const char *what) {
    for (unsigned i = 0; i < count; i++)
        if (parse_try_word(p, words[i])) return i;
    parse_fail(p, what);
}

static const char *parse_string(Parser *p) {
    parse_char(p, '"');
    char *text = arena_alloc(p->arena, 1);
    size_t length = 0, capacity = 0;
    for (;;) {
        if (p->at >= p->end || p->text[p->at] == '\n') parse_fail(p, "string without an end");
        char c = p->text[p->at++];
        if (c == '"') break;
        if (c == '\\' && p->at < p->end) {
            c = p->text[p->at++];
            if (c == 'x') {
                char digits[3] = {0}, *stop;
                for (int i = 0; i < 2 && p->at < p->end; i++) digits[i] = p->text[p->at++];
                c = (char)strtoul(digits, &stop, 16);
                if (stop != digits + 2 || !c) parse_fail(p, "bad escape");
            }
        }
        if (length + 2 > capacity) text = arena_grow(p->arena, text, length, &capacity, length + 2, 1);
        text[length++] = c;
    }
    text[length] = '\0';
    return text;
}

static const char *parse_name(Parser *p) {
    size_t length = parse_word_length(p);
    if (!length) {
        if (parse_peek(p) == '"') return parse_string(p);
        parse_fail(p, "expected a name");
    }
    p->at += length;
    return arena_string(p->arena, p->text + p->at - length, length);
}

static int64_t parse_int(Parser *p) {
    char c = parse_peek(p), *stop;
    if (c != '-' && (c < '0' || c > '9')) parse_fail(p, "expected an integer");
    errno = 0;
    long long value = strtoll(p->text + p->at, &stop, 10);
    p->at = (size_t)(stop - p->text);
    if (errno || p->at == p->token) parse_fail(p, "expected an integer");
    return value;
}

static uint32_t parse_number(Parser *p) {
    int64_t value = parse_int(p);
    if (value < 0 || value >= TIR_NONE) parse_fail(p, "number out of range");
    return (uint32_t)value;
}

static double parse_real(Parser *p) {
    char c = parse_peek(p), *stop;
    double value = c ? strtod(p->text + p->at, &stop) : 0;
    if (!c || stop == p->text + p->at) parse_fail(p, "expected a number");
    p->at = (size_t)(stop - p->text);
    return value;
}

static TirId parse_value(Parser *p) {
    parse_char(p, '%');
    return parse_number(p);
}

static TirAxisId parse_axis_name(Parser *p) {
    const char *name = parse_name(p);
    for (size_t i = 0; i < p->f->axes.count; i++)
        if (!strcmp(p->f->axes.data[i].name, name)) return (TirAxisId)i;
    parse_fail(p, arena_format(p->arena, "no axis named %s", name));
}

static TirAxes parse_axes(Parser *p) {
    TirAxes axes = tir_axes_none();
    parse_char(p, '{');
    if (parse_try(p, '}')) return axes;
    do {
        TirAxisId axis = parse_axis_name(p);
        if (axes.count == TIR_MAX_AXES) parse_fail(p, "too many axes");
        if (axes.count && axis <= axes.id[axes.count - 1])
            parse_fail(p, "axes are not in the order of their declaration");
        axes.id[axes.count++] = axis;
    } while (parse_try(p, ','));
    parse_char(p, '}');
    return axes;
}

static void parse_axis(Parser *p) {
    TirAxis axis = {.name = parse_name(p), .size = -1};
    for (size_t i = 0; i < p->f->axes.count; i++)
        if (!strcmp(p->f->axes.data[i].name, axis.name)) parse_fail(p, "a second axis of this name");
    parse_char(p, '=');
    if (parse_try_word(p, "dynamic"))
        axis.data = parse_number(p);
    else if ((axis.size = parse_int(p)) < 2)
        parse_fail(p, "an axis has at least two indices");
    axis.batch = parse_try_word(p, "batch");
    VEC_PUSH(p->arena, &p->f->axes, axis);
}

static TirPort parse_port(Parser *p, bool input) {
    TirPort port = {.value = TIR_NONE};
    port.role = (TirPortRole)parse_choice(p, tir_role_word, TIR_PORT_ROLES, "expected the role of a port");
    port.index = parse_number(p);
    if (input) port.field = parse_number(p);
    port.name = parse_string(p);
    parse_char(p, '=');
    if (!input || !parse_try_word(p, "none")) port.value = parse_value(p);
    return port;
}

static void parse_const(Parser *p, TirOp *op) {
    if (op->type == TIR_REAL)
        op->real = parse_real(p);
    else if (op->type == TIR_INT)
        op->integer = parse_int(p);
    else
        op->integer = parse_choice(p, (const char *const[]){"false", "true"}, 2, "expected true or false");
}

static TirFunction *parse_function(Parser *p);

static void parse_attrs(Parser *p, TirOp *op) {
    unsigned attrs = tir_op_attrs(op->op);
    if (attrs & TIR_ATTR_EXTERN) {
        parse_word(p, "symbol");
        op->external = ARENA_NEW(p->arena, TirExtern);
        op->external->symbol = parse_string(p);
    }
    if (attrs & TIR_ATTR_VALUE) parse_const(p, op);
    if (attrs & TIR_ATTR_INTEGER) {
        parse_word(p, tir_integer_word(op->op));
        op->integer = parse_int(p);
    }
    if (attrs & TIR_ATTR_OVER) {
        parse_word(p, "over");
        op->attr_axes = parse_axes(p);
    }
    if (attrs & TIR_ATTR_RESULT) op->attr_axes = op->axes;
    if (attrs & TIR_ATTR_AXIS) {
        parse_word(p, "axis");
        op->axis = parse_axis_name(p);
    }
    if (attrs & TIR_ATTR_AXIS2) {
        parse_word(p, tir_axis2_word(op->op));
        op->axis2 = parse_axis_name(p);
    }
    if (attrs & TIR_ATTR_FLAG) op->flag = parse_try_word(p, "reverse");
    for (TirMemory m = TIR_MEMORY_STORE; m <= TIR_MEMORY_RECOMPUTE; m++)
        if (parse_try_word(p, tir_memory_word[m])) op->memory = m;
    if (attrs & TIR_ATTR_BODY) {
        TirFunction *around = p->f;
        parse_word(p, "func");
        op->body = parse_function(p);
        p->f = around;
    }
}

static TirOpcode parse_opcode(Parser *p) {
    for (unsigned i = 0; i < TIR_OPCODE_COUNT; i++)
        if (parse_try_word(p, tir_op_text((TirOpcode)i))) return (TirOpcode)i;
    parse_fail(p, "expected an operation");
}

static void parse_op(Parser *p) {
    TirOp op = {0};
    size_t begin = p->token;
    if (parse_value(p) != p->f->ops.count) parse_fail(p, "values are numbered in order");
    parse_char(p, ':');
    op.type = (TirType)parse_choice(p, tir_type_word, 3, "expected a type");
    if (parse_peek(p) == '{') op.axes = parse_axes(p);
    parse_char(p, '=');
    op.op = parse_opcode(p);
    VEC(TirId) args = {0};
    if (tir_op_arity(op.op) != 0 && parse_peek(p) == '%') do
            VEC_PUSH(p->arena, &args, parse_value(p));
        while (parse_try(p, ','));
    op.args = args.data;
    op.arg_count = (uint32_t)args.count;
    parse_attrs(p, &op);
    p->token = begin;
    op.span = parse_span(p);
    size_t end = p->at;
    if (parse_try(p, '@')) {
        op.span.file = parse_number(p);
        op.span.begin = parse_number(p);
        op.span.end = parse_number(p);
    } else {
        p->at = end;
    }
    p->token = begin; /* what is wrong with the operation is reported there */
    TirType type = op.type;
    TirAxes axes = op.axes;
    const char *wrong = tir_infer(p->f, (TirId)p->f->ops.count, &op, &type, &axes);
    if (!wrong && type != op.type) wrong = "the result has another type";
    if (!wrong && !tir_axes_equal(axes, op.axes)) wrong = "the result has other axes";
    if (wrong) parse_fail(p, arena_format(p->arena, "%s: %s", tir_op_text(op.op), wrong));
    VEC_PUSH(p->arena, &p->f->ops, op);
}

static TirFunction *parse_function(Parser *p) {
    size_t begin = p->token;
    TirFunction *f = p->f = ARENA_NEW(p->arena, TirFunction);
    f->arena = p->arena;
    f->name = parse_name(p);
    parse_char(p, '{');
    while (parse_try_word(p, "axis")) parse_axis(p);
    while (parse_try_word(p, "input")) VEC_PUSH(p->arena, &f->inputs, parse_port(p, true));
    while (parse_peek(p) == '%') parse_op(p);
    while (parse_try_word(p, "output")) VEC_PUSH(p->arena, &f->outputs, parse_port(p, false));
    parse_char(p, '}');
    p->token = begin;
    const char *wrong = tir_verify(f, p->arena);
    if (wrong) parse_fail(p, wrong);
    return f;
}

TirModule *tir_parse(Arena *arena, SourceSet *sources, uint32_t file, DiagSink *sink) {
    const SourceFile *source = source_file(sources, file);
    Parser *p = ARENA_NEW(arena, Parser);
    *p = (Parser){.arena = arena, .sink = sink, .file = file, .text = source->text, .end = source->length};
    if (setjmp(p->stop)) return NULL;
    TirModule *m = ARENA_NEW(arena, TirModule);
    m->arena = arena;
    for (parse_blank(p); p->at < p->end; parse_blank(p)) {
        parse_word(p, "func");
        VEC_PUSH(arena, &m->functions, parse_function(p));
    }
    return m;
}
