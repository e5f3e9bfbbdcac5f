#include <algorithm>
#include <set>

#include "engine/compress/smaller.h"
#include "engine/model/build.h"
#include "engine/run/resolve.h"
#include "engine/tensor/guard.h"
#include "engine/tensor/ops.h"

namespace vitrine::engine {

namespace {

/// What leaves one sublayer.
struct Cut {
  std::set<std::int64_t> heads, neurons;
  bool branch = false;
};

std::vector<std::int64_t> without(std::int64_t n, const std::set<std::int64_t>& gone) {
  std::vector<std::int64_t> out;
  for (std::int64_t i = 0; i < n; ++i)
    if (!gone.contains(i)) out.push_back(i);
  return out;
}

/// Row numbers of whole heads: head h holds rows h d .. h d + d - 1.
std::vector<std::int64_t> rows_of(const std::vector<std::int64_t>& heads, std::int64_t d) {
  std::vector<std::int64_t> rows;
  for (const auto h : heads)
    for (std::int64_t i = 0; i < d; ++i) rows.push_back(h * d + i);
  return rows;
}

/// Which key-value groups leave whole, and which heads leave a group that stays.
struct Leaving {
  std::set<std::int64_t> groups, heads;
  std::vector<std::int64_t> lone;
};

Leaving leaving(const std::set<std::int64_t>& cut, std::int64_t groups, std::int64_t group) {
  Leaving out;
  for (std::int64_t g = 0; g < groups; ++g) {
    std::vector<std::int64_t> here;
    for (std::int64_t h = g * group; h < (g + 1) * group; ++h)
      if (cut.contains(h)) here.push_back(h);
    if (static_cast<std::int64_t>(here.size()) == group) {
      out.groups.insert(g);
      out.heads.insert(here.begin(), here.end());
    } else {
      out.lone.insert(out.lone.end(), here.begin(), here.end());
    }
  }
  return out;
}

class Cutter {
 public:
  Cutter(const Model& model, SmallerModel& out) : model_(model), out_(out) {
    out_.spec = model.spec();
    out_.weights = model.parts().weights;
  }

  Status run(const EditList& edits) {
    VITRINE_TRY(const ResolvedEdits resolved, resolve_edits(model_, edits));
    for (const auto& [id, list] : resolved.by_hook)
      for (const auto& edit : list) VITRINE_CHECK(collect(model_.hooks()[static_cast<std::size_t>(id)].name, edit));
    for (std::size_t t = 0; t < out_.spec.towers.size(); ++t) {
      std::size_t block = 0;
      for (auto& stage : out_.spec.towers[t].stages)
        for (auto& b : stage.blocks) {
          const std::string& path = model_.parts().built[t].blocks[block++].path;
          if (resolved.dropped.contains(path)) {   // an empty block passes its input on, so that names stay
            forget(path + ".");
            b.sublayers.clear();
          }
          for (auto& s : b.sublayers) VITRINE_CHECK(cut_sublayer(path + "." + s.name, s));
        }
    }
    return {};
  }

 private:
  Status collect(const std::string& hook, const Edit& edit) {
    const auto refuse = [&](const std::string& why) {
      return fail(ErrorCode::Unsupported, "'" + describe(edit) + "' cannot be cut out of the model: " + why);
    };
    if (edit.op != EditOp::Zero && edit.op != EditOp::Drop) return refuse("only what is set to zero can leave");
    if (!edit.tokens.empty()) return refuse("it concerns single tokens");
    const std::size_t dot = hook.rfind('.');
    const std::string place = hook.substr(0, dot), what = hook.substr(dot + 1);
    if (what == "hook_z" && !edit.heads.empty()) {
      cuts_[place].heads.insert(edit.heads.begin(), edit.heads.end());
    } else if (what == "hook_post" && !edit.neurons.empty()) {
      cuts_[place].neurons.insert(edit.neurons.begin(), edit.neurons.end());
    } else if (what.starts_with("hook_") && what.ends_with("_out") && edit.neurons.empty()) {
      cuts_[place + "." + what.substr(5, what.size() - 9)].branch = true;
    } else {
      return refuse("it is neither a head, a neuron, a branch nor a block");
    }
    return {};
  }

  void forget(const std::string& prefix) {
    std::erase_if(out_.weights, [&](const auto& item) { return item.first.starts_with(prefix); });
  }

  void slice_weight(const std::string& name, int axis, const std::vector<std::int64_t>& indices) {
    auto it = out_.weights.find(name);
    if (it != out_.weights.end()) it->second = contiguous(index_select(it->second, axis, indices));
  }

  /// The branch becomes a constant: nothing, or the bias of its output projection.
  void become_constant(const std::string& path, SublayerSpec& s, const Tensor& bias) {
    forget(path + ".");
    forget(path + "_norm.");
    if (bias.defined()) out_.weights[path + ".bias"] = bias;
    s.norm = {};
    s.part = {"constant", {{"bias", bias.defined()}}};
  }

