#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "engine/model/build.h"
#include "engine/run/resolve.h"
#include "engine/run/sweep.h"

namespace vitrine::engine {

/// A variant with the first block that it changes, per tower.
struct SweepVariant {
  std::size_t index = 0;
  ResolvedEdits edits;
  std::vector<int> first;
};

/// Sweeps over models of one tower whose tokens meet in plain self attention alone (GPT-2, BERT, ViT, Llama), for variants that
/// change z of one block: heads switched off, heads patched.
///
/// The unchanged pass is made once and keeps, per block, the stream, z and the attention's output. A variant enters at its
/// block by what its heads change of that output, dz W_O, and joins those of earlier blocks: one batch that grows. If only
/// the last token is read, the last block answers for that token alone; and where the model is causal and a variant changes
/// one token p, the tokens before p keep their keys and values, and only p itself passes through the rest of its block.
///
/// @cost   residual streams of as many variants as the memory limit takes, and the work of some hundred rows
/// @source prefix reuse and patching as in TransformerLens; keys and values of a prefix: Pope et al. 2022, arXiv:2211.05102
class JoinedSweep {
 public:
  /// Whether the model, the inputs and the edits of every variant are of that kind.
  [[nodiscard]] static bool fits(const Model& model, const SweepRequest& request, const ResolvedEdits& shared);
  /// Whether this variant is.
  [[nodiscard]] static bool takes(const Model& model, const ResolvedEdits& variant);

  JoinedSweep(const Model& model, const SweepRequest& request, const ResolvedEdits& shared);
  /// @param variants all of which it takes. Throws as tensor operations do.
  Status run(const std::vector<SweepVariant>& variants, const VariantVisitor& visit, const Progress& progress);

 private:
  /// What the unchanged pass leaves of a block.
  struct Site {
    std::size_t attention = 0;          ///< which of its sublayers
    HookId hook_z = 0;
    std::string path;                   ///< of the attention part
    Tensor w_out;                       ///< [d_model, head * d_head]
    Tensor x, parallel;                 ///< the stream before it, and what a parallel sublayer reads
    Tensor z, y;                        ///< [batch, token, head, d_head], [batch, token, d_model] before hooks
    KeyValueCache kept;
  };
  /// A variant on its way: its block, and the only token that it changes (-1: several).
  struct Entry {
    const SweepVariant* variant = nullptr;
    std::size_t block = 0;
    std::int64_t token = -1;
  };
  /// Variants that run as one batch, [variant * batch, token - from, d_model].
  struct Chunk {
    Tensor x;
    std::vector<const Entry*> entries;
  };
  struct Level;
  class SharedPass;

  void run_base();
  void find_sites();
  [[nodiscard]] Entry entry_of(const SweepVariant& variant) const;
  [[nodiscard]] std::int64_t first_token(const Entry& entry) const;
  Status wave(const std::vector<const Entry*>& entries, std::int64_t from, const VariantVisitor& visit, const Progress& progress);
  void enter(std::size_t block, const std::vector<const Entry*>& entries, std::int64_t from, std::vector<Chunk>& chunks) const;
  void join(Chunk chunk, std::vector<Chunk>& chunks, std::int64_t from) const;
  void enter_whole(std::size_t block, const std::vector<const Entry*>& entries, std::int64_t from, std::vector<Chunk>& chunks) const;
  void enter_token(std::size_t block, const std::vector<const Entry*>& entries, std::int64_t from, std::vector<Chunk>& chunks) const;
  [[nodiscard]] Tensor changed_z(const Site& site, const Entry& entry, bool token_alone) const;
  [[nodiscard]] Tensor output_change(const Site& site, const Entry& entry, const Tensor& dz) const;
  [[nodiscard]] Tensor advance(std::size_t block, const Tensor& x, std::int64_t from) const;
  Status hand_over(const std::vector<Chunk>& chunks, const VariantVisitor& visit) const;
  Status hand_over_last(const std::vector<Chunk>& chunks, const VariantVisitor& visit) const;
  [[nodiscard]] Tensor unchanged(std::int64_t copies, std::size_t after_block, std::int64_t from) const;

  const Model& model_;
  const SweepRequest& request_;
  const ResolvedEdits& shared_;
  const BuiltTower& tower_;
  std::vector<Site> sites_;
  std::vector<Tensor> stream_;           ///< entering block i, and after the last
  std::map<std::string, Tensor> surroundings_;   ///< masks that the stem left
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> grids_;
  std::int64_t batch_ = 1, tokens_ = 1;
  bool free_ = false;                    ///< no edits are shared, so that tokens and rows can be taken apart
  bool last_alone_ = false;              ///< the last block answers for the last token
  bool prefix_ = false;                  ///< tokens before a changed one are reused
};

}  // namespace vitrine::engine
