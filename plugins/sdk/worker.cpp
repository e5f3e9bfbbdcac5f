// The process that a C plugin runs in: one question over standard input, one answer, and it ends.

#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <limits>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "engine/isolate/child_process.h"
#include "engine/plugin/frame.h"
#include "engine/io/plugin_manifest.h"
#include "plugins/sdk/vitrine_plugin.h"

namespace {

using vitrine::engine::Frame;
using Json = nlohmann::json;
static_assert(vitrine::engine::kPluginAbi == VT_ABI_MAJOR);

constexpr int kMaxAnalyses = 100, kMaxParams = 32, kMaxArrays = 64, kMaxTables = 16, kMaxColumns = 64, kMaxAxes = 8;
constexpr std::size_t kMaxRows = 100'000, kMaxText = 4096;
constexpr std::int64_t kMaxValues = std::int64_t{64} << 20;

Frame error_frame(std::string message) { return {Json{{"error", std::move(message)}}, {}}; }

std::string text_of(const char* text) { return text == nullptr ? "" : std::string(text, strnlen(text, kMaxText)); }

/// What the sink has collected. Its functions are called by the plugin.
struct Collected {
  Json head = {{"title", ""}, {"notes", Json::object()}, {"metrics", Json::array()}, {"arrays", Json::array()},
               {"tables", Json::array()}};
  std::string body;
  std::string error;
  std::size_t rows = 0;
};

Collected& collected(void* context) { return *static_cast<Collected*>(context); }

int sink_title(void* context, const char* text) {
  collected(context).head["title"] = text_of(text);
  return 0;
}

int sink_note(void* context, const char* name, const char* text) {
  Json& notes = collected(context).head["notes"];
  if (notes.size() >= 64) return 1;
  notes[text_of(name)] = text_of(text);
  return 0;
}

int sink_metric(void* context, const char* name, double value, const char* unit) {
  Json& metrics = collected(context).head["metrics"];
  if (metrics.size() >= 256) return 1;
  metrics.push_back({text_of(name), value, text_of(unit)});
  return 0;
}

/// Appends a strided float32 view, row-major.
int sink_array(void* context, const char* name, const char* unit, const vt_tensor* values, const char* const* axes) {
  Collected& out = collected(context);
  if (values == nullptr || values->data == nullptr || values->ndim < 1 || values->ndim > kMaxAxes ||
      values->shape == nullptr || values->dtype.code != VT_FLOAT || values->dtype.bits != 32 ||
      values->dtype.lanes != 1 || values->device.type != 1 || out.head["arrays"].size() >= kMaxArrays)
    return 1;
  std::int64_t count = 1;
  Json shape = Json::array(), names = Json::array();
  for (int i = 0; i < values->ndim; ++i) {
    if (values->shape[i] < 1 || values->shape[i] > kMaxValues / count) return 1;
    count *= values->shape[i];
    shape.push_back(values->shape[i]);
    names.push_back(axes == nullptr ? "" : text_of(axes[i]));
  }
  if (out.body.size() / sizeof(float) + static_cast<std::size_t>(count) > static_cast<std::size_t>(kMaxValues)) return 1;
  std::vector<std::int64_t> strides(values->ndim), at(values->ndim, 0);
  for (std::int64_t step = 1, i = values->ndim - 1; i >= 0; step *= values->shape[i], --i)
    strides[i] = values->strides == nullptr ? step : values->strides[i];
  const auto* base = reinterpret_cast<const float*>(static_cast<const char*>(values->data) + values->byte_offset);
  std::vector<float> flat(count);
  for (std::int64_t n = 0; n < count; ++n) {
    std::int64_t offset = 0;
    for (int i = 0; i < values->ndim; ++i) offset += at[i] * strides[i];
    flat[n] = base[offset];
    for (int i = values->ndim - 1; i >= 0 && ++at[i] == values->shape[i]; --i) at[i] = 0;
  }
  out.body.append(reinterpret_cast<const char*>(flat.data()), flat.size() * sizeof(float));
  out.head["arrays"].push_back({{"name", text_of(name)}, {"unit", text_of(unit)}, {"shape", shape}, {"axes", names}});
  return 0;
}

int sink_table(void* context, const char* name, std::int32_t columns, const char* const* column_names) {
  Collected& out = collected(context);
  if (columns < 1 || columns > kMaxColumns || column_names == nullptr || out.head["tables"].size() >= kMaxTables) return 1;
  Json names = Json::array();
  for (int i = 0; i < columns; ++i) names.push_back(text_of(column_names[i]));
  out.head["tables"].push_back({{"name", text_of(name)}, {"columns", names}, {"rows", Json::array()}});
  return 0;
}

int sink_row(void* context, std::int32_t cells, const vt_cell* values) {
  Collected& out = collected(context);
  if (out.head["tables"].empty() || values == nullptr || out.rows >= kMaxRows) return 1;
  Json& table = out.head["tables"].back();
  if (cells != static_cast<std::int32_t>(table["columns"].size())) return 1;
  Json row = Json::array();
  for (int i = 0; i < cells; ++i)
    row.push_back(values[i].text == nullptr ? Json(values[i].number) : Json(text_of(values[i].text)));
  table["rows"].push_back(std::move(row));
  ++out.rows;
  return 0;
}

int sink_error(void* context, const char* message) {
  collected(context).error = text_of(message);
  return 0;
}

/// The table of the library at `path`, or why there is none.
const vt_plugin* open_table(const char* path, std::string& problem) {
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    problem = fmt::format("cannot be loaded: {}", dlerror());
    return nullptr;
  }
  const auto query = reinterpret_cast<decltype(&vt_plugin_query)>(dlsym(library, "vt_plugin_query"));
  if (query == nullptr) {
    problem = "the symbol vt_plugin_query is missing";
    return nullptr;
  }
  const vt_plugin* table = query(VT_ABI_MAJOR);
  if (table == nullptr) problem = fmt::format("does not speak abi {}", VT_ABI_MAJOR);
  else if (table->struct_size < sizeof(vt_plugin)) problem = "its vt_plugin is too short";
  else if (table->abi_major != VT_ABI_MAJOR)
    problem = fmt::format("expected abi {}, came {}", VT_ABI_MAJOR, table->abi_major);
  else if (table->analysis_count < 0 || table->analysis_count > kMaxAnalyses)
    problem = fmt::format("expected at most {} analyses, came {}", kMaxAnalyses, table->analysis_count);
  for (int i = 0; problem.empty() && i < table->analysis_count; ++i) {
    const vt_analysis* analysis = table->analyses == nullptr ? nullptr : table->analyses[i];
    if (analysis == nullptr || analysis->struct_size < sizeof(vt_analysis) || analysis->run == nullptr ||
        analysis->param_count < 0 || analysis->param_count > kMaxParams)
      problem = fmt::format("its analysis {} is incomplete", i);
  }
  return problem.empty() ? table : nullptr;
}

