#include "engine/io/pickle.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <optional>
#include <unordered_map>

#include <fmt/format.h>

#include "engine/io/bytes.h"

namespace vitrine::engine {
namespace {

constexpr std::size_t kMaxNodes = 1'000'000;
constexpr std::size_t kMaxStack = 1'000'000;
constexpr std::size_t kMaxMarks = 10'000;
constexpr std::size_t kMaxMemo = 1'000'000;
constexpr std::uint64_t kMaxMemoIndex = 1ULL << 28;
constexpr std::uint16_t kMaxTupleDepth = 1000;
constexpr std::size_t kMaxBytes = 1ULL << 31;

bool hashable(PickleKind kind) {
  return kind != PickleKind::List && kind != PickleKind::Dict && kind != PickleKind::Set &&
         kind != PickleKind::OrderedDict;
}

bool is_name_of(const PickleDocument& document, PickleId id, std::initializer_list<std::string_view> names) {
  const std::string name = document.global_name(id);
  return !name.empty() && std::find(names.begin(), names.end(), name) != names.end();
}

/// The stack machine of one pickle.
class PickleMachine {
 public:
  PickleMachine(std::span<const std::byte> bytes, const std::string& file, std::uint64_t base, PickleDocument& out)
      : text_(as_text(bytes)), file_(file), base_(base), out_(out) {}

  Status run() {
    if (text_.empty()) return refuse("the pickle is empty, expected opcodes and STOP");
    if (text_.size() > kMaxBytes) return refuse("the pickle is above the limit of 2 GB", ErrorCode::FileLimit);
    while (!stopped_) {
      op_at_ = at_;
      if (at_ >= text_.size()) return refuse("the pickle ends without STOP: truncated");
      op_ = static_cast<unsigned char>(text_[at_++]);
      VITRINE_CHECK(step());
      if (frame_end_ != 0 && at_ > frame_end_ && !stopped_)
        return refuse(fmt::format("opcode {} reaches past the end of its frame", shown_op()));
      if (at_ == frame_end_) frame_end_ = 0;
      if (out_.nodes.size() > kMaxNodes)
        return refuse(fmt::format("the pickle makes more than the limit of {} nodes", kMaxNodes),
                      ErrorCode::FileLimit);
      if (stack_.size() > kMaxStack)
        return refuse(fmt::format("the pickle stack is above the limit of {}", kMaxStack), ErrorCode::FileLimit);
    }
    out_.end = at_;
    return {};
  }

 private:
  [[nodiscard]] tl::unexpected<Error> refuse(std::string message, ErrorCode code = ErrorCode::FileFormat) const {
    return fail_file(code, file_, std::move(message), base_ + op_at_);
  }
  [[nodiscard]] std::string shown_op() const {
    return op_ > 32 && op_ < 127 ? fmt::format("'{}'", static_cast<char>(op_)) : fmt::format("0x{:02X}", op_);
  }

  // --- bytes of the stream ---

  Result<std::string_view> take(std::uint64_t count, std::string_view what) {
    if (count > text_.size() - at_)
      return refuse(fmt::format("pickle opcode {}: {} of length {} reaches past the end of the pickle", shown_op(),
                                what, count));
    const std::string_view part = text_.substr(at_, count);
    at_ += count;
    return part;
  }
  template <class T>
  Result<T> number() {
    VITRINE_TRY(const auto part, take(sizeof(T), "a number"));
    return load_le<T>(part.data());
  }
  template <class Length>
  Result<std::string_view> counted(std::string_view what) {
    VITRINE_TRY(const Length length, number<Length>());
    if (std::is_signed_v<Length> && length < 0)
      return refuse(fmt::format("pickle opcode {}: the length of {} is negative", shown_op(), what));
    return take(static_cast<std::uint64_t>(length), what);
  }
  Result<std::string_view> line(std::string_view what) {
    const auto end = text_.find('\n', at_);
    if (end == std::string_view::npos)
      return refuse(fmt::format("pickle opcode {}: {} has no newline at its end", shown_op(), what));
    const std::string_view part = text_.substr(at_, end - at_);
    at_ = end + 1;
    return part;
  }
  Result<std::string_view> utf8(Result<std::string_view> part) {
    if (part && !is_utf8(*part))
      return refuse(fmt::format("pickle opcode {}: the text string is not UTF-8", shown_op()));
    return part;
  }

