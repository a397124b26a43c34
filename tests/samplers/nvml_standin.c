/* A stand-in for libnvidia-ml.so.1: the symbols, versions and structures that pynvml calls, answering from a script.
 *
 * The script is the text file that NVML_STANDIN names. It is read again by every call, so a test changes
 * it under a running sampler. One "key value..." a line; lines before the first "device" hold for every device:
 *
 *     device                          the next device; the keys below are its own
 *     total|free|used|reserved BYTES  the used of memory v1 is used + reserved, as in the real library
 *     gpu|memory PERCENT   power MILLIWATTS   temperature CELSIUS   clock MHZ   throttle MASK   ecc COUNT
 *     compute|graphics|mps PID BYTES [GROWTH]   a process; BYTES -1 is "not available"; GROWTH is added at every listing
 *     error FUNCTION CODE             that function answers with this nvmlReturn_t ("*" is every function)
 *     hang FUNCTION SECONDS           that function answers so much later
 *
 * Compiled with -DOLD_DRIVER it lacks the symbols that drivers before 510 lack.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SUCCESS = 0, UNINITIALIZED = 1, INVALID_ARGUMENT = 2, INSUFFICIENT_SIZE = 7, VERSION_MISMATCH = 25, UNKNOWN = 999 };
enum { DEVICES = 8, PROCESSES = 16, RULES = 16 };
enum { COMPUTE, GRAPHICS, MPS };

typedef unsigned long long u64;
typedef struct { u64 total, free, used; } memory_v1;
typedef struct { unsigned version; u64 total, reserved, free, used; } memory_v2;
typedef struct { unsigned gpu, memory; } utilization;
typedef struct { unsigned pid; u64 used; unsigned gpu_instance, compute_instance; } process_info;

#define MEMORY_V2 (sizeof(memory_v2) | 2u << 24)
_Static_assert(MEMORY_V2 == 0x02000028, "nvmlMemory_v2");
_Static_assert(sizeof(process_info) == 24, "nvmlProcessInfo_v2_t");

typedef struct { char function[64]; double value; } rule;
typedef struct { int list; unsigned pid; long long used, growth; } process;
typedef struct {
    u64 total, free, used, reserved, throttle, ecc;
    unsigned gpu, memory, power, temperature, clock;
    process processes[PROCESSES];
    rule errors[RULES], hangs[RULES];
    int process_count, error_count, hang_count;
} device;
typedef struct { device devices[DEVICES]; int count; device any; } script;

static int started;             /* nvmlInit calls without their nvmlShutdown */
static u64 listings[DEVICES];   /* complete process listings so far, which is what growth grows with */

static int next_number(u64 *number) {
    char *word = strtok(NULL, " \t\n");
    if (word == NULL) return 0;
    *number = word[0] == '-' ? (u64)strtoll(word, NULL, 0) : strtoull(word, NULL, 0);
    return 1;
}

static void next_rule(rule *rules, int *count) {
    char *function = strtok(NULL, " \t\n"), *value = strtok(NULL, " \t\n");
    if (function == NULL || value == NULL || *count == RULES) abort();
    snprintf(rules[*count].function, sizeof rules[*count].function, "%s", function);
    rules[(*count)++].value = atof(value);
}

static void next_process(device *at, int list) {
    u64 pid = 0, used = 0, growth = 0;
    if (at->process_count == PROCESSES || !next_number(&pid) || !next_number(&used)) abort();
    next_number(&growth);
    at->processes[at->process_count++] = (process){list, (unsigned)pid, (long long)used, (long long)growth};
}

