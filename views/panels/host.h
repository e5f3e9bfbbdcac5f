#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <QObject>
#include <QString>
#include <QStringList>

#include <nlohmann/json.hpp>

#include "engine/analysis/analysis.h"
#include "engine/core/error.h"
#include "engine/io/tensor_list.h"
#include "engine/report/report.h"
#include "engine/run/edit.h"

namespace vitrine::views {

/// One head (or channel group) of one layer of one tower.
struct HeadRef {
  std::string tower;           ///< prefix: "", "encoder.", ...
  int layer = 0;
  int head = 0;                ///< -1: mean over heads
  bool cross = false;
  friend bool operator==(const HeadRef&, const HeadRef&) = default;
};

/// What is pointed at, shared by all panels; changing it is not a command (it is not undone).
struct Selection {
  HeadRef head;
  std::optional<HeadRef> compare;
  std::vector<HeadRef> brushed;   ///< heads selected in any importance view
  int token = -1;                 ///< query position
  int key = -1;                   ///< key position
  int codebook = -1;              ///< index into ModelState::codebooks
  int code = -1;
  friend bool operator==(const Selection&, const Selection&) = default;
};

struct TowerState {
  std::string prefix;
  std::vector<int> heads_per_layer;        ///< maps of each layer's mixer
  std::vector<int> cross_heads_per_layer;
  std::vector<int> mlp_width;              ///< neurons per layer
  std::string mixer_kind;                  ///< "attention", "mamba", ...
  std::vector<std::string> blocks;         ///< per layer, prefix of its hooks: "stages.0.blocks.1"
  std::vector<std::string> mixer_sites;    ///< per layer: "stages.0.blocks.1.attn"
};

struct CodebookState {
  std::string title;                       ///< "L2 mlp", "L1 head 3"
  int layer = 0, ordinal = 0, codes = 0, k = 1;
};

/// The opened model as panels may know it.
struct ModelState {
  std::string name, path, architecture;
  std::string dtype = "float32";           ///< of the numbers computed with
  /// One sentence if only its tensors can be looked at (also while its weights are still being read); empty: it runs.
  std::string cannot_run;
  bool opening = false;                    ///< headers are here, the weights are being read
  std::vector<std::string> warnings;       ///< what a person must see although it opened
  std::shared_ptr<const engine::TensorList> tensors;   ///< of its file; null: not known
  bool takes_text = false, takes_pair = false, takes_image = false, takes_both = false, causal_lm = false;
  bool takes_decoder_text = false;         ///< encoder-decoders
  bool has_eval_set = false;
  bool predicts = true;                    ///< false: no classes and no vocabulary, only hidden states
  std::vector<TowerState> towers;
  std::vector<CodebookState> codebooks;
  std::vector<std::string> class_labels;
  engine::Report card;                     ///< metrics and tables of the model card
};

struct TowerTokens {
  std::string prefix;
  std::vector<engine::TokenLabel> tokens;
  std::optional<engine::PatchGrid> grid;
};

/// The input in force.
struct InputState {
  std::string text, text_pair, image_path;
  std::string decoder_text;
  std::vector<std::string> captions;
  std::vector<TowerTokens> towers;
  std::optional<engine::Picture8> image;
  std::string summary;
};

/// How a person waits for an answer.
enum class Pace {
  Prompt,    ///< it follows what the hand does
  CanWait,   ///< measured beside that: an evaluation set, a latency
};

/// What a panel may ask of the program. Implemented by the application; lives on the UI thread.
class Host : public QObject {
  Q_OBJECT
 public:
  using QObject::QObject;

  virtual const ModelState* model() const = 0;      ///< nullptr: nothing is open
  virtual const InputState* input() const = 0;      ///< nullptr: no input yet
  virtual const engine::EditList& edits() const = 0;
  virtual const Selection& selection() const = 0;
  virtual void select(const Selection& selection) = 0;

  /// Asks for an analysis; a newer request with the same tag replaces a stale one. The answer is `report` or `failed`.
  /// Analyses run with the edits in force unless `edited` is false.
  virtual void request(const QString& tag, const std::string& analysis, const nlohmann::json& params,
                       bool edited = true, Pace pace = Pace::Prompt) = 0;
  virtual void cancel(const QString& tag) = 0;

  /// Performs a command: recorded in the journal, undoable. Forms are listed in app/session/README.md.
  virtual void act(const nlohmann::json& command) = 0;

  /// What `set_view` commands have set for a panel up to now: colour ranges, modes, choices. Null if nothing.
  virtual nlohmann::json view_settings(const QString& /*panel*/) const { return {}; }
  /// Keeps settings of a panel that are no act (which head is looked at): a saved session has them, undo passes over
  /// them. They come back in `view_settings`, over what `set_view` says.
  virtual void keep_view(const QString& /*panel*/, const nlohmann::json& /*settings*/) {}

  /// All analyses, for panels that list them.
  virtual const engine::AnalysisRegistry& analyses() const = 0;
  /// One sentence in the status bar.
  virtual void tell(const QString& sentence) = 0;

 signals:
  void model_changed();
  void input_changed();
  void edits_changed();
  void selection_changed();
  /// The settings of a panel changed by something else than itself: undo, a session that was opened.
  void view_changed(const QString& panel);
  void report(const QString& tag, std::shared_ptr<const vitrine::engine::Report> report);
  void failed(const QString& tag, const QString& sentence);
  void progress(const QString& tag, double fraction, const QString& what);
  void theme_changed();
};

}  // namespace vitrine::views
