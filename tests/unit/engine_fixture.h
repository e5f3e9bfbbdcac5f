#pragma once

#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "engine/model/model.h"
#include "engine/run/evaluate.h"
#include "engine/run/run.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"

namespace vitrine::engine::testing_ {

inline std::shared_ptr<const Model> must_open(const std::string& model, DType dtype = DType::F32) {
  auto opened = open_model(model, {.dtype = dtype});
  EXPECT_TRUE(opened) << sentence(opened.error());
  return opened ? *opened : nullptr;
}

inline std::string golden(const std::string& name) { return std::string(VITRINE_SOURCE_DIR) + "/tests/golden/" + name; }

/// Some input that the model takes: the first items of its evaluation set, or token ids.
inline std::map<std::string, Tensor> some_inputs(const Model& model) {
  std::map<std::string, Tensor> in;
  const auto ids = [&](std::int64_t vocab, std::int64_t n) {
    std::vector<std::int64_t> v;
    for (std::int64_t i = 0; i < n; ++i) v.push_back((3 + 7 * i) % vocab);
    return Tensor::from_ints(v, {1, n});
  };
  for (const auto& tower : model.spec().towers) {
    const auto& p = tower.stem.params;
    if (tower.stem.part == "token_embedding") {
      in[p.value("ids", std::string("input_ids"))] = ids(p.value("vocab", std::int64_t{8}), 9);
    } else {
      const auto image = p.value("image", std::vector<std::int64_t>{32, 32});
      in["pixel_values"] = randn({1, p.value("channels", std::int64_t{3}), image[0], image[1]}, 7);
    }
  }
  return in;
}

inline EditList edits(const std::string& text) {
  auto parsed = parse_edits(text);
  EXPECT_TRUE(parsed) << sentence(parsed.error());
  return parsed ? *parsed : EditList{};
}

inline std::shared_ptr<const Run> must_run(const Model& model, const RunRequest& request) {
  auto run = run_model(model, request);
  EXPECT_TRUE(run) << sentence(run.error());
  return run ? *run : nullptr;
}

inline double difference(const Tensor& a, const Tensor& b) { return max_abs(to(a, DType::F64) - to(b, DType::F64)); }

inline std::vector<std::string> demo_models() {
  return {"demo:vit_digits", "demo:crate_digits", "demo:codebook_fsm", "demo:lm_text", "demo:lm_text_codebook", "demo:mamba_text", "demo:clip_glyphs"};
}

inline std::string test_name(const std::string& text) {
  std::string name;
  for (const char c : text) name += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
}

}  // namespace vitrine::engine::testing_
