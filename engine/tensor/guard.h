#pragma once

#include <exception>
#include <type_traits>
#include <utility>

#include "engine/core/error.h"

namespace vitrine::engine {

/// Turns what libtorch throws into an Error: out of memory into DoesNotFit, the rest into `otherwise`.
[[nodiscard]] Error error_from_exception(std::exception_ptr thrown, ErrorCode otherwise);

/// The tensor door: calls `f` and turns exceptions into errors. `f` may return a value or a Result.
template <class F>
auto guard(F&& f, ErrorCode otherwise = ErrorCode::ShapeMismatch) {
  using Value = std::invoke_result_t<F>;
  constexpr bool is_result = requires(Value v) { v.error(); };
  using Out = typename std::conditional_t<is_result, std::type_identity<Value>, std::type_identity<Result<Value>>>::type;
  try {
    if constexpr (std::is_void_v<Value>) {
      std::forward<F>(f)();
      return Status{};
    } else {
      return Out(std::forward<F>(f)());
    }
  } catch (...) {
    if constexpr (std::is_void_v<Value>)
      return Status(tl::unexpected(error_from_exception(std::current_exception(), otherwise)));
    else
      return Out(tl::unexpected(error_from_exception(std::current_exception(), otherwise)));
  }
}

/// While alive, no operation of this thread records gradients.
class InferenceScope {
 public:
  InferenceScope();
  ~InferenceScope();
  InferenceScope(const InferenceScope&) = delete;
  InferenceScope& operator=(const InferenceScope&) = delete;

 private:
  bool before_;
};

/// Threads that libtorch uses for one operation.
void set_threads(int threads);
[[nodiscard]] int threads();
[[nodiscard]] std::string torch_version();

}  // namespace vitrine::engine
