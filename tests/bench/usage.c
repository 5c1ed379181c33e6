/* Runs a program and tells, as JSON in the file given first, its seconds of processor and the most memory it held, in
 * MB. Python cannot: a program started by it counts Python's own memory.
 *
 *     usage FILE PROGRAM WORD ...       returns the program's status
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static double seconds(struct timeval time) {
    return (double)time.tv_sec + 1e-6 * (double)time.tv_usec;
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    pid_t child = fork();
    if (child < 0) return 2;
    if (child == 0) {
        execv(argv[2], argv + 2);
        perror(argv[2]);
        _exit(127);
    }
    int status;
    struct rusage usage;
    if (wait4(child, &status, 0, &usage) != child) return 2;
    FILE *file = fopen(argv[1], "w");
    if (!file) return 2;
    fprintf(file, "{\"cpu\": %.6f, \"megabytes\": %.3f}\n", seconds(usage.ru_utime) + seconds(usage.ru_stime),
            (double)usage.ru_maxrss / 1024);
    if (fclose(file)) return 2;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
