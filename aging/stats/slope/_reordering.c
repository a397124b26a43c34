/* Sorting samples from one order into another, and the pairs that change places on the way.

   A merge sort that touches only what overlaps: its cost follows from how far samples move, and Sen's slope
   sorts almost sorted samples a dozen times. Key and sample travel together, and keys are compared as
   integers, so that a step of a merge is a load and a store without a branch to mispredict.

   Nothing of numpy is needed, and only the limited API: one build serves every Python from 3.11 on.
   aging.stats.slope.inversions does the same, bit for bit, without a compiler.
*/
#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    FEW = 8,      /* elements that insertion sorts faster than merges do */
    CACHED = 8192 /* elements that are merged together before the next ones are read */
};

typedef struct {
    int64_t key; /* a double's bits, so that they order as it does */
    int64_t tie; /* the sample, negated where samples of equal value are to fall */
} Element;

/* The exchanged pairs to be written down: those of the given numbers, as the merges come upon them, or all. */
typedef struct {
    const int64_t *picks; /* ascending; NULL for all pairs */
    Py_ssize_t picked, noted, room;
    int64_t next; /* no pair before this one is to be written down */
    int32_t *earlier, *later;
} Pairs;

static inline int precedes(const Element *a, const Element *b)
{
    return (a->key < b->key) | ((a->key == b->key) & (a->tie < b->tie));
}

static inline int32_t sample(const Element *element)
{
    return (int32_t)(element->tie < 0 ? -element->tie : element->tie);
}

static int64_t ordered_bits(double value)
{
    int64_t bits;
    value += 0.0; /* -0.0 equals 0.0 */
    memcpy(&bits, &value, sizeof bits);
    return bits < 0 ? bits ^ INT64_MAX : bits;
}

static void note(Pairs *pairs, const Element *earlier, const Element *later)
{
    pairs->earlier[pairs->noted] = sample(earlier);
    pairs->later[pairs->noted++] = sample(later);
}

/* `later` overtakes the `count` elements from `earlier` on: pairs `number` to `number + count - 1`. */
static void note_overtaken(Pairs *pairs, int64_t number, const Element *earlier, int64_t count, const Element *later)
{
    if (pairs->picks == NULL) {
        if (pairs->noted + count <= pairs->room)
            for (int64_t k = 0; k < count; k++)
                note(pairs, earlier + k, later);
        else /* too many: reported by their number */
            pairs->noted += count;
        return;
    }
    while (pairs->noted < pairs->picked && pairs->picks[pairs->noted] < number + count)
        note(pairs, earlier + (pairs->picks[pairs->noted] - number), later);
    pairs->next = pairs->noted < pairs->picked ? pairs->picks[pairs->noted] : INT64_MAX;
}

