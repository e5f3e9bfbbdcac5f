#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>
#include <span>

#include "engine/measure/statistics.h"
#include "engine/tensor/ops.h"
#include "plugins/analyses/code_corpus.h"
#include "tests/unit/plugins/support.h"

namespace vitrine::test {
namespace {

using namespace vitrine::plugins;

/// Codes of one codebook for given ids, [batch, token, k].
std::map<std::string, Tensor> taps_for(const Model& model, const Golden& ids, const EditList& edits = {}) {
  RunRequest run{.edits = edits, .taps = {"*codebook.*"}, .capture_maps = false, .keep_residuals = false};
  run.inputs["input_ids"] = Tensor::from_ints(ids.ints(), ids.shape);
  auto made = run_model(model, run);
  if (!made) throw std::runtime_error(sentence(made.error()));
  return (*made)->taps;
}

TEST(Codes, OfTheStateMachineEqualTheReference) {
  const auto model = demo("codebook_fsm");
  const auto mask = golden("codebook_fsm/input.safetensors", "attention_mask");
  const auto taps = taps_for(*model, golden("codebook_fsm/input.safetensors", "input_ids"));
  const auto order = golden_json("codebook_fsm/metrics.json")["codebook_order"];
  ASSERT_EQ(codebook_titles(*model), order.get<std::vector<std::string>>());
  for (const auto& book : model->codebooks()) {
    const auto expected = golden("codebook_fsm/expected.safetensors", "codes." + codebook_title(book)).ints();
    const auto ours = taps.at(codebook_hook(book, "hook_codes")).to_ints();
    ASSERT_EQ(ours.size(), expected.size());
    for (std::size_t i = 0; i < ours.size(); ++i)
      if (mask.values[i] != 0) { EXPECT_EQ(ours[i], expected[i]) << codebook_title(book) << " " << i; }
  }
}

TEST(Codes, WithSeveralATokenEqualTheReferenceButForNearTies) {
  const auto model = demo("lm_text_codebook");
  const auto ids = golden("lm_text_codebook/input.safetensors", "input_ids"), mask = golden("lm_text_codebook/input.safetensors", "attention_mask");
  const auto taps = taps_for(*model, ids);
  std::int64_t different = 0, all = 0;
  for (const auto& book : model->codebooks()) {
    const auto expected = golden("lm_text_codebook/expected.safetensors", "codes." + codebook_title(book)).ints();
    const auto ours = taps.at(codebook_hook(book, "hook_codes")).to_ints();
    ASSERT_EQ(ours.size(), expected.size());
    for (std::size_t i = 0; i < ours.size(); ++i) {
      if (mask.values[i / static_cast<std::size_t>(book.k)] == 0) continue;
      ++all;
      different += ours[i] != expected[i];
    }
  }
  EXPECT_GT(all, 3000);
  EXPECT_EQ(different, 0);
}

TEST(Codes, ScoresAreInOrderAndOfTheChosenCodes) {
  const auto model = demo("lm_text_codebook");
  const auto taps = taps_for(*model, golden("lm_text_codebook/input.safetensors", "input_ids"));
  for (const auto& book : model->codebooks()) {
    const auto scores = taps.at(codebook_hook(book, "hook_scores")).to_floats();
    for (std::size_t i = 0; i < scores.size(); ++i)
      if (i % static_cast<std::size_t>(book.k) != 0) { ASSERT_LE(scores[i], scores[i - 1]) << codebook_title(book); }
  }
}

TEST(Codes, AnalysisShowsTheCodesOfTheInput) {
  const auto model = demo("codebook_fsm");
  const auto report = analyse(model, "codes", {}, text_input("55531334"));
  ASSERT_TRUE(report) << sentence(report.error());
  EXPECT_EQ(report->picture, PictureKind::Matrix);
  ASSERT_EQ(report->arrays[0].shape, (std::vector<std::int64_t>{15, 9}));
  EXPECT_EQ(report->arrays[0].axes[0].labels[9], "L1.mlp");
  EXPECT_TRUE(report->verified.ok) << report->verified.max_abs_diff;
  EXPECT_EQ(report->tables[0].rows.size(), 15U * 9U);
  Workspace workspace(model);
  ASSERT_TRUE(workspace.set_input(text_input("55531334")));
  RunRequest run{.inputs = workspace.input().tensors, .taps = {"blocks.1.codebook.4.hook_codes"}};
  const auto made = run_model(*model, run);
  ASSERT_TRUE(made);
  const auto codes = (*made)->taps.begin()->second.to_ints();
  for (std::size_t t = 0; t < 9; ++t) EXPECT_EQ(report->arrays[0].values[9 * 9 + t], static_cast<float>(codes[t]));
}

TEST(Codes, ForcedCodesAreTheOnesShown) {
  const auto model = demo("codebook_fsm");
  const auto report = analyse(model, "codes", {{"codebook", 9}}, text_input("55531334"), {force_edit(model->codebooks()[9], 17, 3)});
  ASSERT_TRUE(report) << sentence(report.error());
  EXPECT_EQ(report->arrays[0].values[3], 17);
  EXPECT_NE(report->arrays[0].values[4], 17);
}

TEST(CodePurity, OfEveryCodebookEqualsTheReference) {
  const auto report = analyse(demo("codebook_fsm"), "code_purity", {{"pattern", ".."}}, {});
  ASSERT_TRUE(report) << sentence(report.error());
  EXPECT_EQ(metric_named(*report, "classes"), 36);
  EXPECT_EQ(metric_named(*report, "labelled tokens"), 256 * 31);
  const auto metrics = golden_json("codebook_fsm/metrics.json")["metrics"]["codebooks"];
  ASSERT_EQ(report->tables[0].rows.size(), metrics.size());
  for (const auto& row : report->tables[0].rows) {
    const auto expected = metrics.at(words(row[0]));
    EXPECT_NEAR(number(row[1]), expected["purity_state_end"].get<double>(), 1e-9) << words(row[0]);
    EXPECT_NEAR(number(row[2]), expected["recall_of_union_of_own_codes"].get<double>(), 1e-9) << words(row[0]);
    EXPECT_NEAR(number(row[3]), expected["best_code_precision_state_end"].get<double>(), 1e-9) << words(row[0]);
    EXPECT_NEAR(number(row[4]), expected["best_code_precision_all_positions"].get<double>(), 1e-9) << words(row[0]);
    EXPECT_NEAR(number(row[5]), expected["best_code_recall"].get<double>(), 1e-9) << words(row[0]);
    EXPECT_EQ(number(row[6]), expected["codes_used"].get<double>()) << words(row[0]);
  }
}

TEST(CodePurity, FindsTheBestCodeOfEveryState) {
  const auto report = analyse(demo("codebook_fsm"), "code_purity", {{"pattern", ".."}}, {});
  ASSERT_TRUE(report) << sentence(report.error());
  const auto expected = golden_csv("codebook_fsm/state_codes.csv");
  const auto& rows = report->tables[1].rows;
  ASSERT_EQ(rows.size(), expected.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto& e = expected[i];
    ASSERT_EQ(words(rows[i][0]), e.at("codebook"));
    ASSERT_EQ(words(rows[i][1]), e.at("digits"));
    EXPECT_NEAR(number(rows[i][6]), std::stod(e.at("f1")), 6e-5) << i;
    EXPECT_EQ(number(rows[i][7]), std::stod(e.at("occurrences"))) << i;
    if (number(rows[i][2]) != std::stod(e.at("best_code"))) continue;   // another code with the same F1
    EXPECT_NEAR(number(rows[i][3]), std::stod(e.at("precision_state_end")), 6e-5) << i;
    EXPECT_NEAR(number(rows[i][4]), std::stod(e.at("precision_all_positions")), 6e-5) << i;
    EXPECT_NEAR(number(rows[i][5]), std::stod(e.at("recall")), 6e-5) << i;
  }
}

TEST(CodeScores, EqualTheReferenceImplementation) {
  const auto acts = golden("analysis/codebook_search/input.safetensors", "acts"), pattern = golden("analysis/codebook_search/input.safetensors", "pattern");
  std::set<std::int64_t> positions;
  for (std::size_t i = 0; i < pattern.values.size(); i += 2) positions.insert(static_cast<std::int64_t>(pattern.values[i]) * acts.shape[1] + static_cast<std::int64_t>(pattern.values[i + 1]));
  ASSERT_EQ(static_cast<std::int64_t>(positions.size()), pattern.shape[0]);
  const std::vector<std::int32_t> codes(acts.values.begin(), acts.values.end());
  std::map<int, CodeScore> ours;
  for (const auto& s : score_codes(codes, static_cast<int>(acts.shape[2]), 30, {positions.begin(), positions.end()})) ours[s.code] = s;
  const auto ids = golden("analysis/codebook_search/expected.safetensors", "codes"), precision = golden("analysis/codebook_search/expected.safetensors", "precision"),
             recall = golden("analysis/codebook_search/expected.safetensors", "recall"), anywhere = golden("analysis/codebook_search/expected.safetensors", "code_acts");
  for (std::size_t i = 0; i < ids.values.size(); ++i) {
    const auto& s = ours.at(static_cast<int>(ids.values[i]));
    EXPECT_NEAR(s.precision, precision.values[i], 1e-6);
    EXPECT_NEAR(s.recall, recall.values[i], 1e-6);
    EXPECT_EQ(static_cast<float>(s.activations), anywhere.values[i]);
  }
}

TEST(CodeSearch, FindsWhatIsWrittenAndCountsIt) {
  const auto model = demo("lm_text_codebook");
  const auto report = analyse(model, "code_search", {{"pattern", " her"}}, {});
  ASSERT_TRUE(report) << sentence(report.error());
  EXPECT_TRUE(report->verified.ok);
  ASSERT_GT(report->tables[0].rows.size(), 10U);
  EXPECT_GT(number(report->tables[0].rows[0][4]), 0.5);
  for (std::size_t i = 1; i < report->tables[0].rows.size(); ++i) EXPECT_LE(number(report->tables[0].rows[i][4]), number(report->tables[0].rows[i - 1][4]));
  const auto corpus = code_corpus(model, {});
  ASSERT_TRUE(corpus);
  std::size_t written = 0;
  for (const auto& window : (*corpus)->windows)
    for (std::size_t at = 0; (at = window.text.find(" her", at)) != std::string::npos; ++at) ++written;
  EXPECT_EQ(metric_named(*report, "matches"), static_cast<double>(written));
}

TEST(CodeSearch, RefusesABrokenExpressionInOneSentence) {
  for (const char* pattern : {"[", "(", "*", ""}) {
    const auto report = analyse(demo("codebook_fsm"), "code_search", {{"pattern", pattern}}, {});
    ASSERT_FALSE(report) << pattern;
    EXPECT_EQ(report.error().code, ErrorCode::Usage) << pattern;
  }
}

TEST(CodeSearch, AMatchBelongsToTheTokenOfItsLastByte) {
  CodeCorpus corpus;
  corpus.windows = {decode_window({6, 1, 5, 1, 5, 5}, nullptr, true, true), decode_window({6, 5, 5, 5}, nullptr, true, true)};
  corpus.first = {0, 6, 10};
  EXPECT_EQ(corpus.windows[0].text, "15155");
  const auto positions = [&](const char* pattern) {
    std::vector<std::int64_t> out;
    const auto hits = find_pattern(corpus, pattern).value();
    for (const auto& hit : hits) out.push_back(hit.position);
    return out;
  };
  EXPECT_EQ(positions("15"), (std::vector<std::int64_t>{2, 4}));
  EXPECT_EQ(positions("55"), (std::vector<std::int64_t>{5, 8, 9}));
  EXPECT_EQ(positions("1.5"), (std::vector<std::int64_t>{5}));
  EXPECT_EQ(corpus.context(4), "151[5]5");
  EXPECT_EQ(decode_window({12, 3, 44}, nullptr, false, false).text, "12 3 44");
}

TEST(Corpus, TokensCoverTheTextWithoutGaps) {
  const auto corpus = code_corpus(demo("lm_text_codebook"), {});
  ASSERT_TRUE(corpus) << sentence(corpus.error());
  EXPECT_TRUE((*corpus)->start_token);
  EXPECT_EQ((*corpus)->positions(), 64 * 128);
  for (const auto& window : (*corpus)->windows) {
    std::size_t at = 0;
    for (std::size_t t = 1; t < window.bytes.size(); ++t) {
      if (window.bytes[t] == window.bytes[t - 1]) continue;   // parts of one character
      ASSERT_EQ(window.bytes[t].first, at);
      at = window.bytes[t].second;
    }
    EXPECT_EQ(at, window.text.size());
  }
}

TEST(Corpus, CountsOfEveryCodeEqualTheReference) {
  const auto model = demo("lm_text_codebook");
  const auto corpus = code_corpus(model, {});
  ASSERT_TRUE(corpus) << sentence(corpus.error());
  double different = 0, all = 0;
  for (std::size_t b = 0; b < model->codebooks().size(); ++b) {
    const auto expected = golden("lm_text_codebook/expected.safetensors", "counts." + codebook_title(model->codebooks()[b]));
    std::vector<double> counts(expected.values.size(), 0);
    const auto& book = (*corpus)->books[b];
    for (std::size_t i = 0; i < book.codes.size(); ++i)
      if ((i / static_cast<std::size_t>(book.k)) % 128 != 0) ++counts[static_cast<std::size_t>(book.codes[i])];
    for (std::size_t c = 0; c < counts.size(); ++c) {
      different += std::abs(counts[c] - expected.values[c]);
      all += expected.values[c];
    }
  }
  EXPECT_EQ(all, 64 * 127 * (16 * 4 + 4 * 8));
  EXPECT_LE(different / all, 2e-4);   // near ties at rank k
}

TEST(CodeContexts, MarkTheTokenAndCountActivations) {
  const auto model = demo("codebook_fsm");
  const auto report = analyse(model, "code_contexts", {{"codebook", 9}, {"code", 142}, {"count", 5}}, {});
  ASSERT_TRUE(report) << sentence(report.error());
  const auto& rows = report->tables[0].rows;
  ASSERT_EQ(rows.size(), 5U);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto context = words(rows[i][0]);
    const auto open = context.find('[');
    EXPECT_EQ(context.substr(open, 3), "[3]") << context;   // code 142 of L1.mlp stands for state 03
    EXPECT_EQ(context[open - 1], '0') << context;
    if (i > 0) { EXPECT_LE(number(rows[i][1]), number(rows[i - 1][1])); }
  }
  EXPECT_GT(metric_named(*report, "share"), 0);
  EXPECT_TRUE(report->verified.ok);
}

/// Next-digit logits of the last position with that position's codes forced.
std::vector<float> forced_logits(const Model& model, std::span<const std::int64_t> ids, const std::map<int, int>& codes) {
  RunRequest run{.capture_maps = false, .keep_residuals = false};
  const auto n = static_cast<std::int64_t>(ids.size());
  for (const auto& [book, code] : codes) run.edits.push_back(force_edit(model.codebooks()[static_cast<std::size_t>(book)], code, n - 1));
  run.inputs["input_ids"] = Tensor::from_ints(ids, {1, n});
  auto made = run_model(model, run);
  if (!made) throw std::runtime_error(sentence(made.error()));
  return select(select((*made)->outputs.at("logits"), 0, 0), 0, n - 1).to_floats();
}

class Steering : public testing::TestWithParam<const char*> {};

TEST_P(Steering, ForcedCodesMoveTheStateAsInTheReference) {
  const auto model = demo("codebook_fsm");
  const auto file = std::string("codebook_fsm/steering.safetensors");
  const auto ids = golden(file, "input_ids").ints(), target_codes = golden(file, "target_codes").ints();
  const auto expected = golden(file, std::string("logits.") + GetParam()), target = golden(file, "logits.target_run"), none = golden(file, "logits.none");
  std::map<std::string, std::string> row;
  for (const auto& r : golden_csv("codebook_fsm/steering.csv")) if (r.at("forced") == GetParam()) row = r;
  const auto titles = codebook_titles(*model);
  std::vector<int> books;
  for (std::size_t b = 0; b < titles.size(); ++b)
    if ((" " + row.at("codebooks") + " ").find(" " + titles[b] + " ") != std::string::npos) books.push_back(static_cast<int>(b));
  double worst = 0, moved = 0, untouched = 0;
  const std::size_t samples = 200, length = ids.size() / samples;
  for (std::size_t i = 0; i < samples; ++i) {
    std::map<int, int> codes;
    for (int b : books) codes[b] = static_cast<int>(target_codes[i * titles.size() + static_cast<std::size_t>(b)]);
    const auto logits = forced_logits(*model, std::span(ids).subspan(i * length, length), codes);
    for (std::size_t v = 0; v < 7; ++v) worst = std::max(worst, static_cast<double>(std::abs(logits[v] - expected.values[i * 7 + v])));
    const auto to_target = [&](std::span<const float> from) { return js_divergence(log_softmax_of(from), log_softmax_of(std::span(target.values).subspan(i * 7, 7))); };
    moved += to_target(logits);
    untouched += to_target(std::span(none.values).subspan(i * 7, 7));
  }
  EXPECT_LE(worst, 1e-4);
  EXPECT_NEAR(moved / untouched, std::stod(row.at("jsd_to_target_run_over_no_intervention")), 1e-4);   // float32 means, rounded to four places
}

INSTANTIATE_TEST_SUITE_P(Codebooks, Steering, testing::Values("none", "mlp_L1_L2", "mlp_L2", "attn_all", "all"));

TEST(CodeSteering, TheTopDigitIsOneThatTheTargetAllows) {
  const auto model = demo("codebook_fsm");
  const auto file = std::string("codebook_fsm/steering.safetensors");
  const auto ids = golden(file, "input_ids").ints(), codes = golden(file, "target_codes").ints(), states = golden(file, "target_state").ints();
  std::ifstream in(model->path() / "fsm.json");
  const auto machine = nlohmann::json::parse(in);
  int allowed = 0;
  for (std::size_t i = 0; i < 200; ++i) {
    const auto logits = forced_logits(*model, std::span(ids).subspan(i * 13, 13), {{9, static_cast<int>(codes[i * 15 + 9])}, {14, static_cast<int>(codes[i * 15 + 14])}});
    const auto top = top_indices(logits, 1)[0];
    for (int next : machine["out_neighbours"][static_cast<std::size_t>(states[i])])
      if (next / 6 == top) { ++allowed; break; }
  }
  EXPECT_EQ(allowed, 195);
}

TEST(CodeEffect, EqualsAForcedRun) {
  const auto model = demo("codebook_fsm");
  const auto report = analyse(model, "code_effect", {{"codebook", 9}, {"code", 142}, {"at", "position"}}, text_input("555313345403"));
  ASSERT_TRUE(report) << sentence(report.error());
  const std::vector<std::int64_t> ids{6, 5, 5, 5, 3, 1, 3, 3, 4, 5, 4, 0, 3};
  const auto after = log_softmax_of(forced_logits(*model, ids, {{9, 142}})), before = log_softmax_of(forced_logits(*model, ids, {}));
  for (const auto& row : report->tables[0].rows) {
    const auto id = static_cast<std::size_t>(number(row[4]));
    EXPECT_NEAR(number(row[1]), std::exp(before[id]), 1e-6);
    EXPECT_NEAR(number(row[2]), std::exp(after[id]), 1e-6);
  }
  EXPECT_NEAR(metric_named(*report, "kl_divergence"), kl_divergence(before, after), 1e-6);
  EXPECT_NEAR(metric_named(*report, "jensen_shannon"), js_divergence(before, after), 1e-6);
}

TEST(CodeEffect, OfTheCodeThatFiresAnywayIsNothing) {
  const auto model = demo("codebook_fsm");
  const auto codes = analyse(model, "codes", {{"codebook", 9}}, text_input("5553133454"));
  ASSERT_TRUE(codes) << sentence(codes.error());
  const auto fires = static_cast<int>(codes->arrays[0].values.back());
  const auto report = analyse(model, "code_effect", {{"codebook", 9}, {"code", fires}, {"at", "position"}}, text_input("5553133454"));
  ASSERT_TRUE(report) << sentence(report.error());
  EXPECT_NEAR(metric_named(*report, "kl_divergence"), 0, 1e-12);
}

/// Choosing a code has no slope, so that gradients pass through it as in training.
TEST(Codes, LetGradientsThroughAndChangeNoNumber) {
  const auto model = demo("codebook_fsm");
  Workspace workspace(model);
  ASSERT_TRUE(workspace.set_input(text_input("5553133454")));
  RunRequest run{.inputs = workspace.input().tensors, .differentiable = true};
  const auto made = run_model(*model, run);
  ASSERT_TRUE(made) << sentence(made.error());
  const auto base = workspace.base();
  EXPECT_LE(max_abs((*made)->outputs.at("logits") - (*base)->outputs.at("logits")), 1e-4);
  const auto slope = gradients(sum_all(square((*made)->outputs.at("logits"))), {(*made)->head_gates.at("blocks.0.attn")});
  ASSERT_TRUE(slope[0].defined());
  EXPECT_GT(max_abs(slope[0]), 1e-3);
}

TEST(CodeAnalyses, RefuseWhatDoesNotExist) {
  const auto model = demo("codebook_fsm");
  for (const auto& [id, params] : std::vector<std::pair<std::string, nlohmann::json>>{{"codes", {{"codebook", 15}}}, {"codes", {{"codebook", -2}}}, {"code_contexts", {{"codebook", -1}}}, {"code_effect", {{"codebook", 9}, {"code", 256}}},
                                                                                      {"code_effect", {{"codebook", 9}, {"code", -1}}}, {"code_effect", {{"codebook", 9}, {"position", 99}}}}) {
    const auto report = analyse(model, id, params, text_input("5553"));
    ASSERT_FALSE(report) << id << params;
    EXPECT_EQ(report.error().code, ErrorCode::Usage) << report.error().message;
  }
}

}  // namespace
}  // namespace vitrine::test