static int read_script(script *read) {
    memset(read, 0, sizeof *read);
    const char *path = getenv("NVML_STANDIN");
    FILE *file = path ? fopen(path, "r") : NULL;
    if (file == NULL) return 0;
    device *at = &read->any;
    char line[256];
    while (fgets(line, sizeof line, file)) {
        char *key = strtok(line, " \t\n");
        u64 number = 0;
        if (key == NULL) continue;
        if (!strcmp(key, "device")) {
            if (read->count == DEVICES) abort();
            at = &read->devices[read->count++];
        }
        else if (!strcmp(key, "error")) next_rule(at->errors, &at->error_count);
        else if (!strcmp(key, "hang")) next_rule(at->hangs, &at->hang_count);
        else if (!strcmp(key, "compute")) next_process(at, COMPUTE);
        else if (!strcmp(key, "graphics")) next_process(at, GRAPHICS);
        else if (!strcmp(key, "mps")) next_process(at, MPS);
        else if (!next_number(&number)) abort();
        else if (!strcmp(key, "total")) at->total = number;
        else if (!strcmp(key, "free")) at->free = number;
        else if (!strcmp(key, "used")) at->used = number;
        else if (!strcmp(key, "reserved")) at->reserved = number;
        else if (!strcmp(key, "throttle")) at->throttle = number;
        else if (!strcmp(key, "ecc")) at->ecc = number;
        else if (!strcmp(key, "gpu")) at->gpu = (unsigned)number;
        else if (!strcmp(key, "memory")) at->memory = (unsigned)number;
        else if (!strcmp(key, "power")) at->power = (unsigned)number;
        else if (!strcmp(key, "temperature")) at->temperature = (unsigned)number;
        else if (!strcmp(key, "clock")) at->clock = (unsigned)number;
        else abort();
    }
    fclose(file);
    return 1;
}

static double ruled(const rule *rules, int count, const char *function) {
    for (int i = 0; i < count; i++)
        if (!strcmp(rules[i].function, function) || !strcmp(rules[i].function, "*")) return rules[i].value;
    return 0;
}

static int answer(const char *function, const device *of) {
    double seconds = ruled(of->hangs, of->hang_count, function);
    if (seconds > 0) {
        struct timespec pause = {(time_t)seconds, (long)((seconds - (time_t)seconds) * 1e9)};
        nanosleep(&pause, NULL);
    }
    return (int)ruled(of->errors, of->error_count, function);
}

/* What every function does first: read the script, obey the rules for all devices, then those of this one. */
static int enter(const char *function, script *read) {
    if (!read_script(read)) return UNKNOWN;
    int code = answer(function, &read->any);
    return code || started ? code : UNINITIALIZED;
}

static int enter_device(const char *function, script *read, const void *handle, device **of) {
    int code = enter(function, read);
    if (code) return code;
    size_t index = (size_t)handle - 1;
    if (index >= (size_t)read->count) return INVALID_ARGUMENT;
    *of = &read->devices[index];
    return answer(function, *of);
}

#define ENTER_DEVICE                                                 \
    script read;                                                     \
    device *of = NULL;                                               \
    int code = enter_device(__func__, &read, handle, &of);           \
    if (code) return code

int nvmlInitWithFlags(unsigned flags) {
    script read;
    started++;
    int code = flags ? INVALID_ARGUMENT : enter(__func__, &read);
    if (code) started--;
    return code;
}

int nvmlShutdown(void) {
    if (!started) return UNINITIALIZED;
    started--;
    return SUCCESS;
}

const char *nvmlErrorString(int code) {
    return code == VERSION_MISMATCH ? "Argument version mismatch" : "an error of the stand-in";
}

int nvmlDeviceGetCount_v2(unsigned *count) {
    script read;
    int code = enter(__func__, &read);
    if (!code) *count = (unsigned)read.count;
    return code;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **result) {
    const void *handle = (const void *)((size_t)index + 1);
    ENTER_DEVICE;
    *result = (void *)((size_t)index + 1);
    return SUCCESS;
}

int nvmlDeviceGetMemoryInfo(void *handle, memory_v1 *memory) {
    ENTER_DEVICE;
    *memory = (memory_v1){of->total, of->free, of->used + of->reserved};
    return SUCCESS;
}

