/* The front end: sources, messages, tokens, tree. Texts are given inline; expected forms are whole, so that a change of
 * any of them shows here. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

#include "lang/ast.h"
#include "lang/lexer.h"

typedef struct Front {
    Arena arena;
    SourceSet sources;
    DiagSink sink;
    AstNode *module;
} Front;

static void front_read(Front *front, const char *text, size_t length) {
    *front = (Front){0};
    front->sink.sources = &front->sources;
    uint32_t file = source_add(&front->sources, "model.qtm", text, length);
    front->module = ast_parse(&front->arena, &front->sources, file, &front->sink);
}

static void front_free(Front *front) {
    arena_free(&front->arena);
    diag_free(&front->sink);
    source_free(&front->sources);
}

/* The messages of `text` in the form a person sees; to be freed. */
static char *front_messages(const char *text) {
    Front front;
    char *out = NULL;
    size_t size = 0;
    front_read(&front, text, strlen(text));
    FILE *stream = open_memstream(&out, &size);
    diag_render(&front.sink, stream, false);
    fclose(stream);
    front_free(&front);
    return out;
}

/* The value of `const a = TEXT` as nested brackets; to be freed. */
static void shape_print(FILE *out, const AstNode *node) {
    if (!node) {
        fputs("-", out);
        return;
    }
    fputc('(', out);
    fputs(node->kind == AST_BINARY || node->kind == AST_UNARY ? ast_op_text(node->op) : ast_kind_name(node->kind), out);
    if (node->name) fprintf(out, " %s", node->name);
    if (node->kind == AST_NUMBER) fprintf(out, " %g", node->number);
    for (uint32_t i = 0; i < node->count; i++) {
        fputc(' ', out);
        shape_print(out, node->kids[i]);
    }
    fputc(')', out);
}

static char *front_shape(const char *text) {
    Front front;
    char *out = NULL, model[256];
    size_t size = 0;
    snprintf(model, sizeof model, "const a = %s\n", text);
    front_read(&front, model, strlen(model));
    FILE *stream = open_memstream(&out, &size);
    cr_assert(front.sink.errors == 0, "'%s' has syntax errors", text);
    shape_print(stream, front.module->kids[0]->kids[0]);
    fclose(stream);
    front_free(&front);
    return out;
}

static void shapes_equal(const char *left, const char *right) {
    char *a = front_shape(left), *b = front_shape(right);
    cr_expect(strcmp(a, b) == 0, "'%s' is read as %s, '%s' as %s", left, a, right, b);
    free(a);
    free(b);
}

Test(front, every_token_is_lexed) {
    for (TokenKind kind = TOKEN_NAME; kind < TOKEN_KIND_COUNT; kind++) {
        const char *text = TOKEN_INFO[kind].text;
        if (kind == TOKEN_LINE_LPAREN || kind == TOKEN_LINE_LBRACK || kind == TOKEN_LINE_MINUS) continue; /* stream */
        if (kind == TOKEN_UNIT_NAME) continue; /* depends on what is before: units_behind_numbers */
        if (kind == TOKEN_NAME) text = "x_1";
        if (kind == TOKEN_NUMBER) text = "1_000.5e-3";
        if (kind == TOKEN_STRING) text = "\"a \\\"b\\\" \\\\ \\n\"";
        SourceSet sources = {0};
        DiagSink sink = {.sources = &sources};
        Arena arena = {0};
        Lexer lexer;
        lexer_start(&lexer, &arena, &sources, source_add(&sources, "t", text, strlen(text)), &sink);
        Token token = lexer_next(&lexer);
        cr_expect(token.kind == kind, "'%s' is lexed as %s", text, TOKEN_INFO[token.kind].name);
        cr_expect(eq(u32, token.span.end, (uint32_t)strlen(text)));
        if (kind == TOKEN_NUMBER) cr_expect(eq(dbl, token.number, 1.0005));
        if (kind == TOKEN_STRING) cr_expect(eq(str, (char *)token.text, "a \"b\" \\ \n"));
        cr_expect(eq(int, lexer_next(&lexer).kind, TOKEN_END));
        cr_expect(eq(sz, sink.errors, 0));
        arena_free(&arena);
        diag_free(&sink);
        source_free(&sources);
    }
}

