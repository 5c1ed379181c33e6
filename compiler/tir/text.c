/* Prints tensor IR. What is printed can be parsed again (parse.c) and then prints the same, bit for bit:
 *
 *   module = { func }
 *   func   = "func" NAME "{" { axis } { input } { op } { output } "}"
 *   axis   = "axis" NAME "=" ( INT | "dynamic" INT ) [ "batch" ]
 *   input  = "input" ROLE INT INT STRING "=" ( VALUE | "none" )        role, index, field; port numbers count from 0
 *   op     = VALUE ":" type "=" OPCODE [ VALUE { "," VALUE } ] { attribute } [ span ]
 *   span   = "@" INT INT INT                                           number of the file, begin, end
 *   output = "output" ROLE INT STRING "=" VALUE                        role, index
 *   type   = ( "real" | "int" | "bool" ) [ "{" NAME { "," NAME } "}" ]
 *   VALUE  = "%" INT       the number of the operation, from 0 in order
 *   NAME   = letters, digits, "_", "." and "'", or a STRING;   "#" starts a comment that ends with the line
 *
 * Attributes, in this order where the operation has them: "symbol" STRING; a constant; ("port" | "stream" | "at" |
 * "order" | "states" | "number") INT; "over" "{" axes "}"; "axis" NAME; ("to" | "rows") NAME; "reverse"; ("store" |
 * "recompute"); func (the body). The axes of an operation whose axes are an attribute are those of its type. Reals have
 * as many digits as it takes to read back the same number. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tir/text.h"

const char *const tir_type_word[3] = {"real", "int", "bool"};
const char *const tir_memory_word[3] = {"", "store", "recompute"};
const char *const tir_role_word[TIR_PORT_ROLES] = {"block",  "column", "option", "loss",  "gradient",
                                                   "value",  "held",   "guard",  "point", "direction",
                                                   "staged", "round",  "node"};

const char *tir_integer_word(TirOpcode op) {
    switch (op) {
    case TIR_INPUT: return "port";
    case TIR_SLICE: return "at";
    case TIR_POLYGAMMA:
    case TIR_BESSEL_J:
    case TIR_INC_GAMMA:
    case TIR_INC_BETA: return "order";
    case TIR_LOOP: return "states";
    case TIR_RESULT: return "number";
    default: return "stream";
    }
}

const char *tir_axis2_word(TirOpcode op) {
    return op == TIR_RENAME ? "to" : "rows";
}

bool tir_name_char(char c, bool first) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_') return true;
    return !first && ((c >= '0' && c <= '9') || c == '.' || c == '\'');
}

static void print_string(FILE *out, const char *text) {
    fputc('"', out);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\')
            fprintf(out, "\\%c", *c);
        else if (*c < 0x20 || *c == 0x7f)
            fprintf(out, "\\x%02x", *c);
        else
            fputc(*c, out);
    }
    fputc('"', out);
}

static void print_name(FILE *out, const char *name) {
    bool plain = name[0] != '\0';
    for (const char *c = name; *c; c++) plain = plain && tir_name_char(*c, c == name);
    if (plain)
        fputs(name, out);
    else
        print_string(out, name);
}

/* Printing must not stop on a broken function: tir_fail shows one. */
static void print_axis(FILE *out, const TirFunction *f, TirAxisId axis) {
    if (axis < f->axes.count)
        print_name(out, f->axes.data[axis].name);
    else
        fprintf(out, "?%u", axis);
}

static void print_axes(FILE *out, const TirFunction *f, TirAxes axes) {
    fputc('{', out);
    for (uint32_t i = 0; i < axes.count && i < TIR_MAX_AXES; i++) {
        if (i) fputs(", ", out);
        print_axis(out, f, axes.id[i]);
    }
    fputc('}', out);
}

static void print_real(FILE *out, double value) {
    char text[40];
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    fputs(text, out);
}

static void print_const(FILE *out, const TirOp *op) {
    if (op->type == TIR_REAL)
        print_real(out, op->real);
    else if (op->type == TIR_BOOL)
        fputs(op->integer ? "true" : "false", out);
    else
        fprintf(out, "%" PRId64, op->integer);
}

