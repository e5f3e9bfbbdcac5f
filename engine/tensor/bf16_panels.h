#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace vitrine::engine {

/// What may follow a linear layer in the same sweep over its output.
enum class Epilogue { None, Gelu, GeluTanh, Relu };

/// The weights of a linear layer in bfloat16, as the processor's dot products of pairs read them: panels of kColumns outputs,
/// [panel][in / 2][output][2].
///
/// A panel stays in the second-level cache while all rows of the input pass, eight at a time with their sums in registers; the next
/// panel is fetched meanwhile, so that weights that lie in memory are read while others are multiplied. Sums are float32 and rounded
/// once, after bias and activation.
class Bf16Panels {
 public:
  static constexpr std::int64_t kColumns = 48;

  /// Whether this processor has the instructions (AVX512_BF16) and the layer an even number of inputs.
  [[nodiscard]] static bool available(std::int64_t in);
  /// @param weight [out][in]  @param bias [out] or nullptr; both bfloat16 and copied
  Bf16Panels(const std::uint16_t* weight, const std::uint16_t* bias, std::int64_t out, std::int64_t in);

  [[nodiscard]] std::int64_t out() const { return out_; }
  [[nodiscard]] std::int64_t in() const { return in_; }

  struct Job {
    const Bf16Panels* layer;
    std::uint16_t* y;          ///< [row][out]
  };
  /// y = act(x W^T + b) of layers that read the same input, on all threads. @param x [rows][in]
  static void run(std::span<const Job> jobs, const std::uint16_t* x, std::int64_t rows, Epilogue epilogue);

 private:
  struct Free {
    void operator()(std::uint16_t* data) const;
  };
  [[nodiscard]] std::int64_t panels() const { return (out_ + kColumns - 1) / kColumns; }
  [[nodiscard]] const std::uint16_t* panel(std::int64_t number) const { return weights_.get() + number * kColumns * in_; }

  std::int64_t out_, in_;
  std::unique_ptr<std::uint16_t[], Free> weights_;
  std::vector<float> bias_;   ///< with zeros up to whole panels
};

}  // namespace vitrine::engine
