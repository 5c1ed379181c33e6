/* Reading events from a table of text, once and from front to back. Rows are gathered in a block; a full block is
 * filtered and checked, and what is kept of it becomes a chunk in the precision asked for. When the number of events is
 * known the share of this rank is put together from the chunks.
 *
 * A table is a file of
 *   namelist sections  &Data ... &End as xFitter has them, with ColumnName, NColumn and NData; may be absent
 *   a header           a line of names; may be absent; the comment right before the rows serves if it has as many words
 *   rows               numbers parted by blanks, commas or semicolons, one event a line
 * with comments: lines that begin with #, ! or *, and what follows # or ! in a line. */
#include <stdio.h>
#include <string.h>

#include "runtime/core/memory.h"
#include "runtime/io/events_check.h"
#include "runtime/io/table_line.h"
#include "runtime/io/table_names.h"
#include "runtime/io/table_plan.h"

enum { TABLE_BLOCK = 1 << 19 /* numbers */, TABLE_BLOCK_EVENTS = 1 << 14, TABLE_LIST = 512 };

struct chunk {
    struct chunk *next;
    int64_t events;
    void *columns[]; /* [fields] */
};

struct table {
    const struct qtm_events_request *request;
    const struct qtm_event *event;
    struct qtm_lines lines;
    struct qtm_names names;
    int64_t columns; /* of the file; 0 before the first row */
    struct qtm_target *targets;
    /* The block being filled. */
    int64_t size, filled;
    double **block;      /* [fields][size, length] */
    int64_t *line;       /* [size] where each event is */
    unsigned char *kept; /* [size] */
    struct chunk *first, *last;
    struct qtm_events_check *checks; /* [fields] */
};

/* ---- blocks ---- */

static qtm_status block_make(struct table *table) {
    int64_t width = 1;
    for (int f = 0; f < table->event->field_count; f++) width += table->event->fields[f].length;
    table->size = TABLE_BLOCK / width;
    if (table->size > TABLE_BLOCK_EVENTS) table->size = TABLE_BLOCK_EVENTS;
    if (table->size < 1) table->size = 1;
    int64_t bytes = width * table->size * (int64_t)sizeof(double);
    table->block = qtm_alloc_array(table->event->field_count, sizeof *table->block);
    table->checks = qtm_alloc_array(table->event->field_count, sizeof *table->checks);
    table->line = qtm_alloc_array(table->size, sizeof *table->line);
    table->kept = qtm_alloc(table->size);
    if (!table->block || !table->checks || !table->line || !table->kept) return qtm_error_memory(bytes);
    for (int f = 0; f < table->event->field_count; f++) {
        table->block[f] = qtm_alloc_array(table->size * table->event->fields[f].length, sizeof(double));
        if (!table->block[f]) return qtm_error_memory(bytes);
    }
    return QTM_OK;
}

static void chunk_free(struct chunk *chunk, int fields) {
    for (int f = 0; f < fields; f++) qtm_free(chunk->columns[f]);
    qtm_free(chunk);
}

static qtm_status chunk_add(struct table *table, int64_t events) {
    int fields = table->event->field_count;
    int64_t bytes = (int64_t)sizeof(struct chunk) + fields * (int64_t)sizeof(void *);
    struct chunk *chunk = qtm_alloc(bytes);
    if (!chunk) return qtm_error_memory(bytes);
    chunk->events = events;
    if (table->last)
        table->last->next = chunk;
    else
        table->first = chunk;
    table->last = chunk;
    for (int f = 0; f < fields; f++) {
        int64_t size = qtm_events_wide(table->request, f) ? sizeof(double) : sizeof(float);
        chunk->columns[f] = qtm_alloc_array(events * table->event->fields[f].length, size);
        if (!chunk->columns[f]) return qtm_error_memory(events * table->event->fields[f].length * size);
    }
    return QTM_OK;
}

/* A field's first bad value: the place in the block becomes a line. */
static void check_place(const struct table *table, struct qtm_events_fault *fault, int64_t known) {
    if (fault->count > 0 && known == 0) fault->first = table->line[fault->first];
}