Frame describe(const vt_plugin& table) {
  Json analyses = Json::array();
  for (int i = 0; i < table.analysis_count; ++i) {
    const vt_analysis& analysis = *table.analyses[i];
    Json params = Json::array();
    for (int p = 0; p < analysis.param_count; ++p) {
      const vt_param* param = analysis.params == nullptr ? nullptr : analysis.params[p];
      if (param == nullptr || param->struct_size < sizeof(vt_param))
        return error_frame(fmt::format("parameter {} of its analysis {} is incomplete", p, i));
      params.push_back({{"name", text_of(param->name)}, {"doc", text_of(param->doc)}, {"type", param->type},
                        {"fallback", text_of(param->fallback)}});
    }
    analyses.push_back({{"id", text_of(analysis.id)}, {"title", text_of(analysis.title)},
                        {"summary", text_of(analysis.summary)}, {"source", text_of(analysis.source)},
                        {"picture", text_of(analysis.picture)}, {"needs", analysis.needs}, {"params", params}});
  }
  return {Json{{"id", text_of(table.id)}, {"analyses", analyses}}, {}};
}

vt_tensor view(const void* data, vt_dtype dtype, std::vector<std::int64_t>& shape) {
  return {const_cast<void*>(data), {1, 0}, static_cast<std::int32_t>(shape.size()), dtype, shape.data(), nullptr, 0};
}

