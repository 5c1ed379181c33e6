/* gnuplot as a child process: the script and the child's complaints are unnamed temporary files, so nothing can block
 * and nothing stays behind but the picture. */
#include "runtime/report/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/core/memory.h"
#include "runtime/io/file.h"

extern char **environ;

enum { GNUPLOT_WORDS = 1024, GNUPLOT_ABSENT = 127 };

void qtm_gnuplot_text(FILE *script, const char *text) {
    fputc('\'', script);
    for (; text && *text; text++) {
        if (*text == '\'') fputc('\'', script);
        fputc((unsigned char)*text < 0x20 ? ' ' : *text, script);
    }
    fputc('\'', script);
}

static void gnuplot_release(struct qtm_gnuplot *plot) {
    if (plot->script) fclose(plot->script);
    qtm_free(plot->path);
    qtm_free(plot->temporary);
    *plot = (struct qtm_gnuplot){0};
}

qtm_status qtm_gnuplot_begin(const char *path, int width, int height, struct qtm_gnuplot *plot) {
    *plot = (struct qtm_gnuplot){.path = qtm_text_copy(path), .temporary = qtm_file_temporary(path)};
    if (!plot->path || !plot->temporary) {
        gnuplot_release(plot);
        return qtm_error_memory((int64_t)strlen(path));
    }
    plot->script = tmpfile();
    if (!plot->script) {
        gnuplot_release(plot);
        return qtm_error("%s: cannot make a temporary file to draw it: %s", path, strerror(errno));
    }
    FILE *script = plot->script;
    fprintf(script,
            "set terminal pngcairo enhanced size %d,%d font 'DejaVu Sans,22' linewidth 2 background '#ffffff'\n", width,
            height);
    fputs("set output ", script);
    qtm_gnuplot_text(script, plot->temporary);
    fputs("\nset encoding utf8\n"
          "set border 3 linecolor '#404040' linewidth 1\n"
          "set tics nomirror out scale 0.6 textcolor '#202020'\n"
          "set grid xtics ytics linetype 1 linecolor '#e4e4e4' linewidth 0.5\n"
          "set key noenhanced Left reverse samplen 2 spacing 1.15 height 0.3 textcolor '#202020'\n"
          "set style fill solid 1.0 noborder\n",
          script);
    return QTM_OK;
}

/* Runs gnuplot; *code is its exit status. */
static qtm_status gnuplot_run(FILE *script, FILE *words, int *code) {
    char *arguments[] = {"gnuplot", NULL};
    posix_spawn_file_actions_t actions;
    pid_t child;
    *code = GNUPLOT_ABSENT;
    if (posix_spawn_file_actions_init(&actions) != 0) return qtm_error("cannot start gnuplot: %s", strerror(errno));
    posix_spawn_file_actions_adddup2(&actions, fileno(script), STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, fileno(words), STDERR_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    int failed = posix_spawnp(&child, arguments[0], &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed == ENOENT) return QTM_OK;
    if (failed != 0) return qtm_error("cannot start gnuplot: %s", strerror(failed));
    int state;
    while (waitpid(child, &state, 0) < 0)
        if (errno != EINTR) return qtm_error("gnuplot was lost: %s", strerror(errno));
    *code = WIFEXITED(state) ? WEXITSTATUS(state) : 1;
    return QTM_OK;
}

/* The last of gnuplot's lines that says something. */
static void gnuplot_words(FILE *words, char *text, int size) {
    char line[GNUPLOT_WORDS];
    snprintf(text, (size_t)size, "no reason given");
    if (fseek(words, 0, SEEK_SET) != 0) return;
    while (fgets(line, sizeof line, words)) {
        line[strcspn(line, "\n")] = '\0';
        const char *start = line + strspn(line, " \t^");
        if (*start) snprintf(text, (size_t)size, "%s", start);
    }
}

static qtm_status gnuplot_finish(struct qtm_gnuplot *plot, FILE *words, bool *drawn) {
    static bool warned;
    int code;
    if (fflush(plot->script) != 0 || ferror(plot->script))
        return qtm_error("%s: its script cannot be written: %s", plot->path, strerror(errno));
    if (fseek(plot->script, 0, SEEK_SET) != 0 || lseek(fileno(plot->script), 0, SEEK_SET) != 0)
        return qtm_error("%s: its script cannot be read again: %s", plot->path, strerror(errno));
    QTM_TRY(gnuplot_run(plot->script, words, &code));
    if (code == GNUPLOT_ABSENT) {
        if (!warned)
            fprintf(stderr, "warning: gnuplot is not installed, so no pictures are drawn; install it (on Debian or "
                            "Ubuntu: apt-get install gnuplot-nox) and make the report again\n");
        warned = true;
        return QTM_OK;
    }
    if (code != 0 || access(plot->temporary, R_OK) != 0) {
        char text[GNUPLOT_WORDS];
        gnuplot_words(words, text, sizeof text);
        unlink(plot->temporary);
        return qtm_error("%s: gnuplot could not draw it: %s", plot->path, text);
    }
    QTM_TRY(qtm_file_replace(plot->temporary, plot->path));
    *drawn = true;
    return QTM_OK;
}

qtm_status qtm_gnuplot_draw(struct qtm_gnuplot *plot, bool *drawn) {
    bool ignored;
    if (!drawn) drawn = &ignored;
    *drawn = false;
    FILE *words = tmpfile();
    qtm_status status = words
                            ? gnuplot_finish(plot, words, drawn)
                            : qtm_error("%s: cannot make a temporary file to draw it: %s", plot->path, strerror(errno));
    if (words) fclose(words);
    gnuplot_release(plot);
    return status;
}
