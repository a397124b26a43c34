/* Sorting samples, and the pairs that change places on the way.

   Two sorts. The one from time order only counts pairs: it deals the samples out by three bits of their value at a
   time, the highest first, and no step waits for the one before. The one from any order also writes pairs down: by
   insertion when all of them are wanted, which are few, and by merges when some are picked from many.

   Nothing of numpy is needed, and only the limited API: one build serves every Python from 3.11 on.
   aging.stats.slope.inversions does the same, bit for bit, without a compiler.
*/
#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    FEW = 16,       /* elements that insertion sorts faster than dealing does */
    WAYS = 8,       /* parts that elements are dealt out to */
    DEAL = 255      /* elements that are counted in the bytes of one word */
};

/* Sorting from time order: a packed element has its value in the high bits, as a whole number in which almost all
   values differ, and the sample's number in the low ones, reversed where samples of equal value are to fall. */

typedef struct {
    const double *values;
    int bits; /* of a sample's number */
    uint64_t mask, reversed;
} Packing;

static inline int32_t unpacked(const Packing *packing, uint64_t element)
{
    return (int32_t)((element & packing->mask) ^ packing->reversed);
}

static inline double number(const void *values, Py_ssize_t k)
{
    double value;
    memcpy(&value, (const char *)values + k * (Py_ssize_t)sizeof value, sizeof value);
    return value;
}

/* Put in the high bits of `elements` what orders them by their `values`, doubles; the low bits stay. */
static void pack(uint64_t *elements, const void *values, Py_ssize_t n, int bits)
{
    double low = number(values, 0), high = low, most = (double)((UINT64_C(1) << (63 - bits)) - 1);
    for (Py_ssize_t k = 1; k < n; k++) {
        double value = number(values, k);
        low = value < low ? value : low;
        high = value > high ? value : high;
    }
    low = low < -DBL_MAX ? -DBL_MAX : low; /* the infinite ones have the places beside */
    high = high > DBL_MAX ? DBL_MAX : high;
    double unit = isinf(high - low) ? 0.5 : high - low < 1e-200 ? 0x1p600 : 1.0, base = low * unit;
    double scale = high > low ? (most - 2) / (high * unit - base) : 0;
    for (Py_ssize_t k = 0; k < n; k++) {
        double place = 1 + (number(values, k) * unit - base) * scale;
        place = place > 0 ? place < most ? place : most : 0;
        elements[k] |= (uint64_t)(int64_t)place << bits;
    }
}

static int64_t insert(uint64_t *elements, Py_ssize_t n)
{
    int64_t exchanged = 0;
    for (Py_ssize_t k = 1; k < n; k++) {
        uint64_t moved = elements[k];
        Py_ssize_t place = k;
        for (; place > 0 && moved < elements[place - 1]; place--)
            elements[place] = elements[place - 1];
        elements[place] = moved;
        exchanged += k - place;
    }
    return exchanged;
}

static int64_t reverse(uint64_t *elements, Py_ssize_t n)
{
    for (Py_ssize_t k = 0; k < n / 2; k++) {
        uint64_t element = elements[k];
        elements[k] = elements[n - 1 - k];
        elements[n - 1 - k] = element;
    }
    return (int64_t)n * (n - 1) / 2;
}

/* Count the elements of each digit, and the pairs of which the later one has the lower digit. Byte d of `above` is
   how many elements had a digit above d. */
static int64_t survey(const uint64_t *elements, Py_ssize_t n, int shift, Py_ssize_t count[WAYS])
{
    int64_t exchanged = 0, passed[WAYS] = {0};
    memset(count, 0, WAYS * sizeof *count);
    for (Py_ssize_t first = 0; first < n; first += DEAL) {
        Py_ssize_t last = n - first < DEAL ? n : first + DEAL;
        uint64_t above = 0;
        for (Py_ssize_t k = first; k < last; k++) {
            int byte = (int)(elements[k] >> shift & (WAYS - 1)) * 8;
            exchanged += (int64_t)(above >> byte & 255);
            above += UINT64_C(0x0101010101010101) & ((UINT64_C(1) << byte) - 1);
        }
        int64_t from = last - first;
        for (int digit = 0; digit < WAYS; digit++) {
            int64_t beyond = (int64_t)(above >> digit * 8 & 255);
            exchanged += (from - beyond) * passed[digit];
            count[digit] += (Py_ssize_t)(from - beyond);
            passed[digit] += beyond;
            from = beyond;
        }
    }
    return exchanged;
}

