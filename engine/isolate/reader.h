#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include <nlohmann/json.hpp>

#include "engine/core/error.h"
#include "engine/core/progress.h"
#include "engine/isolate/checkpoint_answer.h"
#include "engine/isolate/child_process.h"

namespace vitrine::engine::isolate {

/// Who reads strangers' files for this process.
struct ReaderSettings {
  std::filesystem::path program;              ///< `vitrine-reader`; empty: it is missing, and nothing is read
  std::chrono::milliseconds patience{0};      ///< for any file; 0: by its size
  std::uint64_t spare_bytes = std::uint64_t{256} << 20;   ///< of memory, beside what goes with the length of the file
};

/// Chooses the reader, for the whole process; to be called before files are read. Without a call they are read in
/// this process: the tests of the engine do that.
void use_reader(ReaderSettings settings);
/// Reads in this process again, as the user asked for.
void use_no_reader();
[[nodiscard]] bool reader_in_use();
/// `vitrine-reader` of this installation, or what VITRINE_READER names; empty if there is none.
[[nodiscard]] std::filesystem::path reader_program();

/// One question to a reader process.
struct Question {
  std::string what;                ///< "identify", "weights", "json", "image", "tokenizer", ...
  std::filesystem::path path;      ///< the file or folder it is about; empty if about `arguments` alone
  nlohmann::json arguments;
  /// Files are handed over as sealed copies, and kept: this process is going to read the very same bytes.
  bool copies = false;
};

/// What a question may cost.
struct QuestionLimits {
  std::uint64_t data_bytes = 0;           ///< private memory of the reader
  std::uint64_t room_bytes = 0;           ///< shared memory for its answer
  std::chrono::milliseconds cpu{0}, wall{0};
};
[[nodiscard]] QuestionLimits limits_for(const Question& question, const ReaderSettings& settings);

/// What the reader process is told first.
struct Order {
  Question question;
  QuestionLimits limits;
};
[[nodiscard]] std::string encode_order(const Order& order);
[[nodiscard]] Result<Order> decode_order(std::span<const std::byte> bytes);

/// An answer nobody vouches for, and what it may refer to.
struct Told {
  std::shared_ptr<const MappedFile> memory;
  std::span<const std::byte> answer;
  AnswerMaterial material;
  ChildProcess::Usage usage;
};

/// Starts a reader, asks it, gives it the files of the question's folder that it wants to see and memory to answer
/// in, and ends it.
/// @error what the reader says about the file; FileFormat if it crashed or answered nonsense, FileLimit if it took more
///        time or memory than `limits_for`; Cancelled; FileMissing if there is no reader
/// @cost  one process, 3 to 6 ms
[[nodiscard]] Result<Told> ask_reader(const Question& question, const Progress& progress = {});

}  // namespace vitrine::engine::isolate