  Status cut_sublayer(const std::string& path, SublayerSpec& s) {
    auto it = cuts_.find(path);
    if (it == cuts_.end()) return {};
    if (it->second.branch) {
      for (const auto& post : s.post) forget(path + "_" + param_or<std::string>(post.params, "name", post.part) + ".");
      s.post.clear();
      become_constant(path, s, Tensor());
      return {};
    }
    if (!it->second.heads.empty()) return cut_heads(path, s, it->second.heads);
    return it->second.neurons.empty() ? Status{} : cut_neurons(path, s, it->second.neurons);
  }

  Status cut_neurons(const std::string& path, SublayerSpec& s, const std::set<std::int64_t>& gone) {
    if (s.part.part != "mlp") return fail(ErrorCode::Unsupported, "neurons of a '" + s.part.part + "' at " + path + " cannot be cut out");
    const auto width = param_or<std::int64_t>(s.part.params, "width", 0);
    if (*gone.begin() < 0 || *gone.rbegin() >= width) return fail(ErrorCode::Usage, path + " has " + std::to_string(width) + " neurons");
    const auto kept = without(width, gone);
    if (kept.empty()) return fail(ErrorCode::Unsupported, "all neurons of " + path + " are gone; take the whole MLP away instead");
    for (const char* name : {".in.weight", ".in.bias", ".gate.weight", ".gate.bias"}) slice_weight(path + name, 0, kept);
    slice_weight(path + ".out.weight", 1, kept);
    s.part.params["width"] = kept.size();
    return {};
  }

  Status cut_heads(const std::string& path, SublayerSpec& s, const std::set<std::int64_t>& gone) {
    nlohmann::json& p = s.part.params;
    if (!p.contains("n_heads") || !out_.weights.contains(path + ".out.weight"))
      return fail(ErrorCode::Unsupported, "heads of a '" + s.part.part + "' at " + path + " cannot be cut out, only masked");
    if (p.contains("codebook") && p["codebook"].is_object())
      return fail(ErrorCode::Unsupported, "a head of " + path + " feeds a codebook, whose code for zero is not zero; it can be masked, not cut out");
    const auto heads = p["n_heads"].get<std::int64_t>(), groups = param_or(p, "n_kv_heads", heads);
    if (*gone.begin() < 0 || *gone.rbegin() >= heads) return fail(ErrorCode::Usage, path + " has " + std::to_string(heads) + " heads");
    const bool shared = param_or(p, "shared_qkv", false);
    const std::int64_t d = out_.weights.at(path + (shared ? ".qkv.weight" : ".q.weight")).size(0) / heads;
    const std::int64_t d_value = out_.weights.at(path + ".out.weight").size(1) / heads;
    const Leaving leave = leaving(gone, groups, heads / groups);
    if (!leave.lone.empty()) silence(path, leave.lone, heads, d_value);
    if (leave.groups.empty()) return {};
    const auto kept = without(heads, leave.heads), kept_groups = without(groups, leave.groups);
    if (kept.empty()) {
      auto bias = out_.weights.find(path + ".out.bias");
      become_constant(path, s, bias == out_.weights.end() ? Tensor() : Tensor(bias->second));
      return {};
    }
    for (const std::string end : {".weight", ".bias"}) {
      slice_weight(path + ".q" + end, 0, rows_of(kept, d));
      slice_weight(path + ".qkv" + end, 0, rows_of(kept, d));
      slice_weight(path + ".k" + end, 0, rows_of(kept_groups, d));
      slice_weight(path + ".v" + end, 0, rows_of(kept_groups, d_value));
    }
    slice_weight(path + ".out.weight", 1, rows_of(kept, d_value));
    slice_weight(path + ".relative_bias", 1, kept);
    p["n_heads"] = kept.size();
    p["n_kv_heads"] = kept_groups.size();
    p["d_head"] = d;
    p["d_value"] = d_value;
    return {};
  }

  /// Output columns of heads that cannot leave become zero.
  void silence(const std::string& path, const std::vector<std::int64_t>& lone, std::int64_t heads, std::int64_t d_value) {
    std::vector<float> factor(static_cast<std::size_t>(heads * d_value), 1.F);
    for (const auto h : lone) std::fill_n(factor.begin() + h * d_value, d_value, 0.F);
    Tensor& out = out_.weights.at(path + ".out.weight");
    out = out * to(Tensor::from_floats(factor, {1, heads * d_value}), out.dtype());
    out_.notes.push_back(path + ": " + std::to_string(lone.size()) + " heads share keys and values with heads that stay; their output is zeroed, their size stays");
  }

  const Model& model_;
  SmallerModel& out_;
  std::map<std::string, Cut> cuts_;
};

}  // namespace

Result<SmallerModel> cut_out(const Model& model, const EditList& edits) {
  return guard([&]() -> Result<SmallerModel> {
    const InferenceScope no_gradients;
    SmallerModel out;
    VITRINE_CHECK(Cutter(model, out).run(edits));
    return out;
  });
}

}  // namespace vitrine::engine