static qtm_status block_flush(struct table *table, struct qtm_events *events) {
    const struct qtm_events_filter *filter = table->request->filter;
    int64_t kept = 0;
    if (!table->filled) return QTM_OK;
    if (filter)
        QTM_TRY(filter->run(filter->context, table->filled, table->block, table->kept));
    else
        memset(table->kept, 1, (size_t)table->filled);
    for (int64_t i = 0; i < table->filled; i++) kept += table->kept[i];
    events->read += table->filled;
    events->total += kept;
    QTM_TRY(chunk_add(table, kept));
    for (int f = 0; f < events->fields; f++) {
        struct qtm_events_check *check = &table->checks[f], before = *check;
        const struct qtm_events_run run = {.field = &events->field[f],
                                           .count = table->filled,
                                           .from = table->block[f],
                                           .kept = table->kept,
                                           .wide = qtm_events_wide(table->request, f)};
        qtm_events_store(&run, table->last->columns[f], check);
        check_place(table, &check->not_finite, before.not_finite.count);
        check_place(table, &check->outside, before.outside.count);
    }
    table->filled = 0;
    return QTM_OK;
}

/* Copies the share of this rank and frees the chunks' columns on the way. */
static qtm_status share_take(struct table *table, struct qtm_events *events) {
    for (int f = 0; f < events->fields; f++) {
        bool wide = qtm_events_wide(table->request, f);
        int64_t size = events->field[f].length * (int64_t)(wide ? sizeof(double) : sizeof(float)), at = 0;
        QTM_TRY(qtm_events_column_alloc(table->request, f, events));
        for (struct chunk *chunk = table->first; chunk; at += chunk->events, chunk = chunk->next) {
            int64_t from = at > events->first ? at : events->first, end = events->first + events->local;
            int64_t to = at + chunk->events < end ? at + chunk->events : end;
            if (from < to)
                memcpy(qtm_events_column_at(events, f, wide, from - events->first),
                       (char *)chunk->columns[f] + (from - at) * size, (size_t)((to - from) * size));
            qtm_free(chunk->columns[f]);
            chunk->columns[f] = NULL;
        }
    }
    return QTM_OK;
}

/* ---- rows ---- */

/* " (x)" where the file names the column. */
static const char *column_name(const struct table *table, int64_t column, char *text, size_t size) {
    text[0] = '\0';
    if (column < table->names.count) snprintf(text, size, " (%.80s)", table->names.name[column]);
    return text;
}

static qtm_status number_error(const struct table *table, int64_t column, const struct qtm_word *word,
                               enum qtm_numeral kind) {
    char name[100];
    const char *path = table->request->path;
    long long line = (long long)table->lines.number, place = (long long)column + 1;
    column_name(table, column, name, sizeof name);
    if (word->empty)
        return qtm_error("%s: line %lld, column %lld%s: there is no number; fill it in, or take the line out", path,
                         line, place, name);
    return qtm_error("%s: line %lld, column %lld%s: '%.*s' is %s", path, line, place, name,
                     (int)(word->length < 60 ? word->length : 60), word->text,
                     kind == QTM_NUMERAL_NOT_FINITE ? "not finite; take this event out of the file"
                                                    : "not a number; correct it, or make the line a comment with #");
}

static qtm_status width_error(const struct table *table, int64_t found) {
    char list[TABLE_LIST];
    qtm_names_list(&table->names, list, sizeof list);
    bool last = table->lines.over && table->lines.begin == table->lines.end;
    return qtm_error("%s: line %lld has %lld column%s, but %s %lld%s%s%s", table->request->path,
                     (long long)table->lines.number, (long long)found, found == 1 ? "" : "s",
                     table->names.count ? "the file names" : "the lines before have", (long long)table->columns,
                     table->names.count ? ": " : "", list, last ? "; it is the last line: is the file cut off?" : "");
}

