/* A stand-in for libnvidia-ml.so.1: the symbols, versions and structures that pynvml calls, answering from a script.
 *
 * The script is the text file that NVML_STANDIN names. It is read again by every call, so a test changes
 * it under a running sampler. One "key value..." a line; lines before the first "device" hold for every device:
 *
 *     driver VERSION   cuda NUMBER    of the host; by default 570.00.01 and 12080 (12.8)
 *     device                          the next device; the keys below are its own
 *     total|free|used|reserved BYTES  the used of memory v1 is used + reserved, as in the real library
 *     gpu|memory|fan PERCENT   power MILLIWATTS   energy MILLIJOULES   temperature CELSIUS   throttle MASK
 *     clock|memory_clock|max_clock|max_memory_clock|applications_clock|applications_memory_clock MHZ
 *     replays COUNT   rx|tx KILOBYTES_A_SECOND (asking for either takes 20 ms)
 *     ecc|corrected|volatile|volatile_corrected COUNT   the first two over the life of the board
 *     remapped CORRECTABLE UNCORRECTABLE PENDING FAILED
 *     xid CODE                        an error; reported to every event set registered before the line was written
 *     mig                             the next MIG instance of the device; memory and processes below it are its own
 *     compute|graphics|mps PID BYTES [GROWTH [RATE]]   a process; BYTES -1 is "not available"; GROWTH is added at every
 *                                     listing, RATE every second since the first listing
 *     error FUNCTION CODE             that function answers with this nvmlReturn_t ("*" is every function)
 *     hang FUNCTION SECONDS           that function answers so much later
 *
 * Compiled with -DOLD_DRIVER it lacks the symbols that drivers before 510 lack, and MIG and remapped rows (before 450).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SUCCESS = 0, UNINITIALIZED = 1, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7, TIMEOUT = 10,
       VERSION_MISMATCH = 25, UNKNOWN = 999 };
enum { DEVICES = 8, PROCESSES = 16, RULES = 16, INSTANCES = 8, XIDS = 16, SETS = 32 };
enum { XID_CRITICAL_ERROR = 8 };
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
typedef struct { void *device; u64 type, data; unsigned gpu_instance, compute_instance; } event_data;
typedef struct { int list; unsigned pid; long long used, growth, rate; } process;
typedef struct {
    u64 total, free, used, reserved, throttle, energy, ecc, corrected, volatile_uncorrected, volatile_corrected;
    unsigned gpu, memory, fan, power, temperature, clock, memory_clock, replays, rx, tx, remapped[4];
    unsigned max_clock, max_memory_clock, applications_clock, applications_memory_clock;
    u64 xids[XIDS];
    process processes[PROCESSES];
    rule errors[RULES], hangs[RULES];
    int process_count, error_count, hang_count, xid_count;
    int parent, instances; /* an instance's device, a device's number of instances */
} device;
/* Handles count from 1: the devices, then the instances. */
typedef struct { device devices[DEVICES + INSTANCES]; int count, instance_count, cuda; char driver[32]; device any; } script;

typedef struct { int used, device, reported; } event_set;

static int started;             /* nvmlInit calls without their nvmlShutdown */
static u64 listings[DEVICES + INSTANCES]; /* complete process listings so far, which is what growth grows with */
static double first_listing;    /* when the rates began to grow, in seconds */
static event_set sets[SETS];    /* gone when the library is shut down, as the real ones are */

static void sleep_for(double seconds) {
    struct timespec pause = {(time_t)seconds, (long)((seconds - (time_t)seconds) * 1e9)};
    nanosleep(&pause, NULL);
}

static double seconds_since_first_listing(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double seconds = (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
    if (first_listing == 0) first_listing = seconds;
    return seconds - first_listing;
}

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
    u64 pid = 0, used = 0, growth = 0, rate = 0;
    if (at->process_count == PROCESSES || !next_number(&pid) || !next_number(&used)) abort();
    if (next_number(&growth)) next_number(&rate);
    at->processes[at->process_count++] =
        (process){list, (unsigned)pid, (long long)used, (long long)growth, (long long)rate};
}

