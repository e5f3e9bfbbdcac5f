#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include <sqlite3.h>

#include "engine/core/error.h"

namespace vitrine::engine {

/// A prepared statement; finalised when it goes.
class Statement {
 public:
  Statement() = default;
  Statement(sqlite3* db, std::string file, const char* sql);

  Statement& bind(int index, std::int64_t value);
  Statement& bind(int index, double value);
  Statement& bind(int index, const std::string& value);
  Statement& bind(int index, const std::optional<std::int64_t>& value);
  Statement& bind_null(int index);

  /// @return whether there is a row
  Result<bool> step();
  /// Runs to the end and makes ready for the next binding.
  Status run();

  [[nodiscard]] std::int64_t integer(int column) const { return sqlite3_column_int64(statement_.get(), column); }
  [[nodiscard]] double real(int column) const { return sqlite3_column_double(statement_.get(), column); }
  [[nodiscard]] bool null(int column) const {
    return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
  }
  [[nodiscard]] std::string text(int column) const;

 private:
  struct Finalise {
    void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
  };
  sqlite3* db_ = nullptr;
  std::string file_;
  std::unique_ptr<sqlite3_stmt, Finalise> statement_;
};

/// An open SQLite file.
class Database {
 public:
  [[nodiscard]] static Result<Database> open(const std::filesystem::path& path);
  [[nodiscard]] Statement prepare(const char* sql) const { return {db_.get(), file_, sql}; }
  Status execute(const char* sql) const;
  [[nodiscard]] std::int64_t last_id() const { return sqlite3_last_insert_rowid(db_.get()); }
  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] tl::unexpected<Error> error() const;

 private:
  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
  };
  std::unique_ptr<sqlite3, Close> db_;
  std::string file_;
};

/// A transaction that is rolled back unless it is committed.
class Transaction {
 public:
  explicit Transaction(const Database& db) : db_(db) {}
  ~Transaction();
  Status begin();
  Status commit();

 private:
  const Database& db_;
  bool open_ = false;
};

}  // namespace vitrine::engine
