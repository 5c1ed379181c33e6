/* Reads the command line by the tables options.def, commands.def, emit.def and passes.def, which also make --help. */
#include "driver/options.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "diag/diag.h"

typedef enum OptionId {
#define OPTION(id, name, argument, help) OPTION_##id,
#include "driver/options.def"
#undef OPTION
    OPTION_COUNT
} OptionId;

typedef struct NamedText {
    const char *name, *argument, *help;
} NamedText;

static const NamedText option_table[] = {
#define OPTION(id, name, argument, help) {name, argument, help},
#include "driver/options.def"
#undef OPTION
};
static const NamedText command_table[] = {
#define COMMAND(id, name, arguments, help) {name, arguments, help},
#include "driver/commands.def"
#undef COMMAND
};
static const NamedText form_table[] = {
#define FORM(id, name, help) {name, NULL, help},
#include "driver/emit.def"
#undef FORM
};
#define COUNT(table) (sizeof(table) / sizeof *(table))
_Static_assert(COUNT(option_table) == OPTION_COUNT, "one row a flag");
_Static_assert(COUNT(form_table) == EMIT_FORM_COUNT, "one row a form");

static void help_rows(FILE *out, const char *title, const NamedText *rows, size_t count) {
    fprintf(out, "\n%s\n", title);
    for (size_t i = 0; i < count; i++) {
        const char *argument = rows[i].argument ? rows[i].argument : "";
        const char *join = !*argument ? "" : rows[i].name[0] == '-' && rows[i].name[1] != '-' ? " " : "=";
        if (rows[i].argument && (rows[i].name[0] != '-')) join = " ";
        if (!strcmp(rows[i].name, "-march")) join = "=";
        if (!strcmp(rows[i].name, "-O")) join = "";
        char left[64];
        snprintf(left, sizeof left, "%s%s%s", rows[i].name, join, argument);
        fprintf(out, "  %-26s %s\n", left, rows[i].help);
    }
}

void options_help(FILE *out) {
    fputs(
        "qtmc: compiles a physics model in the .qtm language to an executable that draws events, fits and reports.\n\n"
        "  qtmc build model.qtm -o model      then: ./model --help\n"
        "  qtmc check model.qtm               or: qtmc check FOLDER\n"
        "  qtmc fmt model.qtm\n"
        "  qtmc --emit=FORM model.qtm [-o FILE]\n",
        out);
    help_rows(out, "Commands:", command_table, COUNT(command_table));
    help_rows(out, "Flags:", option_table, COUNT(option_table));
    help_rows(out, "Forms for --emit:", form_table, COUNT(form_table));
    fputs("\nPasses, in order, for --print-after and --stop-after:\n", out);
    for (PassId id = 0; id < PASS_COUNT; id++) fprintf(out, "  %-26s %s\n", pass_name(id), pass_help(id));
    fputs("\nExit status: 0 done, 1 an error in the model or the files, 2 wrong usage.\n", out);
}

static bool complain(const char *what, const char *word, const char *const *candidates, size_t count) {
    const char *nearest = diag_nearest(word, candidates, count);
    fprintf(stderr, "qtmc: unknown %s '%s'", what, word);
    if (nearest) fprintf(stderr, "; did you mean '%s'?", nearest);
    fputs(nearest ? "\n" : "; qtmc --help lists them\n", stderr);
    return false;
}

/* Index of `word` in a table, or -1 after a message. */
static int find_name(const char *what, const char *word, const NamedText *rows, size_t count) {
    const char *names[64];
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(rows[i].name, word)) return (int)i;
        names[i] = rows[i].name;
    }
    complain(what, word, names, count);
    return -1;
}

static bool parse_pass(const char *word, PassId *pass) {
    const char *names[PASS_COUNT];
    for (PassId id = 0; id < PASS_COUNT; id++) {
        names[id] = pass_name(id);
        if (!strcmp(names[id], word)) {
            *pass = id;
            return true;
        }
    }
    return complain("pass", word, names, PASS_COUNT);
}

static bool parse_size(Options *options, Arena *arena, const char *text) {
    const char *equals = strchr(text, '=');
    char *end = NULL;
    errno = 0;
    long long value = equals ? strtoll(equals + 1, &end, 10) : 0;
    if (!equals || equals == text || end == equals + 1 || *end || errno) {
        fprintf(stderr, "qtmc: -D wants NAME=INTEGER, got '%s'\n", text);
        return false;
    }
    SizeOverride size = {arena_string(arena, text, (size_t)(equals - text)), value, false};
    VEC_PUSH(arena, &options->sizes, size);
    return true;
}

static bool parse_setting(Options *options, Arena *arena, const char *text) {
    const char *equals = strchr(text, '=');
    char *end = NULL;
    double value = equals ? strtod(equals + 1, &end) : 0;
    if (!equals || equals == text || end == equals + 1 || *end || !isfinite(value)) {
        fprintf(stderr, "qtmc: --set wants NAME=NUMBER, got '%s'\n", text);
        return false;
    }
    EvalSetting setting = {arena_string(arena, text, (size_t)(equals - text)), value, !strpbrk(equals, ".eEnNiIxX")};
    VEC_PUSH(arena, &options->settings, setting);
    return true;
}

