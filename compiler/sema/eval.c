/* qtmc eval: expressions in terms of a model, worked out by the reference interpreter. An expression is parsed as the
 * value of a constant in a source of its own, sees what the main module sees and the numbers given with --set, and is
 * elaborated with the parameters at their starts or truths. Nothing of the model's fits is looked at. */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "sema/unit.h"

static const char head[] = "const it = ";
enum { SHOWN_WHOLE = 40, SHOWN_FIRST = 20, SHOWN_LAST = 3, SHOWN_ROW = 8 };

/* --- what is given with --set --- */

static bool set_parameter(Elab *e, const EvalSetting *setting, bool *good) {
    for (size_t i = 0; i < e->slots.count; i++) {
        ParamSlot *slot = e->slots.data[i];
        if (strcmp(slot->name, setting->name)) continue;
        *good = !slot->link && !slot->rank;
        if (*good) {
            if (!slot->truths) slot->truths = ARENA_ARRAY(e->arena, double, 1);
            slot->starts[0] = slot->truths[0] = setting->value;
            slot->has_truth = true;
            return true;
        }
        elab_error(e, DIAG_E0432, slot->span, "--set %s: parameter '%s' is %s", setting->name, slot->name,
                   slot->link ? "a link, which follows other parameters" : "an array, and one number is given");
        diag_help(e->sink, "%s", slot->link ? "set those" : "write its values in the model: start VALUE");
        return true;
    }
    return false;
}

static bool set_option(Elab *e, const EvalSetting *setting) {
    for (size_t i = 0; i < e->program->options.count; i++) {
        if (strcmp(e->program->options.data[i].name, setting->name)) continue;
        e->program->options.data[i].value = setting->value;
        return true;
    }
    return false;
}

static bool word_in(const char *text, const char *word) {
    size_t length = strlen(word);
    for (const char *at = strstr(text, word); at; at = strstr(at + 1, word)) {
        bool begins = at == text || (!isalnum((unsigned char)at[-1]) && at[-1] != '_' && at[-1] != '.');
        if (begins && !isalnum((unsigned char)at[length]) && at[length] != '_') return true;
    }
    return false;
}

/* A name that the model does not have stands for the number in the expressions, which must use it. */
static bool set_variable(Elab *e, const EvalRequest *request, const EvalSetting *setting) {
    for (size_t i = 0; i < request->count; i++)
        if (word_in(request->expressions[i], setting->name)) return true;
    struct {
        const char **data;
        size_t count, capacity;
    } known = {0};
    for (size_t i = 0; i < e->slots.count; i++) VEC_PUSH(e->arena, &known, e->slots.data[i]->name);
    for (size_t i = 0; i < e->program->options.count; i++) VEC_PUSH(e->arena, &known, e->program->options.data[i].name);
    diag_report(e->sink, DIAG_E0201, (Span){0},
                "--set %s: the model has no parameter of that name, and no expression uses it", setting->name);
    const char *near = diag_nearest(setting->name, known.data, known.count);
    if (near)
        diag_help(e->sink, "did you mean '%s'?", near);
    else
        diag_help(e->sink, "give the name of a parameter, of an option, or one that stands in an expression");
    return false;
}

/* The settings that are no parameters and no options: variables of the expressions. */
static uint32_t settings_apply(Elab *e, const EvalRequest *request, const EvalSetting **variables) {
    uint32_t count = 0;
    for (size_t i = 0; i < request->setting_count; i++) {
        const EvalSetting *setting = &request->settings[i];
        bool good = true;
        if (set_parameter(e, setting, &good) || set_option(e, setting)) continue;
        if (set_variable(e, request, setting)) variables[count++] = setting;
    }
    return count;
}

/* --- one expression --- */

