#include "views/panels/tensor_arrangement.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "engine/core/name_match.h"

namespace vitrine::views {

namespace {

constexpr int kDeepest = 24;   ///< folders in folders; what is deeper keeps its dots

}  // namespace

bool natural_less(std::string_view a, std::string_view b) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  std::size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (digit(a[i]) && digit(b[j])) {
      std::size_t p = i, q = j;
      while (p < a.size() && digit(a[p])) ++p;
      while (q < b.size() && digit(b[q])) ++q;
      while (i + 1 < p && a[i] == '0') ++i;
      while (j + 1 < q && b[j] == '0') ++j;
      if (p - i != q - j) return p - i < q - j;
      if (const int order = a.compare(i, p - i, b, j, q - j)) return order < 0;
      i = p;
      j = q;
    } else {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i;
      ++j;
    }
  }
  return a.size() - i < b.size() - j;
}

TensorArrangement::TensorArrangement(Tensors tensors, Wanted wanted) : tensors_(std::move(tensors)), wanted_(std::move(wanted)) {
  if (!flat()) nodes_.assign(1, Node{});
  if (!tensors_) return;
  if (as_the_file_has_it()) {
    shown_ = static_cast<int>(tensors_->size());
    return;
  }
  const std::vector<int> found = matching();
  shown_ = static_cast<int>(found.size());
  if (flat()) {
    lines_ = found;
    for (int& line : lines_) ++line;
    if (wanted_.sorted_by >= 0) sort(lines_);
    return;
  }
  grow(found);
  gather();
  for (Node& node : nodes_) {
    sort(node.children);
    for (std::size_t i = 0; i < node.children.size(); ++i) nodes_[static_cast<std::size_t>(node.children[i])].place = static_cast<int>(i);
  }
}

std::vector<int> TensorArrangement::matching() const {
  std::vector<int> found(tensors_->size());
  std::iota(found.begin(), found.end(), 0);
  if (wanted_.typed.empty()) return found;
  std::erase_if(found, [&](int tensor) {
    return !engine::name_matches(std::string(tensors_->at(static_cast<std::size_t>(tensor)).name), wanted_.typed);
  });
  return found;
}

void TensorArrangement::grow(const std::vector<int>& matching) {
  nodes_.reserve(matching.size() + 1);
  std::unordered_map<std::string_view, int> folders;
  for (const int tensor : matching) {
    const engine::ListedTensor entry = tensors_->at(static_cast<std::size_t>(tensor));
    int parent = 0, depth = 0;
    for (std::size_t dot = entry.name.find('.'); dot != std::string_view::npos && depth < kDeepest; dot = entry.name.find('.', dot + 1), ++depth) {
      const std::string_view path = entry.name.substr(0, dot);
      const auto [found, fresh] = folders.try_emplace(path, static_cast<int>(nodes_.size()));
      if (fresh) {
        const std::size_t before = path.rfind('.');
        nodes_.push_back(Node{parent, 0, -1, std::string(before == std::string_view::npos ? path : path.substr(before + 1)), 0, 0, {}});
        nodes_[static_cast<std::size_t>(parent)].children.push_back(found->second);
      }
      parent = found->second;
    }
    nodes_.push_back(Node{parent, 0, tensor, {}, static_cast<double>(entry.bytes), 1, {}});
    nodes_[static_cast<std::size_t>(parent)].children.push_back(static_cast<int>(nodes_.size()) - 1);
  }
}

/// Children come after their parents, so one way back adds all sizes up. A folder of one takes no line of its own.
void TensorArrangement::gather() {
  for (std::size_t i = nodes_.size(); i-- > 1;) {
    nodes_[static_cast<std::size_t>(nodes_[i].parent)].bytes += nodes_[i].bytes;
    nodes_[static_cast<std::size_t>(nodes_[i].parent)].tensors += nodes_[i].tensors;
  }
  for (std::size_t i = 0; i < nodes_.size(); ++i)
    for (int& child : nodes_[i].children)
      while (nodes_[static_cast<std::size_t>(child)].tensor < 0 && nodes_[static_cast<std::size_t>(child)].children.size() == 1) {
        Node& gone = nodes_[static_cast<std::size_t>(child)];
        const std::string name = gone.name;
        child = gone.children.front();
        gone.children.clear();
        Node& only = nodes_[static_cast<std::size_t>(child)];
        only.name = name + "." + label(child);
        only.parent = static_cast<int>(i);
      }
}

void TensorArrangement::sort(std::vector<int>& lines) const {
  const int column = wanted_.sorted_by;
  const auto entry = [&](int line) {
    const int number = tensor(line);
    return number < 0 ? engine::ListedTensor{} : tensors_->at(static_cast<std::size_t>(number));
  };
  const auto less = [&](int a, int b) {
    switch (column) {
      case Bytes: return bytes(a) < bytes(b);
      case Type: return natural_less(entry(a).dtype, entry(b).dtype);
      case Shape: return std::ranges::lexicographical_compare(entry(a).shape, entry(b).shape);
      default: return flat() ? natural_less(entry(a).name, entry(b).name) : natural_less(label(a), label(b));
    }
  };
  std::stable_sort(lines.begin(), lines.end(), less);
  if (column >= 0 && wanted_.descending) std::reverse(lines.begin(), lines.end());
}

int TensorArrangement::place(int line) const {
  if (!flat()) return nodes_[static_cast<std::size_t>(line)].place;
  if (as_the_file_has_it()) return line - 1;
  return static_cast<int>(std::find(lines_.begin(), lines_.end(), line) - lines_.begin());
}

int TensorArrangement::children(int line) const {
  if (!flat()) return static_cast<int>(nodes_[static_cast<std::size_t>(line)].children.size());
  return line == 0 ? shown_ : 0;
}

int TensorArrangement::child(int line, int place) const {
  if (!flat()) return nodes_[static_cast<std::size_t>(line)].children[static_cast<std::size_t>(place)];
  return as_the_file_has_it() ? place + 1 : lines_[static_cast<std::size_t>(place)];
}

int TensorArrangement::line_of(std::string_view name) const {
  if (!tensors_) return 0;
  const int lines = flat() ? shown_ : static_cast<int>(nodes_.size()) - 1;
  for (int i = 0; i < lines; ++i) {
    const int line = flat() ? child(0, i) : i + 1;
    if (const int number = tensor(line); number >= 0 && tensors_->at(static_cast<std::size_t>(number)).name == name) return line;
  }
  return 0;
}

std::string TensorArrangement::label(int line) const {
  const int number = tensor(line);
  if (flat()) return std::string(tensors_->at(static_cast<std::size_t>(number)).name);
  const Node& node = nodes_[static_cast<std::size_t>(line)];
  if (number < 0 || !node.name.empty()) return node.name;
  const std::string_view name = tensors_->at(static_cast<std::size_t>(number)).name;
  std::size_t begin = 0;
  for (int depth = 0; depth < kDeepest; ++depth) {
    const std::size_t dot = name.find('.', begin);
    if (dot == std::string_view::npos) break;
    begin = dot + 1;
  }
  return std::string(name.substr(begin));
}

double TensorArrangement::bytes(int line) const {
  return flat() ? static_cast<double>(tensors_->at(static_cast<std::size_t>(line - 1)).bytes) : nodes_[static_cast<std::size_t>(line)].bytes;
}

}  // namespace vitrine::views