/* Sort `elements` where they are, or into `other` where `away`. */
static int64_t deal(uint64_t *elements, uint64_t *other, Py_ssize_t n, const Packing *packing, int away)
{
    int64_t exchanged = 0;
    uint64_t differing = 0;
    for (Py_ssize_t k = 1; k < n; k++)
        differing |= elements[k] ^ elements[0];
    if (differing >> packing->bits && n > FEW) {
        int shift = packing->bits;
        while (differing >> shift >= WAYS)
            shift++;
        Py_ssize_t count[WAYS], first = 0;
        uint64_t *next[WAYS];
        exchanged = survey(elements, n, shift, count);
        for (int digit = 0; digit < WAYS; first += count[digit++])
            next[digit] = other + first;
        for (Py_ssize_t k = 0; k < n; k++)
            *next[elements[k] >> shift & (WAYS - 1)]++ = elements[k];
        first = 0;
        for (int digit = 0; digit < WAYS; first += count[digit++])
            if (count[digit])
                exchanged += deal(other + first, elements + first, count[digit], packing, !away);
        return exchanged;
    }
    if (differing >> packing->bits)
        exchanged = insert(elements, n);
    else if (packing->reversed) /* equal values, still in the order of time */
        exchanged = reverse(elements, n);
    if (away)
        memcpy(other, elements, (size_t)n * sizeof *other);
    return exchanged;
}

/* Sort elements that stand in the order of time and have these `values`, and write down their `order`. Values that were
   packed alike and differ are packed again. */
static int64_t sort(uint64_t *elements, uint64_t *other, const void *values, Py_ssize_t n, const Packing *packing,
                    int32_t *order)
{
    const int bits = packing->bits;
    pack(elements, values, n, bits);
    int64_t exchanged = deal(elements, other, n, packing, 0);
    for (Py_ssize_t first = 0, last; first < n; first = last) {
        order[first] = unpacked(packing, elements[first]);
        int differ = 0;
        for (last = first + 1; last < n && elements[last] >> bits == elements[first] >> bits; last++) {
            order[last] = unpacked(packing, elements[last]);
            differ |= packing->values[order[last]] != packing->values[order[last - 1]];
        }
        if (!differ)
            continue;
        if (packing->reversed)
            exchanged -= reverse(elements + first, last - first);
        for (Py_ssize_t k = first; k < last; k++) {
            elements[k] &= packing->mask;
            memcpy(other + k - first, packing->values + unpacked(packing, elements[k]), sizeof *other);
        }
        /* `other` holds the values until they are packed */
        exchanged += sort(elements + first, other, other, last - first, packing, order + first);
    }
    return exchanged;
}

/* Sorting from any order: key and sample travel together, and keys are compared as integers, so that a step of a
   merge is a load and a store without a branch to mispredict. */

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

/* `later` overtakes the elements from `earlier` on, up to pair `number` - 1: those picked are written down. */
static void note_picked(Pairs *pairs, int64_t first, int64_t number, const Element *earlier, const Element *later)
{
    while (pairs->noted < pairs->picked && pairs->picks[pairs->noted] < number)
        note(pairs, earlier + (pairs->picks[pairs->noted] - first), later);
    pairs->next = pairs->noted < pairs->picked ? pairs->picks[pairs->noted] : INT64_MAX;
}

/* Merge [left, left_end) and [right, right_end) into `out`, which lies elsewhere. */
static int64_t merge(const Element *left, const Element *left_end, const Element *right, const Element *right_end,
                     Element *out, Pairs *pairs, int64_t number)
{
    int64_t before = number;
    while (left < left_end && right < right_end) {
        int overtakes = precedes(right, left);
        int64_t overtaken = (left_end - left) & -(int64_t)overtakes;
        if (number + overtaken > pairs->next)
            note_picked(pairs, number, number + overtaken, left, right);
        number += overtaken;
        *out++ = *(overtakes ? right : left);
        right += overtakes;
        left += !overtakes;
    }
    memcpy(out, left, (size_t)(left_end - left) * sizeof *out);
    memcpy(out + (left_end - left), right, (size_t)(right_end - right) * sizeof *out);
    return number - before;
}

/* Sort by merges, of runs that do not stand right already, and write down the picked pairs. */
static int64_t sort_picking(Element *elements, Py_ssize_t n, Element *scratch, Pairs *pairs)
{
    int64_t exchanged = 0;
    for (Py_ssize_t sorted = 1; sorted < n; sorted *= 2)
        for (Py_ssize_t first = 0; first + sorted < n; first += 2 * sorted) {
            Element *middle = elements + first + sorted;
            if (precedes(middle - 1, middle))
                continue;
            Py_ssize_t size = n - first - sorted < sorted ? n - first - sorted : sorted;
            Element *right = scratch + sorted;
            memcpy(scratch, middle - sorted, (size_t)(sorted + size) * sizeof *scratch);
            exchanged += merge(scratch, right, right, right + size, middle - sorted, pairs, exchanged);
        }
    return exchanged;
}