Frame run(const vt_plugin& table, const Frame& request) {
  const vt_analysis* analysis = nullptr;
  for (int i = 0; i < table.analysis_count; ++i)
    if (text_of(table.analyses[i]->id) == request.head.value("analysis", "")) analysis = table.analyses[i];
  if (analysis == nullptr) return error_frame("it has no such analysis");

  const auto texts = request.head.at("tokens").get<std::vector<std::string>>();
  auto attention_shape = request.head.at("attention").get<std::vector<std::int64_t>>();
  const std::string model = request.head.value("model", ""), params = request.head.at("params").dump();
  std::vector<const char*> token_texts;
  for (const auto& text : texts) token_texts.push_back(text.c_str());
  std::vector<std::int64_t> ids(texts.size());
  std::memcpy(ids.data(), request.body.data(), ids.size() * sizeof(std::int64_t));
  std::vector<float> attention((request.body.size() - ids.size() * sizeof(std::int64_t)) / sizeof(float));
  std::memcpy(attention.data(), request.body.data() + ids.size() * sizeof(std::int64_t), attention.size() * sizeof(float));

  std::vector<std::int64_t> id_shape{static_cast<std::int64_t>(ids.size())};
  const vt_input input{sizeof(vt_input), model.c_str(), id_shape[0], view(ids.data(), {VT_INT, 64, 1}, id_shape),
                       token_texts.data(),
                       view(attention.empty() ? nullptr : attention.data(), {VT_FLOAT, 32, 1}, attention_shape),
                       params.c_str()};
  Collected out;
  const vt_sink sink{sizeof(vt_sink), &out, sink_title, sink_note, sink_metric, sink_array, sink_table, sink_row, sink_error};
  if (const int code = analysis->run(&input, &sink); code != 0)
    return error_frame(out.error.empty() ? fmt::format("its analysis returned {}", code) : out.error);
  return {std::move(out.head), std::move(out.body)};
}

Frame answer(const char* library, const Frame& request) {
  try {
    std::string problem;
    const vt_plugin* table = open_table(library, problem);
    if (table == nullptr) return error_frame(problem);
    return request.head.value("do", "") == "run" ? run(*table, request) : describe(*table);
  } catch (const std::exception& thrown) {
    return error_frame(fmt::format("it threw: {}", thrown.what()));
  } catch (...) {
    return error_frame("it threw something");
  }
}

/// What the plugin prints goes to standard error; the channel is out of its reach by number.
int take_channel() {
  const int channel = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 100);
  const int nothing = open("/dev/null", O_RDONLY);
  dup2(nothing, STDIN_FILENO);
  dup2(STDERR_FILENO, STDOUT_FILENO);
  return channel;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: vitrine-plugin-worker LIBRARY (started by vitrine, with a socket as standard input)\n");
    return 2;
  }
  vitrine::engine::isolate::ProcessLimits limits;
  limits.address_bytes = std::uint64_t{8} << 30;
  if (!vitrine::engine::isolate::limit_this_process(limits)) return 3;
  const int channel = take_channel();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::hours(1);
  const auto request = vitrine::engine::read_frame(channel, deadline);
  if (!request) return 3;
  const auto sent = vitrine::engine::write_frame(channel, answer(argv[1], *request), deadline);
  // Not through exit(): a plugin's own destructors are none of our business any more.
  _exit(sent ? 0 : 3);
}
