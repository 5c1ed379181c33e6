/* Reading the command line. Every value is checked here, so that commands can rely on ranges. Assumes at most
 * NAMES_MAX flags in all, which qtm_arguments_parse checks. */
#include "runtime/core/options.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/core/suggest.h"

#define NAMES_MAX 256
#define THREADS_MAX 4096

enum flag_kind { SWITCH, COUNT, NATURAL, TEXT, DATA };

struct command_row {
    const char *name, *operand;
    int need;
    const char *help;
};
static const struct command_row commands[] = {
#define QTM_COMMAND(id, name, operand, need, help) {name, operand, need, help},
#include "runtime/core/options.def"
};

struct flag_row {
    const char *name;
    size_t offset;
    unsigned commands;
    enum flag_kind kind;
    const char *argument, *help;
};
#define ON(id) (1u << QTM_COMMAND_##id)
static const struct flag_row flags[] = {
#define QTM_FLAG(name, field, where, kind, argument, help)                                                             \
    {name, offsetof(struct qtm_arguments, field), where, kind, argument, help},
#include "runtime/core/options.def"
};
#define FLAG_COUNT (sizeof flags / sizeof *flags)
#define TAKES_MODEL_FLAGS (ON(FIT) | ON(RESUME) | ON(CHECK_GRADIENTS) | ON(DRAW) | ON(IDENTIFY))

/* Is there a flag for every data set of the model? */
static bool takes_data(enum qtm_command command) {
    return command != QTM_COMMAND_DRAW && command != QTM_COMMAND_IDENTIFY;
}

__attribute__((format(printf, 2, 3))) static int fail(struct qtm_arguments *arguments, const char *format, ...) {
    va_list list;
    va_start(list, format);
    vsnprintf(arguments->message, sizeof arguments->message, format, list);
    va_end(list);
    return 2;
}

/* Adds "; did you mean ...?" to the message. */
static int fail_suggest(struct qtm_arguments *arguments, const char *word, const char *prefix, const char *const *names,
                        size_t count) {
    const char *nearest = qtm_suggest_nearest(word, names, count);
    size_t used = strlen(arguments->message);
    if (nearest)
        snprintf(arguments->message + used, sizeof arguments->message - used, "; did you mean '%s%s'?", prefix,
                 nearest);
    return 2;
}

/* Is `word`, up to `length`, this name, - and _ being the same? */
static bool name_matches(const char *word, size_t length, const char *name) {
    if (strlen(name) != length) return false;
    for (size_t i = 0; i < length; i++) {
        char a = word[i] == '_' ? '-' : word[i], b = name[i] == '_' ? '-' : name[i];
        if (a != b) return false;
    }
    return true;
}

/* An integer: digits with _ between them, or a number such as 1e5 that is one. */
static bool integer_read(const char *text, int64_t *value) {
    char digits[64];
    size_t n = 0;
    for (const char *s = text; *s; s++)
        if (*s != '_' && n + 1 < sizeof digits) digits[n++] = *s;
    digits[n] = 0;
    char *end;
    double number = strtod(digits, &end);
    if (end == digits || *end || !(fabs(number) <= 9007199254740992.0) || number != floor(number)) return false;
    *value = (int64_t)number;
    return true;
}

/* NAME=FILE of --data. */
static int data_store(struct qtm_arguments *arguments, const struct qtm_model *model, const char *value) {
    const char *names[NAMES_MAX], *equal = strchr(value, '=');
    char name[64];
    if (!equal || equal == value || !equal[1])
        return fail(arguments, "--data needs the name of a data set and a file: --data=NAME=FILE, not '%.60s'", value);
    snprintf(name, sizeof name, "%.*s", (int)(equal - value), value);
    int count = model->data_count < NAMES_MAX ? model->data_count : NAMES_MAX;
    for (int d = 0; d < count; d++) {
        names[d] = model->data[d].name;
        if (strcmp(names[d], name)) continue;
        arguments->data[d] = equal + 1;
        return 0;
    }
    fail(arguments, count ? "the model has no data '%s'" : "the model has no data, so no '%s'", name);
    return fail_suggest(arguments, name, "", names, (size_t)count);
}