/* Sort by insertion and write down every pair; left undone as soon as there are more than there is room for. */
static int64_t sort_listing(Element *elements, Py_ssize_t n, Pairs *pairs)
{
    for (Py_ssize_t k = 1; k < n; k++) {
        Element moved = elements[k], *place = elements + k;
        for (; place > elements && precedes(&moved, place - 1); place--) {
            if (pairs->noted == pairs->room)
                return pairs->room + 1;
            note(pairs, place - 1, &moved);
            *place = *(place - 1);
        }
        *place = moved;
    }
    return pairs->noted;
}

static int64_t note_pairs(const double *values, const int32_t *start, Py_ssize_t n, int falling, Element *elements,
                          Pairs *pairs)
{
    for (Py_ssize_t k = 0; k < n; k++) {
        elements[k].key = ordered_bits(values[start[k]]);
        elements[k].tie = falling ? -(int64_t)start[k] : start[k];
    }
    if (pairs->picks == NULL)
        return sort_listing(elements, n, pairs);
    sort_picking(elements, n, elements + n, pairs);
    return pairs->noted;
}

PyDoc_STRVAR(sort_doc,
"sort(values, falling, order) -> exchanged\n\n"
"Write to `order` the samples sorted by value; see aging.stats.slope.inversions.sort.");

static PyObject *py_sort(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer values, order;
    int falling;
    if (!PyArg_ParseTuple(arguments, "y*pw*:sort", &values, &falling, &order))
        return NULL;
    PyObject *result = NULL;
    Py_ssize_t n = values.len / (Py_ssize_t)sizeof(double);
    uint64_t *elements = NULL;
    if (order.len != n * (Py_ssize_t)sizeof(int32_t))
        PyErr_SetString(PyExc_ValueError, "values (float64) and order (int32) must be equally many");
    else if ((elements = malloc((2 * (size_t)n + 1) * sizeof *elements)) == NULL)
        PyErr_NoMemory();
    else {
        Packing packing = {.values = values.buf, .bits = 1};
        while ((Py_ssize_t)1 << packing.bits < n)
            packing.bits++;
        packing.mask = (UINT64_C(1) << packing.bits) - 1;
        packing.reversed = falling ? packing.mask : 0;
        int64_t exchanged = 0;
        Py_BEGIN_ALLOW_THREADS
        for (Py_ssize_t k = 0; k < n; k++)
            elements[k] = (uint64_t)k ^ packing.reversed;
        if (n > 0)
            exchanged = sort(elements, elements + n, values.buf, n, &packing, order.buf);
        Py_END_ALLOW_THREADS
        free(elements);
        result = PyLong_FromLongLong((long long)exchanged);
    }
    PyBuffer_Release(&values);
    PyBuffer_Release(&order);
    return result;
}

PyDoc_STRVAR(pairs_doc,
"pairs(values, start, falling, picks, earlier, later) -> noted\n\n"
"Write down pairs that change places between `start` and the order by value; see aging.stats.slope.inversions.pairs.");

static PyObject *py_pairs(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer values, start, picks, earlier, later;
    int falling;
    if (!PyArg_ParseTuple(arguments, "y*y*pz*w*w*:pairs", &values, &start, &falling, &picks, &earlier, &later))
        return NULL;
    PyObject *result = NULL;
    Py_ssize_t n = values.len / (Py_ssize_t)sizeof(double);
    Element *elements = NULL;
    if (start.len != n * (Py_ssize_t)sizeof(int32_t) || earlier.len != later.len
        || picks.len / (Py_ssize_t)sizeof(int64_t) > earlier.len / (Py_ssize_t)sizeof(int32_t))
        PyErr_SetString(PyExc_ValueError, "values (float64) and start (int32) must be equally many, "
                                          "and so must picks (int64), earlier and later (int32)");
    else if ((elements = malloc((2 * (size_t)n + 1) * sizeof *elements)) == NULL)
        PyErr_NoMemory();
    else {
        Pairs pairs = {.picks = picks.buf,
                       .picked = picks.len / (Py_ssize_t)sizeof(int64_t),
                       .room = earlier.len / (Py_ssize_t)sizeof(int32_t),
                       .earlier = earlier.buf,
                       .later = later.buf};
        int64_t noted;
        Py_BEGIN_ALLOW_THREADS
        noted = note_pairs(values.buf, start.buf, n, falling, elements, &pairs);
        Py_END_ALLOW_THREADS
        free(elements);
        result = PyLong_FromLongLong((long long)noted);
    }
    Py_buffer *held[] = {&values, &start, &picks, &earlier, &later};
    for (size_t k = 0; k < sizeof held / sizeof *held; k++)
        PyBuffer_Release(held[k]);
    return result;
}

static PyMethodDef methods[] = {{"sort", py_sort, METH_VARARGS, sort_doc},
                                {"pairs", py_pairs, METH_VARARGS, pairs_doc},
                                {NULL, NULL, 0, NULL}};

static PyModuleDef module = {PyModuleDef_HEAD_INIT, "_reordering", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__reordering(void) { return PyModuleDef_Init(&module); }