static qtm_status row_read(struct table *table, const char *line) {
    struct qtm_word word;
    bool comma = false;
    int64_t column = 0;
    for (const char *at = line; qtm_word_next(&at, &comma, &word); column++) {
        if (column == table->columns) return width_error(table, qtm_words_count(line));
        const struct qtm_target *target = &table->targets[column];
        if (target->field < 0) continue;
        double value;
        enum qtm_numeral kind = word.empty ? QTM_NUMERAL_NONE : qtm_word_number(&word, &value);
        if (kind != QTM_NUMERAL) return number_error(table, column, &word, kind);
        int64_t place = table->filled * table->event->fields[target->field].length + target->at;
        table->block[target->field][place] = value * target->scale;
    }
    if (column != table->columns) return width_error(table, column);
    table->line[table->filled++] = table->lines.number;
    return QTM_OK;
}

/* The first row settles how many columns there are. */
static qtm_status rows_begin(struct table *table, const char *line) {
    int64_t words = qtm_words_count(line);
    QTM_TRY(qtm_names_finish(&table->names, words));
    table->columns = table->names.count ? table->names.count : words;
    if (words != table->columns) return width_error(table, words);
    table->targets = qtm_alloc_array(table->columns, sizeof *table->targets);
    if (!table->targets) return qtm_error_memory(table->columns * (int64_t)sizeof *table->targets);
    QTM_TRY(qtm_plan_make(table->request, &table->names, table->columns, table->targets));
    return block_make(table);
}

static qtm_status rows_read(struct table *table, struct qtm_events *events) {
    char *line;
    bool taken;
    QTM_TRY(qtm_lines_open(&table->lines, table->request->path));
    for (;;) {
        QTM_TRY(qtm_lines_next(&table->lines, &line));
        if (!line) break;
        QTM_TRY(qtm_names_take(&table->names, line, table->lines.number, table->columns > 0, &taken));
        if (taken) continue;
        if (!table->columns) QTM_TRY(rows_begin(table, line));
        QTM_TRY(row_read(table, line));
        if (table->filled == table->size) QTM_TRY(block_flush(table, events));
    }
    return block_flush(table, events);
}

/* What can only be said at the end. */
static qtm_status end_check(const struct table *table, const struct qtm_events *events) {
    const char *path = table->request->path;
    if (table->names.section[0])
        return qtm_error("%s: section &%s is not closed by &End up to line %lld: is the file cut off?", path,
                         table->names.section, (long long)table->names.line);
    if (!events->read)
        return qtm_error("%s: there is no row of numbers in its %lld lines, so it is not an event file", path,
                         (long long)table->lines.number);
    if (table->names.rows >= 0 && table->names.rows != events->read)
        return qtm_error("%s: NData is %lld, but there are %lld rows%s", path, (long long)table->names.rows,
                         (long long)events->read,
                         events->read < table->names.rows ? ": is the file cut off?" : "; correct NData");
    for (int f = 0; f < events->fields; f++) {
        char label[128];
        snprintf(label, sizeof label, "column %.100s", events->field[f].name);
        QTM_TRY(qtm_events_report(table->request, &events->field[f], qtm_events_scale(table->request, f), label, "line",
                                  &table->checks[f]));
    }
    return QTM_OK;
}

qtm_status qtm_events_read_table(const struct qtm_events_request *request, struct qtm_events *events) {
    struct table table = {.request = request, .event = request->event};
    events->read = events->total = 0;
    qtm_names_start(&table.names, request->path);
    qtm_status status = rows_read(&table, events);
    if (!status) status = end_check(&table, events);
    if (!status) status = qtm_events_share(request, events);
    if (!status) status = share_take(&table, events);
    for (int f = 0; table.block && f < request->event->field_count; f++) qtm_free(table.block[f]);
    while (table.first) {
        struct chunk *next = table.first->next;
        chunk_free(table.first, request->event->field_count);
        table.first = next;
    }
    qtm_free(table.block);
    qtm_free(table.checks);
    qtm_free(table.line);
    qtm_free(table.kept);
    qtm_free(table.targets);
    qtm_names_free(&table.names);
    qtm_lines_close(&table.lines);
    return status;
}
