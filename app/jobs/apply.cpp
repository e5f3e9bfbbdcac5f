#include "app/jobs/apply.h"

#include <utility>

namespace vitrine::app {

namespace {

class Applier final : public engine::Analysis {
 public:
  explicit Applier(std::shared_ptr<const engine::Compression> method) : method_(std::move(method)), info_(method_->info()) {
    info_.id = "apply_" + info_.id;
    info_.title = "Apply: " + info_.title;
    info_.slow = true;
    info_.params.push_back({"out", engine::ParamInfo::Type::Text, "", {}, "folder of the smaller model"});
  }
  const engine::AnalysisInfo& info() const override { return info_; }
  engine::Result<engine::Report> run(const engine::AnalysisRequest& request) const override {
    const auto folder = request.params["out"].get<std::string>();
    if (folder.empty()) return engine::fail(engine::ErrorCode::Usage, "a folder for the smaller model is needed (out)");
    engine::AnalysisRequest inner{request.workspace, request.edits, request.params, request.progress, {}};
    inner.params.erase("out");
    return engine::compress_to(*method_, inner, folder);
  }

 private:
  std::shared_ptr<const engine::Compression> method_;
  engine::AnalysisInfo info_;
};

}  // namespace

engine::Status add_appliers(const engine::CompressionRegistry& compressions, engine::AnalysisRegistry& analyses) {
  for (const auto& [id, method] : compressions.entries()) {
    auto applier = std::make_shared<const Applier>(method);
    VITRINE_CHECK(analyses.add(applier->info().id, applier));
  }
  return {};
}

}  // namespace vitrine::app