static int read_script(script *read) {
    memset(read, 0, sizeof *read);
    read->cuda = 12080;
    snprintf(read->driver, sizeof read->driver, "570.00.01");
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
        else if (!strcmp(key, "mig")) {
            if (read->instance_count == INSTANCES || !read->count) abort();
            at = &read->devices[DEVICES + read->instance_count++];
            at->parent = read->count - 1;
            read->devices[at->parent].instances++;
        }
        else if (!strcmp(key, "remapped"))
            for (int i = 0; i < 4 && next_number(&number); i++) at->remapped[i] = (unsigned)number;
        else if (!strcmp(key, "driver")) snprintf(read->driver, sizeof read->driver, "%s", strtok(NULL, " \t\n"));
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
        else if (!strcmp(key, "corrected")) at->corrected = number;
        else if (!strcmp(key, "volatile")) at->volatile_uncorrected = number;
        else if (!strcmp(key, "volatile_corrected")) at->volatile_corrected = number;
        else if (!strcmp(key, "energy")) at->energy = number;
        else if (!strcmp(key, "xid")) {
            if (at->xid_count == XIDS) abort();
            at->xids[at->xid_count++] = number;
        }
        else if (!strcmp(key, "fan")) at->fan = (unsigned)number;
        else if (!strcmp(key, "memory_clock")) at->memory_clock = (unsigned)number;
        else if (!strcmp(key, "replays")) at->replays = (unsigned)number;
        else if (!strcmp(key, "rx")) at->rx = (unsigned)number;
        else if (!strcmp(key, "tx")) at->tx = (unsigned)number;
        else if (!strcmp(key, "gpu")) at->gpu = (unsigned)number;
        else if (!strcmp(key, "memory")) at->memory = (unsigned)number;
        else if (!strcmp(key, "power")) at->power = (unsigned)number;
        else if (!strcmp(key, "temperature")) at->temperature = (unsigned)number;
        else if (!strcmp(key, "clock")) at->clock = (unsigned)number;
        else if (!strcmp(key, "max_clock")) at->max_clock = (unsigned)number;
        else if (!strcmp(key, "max_memory_clock")) at->max_memory_clock = (unsigned)number;
        else if (!strcmp(key, "applications_clock")) at->applications_clock = (unsigned)number;
        else if (!strcmp(key, "applications_memory_clock")) at->applications_memory_clock = (unsigned)number;
        else if (!strcmp(key, "cuda")) read->cuda = (int)number;
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
    if (seconds > 0) sleep_for(seconds);
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
    size_t index = (size_t)handle - 1, instance = index - DEVICES;
    if (index >= (size_t)read->count && instance >= (size_t)read->instance_count) return INVALID_ARGUMENT;
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
    if (!--started) memset(sets, 0, sizeof sets);
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
    if (of->instances) return NOT_SUPPORTED;
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
    *mhz = type == 1 ? of->clock : type == 2 ? of->memory_clock : 1; /* NVML_CLOCK_SM, NVML_CLOCK_MEM */
    return SUCCESS;
}

int nvmlDeviceGetMaxClockInfo(void *handle, unsigned type, unsigned *mhz) {
    ENTER_DEVICE;
    *mhz = type == 1 ? of->max_clock : type == 2 ? of->max_memory_clock : 1;
    return SUCCESS;
}

/* Newer devices have none that can be set. */
int nvmlDeviceGetApplicationsClock(void *handle, unsigned type, unsigned *mhz) {
    ENTER_DEVICE;
    *mhz = type == 1 ? of->applications_clock : type == 2 ? of->applications_memory_clock : 1;
    return *mhz ? SUCCESS : NOT_SUPPORTED;
}

int nvmlDeviceGetFanSpeed(void *handle, unsigned *percent) {
    ENTER_DEVICE;
    *percent = of->fan;
    return SUCCESS;
}

int nvmlDeviceGetTotalEnergyConsumption(void *handle, u64 *millijoules) {
    ENTER_DEVICE;
    *millijoules = of->energy;
    return SUCCESS;
}

int nvmlDeviceGetPcieReplayCounter(void *handle, unsigned *count) {
    ENTER_DEVICE;
    *count = of->replays;
    return SUCCESS;
}

