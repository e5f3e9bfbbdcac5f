#include "plugins/analyses/code_corpus.h"

#include <algorithm>
#include <fstream>
#include <mutex>

#include <fmt/format.h>

#include "engine/io/json.h"
#include "engine/run/packed.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"

namespace vitrine::plugins {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kMaxBytes = std::int64_t{128} << 20;
constexpr std::size_t kMaxText = std::size_t{8} << 20;
constexpr std::int64_t kWindow = 128;
constexpr std::string_view kUnknown = "\xEF\xBF\xBD";   // U+FFFD, what a decoder writes for part of a character

fs::path folder_of(const Model& model) {
  std::error_code ignored;
  return fs::is_directory(model.path(), ignored) ? model.path() : model.path().parent_path();
}

struct Windows {
  std::string source;
  std::vector<std::vector<std::int64_t>> ids;
};

std::int64_t longest_window(const Model& model) {
  const auto limit = model.spec().input.value("max_tokens", std::int64_t{0});
  return limit > 0 ? std::min(limit, kWindow) : kWindow;
}

Result<Windows> windows_of_text(const Model& model, const fs::path& path, bool lines) {
  if (!model.tokenizer()) return fail_file(ErrorCode::Unsupported, path.string(), "is text, but the model has no tokenizer");
  std::ifstream in(path, std::ios::binary);
  std::string text(kMaxText, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(0, in.gcount())));
  Windows windows;
  const std::int64_t longest = longest_window(model);
  const auto add = [&](std::string_view part) -> Status {
    VITRINE_TRY(const Encoding encoding, model.tokenizer()->encode(part, true));
    std::vector<std::int64_t> start, all;
    for (const auto& t : encoding.tokens) (t.special && all.empty() ? start : all).push_back(t.id);
    const std::int64_t room = std::max<std::int64_t>(1, longest - static_cast<std::int64_t>(start.size()));
    for (std::size_t i = 0; i < all.size(); i += static_cast<std::size_t>(room)) {
      auto& ids = windows.ids.emplace_back(start);
      ids.insert(ids.end(), all.begin() + static_cast<std::ptrdiff_t>(i), all.begin() + static_cast<std::ptrdiff_t>(std::min(all.size(), i + static_cast<std::size_t>(room))));
    }
    return {};
  };
  if (!lines) {
    VITRINE_CHECK(add(text));
  } else {
    for (std::size_t at = 0, line = 1; at < text.size(); ++line) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      const std::string_view row(text.data() + at, end - at);
      at = end + 1;
      if (row.find_first_not_of(" \t\r") == std::string_view::npos) continue;
      VITRINE_TRY(const auto json, parse_json(row, path.string()));
      if (!json.is_object() || !json.contains("text") || !json["text"].is_string())
        return fail_file(ErrorCode::FileFormat, path.string(), fmt::format("expected an object with \"text\" in line {}", line), at);
      VITRINE_CHECK(add(json["text"].get<std::string>()));
    }
  }
  windows.source = path.filename().string();
  return windows;
}

Result<Windows> find_windows(const Model& model) {
  const fs::path folder = folder_of(model);
  std::error_code ignored;
  if (fs::exists(folder / "eval.safetensors", ignored)) {
    const auto set = open_eval_set(model);
    if (set && (*set)->task == EvalSet::Task::LanguageModel) {
      Windows windows{"eval.safetensors", {}};
      const auto ids = (*set)->input_ids.to_ints();
      const auto width = static_cast<std::size_t>((*set)->input_ids.size(1));
      for (std::size_t i = 0; i + width <= ids.size(); i += width)
        windows.ids.emplace_back(ids.begin() + static_cast<std::ptrdiff_t>(i), ids.begin() + static_cast<std::ptrdiff_t>(i + width));
      return windows;
    }
  }
  for (const char* name : {"corpus.jsonl", "corpus.txt"})
    if (fs::exists(folder / name, ignored)) return windows_of_text(model, folder / name, std::string_view(name).ends_with("jsonl"));
  return fail(ErrorCode::FileMissing, "the model has no corpus to search: expected language windows in eval.safetensors, corpus.jsonl or corpus.txt beside its weights");
}

