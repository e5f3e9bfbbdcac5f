#include "app/cli/context.h"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>

#include <fmt/format.h>

#include "app/cli/progress_view.h"
#include "engine/core/version.h"

namespace vitrine::app {

using engine::Error;
using engine::ErrorCode;
using engine::Progress;

namespace {

// A signal handler may only touch lock-free atomics; `Progress::cancel` is one store into such a flag.
std::atomic<const Progress*> g_interrupted{nullptr};
std::atomic<bool> g_asked_before{false};

extern "C" void on_interrupt(int) {
  if (g_asked_before.exchange(true)) _exit(130);
  if (const Progress* progress = g_interrupted.load()) progress->cancel();
}

std::string dump(const nlohmann::json& value) {
  return value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

void cancel_on_interrupt(const Progress& progress) {
  // The copy is never freed: a signal may arrive at any time until the process ends.
  g_interrupted.store(new Progress(progress));
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

const Progress& Context::progress() {
  if (!progress_) {
    ProgressView::Mode mode = ProgressView::Mode::None;
    if (progress_mode == "json") mode = ProgressView::Mode::Json;
    else if (progress_mode == "auto" && isatty(STDERR_FILENO)) mode = ProgressView::Mode::Bar;
    view_ = std::make_shared<ProgressView>(mode);
    progress_ = std::make_unique<Progress>(
        [view = view_](double fraction, std::string_view what) { view->update(fraction, what); });
    cancel_on_interrupt(*progress_);
  }
  return *progress_;
}

void Context::clear_progress() {
  if (view_) view_->clear();
}

void Context::note(const std::string& line) {
  clear_progress();
  fmt::print(stderr, "{}\n", line);
}

void Context::print(const std::string& text) {
  clear_progress();
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (text.empty() || text.back() != '\n') std::fputc('\n', stdout);
  std::fflush(stdout);
}

void Context::print(const nlohmann::json& value) { print(dump(value)); }

int Context::report_error(const Error& error) {
  std::string line = "vitrine: " + sentence(error);
  if (error.code == ErrorCode::Cancelled) line += "; " + kept;
  note(line);
  if (json) {
    nlohmann::json object = {{"code", code_name(error.code)}, {"message", error.message}};
    object["file"] = error.file.empty() ? nlohmann::json(nullptr) : nlohmann::json(error.file);
    object["offset"] = error.offset ? nlohmann::json(*error.offset) : nlohmann::json(nullptr);
    if (!error.hints.empty()) object["hints"] = error.hints;
    print(nlohmann::json{{"error", object}});
  }
  return exit_code(error.code);
}

nlohmann::json to_json(const Envelope& envelope) {
  nlohmann::json verified = envelope.verified;
  if (verified.is_null()) verified = {{"how", "not checked"}, {"max_abs_diff", nullptr}};
  nlohmann::json json = {{"vitrine", engine::version()}, {"command", envelope.command}, {"model", envelope.model},
                         {"inputs", envelope.inputs},    {"result", envelope.result},   {"verified", verified},
                         {"timing_ms", envelope.timing_ms}};
  if (!envelope.forecast.is_null()) json["forecast"] = envelope.forecast;
  return json;
}

}  // namespace vitrine::app