#ifndef OLD_DRIVER
int nvmlDeviceGetMemoryInfo_v2(void *handle, memory_v2 *memory) {
    ENTER_DEVICE;
    if (memory->version != MEMORY_V2) return VERSION_MISMATCH;
    *memory = (memory_v2){MEMORY_V2, of->total, of->reserved, of->free, of->used};
    return SUCCESS;
}
#endif

int nvmlDeviceGetUtilizationRates(void *handle, utilization *rates) {
    ENTER_DEVICE;
    *rates = (utilization){of->gpu, of->memory};
    return SUCCESS;
}

int nvmlDeviceGetPowerUsage(void *handle, unsigned *milliwatts) {
    ENTER_DEVICE;
    *milliwatts = of->power;
    return SUCCESS;
}

int nvmlDeviceGetTemperature(void *handle, unsigned sensor, unsigned *celsius) {
    ENTER_DEVICE;
    if (sensor != 0) return INVALID_ARGUMENT; /* NVML_TEMPERATURE_GPU */
    *celsius = of->temperature;
    return SUCCESS;
}

int nvmlDeviceGetClockInfo(void *handle, unsigned type, unsigned *mhz) {
    ENTER_DEVICE;
    *mhz = type == 1 ? of->clock : 1; /* NVML_CLOCK_SM; another clock is another number */
    return SUCCESS;
}

#ifndef OLD_DRIVER
int nvmlDeviceGetCurrentClocksEventReasons(void *handle, u64 *mask) {
    ENTER_DEVICE;
    *mask = of->throttle;
    return SUCCESS;
}
#endif

int nvmlDeviceGetCurrentClocksThrottleReasons(void *handle, u64 *mask) {
    ENTER_DEVICE;
    *mask = of->throttle;
    return SUCCESS;
}

int nvmlDeviceGetTotalEccErrors(void *handle, unsigned type, unsigned counter, u64 *count) {
    ENTER_DEVICE;
    *count = type == 1 && counter == 1 ? of->ecc : 0; /* uncorrected, over the life of the board */
    return SUCCESS;
}

static int list(const char *function, int which, const void *handle, unsigned *size, process_info *infos) {
    script read;
    device *of = NULL;
    int code = enter_device(function, &read, handle, &of);
    if (code) return code;
    unsigned room = *size, found = 0;
    u64 *listing = &listings[of - read.devices];
    for (int i = 0; i < of->process_count; i++) {
        const process *at = &of->processes[i];
        if (at->list != which) continue;
        if (infos != NULL && found < room) {
            u64 used = at->used < 0 ? (u64)-1 : (u64)(at->used + at->growth * (long long)*listing);
            infos[found] = (process_info){at->pid, used, 0xFFFFFFFFu, 0xFFFFFFFFu};
        }
        found++;
    }
    *size = found;
    if (found > room) return INSUFFICIENT_SIZE;
    if (which == COMPUTE && infos != NULL) ++*listing;
    return SUCCESS;
}

#define LISTS_PROCESSES(name, which) \
    int name(void *handle, unsigned *size, process_info *infos) { return list(__func__, which, handle, size, infos); }
LISTS_PROCESSES(nvmlDeviceGetComputeRunningProcesses_v2, COMPUTE)
LISTS_PROCESSES(nvmlDeviceGetGraphicsRunningProcesses_v2, GRAPHICS)
#ifndef OLD_DRIVER
LISTS_PROCESSES(nvmlDeviceGetComputeRunningProcesses_v3, COMPUTE)
LISTS_PROCESSES(nvmlDeviceGetGraphicsRunningProcesses_v3, GRAPHICS)
LISTS_PROCESSES(nvmlDeviceGetMPSComputeRunningProcesses_v2, MPS)
LISTS_PROCESSES(nvmlDeviceGetMPSComputeRunningProcesses_v3, MPS)
#endif