/* The text as the value of a declaration whose head is left out where the source is shown. */
static HirDecl *expression_read(Elab *e, const char *text) {
    SourceSet *sources = e->hir->sources;
    const char *whole = arena_format(e->arena, "%s%s", head, text);
    uint32_t file = source_add(sources, "expression", whole, strlen(whole));
    sources->files.data[file - 1].line_begin[0] = sizeof head - 1;
    size_t errors = e->sink->errors;
    const AstNode *module = ast_parse(e->arena, sources, file, e->sink);
    if (e->sink->errors != errors) return NULL;
    if (module->count != 1) {
        diag_report(e->sink, DIAG_E0101, module->kids[1]->span, "the expression ends before this");
        diag_help(e->sink, "give every expression in quotes of its own");
        return NULL;
    }
    HirDecl *decl = ARENA_NEW(e->arena, HirDecl);
    *decl = (HirDecl){.node = module->kids[0], .module = e->hir->main, .name = "it", .full = "it"};
    return decl;
}

/* Is what came out made of numbers? Its tensors become outputs, in the order in which they are printed. */
static bool value_collect(Elab *e, const Value *v) {
    switch (v->kind) {
    case VALUE_POISON: return false;
    case VALUE_NUMBER:
    case VALUE_LABEL: return true;
    case VALUE_TENSOR:
        tir_output(e->context->f, TIR_PORT_VALUE, (uint32_t)e->context->f->outputs.count, "value", v->id);
        return true;
    case VALUE_LIST:
    case VALUE_RECORD:
        for (uint32_t i = 0; i < v->count; i++)
            if (!value_collect(e, &v->items[i])) return false;
        return true;
    default:
        elab_error(e, DIAG_E0303, v->span, "this is %s, and a value is wanted", value_kind_text(v));
        diag_help(e->sink, "give it what it needs, as in u(0.3)");
        return false;
    }
}

static bool function_check(Elab *e, const EvalRequest *request, const TirFunction *f, const AstNode *node) {
    for (size_t i = 0; i < f->ops.count && !request->seeded; i++) {
        if (!(tir_op_flags(f->ops.data[i].op) & TIR_STREAM)) continue;
        elab_error(e, DIAG_E0304, f->ops.data[i].span, "this draws random numbers, and no seed is given");
        diag_help(e->sink, "add --seed=1");
        return false;
    }
    for (size_t i = 0; i < f->inputs.count; i++) {
        if (f->inputs.data[i].role == TIR_PORT_OPTION) continue;
        elab_error(e, DIAG_E0304, node->span, "this needs '%s', which has a value only in a fit",
                   f->inputs.data[i].name);
        diag_help(e->sink, "leave it out: of what a fit moves, only parameters have values here");
        return false;
    }
    return true;
}

static const TirTensor *function_run(Elab *e, const EvalRequest *request, const TirFunction *f) {
    TirTensor *inputs = ARENA_ARRAY(e->arena, TirTensor, f->inputs.count + 1);
    TirTensor *outputs = ARENA_ARRAY(e->arena, TirTensor, f->outputs.count + 1);
    for (size_t i = 0; i < f->inputs.count; i++) {
        inputs[i] = (TirTensor){.type = TIR_REAL, .count = 1, .data = ARENA_NEW(e->arena, double)};
        *inputs[i].data = e->program->options.data[f->inputs.data[i].index].value;
    }
    tir_interpret(f, e->arena, inputs, NULL, request->seed, 0, outputs);
    return outputs;
}

/* --- printing --- */

typedef struct Printer {
    Elab *e;
    FILE *out;
    const TirFunction *f;
    const TirTensor *next; /* of the tensors to come */
} Printer;

static void print_number(const Printer *p, double number, TirType type) {
    if (type == TIR_BOOL)
        fputs(number != 0 ? "true" : "false", p->out);
    else
        fprintf(p->out, "%.10g", number);
}

/* Distance of neighbours along an axis in the interpreter's memory; 0 where the value does not vary. */
static int64_t stride_of(const TirFunction *f, TirAxes axes, TirAxisId axis) {
    int64_t stride = 1;
    for (uint32_t i = axes.count; i-- > 0; stride *= f->axes.data[axes.id[i]].size)
        if (axes.id[i] == axis) return stride;
    return 0;
}

