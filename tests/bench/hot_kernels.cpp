// Fixed work of one hot kernel, for counting its instructions: hot_kernels NAME. Without a name: the names, one a line.
#include <cmath>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <hwy/aligned_allocator.h>

#include "engine/io/dequantise.h"
#include "engine/mixers/scan_kernel.h"
#include "engine/mixers/score_kernels.h"

namespace {

using namespace vitrine::engine;

constexpr std::int64_t kKeys = 1008, kWidth = 64, kRepeats = 20;

/// Numbers in [-1, 1) that are the same everywhere.
void fill(float* to, std::size_t n) {
  std::uint32_t state = 1;
  for (std::size_t i = 0; i < n; ++i) {
    state = state * 1664525U + 1013904223U;
    to[i] = static_cast<float>(state >> 8) / 8388608.0F - 1.0F;
  }
}
struct Floats {
  explicit Floats(std::int64_t n) : data(hwy::AllocateAligned<float>(static_cast<std::size_t>(n))) { fill(data.get(), static_cast<std::size_t>(n)); }
  float* get() { return data.get(); }
  hwy::AlignedFreeUniquePtr<float[]> data;
};

using Work = std::function<void()>;

Work attention_scores() {
  return [q = std::make_shared<Floats>(kWidth * kQueryLanes), k = std::make_shared<Floats>(kKeys * kWidth),
          out = std::make_shared<Floats>(kQueryLanes * kKeys)] {
    for (int i = 0; i < kRepeats; ++i) score_kernels().scores(q->get(), k->get(), kKeys / kPanelKeys, kWidth, out->get(), kKeys);
  };
}

Work attention_probabilities() {
  return [s = std::make_shared<Floats>(kKeys), distance = std::make_shared<Floats>(kKeys), sums = std::make_shared<Floats>(2 * kLanes),
          maxima = std::make_shared<Floats>(kPanelKeys)] {
    const RowSums row{.lse = 5, .distance = distance->get(), .sums = sums->get(), .maxima = maxima->get()};
    for (int i = 0; i < kRepeats; ++i) score_kernels().probabilities(s->get(), kKeys, row);
  };
}

Work attention_columns() {
  return [p = std::make_shared<Floats>(kQueryLanes * kKeys), sum = std::make_shared<Floats>(kKeys), most = std::make_shared<Floats>(kKeys)] {
    for (int i = 0; i < kRepeats; ++i) score_kernels().columns(p->get(), kQueryLanes, kKeys, kKeys, sum->get(), most->get());
  };
}

Work selective_scan() {
  constexpr std::int64_t kTokens = 64, kChannels = 256, kStates = 16;
  struct Data {
    Floats v{kTokens * kChannels}, delta{kTokens * kChannels}, a{kStates * kChannels}, b{kTokens * kStates}, c{kTokens * kStates},
        h{kStates * kChannels}, out{kTokens * kChannels};
  };
  auto data = std::make_shared<Data>();
  for (std::int64_t i = 0; i < kTokens * kChannels; ++i) data->delta.get()[i] = std::abs(data->delta.get()[i]);
  for (std::int64_t i = 0; i < kStates * kChannels; ++i) data->a.get()[i] = -1.0F - std::abs(data->a.get()[i]);
  return [data] {
    scan_sequence(data->v.get(), data->delta.get(), data->a.get(), data->b.get(), data->c.get(), kTokens, kChannels, kStates, data->h.get(), data->out.get());
  };
}

Work dequantise_blocks() {
  constexpr std::size_t kValues = 256 * 256, kBlockBytes = 144;   // of Q4_K
  return [bytes = std::make_shared<std::vector<std::uint8_t>>(kValues / 256 * kBlockBytes, std::uint8_t{0x35}), out = std::make_shared<Floats>(kValues)] {
    dequantise_q4_k(bytes->data(), kValues, out->get());
  };
}

const std::vector<std::pair<std::string, Work (*)()>> kKernels{{"attention_scores", attention_scores}, {"attention_probabilities", attention_probabilities},
    {"attention_columns", attention_columns}, {"selective_scan", selective_scan}, {"dequantise_q4_k", dequantise_blocks}};

}  // namespace

/// What is counted; a name that valgrind finds.
extern "C" __attribute__((noinline)) void vitrine_counted(const Work* work) { (*work)(); }

int main(int argc, char** argv) {
  if (argc == 1)
    for (const auto& [name, make] : kKernels) std::printf("%s\n", name.c_str());
  for (const auto& [name, make] : kKernels) {
    if (argc != 2 || name != argv[1]) continue;
    const Work work = make();
    work();   // chooses the instruction set
    vitrine_counted(&work);
    std::printf("%s %s\n", name.c_str(), score_kernels().name);
    return 0;
  }
  return argc == 1 ? 0 : 2;
}
