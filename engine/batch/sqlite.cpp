#include "engine/batch/sqlite.h"

namespace vitrine::engine {

namespace {

tl::unexpected<Error> failure(sqlite3* db, const std::string& file) {
  const int code = db ? sqlite3_errcode(db) : SQLITE_NOMEM;
  const ErrorCode kind = code == SQLITE_NOTADB || code == SQLITE_CORRUPT ? ErrorCode::FileFormat
                         : code == SQLITE_FULL || code == SQLITE_NOMEM   ? ErrorCode::DoesNotFit
                                                                         : ErrorCode::FileMissing;
  return fail_file(kind, file, std::string("expected a usable results store, came: ") +
                                   (db ? sqlite3_errmsg(db) : "no memory"));
}

}  // namespace

Statement::Statement(sqlite3* db, std::string file, const char* sql) : db_(db), file_(std::move(file)) {
  sqlite3_stmt* raw = nullptr;
  sqlite3_prepare_v2(db, sql, -1, &raw, nullptr);
  statement_.reset(raw);
}

Statement& Statement::bind(int index, std::int64_t value) {
  sqlite3_bind_int64(statement_.get(), index, value);
  return *this;
}

Statement& Statement::bind(int index, double value) {
  sqlite3_bind_double(statement_.get(), index, value);
  return *this;
}

Statement& Statement::bind(int index, const std::string& value) {
  sqlite3_bind_text64(statement_.get(), index, value.data(), value.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  return *this;
}

Statement& Statement::bind(int index, const std::optional<std::int64_t>& value) {
  return value ? bind(index, *value) : bind_null(index);
}

Statement& Statement::bind_null(int index) {
  sqlite3_bind_null(statement_.get(), index);
  return *this;
}

Result<bool> Statement::step() {
  if (!statement_) return failure(db_, file_);
  switch (sqlite3_step(statement_.get())) {
    case SQLITE_ROW: return true;
    case SQLITE_DONE: return false;
    default: return failure(db_, file_);
  }
}

Status Statement::run() {
  VITRINE_TRY(const bool row, step());
  (void)row;
  sqlite3_reset(statement_.get());
  return {};
}

std::string Statement::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  return data ? std::string(data, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column)))
              : std::string();
}

Result<Database> Database::open(const std::filesystem::path& path) {
  Database database;
  database.file_ = path.string();
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &raw,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, nullptr);
  database.db_.reset(raw);
  if (code != SQLITE_OK) return database.error();
  sqlite3_busy_timeout(raw, 10'000);
  return database;
}

Status Database::execute(const char* sql) const {
  if (sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) return error();
  return {};
}

tl::unexpected<Error> Database::error() const { return failure(db_.get(), file_); }

Status Transaction::begin() {
  VITRINE_CHECK(db_.execute("BEGIN IMMEDIATE"));
  open_ = true;
  return {};
}

Status Transaction::commit() {
  VITRINE_CHECK(db_.execute("COMMIT"));
  open_ = false;
  return {};
}

Transaction::~Transaction() {
  if (open_) (void)db_.execute("ROLLBACK");
}

}  // namespace vitrine::engine
