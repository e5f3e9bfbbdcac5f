#include "engine/report/report.h"

namespace vitrine::engine {

std::string picture_name(PictureKind kind) {
  switch (kind) {
    case PictureKind::Matrix: return "matrix";
    case PictureKind::MatrixGrid: return "matrix_grid";
    case PictureKind::HeatMap: return "heat_map";
    case PictureKind::TokenLines: return "token_lines";
    case PictureKind::ImageOverlay: return "image_overlay";
    case PictureKind::Bars: return "bars";
    case PictureKind::Scatter: return "scatter";
    case PictureKind::Curves: return "curves";
    case PictureKind::Table: return "table";
    case PictureKind::Tokens: return "tokens";
    case PictureKind::Trajectories: return "trajectories";
    case PictureKind::Text: return "text";
  }
  return "table";
}

}  // namespace vitrine::engine
