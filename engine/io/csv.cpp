#include "engine/io/csv.h"

#include <charconv>
#include <cmath>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "engine/io/bytes.h"

namespace vitrine::engine {
namespace {

constexpr std::size_t kMaxFields = 4 << 20, kMaxColumns = 16384, kMaxField = 1 << 20, kMaxFile = std::size_t{64} << 20;

class CsvReader {
 public:
  CsvReader(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  Result<CsvTable> read() {
    if (text_.size() > kMaxFile) return bad(fmt::format("expected at most {} bytes of table, came {}", kMaxFile, text_.size()), ErrorCode::FileLimit);
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = line_begin_ = 3;
    if (const auto broken = first_bad_utf8(text_)) return fail_file(ErrorCode::FileFormat, name_, "expected UTF-8 text", *broken);
    if (at_ == text_.size()) return bad("the table is empty");
    CsvTable table;
    VITRINE_TRY(table.columns, row());
    VITRINE_CHECK(check_columns(table.columns));
    while (at_ < text_.size()) {
      const std::size_t line = line_;
      VITRINE_TRY(auto fields, row());
      if (fields.size() != table.columns.size())
        return bad(fmt::format("line {} has {} fields, the first line has {}", line, fields.size(), table.columns.size()));
      table.rows.push_back(std::move(fields));
    }
    return table;
  }

 private:
  tl::unexpected<Error> bad(std::string what, ErrorCode code = ErrorCode::FileFormat) const { return fail_file(code, name_, std::move(what), at_); }

  std::string here() const { return fmt::format("line {}, column {}", line_, at_ - line_begin_ + 1); }

  Status check_columns(const std::vector<std::string>& columns) const {
    std::set<std::string_view> seen;
    for (const std::string& column : columns)
      if (!seen.insert(column).second) return bad(fmt::format("duplicate: the column '{}' stands twice in line 1", printable(column)));
    return {};
  }

  bool line_ends() const { return at_ == text_.size() || text_[at_] == '\n' || (text_[at_] == '\r' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n'); }

  Result<std::vector<std::string>> row() {
    std::vector<std::string> fields;
    while (true) {
      VITRINE_TRY(std::string one, field());
      if (fields.size() == kMaxColumns || ++fields_ > kMaxFields)
        return bad(fmt::format("{}: more than {} fields of at most {} columns, which is the limit", here(), kMaxFields, kMaxColumns), ErrorCode::FileLimit);
      fields.push_back(std::move(one));
      if (line_ends()) break;
      if (text_[at_] != ',') return bad(fmt::format("{}: expected a comma or the end of the line after a quoted field", here()));
      ++at_;
    }
    if (at_ < text_.size()) {
      at_ += text_[at_] == '\r' ? 2 : 1;
      next_line();
    }
    return fields;
  }

  void next_line() {
    ++line_;
    line_begin_ = at_;
  }

  Result<std::string> field() {
    if (at_ < text_.size() && text_[at_] == '"') return quoted();
    const std::size_t begin = at_;
    while (!line_ends() && text_[at_] != ',') {
      if (text_[at_] == '"') return bad(fmt::format("{}: a quote within a field that does not begin with one", here()));
      if (text_[at_] == '\0') return bad(fmt::format("{}: a zero byte", here()));
      ++at_;
    }
    if (at_ - begin > kMaxField) return bad(fmt::format("{}: a field of {} bytes, the limit is {}", here(), at_ - begin, kMaxField), ErrorCode::FileLimit);
    return std::string(text_.substr(begin, at_ - begin));
  }

  Result<std::string> quoted() {
    const std::string start = here();
    std::string value;
    for (++at_; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '"') {
        if (at_ + 1 == text_.size() || text_[at_ + 1] != '"') {
          ++at_;
          return value;
        }
        ++at_;
      }
      if (value.size() == kMaxField) return bad(fmt::format("{}: a field of more than {} bytes, which is the limit", start, kMaxField), ErrorCode::FileLimit);
      value += c;
      if (c == '\n') {
        ++line_;
        line_begin_ = at_ + 1;
      }
    }
    return bad(fmt::format("{}: the quote is never closed", start));
  }

  std::string_view text_;
  const std::string& name_;
  std::size_t at_ = 0, line_ = 1, line_begin_ = 0, fields_ = 0;
};

}  // namespace

Result<CsvTable> read_csv(std::string_view text, const std::string& name) { return CsvReader(text, name).read(); }

Result<std::vector<double>> csv_numbers(const CsvTable& table, std::size_t column, const std::string& name) {
  if (column >= table.columns.size()) return fail(ErrorCode::Usage, fmt::format("the table has {} columns, not {}", table.columns.size(), column + 1));
  std::vector<double> values;
  values.reserve(table.rows.size());
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    const std::string& text = table.rows[row][column];
    double value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
      return fail_file(ErrorCode::FileFormat, name, fmt::format("row {} of column '{}': expected a number, came '{}'", row + 1,
                                                                printable(table.columns[column]), printable(text)));
    values.push_back(value);
  }
  return values;
}

}  // namespace vitrine::engine