/// Windows of one length as a batch; of several lengths end to end in one row.
RunRequest request_of(const Windows& windows, std::size_t begin, std::size_t end) {
  const auto tokens = [&](std::size_t w) { return static_cast<std::int64_t>(windows.ids[w].size()); };
  const auto first = windows.ids.begin() + static_cast<std::ptrdiff_t>(begin), last = windows.ids.begin() + static_cast<std::ptrdiff_t>(end);
  if (std::any_of(first, last, [&](const auto& w) { return w.size() != first->size(); })) {
    std::vector<std::map<std::string, Tensor>> texts;
    for (std::size_t w = begin; w < end; ++w) texts.push_back({{"input_ids", Tensor::from_ints(windows.ids[w], {1, tokens(w)})}});
    return packed_request(texts);
  }
  RunRequest run{.capture_maps = false, .keep_residuals = false};
  std::vector<std::int64_t> ids;
  for (auto w = first; w != last; ++w) ids.insert(ids.end(), w->begin(), w->end());
  run.inputs["input_ids"] = Tensor::from_ints(ids, {static_cast<std::int64_t>(end - begin), tokens(begin)});
  return run;
}

/// Adds the codes of some windows, which lie one after the other in either form.
Status add_codes(const Model& model, const Windows& windows, std::size_t begin, std::size_t end, CodeCorpus& corpus) {
  VITRINE_TRY(RunRequest run, guard([&] { return request_of(windows, begin, end); }));
  run.taps = {"*codebook.*.hook_codes", "*codebook.*.hook_scores"};
  VITRINE_TRY(const auto made, run_model(model, run));
  for (std::size_t b = 0; b < corpus.books.size(); ++b) {
    const CodebookInfo& info = model.codebooks()[b];
    const auto codes = made->taps.find(codebook_hook(info, "hook_codes")), scores = made->taps.find(codebook_hook(info, "hook_scores"));
    if (codes == made->taps.end() || scores == made->taps.end()) return fail(ErrorCode::Unsupported, "codebook " + codebook_title(info) + " does not see the windows of the corpus");
    VITRINE_CHECK(guard([&] {
      for (auto code : codes->second.to_ints()) corpus.books[b].codes.push_back(static_cast<std::int32_t>(code));
      const auto values = scores->second.to_floats();
      corpus.books[b].scores.insert(corpus.books[b].scores.end(), values.begin(), values.end());
    }));
  }
  return {};
}

Result<std::shared_ptr<const CodeCorpus>> make_corpus(const Model& model, const Progress& progress) {
  VITRINE_TRY(Windows windows, find_windows(model));
  auto corpus = std::make_shared<CodeCorpus>();
  std::int64_t per_position = 0, largest = 0;
  for (const auto& book : model.codebooks()) {
    corpus->books.push_back({book.k, {}, {}});
    per_position += 8 * book.k;
  }
  std::erase_if(windows.ids, [](const auto& ids) { return ids.empty(); });
  std::int64_t fits = kMaxBytes / std::max<std::int64_t>(1, per_position);
  std::size_t kept = 0;
  while (kept < windows.ids.size() && static_cast<std::int64_t>(windows.ids[kept].size()) <= fits) fits -= static_cast<std::int64_t>(windows.ids[kept++].size());
  const bool cut = kept < windows.ids.size();
  windows.ids.resize(kept);
  if (windows.ids.empty()) return fail(ErrorCode::InvalidInput, windows.source + " beside the model holds no text");
  corpus->start_token = windows.ids.size() > 1 && std::all_of(windows.ids.begin(), windows.ids.end(), [&](const auto& w) { return w[0] == windows.ids[0][0]; });
  for (const auto& w : windows.ids) for (auto id : w) largest = std::max(largest, id);
  const bool ragged = can_pack(model, {});
  for (std::size_t w = 0; w < windows.ids.size();) {
    VITRINE_CHECK(progress.step(static_cast<double>(w) / static_cast<double>(windows.ids.size()), "codes of the corpus"));
    std::size_t end = w;
    while (end < windows.ids.size() && end < w + 8 && (ragged || windows.ids[end].size() == windows.ids[w].size())) ++end;
    VITRINE_CHECK(add_codes(model, windows, w, end, *corpus));
    w = end;
  }
  corpus->first.push_back(0);
  for (auto& ids : windows.ids) {
    corpus->first.push_back(corpus->first.back() + static_cast<std::int64_t>(ids.size()));
    corpus->windows.push_back(decode_window(std::move(ids), model.tokenizer().get(), corpus->start_token, largest < 10));
  }
  corpus->source = fmt::format("{} {} of {}, {} tokens", cut ? "the first" : "all", corpus->windows.size(), windows.source, corpus->positions());
  return corpus;
}

