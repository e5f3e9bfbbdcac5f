#include "engine/nn/part.h"

namespace vitrine::engine {

Result<PackedLinear> BuildContext::linear(const std::string& name, std::int64_t out, std::int64_t in, bool bias) const {
  VITRINE_TRY(Tensor w, matrix(name + ".weight", {out, in}));
  Tensor b;
  if (bias) {
    VITRINE_TRY(b, weight(name + ".bias", {out}));
  }
  return linear(std::move(w), std::move(b));
}

PackedLinear BuildContext::linear(Tensor weight, Tensor bias) const {
  PackedLinear made(std::move(weight), std::move(bias), packs);
  if (linears) linears->push_back(made);
  return made;
}

Result<std::unique_ptr<Part>> PartRegistry::build(const PartSpec& spec, BuildContext& context) const {
  if (!spec) return std::unique_ptr<Part>();
  VITRINE_TRY(const PartFactory* factory, get(spec.part));
  try {
    return (*factory)(spec.params, context);
  } catch (const nlohmann::json::exception& e) {
    return fail(ErrorCode::FileFormat, "part '" + spec.part + "' at " + context.path + ": " + e.what());
  }
}

}  // namespace vitrine::engine