int nvmlDeviceGetPcieThroughput(void *handle, unsigned counter, unsigned *kilobytes) {
    ENTER_DEVICE;
    sleep_for(0.02);
    *kilobytes = counter == 0 ? of->tx : of->rx; /* NVML_PCIE_UTIL_TX_BYTES */
    return SUCCESS;
}

#ifndef OLD_DRIVER
int nvmlDeviceGetRemappedRows(void *handle, unsigned *corrected, unsigned *uncorrected, unsigned *pending,
                              unsigned *failed) {
    ENTER_DEVICE;
    *corrected = of->remapped[0], *uncorrected = of->remapped[1], *pending = of->remapped[2], *failed = of->remapped[3];
    return SUCCESS;
}

int nvmlDeviceGetMigMode(void *handle, unsigned *current, unsigned *pending) {
    ENTER_DEVICE;
    *current = *pending = of->instances > 0;
    return SUCCESS;
}

int nvmlDeviceGetMaxMigDeviceCount(void *handle, unsigned *count) {
    ENTER_DEVICE;
    *count = 7;
    return SUCCESS;
}

int nvmlDeviceGetMigDeviceHandleByIndex(void *handle, unsigned index, void **instance) {
    ENTER_DEVICE;
    for (int i = 0; i < read.instance_count; i++)
        if (read.devices[DEVICES + i].parent == of - read.devices && index-- == 0) {
            *instance = (void *)((size_t)DEVICES + (size_t)i + 1);
            return SUCCESS;
        }
    return NOT_FOUND;
}
#endif

int nvmlDeviceGetName(void *handle, char *name, unsigned size) {
    ENTER_DEVICE;
    snprintf(name, size, "Stand-in %d", (int)(of - read.devices));
    return SUCCESS;
}

int nvmlDeviceGetUUID(void *handle, char *uuid, unsigned size) {
    ENTER_DEVICE;
    int number = (int)(of - read.devices);
    snprintf(uuid, size, "%s-%04d", number < DEVICES ? "GPU" : "MIG", number < DEVICES ? number : number - DEVICES);
    return SUCCESS;
}

int nvmlSystemGetDriverVersion(char *version, unsigned size) {
    script read;
    int code = enter(__func__, &read);
    if (!code) snprintf(version, size, "%s", read.driver);
    return code;
}

int nvmlSystemGetCudaDriverVersion_v2(int *version) {
    script read;
    int code = enter(__func__, &read);
    if (!code) *version = read.cuda;
    return code;
}

int nvmlEventSetCreate(event_set **set) {
    script read;
    int code = enter(__func__, &read);
    if (code) return code;
    for (int i = 0; i < SETS; i++)
        if (!sets[i].used) {
            sets[i].used = 1;
            *set = &sets[i];
            return SUCCESS;
        }
    abort(); /* the caller does not free them */
}

int nvmlEventSetFree(event_set *set) {
    if (!set->used) return INVALID_ARGUMENT;
    set->used = 0;
    return SUCCESS;
}

int nvmlDeviceRegisterEvents(void *handle, u64 types, event_set *set) {
    ENTER_DEVICE;
    if (!set->used || types != XID_CRITICAL_ERROR) return INVALID_ARGUMENT;
    set->device = (int)(of - read.devices);
    set->reported = of->xid_count;
    return SUCCESS;
}

int nvmlEventSetWait_v2(event_set *set, event_data *event, unsigned milliseconds) {
    const void *handle = (const void *)((size_t)set->device + 1);
    ENTER_DEVICE;
    if (!set->used) return INVALID_ARGUMENT;
    if (set->reported < of->xid_count) {
        *event = (event_data){(void *)((size_t)set->device + 1), XID_CRITICAL_ERROR, of->xids[set->reported++], ~0u, ~0u};
        return SUCCESS;
    }
    sleep_for(milliseconds / 1e3);
    return TIMEOUT;
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
    if (counter == 1) *count = type == 1 ? of->ecc : of->corrected; /* NVML_AGGREGATE_ECC, uncorrected */
    else *count = type == 1 ? of->volatile_uncorrected : of->volatile_corrected;
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
            long long grown = at->growth * (long long)*listing;
            if (at->rate) grown += (long long)((double)at->rate * seconds_since_first_listing());
            u64 used = at->used < 0 ? (u64)-1 : (u64)(at->used + grown);
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