/// Begins and ends a piece of text between characters.
std::size_t character_border(const std::string& text, std::size_t at) {
  while (at > 0 && at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return at;
}

std::string on_one_line(std::string text) {
  for (std::size_t at = 0; (at = text.find_first_of("\r\n\t", at)) != std::string::npos;) {
    const char* sign = text[at] == '\t' ? "→" : "↵";
    text.replace(at, 1, sign);
    at += 3;
  }
  return text;
}

}  // namespace

CorpusWindow decode_window(std::vector<std::int64_t> ids, const Tokenizer* tokenizer, bool start_token, bool digits) {
  CorpusWindow window;
  window.ids = std::move(ids);
  std::vector<std::int64_t> before, group;   // tokens whose text is complete, and those that are waiting for the rest of a character
  std::size_t waiting = 0;
  for (std::size_t i = 0; i < window.ids.size(); ++i) {
    const std::size_t begin = window.text.size();
    if (i == 0 && start_token) {
      window.bytes.emplace_back(0, 0);
      continue;
    }
    if (!tokenizer) {
      window.text += (digits || begin == 0 ? "" : " ") + std::to_string(window.ids[i]);
      window.bytes.emplace_back(digits || begin == 0 ? begin : begin + 1, window.text.size());
      continue;
    }
    group.push_back(window.ids[i]);
    std::vector<std::int64_t> both = before;
    both.insert(both.end(), group.begin(), group.end());
    const std::string known = before.empty() ? "" : tokenizer->decode(before), joined = tokenizer->decode(both);
    const std::string piece = joined.starts_with(known) ? joined.substr(known.size()) : tokenizer->decode(group);
    window.bytes.emplace_back(begin, begin);
    if (piece.ends_with(kUnknown) && ++waiting < 4 && i + 1 < window.ids.size()) continue;
    window.text += piece;
    for (std::size_t t = i + 1 - group.size(); t <= i; ++t) window.bytes[t] = {begin, window.text.size()};
    before = std::move(group);
    group.clear();
    waiting = 0;
  }
  return window;
}

std::size_t CodeCorpus::window_of(std::int64_t position) const {
  return static_cast<std::size_t>(std::upper_bound(first.begin(), first.end(), position) - first.begin()) - 1;
}

std::string CodeCorpus::context(std::int64_t position) const {
  const std::size_t w = window_of(position);
  const CorpusWindow& window = windows[w];
  const auto [begin, end] = window.bytes[static_cast<std::size_t>(position - first[w])];
  const std::size_t from = character_border(window.text, begin > 32 ? begin - 32 : 0), to = character_border(window.text, std::min(window.text.size(), end + 16));
  return on_one_line((from > 0 ? "…" : "") + window.text.substr(from, begin - from) + "[" + window.text.substr(begin, end - begin) + "]" + window.text.substr(end, to - end) +
                     (to < window.text.size() ? "…" : ""));
}

Result<std::shared_ptr<const CodeCorpus>> code_corpus(const std::shared_ptr<const Model>& model, const Progress& progress) {
  struct Kept { std::weak_ptr<const Model> model; std::shared_ptr<const CodeCorpus> corpus; };
  static std::mutex mutex;
  static std::vector<Kept> kept;
  if (model->codebooks().empty()) return fail(ErrorCode::Unsupported, "the model has no codebooks");
  {
    const std::lock_guard lock(mutex);
    std::erase_if(kept, [](const Kept& k) { return k.model.expired(); });
    for (const Kept& k : kept) if (k.model.lock() == model) return k.corpus;
  }
  VITRINE_TRY(auto corpus, make_corpus(*model, progress));
  const std::lock_guard lock(mutex);
  if (kept.size() >= 2) kept.erase(kept.begin());
  kept.push_back({model, corpus});
  return corpus;
}

AnalysisInfo corpus_analysis(const char* id, const char* title, const char* summary, std::vector<ParamInfo> params) {
  AnalysisInfo info{id, title, summary, "Tamkin et al. 2023, arXiv:2310.17230", std::move(params)};
  info.needs_input = false;
  info.needs_codebooks = true;
  return info;
}

void describe_corpus(Report& report, const AnalysisRequest& request, const CodeCorpus& corpus) {
  report.subtitle = request.workspace.model().name() + " · " + corpus.source;
  report.notes["corpus"] = corpus.source + "; unedited model";
  report.notes["where"] = "a code must fire on the token that holds the last byte of a match";
}

}  // namespace vitrine::plugins
