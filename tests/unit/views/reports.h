#pragma once

#include <string>
#include <vector>

#include "engine/report/report.h"

namespace vitrine::test {

/// Attention maps [layer, head, query, key] that look like a trained model's: causal, a sink on the first token, heads
/// for the previous token, for repeats, for one word. Rows sum to 1.
struct Attention {
  int layers = 0, heads = 0, tokens = 0;
  std::vector<float> values;
  std::vector<std::string> labels;
  [[nodiscard]] std::vector<float> map(int layer, int head) const;
};
[[nodiscard]] Attention language_attention(int layers = 4, int heads = 4);

/// The same from a reference file ("attn.N" tensors [batch, head, query, key] of an expected.safetensors); empty
/// without it.
[[nodiscard]] Attention reference_attention(const std::string& path, int batch);

/// One report of every picture kind.
[[nodiscard]] engine::Report matrix_report();
[[nodiscard]] engine::Report difference_report();
[[nodiscard]] engine::Report grid_report();
[[nodiscard]] engine::Report heat_map_report();
[[nodiscard]] engine::Report several_heat_maps_report();
[[nodiscard]] engine::Report lines_report();
[[nodiscard]] engine::Report overlay_report();
[[nodiscard]] engine::Report bars_report();
[[nodiscard]] engine::Report scatter_report();
[[nodiscard]] engine::Report curves_report();
[[nodiscard]] engine::Report table_report();
[[nodiscard]] engine::Report effect_report();
[[nodiscard]] engine::Report tokens_report();
[[nodiscard]] engine::Report trajectories_report();
[[nodiscard]] engine::Report text_report();
[[nodiscard]] engine::Report image_attention_report();
[[nodiscard]] engine::Report large_matrix_report(int side);

struct Named {
  std::string name;
  engine::Report report;
};
[[nodiscard]] std::vector<Named> all_reports();

}  // namespace vitrine::test