/* How many of the sorted `size` elements at `first` precede `limit`: a search that starts at the first. */
static Py_ssize_t leading(const Element *first, Py_ssize_t size, const Element *limit)
{
    Py_ssize_t low = 0, high = 1;
    while (high < size && precedes(first + high, limit)) {
        low = high;
        high *= 2;
    }
    high = high < size ? high : size;
    while (low < high) {
        Py_ssize_t middle = low + (high - low) / 2;
        if (precedes(first + middle, limit))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* How many of the sorted `size` elements up to `end` follow `limit`: a search that starts at the last. */
static Py_ssize_t trailing(const Element *end, Py_ssize_t size, const Element *limit)
{
    Py_ssize_t low = 0, high = 1;
    while (high < size && precedes(limit, end - 1 - high)) {
        low = high;
        high *= 2;
    }
    high = high < size ? high : size;
    while (low < high) {
        Py_ssize_t middle = low + (high - low) / 2;
        if (precedes(limit, end - 1 - middle))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Merge [left, left_end) and [right, right_end) into `out`, which lies elsewhere. */
static int64_t merge_noting(const Element *left, const Element *left_end, const Element *right,
                            const Element *right_end, Element *out, Pairs *pairs, int64_t number)
{
    int64_t before = number;
    while (left < left_end && right < right_end) {
        int overtakes = precedes(right, left);
        int64_t overtaken = (left_end - left) & -(int64_t)overtakes;
        if (number + overtaken > pairs->next)
            note_overtaken(pairs, number, left, overtaken, right);
        number += overtaken;
        *out++ = *(overtakes ? right : left);
        right += overtakes;
        left += !overtakes;
    }
    memcpy(out, left, (size_t)(left_end - left) * sizeof *out);
    memcpy(out + (left_end - left), right, (size_t)(right_end - right) * sizeof *out);
    return number - before;
}

/* The same from both ends at once: two chains of steps that do not wait for each other. An element of the right
   part overtakes those of the left that come out after it. */
static int64_t merge_counting(const Element *left, const Element *left_end, const Element *right,
                              const Element *right_end, Element *out)
{
    const Element *const end = left_end;
    int64_t front = 0, back = 0;
    for (;;) {
        Py_ssize_t lefts = left_end - left, rights = right_end - right, safe = lefts < rights ? lefts : rights;
        if (safe < 4)
            break;
        Element *out_end = out + lefts + rights;
        for (Py_ssize_t step = 0; step < safe; step++) { /* neither part can run out within so many */
            int overtakes = precedes(right, left);
            *out++ = *(overtakes ? right : left);
            front += (end - left) & -(int64_t)overtakes;
            right += overtakes;
            left += !overtakes;
            int stays = precedes(left_end - 1, right_end - 1);
            *--out_end = *(stays ? right_end - 1 : left_end - 1);
            back += (end - left_end) & -(int64_t)stays;
            right_end -= stays;
            left_end -= !stays;
        }
    }
    while (left < left_end && right < right_end) {
        int overtakes = precedes(right, left);
        *out++ = *(overtakes ? right : left);
        front += (end - left) & -(int64_t)overtakes;
        right += overtakes;
        left += !overtakes;
    }
    memcpy(out, left, (size_t)(left_end - left) * sizeof *out);
    memcpy(out + (left_end - left), right, (size_t)(right_end - right) * sizeof *out);
    return front + back + (int64_t)(right_end - right) * (end - left_end);
}

static int64_t insertion_sort(Element *begin, const Element *end)
{
    int64_t exchanged = 0;
    for (Element *next = begin + 1; next < end; next++) {
        Element moved = *next, *place = next;
        for (; place > begin && precedes(&moved, place - 1); place--)
            *place = *(place - 1);
        *place = moved;
        exchanged += next - place;
    }
    return exchanged;
}

/* Merge runs of `sorted` elements until runs of `wanted` are sorted. */
static int64_t merge_runs(Element *elements, Py_ssize_t n, Py_ssize_t sorted, Py_ssize_t wanted, Element *scratch,
                          Pairs *pairs)
{
    int64_t exchanged = 0;
    for (; sorted < wanted && sorted < n; sorted *= 2)
        for (Py_ssize_t first = 0; first + sorted < n; first += 2 * sorted) {
            Element *middle = elements + first + sorted;
            if (precedes(middle - 1, middle))
                continue;
            Py_ssize_t size = n - first - sorted < sorted ? n - first - sorted : sorted;
            Py_ssize_t lefts = trailing(middle, sorted, middle), rights = leading(middle, size, middle - 1);
            const Element *right = scratch + lefts, *end = right + rights;
            memcpy(scratch, middle - lefts, (size_t)(lefts + rights) * sizeof *scratch);
            exchanged += pairs == NULL ? merge_counting(scratch, right, right, end, middle - lefts)
                                       : merge_noting(scratch, right, right, end, middle - lefts, pairs, exchanged);
        }
    return exchanged;
}

static int64_t merge_sort(Element *elements, Py_ssize_t n, Element *scratch, Pairs *pairs)
{
    if (pairs != NULL) /* pairs are numbered merge by merge, so there is nothing but merges */
        return merge_runs(elements, n, 1, n, scratch, pairs);
    int64_t exchanged = 0;
    for (Py_ssize_t first = 0; first < n; first += CACHED) {
        Py_ssize_t size = n - first < CACHED ? n - first : CACHED;
        for (Py_ssize_t few = 0; few < size; few += FEW)
            exchanged += insertion_sort(elements + first + few, elements + first + (few + FEW < size ? few + FEW : size));
        exchanged += merge_runs(elements + first, size, FEW, CACHED, scratch, NULL);
    }
    return exchanged + merge_runs(elements, n, CACHED, n, scratch, NULL);
}

static int64_t reorder(const double *values, const int32_t *start, Py_ssize_t n, int falling, int32_t *order,
                       Element *elements, Pairs *pairs)
{
    for (Py_ssize_t k = 0; k < n; k++) {
        elements[k].key = ordered_bits(values[start[k]]);
        elements[k].tie = falling ? -(int64_t)start[k] : start[k];
    }
    int64_t exchanged = merge_sort(elements, n, elements + n, pairs);
    for (Py_ssize_t k = 0; k < n; k++)
        order[k] = sample(elements + k);
    return exchanged;
}

PyDoc_STRVAR(reorder_doc,
"reorder(values, start, falling, order, picks, earlier, later) -> (exchanged, noted)\n\n"
"Write to `order` the samples sorted by value from the order `start`; see aging.stats.slope.inversions.reorder.");

static PyObject *py_reorder(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer values, start, order, picks, earlier, later;
    int falling;
    if (!PyArg_ParseTuple(arguments, "y*y*pw*z*w*w*:reorder", &values, &start, &falling, &order, &picks, &earlier,
                          &later))
        return NULL;
    PyObject *result = NULL;
    Py_ssize_t n = values.len / (Py_ssize_t)sizeof(double);
    Element *elements = NULL;
    if (start.len != n * (Py_ssize_t)sizeof(int32_t) || order.len != start.len || earlier.len != later.len
        || picks.len / (Py_ssize_t)sizeof(int64_t) > earlier.len / (Py_ssize_t)sizeof(int32_t))
        PyErr_SetString(PyExc_ValueError, "values (float64), start and order (int32) must be equally many, "
                                          "and so must picks (int64), earlier and later (int32)");
    else if ((elements = malloc((2 * (size_t)n + 1) * sizeof *elements)) == NULL)
        PyErr_NoMemory();
    else {
        Pairs pairs = {.picks = picks.buf,
                       .picked = picks.len / (Py_ssize_t)sizeof(int64_t),
                       .room = earlier.len / (Py_ssize_t)sizeof(int32_t),
                       .earlier = earlier.buf,
                       .later = later.buf};
        int64_t exchanged;
        Py_BEGIN_ALLOW_THREADS
        exchanged = reorder(values.buf, start.buf, n, falling, order.buf, elements, pairs.room ? &pairs : NULL);
        Py_END_ALLOW_THREADS
        free(elements);
        result = Py_BuildValue("Ln", (long long)exchanged, pairs.noted);
    }
    Py_buffer *held[] = {&values, &start, &order, &picks, &earlier, &later};
    for (size_t k = 0; k < sizeof held / sizeof *held; k++)
        PyBuffer_Release(held[k]);
    return result;
}

static PyMethodDef methods[] = {{"reorder", py_reorder, METH_VARARGS, reorder_doc}, {NULL, NULL, 0, NULL}};

static PyModuleDef module = {PyModuleDef_HEAD_INIT, "_reordering", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__reordering(void) { return PyModuleDef_Init(&module); }
