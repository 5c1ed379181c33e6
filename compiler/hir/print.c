/* qtmc --emit=hir: the model with every name written in full, one declaration a block, modules in the order in which
 * they depend on each other. Locals keep their short names, sizes show the value they were settled to, every operation
 * stands in brackets. */
#include "hir/hir.h"

#include <stdlib.h>
#include <string.h>

typedef struct Printer {
    FILE *out;
    const Hir *hir;
} Printer;

static void print(const Printer *p, const AstNode *node);

static void print_range(const Printer *p, const AstNode *node, uint32_t from, uint32_t to, const char *between) {
    for (uint32_t i = from; i < to; i++) {
        if (i > from) fputs(between, p->out);
        print(p, node->kids[i]);
    }
}

/* [a, b] */
static void print_bracketed(const Printer *p, const AstNode *node, uint32_t from) {
    fputc('[', p->out);
    print_range(p, node, from, node->count, ", ");
    fputc(']', p->out);
}

static void print_dims(const Printer *p, const AstNode *dims) {
    if (dims && dims->count) print_bracketed(p, dims, 0);
}

/* `word` and a node, where there is one. */
static void print_after(const Printer *p, const char *word, const AstNode *node) {
    if (!node) return;
    fputs(word, p->out);
    print(p, node);
}

static void print_names(const Printer *p, const AstNode *list, const char *between) {
    for (uint32_t i = 0; i < list->count; i++) fprintf(p->out, "%s%s", i ? between : "", list->kids[i]->name);
}

/* The shortest text that reads back as the same number. */
static void print_number(const Printer *p, double number) {
    char text[32];
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number) break;
    }
    fputs(text, p->out);
}

static void print_string(const Printer *p, const char *text) {
    fputc('"', p->out);
    for (const char *c = text; *c; c++) {
        if (*c == '"' || *c == '\\') fputc('\\', p->out);
        if (*c == '\n')
            fputs("\\n", p->out);
        else
            fputc(*c, p->out);
    }
    fputc('"', p->out);
}

static void print_name(const Printer *p, const AstNode *node) {
    const HirDecl *decl = hir_decl(p->hir, node);
    fputs(decl ? decl->full : node->name, p->out);
}

static void print_arguments(const Printer *p, const AstNode *list) {
    fputc('(', p->out);
    print_range(p, list, 0, list->count, ", ");
    fputc(')', p->out);
}

static void print_result(const Printer *p, const AstNode *shape) {
    if (!shape) return;
    fputs(" -> ", p->out);
    if (shape->kind == AST_RECORD_SHAPE) {
        fputc('{', p->out);
        print_range(p, shape, 0, shape->count, ", ");
        fputc('}', p->out);
    } else if (shape->count) {
        print_dims(p, shape);
    } else {
        fputs("real", p->out);
    }
}

static void print_binary(const Printer *p, const AstNode *node) {
    fputc('(', p->out);
    print(p, node->kids[0]);
    fprintf(p->out, " %s ", ast_op_text(node->op));
    print(p, node->kids[1]);
    fputc(')', p->out);
}

static void print_draw(const Printer *p, const AstNode *node) {
    const AstNode *fields = node->kids[1];
    fputs("draw ", p->out);
    print(p, node->kids[0]);
    print_after(p, " ~ ", node->kids[2]);
    print_after(p, " by ", node->kids[3]);
    if (!fields) return;
    fputs(" { ", p->out);
    for (uint32_t i = 0; i < fields->count; i++) {
        const AstNode *field = fields->kids[i];
        fprintf(p->out, "%s%s", i ? ", " : "", field->name ? field->name : "");
        if (field->kind != AST_DRAW_FIELD) continue;
        print_after(p, " ~ ", field->kids[0]);
        print_after(p, " by ", field->kids[1]);
    }
    fputs(" }", p->out);
}

static void print_block(const Printer *p, const AstNode *node) {
    fputs("{ ", p->out);
    print_range(p, node, 0, node->count, "  ");
    fputs(" }", p->out);
}

