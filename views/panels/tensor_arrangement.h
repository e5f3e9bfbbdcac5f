#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/io/tensor_list.h"

namespace vitrine::views {

/// How a list of tensors stands on the screen: as a tree by dotted name or as a list, narrowed and sorted. Never changed
/// once it is made, so that one for a million tensors is made beside the thread that draws.
class TensorArrangement {
 public:
  enum Column { Name, Type, Shape, Bytes, Columns };
  struct Wanted {
    std::string typed;          ///< narrows by name; empty: all
    bool as_list = false;       ///< every tensor in one line with its whole name
    int sorted_by = -1;         ///< a column; -1: a tree by name, a list as the file has it
    bool descending = false;
    friend bool operator==(const Wanted&, const Wanted&) = default;
  };
  using Tensors = std::shared_ptr<const engine::TensorList>;

  /// @cost a list as the file has it: nothing; else its names, sorted
  TensorArrangement(Tensors tensors, Wanted wanted);

  /// Lines are numbered; 0 is what all others stand in.
  [[nodiscard]] int parent(int line) const { return flat() ? 0 : nodes_[static_cast<std::size_t>(line)].parent; }
  [[nodiscard]] int place(int line) const;
  [[nodiscard]] int children(int line) const;
  [[nodiscard]] int child(int line, int place) const;
  /// Number of the tensor in the list; -1 of a folder.
  [[nodiscard]] int tensor(int line) const { return flat() ? line - 1 : nodes_[static_cast<std::size_t>(line)].tensor; }
  /// The line of a tensor; 0 if it has none.
  [[nodiscard]] int line_of(std::string_view name) const;

  [[nodiscard]] std::string label(int line) const;
  [[nodiscard]] double bytes(int line) const;
  [[nodiscard]] int tensors_in(int line) const { return flat() ? 1 : nodes_[static_cast<std::size_t>(line)].tensors; }
  [[nodiscard]] const engine::TensorList* list() const { return tensors_.get(); }
  [[nodiscard]] const Wanted& wanted() const { return wanted_; }
  [[nodiscard]] int shown() const { return shown_; }

 private:
  struct Node {
    int parent = -1, place = 0;      ///< line; position among its parent's children
    int tensor = -1;
    std::string name;                ///< what the line says; empty: the end of the tensor's name
    double bytes = 0;
    int tensors = 0;
    std::vector<int> children;
  };
  [[nodiscard]] bool flat() const { return wanted_.as_list; }
  [[nodiscard]] bool as_the_file_has_it() const { return flat() && wanted_.sorted_by < 0 && wanted_.typed.empty(); }
  [[nodiscard]] std::vector<int> matching() const;
  void grow(const std::vector<int>& matching);
  void gather();
  void sort(std::vector<int>& lines) const;

  Tensors tensors_;
  Wanted wanted_;
  int shown_ = 0;
  std::vector<Node> nodes_;       ///< of a tree; 0: the root
  std::vector<int> lines_;        ///< of a list that does not stand as the file has it
};

/// "layers.9" before "layers.10".
[[nodiscard]] bool natural_less(std::string_view a, std::string_view b);

}  // namespace vitrine::views
