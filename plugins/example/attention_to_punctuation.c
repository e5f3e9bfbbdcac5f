/* An outside plugin in plain C: how much of each head's attention goes to punctuation. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vitrine/vitrine_plugin.h>

/* A token that holds at least one punctuation mark and no letter, digit or other sign. */
static int is_punctuation(const char *text) {
  int marks = 0;
  for (const unsigned char *c = (const unsigned char *)text; *c != 0; ++c) {
    if (isspace(*c)) continue;
    if (*c >= 128 || !ispunct(*c)) return 0;
    ++marks;
  }
  return marks > 0;
}

/* The value of an integer parameter in the flat JSON object that the host writes. */
static long int_param(const char *json, const char *name, long fallback) {
  char key[64];
  snprintf(key, sizeof key, "\"%s\":", name);
  const char *found = strstr(json, key);
  return found == NULL ? fallback : strtol(found + strlen(key), NULL, 10);
}

static int64_t stride_of(const vt_tensor *t, int axis) {
  if (t->strides != NULL) return t->strides[axis];
  int64_t step = 1;
  for (int i = t->ndim - 1; i > axis; --i) step *= t->shape[i];
  return step;
}

/* Mean over the queries of the attention that lands on marked keys. */
static double mass_on(const vt_tensor *maps, int64_t layer, int64_t head, int64_t skip, const char *marked) {
  const float *base = (const float *)((const char *)maps->data + maps->byte_offset) + layer * stride_of(maps, 0) +
                      head * stride_of(maps, 1);
  double sum = 0;
  int64_t queries = 0;
  for (int64_t q = skip; q < maps->shape[2]; ++q, ++queries)
    for (int64_t k = 0; k < maps->shape[3]; ++k)
      if (marked[k]) sum += base[q * stride_of(maps, 2) + k * stride_of(maps, 3)];
  return queries > 0 ? sum / (double)queries : 0;
}

static int run(const vt_input *in, const vt_sink *out) {
  const vt_tensor *maps = &in->attention;
  if (maps->data == NULL || maps->ndim != 4 || maps->shape[3] != in->token_count) {
    out->error(out->context, "needs one attention map over the tokens of a text");
    return 1;
  }
  const int64_t layers = maps->shape[0], heads = maps->shape[1];
  const long skip = int_param(in->params_json, "skip_queries", 0);
  char *marked = calloc((size_t)in->token_count, 1);
  float *mass = calloc((size_t)(layers * heads), sizeof *mass);
  if (marked == NULL || mass == NULL || skip < 0) {
    free(marked);
    free(mass);
    out->error(out->context, skip < 0 ? "skip_queries must not be negative" : "out of memory");
    return 1;
  }
  double marks = 0;
  for (int64_t k = 0; k < in->token_count; ++k) marks += marked[k] = (char)is_punctuation(in->token_texts[k]);

  const char *columns[] = {"head", "mass on punctuation"};
  out->table(out->context, "heads", 2, columns);
  for (int64_t l = 0; l < layers; ++l)
    for (int64_t h = 0; h < heads; ++h) {
      const double value = mass_on(maps, l, h, skip, marked);
      char name[32];
      snprintf(name, sizeof name, "%lld.%lld", (long long)l, (long long)h);
      const vt_cell cells[] = {{name, 0}, {NULL, value}};
      mass[l * heads + h] = (float)value;
      out->row(out->context, 2, cells);
    }
  int64_t shape[] = {layers, heads};
  const vt_tensor grid = {mass, {1, 0}, 2, {VT_FLOAT, 32, 1}, shape, NULL, 0};
  const char *axes[] = {"layer", "head"};
  const int refused = out->array(out->context, "mass on punctuation", "probability", &grid, axes);
  out->metric(out->context, "punctuation tokens", marks, "tokens");
  free(marked);
  free(mass);
  return refused;
}

static const vt_param skip_queries = {sizeof(vt_param), "skip_queries", "leave out the first queries", VT_PARAM_INT, "0"};
static const vt_param *const params[] = {&skip_queries};
static const vt_analysis analysis = {
    sizeof(vt_analysis),
    "attention_to_punctuation",
    "Attention to punctuation",
    "Mean share of each head's attention that goes to tokens made of punctuation marks",
    "Clark et al. 2019, arXiv:1906.04341, section 3.2",
    "heat_map",
    VT_NEEDS_ATTENTION,
    1,
    params,
    run,
};
static const vt_analysis *const analyses[] = {&analysis};
static const vt_plugin plugin = {sizeof(vt_plugin), VT_ABI_MAJOR, 0, "example.punctuation", 1, analyses};

const vt_plugin *vt_plugin_query(uint32_t abi_major) { return abi_major == VT_ABI_MAJOR ? &plugin : NULL; }