static int flag_store(struct qtm_arguments *arguments, const struct qtm_model *model, const struct flag_row *row,
                      const char *value) {
    char *field = (char *)arguments + row->offset;
    int64_t number;
    switch (row->kind) {
    case SWITCH: *(bool *)field = true; return 0;
    case TEXT:
        if (!*value) return fail(arguments, "--%s needs a value: --%s=%s", row->name, row->name, row->argument);
        *(const char **)field = value;
        return 0;
    case DATA: return data_store(arguments, model, value);
    case COUNT:
    case NATURAL: break;
    }
    int64_t least = row->kind == COUNT;
    if (!integer_read(value, &number)) return fail(arguments, "--%s needs a whole number, not '%s'", row->name, value);
    if (number < least)
        return fail(arguments, "--%s must be at least %lld, not %s", row->name, (long long)least, value);
    *(int64_t *)field = number;
    return 0;
}

static int option_store(struct qtm_arguments *arguments, const struct qtm_option *option, int index,
                        const char *value) {
    char *end;
    double number = strtod(value, &end);
    int64_t whole;
    if (option->integer) {
        if (!integer_read(value, &whole))
            return fail(arguments, "--%s needs a whole number, not '%s'", option->name, value);
        number = (double)whole;
    } else if (end == value || *end || !isfinite(number)) {
        return fail(arguments, "--%s needs a number, not '%s'", option->name, value);
    }
    arguments->options[index] = number;
    return 0;
}

/* What a flag stands for: a row of the table, an option or a data set of the model. */
struct flag_target {
    const struct flag_row *row;
    int option, data;
};

static bool flag_find(const struct qtm_model *model, enum qtm_command command, const char *word, size_t length,
                      struct flag_target *target) {
    *target = (struct flag_target){NULL, -1, -1};
    for (size_t i = 0; i < FLAG_COUNT; i++)
        if ((flags[i].commands >> command & 1) && name_matches(word, length, flags[i].name)) {
            target->row = &flags[i];
            return true;
        }
    if (!(TAKES_MODEL_FLAGS >> command & 1)) return false;
    /* A resumed run keeps the options it was started with. */
    for (int i = 0; i < model->option_count && command != QTM_COMMAND_RESUME; i++)
        if (name_matches(word, length, model->options[i].name)) {
            target->option = i;
            return true;
        }
    for (int i = 0; i < model->data_count && takes_data(command); i++)
        if (name_matches(word, length, model->data[i].name)) {
            target->data = i;
            return true;
        }
    return false;
}

static int flag_unknown(struct qtm_arguments *arguments, const struct qtm_model *model, const char *word,
                        size_t length) {
    const char *names[NAMES_MAX];
    size_t count = 0;
    enum qtm_command command = arguments->command;
    for (size_t i = 0; i < FLAG_COUNT; i++)
        if (flags[i].commands >> command & 1) names[count++] = flags[i].name;
    bool takes = TAKES_MODEL_FLAGS >> command & 1;
    for (int i = 0; takes && command != QTM_COMMAND_RESUME && i < model->option_count && count < NAMES_MAX; i++)
        names[count++] = model->options[i].name;
    for (int i = 0; takes && takes_data(command) && i < model->data_count && count < NAMES_MAX; i++)
        names[count++] = model->data[i].name;
    char copy[64];
    snprintf(copy, sizeof copy, "%.*s", (int)length, word);
    fail(arguments, "'%s' has no flag '--%s'", commands[command].name, copy);
    return fail_suggest(arguments, copy, "--", names, count);
}

/* Reads argv[*at], and the word after it when that is the flag's value. */
static int flag_read(struct qtm_arguments *arguments, const struct qtm_model *model, int argc, char **argv, int *at) {
    const char *word = argv[*at] + 2, *equal = strchr(word, '=');
    size_t length = equal ? (size_t)(equal - word) : strlen(word);
    struct flag_target target;
    if (!flag_find(model, arguments->command, word, length, &target))
        return flag_unknown(arguments, model, word, length);
    const char *value = equal ? equal + 1 : NULL;
    if (target.row && target.row->kind == SWITCH) {
        if (value) return fail(arguments, "--%s takes no value", target.row->name);
        return flag_store(arguments, model, target.row, "");
    }
    if (!value) {
        if (*at + 1 >= argc || !strncmp(argv[*at + 1], "--", 2))
            return fail(arguments, "--%.*s needs a value", (int)length, word);
        value = argv[++*at];
    }
    if (target.row) return flag_store(arguments, model, target.row, value);
    if (target.option >= 0) return option_store(arguments, &model->options[target.option], target.option, value);
    if (!*value) return fail(arguments, "--%.*s needs the name of a file", (int)length, word);
    arguments->data[target.data] = value;
    return 0;
}

