/* The C table of Vitrine plugins, ABI 1.
 *
 * A plugin is a folder with manifest.json (kind "c", "abi": 1, "library": file name) and a shared library that exports
 * vt_plugin_query. The library is loaded into a process of its own, so that whatever it does, only the plugin is lost.
 * Strings are UTF-8 and end with NUL. Everything the host passes is valid only during the call; everything the plugin
 * passes to the sink is copied during the call. Every struct begins with its size: a field exists if it lies within it.
 * No function may let an exception pass.
 */
#ifndef VITRINE_PLUGIN_H
#define VITRINE_PLUGIN_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VT_ABI_MAJOR 1

/* A strided view of host memory with the layout of DLPack's DLTensor (version 0.8 and newer). */
typedef struct vt_device {
  int32_t type; /* 1: CPU, always */
  int32_t id;
} vt_device;

enum { VT_INT = 0, VT_UINT = 1, VT_FLOAT = 2 };

typedef struct vt_dtype {
  uint8_t code; /* VT_INT, VT_UINT, VT_FLOAT */
  uint8_t bits;
  uint16_t lanes; /* 1, always */
} vt_dtype;

typedef struct vt_tensor {
  void *data; /* NULL: not there */
  vt_device device;
  int32_t ndim;
  vt_dtype dtype;
  int64_t *shape;
  int64_t *strides; /* in elements; NULL: row-major and compact */
  uint64_t byte_offset;
} vt_tensor;

/* What an analysis asks for; token ids and texts are always there. */
enum { VT_NEEDS_ATTENTION = 1 };

typedef struct vt_input {
  uint64_t struct_size;
  const char *model;              /* name for people */
  int64_t token_count;
  vt_tensor token_ids;            /* [token], int64; -1 for positions that are no token of a vocabulary */
  const char *const *token_texts; /* token_count strings */
  vt_tensor attention;            /* [layer, head, query, key], float32; rows sum to 1 for softmax attention */
  const char *params_json;        /* object: the parameters by name, defaults filled in */
} vt_input;

typedef struct vt_cell {
  const char *text; /* NULL: the number counts */
  double number;
} vt_cell;

/* Where results go. Functions return 0, or another number if the host refuses (a limit, a name, a shape). */
typedef struct vt_sink {
  uint64_t struct_size;
  void *context;
  int (*title)(void *context, const char *text);
  int (*note)(void *context, const char *name, const char *text);
  int (*metric)(void *context, const char *name, double value, const char *unit);
  /* float32; one name per axis */
  int (*array)(void *context, const char *name, const char *unit, const vt_tensor *values, const char *const *axes);
  int (*table)(void *context, const char *name, int32_t columns, const char *const *column_names);
  int (*row)(void *context, int32_t cells, const vt_cell *values); /* of the table begun last */
  int (*error)(void *context, const char *message);                /* then return non-zero from run */
} vt_sink;

enum { VT_PARAM_INT = 0, VT_PARAM_FLOAT = 1, VT_PARAM_BOOL = 2, VT_PARAM_TEXT = 3 };

typedef struct vt_param {
  uint64_t struct_size;
  const char *name;
  const char *doc;
  int32_t type;
  const char *fallback; /* as text: "3", "0.5", "true", "abc" */
} vt_param;

/* Which picture suits the result: the names of the program's own ("table", "heat_map", "matrix", "bars", ...). */
typedef struct vt_analysis {
  uint64_t struct_size;
  const char *id; /* snake_case */
  const char *title;
  const char *summary;
  const char *source;  /* paper, or "" */
  const char *picture;
  uint64_t needs;      /* VT_NEEDS_* */
  int32_t param_count;
  const vt_param *const *params;
  int (*run)(const vt_input *input, const vt_sink *sink); /* 0: done */
} vt_analysis;

typedef struct vt_plugin {
  uint64_t struct_size;
  uint32_t abi_major; /* VT_ABI_MAJOR */
  uint32_t abi_minor;
  const char *id; /* as in the manifest */
  int32_t analysis_count;
  const vt_analysis *const *analyses;
} vt_plugin;

/* The one exported symbol. Returns NULL if the plugin cannot speak this major version. */
const vt_plugin *vt_plugin_query(uint32_t abi_major);

#ifdef __cplusplus
}
#endif
#endif
