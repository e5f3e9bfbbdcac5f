#include "engine/core/error.h"

#include <fmt/format.h>

namespace vitrine::engine {

std::string sentence(const Error& error) {
  std::string text = error.file.empty() ? error.message : fmt::format("{}: {}", error.file, error.message);
  if (error.offset) text += fmt::format(" (byte {})", *error.offset);
  return text;
}

std::string code_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::Internal: return "internal";
    case ErrorCode::Usage: return "usage";
    case ErrorCode::FileMissing: return "file_missing";
    case ErrorCode::FileFormat: return "file_format";
    case ErrorCode::FileLimit: return "file_limit";
    case ErrorCode::Unsupported: return "unsupported";
    case ErrorCode::InvalidInput: return "invalid_input";
    case ErrorCode::ShapeMismatch: return "shape_mismatch";
    case ErrorCode::DoesNotFit: return "does_not_fit";
    case ErrorCode::AssertionFailed: return "assertion_failed";
    case ErrorCode::Cancelled: return "cancelled";
  }
  return "internal";
}

int exit_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::Internal: return 1;
    case ErrorCode::Usage: return 2;
    case ErrorCode::FileMissing:
    case ErrorCode::FileFormat:
    case ErrorCode::FileLimit:
    case ErrorCode::Unsupported:
    case ErrorCode::InvalidInput:
    case ErrorCode::ShapeMismatch: return 3;
    case ErrorCode::DoesNotFit: return 4;
    case ErrorCode::AssertionFailed: return 5;
    case ErrorCode::Cancelled: return 130;
  }
  return 1;
}

}  // namespace vitrine::engine
