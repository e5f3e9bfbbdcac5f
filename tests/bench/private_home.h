#pragma once

#include <QTemporaryDir>

namespace vitrine::bench {

/// A home of this process alone: nobody's settings, arrangement or recent files count in a measurement. Make it before the application.
class PrivateHome {
 public:
  PrivateHome() {
    for (const char* name : {"XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"}) qputenv(name, folder_.filePath(QLatin1String(name)).toUtf8());
  }
  [[nodiscard]] QString path() const { return folder_.path(); }

 private:
  QTemporaryDir folder_;
};

}  // namespace vitrine::bench