/* VALUE for i in A for j in B: the tree has the loop over B inside of the one over A. */
static void print_loop(const Printer *p, const AstNode *node) {
    const AstNode *value = node;
    do value = value->kids[0];
    while (value->kind == node->kind && value->flag);
    print(p, value);
    for (const AstNode *loop = node; loop != value; loop = loop->kids[0]) {
        fprintf(p->out, " for %s", loop->name);
        for (uint32_t i = 0; loop->kids[3] && i < loop->kids[3]->count; i++)
            fprintf(p->out, ", %s", loop->kids[3]->kids[i]->name);
        if (loop->kids[1]->kind != AST_FROM) fputs(" in ", p->out);
        print(p, loop->kids[1]);
        print_after(p, " when ", loop->kids[2]);
    }
}

static void print_field(const Printer *p, const AstNode *node) {
    const HirDecl *decl = hir_decl(p->hir, node);
    if (decl) {
        fputs(decl->full, p->out);
        return;
    }
    print(p, node->kids[0]);
    fprintf(p->out, ".%s", node->name);
}

/* Expressions with parts. */
static void print_compound(const Printer *p, const AstNode *node) {
    switch (node->kind) {
    case AST_CALL:
        print(p, node->kids[0]);
        fputc('(', p->out);
        print_range(p, node, 1, node->count, ", ");
        fputc(')', p->out);
        break;
    case AST_INDEX:
        print(p, node->kids[0]);
        print_bracketed(p, node, 1);
        break;
    case AST_UNARY:
        fputs(node->op == AST_NOT ? "not " : "-", p->out);
        print(p, node->kids[0]);
        break;
    case AST_PIPE:
        fputc('(', p->out);
        print_range(p, node, 0, 2, " |> ");
        fputc(')', p->out);
        break;
    case AST_IF:
        print_after(p, "(if ", node->kids[0]);
        print_after(p, " then ", node->kids[1]);
        print_after(p, " else ", node->kids[2]);
        fputc(')', p->out);
        break;
    case AST_BUILD:
        fputc('[', p->out);
        print_loop(p, node);
        fputc(']', p->out);
        break;
    case AST_RECORD:
        fputc('{', p->out);
        for (uint32_t i = 0; i < node->count; i++) {
            fprintf(p->out, "%s%s: ", i ? ", " : "", node->kids[i]->name);
            print(p, node->kids[i]->kids[0]);
        }
        fputc('}', p->out);
        break;
    default: fputs("error", p->out); /* POISON */
    }
}

static void print_expression(const Printer *p, const AstNode *node) {
    switch (node->kind) {
    case AST_NAME: print_name(p, node); break;
    case AST_NUMBER: print_number(p, node->number); break;
    case AST_QUANTITY: print_range(p, node, 0, 2, " "); break;
    case AST_FIELD: print_field(p, node); break;
    case AST_NAMED:
        fprintf(p->out, "%s = ", node->name);
        print(p, node->kids[0]);
        break;
    case AST_BINARY: print_binary(p, node); break;
    case AST_ARRAY: print_bracketed(p, node, 0); break;
    case AST_COMPREHEND: print_loop(p, node); break;
    case AST_RANGE:
        print_range(p, node, 0, 2, " .. ");
        if (node->flag) fputs(" on log", p->out);
        break;
    case AST_ALL_OF: print_after(p, "all of ", node->kids[0]); break;
    case AST_FROM: print_after(p, " from ", node->kids[0]); break;
    case AST_BATCH_OF:
        fputs("batch ", p->out);
        print_range(p, node, 0, 2, " of ");
        break;
    case AST_DRAW: print_draw(p, node); break;
    case AST_BLOCK: print_block(p, node); break;
    default: print_compound(p, node);
    }
}

static void print_minimize(const Printer *p, const AstNode *node) {
    print_after(p, "minimize ", node->kids[0]);
    fputs(" over ", p->out);
    print_names(p, node->kids[1], ", ");
    print_after(p, " using ", node->kids[2]);
    print_after(p, " every ", node->kids[3]);
    const AstNode *exchange = node->kids[4];
    if (!exchange) return;
    fprintf(p->out, " shared by %s", exchange->name ? exchange->name : "error");
    if (!exchange->count) return;
    fputc('(', p->out);
    print_range(p, exchange, 0, exchange->count, ", ");
    fputc(')', p->out);
}