static int command_find(struct qtm_arguments *arguments, const char *word) {
    const char *names[QTM_COMMAND_COUNT];
    for (int i = 0; i < QTM_COMMAND_COUNT; i++) {
        names[i] = commands[i].name;
        if (!strcmp(word, names[i])) {
            arguments->command = (enum qtm_command)i;
            return 0;
        }
    }
    fail(arguments, "unknown command '%.60s'", word);
    return fail_suggest(arguments, word, "", names, QTM_COMMAND_COUNT);
}

/* What the command cannot do without, and names that must exist in the model. */
static int command_check(struct qtm_arguments *arguments, const struct qtm_model *model) {
    const struct command_row *row = &commands[arguments->command];
    if (arguments->help) return 0;
    if (arguments->threads > THREADS_MAX)
        return fail(arguments, "--threads must be at most %d, not %lld", THREADS_MAX, (long long)arguments->threads);
    if (arguments->trap && strcmp(arguments->trap, "nan") != 0)
        return fail(arguments, "--trap looks for numbers that are none: --trap=nan, not '%.60s'", arguments->trap);
    if (row->need == 2 && !arguments->operand) return fail(arguments, "'%s' needs a %s", row->name, row->operand);
    bool names_fit = arguments->command == QTM_COMMAND_FIT || arguments->command == QTM_COMMAND_CHECK_GRADIENTS ||
                     arguments->command == QTM_COMMAND_IDENTIFY;
    if (names_fit && arguments->operand) {
        const char *names[NAMES_MAX];
        int count = model->fit_count < NAMES_MAX ? model->fit_count : NAMES_MAX;
        for (int i = 0; i < count; i++) {
            names[i] = model->fits[i].name;
            if (!strcmp(names[i], arguments->operand)) return 0;
        }
        for (int i = 0; i < model->wrapper_count && arguments->command == QTM_COMMAND_FIT; i++) {
            if (!strcmp(model->wrappers[i].name, arguments->operand)) return 0;
            if (count < NAMES_MAX) names[count++] = model->wrappers[i].name;
        }
        fail(arguments, "the model has no fit '%.60s'", arguments->operand);
        return fail_suggest(arguments, arguments->operand, "", names, (size_t)count);
    }
    if (arguments->command != QTM_COMMAND_DRAW) return 0;
    if (!arguments->truth) return fail(arguments, "'draw' needs --truth: it draws at the declared truth");
    if (arguments->events < 0) return fail(arguments, "'draw' needs --events=N");
    if (arguments->sets && arguments->event)
        return fail(arguments, "--data says what is drawn: --event does not go with it");
    if (!arguments->sets && !arguments->out) return fail(arguments, "'draw' needs --out=FILE, or --data=NAMES");
    return 0;
}

int qtm_arguments_parse(struct qtm_arguments *arguments, int argc, char **argv, const struct qtm_model *model) {
    *arguments = (struct qtm_arguments){.command = QTM_COMMAND_COUNT, .events = -1, .steps = -1, .seed = -1};
    arguments->threads = arguments->report_every = arguments->checkpoint_every = -1;
    arguments->options = calloc((size_t)model->option_count + 1, sizeof *arguments->options);
    arguments->data = calloc((size_t)model->data_count + 1, sizeof *arguments->data);
    if (!arguments->options || !arguments->data) return fail(arguments, "out of memory");
    for (int i = 0; i < model->option_count; i++) arguments->options[i] = model->options[i].value;
    if (argc < 2) return fail(arguments, "a command is needed");
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
        arguments->help = true;
        return argc > 2 ? command_find(arguments, argv[2]) : 0;
    }
    if (!strcmp(argv[1], "--version")) {
        arguments->version = true;
        return 0;
    }
    if (command_find(arguments, argv[1])) return 2;
    for (int i = 2; i < argc; i++) {
        if (!strcmp(argv[i], "-h")) {
            arguments->help = true;
        } else if (!strncmp(argv[i], "--", 2)) {
            if (flag_read(arguments, model, argc, argv, &i)) return 2;
        } else if (argv[i][0] == '-' && argv[i][1]) {
            return fail(arguments, "flags have two dashes: '-%.60s'", argv[i]);
        } else if (arguments->operand || !commands[arguments->command].need) {
            return fail(arguments, "'%s' cannot use '%.60s'", commands[arguments->command].name, argv[i]);
        } else {
            arguments->operand = argv[i];
        }
    }
    return command_check(arguments, model);
}

