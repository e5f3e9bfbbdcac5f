#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

namespace vitrine::engine {

/// Why something was refused. `exit_code` maps each to the process exit code.
enum class ErrorCode {
  Internal,         ///< A defect of ours.
  Usage,            ///< A command, option or parameter that does not exist or does not fit.
  FileMissing,      ///< The file cannot be opened or read.
  FileFormat,       ///< The bytes are not what the format says.
  FileLimit,        ///< The file asks for more than a stated limit.
  Unsupported,      ///< Well formed, but Vitrine cannot use it.
  InvalidInput,     ///< A text, image or value that the model cannot take.
  ShapeMismatch,    ///< Tensors whose shapes do not go together.
  DoesNotFit,       ///< Memory or time beyond the limit; the message holds the number.
  AssertionFailed,  ///< A check or parity comparison failed.
  Cancelled,        ///< The user or a newer request stopped it.
};

/// One clear sentence about what went wrong, as a value.
struct Error {
  ErrorCode code = ErrorCode::Internal;
  std::string message;                   ///< "expected ..., came ...": no file name, no full stop.
  std::string file;                      ///< Which file; empty if none.
  std::optional<std::uint64_t> offset;   ///< Byte in that file, where one exists.
  std::vector<std::string> hints;        ///< What the user may try.
};

/// `FILE: message (byte N)`: what the command line and the window show.
[[nodiscard]] std::string sentence(const Error& error);

/// Stable snake_case name, used in `--json` output.
[[nodiscard]] std::string code_name(ErrorCode code);

/// 1 internal, 2 usage, 3 input refused, 4 does not fit, 5 assertion, 130 cancelled.
[[nodiscard]] int exit_code(ErrorCode code);

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

[[nodiscard]] inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}
[[nodiscard]] inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message), {}, {}, {}});
}
[[nodiscard]] inline tl::unexpected<Error> fail_file(ErrorCode code, std::string file, std::string message,
                                                     std::optional<std::uint64_t> offset = {}) {
  return tl::unexpected<Error>(Error{code, std::move(message), std::move(file), offset, {}});
}

}  // namespace vitrine::engine

#define VITRINE_CONCAT_(a, b) a##b
#define VITRINE_CONCAT(a, b) VITRINE_CONCAT_(a, b)

/// `VITRINE_TRY(auto x, f());` binds the value or returns the error of a Result.
#define VITRINE_TRY(declaration, expression)                                        \
  auto VITRINE_CONCAT(vt_result_, __LINE__) = (expression);                         \
  if (!VITRINE_CONCAT(vt_result_, __LINE__))                                        \
    return tl::unexpected(std::move(VITRINE_CONCAT(vt_result_, __LINE__).error())); \
  declaration = std::move(*VITRINE_CONCAT(vt_result_, __LINE__))

/// Returns the error of a Status.
#define VITRINE_CHECK(expression)                                \
  do {                                                           \
    if (auto vt_status_ = (expression); !vt_status_)             \
      return tl::unexpected(std::move(vt_status_.error()));      \
  } while (false)
