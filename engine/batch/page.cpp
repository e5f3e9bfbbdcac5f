#include "engine/batch/page.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>

#include <fmt/format.h>

#include "engine/core/version.h"

namespace vitrine::engine {

namespace {

constexpr std::size_t kMaxEmbedded = std::size_t{64} << 20;
constexpr std::int64_t kMaxRowsShown = 200;
constexpr std::size_t kMaxItemsShown = 2000;

constexpr const char* kStyle = R"css(
:root{--ink:#1b1f24;--soft:#5d6670;--line:#d8dde3;--paper:#fff;--bad:#b3261e;--good:#1d6f42;--accent:#2f6fab}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ed;--soft:#9aa4af;--line:#333a42;--paper:#15181c;--bad:#ff8a80;
--good:#7bd6a0;--accent:#7db4e6}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:64rem;margin:2.5rem auto;
padding:0 1.5rem;font-variant-numeric:tabular-nums}
h1{font-size:1.6rem;margin:0 0 .25rem}h2{font-size:1.15rem;margin:2.5rem 0 .5rem;border-bottom:1px solid var(--line);
padding-bottom:.25rem}h3{font-size:1rem;margin:1.75rem 0 .25rem}
p.soft,td.soft,.soft{color:var(--soft)}table{border-collapse:collapse;margin:.5rem 0}
td,th{padding:.15rem .9rem .15rem 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
td.n,th.n{text-align:right}.bad{color:var(--bad)}.good{color:var(--good)}a{color:var(--accent)}
figure{margin:.75rem 0;background:#fff;padding:.5rem;border:1px solid var(--line);overflow-x:auto}
figure svg,figure img{max-width:100%;height:auto}
)css";

std::string base64(const std::string& bytes) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    const std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t j = 0; j < 3; ++j)
      group = group << 8 | (j < have ? static_cast<unsigned char>(bytes[i + j]) : 0u);
    for (std::size_t j = 0; j < 4; ++j)
      out += j <= have ? kDigits[group >> (18 - 6 * j) & 63] : '=';
  }
  return out;
}

std::string read_whole(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

std::string figure_html(const std::filesystem::path& folder, const StoredArtefact& artefact, std::size_t& embedded) {
  const std::filesystem::path path = folder / artefact.path;
  const std::string extension = path.extension().string();
  std::error_code failed;
  const auto bytes = std::filesystem::file_size(path, failed);
  if (!failed && embedded + bytes <= kMaxEmbedded && (extension == ".svg" || extension == ".png")) {
    embedded += bytes;
    const std::string content = read_whole(path);
    if (extension == ".png")
      return fmt::format("<figure><img alt=\"{}\" src=\"data:image/png;base64,{}\"></figure>\n",
                         html_escape(artefact.name), base64(content));
    if (auto svg = inline_svg(content, fmt::format("f{}-", artefact.ordinal)); svg)
      return "<figure>" + *svg + "</figure>\n";
  }
  return fmt::format("<p><a href=\"{0}\">{0}</a></p>\n", html_escape(artefact.path));
}

std::string place_text(const MetricRow& row) {
  if (row.layer && row.head) return fmt::format("[{}.{}]", *row.layer, *row.head);
  if (row.layer) return fmt::format("[{}]", *row.layer);
  if (row.position) return fmt::format("[@{}]", *row.position);
  return {};
}

std::string metrics_html(const std::vector<MetricRow>& rows) {
  if (rows.empty()) return {};
  std::string html = "<table><tr><th>metric</th><th class=\"n\">value</th></tr>\n";
  const auto shown = std::min<std::size_t>(rows.size(), kMaxRowsShown);
  for (std::size_t i = 0; i < shown; ++i)
    html += fmt::format("<tr><td>{}{}</td><td class=\"n\">{:.6g}</td></tr>\n", html_escape(rows[i].name),
                        place_text(rows[i]), rows[i].value);
  html += "</table>\n";
  if (rows.size() > shown) html += "<p class=\"soft\">More rows are in results.sqlite.</p>\n";
  return html;
}

std::string head_html(const BatchSummary& summary, const Job& job) {
  std::string html = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{0}</title>"
      "<meta name=\"viewport\" content=\"width=device-width\"><style>{1}</style></head><body>\n<h1>{0}</h1>\n",
      html_escape(job.name), kStyle);
  html += fmt::format("<p class=\"soft\">Vitrine {}, run {}: {} items, {} done, {} failed, {} assertions failed</p>\n",
                      html_escape(version()), summary.run, summary.total, summary.done, summary.failed,
                      summary.assertions_failed);
  if (summary.failures.empty()) return html;
  html += "<h2>Failures</h2>\n<table><tr><th>step</th><th>model</th><th>input</th><th>what came</th></tr>\n";
  for (const StoredFailure& f : summary.failures)
    html += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"bad\">{}</td></tr>\n", html_escape(f.step),
                        html_escape(f.model), html_escape(f.input), html_escape(f.message));
  return html + "</table>\n";
}

}  // namespace

