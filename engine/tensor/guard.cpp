#include "engine/tensor/guard.h"

#include <new>
#include <string>

#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <c10/util/Exception.h>
#include <torch/csrc/api/include/torch/version.h>

namespace vitrine::engine {

Error error_from_exception(std::exception_ptr thrown, ErrorCode otherwise) {
  try {
    std::rethrow_exception(thrown);
  } catch (const c10::OutOfMemoryError& e) {
    return {ErrorCode::DoesNotFit, std::string("not enough memory: ") + e.what_without_backtrace(), {}, {}, {}};
  } catch (const std::bad_alloc&) {
    return {ErrorCode::DoesNotFit, "not enough memory", {}, {}, {}};
  } catch (const c10::Error& e) {
    std::string text = e.what_without_backtrace();
    if (text.find("can't allocate memory") != std::string::npos)
      return {ErrorCode::DoesNotFit, "not enough memory: " + text, {}, {}, {}};
    if (auto newline = text.find('\n'); newline != std::string::npos) text.resize(newline);
    return {otherwise, text, {}, {}, {}};
  } catch (const std::exception& e) {
    return {otherwise, e.what(), {}, {}, {}};
  } catch (...) {
    return {ErrorCode::Internal, "an exception of unknown type", {}, {}, {}};
  }
}

InferenceScope::InferenceScope() : before_(c10::GradMode::is_enabled()) { c10::GradMode::set_enabled(false); }
InferenceScope::~InferenceScope() { c10::GradMode::set_enabled(before_); }

void set_threads(int threads) { at::set_num_threads(threads); }
int threads() { return at::get_num_threads(); }
std::string torch_version() { return TORCH_VERSION; }

}  // namespace vitrine::engine
