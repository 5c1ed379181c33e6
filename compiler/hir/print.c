/* qtmc --emit=hir: the model with every name written in full, one declaration a block, modules in the order in which
 * they depend on each other. Locals keep their short names, sizes show the value they were settled to. */
#include "hir/hir.h"

#include <stdlib.h>

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

static void print_dims(const Printer *p, const AstNode *dims) {
    if (!dims || !dims->count) return;
    fputc('[', p->out);
    print_range(p, dims, 0, dims->count, ", ");
    fputc(']', p->out);
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
    fputs(shape->count ? " -> " : " -> real", p->out);
    print_dims(p, shape);
}

static void print_binary(const Printer *p, const AstNode *node) {
    fputc('(', p->out);
    print(p, node->kids[0]);
    fprintf(p->out, " %s ", ast_op_text(node->op));
    print(p, node->kids[1]);
    fputc(')', p->out);
}

static void print_draw(const Printer *p, const AstNode *node) {
    fputs("draw ", p->out);
    print(p, node->kids[0]);
    fputs(" { ", p->out);
    for (uint32_t i = 0; i < node->kids[1]->count; i++) {
        const AstNode *field = node->kids[1]->kids[i];
        fprintf(p->out, "%s%s ~ ", i ? ", " : "", field->name);
        print(p, field->kids[0]);
        if (field->count < 2 || !field->kids[1]) continue;
        fputs(" by ", p->out);
        print(p, field->kids[1]);
    }
    fputs(" }", p->out);
}

static void print_block(const Printer *p, const AstNode *node) {
    fputs("{ ", p->out);
    print_range(p, node, 0, node->count, "  ");
    fputs(" }", p->out);
}

static void print_expression(const Printer *p, const AstNode *node) {
    switch (node->kind) {
    case AST_NUMBER: print_number(p, node->number); break;
    case AST_FIELD:
        print(p, node->kids[0]);
        fprintf(p->out, ".%s", node->name);
        break;
    case AST_CALL:
        print(p, node->kids[0]);
        fputc('(', p->out);
        print_range(p, node, 1, node->count, ", ");
        fputc(')', p->out);
        break;
    case AST_NAMED:
        fprintf(p->out, "%s = ", node->name);
        print(p, node->kids[0]);
        break;
    case AST_INDEX:
        print(p, node->kids[0]);
        fputc('[', p->out);
        print_range(p, node, 1, node->count, ", ");
        fputc(']', p->out);
        break;
    case AST_UNARY:
        fprintf(p->out, "%s", node->op == AST_NOT ? "not " : "-");
        print(p, node->kids[0]);
        break;
    case AST_BINARY: print_binary(p, node); break;
    case AST_PIPE:
        fputc('(', p->out);
        print_range(p, node, 0, 2, " |> ");
        fputc(')', p->out);
        break;
    case AST_ARRAY:
        fputc('[', p->out);
        print_range(p, node, 0, node->count, ", ");
        fputc(']', p->out);
        break;
    case AST_IF:
        fputs("(if ", p->out);
        print(p, node->kids[0]);
        fputs(" then ", p->out);
        print(p, node->kids[1]);
        fputs(" else ", p->out);
        print(p, node->kids[2]);
        fputc(')', p->out);
        break;
    case AST_COMPREHEND:
        print(p, node->kids[0]);
        fprintf(p->out, " for %s in ", node->name);
        print(p, node->kids[1]);
        break;
    case AST_ALL_OF:
        fputs("all of ", p->out);
        print(p, node->kids[0]);
        break;
    case AST_BATCH_OF:
        fputs("batch ", p->out);
        print_range(p, node, 0, 2, " of ");
        break;
    default: fputs("?", p->out);
    }
}

static void print_minimize(const Printer *p, const AstNode *node) {
    fputs("minimize ", p->out);
    print(p, node->kids[0]);
    fputs(" over ", p->out);
    for (uint32_t i = 0; i < node->kids[1]->count; i++)
        fprintf(p->out, "%s%s", i ? ", " : "", node->kids[1]->kids[i]->name);
    fputs(" using ", p->out);
    print(p, node->kids[2]);
    if (node->count > 3 && node->kids[3]) fputs(" every ", p->out), print(p, node->kids[3]);
    if (node->count > 4 && node->kids[4]) fputs(" shared by ", p->out), print(p, node->kids[4]);
}

