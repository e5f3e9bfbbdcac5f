#include "engine/run/streamed_pass.h"

#include <set>
#include <string>

#include "engine/model/build.h"

namespace vitrine::engine {

StreamedPass::~StreamedPass() {
  if (model_.parts().stream) model_.parts().stream->rest();
}

Status StreamedPass::check() const {
  if (!model_.parts().in_file) return {};
  std::set<std::string> asked;
  for (const TensorEntry& entry : model_.checkpoint().tensors()) {
    if (entry.numel() == 0 || !asked.insert(entry.file).second) continue;
    float first = 0;
    VITRINE_CHECK(model_.checkpoint().read_f32_range(entry, 0, {&first, 1}));
  }
  return {};
}

}  // namespace vitrine::engine
