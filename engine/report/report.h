#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace vitrine::engine {

/// One axis of an array: its name, and optionally one label per position (tokens, layers, ...).
struct Axis {
  std::string name;                  ///< "layer", "head", "query", "key", "token", "step", ...
  std::string unit;                  ///< "" or "tokens", "nats", "ms", ...
  std::vector<std::string> labels;   ///< empty, or as many as the axis is long
};

/// A host array, row-major float32, with named axes. NaN means "not computed".
struct Array {
  std::string name;
  std::string unit;                  ///< "probability", "nats", "logit", ...
  std::vector<Axis> axes;            ///< same length as shape
  std::vector<std::int64_t> shape;
  std::vector<float> values;         ///< product(shape) values

  [[nodiscard]] std::int64_t numel() const {
    std::int64_t n = 1;
    for (auto s : shape) n *= s;
    return n;
  }
};

using Cell = std::variant<std::string, double>;

struct Table {
  struct Column {
    std::string name;
    std::string unit;
    int digits = 4;                  ///< significant digits to show
  };
  std::string name;
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;
};

/// A single number worth its own name: accuracy, perplexity, KL divergence, parameters, bytes, ms.
struct Metric {
  std::string name;
  double value = 0;
  std::string unit;
  std::optional<double> before;      ///< the same number for the unedited model, where it was computed
};

/// 8-bit RGB, row-major.
struct Picture8 {
  int width = 0, height = 0;
  std::vector<std::uint8_t> rgb;
};

/// A token of an input as a person sees it.
struct TokenLabel {
  std::string text;                  ///< UTF-8, escapes made visible ("Ġthe" is shown as " the")
  std::int64_t id = -1;
  std::int64_t begin = -1, end = -1; ///< byte range in the input text; -1 if it has none
  bool special = false;
};

/// Where image tokens sit: `offset` tokens (CLS, registers) come first, then rows x cols patches.
struct PatchGrid {
  int rows = 0, cols = 0, offset = 0;
};

/// The picture that suits a report best; every one of them can be exported as a table as well.
enum class PictureKind {
  Matrix,        ///< arrays[0] [row, column], e.g. one attention pattern
  MatrixGrid,    ///< arrays[0] [layer, head, query, key]: thumbnails
  HeatMap,       ///< arrays[0] [layer, head]: few, large, labelled cells
  TokenLines,    ///< arrays[0] [query, key] as lines between two token columns
  ImageOverlay,  ///< picture + arrays[0] [rows, cols] drawn over it
  Bars,          ///< arrays[0] [item], labels on the axis
  Scatter,       ///< arrays[0], arrays[1] [item]: x and y; axis 0 carries labels; arrays[2] optional colour
  Curves,        ///< each array [x]: one line
  Table,         ///< tables[0]
  Tokens,        ///< tokens, with arrays[0] [token] as background
  Trajectories,  ///< arrays[0] [layer, token, 3]
  Text,          ///< text only
};

/// How a number was checked; shown beside every figure.
struct Verified {
  std::string how;                   ///< "map x values against the forward pass", "not checked: ..."
  double max_abs_diff = -1;          ///< negative if there is none
  double tolerance = -1;
  bool ok = false;
};

/// What a computation hands over. Host memory only: no tensor, no toolkit.
struct Report {
  std::string id;                    ///< id of the analysis that made it
  std::string title;
  std::string subtitle;              ///< model, input and parameters in one line
  PictureKind picture = PictureKind::Table;
  std::vector<Array> arrays;
  std::vector<Table> tables;
  std::vector<Metric> metrics;
  std::vector<TokenLabel> tokens;
  std::optional<Picture8> image;
  std::optional<PatchGrid> grid;
  std::string text;
  Verified verified;
  std::map<std::string, std::string> notes;  ///< what a reader must know: loss, unit of averaging, ablation
  double timing_ms = 0;
  double fraction_done = 1;          ///< below 1 while a progressive analysis fills in
};

[[nodiscard]] std::string picture_name(PictureKind kind);

}  // namespace vitrine::engine
