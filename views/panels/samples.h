#pragma once

#include <filesystem>
#include <vector>

#include <QString>
#include <QStringList>

#include "views/panels/host.h"

namespace vitrine::views {

/// An input that is one click away.
struct SampleInput {
  QString title, text, text_pair, image;   ///< `image` is a path that exists, or empty
  QStringList captions;
};

/// The samples of `folder` (its samples.json) that a model can take, those made for it first.
/// A folder or file that cannot be read gives none.
[[nodiscard]] std::vector<SampleInput> samples_for(const ModelState& model, const std::filesystem::path& folder);

}  // namespace vitrine::views