  // --- nodes and stack ---

  PickleId make(PickleKind kind) {
    PickleNode& node = out_.nodes.emplace_back();
    node.kind = kind;
    node.at = static_cast<std::uint32_t>(op_at_);
    depth_.push_back(0);
    return static_cast<PickleId>(out_.nodes.size() - 1);
  }
  Status push(PickleId id) {
    stack_.push_back(id);
    return {};
  }
  /// None and the booleans are one node each.
  Status push_constant(PickleKind kind, std::int64_t value) {
    auto& known = constants_[kind == PickleKind::None ? 0U : 1U + static_cast<unsigned>(value)];
    if (!known) {
      known = make(kind);
      out_.nodes[*known].integer = value;
    }
    return push(*known);
  }
  Status push_integer(std::int64_t value) {
    const PickleId id = make(PickleKind::Int);
    out_.nodes[id].integer = value;
    return push(id);
  }
  Status push_text(Result<std::string_view> text, PickleKind kind) {
    if (!text) return tl::unexpected(std::move(text.error()));
    const PickleId id = make(kind);
    out_.nodes[id].text = *text;
    return push(id);
  }
  [[nodiscard]] std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  Status need(std::size_t count) const {
    if (stack_.size() - floor() < count)
      return refuse(fmt::format("pickle opcode {} needs {} on the stack, it holds {}", shown_op(), count,
                                stack_.size() - floor()));
    return {};
  }
  PickleId pop() {
    const PickleId id = stack_.back();
    stack_.pop_back();
    return id;
  }
  /// What stands above the last mark; the mark goes.
  Result<std::vector<PickleId>> pop_mark() {
    if (marks_.empty()) return refuse(fmt::format("pickle opcode {} finds no mark on the stack", shown_op()));
    std::vector<PickleId> items(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return items;
  }
  Status push_tuple(std::vector<PickleId> items) {
    std::uint16_t depth = 0;
    for (const PickleId item : items) depth = std::max(depth, depth_[item]);
    if (depth >= kMaxTupleDepth)
      return refuse(fmt::format("tuples nested more than the limit of {} deep", kMaxTupleDepth), ErrorCode::FileLimit);
    const PickleId id = make(PickleKind::Tuple);
    out_.nodes[id].items = std::move(items);
    depth_[id] = static_cast<std::uint16_t>(depth + 1);
    return push(id);
  }
  Status push_last(std::size_t count) {
    VITRINE_CHECK(need(count));
    std::vector<PickleId> items(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return push_tuple(std::move(items));
  }
  PickleParts& parts_of(PickleId id) {
    if (out_.nodes[id].parts == 0) {
      out_.nodes[id].parts = static_cast<std::uint32_t>(out_.parts.size());
      out_.parts.emplace_back();
    }
    return out_.parts[out_.nodes[id].parts];
  }

  // --- filling containers ---

  Status append(PickleId to, const std::vector<PickleId>& items) {
    const PickleKind kind = out_[to].kind;
    if (kind != PickleKind::List && kind != PickleKind::Object)
      return refuse(fmt::format("pickle opcode APPEND expected a list, came {}", PickleDocument::describe(kind)));
    auto& list = kind == PickleKind::List ? out_.nodes[to].items : parts_of(to).appended;
    list.insert(list.end(), items.begin(), items.end());
    return count_items(items.size());
  }
  Status add_to_set(PickleId to, const std::vector<PickleId>& items) {
    const PickleKind kind = out_[to].kind;
    if (kind != PickleKind::Set && kind != PickleKind::Object)
      return refuse(fmt::format("pickle opcode ADDITEMS expected a set, came {}", PickleDocument::describe(kind)));
    VITRINE_CHECK(check_hashable(items, 1));
    auto& set = kind == PickleKind::Set ? out_.nodes[to].items : parts_of(to).appended;
    set.insert(set.end(), items.begin(), items.end());
    return count_items(items.size());
  }
  Status set_items(PickleId to, const std::vector<PickleId>& pairs) {
    const PickleKind kind = out_[to].kind;
    const bool dict = kind == PickleKind::Dict || kind == PickleKind::OrderedDict;
    if (!dict && kind != PickleKind::Object)
      return refuse(fmt::format("pickle opcode SETITEM expected a dict, came {}", PickleDocument::describe(kind)));
    if (pairs.size() % 2 != 0)
      return refuse("pickle opcode SETITEMS expected pairs of key and value, came an odd count");
    VITRINE_CHECK(check_hashable(pairs, 2));
    auto& items = dict ? out_.nodes[to].items : parts_of(to).pairs;
    items.insert(items.end(), pairs.begin(), pairs.end());
    return count_items(pairs.size());
  }
  Status check_hashable(const std::vector<PickleId>& items, std::size_t step) const {
    for (std::size_t i = 0; i < items.size(); i += step)
      if (!hashable(out_[items[i]].kind))
        return refuse(fmt::format("{} cannot be hashed: expected a key or set member",
                                  PickleDocument::describe(out_[items[i]].kind)));
    return {};
  }
  /// The same node can be put into containers again and again: what they hold is bounded too.
  Status count_items(std::size_t count) {
    held_ += count;
    if (held_ <= 8 * kMaxNodes) return {};
    return refuse("the lists and dicts of the pickle hold more than the limit of 8 million items",
                  ErrorCode::FileLimit);
  }

  // --- names and objects ---

  Status push_global(std::string_view module, std::string_view name) {
    if (!is_utf8(module) || !is_utf8(name)) return refuse("the module or name of a global is not UTF-8");
    const PickleId module_id = make(PickleKind::Text), name_id = make(PickleKind::Text);
    out_.nodes[module_id].text = module;
    out_.nodes[name_id].text = name;
    const PickleId id = make(PickleKind::Global);
    out_.nodes[id].items = {module_id, name_id};
    out_.globals.push_back(id);
    return push(id);
  }
  Status push_object(PickleId callable, PickleId arguments, std::string_view opcode) {
    const PickleKind kind = out_[callable].kind;
    if (kind != PickleKind::Global && kind != PickleKind::Object)
      return refuse(fmt::format("pickle opcode {} expected a callable, came {}", opcode,
                                PickleDocument::describe(kind)));
    if (out_[arguments].kind != PickleKind::Tuple)
      return refuse(fmt::format("pickle opcode {} expected a tuple of arguments, came {}", opcode,
                                PickleDocument::describe(out_[arguments].kind)));
    if (is_name_of(out_, callable, {"collections.OrderedDict"}) && out_[arguments].items.empty())
      return push(make(PickleKind::OrderedDict));
    const bool set = is_name_of(out_, callable, {"builtins.set", "__builtin__.set", "builtins.frozenset",
                                                 "__builtin__.frozenset"});
    if (set && out_[arguments].items.size() == 1 && out_[out_[arguments].items[0]].kind == PickleKind::List) {
      const PickleId id = make(PickleKind::Set);
      VITRINE_CHECK(push(id));
      const std::vector<PickleId> members = out_[out_[arguments].items[0]].items;
      return add_to_set(id, members);
    }
    const PickleId id = make(PickleKind::Object);
    out_.nodes[id].items = {callable, arguments};
    const auto depth = std::max(depth_[callable], depth_[arguments]);
    if (depth >= kMaxTupleDepth)
      return refuse(fmt::format("calls nested more than the limit of {} deep", kMaxTupleDepth), ErrorCode::FileLimit);
    depth_[id] = static_cast<std::uint16_t>(depth + 1);
    return push(id);
  }
  Status reduce(std::string_view opcode) {
    VITRINE_CHECK(need(2));
    const PickleId arguments = pop(), callable = pop();
    return push_object(callable, arguments, opcode);
  }
  Status new_object_ex() {
    VITRINE_CHECK(need(3));
    const PickleId named = pop(), arguments = pop(), callable = pop();
    VITRINE_CHECK(push_object(callable, arguments, "NEWOBJ_EX"));
    if (out_[stack_.back()].kind == PickleKind::Object) parts_of(stack_.back()).states.push_back(named);
    return {};
  }
  Status instance(std::string_view opcode, std::optional<PickleId> callable) {
    VITRINE_TRY(auto items, pop_mark());
    if (!callable) {
      if (items.empty()) return refuse("pickle opcode OBJ finds no class on the stack");
      callable = items.front();
      items.erase(items.begin());
    }
    VITRINE_CHECK(push_tuple(std::move(items)));
    return push_object(*callable, pop(), opcode);
  }
  Status build() {
    VITRINE_CHECK(need(2));
    const PickleId state = pop(), to = stack_.back();
    const PickleKind kind = out_[to].kind;
    if (kind != PickleKind::Object && kind != PickleKind::OrderedDict && kind != PickleKind::Global)
      return refuse(fmt::format("pickle opcode BUILD expected an object, came {}", PickleDocument::describe(kind)));
    parts_of(to).states.push_back(state);
    return count_items(1);
  }
  Status stack_global() {
    VITRINE_CHECK(need(2));
    const PickleId name = pop(), module = pop();
    if (out_[name].kind != PickleKind::Text || out_[module].kind != PickleKind::Text)
      return refuse("pickle opcode STACK_GLOBAL expected two strings");
    return push_global(out_[module].text, out_[name].text);
  }

  // --- memo ---

  Status put(std::uint64_t index) {
    VITRINE_CHECK(need(1));
    if (index > kMaxMemoIndex || memo_.size() >= kMaxMemo)
      return refuse(fmt::format("the pickle memo index {} is above the limit", index), ErrorCode::FileLimit);
    memo_[index] = stack_.back();
    return {};
  }
  Status get(std::uint64_t index) {
    const auto found = memo_.find(index);
    if (found == memo_.end()) return refuse(fmt::format("the pickle memo has no entry {}", index));
    return push(found->second);
  }
  Result<std::uint64_t> index_line(std::string_view opcode) {
    VITRINE_TRY(const auto digits, line("a memo index"));
    const auto index = parse_decimal(digits);
    if (!index) return refuse(fmt::format("pickle opcode {} has the memo index '{}'", opcode, printable(digits)));
    return *index;
  }

  // --- numbers ---

  Status push_long(Result<std::string_view> bytes) {
    if (!bytes) return tl::unexpected(std::move(bytes.error()));
    if (bytes->size() > 8) return push_text(*bytes, PickleKind::BigInt);
    std::uint64_t value = !bytes->empty() && (bytes->back() & 0x80) != 0 ? ~0ULL : 0;
    for (std::size_t i = bytes->size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>((*bytes)[i]);
    return push_integer(static_cast<std::int64_t>(value));
  }
  Status text_integer(bool is_long) {
    VITRINE_TRY(auto digits, line("an integer"));
    if (!is_long && (digits == "00" || digits == "01")) return push_constant(PickleKind::Bool, digits == "01");
    if (digits.ends_with('L')) digits.remove_suffix(1);
    std::int64_t value = 0;
    const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (problem == std::errc::result_out_of_range && end == digits.data() + digits.size())
      return push_text(digits, PickleKind::BigInt);
    if (problem != std::errc() || end != digits.data() + digits.size())
      return refuse(fmt::format("expected an integer in the pickle, came '{}'", printable(digits)));
    return push_integer(value);
  }
  Status push_float(double value) {
    const PickleId id = make(PickleKind::Float);
    out_.nodes[id].real = value;
    return push(id);
  }
  Status text_float() {
    VITRINE_TRY(const auto digits, line("a float"));
    double value = 0;
    const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (problem == std::errc::invalid_argument || end != digits.data() + digits.size())
      return refuse(fmt::format("expected a float in the pickle, came '{}'", printable(digits)));
    return push_float(value);
  }
  Status binary_float() {
    VITRINE_TRY(const auto raw, number<std::uint64_t>());
    return push_float(std::bit_cast<double>(__builtin_bswap64(raw)));
  }
  Status quoted() {
    VITRINE_TRY(const auto text, line("a string"));
    const bool whole = text.size() >= 2 && (text.front() == '\'' || text.front() == '"') && text.back() == text.front();
    if (!whole) return refuse("the string of a pickle is not quoted");
    return push_python2(text.substr(1, text.size() - 2));
  }
  /// Strings of Python 2 are text if they can be.
  Status push_python2(Result<std::string_view> text) {
    if (!text) return tl::unexpected(std::move(text.error()));
    return push_text(*text, is_utf8(*text) ? PickleKind::Text : PickleKind::Bytes);
  }

  // --- opcodes, by kind ---

  Status protocol() {
    VITRINE_TRY(const auto version, number<std::uint8_t>());
    if (version > 5) return refuse(fmt::format("pickle protocol {} is not 0 to 5", version), ErrorCode::Unsupported);
    return {};
  }
  Status frame() {
    VITRINE_TRY(const auto length, number<std::uint64_t>());
    if (frame_end_ != 0) return refuse("a pickle frame begins inside another");
    if (length > text_.size() - at_)
      return refuse(fmt::format("a pickle frame of {} bytes reaches past the end of the pickle", length));
    frame_end_ = at_ + length;
    return {};
  }
  Status stop() {
    if (!marks_.empty() || stack_.size() != 1)
      return refuse(fmt::format("STOP finds {} objects and {} marks on the pickle stack, expected one object",
                                stack_.size(), marks_.size()));
    out_.root = stack_.back();
    stopped_ = true;
    return {};
  }
  Status mark() {
    if (marks_.size() >= kMaxMarks)
      return refuse(fmt::format("more marks on the pickle stack than the limit of {}", kMaxMarks),
                    ErrorCode::FileLimit);
    marks_.push_back(stack_.size());
    return {};
  }
  Status pop_one() {
    if (!marks_.empty() && stack_.size() == marks_.back()) {
      marks_.pop_back();
      return {};
    }
    VITRINE_CHECK(need(1));
    pop();
    return {};
  }
  /// The container below the mark.
  Status fill(Status (PickleMachine::*how)(PickleId, const std::vector<PickleId>&)) {
    VITRINE_TRY(const auto items, pop_mark());
    VITRINE_CHECK(need(1));
    return (this->*how)(stack_.back(), items);
  }
  Status fill_one(Status (PickleMachine::*how)(PickleId, const std::vector<PickleId>&), std::size_t count) {
    VITRINE_CHECK(need(count + 1));
    const std::vector<PickleId> items(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return (this->*how)(stack_.back(), items);
  }
  Status collect(PickleKind kind) {
    VITRINE_TRY(const auto items, pop_mark());
    if (kind == PickleKind::Tuple) return push_tuple(items);
    const PickleId id = make(kind);
    VITRINE_CHECK(push(id));
    if (kind == PickleKind::Dict) return set_items(id, items);
    return kind == PickleKind::List ? append(id, items) : add_to_set(id, items);
  }
  Status persistent() {
    VITRINE_CHECK(need(1));
    const PickleId of = pop(), id = make(PickleKind::Persistent);
    out_.nodes[id].items = {of};
    return push(id);
  }

  Status step();
  Status scalar_step();
  Status object_step();

  std::string_view text_;
  const std::string& file_;
  std::uint64_t base_;
  PickleDocument& out_;
  std::uint64_t at_ = 0, op_at_ = 0, frame_end_ = 0;
  unsigned char op_ = 0;
  bool stopped_ = false;
  std::vector<PickleId> stack_;
  std::vector<std::size_t> marks_;
  std::deque<std::uint16_t> depth_;
  std::unordered_map<std::uint64_t, PickleId> memo_;
  std::array<std::optional<PickleId>, 3> constants_;
  std::size_t held_ = 0;
};

/// Stack, containers and memo.
Status PickleMachine::step() {
  switch (op_) {
    case 0x80: return protocol();
    case 0x95: return frame();
    case '.': return stop();
    case '(': return mark();
    case '0': return pop_one();
    case '1': {
      VITRINE_TRY([[maybe_unused]] const auto dropped, pop_mark());
      return {};
    }
    case '2': {
      VITRINE_CHECK(need(1));
      return push(stack_.back());
    }
    case ')': return push_tuple({});
    case ']': return push(make(PickleKind::List));
    case '}': return push(make(PickleKind::Dict));
    case 0x8F: return push(make(PickleKind::Set));
    case 't': return collect(PickleKind::Tuple);
    case 'l': return collect(PickleKind::List);
    case 'd': return collect(PickleKind::Dict);
    case 0x91: return collect(PickleKind::Set);
    case 0x85: return push_last(1);
    case 0x86: return push_last(2);
    case 0x87: return push_last(3);
    case 'a': return fill_one(&PickleMachine::append, 1);
    case 's': return fill_one(&PickleMachine::set_items, 2);
    case 'e': return fill(&PickleMachine::append);
    case 'u': return fill(&PickleMachine::set_items);
    case 0x90: return fill(&PickleMachine::add_to_set);
    default: return scalar_step();
  }
}

Status PickleMachine::scalar_step() {
  switch (op_) {
    case 'N': return push_constant(PickleKind::None, 0);
    case 0x88: return push_constant(PickleKind::Bool, 1);
    case 0x89: return push_constant(PickleKind::Bool, 0);
    case 'I': return text_integer(false);
    case 'L': return text_integer(true);
    case 'F': return text_float();
    case 'G': return binary_float();
    case 'J': {
      VITRINE_TRY(const auto value, number<std::int32_t>());
      return push_integer(value);
    }
    case 'K': {
      VITRINE_TRY(const auto value, number<std::uint8_t>());
      return push_integer(value);
    }
    case 'M': {
      VITRINE_TRY(const auto value, number<std::uint16_t>());
      return push_integer(value);
    }
    case 0x8A: return push_long(counted<std::uint8_t>("an integer"));
    case 0x8B: return push_long(counted<std::int32_t>("an integer"));
    case 'S': return quoted();
    case 'T': return push_python2(counted<std::int32_t>("a string"));
    case 'U': return push_python2(counted<std::uint8_t>("a string"));
    case 'V': return push_text(utf8(line("a string")), PickleKind::Text);
    case 'X': return push_text(utf8(counted<std::uint32_t>("a string")), PickleKind::Text);
    case 0x8C: return push_text(utf8(counted<std::uint8_t>("a string")), PickleKind::Text);
    case 0x8D: return push_text(utf8(counted<std::uint64_t>("a string")), PickleKind::Text);
    case 'B': return push_text(counted<std::uint32_t>("bytes"), PickleKind::Bytes);
    case 'C': return push_text(counted<std::uint8_t>("bytes"), PickleKind::Bytes);
    case 0x8E: case 0x96: return push_text(counted<std::uint64_t>("bytes"), PickleKind::Bytes);
    default: return object_step();
  }
}

Status PickleMachine::object_step() {
  switch (op_) {
    case 'c': {
      VITRINE_TRY(const auto module, line("the module of a global"));
      VITRINE_TRY(const auto name, line("the name of a global"));
      return push_global(module, name);
    }
    case 0x93: return stack_global();
    case 'R': return reduce("REDUCE");
    case 0x81: return reduce("NEWOBJ");
    case 0x92: return new_object_ex();
    case 'o': return instance("OBJ", {});
    case 'i': {
      VITRINE_TRY(const auto module, line("the module of a class"));
      VITRINE_TRY(const auto name, line("the name of a class"));
      VITRINE_CHECK(push_global(module, name));
      return instance("INST", pop());
    }
    case 'b': return build();
    case 'Q': return persistent();
    case 'P': return refuse("pickle opcode PERSID: textual persistent ids are not read");
    case 'p': {
      VITRINE_TRY(const auto index, index_line("PUT"));
      return put(index);
    }
    case 'g': {
      VITRINE_TRY(const auto index, index_line("GET"));
      return get(index);
    }
    case 'q': case 'r': {
      if (op_ == 'q') {
        VITRINE_TRY(const auto index, number<std::uint8_t>());
        return put(index);
      }
      VITRINE_TRY(const auto index, number<std::uint32_t>());
      return put(index);
    }
    case 'h': case 'j': {
      if (op_ == 'h') {
        VITRINE_TRY(const auto index, number<std::uint8_t>());
        return get(index);
      }
      VITRINE_TRY(const auto index, number<std::uint32_t>());
      return get(index);
    }
    case 0x94: return put(memo_.size());
    case 0x82: case 0x83: case 0x84:
      return refuse(fmt::format("pickle opcode EXT{} asks for the extension registry, which is not read",
                                op_ == 0x82 ? 1 : op_ == 0x83 ? 2 : 4));
    case 0x97: case 0x98: return refuse("a pickle opcode asks for an out-of-band buffer, which is not read");
    default: return refuse(fmt::format("the pickle opcode {} is not known", shown_op()));
  }
}

}  // namespace

Status read_pickle(std::span<const std::byte> bytes, const std::string& file, std::uint64_t base,
                   PickleDocument& out) {
  return PickleMachine(bytes, file, base, out).run();
}

}  // namespace vitrine::engine