static void print_function(FILE *out, const TirFunction *f, const char *name, bool spans);

static void print_attrs(FILE *out, const TirFunction *f, const TirOp *op, bool spans) {
    unsigned attrs = tir_op_attrs(op->op);
    if ((attrs & TIR_ATTR_EXTERN) && op->external) {
        fputs(" symbol ", out);
        print_string(out, op->external->symbol);
    }
    if (attrs & TIR_ATTR_VALUE) {
        fputc(' ', out);
        print_const(out, op);
    }
    if (attrs & TIR_ATTR_INTEGER) fprintf(out, " %s %" PRId64, tir_integer_word(op->op), op->integer);
    if (attrs & TIR_ATTR_OVER) {
        fputs(" over ", out);
        print_axes(out, f, op->attr_axes);
    }
    if (attrs & TIR_ATTR_AXIS) {
        fputs(" axis ", out);
        print_axis(out, f, op->axis);
    }
    if (attrs & TIR_ATTR_AXIS2) {
        fprintf(out, " %s ", tir_axis2_word(op->op));
        print_axis(out, f, op->axis2);
    }
    if ((attrs & TIR_ATTR_FLAG) && op->flag) fputs(" reverse", out);
    if (op->memory) fprintf(out, " %s", tir_memory_word[op->memory]);
    if ((attrs & TIR_ATTR_BODY) && op->body) {
        fputc(' ', out);
        print_function(out, op->body, op->body->name, spans);
    }
}

static void print_op(FILE *out, const TirFunction *f, TirId id, bool spans) {
    const TirOp *op = &f->ops.data[id];
    fprintf(out, "  %%%u : %s", id, (unsigned)op->type < 3 ? tir_type_word[op->type] : "?");
    if (op->axes.count) print_axes(out, f, op->axes);
    fprintf(out, " = %s", tir_op_text(op->op));
    for (uint32_t i = 0; i < op->arg_count; i++) fprintf(out, "%s%%%u", i ? ", " : " ", op->args[i]);
    print_attrs(out, f, op, spans);
    if (spans && op->span.file) fprintf(out, " @%u %u %u", op->span.file, op->span.begin, op->span.end);
    if (!op->body || spans) fputc('\n', out);
}

static void print_port(FILE *out, const TirPort *port, bool input) {
    fprintf(out, "  %s %s %u", input ? "input" : "output",
            (unsigned)port->role < TIR_PORT_ROLES ? tir_role_word[port->role] : "?", port->index);
    if (input) fprintf(out, " %u", port->field);
    fputc(' ', out);
    print_string(out, port->name);
    if (port->value == TIR_NONE)
        fputs(" = none\n", out);
    else
        fprintf(out, " = %%%u\n", port->value);
}

static void print_function(FILE *out, const TirFunction *f, const char *name, bool spans) {
    fputs("func ", out);
    print_name(out, name);
    fputs(" {\n", out);
    for (size_t i = 0; i < f->axes.count; i++) {
        const TirAxis *axis = &f->axes.data[i];
        fputs("  axis ", out);
        print_name(out, axis->name);
        if (axis->size < 0)
            fprintf(out, " = dynamic %u", axis->data);
        else
            fprintf(out, " = %" PRId64, axis->size);
        fputs(axis->batch ? " batch\n" : "\n", out);
    }
    for (size_t i = 0; i < f->inputs.count; i++) print_port(out, &f->inputs.data[i], true);
    for (size_t i = 0; i < f->ops.count; i++) print_op(out, f, (TirId)i, spans);
    for (size_t i = 0; i < f->outputs.count; i++) print_port(out, &f->outputs.data[i], false);
    fputs("}\n", out);
}

void tir_print(FILE *out, const TirFunction *f) {
    print_function(out, f, f->name, false);
}

void tir_print_spans(FILE *out, const TirFunction *f, const char *name) {
    print_function(out, f, name, true);
}

void tir_print_module(FILE *out, const TirModule *m) {
    for (size_t i = 0; i < m->functions.count; i++) {
        if (i) fputc('\n', out);
        tir_print(out, m->functions.data[i]);
    }
}