static void print_let(const Printer *p, const AstNode *node) {
    fputs("let ", p->out);
    if (node->kids[1]) {
        fputc('{', p->out);
        print_names(p, node->kids[1], ", ");
        fputc('}', p->out);
    } else {
        fputs(node->name, p->out);
    }
    print_after(p, " = ", node->kids[0]);
}

/* `word NAME` and a value behind `join`. */
static void print_named(const Printer *p, const char *word, const AstNode *node, const char *join) {
    fprintf(p->out, "%s%s", word, node->name);
    print_after(p, join, node->kids[0]);
}

static void print_stage(const Printer *p, const AstNode *node) {
    switch (node->kind) {
    case AST_WEIGH: print_after(p, "weight ", node->kids[0]); break;
    case AST_KEEP: print_after(p, "keep with probability ", node->kids[0]); break;
    case AST_SMEAR:
        print_named(p, "smear ", node, " by ");
        print_after(p, " where ", node->kids[1]);
        break;
    case AST_REBUILD: print_named(p, "rebuild ", node, " = "); break;
    case AST_CONFUSE: print_named(p, "confuse ", node, " by "); break;
    case AST_ADD_EVENTS:
        print_after(p, "add ", node->kids[0]);
        print_after(p, " with fraction ", node->kids[1]);
        break;
    case AST_REQUIRE: print_after(p, "require ", node->kids[0]); break;
    default: print_expression(p, node);
    }
}

static void print_item(const Printer *p, const AstNode *node) {
    const HirDecl *decl = NULL;
    switch (node->kind) {
    case AST_VECTORS: print_after(p, "vectors ", node->kids[0]); break;
    case AST_EVENTS: print_after(p, "events ", node->kids[0]); break;
    case AST_GENERATE:
        fputs("generate params by ", p->out);
        print_range(p, node, 0, 2, " from ");
        break;
    case AST_MINIMIZE: print_minimize(p, node); break;
    case AST_MONITOR: print_named(p, "monitor ", node, " = "); break;
    case AST_STOP:
        print_after(p, "stop after ", node->kids[0]);
        fputs(" steps", p->out);
        break;
    case AST_STOP_WHEN: print_after(p, "stop when ", node->kids[0]); break;
    case AST_SELECT: fprintf(p->out, "select best on %s", node->name); break;
    case AST_FREEZE:
        decl = hir_decl(p->hir, node);
        fprintf(p->out, "freeze %s from ", decl ? decl->full : node->name);
        print_string(p, node->text);
        break;
    case AST_DATA: fprintf(p->out, "data %s", node->name); break; /* a declaration of its own */
    case AST_LET: print_let(p, node); break;
    default: print_stage(p, node);
    }
}

static void print_variable(const Printer *p, const AstNode *node) {
    fputs(node->name, p->out);
    print_dims(p, node->kids[3]);
    print_after(p, " : ", node->kids[2]);
    print_after(p, " in ", node->kids[0]);
    print_after(p, " .. ", node->kids[1]);
    if (node->flag) fputs(" on log", p->out);
}

static void print_column(const Printer *p, const AstNode *node) {
    fputs(node->name, p->out);
    print_dims(p, node->kids[0]);
    print_after(p, " : ", node->kids[1]);
    if (node->flag) fputs(" %", p->out);
    for (const char *ignored = node->text; ignored && *ignored;) {
        size_t length = strcspn(ignored, "\n");
        fprintf(p->out, " ignoring \"%.*s\"", (int)length, ignored);
        ignored += length + (ignored[length] == '\n');
    }
}

