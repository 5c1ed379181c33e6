/* qtmc doc: what modules declare, as Markdown: a module's own text, then every public declaration with its head as it
 * would be formatted and its "##" lines. Only syntax is read, so a module is documented whatever it uses. A word is a
 * file or folder that exists, else the name of a module of the library or of the search path. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "driver/files.h"
#include "driver/output.h"
#include "driver/session.h"
#include "hir/hir.h"
#include "lang/excerpt.h"
#include "lang/format.h"

typedef struct Page {
    const char *name; /* of the module */
    const char *path;
} Page;

typedef struct Book {
    Session *session;
    const Options *options;
    VEC(Page) pages;
} Book;

/* Lines of a doc text that start with two blanks are formulas: they stand as they are. */
static void print_doc(FILE *out, const char *doc) {
    bool code = false;
    while (doc && *doc) {
        size_t length = strcspn(doc, "\n");
        bool indented = length > 2 && doc[0] == ' ' && doc[1] == ' ';
        if (indented != code) fputc('\n', out);
        code = indented;
        fprintf(out, "%s%.*s\n", indented ? "    " : "", (int)length, doc);
        doc += length + (doc[length] == '\n');
    }
}

static void print_declaration(FILE *out, const Book *book, const AstNode *node) {
    const char *head = ast_signature(&book->session->arena, &book->session->sources, node);
    bool member = node->kind == AST_PARAM && node->text;
    fprintf(out, "\n## %s%s%s\n\n    %s\n", node->name, member ? "." : "", member ? node->text : "", head);
    if (!node->doc) return;
    fputc('\n', out);
    print_doc(out, node->doc);
}

static void print_module(FILE *out, const Book *book, const char *name, const AstNode *module) {
    fprintf(out, "# %s\n", name);
    if (module->doc) {
        fputc('\n', out);
        print_doc(out, module->doc);
    }
    const char *join = "\nUses ";
    for (uint32_t i = 0; i < module->count; i++) {
        if (module->kids[i]->kind != AST_USE) continue;
        fprintf(out, "%s%s", join, module->kids[i]->name);
        join = ", ";
    }
    if (*join == ',') fputs(".\n", out);
    for (uint32_t i = 0; i < module->count; i++) {
        const AstNode *node = module->kids[i];
        if (!node->name || node->kind == AST_USE || hir_private(node->name)) continue;
        print_declaration(out, book, node);
    }
}

/* The module's text in its usual layout, read again. NULL after messages. */
static const AstNode *read_module(const Book *book, const char *path) {
    Session *session = book->session;
    FormatText text;
    const char *reason = NULL;
    uint32_t file = source_read(&session->sources, path, &reason);
    if (!file) {
        diag_report(&session->sink, DIAG_E0001, (Span){0}, "cannot read %s: %s", path, reason);
        diag_help(&session->sink, "give a module's name, such as std.nn, or the path of a file or folder");
    } else if (format_text(&session->arena, &session->sources, file, &session->sink, &text) == FORMAT_DONE) {
        file = source_add(&session->sources, path, text.text, text.length);
    }
    const AstNode *module =
        session->sink.errors ? NULL : ast_parse(&session->arena, &session->sources, file, &session->sink);
    bool good = !session->sink.errors;
    session_render(session);
    session->sink.errors = 0;
    return good ? module : NULL;
}

static bool write_page(const Book *book, const Page *page, bool first) {
    Arena *arena = &book->session->arena;
    const AstNode *module = read_module(book, page->path);
    if (!module) return false;
    if (!book->options->output) {
        if (!first) fputc('\n', stdout);
        print_module(stdout, book, page->name, module);
        return true;
    }
    const char *path = arena_format(arena, "%s/%s.md", book->options->output, page->name);
    FILE *out = fopen(path, "w");
    if (!out) {
        fprintf(stderr, "qtmc: cannot write %s: %s\n", path, strerror(errno));
        return false;
    }
    print_module(out, book, page->name, module);
    return output_finish(out, path);
}

/* "std/nn.qtm" is std.nn */
static const char *module_name(Arena *arena, const char *path) {
    size_t length = strlen(path);
    if (length > 4 && !strcmp(path + length - 4, ".qtm")) length -= 4;
    char *name = arena_string(arena, path, length);
    for (char *c = name; *c; c++)
        if (*c == '/') *c = '.';
    return name;
}

static bool add_folder(Book *book, const char *folder) {
    Arena *arena = &book->session->arena;
    FileList list = {0};
    if (!files_add(&list, arena, book->session->messages, folder)) return false;
    size_t skip = strlen(folder);
    for (size_t i = 0; i < list.paths.count; i++) {
        const char *rest = list.paths.data[i] + skip;
        while (*rest == '/') rest++;
        Page page = {module_name(arena, rest), list.paths.data[i]};
        VEC_PUSH(arena, &book->pages, page);
    }
    return true;
}

static bool add_module(Book *book, const char *name) {
    Session *session = book->session;
    Arena *arena = &session->arena;
    const char *folder = strncmp(name, "std.", 4) ? "." : session->pipeline.stdlib;
    char *file = arena_format(arena, "%s.qtm", name);
    for (char *c = file; c < file + strlen(name); c++)
        if (*c == '.') *c = '/';
    const char *path = arena_format(arena, "%s/%s", folder, file);
    for (size_t i = 0; *folder == '.' && !source_exists(path) && i < session->sources.folders.count; i++)
        path = arena_format(arena, "%s/%s", session->sources.folders.data[i], file);
    Page page = {name, path};
    VEC_PUSH(arena, &book->pages, page);
    return true;
}

static bool add_word(Book *book, const char *word) {
    Arena *arena = &book->session->arena;
    struct stat status;
    size_t length = strlen(word);
    bool exists = !stat(word, &status), file = length > 4 && !strcmp(word + length - 4, ".qtm");
    if (exists && S_ISDIR(status.st_mode)) return add_folder(book, word);
    if (!exists && !file && !strchr(word, '/')) return add_module(book, word);
    const char *slash = strrchr(word, '/');
    Page page = {module_name(arena, slash ? slash + 1 : word), word};
    VEC_PUSH(arena, &book->pages, page);
    return true;
}

int command_doc(const Options *options) {
    Session session;
    Book book = {.session = &session, .options = options};
    bool good = true;
    session_start(&session, options);
    for (size_t i = 0; i < options->files.count; i++) good = add_word(&book, options->files.data[i]) && good;
    if (options->output && mkdir(options->output, 0777) && errno != EEXIST) {
        fprintf(stderr, "qtmc: cannot make the folder %s: %s\n", options->output, strerror(errno));
        good = false;
        book.pages.count = 0;
    }
    for (size_t i = 0; i < book.pages.count; i++) good = write_page(&book, &book.pages.data[i], !i) && good;
    if (!output_finish(stdout, "standard output")) good = false;
    session_close(&session);
    return good ? 0 : 1;
}
