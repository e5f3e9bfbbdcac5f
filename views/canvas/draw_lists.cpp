#include "views/canvas/draw_lists.h"

#include <algorithm>
#include <optional>

namespace vitrine::views {

namespace {

/// The six indices of a quad, as Dear ImGui writes those of rectangles and images.
bool is_quad(const ImDrawIdx* i) { return i[3] == i[0] && i[4] == i[2]; }

/// The quad a, b, c, d as a box, if it is one; textures are turned by quarters at most, smooth ones not at all.
std::optional<Box> box_of(const Corner& a, const Corner& b, const Corner& c, const Corner& d, bool smooth) {
  if (a.color != b.color || a.color != c.color || a.color != d.color) return std::nullopt;
  const bool along = a.y == b.y && b.x == c.x && c.y == d.y && d.x == a.x;    // a to b is along x
  const bool turned = a.x == b.x && b.y == c.y && c.x == d.x && d.y == a.y;   // a to b is along y
  if (!along && (!turned || smooth)) return std::nullopt;
  const Corner& beside = along ? b : d;
  const Corner& below = along ? d : b;
  if (c.u - below.u != beside.u - a.u || c.v - beside.v != below.v - a.v) return std::nullopt;
  Box box{.left = std::min(a.x, c.x), .top = std::min(a.y, c.y), .right = std::max(a.x, c.x), .bottom = std::max(a.y, c.y), .color = a.color};
  if (box.left == box.right || box.top == box.bottom) return box;
  const double wide = beside.x - a.x, tall = below.y - a.y;
  box.u_x = (beside.u - a.u) / wide;
  box.v_x = (beside.v - a.v) / wide;
  box.u_y = (below.u - a.u) / tall;
  box.v_y = (below.v - a.v) / tall;
  box.u = a.u + box.u_x * (box.left - a.x) + box.u_y * (box.top - a.y);
  box.v = a.v + box.v_x * (box.left - a.x) + box.v_y * (box.top - a.y);
  const bool by_quarters = (box.u_y == 0 && box.v_x == 0) || (box.u_x == 0 && box.v_y == 0);
  return by_quarters ? std::optional(box) : std::nullopt;
}

class Command {
 public:
  Command(const ImDrawData& frame, const ImDrawList& list, const ImDrawCmd& command, const Pixels& onto)
      : scale_(frame.FramebufferScale), origin_(frame.DisplayPos), onto_(onto), command_(command),
        vertices_(list.VtxBuffer.Data + command.VtxOffset), indices_(list.IdxBuffer.Data + command.IdxOffset) {
    const ImVec4& rect = command.ClipRect;
    clip_ = {std::max(0, first_centre(x(rect.x))), std::max(0, first_centre(y(rect.y))),
             std::min(onto.width, first_centre(x(rect.z))), std::min(onto.height, first_centre(y(rect.w)))};
  }

  void draw(const Texture* texture) const {
    if (clip_.empty()) return;
    const bool smooth = texture != nullptr && texture->smooth;
    for (unsigned i = 0; i + 3 <= command_.ElemCount; i += 3) {
      const ImDrawIdx* const at = indices_ + i;
      if (i + 6 <= command_.ElemCount && is_quad(at)) {
        if (const auto box = box_of(corner(at[0]), corner(at[1]), corner(at[2]), corner(at[5]), smooth)) {
          fill_box(onto_, clip_, texture, *box);
          i += 3;
          continue;
        }
      }
      fill_triangle(onto_, clip_, texture, {corner(at[0]), corner(at[1]), corner(at[2])});
    }
  }

 private:
  [[nodiscard]] double x(float logical) const { return (static_cast<double>(logical) - origin_.x) * scale_.x; }
  [[nodiscard]] double y(float logical) const { return (static_cast<double>(logical) - origin_.y) * scale_.y; }
  [[nodiscard]] Corner corner(ImDrawIdx index) const {
    const ImDrawVert& v = vertices_[index];
    return {x(v.pos.x), y(v.pos.y), v.uv.x, v.uv.y, swap_red_and_blue(v.col)};
  }

  ImVec2 scale_, origin_;
  const Pixels& onto_;
  const ImDrawCmd& command_;
  const ImDrawVert* vertices_;
  const ImDrawIdx* indices_;
  Area clip_;
};

}  // namespace

void draw_lists(const ImDrawData& frame, const Textures& textures, const Pixels& onto) {
  for (int i = 0; i < frame.CmdListsCount; ++i) {
    const ImDrawList& list = *frame.CmdLists[i];
    for (const ImDrawCmd& command : list.CmdBuffer) {
      const auto name = static_cast<unsigned>(reinterpret_cast<std::uintptr_t>(command.GetTexID()));
      const Texture* const texture = textures.find(name);
      if (command.UserCallback != nullptr || (name != 0 && texture == nullptr)) continue;
      Command(frame, list, command, onto).draw(texture);
    }
  }
}

}  // namespace vitrine::views