static void print(const Printer *p, const AstNode *node) {
    switch (node->kind) {
    case AST_ARG:
        fputs(node->name, p->out);
        print_dims(p, hir_argument_dims(node));
        print_after(p, " : ", node->kids[1]);
        print_after(p, " = ", node->kids[2]);
        break;
    case AST_VARIABLE: print_variable(p, node); break;
    case AST_COLUMN: print_column(p, node); break;
    case AST_WEIGHT:
        fprintf(p->out, "weight %s", node->name);
        print_dims(p, node->kids[0]);
        print_after(p, node->flag ? " ~ " : " = ", node->kids[1]);
        break;
    case AST_BINDER: print_named(p, "", node, " in "); break;
    case AST_NORMALIZED:
        print_after(p, "normalized so ", node->kids[0]);
        print_after(p, " = ", node->kids[1]);
        fprintf(p->out, " solving %s", node->name);
        break;
    case AST_POSITIVE: fputs("positive", p->out); break;
    case AST_TRUTH: print_after(p, "truth ", node->kids[0]); break;
    default: print_item(p, node);
    }
}

static void print_lines(const Printer *p, const AstNode *list, const AstNode *last) {
    fputs(" {\n", p->out);
    for (uint32_t i = 0; i < list->count; i++) {
        fputs("    ", p->out);
        print(p, list->kids[i]);
        fputc('\n', p->out);
    }
    if (last) fputs("    ", p->out), print(p, last), fputc('\n', p->out);
    fputs("}", p->out);
}

static void print_domain(const Printer *p, const AstNode *domain) {
    int closed = (int)domain->number;
    fputs(" in ", p->out);
    if (domain->kind == AST_POISON) fputs("error", p->out);
    if (domain->name) fputs(domain->name, p->out);
    if (!domain->count || !domain->kids[0]) return;
    fprintf(p->out, "%s%c", domain->name ? " " : "", closed & 1 ? '[' : '(');
    print_range(p, domain, 0, 2, ", ");
    fputc(closed & 2 ? ']' : ')', p->out);
}

static void print_param(const Printer *p, const AstNode *node) {
    if (node->kids[0]) print_domain(p, node->kids[0]);
    print_after(p, " = ", node->kids[1]);
    print_after(p, " start ", node->kids[2]);
    print_after(p, " truth ", node->kids[3]);
    print_after(p, " prior ", node->kids[6]);
    if (node->flag) fputs(" fixed", p->out);
}

/* Conditions of a qcf, a line each. */
static void print_conditions(const Printer *p, const AstNode *list) {
    for (uint32_t i = 0; i < list->count; i++) {
        fputs("\n    ", p->out);
        print(p, list->kids[i]);
    }
}

static void print_data(const Printer *p, const AstNode *node) {
    fputs(" : ", p->out);
    print(p, node->kids[0]);
    fputs(" from ", p->out);
    print_string(p, node->text);
    if (node->kids[2]) {
        fputs(" columns {", p->out);
        print_range(p, node->kids[2], 0, node->kids[2]->count, ", ");
        fputc('}', p->out);
    }
    print_after(p, " where ", node->kids[3]);
    print_after(p, " split ", node->kids[4]);
    print_after(p, " truth ", node->kids[5]);
}

static void print_function(const Printer *p, const AstNode *node, const AstNode *result, const AstNode *unit) {
    print_arguments(p, node->kids[0]);
    print_result(p, result);
    print_after(p, " : ", unit);
}

static void print_clause(const Printer *p, const AstNode *node) {
    if (node->text) fputs(" from ", p->out), print_string(p, node->text);
    if (!node->kids[4]) return;
    fputs(" derivative {", p->out);
    for (uint32_t i = 0; i < node->kids[4]->count; i++) {
        const AstNode *entry = node->kids[4]->kids[i];
        fprintf(p->out, "%s%s: ", i ? ", " : "", entry->name);
        if (hir_clause_none(entry))
            fputs("none", p->out);
        else
            print(p, entry->kids[0]);
    }
    fputs("}", p->out);
}