Test(front, lines_columns_and_spans) {
    Front front;
    const char *text = "# caf\xC3\xA9 \xC3\xA9\nconst \tabc = 1\n\n  fun f(x) = abc";
    front_read(&front, text, strlen(text));
    const SourceFile *file = source_file(&front.sources, 1);
    cr_assert(eq(sz, front.sink.errors, 0));
    cr_assert(eq(u32, front.module->count, 2));
    const AstNode *one = front.module->kids[0], *two = front.module->kids[1];
    uint32_t line, column;
    source_position(file, one->name_span.begin, &line, &column);
    cr_expect(eq(u32, line, 2));
    cr_expect(eq(u32, column, 8));
    source_position(file, two->span.begin, &line, &column);
    cr_expect(eq(u32, line, 4));
    cr_expect(eq(u32, column, 3));
    cr_expect(eq(u32, two->span.end, (uint32_t)strlen(text)));
    cr_expect(one->name == two->kids[2]->name, "equal names are one pointer");
    source_position(file, 8, &line, &column); /* behind the two-byte character of the remark */
    cr_expect(eq(u32, column, 8));
    cr_expect(source_file(&front.sources, 0) == NULL);
    Span joined = span_join((Span){0}, one->span);
    cr_expect(eq(u32, joined.end, one->span.end));
    front_free(&front);
}

Test(front, printed_tree) {
    const char *text =
        "## A small model.\n"
        "use std.nn\n"
        "param a in (-1, 1) truth 0.1\n"
        "## twice\n##   over\n"
        "fun f(x, w[m], e : Pair) -> [m] = g(e.x, n = 2) |> h\n"
        "layer dense(x[n], m) -> [m] { weight W[m, n] ~ kaiming(n)  weight c[m] = 0\n  W @ x + c }\n"
        "fit one {\n"
        "  let s = draw Pair { x ~ u by exact, y ~ v }\n"
        "  minimize mean(s for e in batch 10 of d) over params, net using adam(1e-3) every 2 shared by ring\n"
        "  stop after 1_000 steps\n}\n";
    const char *expected =
        "module doc \"A small model.\"\n"
        "  use std.nn\n"
        "  param a\n    domain\n      unary -\n        number 1\n      number 1\n    -\n    -\n    number 0.1\n"
        "  fun f doc \"twice\\n  over\"\n"
        "    list\n      arg x\n      arg w\n        list\n          name m\n"
        "      arg e\n        -\n        name Pair\n"
        "    shape\n      name m\n"
        "    pipe\n      call\n        name g\n        field x\n          name e\n        named n\n          number "
        "2\n      name h\n"
        "  layer dense\n"
        "    list\n      arg x\n        list\n          name n\n      arg m\n"
        "    shape\n      name m\n"
        "    list\n      weight W ~\n        list\n          name m\n          name n\n        call\n          name "
        "kaiming\n          name n\n"
        "      weight c =\n        list\n          name m\n        number 0\n"
        "    binary +\n      binary @\n        name W\n        name x\n      name c\n"
        "  fit one\n    list\n"
        "      let s\n        draw\n          name Pair\n          list\n            draw field x\n              name "
        "u\n              name exact\n"
        "            draw field y\n              name v\n"
        "      minimize\n        call\n          name mean\n          comprehend e\n            name s\n            "
        "batch of\n              number 10\n              name d\n"
        "        list\n          name params\n          name net\n        call\n          name adam\n          number "
        "0.001\n        number 2\n        exchange ring\n"
        "      stop\n        number 1000\n";
    Front front;
    char *out = NULL;
    size_t size = 0;
    front_read(&front, text, strlen(text));
    FILE *stream = open_memstream(&out, &size);
    ast_print(stream, front.module);
    fclose(stream);
    cr_expect(eq(sz, front.sink.errors, 0));
    cr_expect(eq(str, out, (char *)expected));
    free(out);
    front_free(&front);
}

Test(front, precedence) {
    shapes_equal("-x^2", "-(x^2)");
    shapes_equal("2^-x^2", "2^(-(x^2))");
    shapes_equal("x^y^z", "x^(y^z)");
    shapes_equal("a - b - c", "(a - b) - c");
    shapes_equal("a - b * c / d @ e", "a - (((b * c) / d) @ e)");
    shapes_equal("-a * b", "(-a) * b");
    shapes_equal("-e.y[1]", "-((e.y)[1])");
    shapes_equal("a + 1 < b * 2 and not c == d or e", "(((a + 1) < (b * 2)) and (not (c == d))) or e");
    shapes_equal("a + b |> f |> g(1)", "((a + b) |> f) |> g(1)");
    shapes_equal("if c then a else b |> f", "if c then a else (b |> f)");
    shapes_equal("if c then a else if d then b else e + 1", "if c then a else (if d then b else (e + 1))");
    shapes_equal("f(x + 1 for e in all of data)", "f((x + 1) for e in all of data)");
    shapes_equal("1_000", "1000");
}