std::string html_escape(const std::string& text) {
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

Result<std::string> inline_svg(const std::string& svg, const std::string& prefix) {
  const std::size_t begin = svg.find("<svg"), end = svg.rfind("</svg>");
  if (begin == std::string::npos || end == std::string::npos || end < begin)
    return fail(ErrorCode::FileFormat, "expected an SVG document, came something else");
  std::string body = svg.substr(begin, end + 6 - begin);
  std::string lower = body;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  for (const char* active : {"<script", "<foreignobject", "javascript:", " onload", " onclick", " onerror"})
    if (lower.find(active) != std::string::npos)
      return fail(ErrorCode::FileFormat, fmt::format("expected an SVG without active content, came '{}'", active));
  replace_all(body, " id=\"", " id=\"" + prefix);
  replace_all(body, "url(#", "url(#" + prefix);
  replace_all(body, "href=\"#", "href=\"#" + prefix);
  return body;
}

Result<std::string> report_page(ResultsStore& store, const BatchSummary& summary, const Job& job, const Plan& plan) {
  std::string html = head_html(summary, job);
  VITRINE_TRY(const auto artefacts, store.artefacts(summary.run));
  VITRINE_TRY(const auto items, store.items(summary.run));
  std::map<std::int64_t, std::vector<const StoredArtefact*>> files;
  for (const StoredArtefact& artefact : artefacts) files[artefact.ordinal].push_back(&artefact);
  std::int64_t group = -1;
  std::size_t embedded = 0;
  for (std::size_t i = 0; i < std::min(items.size(), kMaxItemsShown); ++i) {
    const PlanItem& item = plan.items[i];
    if (item.group != group) {
      group = item.group;
      html += fmt::format("<h2>{}</h2>\n", html_escape(item.model));
      if (!item.input_name.empty()) html += fmt::format("<p class=\"soft\">{}</p>\n", html_escape(item.input_name));
    }
    const bool good = items[i].status == "done";
    const std::string what = item.step.kind == StepKind::Assert ? item.step.check : item.step.id;
    html += fmt::format("<h3 id=\"item-{}\">{} <span class=\"{}\">{}</span></h3>\n", i, html_escape(what),
                        good ? "good" : "bad", good ? "done" : "failed");
    for (const StoredArtefact* artefact : files[item.ordinal]) {
      if (artefact->kind == "figure") html += figure_html(job.out, *artefact, embedded);
      else html += fmt::format("<p><a href=\"{}\">{}</a></p>\n", html_escape(artefact->path), html_escape(artefact->name));
    }
    VITRINE_TRY(const auto rows, store.metrics(summary.run, item.ordinal, kMaxRowsShown + 1));
    html += metrics_html(rows);
  }
  if (items.size() > kMaxItemsShown)
    html += fmt::format("<p class=\"soft\">The first {} of {} items are shown; all are in results.sqlite.</p>\n",
                        kMaxItemsShown, items.size());
  return html + "</body></html>\n";
}

}  // namespace vitrine::engine