static bool parse_seed(const char *text, int64_t *seed) {
    char *end;
    errno = 0;
    *seed = strtoll(text, &end, 10);
    if (end != text && !*end && !errno && *seed >= 0) return true;
    fprintf(stderr, "qtmc: --seed wants a whole number from 0 on, got '%s'\n", text);
    return false;
}

static bool parse_folder(Options *options, Arena *arena, const char *path) {
    struct stat status;
    if (!stat(path, &status) && S_ISDIR(status.st_mode)) {
        VEC_PUSH(arena, &options->folders, path);
        return true;
    }
    fprintf(stderr, "qtmc: -I wants a folder, got '%s'\n", path);
    return false;
}

static bool refuse(const char *flag, const char *wanted, const char *value) {
    fprintf(stderr, "qtmc: %s wants %s, got '%s'\n", flag, wanted, value);
    return false;
}

static bool apply(Options *options, Arena *arena, OptionId id, const char *value) {
    switch (id) {
    case OPTION_OUTPUT: options->output = value; return true;
    case OPTION_DEFINE: return parse_size(options, arena, value);
    case OPTION_INCLUDE: return parse_folder(options, arena, value);
    case OPTION_LEVEL:
        if (strlen(value) != 1 || *value < '0' || *value > '3') return refuse("-O", "0, 1, 2 or 3", value);
        options->level = *value - '0';
        return true;
    case OPTION_MARCH: options->march = strcmp(value, "native") ? value : NULL; return true;
    case OPTION_MULTI_TARGET: options->multi_target = true; return true;
    case OPTION_EMIT: {
        int form = find_name("form", value, form_table, COUNT(form_table));
        if (form < 0) return false;
        options->form = (EmitForm)form;
        options->command = COMMAND_EMIT;
        return true;
    }
    case OPTION_PRINT_AFTER: return parse_pass(value, &options->control.print_after);
    case OPTION_STOP_AFTER: return parse_pass(value, &options->control.stop_after);
    case OPTION_VERIFY_EACH: options->control.verify_each = true; return true;
    case OPTION_REPORT:
        options->report_memory |= !strcmp(value, "memory");
        options->report_schedule |= !strcmp(value, "schedule");
        return !strcmp(value, "memory") || !strcmp(value, "schedule") ||
               refuse("--report", "memory or schedule", value);
    case OPTION_TIME_PASSES: options->control.time_passes = true; return true;
    case OPTION_MESSAGE_FORMAT:
        options->messages->json = !strcmp(value, "json");
        return options->messages->json || !strcmp(value, "human") || refuse("--message-format", "human or json", value);
    case OPTION_COLOR:
        options->messages->colour = !strcmp(value, "always")  ? COLOUR_ALWAYS
                                    : !strcmp(value, "never") ? COLOUR_NEVER
                                                              : COLOUR_AUTO;
        return options->messages->colour || !strcmp(value, "auto") || refuse("--color", "auto, always or never", value);
    case OPTION_CHECK: options->check = true; return true;
    case OPTION_JSON: options->as_json = true; return true;
    case OPTION_STDOUT: options->to_stdout = true; return true;
    case OPTION_TRUTH: options->truth = true; return true;
    case OPTION_SET: return parse_setting(options, arena, value);
    case OPTION_SEED: return parse_seed(value, &options->seed);
    case OPTION_HELP: options->command = COMMAND_HELP; return true;
    case OPTION_VERSION: options->command = COMMAND_VERSION; return true;
    case OPTION_COUNT: break;
    }
    return false;
}

/* Finds the flag that `word` is, and its argument where it is attached. -1 when it is none. */
static int match_flag(const char *word, const char **attached) {
    *attached = NULL;
    for (int i = 0; i < OPTION_COUNT; i++) {
        size_t length = strlen(option_table[i].name);
        if (!strcmp(word, option_table[i].name)) return i;
        if (strncmp(word, option_table[i].name, length) != 0) continue;
        if (length == 2) {
            *attached = word + length;
            return i;
        }
        if (word[length] == '=') {
            *attached = word + length + 1;
            return i;
        }
    }
    return -1;
}

static bool parse_flag(Options *options, Arena *arena, int argc, char **argv, int *at) {
    const char *word = argv[*at], *value;
    int id = match_flag(word, &value);
    if (id < 0) {
        const char *names[OPTION_COUNT], *equals = strchr(word, '=');
        for (int i = 0; i < OPTION_COUNT; i++) names[i] = option_table[i].name;
        const char *name = equals ? arena_string(arena, word, (size_t)(equals - word)) : word;
        return complain("flag", name, names, OPTION_COUNT);
    }
    const NamedText *row = &option_table[id];
    if (row->argument && !value) {
        if (*at + 1 >= argc) {
            fprintf(stderr, "qtmc: %s wants an argument: %s\n", row->name, row->argument);
            return false;
        }
        value = argv[++*at];
    }
    if (!row->argument && value) {
        fprintf(stderr, "qtmc: %s takes no argument\n", row->name);
        return false;
    }
    return apply(options, arena, (OptionId)id, value ? value : "");
}