/* What stands behind the name of a declaration of functions. */
static void print_formula(const Printer *p, const AstNode *node) {
    switch (node->kind) {
    case AST_QCF:
        print_function(p, node, NULL, node->kids[3]);
        print_after(p, " at ", node->kids[4]);
        print_after(p, " = ", node->kids[1]);
        print_conditions(p, node->kids[5]);
        break;
    case AST_DENSITY:
        print_function(p, node, NULL, node->kids[3]);
        if (node->kids[4]) {
            fputs(" per ", p->out);
            print_names(p, node->kids[4], " ");
        }
        print_after(p, " = ", node->kids[1]);
        print_after(p, " when ", node->kids[5]);
        break;
    case AST_LAYER:
        print_function(p, node, node->kids[1], NULL);
        print_lines(p, node->kids[2], node->kids[3]);
        break;
    case AST_DETECTOR:
        print_arguments(p, node->kids[0]);
        print_after(p, " -> ", node->kids[1]);
        print_lines(p, node->kids[2], NULL);
        break;
    default: /* FUN, NETWORK */
        print_function(p, node, node->kids[1], node->kind == AST_FUN ? node->kids[3] : NULL);
        if (node->kind == AST_FUN && node->kids[5]) {
            fprintf(p->out, " gradient %s", node->kids[5]->name);
            if (node->kids[5]->text) fprintf(p->out, " \"%s\"", node->kids[5]->text);
        }
        print_after(p, " = ", node->kids[2]);
        if (node->kind == AST_FUN) print_clause(p, node);
    }
}

static void print_decl(const Printer *p, const HirDecl *decl) {
    const AstNode *node = decl->node;
    bool xsec = node->kind == AST_DENSITY && node->flag;
    if (node->kind == AST_NORMALIZED) {
        fprintf(p->out, "param %s solved by %s\n", decl->full, decl->owner->full);
        return;
    }
    fprintf(p->out, "%s%s", node->kind == AST_FUN && node->text ? "extern " : "",
            xsec ? "xsec" : ast_kind_name(node->kind));
    if (node->kind != AST_CHECK) fprintf(p->out, " %s", decl->full);
    if (hir_family(decl)) print_bracketed(p, hir_family(decl), 0);
    switch (node->kind) {
    case AST_SIZE: fprintf(p->out, " = %lld", (long long)decl->size); break;
    case AST_UNIT:
    case AST_CONST: print_after(p, " = ", node->kids[0]); break;
    case AST_OPTION:
        print_after(p, " = ", node->kids[0]);
        if (node->text) fputc(' ', p->out), print_string(p, node->text);
        break;
    case AST_FLAVOUR:
        fputs(" in {", p->out);
        print_names(p, node->kids[0], ", ");
        fputc('}', p->out);
        break;
    case AST_PARAM:
        print_after(p, " : ", node->kids[5]);
        print_param(p, node);
        break;
    case AST_CHECK:
        print_after(p, " ", node->kids[0]);
        print_after(p, " within ", node->kids[1]);
        break;
    case AST_EVENT: print_lines(p, node->kids[0], NULL); break;
    case AST_DATA: print_data(p, node); break;
    case AST_FIT:
        if (node->kids[1])
            print_after(p, " = ", node->kids[1]);
        else
            print_lines(p, node->kids[0], NULL);
        break;
    default: print_formula(p, node);
    }
    fputc('\n', p->out);
    for (size_t i = 0; i < decl->members.count; i++) {
        fprintf(p->out, "param %s.%s", decl->full, decl->members.data[i]->text);
        print_after(p, " : ", decl->members.data[i]->kids[5]);
        print_param(p, decl->members.data[i]);
        fputc('\n', p->out);
    }
}

static void print_use(const Printer *p, const HirUse *use) {
    fprintf(p->out, "use %s", use->module->name);
    if (use->names) {
        fputs(" (", p->out);
        print_names(p, use->names, ", ");
        fputc(')', p->out);
    }
    if (use->hidden) fprintf(p->out, " as %s", use->alias);
    fputc('\n', p->out);
}

void hir_print(FILE *out, const Hir *hir) {
    Printer p = {out, hir};
    for (size_t m = 0; m < hir->modules.count; m++) {
        const HirModule *module = hir->modules.data[m];
        fprintf(out, "%smodule %s\n", m ? "\n" : "", module->name);
        for (size_t u = 0; u < module->uses.count; u++) print_use(&p, &module->uses.data[u]);
        fputc('\n', out);
        for (size_t i = 0; i < module->decls.count; i++) print_decl(&p, module->decls.data[i]);
    }
}
