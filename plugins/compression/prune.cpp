#include "plugins/analyses/prune_plan.h"

namespace vitrine::plugins {

namespace {

class Prune final : public Compression {
 public:
  const AnalysisInfo& info() const override { return info_; }
  Result<CompressionPlan> plan(const AnalysisRequest& request) const override {
    const double heads = request.params["percent_heads"], neurons = request.params["percent_neurons"];
    CompressionPlan plan{request.edits, {}};
    VITRINE_TRY(const EditList given, parse_edits(request.params["edits"].get<std::string>()));
    plan.edits.insert(plan.edits.end(), given.begin(), given.end());
    if (heads > 0 || neurons > 0) {
      VITRINE_TRY(PruneChoice choice, choose_by_percent(request, heads, neurons, request.params["method"], request.params["on"]));
      plan.edits.insert(plan.edits.end(), choice.edits.begin(), choice.edits.end());
      plan.report = std::move(choice.report);
    }
    return plan;
  }

 private:
  AnalysisInfo info_ = [] {
    AnalysisInfo info{"prune", "Prune heads and neurons", "Takes heads, neurons, branches and layers out of the weights; the result is a really smaller model.", "Michel et al. 2019, arXiv:1905.10650",
                      {float_param("percent_heads", 0, "share of the heads to take away, least important first"),
                       float_param("percent_neurons", 0, "share of the MLP neurons to take away"),
                       choice_param("method", {"gradient", "zero", "mean", "confidence"}, "how heads are ranked"),
                       choice_param("on", {"eval", "loss", "probability"}, "what they are ranked on"), tower_param(),
                       text_param("edits", "", "what else to take away: head:5.1=zero, mlp:3=zero, layer:7=drop, ... or JSON")}};
    info.needs_input = false;
    return info;
  }();
};

}  // namespace

void register_prune(PluginRegistrar& registrar) { registrar.add(std::make_shared<const Prune>()); }

}  // namespace vitrine::plugins