void qtm_arguments_destroy(struct qtm_arguments *arguments) {
    free(arguments->options);
    free(arguments->data);
}

const char *qtm_command_name(enum qtm_command command) {
    return commands[command].name;
}

static void flag_print(const char *name, const char *argument, const char *help) {
    char left[80];
    snprintf(left, sizeof left, "--%s%s%s", name, *argument ? "=" : "", argument);
    printf("  %-24s %s\n", left, help);
}

static void help_print_command(const char *program, enum qtm_command command, const struct qtm_model *model) {
    const struct command_row *row = &commands[command];
    printf("usage: %s %s%s%s [flags]\n\n%s.\n\nflags:\n", program, row->name, *row->operand ? " " : "", row->operand,
           row->help);
    for (size_t i = 0; i < FLAG_COUNT; i++)
        if (flags[i].commands >> command & 1) flag_print(flags[i].name, flags[i].argument, flags[i].help);
    if (!(TAKES_MODEL_FLAGS >> command & 1)) return;
    if (model->option_count && command != QTM_COMMAND_RESUME) printf("\noptions of the model:\n");
    for (int i = 0; i < model->option_count && command != QTM_COMMAND_RESUME; i++) {
        const struct qtm_option *option = &model->options[i];
        char text[256];
        snprintf(text, sizeof text, "%s%s(default %g)", option->help ? option->help : "",
                 option->help && *option->help ? " " : "", option->value);
        flag_print(option->name, option->integer ? "N" : "X", text);
    }
    if (model->data_count && takes_data(command)) printf("\ndata of the model:\n");
    for (int i = 0; i < model->data_count && takes_data(command); i++) {
        char text[256];
        snprintf(text, sizeof text, "%s events (default %s)", model->events[model->data[i].event].name,
                 model->data[i].path);
        flag_print(model->data[i].name, "FILE", text);
    }
}

void qtm_arguments_help(const char *program, enum qtm_command command, const struct qtm_model *model) {
    if (command != QTM_COMMAND_COUNT) {
        help_print_command(program, command, model);
    } else {
        printf("%s, compiled by qtmc %s\n\nusage: %s COMMAND [flags]\n\ncommands:\n", model->name, model->compiler,
               program);
        for (int i = 0; i < QTM_COMMAND_COUNT; i++) {
            char left[80];
            snprintf(left, sizeof left, "%s %s", commands[i].name, commands[i].operand);
            printf("  %-24s %s\n", left, commands[i].help);
        }
        printf("\n%s COMMAND --help lists the flags of a command; --version prints the version.\n", program);
    }
    if (command == QTM_COMMAND_COUNT || command == QTM_COMMAND_FIT || command == QTM_COMMAND_CHECK_GRADIENTS) {
        printf("\nfits:\n");
        for (int i = 0; i < model->fit_count; i++)
            printf("  %-24s %lld steps%s\n", model->fits[i].name, (long long)model->fits[i].steps,
                   model->fits[i].generated ? ", parameters from a generator network" : "");
        static const char *const kinds[] = {"ensemble", "bootstrap", "laplace"};
        for (int i = 0; i < model->wrapper_count; i++)
            printf("  %-24s %s of %s\n", model->wrappers[i].name, kinds[model->wrappers[i].kind],
                   model->fits[model->wrappers[i].fit].name);
    }
}
