/* The functions of a model are divided into files of about equal work, which threads emit side by side. How they are
 * divided depends on the model alone, not on the number of threads, so that the executable is the same everywhere.
 * What runs over and over gets the code generator's full effort, the rest its least. */
#include "driver/code.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    CODE_THREADS = 16,   /* at most */
    CODE_FILES = 8,      /* at most, of one width and one effort */
    CODE_FILE_WORK = 500 /* instructions that are worth a file of their own */
};

typedef struct CodeTask {
    LlvmPart part;
    HostTarget target;
    int level;
    size_t work;              /* a guess at how long it will take */
    const char *path, *error; /* error: from malloc; NULL when all went well */
    double seconds;
} CodeTask;

typedef struct CodeQueue {
    LlvmOutput what;
    VEC(CodeTask) tasks;
    atomic_size_t next;
} CodeQueue;

/* of this thread: others may want the processor, too */
static double processor_time(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void *work_queue(void *argument) {
    CodeQueue *queue = argument;
    for (size_t i; (i = atomic_fetch_add(&queue->next, 1)) < queue->tasks.count;) {
        CodeTask *task = &queue->tasks.data[i];
        double start = processor_time();
        HostTarget target = task->target;
        if (!task->level) target.registers = 9; /* smaller tiles of products: less code to generate */
        llvm_emit(&task->part, &target, queue->what, task->level, task->path, &task->error);
        task->seconds = processor_time() - start;
    }
    return NULL;
}

/* Longest first, so that the threads end together. */
static int compare_work(const void *left, const void *right) {
    const CodeTask *a = left, *b = right;
    return a->work > b->work ? -1 : a->work < b->work;
}

static size_t kernel_work(const LirKernel *k) {
    enum { AROUND = 20, TILE = 150 };
    return AROUND + k->body.count + 2 * k->effects.count + (k->kind == LIR_DOT ? TILE : 0);
}

static size_t function_work(const LirFunction *f) {
    enum { CALL = 4 };
    size_t count = 0;
    for (size_t g = 0; g < f->groups.count; g++) {
        if (f->groups.data[g].loop) count += function_work(f->groups.data[g].loop->body);
        count += CALL * (1 + f->groups.data[g].kernels.count);
    }
    return count;
}

/* Fills files one after another, in the order of the model: what runs together lies together. */
typedef struct Filler {
    Pipeline *p;
    CodeQueue *queue;
    const HostTarget *target;
    bool f64, hot;
    size_t share; /* work a file */
    CodeTask task;
} Filler;

static void filler_flush(Filler *filler) {
    CodeTask *task = &filler->task;
    if (!task->work) return;
    const char *name = arena_format(filler->p->arena, "code%zu", filler->queue->tasks.count);
    task->path = output_file(filler->p->code->folder, name);
    task->level = filler->hot ? filler->p->code->level : 0;
    task->part.f64 = filler->f64;
    task->target = *filler->target;
    VEC_PUSH(filler->p->arena, &filler->queue->tasks, *task);
    VEC_PUSH(filler->p->arena, &filler->p->code->paths, task->path);
    *task = (CodeTask){0};
}

static void filler_add(Filler *filler, size_t work) {
    filler->task.work += work;
    if (filler->task.work >= filler->share) filler_flush(filler);
}

static size_t work_of(const LlvmPart *whole, bool hot) {
    size_t work = 0;
    for (size_t i = 0; i < whole->kernels.count; i++)
        if (whole->kernels.data[i].hot == hot) work += kernel_work(whole->kernels.data[i].kernel);
    for (size_t i = 0; i < whole->functions.count; i++)
        if (whole->functions.data[i]->hot == hot) work += function_work(whole->functions.data[i]);
    return work;
}

static void queue_fill(Pipeline *p, CodeQueue *queue, const LlvmPart *whole, const HostTarget *target, bool hot) {
    Filler filler = {.p = p, .queue = queue, .target = target, .f64 = whole->f64, .hot = hot};
    filler.share = work_of(whole, hot) / CODE_FILES + 1;
    if (filler.share < CODE_FILE_WORK) filler.share = CODE_FILE_WORK;
    for (size_t i = 0; i < whole->kernels.count; i++) {
        if (whole->kernels.data[i].hot != hot) continue;
        VEC_PUSH(p->arena, &filler.task.part.kernels, whole->kernels.data[i]);
        filler_add(&filler, kernel_work(whole->kernels.data[i].kernel));
    }
    for (size_t i = 0; i < whole->functions.count; i++) {
        if (whole->functions.data[i]->hot != hot) continue;
        VEC_PUSH(p->arena, &filler.task.part.functions, whole->functions.data[i]);
        filler_add(&filler, function_work(whole->functions.data[i]));
    }
    filler_flush(&filler);
}

static void queue_run(CodeQueue *queue) {
    pthread_t threads[CODE_THREADS];
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    int count = 0, wanted = processors > CODE_THREADS ? CODE_THREADS : (int)processors - 1;
    while (count < wanted && !pthread_create(&threads[count], NULL, work_queue, queue)) count++;
    work_queue(queue);
    for (int i = 0; i < count; i++) pthread_join(threads[i], NULL);
}

static bool queue_report(const CodeQueue *queue, bool times) {
    bool good = true;
    for (size_t i = 0; i < queue->tasks.count; i++) {
        const CodeTask *task = &queue->tasks.data[i];
        if (times)
            fprintf(stderr, "  %-4s %4zu kernels %4zu functions -O%d %9.2f ms\n", task->part.f64 ? "f64" : "f32",
                    task->part.kernels.count, task->part.functions.count, task->level, 1e3 * task->seconds);
        if (!task->error) continue;
        fprintf(stderr, "qtmc: %s\n", task->error);
        free((char *)task->error);
        good = false;
    }
    return good;
}

bool code_run(Pipeline *p) {
    if (p->code->beside) p->code->beside(p->code->beside_argument);
    for (size_t i = 0; i < p->units.count; i++)
        for (int width = 0; width < WIDTH_COUNT; width++)
            if (p->units.data[i]->lir[width]) p->units.data[i]->lir[width]->hot |= p->units.data[i]->hot[width];
    CodeQueue queue = {.what = p->code->what};
    for (int width = 0; width < WIDTH_COUNT; width++) {
        LlvmPart whole = llvm_whole(p->arena, &p->modules[width]);
        for (size_t i = 0; i < p->target_count; i++) {
            queue_fill(p, &queue, &whole, &p->targets[i], true);
            queue_fill(p, &queue, &whole, &p->targets[i], false);
        }
    }
    if (queue.tasks.count) qsort(queue.tasks.data, queue.tasks.count, sizeof *queue.tasks.data, compare_work);
    queue_run(&queue);
    return queue_report(&queue, p->control.time_passes);
}
