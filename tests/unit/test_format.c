/* The formatter's own guard, which cannot be reached from outside as long as the formatter is right: what counts as the
 * same model. And the tree of a text before and after. */
#include <criterion/criterion.h>
#include <string.h>

#include "lang/format.h"

typedef struct Read {
    Arena arena;
    SourceSet sources;
    DiagSink sink;
    uint32_t file;
    AstNode *tree;
    FormatList list;
} Read;

static void read_start(Read *read, const char *text) {
    *read = (Read){0};
    read->sink.sources = &read->sources;
    read->file = source_add(&read->sources, "model.qtm", text, strlen(text));
    read->tree = ast_parse(&read->arena, &read->sources, read->file, &read->sink);
    cr_assert_eq(read->sink.errors, 0, "%s", text);
    format_read(&read->list, &read->arena, &read->sources, read->file);
}

static void read_end(Read *read) {
    arena_free(&read->arena);
    diag_free(&read->sink);
    source_free(&read->sources);
}

/* Whether two texts are the same: bit 0 by tokens, lines and comments, bit 1 by tree. The line of the difference. */
static int same(const char *left, const char *right, uint32_t *line) {
    Read a, b;
    read_start(&a, left);
    read_start(&b, right);
    *line = 0;
    int result = format_same(&a.list, &b.list, line) | format_same_tree(a.tree, b.tree) << 1;
    read_end(&a);
    read_end(&b);
    return result;
}

Test(format, blanks_are_no_difference) {
    uint32_t line;
    cr_assert_eq(same("fun f(x)=x # c\n\n\nfun g(x)=f( x )", "fun f(x) = x  # c  \n\nfun g(x) = f(x)\n", &line), 3);
}

Test(format, differences_are_seen) {
    static const char first[] = "fun f(x) = x  # c\n";
    static const struct {
        const char *left, *right;
        int same;
        uint32_t line;
    } cases[] = {
        {"fun g(x) = x # c", "fun g(x) = y # c", 0, 2},
        {"fun g(x) = x # c", "fun g(x) = x # d", 2, 2},
        {"fun g(x) = x # c", "fun g(x) = x", 2, 2},
        {"fun g(x) = x\n# c", "fun g(x) = x # c", 2, 2},
        {"fun g(x) =\nx", "fun g(x) = x", 2, 2},
        {"\nfun g(x) = x", "fun g(x) = x", 2, 3},
        {"## a\nfun g(x) = x", "## b\nfun g(x) = x", 0, 2},
        {"## a\nfun g(x) = x", "# a\nfun g(x) = x", 0, 2},
        {"fun g(x) = { let a = 1\n-x }", "fun g(x) = { let a = 1 -x\nx }", 0, 2},
        {"fun g(x) = x\nfun h(x) = x", "fun g(x) = x", 0, 0},
        {"const a = 1", "const a = 1.0", 0, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char left[128], right[128];
        uint32_t line;
        snprintf(left, sizeof left, "%s%s\n", first, cases[i].left);
        snprintf(right, sizeof right, "%s%s\n", first, cases[i].right);
        cr_expect_eq(same(left, right, &line), cases[i].same, "case %zu", i);
        cr_expect_eq(line, cases[i].line, "case %zu: line %u", i, line);
    }
}

Test(format, tree_stays) {
    static const char text[] = "## doc\nfun f( x )=-x^ -2|>g\nparam a[q] in(0,1]truth 27.5 GeV\n"
                               "fit t { let b=draw E { x~f,\n y ~ g } minimize -b over params using adam }";
    Read before, after;
    FormatText result;
    read_start(&before, text);
    cr_assert_eq(format_text(&before.arena, &before.sources, before.file, &before.sink, &result), FORMAT_DONE);
    cr_assert_str_eq(result.text, "## doc\nfun f(x) = -x^-2 |> g\nparam a[q] in (0, 1] truth 27.5 GeV\n"
                                  "fit t { let b = draw E { x ~ f,\n                         y ~ g }  "
                                  "minimize -b over params using adam }\n");
    read_start(&after, result.text);
    cr_assert(format_same_tree(before.tree, after.tree));
    read_end(&before);
    read_end(&after);
}