static void print_array(const Printer *p, const Value *v, uint32_t depth, const double *data, TirType type) {
    if (depth == v->rank) {
        print_number(p, *data, type);
        return;
    }
    int64_t size = v->dim[depth].size, stride = stride_of(p->f, p->f->ops.data[v->id].axes, v->dim[depth].axis);
    bool row = depth + 1 == v->rank, cut = size > SHOWN_WHOLE;
    fputc('[', p->out);
    for (int64_t i = 0; i < size; i++) {
        if (cut && i == SHOWN_FIRST) {
            i = size - SHOWN_LAST;
            fprintf(p->out, ",\n%*s... %lld more ...", (int)depth + 1, "", (long long)(i - SHOWN_FIRST));
        }
        bool wraps = row ? (i % SHOWN_ROW == 0 && size > SHOWN_ROW) || (cut && i == size - SHOWN_LAST) : true;
        if (i) fprintf(p->out, wraps ? ",\n%*s" : ", ", (int)depth + 1, "");
        print_array(p, v, depth + 1, data + i * stride, type);
    }
    fputc(']', p->out);
}

static void print_value(Printer *p, const Value *v) {
    const char *open = v->kind == VALUE_RECORD ? "{" : "[", *close = v->kind == VALUE_RECORD ? "}" : "]";
    switch (v->kind) {
    case VALUE_NUMBER: print_number(p, v->number, v->type); break;
    case VALUE_LABEL: fputs(label_text(v), p->out); break;
    case VALUE_TENSOR: print_array(p, v, 0, (p->next++)->data, v->type); break;
    default:
        fputs(open, p->out);
        for (uint32_t i = 0; i < v->count; i++) {
            if (i) fputs(", ", p->out);
            if (v->kind == VALUE_RECORD) fprintf(p->out, "%s: ", record_field_name(v, i));
            print_value(p, &v->items[i]);
        }
        fputs(close, p->out);
    }
    bool number = v->kind == VALUE_NUMBER || v->kind == VALUE_TENSOR;
    if (number && v->unit) fprintf(p->out, " %s", unit_text(p->e, v->unit));
}

static void expression_eval(Elab *e, const EvalRequest *request, const char *text, const EvalSetting **variables,
                            uint32_t count) {
    size_t errors = e->sink->errors;
    HirDecl *decl = expression_read(e, text);
    if (!decl) return;
    const char **names = ARENA_ARRAY(e->arena, const char *, count + 1);
    for (uint32_t i = 0; i < count; i++)
        names[i] = ast_intern(e->arena, variables[i]->name, strlen(variables[i]->name));
    hir_resolve_expression(e->hir, decl, names, count);
    if (e->sink->errors != errors) return;
    ProgramFit counts = {.name = "eval", .vectors = 1};
    FitState state = {.decl = decl, .out = &counts};
    Context *c = context_new(e, "eval", &state, request->truth ? PARAMS_TRUTH : PARAMS_START, false, NULL);
    Path path = {NULL, decl->node, 0};
    Frame frame = {.decl = decl, .path = &path};
    e->frame = &frame;
    for (uint32_t i = 0; i < count; i++) {
        Span span = decl->node->name_span;
        bool whole = variables[i]->whole;
        local_push(e, names[i], whole ? value_int(variables[i]->value, span) : value_number(variables[i]->value, span));
    }
    Value v = value_scalar(elab_expr(e, decl->node->kids[0]));
    bool good = value_collect(e, &v) && function_check(e, request, c->f, decl->node->kids[0]);
    e->frame = NULL;
    if (good && c->truth_missing) {
        elab_error(e, DIAG_E0410, decl->node->kids[0]->span, "not every parameter that this needs has a truth");
        diag_help(e->sink, "leave out --truth, or give the others: --set NAME=VALUE");
    }
    if (!good || e->sink->errors != errors) return;
    Printer printer = {e, request->out, c->f, function_run(e, request, c->f)};
    fprintf(request->out, "%s = ", text);
    print_value(&printer, &v);
    fputc('\n', request->out);
}

void eval_all(Elab *e, const EvalRequest *request) {
    size_t errors = e->sink->errors;
    const EvalSetting **variables = ARENA_ARRAY(e->arena, const EvalSetting *, request->setting_count + 1);
    uint32_t count = settings_apply(e, request, variables);
    if (e->sink->errors != errors) return;
    for (size_t i = 0; i < request->count; i++) expression_eval(e, request, request->expressions[i], variables, count);
}
