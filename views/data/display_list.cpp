#include "views/data/display_list.h"

#include <charconv>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace vitrine::views {
namespace {

Box bounds(const std::vector<Point>& points) {
  if (points.empty()) return {};
  double x0 = points[0].x, x1 = x0, y0 = points[0].y, y1 = y0;
  for (const auto& p : points) {
    x0 = std::min(x0, p.x), x1 = std::max(x1, p.x);
    y0 = std::min(y0, p.y), y1 = std::max(y1, p.y);
  }
  return {x0, y0, x1 - x0, y1 - y0};
}

double distance(const Point& p, const Point& a, const Point& b) {
  const double dx = b.x - a.x, dy = b.y - a.y, len = dx * dx + dy * dy;
  const double u = len > 0 ? std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / len, 0.0, 1.0) : 0;
  return std::hypot(p.x - a.x - u * dx, p.y - a.y - u * dy);
}

double distance(const Point& p, const Box& b) {
  return std::hypot(std::max({b.x - p.x, p.x - b.right(), 0.0}), std::max({b.y - p.y, p.y - b.bottom(), 0.0}));
}

Box cell_box(const CellsItem& cells, int row, int col) {
  const double w = cells.box.w / cells.true_cols, h = cells.box.h / cells.true_rows;
  return {cells.box.x + col * w, cells.box.y + row * h, w, h};
}

Hit cell_hit(const CellsItem& cells, int row, int col) {
  Hit found = parse_tag(cells.prefix);
  found.index.push_back(row);
  found.index.push_back(col);
  found.array = cells.array;
  const bool thumbnail = found.kind != "cell";
  found.tag = thumbnail ? cells.prefix : fmt::format("{} {} {}", cells.prefix, row, col);
  found.box = thumbnail ? cells.box : cell_box(cells, row, col);
  return found;
}

/// Follows the clip groups while walking a list.
class Clips {
 public:
  void apply(const Item& item) {
    if (const auto* begin = std::get_if<ClipBegin>(&item)) stack_.push_back(begin->box);
    if (std::holds_alternative<ClipEnd>(item) && !stack_.empty()) stack_.pop_back();
  }
  [[nodiscard]] bool shows(double x, double y) const {
    for (const auto& box : stack_)
      if (!box.contains(x, y)) return false;
    return true;
  }

 private:
  std::vector<Box> stack_;
};

struct Candidate {
  double distance = std::numeric_limits<double>::infinity();
  Hit hit;
};

Candidate tagged(const std::string& tag, const Box& box, double distance) {
  Candidate c{distance, parse_tag(tag)};
  c.hit.box = box;
  return c;
}

Candidate probe(const Item& item, double x, double y) {
  if (const auto* r = std::get_if<RectItem>(&item); r && !r->tag.empty())
    return tagged(r->tag, r->box, distance({x, y}, r->box));
  if (const auto* i = std::get_if<ImageItem>(&item); i && !i->tag.empty() && i->box.contains(x, y))
    return tagged(i->tag, i->box, 0);
  if (const auto* c = std::get_if<CellsItem>(&item);
      c && c->box.contains(x, y) && c->true_rows > 0 && c->true_cols > 0) {
    const int row = std::min(c->true_rows - 1, static_cast<int>((y - c->box.y) / c->box.h * c->true_rows));
    const int col = std::min(c->true_cols - 1, static_cast<int>((x - c->box.x) / c->box.w * c->true_cols));
    return {0, cell_hit(*c, row, col)};
  }
  const auto* path = std::get_if<PathItem>(&item);
  if (!path || path->tag.empty() || path->points.empty()) return {};
  double near = std::numeric_limits<double>::infinity();
  for (std::size_t i = 1; i < path->points.size(); ++i)
    near = std::min(near, distance(Point{x, y}, path->points[i - 1], path->points[i]));
  return tagged(path->tag, bounds(path->points), near);
}

}  // namespace

Hit parse_tag(std::string_view tag) {
  Hit out;
  out.tag = tag;
  const auto space = tag.find(' ');
  out.kind = tag.substr(0, space);
  const char* at = space == std::string_view::npos ? tag.data() + tag.size() : tag.data() + space;
  const char* end = tag.data() + tag.size();
  while (at < end) {
    while (at < end && *at == ' ') ++at;
    int number = 0;
    const auto [next, error] = std::from_chars(at, end, number);
    if (error != std::errc()) break;
    out.index.push_back(number);
    at = next;
  }
  return out;
}

std::optional<Hit> hit(const DisplayList& list, double x, double y, double reach) {
  Clips clips;
  Candidate best;
  for (const auto& item : list.items) {
    clips.apply(item);
    if (!clips.shows(x, y)) continue;
    auto candidate = probe(item, x, y);
    if (candidate.distance <= reach && candidate.distance <= best.distance) best = std::move(candidate);
  }
  if (best.distance > reach) return std::nullopt;
  return best.hit;
}

std::optional<Box> find_box(const DisplayList& list, std::string_view tag, int array) {
  const Hit wanted = parse_tag(tag);
  for (const auto& item : list.items) {
    if (const auto* r = std::get_if<RectItem>(&item); r && r->tag == tag) return r->box;
    if (const auto* i = std::get_if<ImageItem>(&item); i && i->tag == tag) return i->box;
    if (const auto* p = std::get_if<PathItem>(&item); p && p->tag == tag) return bounds(p->points);
    const auto* c = std::get_if<CellsItem>(&item);
    if (!c) continue;
    if (c->prefix == tag) return c->box;
    if (c->array == array && c->prefix == "cell" && wanted.kind == "cell" && wanted.index.size() == 2 &&
        wanted.index[0] >= 0 && wanted.index[0] < c->true_rows && wanted.index[1] >= 0 &&
        wanted.index[1] < c->true_cols)
      return cell_box(*c, wanted.index[0], wanted.index[1]);
  }
  return std::nullopt;
}

std::vector<Hit> hits_in(const DisplayList& list, const Box& area) {
  std::vector<Hit> out;
  Clips clips;
  const auto inside = [&](const Box& box) {
    const Point c = box.center();
    return area.contains(c.x, c.y) && clips.shows(c.x, c.y);
  };
  for (const auto& item : list.items) {
    clips.apply(item);
    if (const auto* r = std::get_if<RectItem>(&item); r && !r->tag.empty() && inside(r->box)) {
      out.push_back(tagged(r->tag, r->box, 0).hit);
    } else if (const auto* c = std::get_if<CellsItem>(&item)) {
      if (c->prefix != "cell") {
        if (inside(c->box)) out.push_back(tagged(c->prefix, c->box, 0).hit);
        continue;
      }
      for (int row = 0; row < c->true_rows; ++row)
        for (int col = 0; col < c->true_cols; ++col)
          if (inside(cell_box(*c, row, col))) out.push_back(cell_hit(*c, row, col));
    }
  }
  return out;
}

}  // namespace vitrine::views