Test(front, units_behind_numbers) {
    shapes_equal("27.5 GeV * x", "(27.5 GeV) * x");
    shapes_equal("10 GeV^2 / 2", "(10 GeV^2) / 2");
    shapes_equal("1 pb/GeV^2", "(1 pb) / (GeV^2)");
    shapes_equal("2^3 GeV", "2^(3 GeV)");
    shapes_equal("5 %", "0.05");
    char *text = front_shape("3 GeV^-2");
    cr_expect(eq(str, text, "(quantity (number 3) (^ (name GeV) (- (number 2))))"));
    free(text);
    text = front_shape("[1 GeV^(1/2), 0\n]");
    cr_expect(eq(str, text, "(array (quantity (number 1) (^ (name GeV) (/ (number 1) (number 2)))) (number 0))"));
    free(text);
}

Test(front, comparisons_chain) {
    shapes_equal("0 < x < 1", "0 < x and x < 1");
    shapes_equal("0 <= x < y == z", "(0 <= x and x < y) and y == z");
    char *grouped = front_shape("(a < b) == c"), *chained = front_shape("a < b == c");
    cr_expect(strcmp(grouped, chained) != 0, "brackets end a chain: %s", grouped);
    free(grouped);
    free(chained);
}

Test(front, start_of_a_line) {
    shapes_equal("f(\n (a)\n -b, [1,\n [2]])", "f((a) - b, [1, [2]])");
    shapes_equal("a +\n  b\n  * c", "a + b * c");
    shapes_equal("{ let b = c\n -b }", "{ let b = (c)\n (-b) }");
    shapes_equal("{ let b = c\n [b, 1] }", "{ let b = (c)\n [b, 1] }");
    shapes_equal("f({ let b = c\n (b) })", "f({ let b = (c) b })");
    char *out = front_messages("const a = b\n  (c)\n");
    cr_expect(strstr(out, "model.qtm:2:3: error[E0101]") != NULL);
    free(out);
}

Test(front, soft_words_are_names) {
    Front front;
    const char *text = "param data in (0, 1) start start truth truth\n"
                       "fun f(params, step, normal) = (params - truth) * size + events.steps\n"
                       "fit one { vectors vectors events events monitor over = over stop after steps steps }\n";
    front_read(&front, text, strlen(text));
    cr_expect(eq(sz, front.sink.errors, 0));
    cr_expect(eq(u32, front.module->count, 3));
    front_free(&front);
}

Test(front, doc_comments) {
    Front front;
    const char *text = "## The module.\n## Second line.\n\n# remark\n## of a\n# between\nconst a = 1\n\nconst b = 2 ## "
                       "no doc\nconst c = 3\n";
    front_read(&front, text, strlen(text));
    cr_expect(eq(str, (char *)front.module->doc, "The module.\nSecond line."));
    cr_expect(eq(str, (char *)front.module->kids[0]->doc, "of a"));
    cr_expect(front.module->kids[1]->doc == NULL);
    cr_expect(front.module->kids[2]->doc == NULL);
    front_free(&front);
}

Test(front, tree_after_an_error) {
    Front front;
    const char *text = "const a = (1 +) * 2\nfun f(x y\nconst c = 3\n";
    front_read(&front, text, strlen(text));
    cr_expect(eq(sz, front.sink.errors, 2));
    cr_expect(eq(int, front.module->kids[0]->kids[0]->kids[0]->kind, AST_POISON));
    const AstNode *last = front.module->kids[front.module->count - 1];
    cr_expect(eq(str, (char *)last->name, "c"));
    front_free(&front);
}

Test(front, errors_are_limited) {
    Front front;
    size_t length = 400000;
    char *text = malloc(length);
    for (size_t i = 0; i < length; i++) text[i] = ")]}$"[i % 4];
    front_read(&front, text, length);
    cr_expect(le(sz, front.sink.errors, STREAM_ERRORS));
    cr_expect(gt(sz, front.sink.errors, 0));
    free(text);
    front_free(&front);
}

