#include <algorithm>

#include <vtkActor.h>
#include <vtkCellArray.h>
#include <vtkNew.h>
#include <vtkPointData.h>
#include <vtkPoints.h>
#include <vtkPolyData.h>
#include <vtkPolyDataMapper.h>
#include <vtkProperty.h>
#include <vtkRenderer.h>
#include <vtkUnsignedCharArray.h>

#include "views/scene/trajectory_scene.h"

namespace vitrine::views {

namespace {

/// Points with a colour each, and the lines or dots between them.
struct Shape {
  vtkNew<vtkPoints> points;
  vtkNew<vtkUnsignedCharArray> colors;
  vtkNew<vtkCellArray> cells;

  Shape() { colors->SetNumberOfComponents(3); }

  vtkIdType add(const Point3& p, const QColor& c) {
    const unsigned char rgb[3] = {static_cast<unsigned char>(c.red()),
                                  static_cast<unsigned char>(c.green()),
                                  static_cast<unsigned char>(c.blue())};
    colors->InsertNextTypedTuple(rgb);
    return points->InsertNextPoint(p[0], p[1], p[2]);
  }

  vtkSmartPointer<vtkActor> actor(bool lines) const {
    vtkNew<vtkPolyData> data;
    data->SetPoints(points);
    lines ? data->SetLines(cells) : data->SetVerts(cells);
    data->GetPointData()->SetScalars(colors);
    vtkNew<vtkPolyDataMapper> mapper;
    mapper->SetInputData(data);
    auto actor = vtkSmartPointer<vtkActor>::New();
    actor->SetMapper(mapper);
    return actor;
  }
};

QColor mixed(const QColor& a, const QColor& b, double share) {
  return QColor::fromRgbF(static_cast<float>(a.redF() * (1 - share) + b.redF() * share),
                          static_cast<float>(a.greenF() * (1 - share) + b.greenF() * share),
                          static_cast<float>(a.blueF() * (1 - share) + b.blueF() * share));
}

}  // namespace

void TrajectoryScene::build(vtkRenderer& renderer) {
  if (data_.layers == 0) return;
  if (settings_.axes) add_axes(renderer);
  for (const bool strong : {false, true}) add_paths(renderer, strong);
  for (int kind = 0; kind < 3; ++kind) add_marks(renderer, kind);
}

void TrajectoryScene::add_axes(vtkRenderer& renderer) const {
  for (const bool main : {false, true}) {
    Shape shape;
    const QColor ink = main ? theme().muted : theme().line;
    for (std::size_t axis = 0; axis < 3; ++axis) {
      for (int corner = 0; corner < 4; ++corner) {
        if ((corner == 0) != main) continue;
        Point3 a = data_.low, b = data_.low;
        const std::size_t u = (axis + 1) % 3, v = (axis + 2) % 3;
        a[u] = b[u] = corner & 1 ? data_.high[u] : data_.low[u];
        a[v] = b[v] = corner & 2 ? data_.high[v] : data_.low[v];
        b[axis] = data_.high[axis];
        const vtkIdType ends[2] = {shape.add(a, ink), shape.add(b, ink)};
        shape.cells->InsertNextCell(2, ends);
      }
    }
    const auto actor = shape.actor(true);
    actor->GetProperty()->LightingOff();
    actor->GetProperty()->SetLineWidth(
        static_cast<float>((main ? 1.6 : 1.0) * devicePixelRatioF()));
    renderer.AddActor(actor);
  }
}

void TrajectoryScene::add_paths(vtkRenderer& renderer, bool strong) const {
  Shape shape;
  for (int token = 0; token < data_.tokens; ++token) {
    if ((selected_ >= 0 && token == selected_) != strong) continue;
    vtkIdType last = -1;
    for (int layer = 0; layer < data_.layers; ++layer) {
      if (!data_.has(layer, token)) {
        last = -1;
        continue;
      }
      const double fade = emphasised(token) ? 0 : 0.78;
      const vtkIdType here = shape.add(data_.points[data_.index(layer, token)],
                                       mixed(color(layer, token), theme().background, fade));
      if (last >= 0) {
        const vtkIdType ends[2] = {last, here};
        shape.cells->InsertNextCell(2, ends);
      }
      last = here;
    }
  }
  if (shape.cells->GetNumberOfCells() == 0) return;
  const auto actor = shape.actor(true);
  actor->GetProperty()->SetRenderLinesAsTubes(true);
  actor->GetProperty()->SetAmbient(0.5);
  actor->GetProperty()->SetDiffuse(0.6);
  actor->GetProperty()->SetLineWidth(
      static_cast<float>((strong ? 5.5 : 2.4) * devicePixelRatioF()));
  renderer.AddActor(actor);
}

/// kind 0: first layer, 1: layers between, 2: last layer
void TrajectoryScene::add_marks(vtkRenderer& renderer, int kind) const {
  if (kind == 1 && !settings_.points) return;
  for (const bool strong : {false, true}) {
    Shape shape;
    for (int layer = 0; layer < data_.layers; ++layer) {
      const int own = layer == 0 ? 0 : layer == data_.layers - 1 ? 2 : 1;
      if (own != kind) continue;
      for (int token = 0; token < data_.tokens; ++token) {
        if (!data_.has(layer, token) || (selected_ >= 0 && token == selected_) != strong) continue;
        const double fade = emphasised(token) ? 0 : 0.78;
        const vtkIdType id = shape.add(data_.points[data_.index(layer, token)],
                                       mixed(color(layer, token), theme().background, fade));
        shape.cells->InsertNextCell(1, &id);
      }
    }
    if (shape.cells->GetNumberOfCells() == 0) continue;
    const auto actor = shape.actor(false);
    const double size = kind == 1 ? 6 : kind == 2 ? 12 : 7.5;
    actor->GetProperty()->SetRenderPointsAsSpheres(kind != 0);
    if (kind == 0) actor->GetProperty()->LightingOff();
    actor->GetProperty()->SetAmbient(0.5);
    actor->GetProperty()->SetDiffuse(0.6);
    actor->GetProperty()->SetPointSize(
        static_cast<float>(size * (strong ? 1.35 : 1) * devicePixelRatioF()));
    renderer.AddActor(actor);
  }
}

}  // namespace vitrine::views
