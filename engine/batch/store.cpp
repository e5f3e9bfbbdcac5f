#include "engine/batch/store.h"

#include <chrono>
#include <limits>
#include <mutex>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "engine/batch/sqlite.h"
#include "engine/core/version.h"

namespace vitrine::engine {

namespace {

constexpr std::int64_t kSchemaVersion = 1;

constexpr const char* kSchema = R"sql(
CREATE TABLE runs(
  id INTEGER PRIMARY KEY, job TEXT NOT NULL, job_json TEXT NOT NULL, vitrine TEXT NOT NULL,
  started TEXT NOT NULL, finished TEXT, status TEXT NOT NULL, workers INTEGER NOT NULL);
CREATE TABLE items(
  id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs(id), ordinal INTEGER NOT NULL,
  grp INTEGER NOT NULL, model TEXT NOT NULL, input TEXT NOT NULL, step TEXT NOT NULL, kind TEXT NOT NULL,
  key TEXT NOT NULL, status TEXT NOT NULL, primary_metric TEXT, verified TEXT, max_abs_diff REAL, timing_ms REAL,
  UNIQUE(run, ordinal));
CREATE TABLE metrics(
  run INTEGER NOT NULL, item INTEGER NOT NULL REFERENCES items(id), name TEXT NOT NULL,
  layer INTEGER, head INTEGER, position INTEGER, value REAL);
CREATE INDEX metrics_by_item ON metrics(item, name);
CREATE TABLE artefacts(
  run INTEGER NOT NULL, item INTEGER NOT NULL REFERENCES items(id), name TEXT NOT NULL, kind TEXT NOT NULL,
  path TEXT NOT NULL);
CREATE TABLE failures(
  run INTEGER NOT NULL, item INTEGER NOT NULL REFERENCES items(id), code TEXT NOT NULL, message TEXT NOT NULL,
  file TEXT, byte INTEGER);
CREATE INDEX items_by_group ON items(run, grp, ordinal);
)sql";

std::string now_text() {
  const auto now = std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(now)));
}

std::string plain(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// A store comes from a file like any other: its pages are checked, and it may not bring code of its own.
Status check_sound(const Database& db, const std::filesystem::path& path) {
  auto pages = db.prepare("PRAGMA quick_check(1)");
  VITRINE_TRY(const bool answered, pages.step());
  if (!answered || pages.text(0) != "ok")
    return fail_file(ErrorCode::FileFormat, path.string(), "expected a sound results store, came damaged pages");
  auto active = db.prepare("SELECT count(*) FROM sqlite_schema WHERE type NOT IN ('table','index') OR sql LIKE '%VIRTUAL%'");
  VITRINE_TRY(const bool row, active.step());
  if (row && active.integer(0) != 0)
    return fail_file(ErrorCode::FileFormat, path.string(), "expected a results store of tables, came one with triggers, views or virtual tables");
  return {};
}

}  // namespace

struct ResultsStore::State {
  Database db;
  std::mutex mutex;
};

ResultsStore::ResultsStore(std::unique_ptr<State> state) : state_(std::move(state)) {}
ResultsStore::~ResultsStore() = default;