Test(front, rendered_messages) {
    char *out = front_messages("## d\xC3\xA9tector\nfun f(x) =\t(x + 1\nfun g(x) = x $ 1 # \xC3\xA9\n");
    cr_expect(eq(str, out,
                 "model.qtm:2:17: error[E0107]: expected ')' after this, to close the '('\n"
                 "    2 | fun f(x) =  (x + 1\n"
                 "      |                  ^\n"
                 "model.qtm:2:12: note: the '(' is opened here\n"
                 "    2 | fun f(x) =  (x + 1\n"
                 "      |             ^\n"
                 "help: 'fun' cannot stand inside the brackets; close them before it\n"
                 "model.qtm:3:14: error[E0102]: '$' has no meaning here\n"
                 "    3 | fun g(x) = x $ 1 # \xC3\xA9\n"
                 "      |              ^\n"
                 "help: leave it out\n"));
    free(out);
}

Test(front, rendering_sorts_and_drops_duplicates) {
    SourceSet sources = {0};
    DiagSink sink = {.sources = &sources};
    char text[400], *out = NULL;
    size_t size = 0;
    memset(text, 'x', sizeof text);
    memcpy(text, "ab\n", 3);
    uint32_t file = source_add(&sources, "long.qtm", text, sizeof text);
    diag_report(&sink, DIAG_W0501, (Span){file, 300, 303}, "later");
    diag_report(&sink, DIAG_E0201, (Span){file, 0, 2}, "first");
    diag_report(&sink, DIAG_E0201, (Span){file, 0, 2}, "first");
    diag_report(&sink, DIAG_E0001, (Span){0}, "nowhere");
    FILE *stream = open_memstream(&out, &size);
    diag_render(&sink, stream, false);
    fclose(stream);
    char expected[1024], dots[101];
    memset(dots, 'x', 100);
    dots[100] = '\0';
    snprintf(expected, sizeof expected,
             "qtmc: error[E0001]: nowhere\n"
             "long.qtm:1:1: error[E0201]: first\n    1 | ab\n      | ^^\n"
             "long.qtm:2:298: warning[W0501]: later\n    2 | ...%s...\n      | %63s^^^\n",
             dots, "");
    cr_expect(eq(str, out, expected));
    cr_expect(eq(sz, sink.errors, 3));
    cr_expect(eq(sz, sink.warnings, 1));
    free(out);
    diag_free(&sink);
    source_free(&sources);
}

/* What a message proposes must itself be right. */
Test(front, proposed_forms_parse) {
    static const char *const forms[] = {
#define FORM(token, text) text,
#define ITEM(token, text) "fit f {\n" text "\n}",
#include "lang/forms.def"
#undef ITEM
#undef FORM
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        char *said = front_messages(forms[i]);
        cr_expect_str_empty(said, "%s:\n%s", forms[i], said);
        free(said);
    }
}

Test(front, every_declaration_has_a_form) {
    static const bool has[TOKEN_KIND_COUNT] = {
#define FORM(token, text) [TOKEN_##token] = true,
#define ITEM FORM
#include "lang/forms.def"
#undef ITEM
#undef FORM
    };
    for (TokenKind kind = 0; kind < TOKEN_KIND_COUNT; kind++)
        if (TOKEN_INFO[kind].role == ROLE_DECLARATION)
            cr_expect(has[kind], "forms.def has no %s", TOKEN_INFO[kind].text);
}

Test(front, nearest_name) {
    const char *const names[] = {"N_u", "a_u", "leaky_relu", "sigma1", "sigma2"};
    cr_expect(eq(str, (char *)diag_nearest("leaky_rleu", names, 5), "leaky_relu"));
    cr_expect(eq(str, (char *)diag_nearest("simga2", names, 5), "sigma2"));
    cr_expect(eq(str, (char *)diag_nearest("N_v", names, 5), "N_u"));
    cr_expect(diag_nearest("x", names, 5) == NULL);
    cr_expect(diag_nearest("unrelated", names, 5) == NULL);
    cr_expect(diag_nearest("N_u", names, 0) == NULL);
}

Test(front, files_that_cannot_be_read) {
    SourceSet sources = {0};
    const char *reason = NULL;
    cr_expect(eq(u32, source_read(&sources, "/nonexistent/model.qtm", &reason), 0));
    cr_expect(eq(str, (char *)reason, "no such file"));
    cr_expect(eq(u32, source_read(&sources, "/", &reason), 0));
    cr_expect(eq(str, (char *)reason, "it is a directory"));
    source_free(&sources);
}