static bool same_file(const char *a, const char *b) {
    struct stat left, right;
    return !stat(a, &left) && !stat(b, &right) && left.st_dev == right.st_dev && left.st_ino == right.st_ino;
}

/* What one command takes and no other. */
static bool check_own(const Options *options) {
    bool fmt = options->command == COMMAND_FMT;
    const char *wrong = NULL;
    if (!fmt && (options->check || options->to_stdout))
        wrong = options->check ? "--check belongs to qtmc fmt; to look for errors: qtmc check model.qtm"
                               : "--stdout belongs to qtmc fmt";
    else if (fmt && options->output)
        wrong = "fmt takes no -o; --stdout prints the result";
    else if (fmt && options->check && options->to_stdout)
        wrong = "fmt takes --check or --stdout, not both";
    else if (options->multi_target && options->command != COMMAND_BUILD)
        wrong = "--multi-target belongs to qtmc build";
    else if (options->multi_target && options->march)
        wrong = "--multi-target compiles for several processors, -march for one: give one of them";
    else if (options->as_json && options->command != COMMAND_INFO)
        wrong = "--json belongs to qtmc info; messages as JSON: --message-format=json";
    else if (options->command == COMMAND_INFO && options->output)
        wrong = "info prints to standard output; drop -o";
    else if (options->command != COMMAND_EVAL && (options->truth || options->settings.count || options->seed >= 0))
        wrong = options->truth            ? "--truth belongs to qtmc eval"
                : options->settings.count ? "--set belongs to qtmc eval; sizes of a model: -D NAME=VALUE"
                                          : "--seed belongs to qtmc eval, and to the executables that qtmc builds";
    else if (options->command == COMMAND_EVAL && options->output)
        wrong = "eval prints to standard output; drop -o";
    if (wrong) fprintf(stderr, "qtmc: %s\n", wrong);
    return !wrong;
}

static bool check_usage(const Options *options) {
    if (options->command == COMMAND_HELP || options->command == COMMAND_VERSION) return true;
    if (!check_own(options)) return false;
    if (options->messages->json && options->command != COMMAND_BUILD && options->command != COMMAND_CHECK) {
        fputs("qtmc: --message-format=json is for build and check\n", stderr);
        return false;
    }
    if (options->command == COMMAND_EXPLAIN) return true;
    if (!options->files.count) {
        fputs("qtmc: no model given; usage: qtmc build model.qtm -o model\n", stderr);
        return false;
    }
    if (options->command == COMMAND_EVAL && options->files.count < 2) {
        fputs("qtmc: eval wants an expression: qtmc eval model.qtm \"u(0.3)\"\n", stderr);
        return false;
    }
    if (options->command != COMMAND_EVAL && options->command != COMMAND_CHECK && options->command != COMMAND_FMT &&
        options->command != COMMAND_DOC && options->files.count > 1) {
        fprintf(stderr, "qtmc: one model at a time: '%s' is one too many\n", options->files.data[1]);
        return false;
    }
    if (options->command == COMMAND_BUILD && !options->output) {
        fputs("qtmc: build needs -o OUT, the executable to write\n", stderr);
        return false;
    }
    if (options->output && options->command != COMMAND_DOC && same_file(options->output, options->files.data[0])) {
        fprintf(stderr, "qtmc: -o %s would overwrite the model; give the result another name\n", options->output);
        return false;
    }
    if (options->command == COMMAND_EMIT && options->form == EMIT_OBJ && !options->output) {
        fputs("qtmc: --emit=obj needs -o FILE\n", stderr);
        return false;
    }
    if (options->command == COMMAND_CHECK && options->output) {
        fputs("qtmc: check writes no file; drop -o\n", stderr);
        return false;
    }
    return true;
}

/* The command is the first word that is no flag, unless a flag was one (--emit, --help, --version). */
static bool settle_command(Options *options) {
    if (options->command >= COMMAND_EMIT) return true;
    if (!options->files.count) {
        fputs("qtmc: no command; qtmc --help lists them\n", stderr);
        return false;
    }
    int command = find_name("command", options->files.data[0], command_table, COUNT(command_table));
    if (command < 0) return false;
    options->command = (Command)command;
    options->files.data++;
    options->files.count--;
    options->files.capacity--;
    return true;
}

bool options_parse(Options *options, Arena *arena, int argc, char **argv) {
    *options = (Options){.level = 3, .seed = -1, .control = {.print_after = PASS_COUNT, .stop_after = PASS_COUNT}};
    options->messages = ARENA_NEW(arena, Messages);
    if (argc < 2) {
        options_help(stderr);
        return false;
    }
    bool flags_end = false;
    for (int i = 1; i < argc; i++) {
        bool flag = !flags_end && argv[i][0] == '-' && argv[i][1];
        if (flag && !strcmp(argv[i], "--"))
            flags_end = true;
        else if (flag) {
            if (!parse_flag(options, arena, argc, argv, &i)) return false;
        } else
            VEC_PUSH(arena, &options->files, argv[i]);
    }
    return settle_command(options) && check_usage(options);
}