Result<std::unique_ptr<ResultsStore>> ResultsStore::open(const std::filesystem::path& path) {
  VITRINE_TRY(Database db, Database::open(path));
  VITRINE_CHECK(db.execute("PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON"));
  VITRINE_CHECK(check_sound(db, path));
  VITRINE_CHECK(db.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON"));
  std::int64_t version = 0, tables = 0;
  {
    auto ask = db.prepare("SELECT (SELECT user_version FROM pragma_user_version), count(*) FROM sqlite_schema");
    VITRINE_TRY(const bool row, ask.step());
    if (row) {
      version = ask.integer(0);
      tables = ask.integer(1);
    }
  }
  if (version == 0 && tables == 0) {
    Transaction transaction(db);
    VITRINE_CHECK(transaction.begin());
    VITRINE_CHECK(db.execute(kSchema));
    VITRINE_CHECK(db.execute("PRAGMA user_version=1"));
    VITRINE_CHECK(transaction.commit());
  } else if (version != kSchemaVersion) {
    return fail_file(ErrorCode::FileFormat, path.string(),
                     fmt::format("expected a results store of schema {}, came {}", kSchemaVersion, version));
  }
  auto state = std::make_unique<State>();
  state->db = std::move(db);
  return std::unique_ptr<ResultsStore>(new ResultsStore(std::move(state)));
}

Result<std::int64_t> ResultsStore::begin_run(const Job& job, const Plan& plan, int workers) {
  std::lock_guard lock(state_->mutex);
  const Database& db = state_->db;
  Transaction transaction(db);
  VITRINE_CHECK(transaction.begin());
  auto run_row = db.prepare(
      "INSERT INTO runs(job, job_json, vitrine, started, status, workers) VALUES(?,?,?,?,'running',?)");
  run_row.bind(1, job.name).bind(2, plain(job.source)).bind(3, version()).bind(4, now_text());
  VITRINE_CHECK(run_row.bind(5, static_cast<std::int64_t>(workers)).run());
  const std::int64_t run = db.last_id();
  auto row = db.prepare(
      "INSERT INTO items(run, ordinal, grp, model, input, step, kind, key, status) VALUES(?,?,?,?,?,?,?,?,'planned')");
  for (const PlanItem& item : plan.items) {
    row.bind(1, run).bind(2, item.ordinal).bind(3, item.group).bind(4, item.model).bind(5, item.input_name);
    VITRINE_CHECK(row.bind(6, item.step.id).bind(7, step_kind_name(item.step.kind)).bind(8, item.key()).run());
  }
  VITRINE_CHECK(transaction.commit());
  return run;
}

Result<std::int64_t> ResultsStore::find_run(const Job& job, const Plan& plan) {
  std::int64_t run = 0;
  {
    std::lock_guard lock(state_->mutex);
    auto ask = state_->db.prepare("SELECT id, job_json FROM runs ORDER BY id DESC LIMIT 1");
    VITRINE_TRY(const bool row, ask.step());
    if (!row) return 0;
    run = ask.integer(0);
    if (ask.text(1) != plain(job.source))
      return fail_file(ErrorCode::InvalidInput, state_->db.file(),
                       "expected the job that this store was begun with, came another one");
  }
  VITRINE_TRY(const auto stored, items(run));
  bool same = stored.size() == plan.items.size();
  for (std::size_t i = 0; same && i < stored.size(); ++i) same = stored[i].key == plan.items[i].key();
  if (!same)
    return fail_file(ErrorCode::InvalidInput, state_->db.file(),
                     "expected the inputs that this run was begun with, came changed ones");
  return run;
}

Status ResultsStore::end_run(std::int64_t run, const std::string& status) {
  std::lock_guard lock(state_->mutex);
  return state_->db.prepare("UPDATE runs SET status=?, finished=? WHERE id=?")
      .bind(1, status).bind(2, now_text()).bind(3, run).run();
}

Status ResultsStore::forget_failures(std::int64_t run) {
  std::lock_guard lock(state_->mutex);
  Transaction transaction(state_->db);
  VITRINE_CHECK(transaction.begin());
  VITRINE_CHECK(state_->db.prepare("DELETE FROM failures WHERE run=?").bind(1, run).run());
  VITRINE_CHECK(state_->db.prepare("UPDATE items SET status='planned' WHERE run=? AND status='failed'")
                    .bind(1, run).run());
  return transaction.commit();
}

Result<std::vector<StoredItem>> ResultsStore::items(std::int64_t run) {
  std::lock_guard lock(state_->mutex);
  auto ask = state_->db.prepare("SELECT id, ordinal, status, key FROM items WHERE run=? ORDER BY ordinal");
  ask.bind(1, run);
  std::vector<StoredItem> items;
  while (true) {
    VITRINE_TRY(const bool row, ask.step());
    if (!row) return items;
    items.push_back({ask.integer(0), ask.integer(1), ask.text(2), ask.text(3)});
  }
}

namespace {

Result<std::int64_t> item_id(const Database& db, std::int64_t run, std::int64_t ordinal) {
  auto ask = db.prepare("SELECT id FROM items WHERE run=? AND ordinal=?");
  ask.bind(1, run).bind(2, ordinal);
  VITRINE_TRY(const bool row, ask.step());
  if (!row) return fail_file(ErrorCode::Internal, db.file(), fmt::format("expected item {} in the store", ordinal));
  return ask.integer(0);
}

}  // namespace

Status ResultsStore::record(std::int64_t run, const PlanItem& item, const ItemOutcome& outcome,
                            const std::vector<StoredArtefact>& artefacts) {
  std::lock_guard lock(state_->mutex);
  const Database& db = state_->db;
  Transaction transaction(db);
  VITRINE_CHECK(transaction.begin());
  VITRINE_TRY(const std::int64_t id, item_id(db, run, item.ordinal));
  auto metric = db.prepare("INSERT INTO metrics(run, item, name, layer, head, position, value) VALUES(?,?,?,?,?,?,?)");
  for (const MetricRow& m : outcome.metrics) {
    metric.bind(1, run).bind(2, id).bind(3, m.name).bind(4, m.layer).bind(5, m.head).bind(6, m.position);
    VITRINE_CHECK(metric.bind(7, m.value).run());
  }
  auto artefact = db.prepare("INSERT INTO artefacts(run, item, name, kind, path) VALUES(?,?,?,?,?)");
  for (const StoredArtefact& a : artefacts)
    VITRINE_CHECK(artefact.bind(1, run).bind(2, id).bind(3, a.name).bind(4, a.kind).bind(5, a.path).run());
  auto done = db.prepare(
      "UPDATE items SET status='done', primary_metric=?, verified=?, max_abs_diff=?, timing_ms=? WHERE id=?");
  done.bind(1, outcome.primary).bind(2, outcome.verified.how).bind(4, outcome.timing_ms).bind(5, id);
  if (outcome.verified.max_abs_diff >= 0) done.bind(3, outcome.verified.max_abs_diff);
  else done.bind_null(3);
  VITRINE_CHECK(done.run());
  return transaction.commit();
}

Status ResultsStore::record_failure(std::int64_t run, const PlanItem& item, const Error& error) {
  std::lock_guard lock(state_->mutex);
  const Database& db = state_->db;
  Transaction transaction(db);
  VITRINE_CHECK(transaction.begin());
  VITRINE_TRY(const std::int64_t id, item_id(db, run, item.ordinal));
  auto row = db.prepare("INSERT INTO failures(run, item, code, message, file, byte) VALUES(?,?,?,?,?,?)");
  row.bind(1, run).bind(2, id).bind(3, code_name(error.code)).bind(4, error.message).bind(5, error.file);
  if (error.offset) row.bind(6, static_cast<std::int64_t>(*error.offset));
  else row.bind_null(6);
  VITRINE_CHECK(row.run());
  VITRINE_CHECK(db.prepare("UPDATE items SET status='failed' WHERE id=?").bind(1, id).run());
  return transaction.commit();
}

Result<std::vector<double>> ResultsStore::lookup(std::int64_t run, const PlanItem& item, const MetricRef& ref) {
  std::lock_guard lock(state_->mutex);
  // "step.metric", or "step" alone: its first array. The nearest item before this one that has it counts; items of
  // the same model without an input come after those of the same group.
  auto find = state_->db.prepare(
      "SELECT i.id, CASE WHEN EXISTS(SELECT 1 FROM metrics m WHERE m.item=i.id AND m.name=?1) THEN ?1 "
      "ELSE i.primary_metric END AS n FROM items i WHERE i.run=?2 AND i.model=?3 AND i.ordinal<?4 AND i.status='done' "
      "AND (i.grp=?5 OR i.input='') AND (i.step=?1 OR EXISTS(SELECT 1 FROM metrics m WHERE m.item=i.id AND m.name=?1)) "
      "ORDER BY (i.grp=?5) DESC, i.ordinal DESC LIMIT 1");
  find.bind(1, ref.name).bind(2, run).bind(3, item.model).bind(4, item.ordinal).bind(5, item.group);
  std::vector<double> values;
  VITRINE_TRY(const bool row, find.step());
  if (!row) return values;
  auto ask = state_->db.prepare(
      "SELECT value FROM metrics WHERE item=?1 AND name=?2 AND value IS NOT NULL AND (?3 IS NULL OR layer=?3) "
      "AND (?4 IS NULL OR head=?4) AND (?5 IS NULL OR position=?5) ORDER BY rowid");
  ask.bind(1, find.integer(0)).bind(2, find.text(1));
  const auto optional = [&](int index, const std::optional<int>& value) {
    if (value) ask.bind(index, static_cast<std::int64_t>(*value));
    else ask.bind_null(index);
  };
  optional(3, ref.layer);
  optional(4, ref.head);
  optional(5, ref.position);
  while (true) {
    VITRINE_TRY(const bool more, ask.step());
    if (!more) return values;
    values.push_back(ask.real(0));
  }
}

Result<std::vector<StoredFailure>> ResultsStore::failures(std::int64_t run) {
  std::lock_guard lock(state_->mutex);
  auto ask = state_->db.prepare(
      "SELECT i.ordinal, i.step, i.model, i.input, f.code, f.message, f.file FROM failures f JOIN items i ON i.id=f.item "
      "WHERE f.run=? ORDER BY i.ordinal");
  ask.bind(1, run);
  std::vector<StoredFailure> failures;
  while (true) {
    VITRINE_TRY(const bool row, ask.step());
    if (!row) return failures;
    StoredFailure f{ask.integer(0), ask.text(1), ask.text(2), ask.text(3), ask.text(4), ask.text(5)};
    if (const std::string file = ask.text(6); !file.empty()) f.message = file + ": " + f.message;
    failures.push_back(std::move(f));
  }
}

Result<std::vector<StoredArtefact>> ResultsStore::artefacts(std::int64_t run) {
  std::lock_guard lock(state_->mutex);
  auto ask = state_->db.prepare(
      "SELECT i.ordinal, a.name, a.kind, a.path FROM artefacts a JOIN items i ON i.id=a.item WHERE a.run=? "
      "ORDER BY i.ordinal, a.rowid");
  ask.bind(1, run);
  std::vector<StoredArtefact> artefacts;
  while (true) {
    VITRINE_TRY(const bool row, ask.step());
    if (!row) return artefacts;
    artefacts.push_back({ask.integer(0), ask.text(1), ask.text(2), ask.text(3)});
  }
}

Result<std::vector<MetricRow>> ResultsStore::metrics(std::int64_t run, std::int64_t ordinal, std::int64_t limit) {
  std::lock_guard lock(state_->mutex);
  auto ask = state_->db.prepare(
      "SELECT m.name, m.layer, m.head, m.position, m.value FROM metrics m JOIN items i ON i.id=m.item "
      "WHERE i.run=? AND i.ordinal=? ORDER BY m.rowid LIMIT ?");
  ask.bind(1, run).bind(2, ordinal).bind(3, limit);
  const auto optional = [&](int column) {
    return ask.null(column) ? std::optional<std::int64_t>() : std::optional(ask.integer(column));
  };
  std::vector<MetricRow> rows;
  while (true) {
    VITRINE_TRY(const bool row, ask.step());
    if (!row) return rows;
    const double value = ask.null(4) ? std::numeric_limits<double>::quiet_NaN() : ask.real(4);
    rows.push_back({ask.text(0), optional(1), optional(2), optional(3), value});
  }
}

}  // namespace vitrine::engine
