// One module with a fault chosen at compile time: what the loader must survive.
#include <stdexcept>

#include "engine/core/version.h"
#include "engine/plugin/registrar.h"

namespace {

using namespace vitrine::engine;

class Constant : public Analysis {
 public:
  explicit Constant(std::string id) { info_.id = std::move(id); }
  const AnalysisInfo& info() const override { return info_; }
  Result<Report> run(const AnalysisRequest&) const override { return Report{}; }

 private:
  AnalysisInfo info_;
};

}  // namespace

#ifndef FAULT_NO_BUILD_ID
extern "C" const char* vitrine_plugin_build_id() {
#ifdef FAULT_BUILD_ID
  return "another compiler";
#else
  return VITRINE_TEST_BUILD_ID;
#endif
}
#endif

#ifndef FAULT_NO_ENTRY
extern "C" void vitrine_register(PluginRegistrar& registrar) {
  registrar.add(std::make_shared<const Constant>("test_constant"));
#ifdef FAULT_TWICE
  registrar.add(std::make_shared<const Constant>("test_constant"));
#endif
#ifdef FAULT_THROW
  throw std::runtime_error("no ink");
#endif
}
#endif

#ifdef FAULT_UNDEFINED
extern "C" int vitrine_test_symbol_that_nobody_has();
extern "C" int vitrine_test_uses_it() { return vitrine_test_symbol_that_nobody_has(); }
#endif