static void print_item(const Printer *p, const AstNode *node) {
    switch (node->kind) {
    case AST_VECTORS:
        fputs("vectors ", p->out);
        print(p, node->kids[0]);
        break;
    case AST_EVENTS:
        fputs("events ", p->out);
        print(p, node->kids[0]);
        break;
    case AST_GENERATE:
        fputs("generate params by ", p->out);
        print_range(p, node, 0, 2, " from ");
        break;
    case AST_MINIMIZE: print_minimize(p, node); break;
    case AST_MONITOR:
        fprintf(p->out, "monitor %s = ", node->name);
        print(p, node->kids[0]);
        break;
    case AST_STOP:
        fputs("stop after ", p->out);
        print(p, node->kids[0]);
        fputs(" steps", p->out);
        break;
    case AST_LET:
        fprintf(p->out, "let %s = ", node->name);
        print(p, node->kids[0]);
        break;
    default: print_expression(p, node);
    }
}

static void print(const Printer *p, const AstNode *node) {
    switch (node->kind) {
    case AST_NAME: print_name(p, node); break;
    case AST_ARG:
        fputs(node->name, p->out);
        print_dims(p, hir_argument_dims(node));
        if (node->kids[1]) fputs(" : ", p->out), print(p, node->kids[1]);
        break;
    case AST_VARIABLE:
        fprintf(p->out, "%s in ", node->name);
        print_range(p, node, 0, 2, " .. ");
        break;
    case AST_WEIGHT:
        fprintf(p->out, "weight %s", node->name);
        print_dims(p, node->kids[0]);
        fputs(node->flag ? " ~ " : " = ", p->out);
        print(p, node->kids[1]);
        break;
    case AST_DRAW: print_draw(p, node); break;
    case AST_BLOCK: print_block(p, node); break;
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

static void print_param(const Printer *p, const AstNode *node) {
    const AstNode *domain = node->kids[0];
    if (domain) {
        int closed = (int)domain->number;
        fprintf(p->out, " in %s%s", domain->name ? domain->name : "", domain->name && domain->kids[0] ? " " : "");
        if (domain->kids[0]) {
            fputc(closed & 1 ? '[' : '(', p->out);
            print_range(p, domain, 0, 2, ", ");
            fputc(closed & 2 ? ']' : ')', p->out);
        }
    }
    if (node->kids[2]) fputs(" start ", p->out), print(p, node->kids[2]);
    if (node->kids[3]) fputs(" truth ", p->out), print(p, node->kids[3]);
}

static void print_decl(const Printer *p, const HirDecl *decl) {
    const AstNode *node = decl->node;
    fprintf(p->out, "%s %s", ast_kind_name(node->kind), decl->full);
    switch (node->kind) {
    case AST_SIZE: fprintf(p->out, " = %lld", (long long)decl->size); break;
    case AST_CONST:
    case AST_OPTION:
        fputs(" = ", p->out);
        print(p, node->kids[0]);
        break;
    case AST_PARAM: print_param(p, node); break;
    case AST_QCF:
    case AST_DENSITY:
        print_arguments(p, node->kids[0]);
        fputs(" = ", p->out);
        print(p, node->kids[1]);
        break;
    case AST_FUN:
    case AST_NETWORK:
        print_arguments(p, node->kids[0]);
        print_result(p, node->kids[1]);
        fputs(" = ", p->out);
        print(p, node->kids[2]);
        break;
    case AST_LAYER:
        print_arguments(p, node->kids[0]);
        print_result(p, node->kids[1]);
        print_lines(p, node->kids[2], node->kids[3]);
        break;
    case AST_EVENT:
    case AST_FIT: print_lines(p, node->kids[0], NULL); break;
    case AST_DATA:
        fputs(" : ", p->out);
        print(p, node->kids[0]);
        fputs(" from ", p->out);
        print_string(p, node->text);
        break;
    default: break;
    }
    if (node->kind == AST_OPTION && node->text) fputc(' ', p->out), print_string(p, node->text);
    fputc('\n', p->out);
}

void hir_print(FILE *out, const Hir *hir) {
    Printer p = {out, hir};
    for (size_t m = 0; m < hir->modules.count; m++) {
        const HirModule *module = hir->modules.data[m];
        fprintf(out, "%smodule %s", m ? "\n" : "", module->name);
        for (size_t u = 0; u < module->uses.count; u++)
            fprintf(out, "%s%s", u ? ", " : " uses ", module->uses.data[u].module->name);
        fputs("\n\n", out);
        for (size_t i = 0; i < module->decls.count; i++) print_decl(&p, module->decls.data[i]);
    }
}
